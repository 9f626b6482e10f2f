// Numbers only: reads a payload (core/draw/packing.py writes it) and computes what a patch sees. No page, no canvas.
// Tokens are numbered t*h*w + row*w + col; the class token and fillers are negative. NaN means "cannot see".

const ARRAYS = {
  f32: Float32Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/** Read one payload (Uint8Array). Returns the header with every {at, type, shape} turned into {array, shape}. */
export function parse(bytes) {
  const buffer = bytes.byteOffset % 4 ? bytes.slice().buffer : bytes.buffer; // typed arrays need whole words
  const start = bytes.byteOffset % 4 ? 0 : bytes.byteOffset;
  const length = new DataView(buffer).getUint32(start, true);
  const body = start + 4 + length;
  const opened = (value) => {
    if (Array.isArray(value)) return value.map(opened);
    if (value === null || typeof value !== "object") return value;
    if ("at" in value && "type" in value) {
      const size = value.shape.reduce((a, b) => a * b, 1);
      return { array: new ARRAYS[value.type](buffer, body + value.at, size), shape: value.shape };
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
  };
  const data = opened(
    JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start + 4, length))),
  );
  data.layouts.forEach((layout) => (layout.places = places(layout.queries)));
  for (const layer of data.layers)
    for (const block of [layer.main, layer.time])
      if (block) block.layout = data.layouts[block.layout];
  return data;
}

/** Put a later payload of the same trace into `data`: its layers, matrices and GradCAM maps. */
export function merge(data, more) {
  const add = (into, from, same) =>
    from.forEach((item) => into.some((have) => same(have, item)) || into.push(item));
  const here = (a, b) => a.tap === b.tap && a.layer === b.layer;
  add(data.layers, more.layers, here);
  add(data.matrices, more.matrices, here);
  add(data.gradcams, more.gradcams, (a, b) => a.target === b.target);
}

/** Token -> the [group, index] pairs at which it is a query. */
function places({ array, shape: [, n] }) {
  const found = new Map();
  array.forEach((token, at) => {
    if (token < 0) return;
    if (!found.has(token)) found.set(token, []);
    found.get(token).push([Math.floor(at / n), at % n]);
  });
  return found;
}

/** The weights of one query and one head over the group's keys, into `out`. */
function headRow(block, group, index, head, out) {
  const [, heads, queries, keys, d] = block.shape;
  const one = group * heads + head;
  if (block.rows) {
    const row = one * queries + index;
    const values = block.rows.values.array;
    const scale = block.rows.scale.array[row];
    for (let j = 0, at = row * keys; j < keys; j++, at++) out[j] = values[at] * scale;
    return;
  }
  const q = block.q.values.array;
  const k = block.k.values.array;
  const kScale = block.k.scale.array;
  const row = one * queries + index;
  const asks = q.subarray(row * d, (row + 1) * d);
  const scale = block.q.scale.array[row];
  let largest = -Infinity;
  for (let j = 0, at = one * keys * d; j < keys; j++) {
    let sum = 0;
    for (let c = 0; c < d; c++, at++) sum += asks[c] * k[at];
    out[j] = sum * scale * kScale[one * keys + j];
    if (out[j] > largest) largest = out[j];
  }
  if (block.finish === "none") return;
  let total = 0;
  for (let j = 0; j < keys; j++) {
    if (block.finish === "softmax") out[j] = Math.exp(out[j] - largest);
    total += out[j];
  }
  const divisor = block.finish === "softmax" ? total : total + block.eps;
  for (let j = 0; j < keys; j++) out[j] /= divisor;
}

/** The same for a head, or the mean or maximum over heads. */
function reducedRow(block, group, index, head) {
  const [, heads, , keys] = block.shape;
  const out = new Float64Array(keys);
  if (head !== "mean" && head !== "max") {
    headRow(block, group, index, head, out);
    return out;
  }
  const one = new Float64Array(keys);
  for (let h = 0; h < heads; h++) {
    headRow(block, group, index, h, one);
    for (let j = 0; j < keys; j++)
      out[j] =
        head === "mean" ? out[j] + one[j] / heads : h === 0 ? one[j] : Math.max(out[j], one[j]);
  }
  return out;
}

/** One query's rows laid out on the clip: Float32Array of T*h*w. */
function heat(block, token, head, size) {
  const out = new Float32Array(size).fill(NaN);
  const keys = block.layout.keys;
  for (const [group, index] of block.layout.places.get(token) ?? []) {
    const row = reducedRow(block, group, index, head);
    const at = group * keys.shape[1];
    for (let j = 0; j < row.length; j++)
      if (keys.array[at + j] >= 0) out[keys.array[at + j]] = row[j];
  }
  return out;
}

/** Attention over space within the query's frame, then over time from each place: a_space[p -> p'] a_time[p'; t -> t']. */
function spaceThenTime(layer, [t], token, head, [T, h, w]) {
  const n = h * w;
  const places = heat(layer.main, token, head, T * n);
  const out = new Float32Array(T * n).fill(NaN);
  for (let p = 0; p < n; p++) {
    const onward = heat(layer.time, t * n + p, head, T * n);
    for (let s = 0; s < T; s++) out[s * n + p] = places[t * n + p] * onward[s * n + p];
  }
  return out;
}

/** The same location asks in every frame. */
function everyFrame(layer, [, row, col], head, [T, h, w]) {
  const n = h * w;
  const out = new Float32Array(T * n);
  for (let s = 0; s < T; s++) {
    const seen = heat(layer.main, s * n + row * w + col, head, T * n);
    out.set(seen.subarray(s * n, (s + 1) * n), s * n);
  }
  return out;
}

/** What patch [t, row, col] sees in a view: Float32Array of T*h*w, as core.explain.hover computes it. */
export function patchRow(layer, view, patch, head, grid) {
  const [T, h, w] = grid;
  const token = (patch[0] * h + patch[1]) * w + patch[2];
  if (view === "time") return heat(layer.time, token, head, T * h * w);
  if (view === "space x time") return spaceThenTime(layer, patch, token, head, grid);
  if (view === "each frame separately") return everyFrame(layer, patch, head, grid);
  return heat(layer.main, token, head, T * h * w);
}

export function isSigned(layer, view) {
  if (view === "time") return layer.time.signed;
  return layer.main.signed || (view === "space x time" && layer.time.signed);
}

/** The largest weight that any query and head of this layer can show in a view. */
export function layerTop(layer, view) {
  if (view === "time") return layer.time_top;
  return view === "space x time" ? layer.top * layer.time_top : layer.top;
}

/** Row `at` of a block of maps: Float32Array, the least number standing for NaN. */
export function storedMap({ values, scale }, at) {
  const size = values.shape[values.shape.length - 1];
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const whole = values.array[at * size + i];
    out[i] = whole === -32768 ? NaN : whole * scale.array[at];
  }
  return out;
}

/** Where a head stands among maps that are ordered by head, then mean, then max. */
export function headAt(head, heads) {
  if (head === "mean") return heads;
  return head === "max" ? heads + 1 : head;
}

/** Frame to frame, Float32Array of T*T, of one head; a head that is not there is answered by the mean. */
export function matrixOf(entry, head) {
  const [n, T] = entry.values.shape;
  const at = headAt(head, n - 2);
  const use = typeof head === "number" && head >= n - 2 ? n - 2 : at;
  return entry.values.array.subarray(use * T * T, (use + 1) * T * T);
}

/** The least |weight| among the fewest patches that together hold `share` (0..1) of all |weight|. */
export function massCut(values, share) {
  if (share >= 1) return 0;
  const sizes = values
    .filter((v) => !Number.isNaN(v))
    .map(Math.abs)
    .sort()
    .reverse();
  const enough = share * sizes.reduce((a, b) => a + b, 0);
  let held = 0;
  for (const size of sizes) {
    held += size;
    if (held >= enough) return size;
  }
  return 0;
}

/** Least, greatest and greatest absolute value of what can be seen, from `from` to `to`. */
export function extent(values, from = 0, to = values.length) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i < to; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low > high
    ? { low: 0, high: 0, top: 0 }
    : { low, high, top: Math.max(Math.abs(low), Math.abs(high)) };
}

/** How far weights that are not negative stand out, 0.35..1, as core.draw.overlay.prominence: even weights would else hide the picture. */
export function prominence({ low, high }) {
  return high > 0 ? Math.max(0.35, Math.min(1, (high - low) / (0.3 * high))) : 1;
}

/** The part of all |weight| that falls on each frame, Float64Array of T summing to 1. */
export function shares(values, T) {
  const out = new Float64Array(T);
  const n = values.length / T;
  let total = 0;
  values.forEach((v, i) => {
    if (Number.isNaN(v)) return;
    out[Math.floor(i / n)] += Math.abs(v);
    total += Math.abs(v);
  });
  return total > 0 ? out.map((v) => v / total) : out;
}

/** Where the largest |weight| stands. */
export function strongest(values) {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(values[best]) || Number.isNaN(values[best])) best = i;
  });
  return best;
}

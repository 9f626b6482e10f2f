// Numbers only: reads a payload (core/draw/packing.py writes it) and computes what a patch sees.
// No page, no canvas, no imports but of types. Tokens are numbered t*h*w + row*w + col; the class
// token and fillers are negative. NaN means "cannot see".

/** @import {Block, Header, Layer, Layout, Matrix, Numbers, Place, Scaled} from "./payload.js" */

/**
 * A head's number, or what is made of all of them: "mean" or "max".
 * @typedef {number | string} Head
 */

/**
 * A patch: t, row, col.
 * @typedef {[number, number, number]} Patch
 */

/** Of a clip, T*h*w of them, or of a matrix. @typedef {Float32Array} Weights */

/** T, h, w. @typedef {[number, number, number]} Grid */

const ARRAYS = {
  f32: Float32Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/**
 * Read one payload: its header with every Place turned into Numbers.
 * @param {Uint8Array} bytes
 * @returns {Header}
 */
export function parse(bytes) {
  const aligned = bytes.byteOffset % 4 === 0; // typed arrays need whole words
  const buffer = /** @type {ArrayBuffer} */ (aligned ? bytes.buffer : bytes.slice().buffer);
  const start = aligned ? bytes.byteOffset : 0;
  const length = new DataView(buffer).getUint32(start, true);
  const body = start + 4 + length;

  /** @param {any} value @returns {any} */
  const opened = (value) => {
    if (Array.isArray(value)) return value.map(opened);
    if (value === null || typeof value !== "object") return value;
    if ("at" in value && "type" in value) return numbers(value);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
  };

  /** @param {Place} place @returns {Numbers} */
  const numbers = (place) => {
    const size = place.shape.reduce((a, b) => a * b, 1);
    const array = new ARRAYS[place.type](buffer, body + place.at, size);
    return { array, shape: place.shape };
  };

  const text = new TextDecoder().decode(new Uint8Array(buffer, start + 4, length));
  const data = opened(JSON.parse(text));
  for (const layout of data.layouts) layout.places = places(layout.queries);
  for (const layer of data.layers)
    for (const block of [layer.main, layer.time])
      if (block) block.layout = data.layouts[block.layout];
  return data;
}

/**
 * Put a later payload of the same trace into `data`: its layers, matrices, GradCAM maps, and
 * queries and keys.
 * @param {Header} data
 * @param {Header} more
 */
export function merge(data, more) {
  /** @type {<T>(into: T[], from: T[], same: (a: T, b: T) => boolean) => void} */
  const add = (into, from, same) => {
    for (const item of from) if (!into.some((have) => same(have, item))) into.push(item);
  };
  add(data.layers, more.layers, (a, b) => a.tap === b.tap && a.layer === b.layer);
  add(data.matrices, more.matrices, (a, b) => a.tap === b.tap && a.layer === b.layer);
  add(data.gradcams, more.gradcams, (a, b) => a.target === b.target);
  if (more.factors) data.factors = [...(data.factors ?? []), ...more.factors];
}

/**
 * Token -> the [group, index] pairs at which it is a query.
 * @param {Numbers} queries
 * @returns {Layout["places"]}
 */
function places({ array, shape: [, n] }) {
  /** @type {Layout["places"]} */
  const byToken = new Map();
  array.forEach((/** @type {number} */ token, /** @type {number} */ at) => {
    if (token < 0) return;
    const pairs = byToken.get(token) ?? [];
    pairs.push([Math.floor(at / n), at % n]);
    byToken.set(token, pairs);
  });
  return byToken;
}

/**
 * The weights of one query and one head over the group's keys, into `out`.
 * @param {Block} block
 * @param {number} group
 * @param {number} index
 * @param {number} head
 * @param {Float64Array} out
 */
export function headRow(block, group, index, head, out) {
  const [, heads, queries, keys, d] = block.shape;
  const one = group * heads + head;
  const row = one * queries + index;
  if (block.rows) {
    const values = block.rows.values.array;
    const scale = block.rows.scale.array[row];
    for (let j = 0, at = row * keys; j < keys; j++, at++) out[j] = values[at] * scale;
    return;
  }
  const [query, key] = [/** @type {Scaled} */ (block.q), /** @type {Scaled} */ (block.k)];
  const k = key.values.array;
  const kScale = key.scale.array;
  const asks = query.values.array.subarray(row * d, (row + 1) * d);
  const scale = query.scale.array[row];
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
  const divisor = block.finish === "softmax" ? total : total + (block.eps ?? 0);
  for (let j = 0; j < keys; j++) out[j] /= divisor;
}

/**
 * The same for a head, or the mean or maximum over heads.
 * @param {Block} block
 * @param {number} group
 * @param {number} index
 * @param {Head} head
 */
function reducedRow(block, group, index, head) {
  const [, heads, , keys] = block.shape;
  const out = new Float64Array(keys);
  if (typeof head === "number") {
    headRow(block, group, index, head, out);
    return out;
  }
  const one = new Float64Array(keys);
  for (let h = 0; h < heads; h++) {
    headRow(block, group, index, h, one);
    if (head === "mean") for (let j = 0; j < keys; j++) out[j] += one[j] / heads;
    else if (h === 0) out.set(one);
    else for (let j = 0; j < keys; j++) out[j] = Math.max(out[j], one[j]);
  }
  return out;
}

/**
 * One query's rows laid out on the clip.
 * @param {Block} block
 * @param {number} token
 * @param {Head} head
 * @param {number} size T*h*w
 * @returns {Weights}
 */
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

/**
 * Attention over space within the query's frame, then over time from each place:
 * a_space[p -> p'] a_time[p'; t -> t'].
 * @param {Layer} layer
 * @param {Block} time
 * @param {Patch} patch
 * @param {number} token
 * @param {Head} head
 * @param {Grid} grid
 */
function spaceThenTime(layer, time, [t], token, head, [T, h, w]) {
  const n = h * w;
  const within = heat(layer.main, token, head, T * n);
  const out = new Float32Array(T * n).fill(NaN);
  for (let p = 0; p < n; p++) {
    const onward = heat(time, t * n + p, head, T * n);
    for (let s = 0; s < T; s++) out[s * n + p] = within[t * n + p] * onward[s * n + p];
  }
  return out;
}

/**
 * The same location asks in every frame.
 * @param {Layer} layer
 * @param {Patch} patch
 * @param {Head} head
 * @param {Grid} grid
 */
function everyFrame(layer, [, row, col], head, [T, h, w]) {
  const n = h * w;
  const out = new Float32Array(T * n);
  for (let s = 0; s < T; s++) {
    const one = heat(layer.main, s * n + row * w + col, head, T * n);
    out.set(one.subarray(s * n, (s + 1) * n), s * n);
  }
  return out;
}

/**
 * What a patch sees in a view, as core.explain.hover computes it.
 * @param {Layer} layer
 * @param {string} view
 * @param {Patch} patch
 * @param {Head} head
 * @param {Grid} grid
 * @returns {Weights}
 */
export function patchRow(layer, view, patch, head, grid) {
  const [T, h, w] = grid;
  const token = (patch[0] * h + patch[1]) * w + patch[2];
  if (view === "time" && layer.time) return heat(layer.time, token, head, T * h * w);
  if (view === "space x time" && layer.time)
    return spaceThenTime(layer, layer.time, patch, token, head, grid);
  if (view === "each frame separately") return everyFrame(layer, patch, head, grid);
  return heat(layer.main, token, head, T * h * w);
}

/**
 * Whether weights can be negative in a view.
 * @param {Layer} layer
 * @param {string} view
 */
export function isSigned(layer, view) {
  const throughTime = Boolean(layer.time?.signed);
  if (view === "time") return throughTime;
  return layer.main.signed || (view === "space x time" && throughTime);
}

/**
 * The largest weight that any query and head of this layer can show in a view.
 * @param {Layer} layer
 * @param {string} view
 */
export function layerTop(layer, view) {
  const time = layer.time_top ?? 1;
  if (view === "time") return time;
  return view === "space x time" ? layer.top * time : layer.top;
}

/**
 * Row `at` of a block of maps, the least number standing for NaN.
 * @param {Scaled} maps
 * @param {number} at
 * @returns {Weights}
 */
export function storedMap({ values, scale }, at) {
  const size = values.shape[values.shape.length - 1];
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const whole = values.array[at * size + i];
    out[i] = whole === -32768 ? NaN : whole * scale.array[at];
  }
  return out;
}

/**
 * Where a head stands among maps that are ordered by head, then mean, then maximum.
 * @param {Head} head
 * @param {number} heads
 */
export function headAt(head, heads) {
  if (typeof head === "number") return head;
  return head === "max" ? heads + 1 : heads;
}

/**
 * Frame to frame, T*T, of one head; a head that is not there is answered by the mean.
 * @param {Matrix} entry
 * @param {Head} head
 * @returns {Weights}
 */
export function matrixOf(entry, head) {
  const [n, T] = entry.values.shape;
  const missing = typeof head === "number" && head >= n - 2;
  const at = missing ? n - 2 : headAt(head, n - 2);
  const values = /** @type {Float32Array} */ (entry.values.array);
  return values.subarray(at * T * T, (at + 1) * T * T);
}

/**
 * The least |weight| among the fewest patches that together hold `share` (0..1) of all |weight|.
 * @param {Weights} values
 * @param {number} share
 */
export function massCut(values, share) {
  if (share >= 1) return 0;
  const seen = values.filter((v) => !Number.isNaN(v));
  const sizes = seen.map(Math.abs).sort().reverse();
  const enough = share * sizes.reduce((a, b) => a + b, 0);
  let held = 0;
  for (const size of sizes) {
    held += size;
    if (held >= enough) return size;
  }
  return 0;
}

/**
 * Least, greatest and greatest absolute value of what can be seen, from `from` to `to`.
 * @param {Weights} values
 */
export function extent(values, from = 0, to = values.length) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i < to; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  if (low > high) return { low: 0, high: 0, top: 0 };
  return { low, high, top: Math.max(Math.abs(low), Math.abs(high)) };
}

/**
 * How far weights that are not negative stand out, 0.35..1, as core.draw.overlay.prominence: even
 * weights would else hide the picture.
 * @param {{low: number, high: number}} range
 */
export function prominence({ low, high }) {
  return high > 0 ? Math.max(0.35, Math.min(1, (high - low) / (0.3 * high))) : 1;
}

/**
 * The part of all |weight| that falls on each of T frames, summing to 1.
 * @param {Weights} values
 * @param {number} T
 */
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

/**
 * Where the largest |weight| stands.
 * @param {Weights} values
 */
export function strongest(values) {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(values[best]) || Number.isNaN(values[best])) best = i;
  });
  return best;
}

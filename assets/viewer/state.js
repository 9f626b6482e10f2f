// What the viewer shows, as one plain object, and the same as the `v` parameter of the page's address.
//   tap, view, layer, head: names and numbers of core, from 0
//   query: "cls", "mean", "gradcam" or a locked patch [t, row, col]
//   target: the class of GradCAM, null for the one that is the best of the clip at hand
//   times: which attention from frame to frame, where there is more than one
//   frame: the large frame;  opacity, colours, mass, scale, smooth: how it is drawn

export const SCALES = ["clip", "frame", "shared"];
export const DRAWING = { opacity: 0.65, colours: "inferno", mass: 1, scale: "clip", smooth: false };

/** The state to open on. */
export function opening(data) {
  return fitted(data, DRAWING);
}

/** `wanted` with whatever this payload does not have put right, so that a wrong link still opens. */
export function fitted(data, wanted) {
  const among = (list, value, otherwise) => (list.includes(value) ? value : otherwise);
  const [T, h, w] = data.grid;
  const tap = data.taps.find((t) => t.name === wanted.tap) ?? data.taps[0];
  const heads = [...Array(tap.heads).keys(), "mean", "max"];
  const inside = (q) =>
    Array.isArray(q) &&
    q.length === 3 &&
    [T, h, w].every((size, i) => Number.isInteger(q[i]) && q[i] >= 0 && q[i] < size);
  const queries = tap.cls ? ["cls", "mean", "gradcam"] : ["mean", "gradcam"];
  const middle = Math.floor(data.frames.length / 2);
  const between = (value, low, high, otherwise) =>
    value >= low && value <= high ? value : otherwise;
  return {
    tap: tap.name,
    view: among(tap.views, wanted.view, tap.views[0]),
    layer: among(tap.layers, wanted.layer, tap.layers[tap.layers.length - 1]),
    head: among(heads, wanted.head, "mean"),
    query: inside(wanted.query) ? wanted.query : among(queries, wanted.query, queries[0]),
    target: among([...data.labels.keys()], wanted.target, null),
    frame: Number.isInteger(wanted.frame)
      ? between(wanted.frame, 0, data.frames.length - 1, middle)
      : middle,
    opacity: between(wanted.opacity, 0, 1, DRAWING.opacity),
    colours: among(Object.keys(data.colours), wanted.colours, DRAWING.colours),
    mass: between(wanted.mass, 0.05, 1, DRAWING.mass),
    scale: among(SCALES, wanted.scale, DRAWING.scale),
    smooth: Boolean(wanted.smooth),
    times: data.time_taps.length > 1 ? among(data.time_taps, wanted.times, data.time_taps[0]) : "",
  };
}

/** The class whose evidence GradCAM shows: the one that was chosen, else the best. */
export const targetOf = (data, state) => state.target ?? data.best;

/** The GradCAM map of that class, if it is here. */
export const camOf = (data, state) =>
  data.gradcams.find((cam) => cam.target === targetOf(data, state));

const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : NaN);
const READ = {
  tap: String,
  times: String,
  colours: String,
  scale: String,
  view: (text) => text.replaceAll("-", " "),
  layer: number,
  frame: number,
  opacity: number,
  mass: number,
  target: number,
  head: (text) => (/^\d+$/.test(text) ? Number(text) : text),
  query: (text) => (/^\d+-\d+-\d+$/.test(text) ? text.split("-").map(Number) : text),
};

/** "view:space-x-time,layer:7,...,locked" -> a state in which anything may be missing or wrong. */
export function fromText(text) {
  const wanted = { ...DRAWING };
  for (const part of text.split(",")) {
    const [name, value = ""] = part.split(":", 2);
    if (name === "smooth") wanted.smooth = true;
    else if (Object.hasOwn(READ, name)) wanted[name] = READ[name](value);
  }
  return wanted;
}

/** The state as text: what names the view, and of the drawing only what was changed. */
export function toText(state) {
  const locked = Array.isArray(state.query);
  const parts = [
    `tap:${state.tap}`,
    `view:${state.view.replaceAll(" ", "-")}`,
    `layer:${state.layer}`,
    `head:${state.head}`,
    `query:${locked ? state.query.join("-") : state.query}`,
    `frame:${state.frame}`,
  ];
  if (state.query === "gradcam" && state.target !== null) parts.push(`target:${state.target}`);
  if (state.times && state.times !== state.tap) parts.push(`times:${state.times}`);
  for (const name of ["opacity", "colours", "mass", "scale"])
    if (state[name] !== DRAWING[name]) parts.push(`${name}:${state[name]}`);
  if (state.smooth) parts.push("smooth");
  if (locked) parts.push("locked");
  return parts.join(",");
}

/** The text under `v` in the address, or null. */
export function readAddress() {
  return new URLSearchParams(window.location.search).get("v");
}

/** Put text (null: nothing) under `v`, leaving every other parameter as it is. */
export function writeAddress(text) {
  const rest = window.location.search
    .slice(1)
    .split("&")
    .filter((part) => part && !part.startsWith("v="));
  const search = [...rest, ...(text === null ? [] : [`v=${text}`])].join("&");
  const address = window.location.pathname + (search ? `?${search}` : "") + window.location.hash;
  if (address === window.location.pathname + window.location.search + window.location.hash) return;
  try {
    window.history.replaceState(window.history.state, "", address);
  } catch {
    /* refused where there is no address (about:blank), and by browsers that count the changes: the picture goes on */
  }
}

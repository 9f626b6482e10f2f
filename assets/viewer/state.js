// What the viewer shows, as one plain object, and the same as the `v` parameter of the address.

/** @import {Cam, Header, Tap} from "./payload.js" */
/** @import {Head, Patch} from "./maths.js" */

/**
 * Names and numbers are those of core, from 0.
 * @typedef {object} State
 * @property {string} tap
 * @property {string} view
 * @property {number} layer
 * @property {Head} head
 * @property {string | Patch} query "cls", "mean", "gradcam" or a locked patch
 * @property {number | null} target the class of GradCAM, null for the best of the clip at hand
 * @property {string} times which attention from frame to frame, where there is more than one
 * @property {number} frame the large frame
 * @property {number} opacity how it is drawn, as are the next four
 * @property {string} colours
 * @property {number} mass
 * @property {string} scale
 * @property {boolean} smooth
 */

/**
 * A state of which anything may be missing or wrong. `layer` may be "last", and `at` is the time of
 * the large frame in seconds: both mean the same for another model.
 * @typedef {{[Name in keyof State]?: any} & {at?: number | null}} Wish
 */

export const SCALES = ["clip", "frame", "shared"];
export const DRAWING = { opacity: 0.65, colours: "inferno", mass: 1, scale: "clip", smooth: false };

/**
 * What is wanted before anything was chosen: the class token in the last layer. The large frame is
 * that which gets most.
 * @type {Wish}
 */
const OPENING = { ...DRAWING, layer: "last", query: "cls" };

/**
 * What a change of the state means, so that it means the same for another model: the last layer is
 * the last of each, and a frame is a time.
 * @param {Header} data
 * @param {State} state as it is before
 * @param {Wish} change
 * @returns {Wish}
 */
export function meaning(data, state, change) {
  const wish = { ...change };
  const { layers } = tapOf(data, { tap: change.tap ?? state.tap });
  if (wish.layer === layers[layers.length - 1]) wish.layer = "last";
  if (wish.frame !== undefined) wish.at = data.times[wish.frame] ?? null;
  delete wish.frame;
  return wish;
}

/**
 * The frame whose time is nearest.
 * @param {number[]} times
 * @param {number} at
 */
export function nearest(times, at) {
  let best = 0;
  times.forEach((time, frame) => {
    if (Math.abs(time - at) < Math.abs(times[best] - at)) best = frame;
  });
  return best;
}

/**
 * The tap that the state names.
 * @param {Header} data
 * @param {{tap?: string}} state
 * @returns {Tap}
 */
export function tapOf(data, { tap }) {
  return data.taps.find((each) => each.name === tap) ?? data.taps[0];
}

/**
 * `wish` with whatever this payload does not have put right, so that a wrong link still opens.
 * @param {Header} data
 * @param {Wish} wish
 * @returns {State}
 */
export function fitted(data, wish) {
  /** @type {<T, U>(list: T[], value: any, otherwise: U) => T | U} */
  const among = (list, value, otherwise) => (list.includes(value) ? value : otherwise);
  /** @type {(value: any, low: number, high: number, otherwise: number) => number} */
  const between = (value, low, high, otherwise) =>
    value >= low && value <= high ? value : otherwise;
  const tap = tapOf(data, wish);
  if (tap.grid) data.grid = tap.grid; // what is drawn and pointed at lies on the grid of this tap
  const heads = [...Array(tap.heads).keys(), "mean", "max"];
  /** @type {(query: any) => boolean} */
  const inside = (query) =>
    Array.isArray(query) &&
    query.length === 3 &&
    data.grid.every((size, i) => Number.isInteger(query[i]) && query[i] >= 0 && query[i] < size);
  const queries = queriesOf(data, tap);
  const last = data.frames.length - 1;
  const middle = Math.floor(data.frames.length / 2);
  return {
    tap: tap.name,
    view: among(tap.views, wish.view, tap.views[0]),
    layer: among(tap.layers, wish.layer, tap.layers[tap.layers.length - 1]),
    head: among(heads, wish.head, "mean"),
    query: inside(wish.query) ? wish.query : among(queries, wish.query, queries[0]),
    target: among([...data.labels.keys()], wish.target, null),
    frame: Number.isInteger(wish.frame) ? between(wish.frame, 0, last, middle) : middle,
    opacity: between(wish.opacity, 0, 1, DRAWING.opacity),
    colours: among(Object.keys(data.colours), wish.colours, DRAWING.colours),
    mass: between(wish.mass, 0.05, 1, DRAWING.mass),
    scale: among(SCALES, wish.scale, DRAWING.scale),
    smooth: Boolean(wish.smooth),
    times: data.time_taps.length > 1 ? among(data.time_taps, wish.times, data.time_taps[0]) : "",
  };
}

/**
 * Who can ask besides a patch: GradCAM only where there are classes.
 * @param {Header} data
 * @param {Tap} tap
 * @returns {string[]}
 */
export const queriesOf = (data, tap) => [
  ...(tap.cls ? ["cls"] : []),
  "mean",
  ...(data.labels.length ? ["gradcam"] : []),
];

/**
 * The class whose evidence GradCAM shows: the one that was chosen, else the best.
 * @param {Header} data
 * @param {State} state
 */
export const targetOf = (data, state) => state.target ?? data.best;

/**
 * The GradCAM map of that class, if it is here.
 * @param {Header} data
 * @param {State} state
 * @returns {Cam | undefined}
 */
export const camOf = (data, state) =>
  data.gradcams.find((cam) => cam.target === targetOf(data, state));

/** @param {string} text */
const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : NaN);
/** @type {Record<string, (text: string) => unknown>} */
const READ = {
  tap: String,
  times: String,
  colours: String,
  scale: String,
  view: (text) => text.replaceAll("-", " "),
  layer: (text) => (text === "last" ? text : number(text)),
  frame: number,
  opacity: number,
  mass: number,
  target: number,
  head: (text) => (/^\d+$/.test(text) ? Number(text) : text),
  query: (text) => (/^\d+-\d+-\d+$/.test(text) ? text.split("-").map(Number) : text),
};

/**
 * "view:space-x-time,layer:7,...,locked" as a wish.
 * @param {string} text
 * @returns {Wish}
 */
function fromText(text) {
  /** @type {Record<string, unknown>} */
  const wish = { ...OPENING };
  for (const entry of text.split(",")) {
    const [name, value = ""] = entry.split(":", 2);
    if (name === "smooth") wish.smooth = true;
    else if (Object.hasOwn(READ, name)) wish[name] = READ[name](value);
  }
  return wish;
}

/**
 * What is wanted of a new clip or model: what was wanted of the one before. A frame is wanted of
 * its clip alone, and the number of a class means nothing among others.
 * @param {Header} data
 * @param {Header} before
 * @param {Wish} wish
 * @returns {Wish}
 */
export function carried(data, before, wish) {
  const sameClasses = String(before.labels) === String(data.labels);
  const at = before.clip === data.clip ? wish.at : null;
  return { ...wish, at, target: sameClasses ? wish.target : null };
}

/**
 * What a text asks for that was written of this clip, or of another.
 * @param {Header} data
 * @param {string} text
 * @returns {Wish}
 */
export function linked(data, text, clip = data.clip) {
  const { frame, ...wish } = fromText(text);
  return {
    ...wish,
    at: clip === data.clip ? (data.times[frame] ?? null) : null,
  };
}

/**
 * What is wanted as text: what names the view, and of the drawing only what was changed. What was
 * not chosen is as it is shown; a frame that was not chosen is left away.
 * @param {Wish} wish
 * @param {State} state
 */
export function toText(wish, state) {
  const query = wish.query ?? state.query;
  const patch = Array.isArray(query) ? query.join("-") : null;
  const entries = [
    `tap:${wish.tap ?? state.tap}`,
    `view:${(wish.view ?? state.view).replaceAll(" ", "-")}`,
    `layer:${wish.layer ?? state.layer}`,
    `head:${wish.head ?? state.head}`,
    `query:${patch ?? query}`,
  ];
  if (typeof wish.at === "number") entries.push(`frame:${state.frame}`);
  if (query === "gradcam" && state.target !== null) entries.push(`target:${state.target}`);
  if (state.times && state.times !== state.tap) entries.push(`times:${state.times}`);
  for (const name of /** @type {const} */ (["opacity", "colours", "mass", "scale"]))
    if (state[name] !== DRAWING[name]) entries.push(`${name}:${state[name]}`);
  if (state.smooth) entries.push("smooth");
  if (patch !== null) entries.push("locked");
  return entries.join(",");
}

/** The text under `v` in the address, or null. */
export function readAddress() {
  return new URLSearchParams(window.location.search).get("v");
}

/**
 * Put text (null: nothing) under `v`, leaving every other parameter as it is.
 * @param {string | null} text
 */
export function writeAddress(text) {
  const { pathname, search, hash } = window.location;
  const others = search
    .slice(1)
    .split("&")
    .filter((pair) => pair && !pair.startsWith("v="));
  const pairs = text === null ? others : [...others, `v=${text}`];
  const address = pathname + (pairs.length ? `?${pairs.join("&")}` : "") + hash;
  if (address === pathname + search + hash) return;
  try {
    window.history.replaceState(window.history.state, "", address);
  } catch {
    // Refused where there is no address (about:blank), and by browsers that count the changes: the
    // picture goes on.
  }
}

// The words around the pictures: what is drawn, and the values of a patch. People count from 1,
// core from 0.

/** @import {Header, Layer} from "./payload.js" */
/** @import {State} from "./state.js" */
/** @import {Head, Patch, Weights} from "./maths.js" */

import { strongest } from "./maths.js";
import { camOf, targetOf } from "./state.js";

/** Name, details, layer and head of what is drawn. @typedef {[string, string, string]} Title */

/**
 * A number in as few digits as say something.
 * @param {number} value
 */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e5))
    return String(Number(value.toPrecision(3))).replace("-", "−");
  const [digits, power] = value.toExponential(1).split("e");
  const raised = [...power.replace("+", "")].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${digits.replace("-", "−")}·10${raised.join("")}`;
}

/**
 * What must be known to read a layer's weights.
 * @param {Layer} layer
 */
export function remarkOn(layer) {
  const loose = !layer.main.sums_to_one && !layer.main.signed;
  return `${loose ? ", rows do not sum to 1" : ""}${layer.bits < 16 ? ", rounded to 8 bits" : ""}`;
}

/**
 * Name of a head for people.
 * @param {Head} head
 */
export const headName = (head) =>
  typeof head === "number"
    ? `head ${head + 1}`
    : `${head === "max" ? "strongest" : "average"} of heads`;

/** @type {Record<string, string>} */
const TAP_NAMES = {
  global: "whole clip",
  local: "checkerboard",
  vit: "image model",
  aligned: "after the aligning encoder",
  space_frames: "by pictures",
  time_frames: "by memory",
  stage1: "stage 1, finest grid",
  stage2: "stage 2",
  stage3: "stage 3",
  stage4: "stage 4, coarsest grid",
};

/**
 * Name of one of a model's attentions for people.
 * @param {string} name
 */
export const tapName = (name) => TAP_NAMES[name] ?? name.replaceAll("_", " ");

/**
 * "frame 4 at 1.34 s", or "frames 7–8, 1.20–1.34 s" where a token covers two.
 * @param {Header} data
 * @param {number} t
 */
export function framesOf(data, t) {
  const [first, last] = [t * data.unit, (t + 1) * data.unit - 1];
  /** @param {number} frame */
  const second = (frame) => data.times[frame].toFixed(2);
  if (first === last) return `frame ${first + 1} at ${second(first)} s`;
  return `frames ${first + 1}–${last + 1}, ${second(first)}–${second(last)} s`;
}

const FAINT = 0.1; // of an even share: below this a frame looks empty
const NEARLY_ALL = 0.9;

/**
 * Where the attention is if next to none of it falls on step t: "all of it is in frames 3 and 4".
 * Nothing where the step has its part.
 * @param {Header} data
 * @param {ArrayLike<number>} part of all attention on each step
 * @param {number} t
 */
export function elsewhere(data, part, t) {
  if (part[t] * part.length >= FAINT) return "";
  const order = [...Array(part.length).keys()].sort((a, b) => part[b] - part[a]);
  const steps = [];
  let held = 0;
  for (const step of order) {
    if (held >= NEARLY_ALL || steps.length === 3) break;
    steps.push(step);
    held += part[step];
  }
  if (held === 0) return "";
  const names = steps.sort((a, b) => a - b).map((step) => numbersOf(data, step));
  const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  const all = Math.round(100 * held) === 100;
  const share = all ? "all of it" : `${Math.round(100 * held)} %`;
  const plural = steps.length > 1 || data.unit > 1 ? "frames" : "frame";
  return `Almost nothing here: ${share} is in ${plural} ${list}`;
}

/**
 * The frames that a step covers, from 1: "3", or "5–6".
 * @param {Header} data
 * @param {number} t
 */
function numbersOf({ unit }, t) {
  const first = t * unit + 1;
  return unit > 1 ? `${first}–${first + unit - 1}` : String(first);
}

/**
 * The pixels of the clip that a patch covers.
 * @param {Header} data
 * @param {number} row
 * @param {number} col
 */
export function pixelsOf(data, row, col) {
  const [top, left, height, width] = data.box;
  const [, h, w] = data.grid;
  const [x0, x1] = [col, col + 1].map((i) => Math.round(left + (width * i) / w));
  const [y0, y1] = [row, row + 1].map((i) => Math.round(top + (height * i) / h));
  return `x ${x0}–${x1}, y ${y0}–${y1}`;
}

/**
 * What is drawn, in words. `patch` is the asking patch or null.
 * @param {Header} data
 * @param {State} state
 * @param {string} view
 * @param {Patch | null} patch
 * @returns {Title}
 */
export function titleOf(data, state, view, patch) {
  const where = `layer ${state.layer + 1}, ${headName(state.head)}`;
  if (patch) {
    const [t, row, col] = patch;
    const name = view[0].toUpperCase() + view.slice(1).replace(" x ", " × ");
    const frames = framesOf(data, t).replace(",", " ·");
    return [name, `patch at row ${row + 1}, column ${col + 1}, ${frames}`, where];
  }
  if (state.query === "gradcam") {
    const cam = camOf(data, state);
    const probability = cam ? `, ${(100 * cam.probability).toFixed(1)} %` : "";
    return ["GradCAM", `evidence for “${data.labels[targetOf(data, state)]}”${probability}`, ""];
  }
  if (state.query === "cls") return ["Summary", "where the summary of the frame looks", where];
  return ["Average", "what each patch gets from all that see it", where];
}

/**
 * Two lines that never wrap: were they to grow under the pointer, the picture would jump away from
 * it.
 * @param {HTMLElement} caption
 * @param {string} name
 * @param {string} where
 * @param {string} detail
 * @param {string} tip
 */
export function writeTitle(caption, name, where, detail, tip) {
  if (caption.children.length === 0)
    caption.innerHTML = "<p><strong></strong> <span></span></p><p></p>";
  const [first, second] = caption.children;
  const [strong, span] = /** @type {HTMLCollectionOf<HTMLElement>} */ (first.children);
  strong.textContent = name;
  span.textContent = where;
  second.textContent = detail;
  if (tip) {
    strong.dataset.tip = tip;
    strong.tabIndex = 0;
  }
}

/**
 * Fill `list` with the values of the patch under the pointer, else of the locked one, else of the
 * strongest.
 * @param {HTMLElement} list
 * @param {Header} data
 * @param {{view: string, values: Weights}} drawn
 * @param {Patch | null} pointer
 * @param {Patch | null} locked
 */
export function describe(list, data, { view, values }, pointer, locked) {
  const [, h, w] = data.grid;
  const best = strongest(values);
  const bestPatch = [Math.floor(best / (h * w)), Math.floor(best / w) % h, best % w];
  const [t, row, col] = pointer ?? locked ?? bestPatch;
  const token = (t * h + row) * w + col;
  const weight = values[token];
  let heading = "Strongest patch";
  if (pointer) heading = "Under the pointer";
  else if (locked) heading = "Locked patch";
  const lines = [
    [heading, `row ${row + 1}, column ${col + 1}`],
    [
      view === "GradCAM" ? "Evidence" : "Weight",
      Number.isNaN(weight) ? "cannot see it" : short(weight),
    ],
    ["When", framesOf(data, t)],
    ["Pixels", pixelsOf(data, row, col)],
  ];
  if (list.children.length === 0)
    list.innerHTML = "<div><dt></dt><dd></dd></div>".repeat(lines.length);
  lines.forEach(([term, value], i) => {
    const [dt, dd] = list.children[i].children;
    dt.textContent = term;
    dd.textContent = value;
  });
  /** @type {HTMLElement} */ (list.children[2]).title = `token ${token}`;
}

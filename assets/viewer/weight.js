// From pixels to a weight: what the patch that is kept asks, what another offers, and how the
// kernel makes a weight of both. The numbers are those that core recorded.

/** @import {Factors, Header, Layer} from "./payload.js" */
/** @import {Patch} from "./maths.js" */
/** @import {State} from "./state.js" */
/** @import {Step} from "./factors.js" */
/** @import {Theme} from "./paint.js" */

import { stepsTo } from "./factors.js";
import { patchRow, strongest } from "./maths.js";
import { fresh } from "./paint.js";
import { framesOf, short } from "./words.js";

/**
 * A weight taken apart.
 * @typedef {{head: number, key: Patch, steps: Step[]}} Apart
 */

const HIGH = 46; // pixels of a row of bars
const FIRST =
  "Click a patch to keep it: it asks. Then point at any other: this shows how the weight between " +
  "the two comes about.";

/**
 * The head that is taken apart: the one that is shown, or of a mean or maximum the one with the
 * largest weight of this patch.
 * @param {Header} data
 * @param {State} state
 * @param {Layer} layer
 * @param {Patch} patch
 */
export function headApart(data, state, layer, patch) {
  if (typeof state.head === "number") return state.head;
  let [best, most] = [0, -1];
  for (let head = 0; head < layer.main.shape[1]; head++) {
    const row = patchRow(layer, state.view, patch, head, data.grid);
    const size = Math.abs(row[strongest(row)]);
    if (size > most) [best, most] = [head, size];
  }
  return best;
}

/**
 * The factors of this head, if they are here.
 * @param {Header} data
 * @param {State} state
 * @param {number} head
 * @returns {Factors | undefined}
 */
export const factorsOf = (data, { tap, layer }, head) =>
  data.factors?.find((each) => each.tap === tap && each.layer === layer && each.head === head);

/**
 * @param {Factors} factors
 * @param {Header} data
 * @param {State} state
 * @param {Layer} layer
 * @param {Patch} patch
 * @param {Patch} key
 * @returns {Apart}
 */
export const apart = (factors, data, state, layer, patch, key) => ({
  head: factors.head,
  key,
  steps: stepsTo(factors, layer, state.view, patch, key, data.grid),
});

/** @param {Step} step */
const product = ({ weight }) => weight;

/**
 * How the kernel makes the weight, in numbers, and what the row sums to.
 * @param {Step} step
 * @returns {string[]}
 */
export function reckoning(step) {
  const { pair, dot, qLength, kLength, score, largest, total, weight, sum, keys } = step;
  const row = `The row’s ${keys} weights sum to ${short(sum)}`;
  if (pair.kernel === "softmax")
    return [
      `q·k = ${short(dot)}, times ${short(pair.scale)} = ${short(score)}`,
      `softmax: e^(${short(score)} − ${short(largest)}) / ${short(total)} = ${short(weight)}`,
      `${row}: softmax divides by the sum.`,
    ];
  if (pair.kernel === "cosine")
    return [
      `q·k = ${short(dot)}, lengths ‖q‖ = ${short(qLength)}, ‖k‖ = ${short(kLength)}`,
      `cosine: ${short(dot)} / (${short(qLength)} × ${short(kLength)}) = ${short(weight)}`,
      `${row}: a cosine has a sign, and its rows need not sum to 1.`,
    ];
  const sums = pair.normalised ? "linear attention divides by the sum." : "nothing divides them.";
  return [
    `φ(q)·φ(k) = ${short(dot)}, with φ(x) = ELU(x) + 1`,
    pair.normalised
      ? `divided by the row’s sum: ${short(dot)} / ${short(total)} = ${short(weight)}`
      : "",
    `${row}: ${sums}`,
  ].filter(Boolean);
}

/**
 * Bars of a vector, up for what is positive.
 * @param {Float32Array} values
 * @param {string} name
 * @param {number} width
 * @param {Theme} theme
 */
function bars(values, name, width, theme) {
  const line = document.createElement("div");
  line.className = "av-vector";
  const label = document.createElement("span");
  label.textContent = name;
  const canvas = document.createElement("canvas");
  const top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${name}: ${values.length} numbers, at most ${short(top)}`);
  const context = fresh(canvas, width, HIGH);
  const bar = width / values.length;
  context.fillStyle = theme.text;
  context.globalAlpha = 0.35;
  context.fillRect(0, HIGH / 2 - 0.5, width, 1);
  context.globalAlpha = 1;
  values.forEach((value, i) => {
    const size = (Math.abs(value) / top) * (HIGH / 2 - 1);
    context.fillStyle = value < 0 ? "#2E86AB" : theme.accent;
    context.fillRect(i * bar, value < 0 ? HIGH / 2 : HIGH / 2 - size, Math.max(1, bar - 1), size);
  });
  const most = document.createElement("span");
  most.className = "av-most";
  most.textContent = `±${short(top)}`;
  line.append(label, canvas, most);
  return line;
}

/** @param {string} text */
function paragraph(text, className = "") {
  return Object.assign(document.createElement("p"), { textContent: text, className });
}

/**
 * "the patch in row 4, column 5 of frame 8 at 2.84 s".
 * @param {Header} data
 * @param {Patch} patch
 */
const placeOfPatch = (data, [t, row, col]) =>
  `the patch in row ${row + 1}, column ${col + 1} of ${framesOf(data, t)}`;

/**
 * Fill `box` with a weight taken apart, or with what must be done first.
 * @param {HTMLElement} box
 * @param {Header} data
 * @param {State} state
 * @param {Patch | null} patch
 * @param {Apart | null} shown
 * @param {Theme} theme
 */
export function drawApart(box, data, state, patch, shown, theme) {
  if (!patch || !shown) {
    box.replaceChildren(paragraph(patch ? "Fetching queries and keys …" : FIRST));
    return;
  }
  const { head, key, steps } = shown;
  const reduced =
    typeof state.head === "number" ? "" : `, the strongest: the ${state.head} is of all`;
  const asks = placeOfPatch(data, patch).replace("the", "The");
  const who = `${asks} looks at ${placeOfPatch(data, key)}`;
  /** @type {HTMLElement[]} */
  const nodes = [paragraph(`${who}; layer ${state.layer + 1}, head ${head + 1}${reduced}.`)];
  if (steps.length === 0) nodes.push(paragraph("It cannot see it: there is no weight."));
  const width = Math.max(150, Math.min(320, box.clientWidth - 190));
  steps.forEach((step, i) => {
    const linear = step.pair.kernel === "linear";
    const [q, k] = linear ? ["φ(q)", "φ(k)"] : ["q", "k"];
    const [part, words] = ["div", "div"].map((tag) => document.createElement(tag));
    part.className = "av-step";
    words.className = "av-reckoning";
    const named = step.over === "joint" ? "space and time" : step.over;
    const name = steps.length > 1 ? `${i + 1}. over ${named}` : `over ${named}`;
    words.append(paragraph(name, "av-over"), ...reckoning(step).map((text) => paragraph(text)));
    const vectors = document.createElement("div");
    vectors.append(
      bars(step.q, `${q}, asks`, width, theme),
      bars(step.k, `${k}, offers`, width, theme),
      bars(step.product, `${q} × ${k}`, width, theme),
    );
    part.append(vectors, words);
    nodes.push(part);
  });
  if (steps.length > 1) {
    const weights = steps.map(product);
    const all = weights.reduce((a, b) => a * b, 1);
    nodes.push(paragraph(`Both multiplied: ${weights.map(short).join(" × ")} = ${short(all)}`));
  }
  box.replaceChildren(...nodes);
}

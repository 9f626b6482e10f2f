// The viewer's page: its parts by name, its colours, and how large everything is.

/** @import {Header} from "./payload.js" */
/** @import {Theme} from "./paint.js" */

/**
 * The nodes of viewer.html that carry a data-part, by its name.
 * @typedef {object} Parts
 * @property {HTMLElement} controls
 * @property {HTMLElement} title
 * @property {HTMLCanvasElement} stage
 * @property {HTMLElement} wait
 * @property {HTMLButtonElement} play
 * @property {HTMLInputElement} frame
 * @property {HTMLOutputElement} time
 * @property {HTMLElement} legend
 * @property {HTMLElement} low
 * @property {HTMLCanvasElement} scale
 * @property {HTMLElement} high
 * @property {HTMLElement} raw
 * @property {HTMLElement} unseen
 * @property {HTMLElement} matrix-title
 * @property {HTMLCanvasElement} matrix
 * @property {HTMLElement} matrix-legend
 * @property {HTMLElement} matrix-low
 * @property {HTMLCanvasElement} matrix-scale
 * @property {HTMLElement} matrix-high
 * @property {HTMLElement} matrix-value
 * @property {HTMLElement} values
 * @property {HTMLElement} strip
 * @property {HTMLElement} keep
 */

/** Width and height in CSS pixels. @typedef {[number, number]} Size */

/**
 * How large everything is, in CSS pixels.
 * @typedef {object} Sizes
 * @property {Size} stage
 * @property {number} matrix
 * @property {Size} thumb
 * @property {number} scale
 * @property {string} columns of the stage and what stands beside it, for CSS
 * @property {number} perRow frames of the strip in a row
 * @property {boolean} roomy whether the values stand beside the map
 */

const GAP = 28;
const VALUES = 250; // pixels that the values under the pointer need beside the frame map
const SCALE = 120;

/**
 * @param {HTMLElement} root
 * @returns {Parts}
 */
export function partsOf(root) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  return /** @type {any} */ (
    Object.fromEntries([...nodes].map((node) => [node.dataset.part, node]))
  );
}

/**
 * The page's own colours and font, for a canvas.
 * @param {HTMLElement} root
 * @returns {Theme}
 */
export function themeOf(root) {
  const style = getComputedStyle(root);
  const accent = style.getPropertyValue("--av-accent").trim();
  return { text: style.color, font: style.fontFamily, accent };
}

/**
 * Fit everything into `width`: the stage as high as leaves room for the strip in a window of height
 * `room`, the map beside it.
 * @param {number} width
 * @param {number} room
 * @param {Header} data
 * @returns {Sizes}
 */
export function sizesOf(width, room, data) {
  const [high, wide] = data.pixels;
  const most = Math.max(240, Math.min(0.445 * room, 640));
  const beside = width >= 720;
  const stageWidth = Math.floor(Math.min((most * wide) / high, beside ? width * 0.62 : width));
  const stageHeight = Math.round((stageWidth * high) / wide);
  const column = beside ? Math.max(stageWidth, Math.min(420, width * 0.5)) : width;
  const left = beside ? width - column - GAP : width;
  // then the values stand beside the map, else under it
  const roomy = left - VALUES - GAP >= stageHeight - 50;
  const matrix = roomy
    ? Math.min(left - VALUES - GAP, stageHeight + 46)
    : Math.min(left, stageHeight - 50);
  const T = data.frames.length;
  let perRow = T;
  for (let rows = 2; width / perRow < 96 && rows <= T; rows++) perRow = Math.ceil(T / rows);
  const cell = (width - (perRow - 1) * 6) / perRow;
  const thumbWidth = Math.floor(Math.min(cell - 6, (130 * wide) / high));
  return {
    stage: [stageWidth, stageHeight],
    matrix: Math.floor(Math.max(280, matrix)),
    thumb: [thumbWidth, Math.round((thumbWidth * high) / wide)],
    scale: SCALE,
    columns: beside ? `${Math.round(column)}px 1fr` : "1fr",
    perRow,
    roomy: beside && roomy,
  };
}

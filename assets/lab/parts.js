// The lab's page: its parts by name, and its colours.

/** @import {Theme} from "./data.js" */
/** @import {View} from "./geometry.js" */

import { layout, MAIN, REST } from "./geometry.js";

/**
 * The nodes of lab.html that carry a data-part, by its name.
 * @typedef {object} Parts
 * @property {HTMLElement} hint
 * @property {HTMLElement} strip
 * @property {HTMLElement} said
 * @property {HTMLElement} transport
 * @property {HTMLButtonElement} start
 * @property {HTMLButtonElement} back
 * @property {HTMLButtonElement} play
 * @property {HTMLButtonElement} forward
 * @property {HTMLButtonElement} end
 * @property {HTMLInputElement} scrub
 * @property {HTMLElement} count
 * @property {HTMLButtonElement} lecture
 * @property {HTMLElement} caption
 * @property {HTMLCanvasElement} stage
 * @property {HTMLElement} low
 * @property {HTMLCanvasElement} scale
 * @property {HTMLElement} high
 * @property {HTMLElement} middle
 * @property {HTMLButtonElement} centre
 * @property {HTMLButtonElement} reveal
 * @property {HTMLElement} readout
 * @property {HTMLElement} paths
 * @property {HTMLElement} keep
 */

/**
 * @param {HTMLElement} root
 * @returns {Parts}
 */
export function partsOf(root) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  const parts = [...nodes].map((node) => [node.dataset.part, node]);
  return /** @type {Parts} */ (Object.fromEntries(parts));
}

/**
 * Let the nodes of lab.html explain themselves: buttons when they are pointed at, words also when
 * they are focused.
 * @param {HTMLElement} root
 * @param {Record<string, string>} help
 */
export function explain(root, help) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-help]"));
  for (const node of nodes) {
    const text = help[String(node.dataset.help)];
    if (node instanceof HTMLButtonElement) node.title = text;
    else node.dataset.tip = text;
  }
}

/**
 * The page's own colours and font.
 * @param {HTMLElement} root
 * @returns {Theme}
 */
export function themeOf(root) {
  const style = getComputedStyle(root);
  // as the browser mixes it, which the variable itself does not say
  /** @param {string} name */
  const mixed = (name) => {
    const node = document.createElement("i");
    node.style.color = `var(${name})`;
    root.append(node);
    const { color } = getComputedStyle(node);
    node.remove();
    return color;
  };
  return {
    text: style.color,
    font: style.fontFamily,
    soft: mixed("--lab-soft"),
    line: mixed("--lab-line"),
    fill: mixed("--lab-fill"),
    accent: mixed("--lab-accent"),
    forFile: false,
  };
}

const BELOW = 58; // pixels for the legend below the stage of a lab that is presented alone
const ABOVE = 92; // pixels for the header of the page, and a gap
const SMALL = 280; // pixels of a low stage around the pictures in order
const LOWEST = 48; // pixels of such a picture
const GAP = 8; // pixels below a matrix that has the stage alone
const NARROWEST = 76; // pixels for a shuffled frame

/**
 * Shuffled frames in a row.
 * @param {number} width of the lab
 * @param {number} T slots
 */
export function perRowOf(width, T) {
  let perRow = T;
  for (let rows = 2; width / perRow < NARROWEST && rows <= T; rows++) perRow = Math.ceil(T / rows);
  return perRow;
}

/**
 * Where everything is on the stage, for the height of the window, or for less so that the stage
 * fits where the strip of a lesson ends the page, or where the lab is presented alone. There the
 * matrix and the graph have all of it, until the frames slide to their places.
 * @param {HTMLElement} root
 * @param {HTMLElement} stage
 * @param {number} T slots
 * @param {HTMLImageElement} picture of a frame
 * @param {boolean} slid whether frames are on their way to their places, or there
 * @returns {View}
 */
export function viewOf(root, stage, T, picture, slid) {
  const width = root.clientWidth;
  const aspect = picture.naturalHeight / picture.naturalWidth;
  const alone = root.closest("[data-presented]");
  const page = root.closest("[data-testid=stMain]")?.clientHeight ?? window.innerHeight;
  if (!alone)
    return layout(width, Math.min(window.innerHeight, (page - ABOVE - REST) / MAIN), T, aspect);
  const high = alone.getBoundingClientRect().bottom - stage.getBoundingClientRect().top - BELOW;
  if (slid) {
    const room = Math.min(window.innerHeight, (high - REST) / MAIN);
    return layout(width, room, T, aspect, Math.max(LOWEST, high - SMALL));
  }
  const view = layout(width, (high - GAP) / MAIN, T, aspect);
  return { ...view, height: Math.ceil(view.graph.y + view.graph.h + GAP) };
}

/**
 * The button that a key on the stage presses, if any.
 * @param {Parts} part
 * @param {KeyboardEvent} event
 * @returns {HTMLButtonElement | undefined}
 */
export function buttonOf(part, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const keys = new Map([
    ["ArrowLeft", part.back],
    ["ArrowRight", part.forward],
    ["Home", part.start],
    ["End", part.end],
    [" ", part.play],
  ]);
  return keys.get(event.key);
}

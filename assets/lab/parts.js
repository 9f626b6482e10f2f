// The lab's page: its parts by name, and its colours.

/** @import {Theme} from "./data.js" */

import { MAIN, REST } from "./geometry.js";

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

const BELOW = 84; // pixels for the legend below the stage
const ABOVE = 92; // pixels for the header of the page, and a gap

/**
 * The room of the lab, as its layout takes it: the height of the window, or less so that the stage
 * fits where the strip of a lesson ends the page, or where the lab is presented alone.
 * @param {HTMLElement} root
 * @param {HTMLElement} stage
 */
export function roomOf(root, stage) {
  const alone = root.closest("[data-presented]");
  const page = root.closest("[data-testid=stMain]");
  let high = (page?.clientHeight ?? window.innerHeight) - ABOVE;
  if (alone)
    high = alone.getBoundingClientRect().bottom - stage.getBoundingClientRect().top - BELOW;
  return Math.min(window.innerHeight, (high - REST) / MAIN);
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

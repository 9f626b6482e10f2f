// What the viewer shows, as one picture or drawing: the large frame and the frame map with their
// scales, the strip, and of what it all is.

/** @import {File} from "./payload.js" */
/** @import {MapScene, Scene, Theme} from "./paint.js" */
/** @import {Pen} from "../download/vector.js" */
/** @import {Thumb} from "./frames.js" */
/** @import {Parts} from "./parts.js" */

import { save, wrapped } from "../download/save.js";
import { Vector } from "../download/vector.js";
import { contextOf, drawMatrix, paintHeat } from "./paint.js";
import { themeOf } from "./parts.js";

/**
 * What is on the page.
 * @typedef {object} Shown
 * @property {HTMLElement} root
 * @property {Parts} part
 * @property {Thumb[]} thumbs
 * @property {string[]} lines below it: of what it is
 * @property {Map<HTMLCanvasElement, Scene>} scenes
 * @property {MapScene | null} map
 */

/**
 * Draws a canvas of the page at x, y.
 * @template {Pen} P
 * @typedef {(context: P, canvas: HTMLCanvasElement, x: number, y: number, width: number,
 *   height: number) => void} Put
 */

const PAD = 24;

/**
 * Draw words at x, y. Returns the height that they took.
 * @param {Pen} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {Theme} theme
 */
function words(context, text, x, y, theme, size = 16, weight = 400) {
  context.font = `${weight} ${size}px ${theme.font}`;
  context.fillStyle = theme.text;
  context.textBaseline = "top";
  context.fillText(text, x, y);
  return size * 1.4;
}

/**
 * The two lines of a title, then its picture, then its scale. Returns the height.
 * @template {Pen} P
 * @param {P} context
 * @param {{title: HTMLElement, canvas: HTMLCanvasElement, legend: HTMLElement}} picture
 * @param {number} x
 * @param {number} y
 * @param {Theme} theme
 * @param {Put<P>} put
 */
function framed(context, { title, canvas, legend }, x, y, theme, put) {
  const [first, second] = [...title.children].map((line) => String(line.textContent).trim());
  let at = y + words(context, first, x, y, theme, 19, 650);
  at += words(context, second, x, at, theme) + 6;
  const { width, height } = canvas.getBoundingClientRect();
  put(context, canvas, x, at, width, height);
  at += height + 10;
  let right = x;
  for (const piece of legend.children) {
    if (!piece.checkVisibility({ visibilityProperty: true })) continue;
    if (piece instanceof HTMLCanvasElement) {
      const bar = piece.getBoundingClientRect();
      context.drawImage(piece, right, at + 2, bar.width, bar.height);
      right += bar.width + 12;
      continue;
    }
    const text = String(piece.textContent).trim();
    if (text === "") continue;
    words(context, text, right, at, theme);
    right += context.measureText(text).width + 12;
  }
  return at + 30 - y;
}

/**
 * The strip of frames at height y, the current one outlined. Returns where it ends.
 * @template {Pen} P
 * @param {P} context
 * @param {Thumb[]} thumbs
 * @param {number} y
 * @param {Theme} theme
 * @param {Put<P>} put
 */
function strip(context, thumbs, y, theme, put) {
  const { left, top } = thumbs[0].figure.getBoundingClientRect();
  let end = y;
  for (const { figure, canvas, label } of thumbs) {
    const box = canvas.getBoundingClientRect();
    const [x, from] = [PAD + box.left - left, y + box.top - top];
    put(context, canvas, x, from, box.width, box.height);
    words(context, String(label.textContent), x, from + box.height + 4, theme, 14);
    if (figure.hasAttribute("data-current")) {
      context.strokeStyle = theme.accent;
      context.lineWidth = 3;
      context.strokeRect(x - 2, from - 2, box.width + 4, box.height + 4);
    }
    end = Math.max(end, y + figure.getBoundingClientRect().bottom - top);
  }
  return end;
}

/**
 * Draw all of it. Returns its width and height.
 * @template {Pen} P
 * @param {P} context
 * @param {Shown} shown
 * @param {Put<P>} put
 * @returns {[number, number]}
 */
function sheet(context, { root, part, thumbs, lines }, put) {
  const theme = themeOf(root);
  const width = root.clientWidth + 2 * PAD;
  const stage = { title: part.title, canvas: part.stage, legend: part.legend };
  const side = { title: part["matrix-title"], canvas: part.matrix, legend: part["matrix-legend"] };
  const beside = part.matrix.getBoundingClientRect().left - root.getBoundingClientRect().left + PAD;
  const heights = [
    framed(context, stage, PAD, PAD, theme, put),
    framed(context, side, beside, PAD, theme, put),
  ];
  let y = strip(context, thumbs, PAD + Math.max(...heights), theme, put) + 12;
  for (const line of lines.flatMap((text) => wrapped(text, Math.floor(width / 7.6))))
    y += words(context, line, PAD, y, theme, 14);
  return [width, y + PAD];
}

/** @param {HTMLElement} root */
const back = (root) => getComputedStyle(root).getPropertyValue("--av-back").trim() || "#FFFFFF";

/**
 * A canvas with all of it, `fine` to a CSS pixel.
 * @param {Shown} shown
 */
export function snapshot(shown, fine = 2) {
  const [width, height] = sheet(new Vector(), shown, () => {}); // says how high it must be
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: fine * width, height: fine * Math.ceil(height) });
  const context = contextOf(canvas);
  context.scale(fine, fine);
  context.fillStyle = back(shown.root);
  context.fillRect(0, 0, width, height);
  sheet(context, shown, (on, ...picture) => on.drawImage(...picture));
  return canvas;
}

/**
 * The same as an SVG: text is text, the frame map is shapes, and each frame is a picture of the
 * clip below a picture of the heat.
 * @param {Shown} shown
 */
export function drawing(shown, fine = 2) {
  const { root, part, scenes, map } = shown;
  /** @type {Put<Vector>} */
  const put = (context, canvas, x, y, width, height) => {
    const scene = scenes.get(canvas);
    if (scene) {
      const heat = document.createElement("canvas");
      Object.assign(heat, { width: fine * width, height: fine * height });
      const over = contextOf(heat);
      over.scale(fine, fine);
      paintHeat(over, width, height, scene);
      context.drawImage(scene.pictures.address(scene.frame), x, y, width, height);
      context.drawImage(heat, x, y, width, height);
    } else if (canvas === part.matrix && map) {
      context.save();
      context.translate(x, y);
      drawMatrix(context, width, map);
      context.restore();
    } else context.drawImage(canvas, x, y, width, height);
  };
  const ground = new Vector();
  const vector = new Vector();
  const [width, height] = sheet(vector, shown, put);
  ground.fillStyle = back(root);
  ground.fillRect(0, 0, width, height);
  vector.made.unshift(...ground.made);
  return vector.file(width, height);
}

/**
 * All of it for a collection of figures: a picture, a drawing, and of what it is.
 * @param {Shown} shown
 */
export const kept = (shown) => ({
  name: "attention",
  picture: snapshot(shown),
  drawing: drawing(shown),
  lines: shown.lines,
});

/**
 * Let the buttons of `bar` keep what is `shown()`: a picture or drawing at once, anything else by
 * asking Python.
 * @param {HTMLElement} bar
 * @param {() => Shown} shown
 * @param {(kind: string, number: number) => void} ask
 * @param {AbortSignal} signal
 * @returns {(file: File) => void} takes the file that Python made
 */
export function keepButtons(bar, shown, ask, signal) {
  /** @type {HTMLElement | null} */
  let pending = null;
  let count = 0;
  /** @param {Event} event */
  const press = (event) => {
    const button = /** @type {HTMLElement} */ (event.target);
    const kind = button.dataset?.keep;
    if (!kind) return;
    if (kind === "png") {
      const keep = (/** @type {Blob | null} */ blob) => blob && save(blob, "attention.png");
      snapshot(shown()).toBlob(keep, "image/png");
    } else if (kind === "svg") save(drawing(shown()), "attention.svg");
    else {
      pending = button;
      pending.setAttribute("aria-busy", "true");
      ask(kind, ++count);
    }
  };
  bar.addEventListener("click", press, { signal });
  return (file) => {
    if (!pending) return; // sent again by a rerun, not asked for again
    pending.removeAttribute("aria-busy");
    pending = null;
    const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (file.content.array);
    save(new Blob([bytes]), file.name);
  };
}

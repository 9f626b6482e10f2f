// What the lab shows as a file: the step that is drawn, with its scale, the paths compared, and of
// what it all is.

/** @import {Theme} from "./data.js" */
/** @import {Parts} from "./parts.js" */
/** @import {Scene} from "./stage.js" */
/** @import {Pen} from "../download/vector.js" */

import { save, wrapped } from "../download/save.js";
import { Vector } from "../download/vector.js";
import { colourOf } from "./ink.js";
import { tableText } from "./paths.js";
import { drawStage } from "./stage.js";

/**
 * What is on the page.
 * @typedef {object} Still
 * @property {Scene} scene
 * @property {number} at the position of the step-through
 * @property {Parts} part
 * @property {string[]} lines below it: of what it is
 * @property {string} back the colour of the page
 */

const PAD = 24;
const BAR = { w: 150, h: 16 };
const LETTER = 7.6; // pixels of a letter of the smallest text, on average
const COLUMNS = [0, 2, 3, 4]; // of the table; column 1 holds the slots

/**
 * Draw words from their top left corner. Returns where the next ones may begin, to the right.
 * @param {Pen} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {Theme} theme
 */
function words(context, text, x, y, theme, size = 15, weight = 400) {
  context.font = `${weight} ${size}px ${theme.font}`;
  context.fillStyle = theme.text;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(text, x, y);
  return x + context.measureText(text).width + 14;
}

/**
 * The table of the page, the slots in order last, where they may take several lines. Returns its
 * height.
 * @param {Pen} context
 * @param {string[][]} rows
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {Theme} theme
 */
function table(context, rows, x, y, width, theme) {
  /** @param {number} column */
  const widest = (column) => {
    context.font = `650 15px ${theme.font}`;
    return Math.max(...rows.map((row) => context.measureText(row[column]).width));
  };
  const widths = COLUMNS.map((column) => widest(column) + 24);
  const last = x + widths.reduce((a, b) => a + b);
  const most = Math.floor((x + width - last) / LETTER);
  let at = y;
  rows.forEach((row, i) => {
    let left = x;
    COLUMNS.forEach((column, k) => {
      words(context, row[column], left, at, theme, 15, i === 0 || k === 0 ? 650 : 400);
      left += widths[k];
    });
    for (const line of wrapped(row[1], most)) {
      words(context, line, last, at, theme, 15, i === 0 ? 650 : 400);
      at += 22;
    }
    at += 3;
  });
  return at - y;
}

/**
 * The scale with its words. Returns nothing: its height is known.
 * @param {Pen} context
 * @param {Still} still
 * @param {number} y
 */
function scale(context, { scene: { data, theme }, part }, y) {
  let x = words(context, String(part.low.textContent), PAD, y, theme);
  const { low, high } = data.scale;
  for (let i = 0; i < BAR.w; i += 2) {
    context.fillStyle = colourOf(data, low + ((high - low) * i) / (BAR.w - 2));
    context.fillRect(x + i, y, 2.5, BAR.h);
  }
  x = words(context, String(part.high.textContent), x + BAR.w + 14, y, theme);
  words(context, String(part.middle.textContent), x, y, theme);
}

/**
 * Draw all of it. Returns its width and height.
 * @param {Pen} context
 * @param {Still} still
 * @returns {[number, number]}
 */
function sheet(context, still) {
  const { scene, at, part, lines } = still;
  const { view, theme } = scene;
  let y = PAD;
  const caption = String(part.caption.textContent);
  for (const line of wrapped(caption, Math.floor(view.width / 9))) {
    words(context, line, PAD, y, theme, 18, 650);
    y += 26;
  }
  y += 10;
  context.save();
  context.translate(PAD, y);
  drawStage(context, scene, at);
  context.restore();
  y += view.height + 12;
  scale(context, still, y);
  y += 36;
  const rows = tableText(part.paths);
  y += table(context, rows, PAD, y, view.width, theme) + 8;
  for (const line of lines.flatMap((text) => wrapped(text, Math.floor(view.width / LETTER)))) {
    words(context, line, PAD, y, theme, 14);
    y += 20;
  }
  return [view.width + 2 * PAD, y + PAD];
}

/**
 * A canvas with all of it, `fine` to a CSS pixel.
 * @param {Still} still
 */
function snapshot(still, fine = 2) {
  const [width, height] = sheet(new Vector(), still); // says how high it must be
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(fine * width);
  canvas.height = Math.ceil(fine * height);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(fine, fine);
  context.fillStyle = still.back;
  context.fillRect(0, 0, width, height);
  sheet(context, still);
  return canvas;
}

/**
 * A frame of the film: the caption, two lines high, the stage at a position, and the scale.
 * @param {Still} still
 * @param {string} caption
 * @param {number} at
 */
export function filmFrame(still, caption, at) {
  const { view, theme } = still.scene;
  const canvas = document.createElement("canvas");
  canvas.width = view.width + 2 * PAD;
  canvas.height = Math.ceil(view.height) + 2 * PAD + 100;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = still.back;
  context.fillRect(0, 0, canvas.width, canvas.height);
  wrapped(caption, Math.floor(view.width / 9)).forEach((line, i) =>
    words(context, line, PAD, PAD + 26 * i, theme, 18, 650),
  );
  context.save();
  context.translate(PAD, PAD + 62);
  drawStage(context, still.scene, at);
  context.restore();
  scale(context, still, PAD + 62 + view.height + 12);
  return canvas.toDataURL("image/jpeg", 0.9);
}

/**
 * The same as an SVG in which text is text.
 * @param {Still} still
 */
function drawing(still) {
  const [ground, vector] = [new Vector(), new Vector()];
  const [width, height] = sheet(vector, still);
  ground.fillStyle = still.back;
  ground.fillRect(0, 0, width, height);
  vector.made.unshift(...ground.made);
  return vector.file(width, height);
}

/**
 * Keep what is shown as a file of this kind.
 * @param {string} kind
 * @param {Still} still
 * @param {string} numbers the NPZ that Python made, in base 64
 */
export function keep(kind, still, numbers) {
  if (kind === "png")
    snapshot(still).toBlob((blob) => blob && save(blob, "shuffle-lab.png"), "image/png");
  else if (kind === "svg") save(drawing(still), "shuffle-lab.svg");
  else if (kind === "npz") saveBytes(numbers, "shuffle-lab.npz");
}

/**
 * What is shown for a collection of figures: a picture, a drawing, and of what it is.
 * @param {Still} still
 */
export const kept = (still) => ({
  name: "shuffle-lab",
  picture: snapshot(still),
  drawing: drawing(still),
  lines: still.lines,
});

/**
 * Keep bytes in base 64 as a file.
 * @param {string} content
 * @param {string} name
 * @param {string} [type]
 */
export function saveBytes(content, name, type) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  save(new Blob([bytes], { type }), name);
}

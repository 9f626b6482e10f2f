// Small things that are drawn everywhere: colours of weights, words, badges, arrows.

/** @import {Curve} from "./geometry.js" */
/** @import {LabData, Theme} from "./data.js" */
/** @import {Pen} from "../download/vector.js" */

export const DARK = "rgba(10, 12, 18, 0.82)"; // under white words on a picture

/**
 * Red, green and blue 0..255 of a weight on the scale of the data.
 * @param {LabData} data
 * @param {number} weight
 * @returns {[number, number, number]}
 */
function channels({ scale: { colours, low, high } }, weight) {
  const level = Math.max(0, Math.min(1, (weight - low) / (high - low)));
  const at = 3 * Math.round(255 * level);
  return [colours[at], colours[at + 1], colours[at + 2]];
}

/**
 * The same as "rgb(...)".
 * @param {LabData} data
 * @param {number} weight
 */
export function colourOf(data, weight) {
  return `rgb(${channels(data, weight).join(",")})`;
}

/**
 * The text colour that is easier to read on the colour of a weight.
 * @param {LabData} data
 * @param {number} weight
 */
export function inkOn(data, weight) {
  const [red, green, blue] = channels(data, weight).map((value) => (value / 255) ** 2.2);
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return light > 0.179 ? "#000000" : "#FFFFFF";
}

/**
 * How far a weight is from what is pale, 0..1.
 * @param {LabData} data
 * @param {number} weight
 */
export function strengthOf({ scale: { low, high, neutral } }, weight) {
  return Math.min(1, Math.abs(weight - neutral) / Math.max(high - neutral, neutral - low));
}

/**
 * The words of the scale: what the weights are, and what its colours stand for.
 * @param {LabData} data
 */
export function legendOf({ scale: { neutral, is_centred }, words }) {
  if (is_centred) return `${words.weight}; colours centred on the mean, ${written(neutral)}`;
  return `${words.weight}; pale: ${neutral === 0 ? "0" : written(neutral)}`;
}

/**
 * A weight for people.
 * @param {number} weight
 */
export function written(weight) {
  const size = Math.abs(weight);
  let digits = 3;
  if (size >= 100) digits = 1;
  else if (size >= 10) digits = 2;
  return `${weight < 0 ? "−" : ""}${size.toFixed(digits)}`;
}

/**
 * Make a canvas `width` x `height` CSS pixels large and return its context, cleared.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * A bar of the colours from least to greatest.
 * @param {HTMLCanvasElement} canvas
 * @param {LabData} data
 * @param {number} width
 * @param {number} height
 */
export function paintScale(canvas, data, width, height) {
  canvas.style.width = `${width}px`;
  const context = sized(canvas, width, height);
  const { low, high } = data.scale;
  for (let x = 0; x < width; x++) {
    context.fillStyle = colourOf(data, low + ((high - low) * x) / (width - 1));
    context.fillRect(x, 0, 1.5, height);
  }
}

/**
 * How words are set.
 * @typedef {{size?: number, weight?: number, colour: string, align?: CanvasTextAlign,
 *   font: string}} Setting
 */

/**
 * Words with their middle at height y, and at x unless aligned otherwise.
 * @param {Pen} context
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {Setting} setting
 */
export function text(context, words, x, y, setting) {
  const { size = 15, weight = 400, colour, align = "center", font } = setting;
  context.font = `${weight} ${size}px ${font}`;
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(words, x, y);
}

/**
 * A path round a box with round corners.
 * @param {Pen} context
 * @param {number} x
 * @param {number} y
 * @param {number} w
 * @param {number} h
 * @param {number} radius
 */
export function rounded(context, x, y, w, h, radius) {
  context.beginPath();
  context.roundRect(x, y, w, h, radius);
}

/**
 * A path along a curve.
 * @param {Pen} context
 * @param {Curve} curve
 */
export function trace(context, { a, c, b }) {
  context.beginPath();
  context.moveTo(a.x, a.y);
  context.quadraticCurveTo(c.x, c.y, b.x, b.y);
}

/**
 * Drawn once each: text costs more than all lines.
 * @type {Map<string, {canvas: HTMLCanvasElement, w: number, h: number}>}
 */
const badges = new Map();

/**
 * White words on a round ground, their middle at (x, y).
 * @param {Pen} context
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {string} back
 * @param {Theme} theme
 */
export function badge(context, words, x, y, size, back, theme) {
  /** @type {(on: Pen, w: number, h: number) => void} */
  const draw = (on, w, h) => {
    on.fillStyle = back;
    rounded(on, 0, 0, w, h, h / 2);
    on.fill();
    text(on, words, w / 2, h / 2 + 1, { size, weight: 650, colour: "#FFFFFF", font: theme.font });
  };
  const measured = () => {
    context.font = `650 ${size}px ${theme.font}`;
    const w = Math.max(size * 1.5, context.measureText(words).width + size * 0.8);
    return [Math.ceil(w), Math.ceil(size * 1.45)];
  };
  if (theme.forFile) {
    const [w, h] = measured();
    context.save();
    context.translate(Math.round(x - w / 2), Math.round(y - h / 2));
    draw(context, w, h);
    context.restore();
    return;
  }
  const name = [words, size, back, theme.font, window.devicePixelRatio].join("|");
  let made = badges.get(name);
  if (!made) {
    const [w, h] = measured();
    const canvas = document.createElement("canvas");
    draw(sized(canvas, w, h), w, h);
    made = { canvas, w, h };
    badges.set(name, made);
  }
  const { canvas, w, h } = made;
  context.drawImage(canvas, Math.round(x - w / 2), Math.round(y - h / 2), w, h);
}

/**
 * The head of an arrow at a curve's end.
 * @param {Pen} context
 * @param {Curve} curve
 * @param {number} size
 * @param {string} colour
 */
export function arrow(context, { c, b }, size, colour) {
  const angle = Math.atan2(b.y - c.y, b.x - c.x);
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(b.x, b.y);
  for (const turn of [angle - 0.45, angle + 0.45])
    context.lineTo(b.x - size * Math.cos(turn), b.y - size * Math.sin(turn));
  context.fill();
}

/**
 * A cross with its middle at (x, y).
 * @param {Pen} context
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {string} colour
 */
export function cross(context, x, y, size, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.stroke();
}

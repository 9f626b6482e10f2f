// The part of a canvas' 2D context that the views draw with, writing SVG instead: the same drawing
// as text, shapes and pictures.

/**
 * What can be drawn as a picture.
 * @typedef {HTMLCanvasElement | HTMLImageElement} Picture
 */

/**
 * What the views draw with: a canvas' 2D context, or a Vector.
 * @typedef {Pick<CanvasRenderingContext2D, "fillStyle" | "strokeStyle" | "lineWidth" | "lineCap"
 *   | "globalAlpha" | "font" | "textAlign" | "textBaseline" | "save" | "restore" | "translate"
 *   | "rotate" | "setLineDash" | "measureText" | "fillText" | "fillRect" | "strokeRect"
 *   | "beginPath" | "moveTo" | "lineTo" | "quadraticCurveTo" | "roundRect" | "stroke">
 *   & {fill(): void}
 *   & {drawImage(picture: Picture, x: number, y: number, width: number, height: number): void}
 * } Pen
 */

/** @typedef {Record<string, string | number>} Attributes */

const measuring = /** @type {CanvasRenderingContext2D} */ (
  document.createElement("canvas").getContext("2d", { willReadFrequently: true })
);
const SETTINGS = /** @type {const} */ ([
  "fillStyle",
  "strokeStyle",
  "lineWidth",
  "lineCap",
  "globalAlpha",
  "font",
  "textAlign",
  "textBaseline",
  "matrix",
  "dash",
]);
/** @type {Record<CanvasTextAlign, string>} */
const ANCHOR = { center: "middle", left: "start", start: "start", right: "end", end: "end" };

/** @param {number} value */
const fixed = (value) => String(Math.round(100 * value) / 100);
/** @param {string} text */
const escaped = (text) => text.replace(/[<>&"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/**
 * Colours as they were written -> "#rrggbb" and how opaque.
 * @type {Map<string, [string, number]>}
 */
const colours = new Map();

/**
 * A colour of the page as every program knows it: the newer ways to write one are known to browsers
 * alone.
 * @param {string} colour
 * @returns {[string, number]}
 */
function known(colour) {
  const before = colours.get(colour);
  if (before) return before;
  measuring.clearRect(0, 0, 1, 1);
  measuring.fillStyle = colour;
  measuring.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = measuring.getImageData(0, 0, 1, 1).data;
  const digits = [red, green, blue].map((value) => value.toString(16).padStart(2, "0"));
  /** @type {[string, number]} */
  const after = [`#${digits.join("")}`, alpha / 255];
  colours.set(colour, after);
  return after;
}

/**
 * The attributes that paint a shape's fill or stroke.
 * @param {"fill" | "stroke"} part
 * @param {string} colour
 * @returns {Attributes}
 */
function painted(part, colour) {
  const [solid, alpha] = known(colour);
  return { [part]: solid, ...(alpha < 1 && { [`${part}-opacity`]: alpha }) };
}

/**
 * A picture as an address that stands for itself.
 * @param {Picture | string} picture
 */
function address(picture) {
  if (typeof picture === "string") return picture;
  return picture instanceof HTMLCanvasElement ? picture.toDataURL("image/png") : picture.src;
}

export class Vector {
  fillStyle = "#000000";
  strokeStyle = "#000000";
  lineWidth = 1;
  /** @type {CanvasLineCap} */
  lineCap = "butt";
  globalAlpha = 1;
  font = "16px sans-serif";
  /** @type {CanvasTextAlign} */
  textAlign = "start";
  /** @type {CanvasTextBaseline} */
  textBaseline = "alphabetic";

  constructor() {
    /** @type {string[]} */
    this.made = [];
    /** @type {object[]} */
    this.stack = [];
    this.path = "";
    /** @type {number[]} */
    this.dash = [];
    this.matrix = new DOMMatrix();
  }

  save() {
    this.stack.push(Object.fromEntries(SETTINGS.map((name) => [name, this[name]])));
  }
  restore() {
    Object.assign(this, this.stack.pop());
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  translate(x, y) {
    this.matrix = this.matrix.translate(x, y);
  }
  /** @param {number} angle radians */
  rotate(angle) {
    this.matrix = this.matrix.rotate((180 * angle) / Math.PI);
  }
  /** @param {number[]} dash */
  setLineDash(dash) {
    this.dash = dash;
  }

  /** @param {string} text */
  measureText(text) {
    measuring.font = this.font;
    return measuring.measureText(text);
  }

  /**
   * @param {string} tag
   * @param {Attributes} attributes
   */
  add(tag, attributes, text = "") {
    const { a, b, c, d, e, f } = this.matrix;
    /** @type {Attributes} */
    const all = { ...attributes };
    if (this.globalAlpha < 1) all.opacity = fixed(this.globalAlpha);
    if (!this.matrix.isIdentity)
      all.transform = `matrix(${[a, b, c, d, e, f].map(fixed).join(" ")})`;
    const written = Object.entries(all).map(([name, value]) => {
      const shown = typeof value === "number" ? fixed(value) : value;
      return `${name}="${escaped(shown)}"`;
    });
    const end = text ? `>${escaped(text)}</${tag}>` : "/>";
    this.made.push(`<${tag} ${written.join(" ")}${end}`);
  }

  /**
   * Programs differ in where they put a text's baseline unless it is the letters' own.
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  fillText(text, x, y) {
    if (!text) return;
    measuring.textBaseline = this.textBaseline;
    const drop = this.measureText(text).actualBoundingBoxAscent;
    measuring.textBaseline = "alphabetic";
    const ascent = this.measureText(text).actualBoundingBoxAscent;
    const [, weight, size, family] = /** @type {RegExpMatchArray} */ (
      this.font.match(/^(?:(\w+) )?([\d.]+)px (.*)$/)
    );
    /** @type {Attributes} */
    const attributes = {
      x,
      y: y + ascent - drop,
      ...painted("fill", this.fillStyle),
      "font-size": size,
      "font-family": family,
    };
    if (weight) attributes["font-weight"] = weight;
    const anchor = ANCHOR[this.textAlign];
    if (anchor !== "start") attributes["text-anchor"] = anchor;
    this.add("text", attributes, text);
  }

  /**
   * @param {Picture | string} picture
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  drawImage(picture, x, y, width, height) {
    this.add("image", { href: address(picture), x, y, width, height, preserveAspectRatio: "none" });
  }

  /** @returns {Attributes} */
  get line() {
    return {
      fill: "none",
      ...painted("stroke", this.strokeStyle),
      "stroke-width": this.lineWidth,
      ...(this.lineCap !== "butt" && { "stroke-linecap": this.lineCap }),
      ...(this.dash.length > 0 && { "stroke-dasharray": this.dash.join(" ") }),
    };
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  fillRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...painted("fill", this.fillStyle) });
  }
  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  strokeRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...this.line });
  }

  beginPath() {
    this.path = "";
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  moveTo(x, y) {
    this.path += `M${fixed(x)} ${fixed(y)}`;
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  lineTo(x, y) {
    this.path += `L${fixed(x)} ${fixed(y)}`;
  }
  /**
   * @param {number} cx
   * @param {number} cy
   * @param {number} x
   * @param {number} y
   */
  quadraticCurveTo(cx, cy, x, y) {
    this.path += `Q${[cx, cy, x, y].map(fixed).join(" ")}`;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} w
   * @param {number} h
   * @param {number} r
   */
  roundRect(x, y, w, h, r) {
    /** @param {number} dx @param {number} dy */
    const corner = (dx, dy) => `a${fixed(r)} ${fixed(r)} 0 0 1 ${fixed(dx)} ${fixed(dy)}`;
    const across = fixed(w - 2 * r);
    const down = fixed(h - 2 * r);
    this.path += `M${fixed(x + r)} ${fixed(y)}h${across}${corner(r, r)}v${down}${corner(-r, r)}`;
    this.path += `h${fixed(2 * r - w)}${corner(-r, -r)}v${fixed(2 * r - h)}${corner(r, -r)}z`;
  }

  fill() {
    this.add("path", { d: this.path, ...painted("fill", this.fillStyle) });
  }
  stroke() {
    this.add("path", { d: this.path, ...this.line });
  }

  /**
   * All that was drawn, as a file.
   * @param {number} width
   * @param {number} height
   */
  file(width, height) {
    const [w, h] = [fixed(width), fixed(height)];
    const root = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"`;
    const text = `${root} viewBox="0 0 ${w} ${h}">${this.made.join("\n")}</svg>`;
    return new Blob([text], { type: "image/svg+xml" });
  }
}

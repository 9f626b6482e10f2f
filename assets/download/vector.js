// The part of a canvas' 2D context that the views draw with, writing SVG instead: the same drawing as text, shapes and pictures.

const measuring = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const BLANK = {
  fillStyle: "#000000",
  strokeStyle: "#000000",
  lineWidth: 1,
  lineCap: "butt",
  globalAlpha: 1,
  font: "16px sans-serif",
  textAlign: "start",
  textBaseline: "alphabetic",
};
const ANCHOR = { center: "middle", left: "start", start: "start", right: "end", end: "end" };
const fixed = (value) => String(Math.round(100 * value) / 100);
const escaped = (text) => text.replace(/[<>&"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

const colours = new Map();

/** A colour of the page as every program knows it, for `part` fill or stroke: the newer ways to write one are known to browsers alone. */
function painted(part, colour) {
  if (!colours.has(colour)) {
    measuring.clearRect(0, 0, 1, 1);
    measuring.fillStyle = colour;
    measuring.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = measuring.getImageData(0, 0, 1, 1).data;
    colours.set(colour, [
      `#${[red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("")}`,
      alpha / 255,
    ]);
  }
  const [solid, alpha] = colours.get(colour);
  return { [part]: solid, ...(alpha < 1 && { [`${part}-opacity`]: alpha }) };
}

/** A picture as an address that stands for itself: of a canvas, an image or an address. */
const address = (picture) => picture.toDataURL?.("image/png") ?? picture.src ?? picture;

export class Vector {
  constructor() {
    this.made = [];
    this.stack = [];
    this.path = "";
    this.dash = [];
    this.matrix = new DOMMatrix();
    Object.assign(this, BLANK);
  }

  save() {
    this.stack.push(
      Object.fromEntries(
        [...Object.keys(BLANK), "matrix", "dash"].map((name) => [name, this[name]]),
      ),
    );
  }
  restore() {
    Object.assign(this, this.stack.pop());
  }
  translate(x, y) {
    this.matrix = this.matrix.translate(x, y);
  }
  rotate(angle) {
    this.matrix = this.matrix.rotate((180 * angle) / Math.PI);
  }
  setLineDash(dash) {
    this.dash = dash;
  }

  measureText(text) {
    measuring.font = this.font;
    return measuring.measureText(text);
  }

  add(tag, attributes, text = "") {
    const { a, b, c, d, e, f } = this.matrix;
    const all = {
      ...attributes,
      ...(this.globalAlpha < 1 && { opacity: fixed(this.globalAlpha) }),
      ...(!this.matrix.isIdentity && {
        transform: `matrix(${[a, b, c, d, e, f].map(fixed).join(" ")})`,
      }),
    };
    const written = Object.entries(all)
      .map(
        ([name, value]) => `${name}="${escaped(typeof value === "number" ? fixed(value) : value)}"`,
      )
      .join(" ");
    this.made.push(`<${tag} ${written}${text ? `>${escaped(text)}</${tag}>` : "/>"}`);
  }

  /** Programs differ in where they put a text's baseline unless it is the letters' own. */
  fillText(text, x, y) {
    if (!text) return;
    measuring.textBaseline = this.textBaseline;
    const drop = this.measureText(text).actualBoundingBoxAscent;
    measuring.textBaseline = "alphabetic";
    const [, weight, size, family] = this.font.match(/^(?:(\w+) )?([\d.]+)px (.*)$/);
    this.add(
      "text",
      {
        x,
        y: y + this.measureText(text).actualBoundingBoxAscent - drop,
        ...painted("fill", this.fillStyle),
        "font-size": size,
        "font-family": family,
        ...(weight && { "font-weight": weight }),
        ...(ANCHOR[this.textAlign] !== "start" && { "text-anchor": ANCHOR[this.textAlign] }),
      },
      text,
    );
  }

  drawImage(picture, x, y, width, height) {
    this.add("image", { href: address(picture), x, y, width, height, preserveAspectRatio: "none" });
  }

  get line() {
    return {
      fill: "none",
      ...painted("stroke", this.strokeStyle),
      "stroke-width": this.lineWidth,
      ...(this.lineCap !== "butt" && { "stroke-linecap": this.lineCap }),
      ...(this.dash.length && { "stroke-dasharray": this.dash.join(" ") }),
    };
  }

  fillRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...painted("fill", this.fillStyle) });
  }
  strokeRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...this.line });
  }

  beginPath() {
    this.path = "";
  }
  moveTo(x, y) {
    this.path += `M${fixed(x)} ${fixed(y)}`;
  }
  lineTo(x, y) {
    this.path += `L${fixed(x)} ${fixed(y)}`;
  }
  quadraticCurveTo(cx, cy, x, y) {
    this.path += `Q${[cx, cy, x, y].map(fixed).join(" ")}`;
  }

  roundRect(x, y, w, h, r) {
    const corner = (dx, dy) => `a${fixed(r)} ${fixed(r)} 0 0 1 ${fixed(dx)} ${fixed(dy)}`;
    this.path += `M${fixed(x + r)} ${fixed(y)}h${fixed(w - 2 * r)}${corner(r, r)}v${fixed(h - 2 * r)}${corner(-r, r)}h${fixed(2 * r - w)}${corner(-r, -r)}v${fixed(2 * r - h)}${corner(r, -r)}z`;
  }

  fill() {
    this.add("path", { d: this.path, ...painted("fill", this.fillStyle) });
  }
  stroke() {
    this.add("path", { d: this.path, ...this.line });
  }

  /** All that was drawn, as a file. */
  file(width, height) {
    const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${fixed(width)}" height="${fixed(height)}" viewBox="0 0 ${fixed(width)} ${fixed(height)}">${this.made.join("\n")}</svg>`;
    return new Blob([text], { type: "image/svg+xml" });
  }
}

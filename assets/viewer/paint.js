// Canvas only: frames under heat, the frame-to-frame map, scales. Sizes in CSS pixels; canvases are
// as fine as the screen.

/** @import {Header, Numbers} from "./payload.js" */
/** @import {Weights} from "./maths.js" */
/** @import {Pen} from "../download/vector.js" */

/**
 * A patch that is outlined: the one that asks, the one that is kept, or the one pointed at.
 * @typedef {{row: number, col: number, kind: "query" | "locked" | "pointer"}} Mark
 */

/**
 * How weights are coloured: `top` ends the scale, and what is smaller than `cut` is left out.
 * @typedef {object} Look
 * @property {Lut} lut
 * @property {boolean} signed
 * @property {number} top
 * @property {number} cut
 * @property {number} opacity
 */

/** 256 colours, red, green and blue of each. @typedef {Numbers["array"]} Lut */

/**
 * A frame with what lies on it.
 * @typedef {object} Scene
 * @property {Header} data
 * @property {Pictures} pictures
 * @property {number} frame
 * @property {Weights} values
 * @property {Look} look
 * @property {boolean} smooth
 * @property {Mark[]} marks
 */

/**
 * Where a map lies on a frame. @typedef {Pick<Header, "box" | "pixels" | "grid" | "unit">} Placed
 */

/**
 * What lies on a frame, without the frame.
 * @typedef {Omit<Scene, "data" | "pictures"> & {data: Placed}} Laid
 */

/**
 * The page's own colours and font.
 * @typedef {{text: string, font: string, accent: string}} Theme
 */

/**
 * The frame-to-frame map.
 * @typedef {object} MapScene
 * @property {Header} data
 * @property {Pictures} pictures
 * @property {Weights} matrix
 * @property {{lut: Lut, low: number, high: number}} look
 * @property {Theme} theme
 * @property {number} token whose row is marked
 * @property {[number, number] | null} pointed
 */

/**
 * Where the cells of a map are. @typedef {{start: number, cell: number}} Cells
 */

const OUTSIDE = "rgba(12, 14, 18, 0.7)"; // what the model did not see
const LOCKED = "#FFB454"; // core.draw.style.ASKING

/**
 * The 2D context of a canvas, which every browser has.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * Make a canvas `width` x `height` CSS pixels large and return its context, cleared.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function fresh(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The clip's frames, and copies of them at the sizes that are drawn: a hover scales nothing. */
export class Pictures {
  /** @param {Numbers[]} frames JPEGs */
  constructor(frames) {
    this.frames = frames;
    /** @type {ImageBitmap[]} */
    this.bitmaps = [];
    /** @type {Map<string, HTMLCanvasElement>} */
    this.sized = new Map();
    const images = frames.map(({ array }) =>
      createImageBitmap(
        new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (array)], { type: "image/jpeg" }),
      ),
    );
    this.ready = Promise.all(images).then((bitmaps) => {
      this.bitmaps = bitmaps;
    });
  }

  /**
   * A frame as it was sent, as an address.
   * @param {number} frame
   */
  address(frame) {
    const letters = Array.from(this.frames[frame].array, (byte) => String.fromCharCode(byte));
    return `data:image/jpeg;base64,${btoa(letters.join(""))}`;
  }

  /**
   * A frame at this size.
   * @param {number} frame
   * @param {number} width
   * @param {number} height
   */
  at(frame, width, height) {
    const key = `${frame} ${width} ${height} ${window.devicePixelRatio}`;
    const many = this.sized.size > 4 * this.bitmaps.length; // after a few resizes
    if (many && !this.sized.has(key)) this.sized.clear();
    return this.kept(key, width, height, (context) =>
      context.drawImage(this.bitmaps[frame], 0, 0, width, height),
    );
  }

  /**
   * The picture under this key, drawn the first time.
   * @param {string} key
   * @param {number} width
   * @param {number} height
   * @param {(context: CanvasRenderingContext2D) => void} draw
   */
  kept(key, width, height, draw) {
    const known = this.sized.get(key);
    if (known) return known;
    const canvas = document.createElement("canvas");
    const context = fresh(canvas, width, height);
    context.imageSmoothingQuality = "high";
    draw(context);
    this.sized.set(key, canvas);
    return canvas;
  }
}

/**
 * Where the grid lies on a frame that is drawn `width` x `height`: what the model saw may be the
 * central square alone.
 * @param {Placed} data
 * @param {number} width
 * @param {number} height
 */
export function gridBox(data, width, height) {
  const [top, left, boxHeight, boxWidth] = data.box;
  const [fullHeight, fullWidth] = data.pixels;
  return {
    x: (left / fullWidth) * width,
    y: (top / fullHeight) * height,
    w: (boxWidth / fullWidth) * width,
    h: (boxHeight / fullHeight) * height,
  };
}

const heatCanvas = document.createElement("canvas");
/** @type {CanvasPattern | null} */
let hatching = null;

/**
 * What lies over patches that cannot be seen.
 * @param {CanvasRenderingContext2D} context
 */
function hatch(context) {
  if (hatching === null) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 10;
    const lines = contextOf(tile);
    lines.fillStyle = "rgba(12, 14, 18, 0.62)";
    lines.fillRect(0, 0, 10, 10);
    lines.strokeStyle = "rgba(255, 255, 255, 0.16)";
    lines.lineWidth = 1.5;
    lines.beginPath();
    for (const shift of [-10, 0, 10]) {
      lines.moveTo(shift - 1, 11);
      lines.lineTo(shift + 11, -1);
    }
    lines.stroke();
    hatching = context.createPattern(tile, "repeat");
  }
  return /** @type {CanvasPattern} */ (hatching);
}

/**
 * Colour one frame's weights. Transparent where nothing is seen.
 * @param {Weights} values
 * @param {number} from
 * @param {number} h
 * @param {number} w
 * @param {Look} look
 */
function heatPicture(values, from, h, w, look) {
  heatCanvas.width = w;
  heatCanvas.height = h;
  const context = contextOf(heatCanvas);
  const image = context.createImageData(w, h);
  const top = look.top || 1;
  for (let i = 0; i < h * w; i++) {
    const value = values[from + i];
    if (Number.isNaN(value) || Math.abs(value) < look.cut) continue;
    const part = Math.max(-1, Math.min(1, value / top));
    const level = Math.round(255 * (look.signed ? 0.5 + 0.5 * part : Math.max(0, part)));
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = look.lut[3 * level + c];
    // what gets no attention stays as it is
    image.data[4 * i + 3] = 255 * look.opacity * (0.25 + 0.75 * Math.abs(part));
  }
  context.putImageData(image, 0, 0);
  return heatCanvas;
}

/**
 * One frame with the heat of its token time.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {Scene} scene
 */
export function paintFrame(canvas, width, height, scene) {
  const context = fresh(canvas, width, height);
  context.drawImage(scene.pictures.at(scene.frame, width, height), 0, 0, width, height);
  paintHeat(context, width, height, scene);
}

/**
 * What lies on a frame, alone.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {Laid} scene
 */
export function paintHeat(context, width, height, { data, frame, values, look, smooth, marks }) {
  const box = gridBox(data, width, height);
  const [, h, w] = data.grid;
  const from = Math.floor(frame / data.unit) * h * w;
  if (box.w < width - 1 || box.h < height - 1) {
    context.fillStyle = OUTSIDE;
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(box.x, box.y, box.w, box.h);
    context.fill("evenodd");
  }
  context.fillStyle = hatch(context);
  for (let row = 0; row < h; row++) {
    for (let col = 0; col < w; col++) {
      if (!Number.isNaN(values[from + row * w + col])) continue;
      // whole pixels leave no seams
      const [x0, x1] = [col, col + 1].map((c) => Math.round(box.x + (c * box.w) / w));
      const [y0, y1] = [row, row + 1].map((r) => Math.round(box.y + (r * box.h) / h));
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(heatPicture(values, from, h, w, look), box.x, box.y, box.w, box.h);
  const [wide, high] = [box.w / w, box.h / h];
  for (const { row, col, kind } of marks)
    outline(context, box.x + col * wide, box.y + row * high, wide, high, kind);
}

/**
 * A frame round a patch that stands out on any picture: dark, then white; the locked one in a
 * colour of its own.
 * @param {Pen} context
 * @param {number} x
 * @param {number} y
 * @param {number} w
 * @param {number} h
 * @param {Mark["kind"]} kind
 */
function outline(context, x, y, w, h, kind) {
  const thick = kind === "pointer" ? 1.5 : Math.max(2, Math.min(4, w / 14));
  context.setLineDash(kind === "pointer" ? [5, 4] : []);
  context.lineWidth = thick + 2.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
  context.lineWidth = thick;
  context.strokeStyle = kind === "locked" ? LOCKED : "#FFFFFF";
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
  context.setLineDash([]);
}

/**
 * "rgb(...)" of a level 0..255.
 * @param {Lut} lut
 * @param {number} level
 */
function colour(lut, level) {
  return `rgb(${lut[3 * level]}, ${lut[3 * level + 1]}, ${lut[3 * level + 2]})`;
}

/**
 * The map from frame to frame with the frames along both edges. Returns where its cells are, for
 * the pointer.
 * @param {HTMLCanvasElement} canvas
 * @param {number} size
 * @param {MapScene} scene
 */
export function paintMatrix(canvas, size, scene) {
  return drawMatrix(fresh(canvas, size, size), size, scene);
}

/**
 * The same on a context.
 * @param {Pen} context
 * @param {number} size
 * @param {MapScene} scene
 * @returns {Cells}
 */
export function drawMatrix(context, size, { data, pictures, matrix, look, theme, token, pointed }) {
  const T = data.grid[0];
  const label = size < 220 ? 12 : T > 12 ? 13 : 15;
  const margin = label + 6; // axis names
  const numbers = label + 4;
  const cell = (size - margin - numbers - 3) / (T + 1); // 3 for the edge of the marked row
  const start = margin + numbers + cell;
  context.fillStyle = theme.text;
  context.font = `${label}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const middle = start + (T * cell) / 2;
  context.fillText("looked at →", middle, margin / 2);
  context.save();
  context.translate(margin / 2, middle);
  context.rotate(-Math.PI / 2);
  context.fillText("← looking", 0, 0);
  context.restore();
  const span = look.high - look.low || 1;
  for (let t = 0; t < T; t++) {
    const at = start + t * cell;
    context.font = `${t === token ? "bold " : ""}${label}px ${theme.font}`;
    context.fillStyle = t === token ? theme.accent : theme.text;
    context.fillText(String(t + 1), at + cell / 2, margin + numbers / 2);
    context.fillText(String(t + 1), margin + numbers / 2, at + cell / 2);
    const edge = Math.max(8, Math.floor(cell) - 3);
    const thumb = square(pictures, data, t * data.unit, edge);
    context.drawImage(thumb, at + 1, start - cell + 1, edge, edge);
    context.drawImage(thumb, start - cell + 1, at + 1, edge, edge);
    for (let s = 0; s < T; s++) {
      const share = Math.max(0, Math.min(1, (matrix[t * T + s] - look.low) / span));
      context.fillStyle = colour(look.lut, Math.round(255 * share));
      context.fillRect(start + s * cell + 0.5, at + 0.5, cell - 1, cell - 1);
    }
  }
  context.lineWidth = 2.5;
  context.strokeStyle = theme.accent;
  context.strokeRect(start - 1, start + token * cell - 0.5, T * cell + 2, cell + 1);
  if (pointed) {
    const [row, col] = pointed;
    outline(context, start + col * cell, start + row * cell, cell, cell, "query");
  }
  return { start, cell };
}

/**
 * What the model saw of a frame, as a square.
 * @param {Pictures} pictures
 * @param {Header} data
 * @param {number} frame
 * @param {number} edge
 */
function square(pictures, data, frame, edge) {
  const key = `square ${frame} ${edge} ${window.devicePixelRatio}`;
  return pictures.kept(key, edge, edge, (context) => {
    const bitmap = pictures.bitmaps[frame];
    const { x, y, w, h } = gridBox(data, bitmap.width, bitmap.height);
    context.drawImage(bitmap, x, y, w, h, 0, 0, edge, edge);
  });
}

/**
 * A bar of the colours from least to greatest.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {Lut} lut
 */
export function paintScale(canvas, width, height, lut) {
  const context = fresh(canvas, width, height);
  for (let x = 0; x < width; x++) {
    context.fillStyle = colour(lut, Math.round((255 * x) / Math.max(1, width - 1)));
    context.fillRect(x, 0, 1.5, height);
  }
}

// How large the hidden state of each layer is, from picture to picture: a row a layer.

/** @import {LiveData} from "./parts.js" */

const ROW = 20; // CSS pixels
const COLUMN = 4;
const NAMES = 64; // of the layer's name on the left
const NUMBERS = 52; // of the newest value on the right

export class StateStrip {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {number[][]} */
    this.columns = [];
  }

  clear() {
    this.columns = [];
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * @param {number[]} hidden of the newest picture, a number a layer
   * @param {LiveData} data
   */
  add(hidden, { plain }) {
    const { canvas, columns } = this;
    columns.push(hidden);
    const [width, height] = [canvas.clientWidth, ROW * hidden.length];
    const room = Math.max(1, Math.floor((width - NAMES - NUMBERS) / COLUMN));
    while (columns.length > room) columns.shift();
    const ratio = window.devicePixelRatio || 1;
    const sizes = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== sizes[0]) canvas.width = sizes[0];
    if (canvas.height !== sizes[1]) canvas.height = sizes[1];
    canvas.style.height = `${height}px`;
    const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { color, fontFamily } = getComputedStyle(canvas);
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, width, height);
    ink.font = `14px ${fontFamily}`;
    ink.textBaseline = "middle";
    const most = Math.max(...columns.flat(), 1e-12);
    hidden.forEach((newest, layer) => {
      const y = layer * ROW;
      ink.fillStyle = color;
      ink.textAlign = "left";
      ink.fillText(`layer ${layer + 1}`, 0, y + ROW / 2);
      ink.textAlign = "right";
      ink.fillText(newest.toPrecision(3), width, y + ROW / 2);
      columns.forEach((column, i) => {
        const level = Math.round((255 * column[layer]) / most);
        ink.fillStyle = `rgb(${plain.slice(3 * level, 3 * level + 3)})`;
        ink.fillRect(NAMES + i * COLUMN, y + 1, COLUMN, ROW - 2);
      });
    });
  }
}

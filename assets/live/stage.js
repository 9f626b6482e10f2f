// The newest picture that has an answer, with its map over it.

/** @import {Lut} from "../viewer/paint.js" */
/** @import {Answer, LiveData, LiveParts} from "./parts.js" */

import { paintHeat, paintScale } from "../viewer/paint.js";

const SCALE_WIDTH = 150;
const REMEMBERED = 30; // maps whose largest weight ends the scale, so that it does not flicker

export class Stage {
  /** @param {LiveParts} part */
  constructor(part) {
    this.part = part;
    this.held = document.createElement("canvas"); // the picture that was sent
    this.n = 0; // which one that is
    /** @type {Record<"plain" | "diverging", Lut>} */
    this.luts = { plain: new Uint8Array(768), diverging: new Uint8Array(768) };
    /** @type {number[]} */
    this.tops = [];
  }

  /** Another film: its scale begins anew. */
  begin() {
    this.tops = [];
  }

  /** @param {LiveData} data */
  colours(data) {
    this.luts = {
      plain: Uint8Array.from(data.plain),
      diverging: Uint8Array.from(data.diverging),
    };
    this.part.what.textContent = data.what;
  }

  /**
   * Keep the picture that was sent, until its map comes.
   * @param {number} n
   * @param {HTMLCanvasElement} picture
   */
  hold(n, picture) {
    this.n = n;
    this.held.width = picture.width;
    this.held.height = picture.height;
    this.held.getContext("2d")?.drawImage(picture, 0, 0);
  }

  /**
   * @param {Answer} answer
   * @param {LiveData} data
   */
  draw({ n, heat, grid, signed, opacity }, { crop }) {
    if (n !== this.n) return;
    const { stage, scale, low, high } = this.part;
    const { width, height } = this.held;
    const top = Math.max(...heat.map(Math.abs));
    this.tops.push(top);
    if (this.tops.length > REMEMBERED) this.tops.shift();
    const end = Math.max(...this.tops);
    const lut = this.luts[signed ? "diverging" : "plain"];
    const large = 2; // the map's edges are finer than the picture that the model is sent
    if (stage.width !== large * width) stage.width = large * width;
    if (stage.height !== large * height) stage.height = large * height;
    const ink = /** @type {CanvasRenderingContext2D} */ (stage.getContext("2d"));
    ink.imageSmoothingQuality = "high";
    ink.drawImage(this.held, 0, 0, stage.width, stage.height);
    const side = Math.min(width, height);
    /** @type {[number, number, number, number]} */
    const central = [(height - side) / 2, (width - side) / 2, side, side];
    /** @type {[number, number, number, number]} */
    const all = [0, 0, height, width];
    /** @type {[number, number, number]} */
    const patches = [1, ...grid];
    paintHeat(ink, stage.width, stage.height, {
      data: {
        box: crop === "fit" ? all : central,
        pixels: [height, width],
        grid: patches,
        unit: 1,
      },
      frame: 0,
      values: Float32Array.from(heat),
      look: { lut, signed, top: end, cut: 0, opacity },
      smooth: true,
      marks: [],
    });
    paintScale(scale, SCALE_WIDTH, 14, lut);
    low.textContent = signed ? (-end).toPrecision(2) : "0";
    high.textContent = end.toPrecision(2);
  }
}

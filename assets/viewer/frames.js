// The large frame and the strip below it: what is painted on them, and which patch is pointed at.

/** @import {Header} from "./payload.js" */
/** @import {Grid, Patch, Weights} from "./maths.js" */
/** @import {Lut, Mark, Scene} from "./paint.js" */
/** @import {Parts, Sizes} from "./parts.js" */
/** @import {State} from "./state.js" */

import { extent, massCut, prominence, shares } from "./maths.js";
import { gridBox, paintFrame, Pictures } from "./paint.js";

/**
 * Weights over the clip, and how they are to be read.
 * @typedef {object} Drawn
 * @property {string} view
 * @property {Weights} values
 * @property {boolean} signed
 * @property {number} top the end of a scale that is shared
 * @property {string} remark
 */

/**
 * A frame of the strip.
 * @typedef {object} Thumb
 * @property {HTMLElement} figure
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} label
 * @property {HTMLElement} bar
 */

/**
 * Who is marked on the frames. `locked` says whether the patch that asks is kept.
 * @typedef {{asking: Patch | null, locked: boolean, pointer: Patch | null}} Marked
 */

/**
 * What the legend must say of a picture that was painted.
 * @typedef {object} Painted
 * @property {Lut} lut
 * @property {{low: number, high: number, top: number}} clip
 * @property {number} top
 * @property {number} cut
 * @property {ArrayLike<number>} part of all attention that falls on each step
 */

/**
 * What can happen on a frame, and which one is the large one.
 * @typedef {object} FrameEvents
 * @property {() => number} current
 * @property {(patch: Patch | null) => void} point
 * @property {() => void} focus
 * @property {(frame: number, patch: Patch | null) => void} click
 */

export class Frames {
  /**
   * @param {Parts} part
   * @param {FrameEvents} events
   * @param {AbortSignal} signal
   */
  constructor(part, events, signal) {
    this.part = part;
    this.events = events;
    this.signal = signal;
    /** @type {Map<HTMLCanvasElement, Scene>} what is drawn on each canvas */
    this.scenes = new Map();
    /** @type {Thumb[]} */
    this.thumbs = [];
    /** @type {Header | null} */
    this.data = null;
    this.follow(part.stage, events.current);
  }

  /**
   * Show the frames of a clip.
   * @param {Header} data
   * @param {Pictures} pictures
   */
  open(data, pictures) {
    this.data = data;
    this.pictures = pictures;
    this.scenes.clear();
    this.thumbs = data.times.map((time, frame) => this.thumb(time, frame));
    this.part.strip.replaceChildren(...this.thumbs.map(({ figure }) => figure));
  }

  /**
   * @param {number} time
   * @param {number} frame
   * @returns {Thumb}
   */
  thumb(time, frame) {
    const figure = document.createElement("figure");
    figure.className = "av-thumb";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    const seconds = time.toFixed(2);
    canvas.setAttribute("aria-label", `Frame ${frame + 1} at ${seconds} seconds, with attention`);
    const [label, line, bar] = ["span", "i", "b"].map((tag) => document.createElement(tag));
    const caption = document.createElement("figcaption");
    line.append(bar);
    caption.append(label, line);
    figure.append(canvas, caption);
    this.follow(canvas, () => frame);
    caption.addEventListener("click", () => this.events.click(frame, null));
    return { figure, canvas, label, bar };
  }

  /**
   * Let a canvas that shows frame() point at patches and lock them, by mouse, pen or finger.
   * @param {HTMLCanvasElement} canvas
   * @param {() => number} frame
   */
  follow(canvas, frame) {
    /**
     * @template {keyof HTMLElementEventMap} Name
     * @param {Name} name
     * @param {(event: HTMLElementEventMap[Name]) => void} act
     */
    const on = (name, act) =>
      canvas.addEventListener(name, (event) => this.data && act(event), { signal: this.signal });
    on("pointermove", (event) => this.events.point(this.patchAt(canvas, frame(), event)));
    on("pointerdown", (event) => {
      this.events.focus();
      this.events.point(this.patchAt(canvas, frame(), event));
    });
    on("pointerleave", () => this.events.point(null));
    on("click", (event) => this.events.click(frame(), this.patchAt(canvas, frame(), event)));
  }

  /**
   * The patch of `frame` under the pointer, or null beside the grid.
   * @param {HTMLCanvasElement} canvas
   * @param {number} frame
   * @param {MouseEvent} event
   * @returns {Patch | null}
   */
  patchAt(canvas, frame, event) {
    const data = /** @type {Header} */ (this.data);
    const bounds = canvas.getBoundingClientRect();
    const box = gridBox(data, bounds.width, bounds.height);
    const [, h, w] = data.grid;
    const row = Math.floor(((event.clientY - bounds.top - box.y) / box.h) * h);
    const col = Math.floor(((event.clientX - bounds.left - box.x) / box.w) * w);
    const inside = row >= 0 && row < h && col >= 0 && col < w;
    return inside ? [Math.floor(frame / data.unit), row, col] : null;
  }

  /**
   * Paint the large frame and the strip.
   * @param {Drawn} drawn
   * @param {State} state
   * @param {Sizes} size
   * @param {Marked} marked
   * @returns {Painted}
   */
  paint(drawn, state, size, marked) {
    const data = /** @type {Header} */ (this.data);
    const pictures = /** @type {Pictures} */ (this.pictures);
    const lut = drawn.signed ? data.diverging.array : data.colours[state.colours].array;
    const cut = massCut(drawn.values, state.mass);
    const clip = extent(drawn.values);
    const tops = topsOf(drawn, state.scale, clip.top, data.grid);
    const opacity = state.opacity * (drawn.signed ? 1 : prominence(clip));
    const part = shares(drawn.values, data.grid[0]);

    /** @type {(canvas: HTMLCanvasElement, size: [number, number], frame: number) => void} */
    const paint = (canvas, [width, height], frame) => {
      const t = Math.floor(frame / data.unit);
      const look = { lut, signed: drawn.signed, top: tops[t], cut, opacity };
      const marks = marksOn(t, marked);
      const { values } = drawn;
      const scene = { data, pictures, frame, values, look, smooth: state.smooth, marks };
      this.scenes.set(canvas, scene);
      paintFrame(canvas, width, height, scene);
    };

    paint(this.part.stage, size.stage, state.frame);
    this.thumbs.forEach(({ canvas, figure, label, bar }, frame) => {
      paint(canvas, size.thumb, frame);
      const share = part[Math.floor(frame / data.unit)];
      figure.toggleAttribute("data-current", frame === state.frame);
      const time = size.timed ? `${data.times[frame].toFixed(2)} s · ` : "";
      label.textContent = `${time}${Math.round(100 * share)} %`;
      bar.style.width = `${100 * share}%`;
    });
    return { lut, clip, top: tops[Math.floor(state.frame / data.unit)], cut, part };
  }
}

/**
 * Where the scale of each of T steps ends.
 * @param {Drawn} drawn
 * @param {string} scale
 * @param {number} clipTop
 * @param {Grid} grid
 * @returns {number[]}
 */
function topsOf(drawn, scale, clipTop, [T, h, w]) {
  if (scale === "shared") return Array(T).fill(drawn.top);
  if (scale === "clip") return Array(T).fill(clipTop);
  const n = h * w;
  return Array.from({ length: T }, (_, t) => extent(drawn.values, t * n, (t + 1) * n).top);
}

/**
 * The patches to outline in step t.
 * @param {number} t
 * @param {Marked} marked
 * @returns {Mark[]}
 */
function marksOn(t, { asking, locked, pointer }) {
  /** @type {Mark[]} */
  const marks = [];
  if (asking?.[0] === t)
    marks.push({ row: asking[1], col: asking[2], kind: locked ? "locked" : "query" });
  if (pointer?.[0] === t) marks.push({ row: pointer[1], col: pointer[2], kind: "pointer" });
  return marks;
}

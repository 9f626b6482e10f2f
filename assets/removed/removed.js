// The clip without a share of its cells, in the order of a map: what stands there while the curve
// above is pointed at. A click keeps the share in the address. Everything is drawn here.

/** @import {Place, Way} from "./order.js" */

import { plotOf } from "../download/plot.js";
import { searchWith } from "../lab/address.js";
import { gone, placeOf, placeText } from "./order.js";

/** In percent, a value a step. @typedef {{own: number[], random: number[]}} Percent */
/**
 * What stands where cells are gone: a plain colour, or frames.
 * @typedef {{title: string, colour: string, plain: string, frames: string[],
 *   deletion: Percent, insertion: Percent}} Fill
 */
/**
 * @typedef {{chart: string, label: string, grid: [number, number, number], order: number[],
 *   counts: number[], frames: string[], fills: Fill[]}} Data
 */

const LOOK = 250; // ms between two looks whether the chart was drawn anew
const BEAT = 420; // ms of a step that plays
/** @type {Way[]} */
const REMOVAL_WAYS = ["deletion", "insertion"];
/** @type {WeakMap<HTMLElement, Removed>} */
const clips = new WeakMap();

/** @param {string} address */
async function loadedImage(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

class Removed {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
    this.part = Object.fromEntries([...nodes].map((node) => [node.dataset.part, node]));
    this.slider = /** @type {HTMLInputElement} */ (this.part.share);
    /** @type {Place} */
    this.place = { way: "deletion", step: 4 };
    /** @type {Data | null} */
    this.data = null;
    /** @type {any} */
    this.plot = null;
    this.line = document.createElement("div");
    this.line.className = "removed-line";
    this.playing = 0;
    this.made = 0;
    /** @type {{canvas: HTMLCanvasElement, frame: HTMLImageElement,
     *   fill: HTMLImageElement | string, t: number}[]} */
    this.pictures = [];
    for (const way of REMOVAL_WAYS) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "radio");
      button.dataset.way = way;
      button.textContent = way === "deletion" ? "take away" : "put in";
      button.onclick = () => this.show({ ...this.place, way }, true);
      this.part.ways.append(button);
    }
    this.slider.oninput = () => {
      this.stop();
      this.show({ ...this.place, step: Number(this.slider.value) }, true);
    };
    this.part.play.onclick = () => (this.playing ? this.stop() : this.play());
    this.looking = window.setInterval(() => this.follow(), LOOK);
  }

  /** @param {Data} data */
  async receive(data) {
    const isSame = JSON.stringify(data) === JSON.stringify(this.data);
    this.data = data;
    this.slider.max = String(data.counts.length - 1);
    if (isSame) return this.follow();
    const linked = new URLSearchParams(window.location.search).get("removed");
    this.place = placeOf(linked, data.counts.length) ?? this.place;
    await this.build(data);
    this.follow();
    this.show(this.place);
  }

  /** @param {Data} data */
  async build(data) {
    const made = ++this.made;
    const frames = await Promise.all(data.frames.map(loadedImage));
    const fills = await Promise.all(
      data.fills.map((fill) => Promise.all(fill.frames.map(loadedImage))),
    );
    if (made !== this.made) return; // newer data came meanwhile
    this.pictures = [];
    const rows = data.fills.map((fill, row) => {
      const [section, line, strip] = ["section", "p", "div"].map((tag) =>
        document.createElement(tag),
      );
      line.className = "removed-fill";
      line.dataset.fill = String(row);
      strip.className = "removed-frames";
      frames.forEach((frame, t) => {
        const canvas = document.createElement("canvas");
        canvas.width = frame.naturalWidth;
        canvas.height = frame.naturalHeight;
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `frame ${t + 1}, ${fill.title}`);
        strip.append(canvas);
        this.pictures.push({ canvas, frame, fill: fills[row][t] ?? fill.plain, t });
      });
      section.append(line, strip);
      return section;
    });
    this.part.rows.replaceChildren(...rows);
  }

  /**
   * Draw the clip at a place of the curves; where it is kept, the address says so.
   * @param {Place} place
   */
  show(place, isKept = false) {
    const { data } = this;
    if (!data) return;
    this.place = place;
    const { way, step } = place;
    const count = data.counts[step];
    const isGone = gone(data.order, count, way);
    for (const { canvas, frame, fill, t } of this.pictures)
      paint(canvas, frame, fill, isGone, data, t);
    this.slider.value = String(step);
    for (const button of this.part.ways.children)
      button.setAttribute(
        "aria-checked",
        String(/** @type {HTMLElement} */ (button).dataset.way === way),
      );
    const share = ((100 * count) / data.order.length).toFixed(0);
    this.part.words.textContent = `${share} % ${way === "deletion" ? "taken away" : "put in"}`;
    for (const line of this.part.rows.querySelectorAll("[data-fill]")) {
      const fill = data.fills[Number(/** @type {HTMLElement} */ (line).dataset.fill)];
      const mark = document.createElement("i");
      mark.style.background = fill.colour;
      const [own, random] = [fill[way].own[step], fill[way].random[step]];
      const value = document.createElement("strong");
      value.textContent = `${own.toFixed(1)} %`;
      line.replaceChildren(
        mark,
        `${fill.title}: ${data.label} `,
        value,
        `, random order ${random.toFixed(1)} %`,
      );
    }
    this.root.dataset.place = placeText(place);
    this.mark();
    if (isKept) this.keep();
  }

  /** Hold the chart above, which Streamlit may have drawn anew. */
  follow() {
    if (!this.root.isConnected) return this.close();
    /** @type {any} */
    const plot = this.data && plotOf(this.data.chart);
    if (!plot?.on || plot === this.plot) return;
    this.plot = plot;
    /** @param {{points: any[]}} event @returns {Place} */
    const at = ({ points: [point] }) => ({
      way: point.data.xaxis === "x2" ? "insertion" : "deletion",
      step: point.pointIndex,
    });
    plot.on("plotly_hover", (/** @type {{points: any[]}} */ event) => {
      this.stop();
      this.show(at(event));
    });
    plot.on("plotly_click", (/** @type {{points: any[]}} */ event) => this.show(at(event), true));
    plot.on("plotly_afterplot", () => this.mark());
    this.mark();
  }

  /** A line in the chart at what is shown. */
  mark() {
    const { plot, data } = this;
    const layout = plot?._fullLayout;
    if (!layout || !data) return;
    const suffix = this.place.way === "deletion" ? "" : "2";
    const [x, y] = [layout[`xaxis${suffix}`], layout[`yaxis${suffix}`]];
    if (!x?.l2p) return;
    const share = (100 * data.counts[this.place.step]) / data.order.length;
    plot.style.position = "relative";
    Object.assign(this.line.style, {
      left: `${x._offset + x.l2p(share) - 1}px`,
      top: `${y._offset}px`,
      height: `${y._length}px`,
    });
    if (this.line.parentElement !== plot) plot.append(this.line);
  }

  play() {
    const last = this.data ? this.data.counts.length - 1 : 0;
    if (this.place.step >= last) this.show({ ...this.place, step: 0 });
    this.part.play.textContent = "❚❚";
    this.playing = window.setInterval(() => {
      if (this.place.step >= last || !this.root.isConnected) return this.stop();
      this.show({ ...this.place, step: this.place.step + 1 });
    }, BEAT);
  }

  stop() {
    clearInterval(this.playing);
    this.playing = 0;
    this.part.play.textContent = "▶";
  }

  /** Put what is shown into the address. */
  keep() {
    const { pathname, search, hash } = window.location;
    const wanted = searchWith(search, placeText(this.place), "removed");
    if (wanted === search) return;
    try {
      window.history.replaceState(window.history.state, "", pathname + wanted + hash);
    } catch {
      // Refused by browsers that count the changes: the clip is shown all the same.
    }
  }

  close() {
    this.stop();
    clearInterval(this.looking);
    this.line.remove();
    clips.delete(this.root);
  }
}

/**
 * One frame, with its fill where a cell is gone.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLImageElement} frame
 * @param {HTMLImageElement | string} fill
 * @param {boolean[]} isGone
 * @param {Data} data
 * @param {number} t
 */
function paint(canvas, frame, fill, isGone, { grid: [T, h, w], frames }, t) {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const { width, height } = canvas;
  pen.drawImage(frame, 0, 0, width, height);
  const start = Math.floor((t * T) / frames.length) * h * w;
  for (let cell = 0; cell < h * w; cell++) {
    if (!isGone[start + cell]) continue;
    const [row, column] = [Math.floor(cell / w), cell % w];
    const [left, right] = [column, column + 1].map((at) => Math.round((at * width) / w));
    const [top, bottom] = [row, row + 1].map((at) => Math.round((at * height) / h));
    if (typeof fill === "string") {
      pen.fillStyle = fill;
      pen.fillRect(left, top, right - left, bottom - top);
    } else {
      const [x, y] = [fill.naturalWidth / width, fill.naturalHeight / height];
      const [wide, high] = [right - left, bottom - top];
      pen.drawImage(fill, left * x, top * y, wide * x, high * y, left, top, wide, high);
    }
  }
}

/**
 * Streamlit calls this when the clip appears, and again after every rerun.
 * @param {{parentElement: HTMLElement, data: Data}} component
 */
export default function mount({ parentElement, data }) {
  const root = /** @type {HTMLElement} */ (
    parentElement.querySelector("[data-testid=removed-clip]")
  );
  const clip = clips.get(root) ?? new Removed(root);
  clips.set(root, clip);
  clip.receive(data);
  return () =>
    setTimeout(() => {
      if (!root.isConnected) clips.get(root)?.close();
    });
}

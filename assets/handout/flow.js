// AM flow: a picture of each map for a pair of frames, and how much each changes from pair to pair.

/** @import {Flow, Kind} from "./payload.js" */

const PAUSE = 600; // ms of a pair while it plays
const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, PAD] = [600, 96, 8];

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {object} properties
 */
function made(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
function drawn(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * Where the means of a kind are in the curve, as parts of their own largest.
 * @param {Kind} kind
 * @returns {[number, number][]}
 */
export function points({ means }) {
  const top = Math.max(...means) || 1;
  const last = Math.max(1, means.length - 1);
  return means.map((mean, i) => [
    PAD + ((WIDE - 2 * PAD) * i) / last,
    HIGH - PAD - ((HIGH - 2 * PAD) * mean) / top,
  ]);
}

export class FlowView {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    /** @type {Flow | null} */
    this.flow = null;
    this.at = 0;
    this.timer = 0;
    /** @type {HTMLImageElement[]} */
    this.images = [];
    this.marker = drawn("line", { y1: 0, y2: HIGH, class: "ho-marker" });
    this.curve = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "ho-curve" });
    this.scrub = made("input", "", { type: "range", min: "0", step: "1", ariaLabel: "Pair" });
    this.output = made("output", "");
    this.button = made("button", "ho-button", { type: "button" });
    this.scrub.addEventListener("input", () => this.show(Number(this.scrub.value)));
    this.button.addEventListener("click", () => this.play(!this.timer));
    this.curve.addEventListener("click", (event) => this.point(event));
  }

  /**
   * Show the AM flow of another model.
   * @param {Flow} flow
   */
  open(flow) {
    this.flow = flow;
    this.images = flow.kinds.map(() => made("img", "ho-map"));
    const figures = flow.kinds.map((kind, i) => {
      const figure = made("figure", "ho-kind");
      const caption = made("figcaption", "");
      const name = made("strong", `ho-key ho-key-${i}`, { textContent: kind.name });
      caption.append(name, ` ${kind.meaning}; ${kind.least} to ${kind.most}`);
      figure.append(this.images[i], caption);
      return figure;
    });
    const maps = made("div", "ho-kinds");
    maps.append(...figures);
    const bar = made("div", "ho-play");
    bar.append(this.button, this.scrub, this.output);
    this.scrub.max = String(flow.steps.length - 1);
    this.drawCurve(flow);
    const words = "How much each map changes, as a part of its own largest change; click a pair.";
    this.box.replaceChildren(maps, bar, this.curve, made("p", "ho-soft", { textContent: words }));
    this.play(false);
    this.show(flow.opens_on);
  }

  /** @param {Flow} flow */
  drawCurve(flow) {
    const lines = flow.kinds.flatMap((kind, i) => {
      const places = points(kind);
      const line = drawn("polyline", {
        points: places.map((place) => place.join(",")).join(" "),
        class: `ho-curve-${i}`,
      });
      const dots = places.map(([cx, cy]) => drawn("circle", { cx, cy, r: 3.5 }));
      for (const dot of dots) dot.setAttribute("class", `ho-dot-${i}`);
      return [line, ...dots];
    });
    const base = drawn("line", { x1: 0, x2: WIDE, y1: HIGH - PAD, y2: HIGH - PAD });
    base.setAttribute("class", "ho-base");
    this.curve.replaceChildren(base, this.marker, ...lines);
    const names = flow.kinds.map(({ name }) => name).join(", ");
    this.curve.setAttribute("aria-label", `How much each map changes over the clip: ${names}`);
  }

  /** @param {number} at */
  show(at) {
    if (!this.flow) return;
    const { steps, kinds } = this.flow;
    this.at = at;
    kinds.forEach((kind, i) => {
      this.images[i].src = kind.pictures[at];
      this.images[i].alt = `AM flow, ${kind.name}, frames ${steps[at]}`;
    });
    this.scrub.value = String(at);
    this.output.textContent = `frames ${steps[at]}`;
    const [x] = points(kinds[0])[at];
    this.marker.setAttribute("x1", String(x));
    this.marker.setAttribute("x2", String(x));
    this.box.dataset.pair = String(at);
  }

  /** @param {Event} event */
  point(event) {
    if (!this.flow || !(event instanceof MouseEvent)) return;
    const { left, width } = this.curve.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * WIDE;
    const away = points(this.flow.kinds[0]).map(([place]) => Math.abs(place - x));
    this.play(false);
    this.show(away.indexOf(Math.min(...away)));
  }

  /** @param {boolean} on */
  play(on) {
    clearInterval(this.timer);
    const step = () => this.flow && this.show((this.at + 1) % this.flow.steps.length);
    this.timer = on ? window.setInterval(step, PAUSE) : 0;
    this.button.textContent = on ? "❚❚ Pause" : "▶ Play";
  }
}

// A page to take home: tabs of models over one viewer, one shuffle lab, and their AM flow. It is
// opened from disk, holds all that it shows, and asks nobody for anything.

/** @import {Sheet, Shuffle} from "./payload.js" */

import { FlowView } from "./flow.js";
import { lightOnPaper, themeButton } from "./theme.js";

/**
 * Shows data in a component of the app; what it asks for is not answered.
 * @typedef {(component: {parentElement: HTMLElement, data: any,
 *   setStateValue: () => void, setTriggerValue: () => void}) => void} Mount
 */

const nobody = () => {};

/** @param {string} name */
const part = (name) => /** @type {HTMLElement} */ (document.querySelector(`[data-ho=${name}]`));

/**
 * The bytes that base 64 stands for.
 * @param {string} text
 */
const bytesOf = (text) => Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));

class Handout {
  /**
   * @param {Sheet[]} sheets
   * @param {Mount} viewer
   * @param {Mount} lab
   */
  constructor(sheets, viewer, lab) {
    this.sheets = sheets;
    this.viewer = viewer;
    this.lab = lab;
    this.at = 0;
    /** @type {Map<number, Uint8Array>} */
    this.payloads = new Map();
    this.flow = new FlowView(part("flow"));
    this.chooser = /** @type {HTMLSelectElement} */ (part("shuffle"));
    this.chooser.addEventListener("change", () => this.showOrder());
    this.tabs = sheets.map(({ title }, i) => this.tab(title, i));
    part("tabs").hidden = sheets.length < 2;
    part("tabs").append(...this.tabs);
  }

  /**
   * @param {string} title
   * @param {number} i
   */
  tab(title, i) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "ho-tab", textContent: title });
    button.setAttribute("role", "tab");
    button.addEventListener("click", () => this.open(i));
    button.addEventListener("keydown", (event) => {
      const last = this.sheets.length - 1;
      /** @type {Record<string, number>} */
      const targets = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: last };
      const to = targets[event.key];
      if (to === undefined || to < 0 || to > last) return;
      event.preventDefault();
      this.open(to);
      this.tabs[to].focus();
    });
    return button;
  }

  /**
   * Show what a model shows.
   * @param {number} i
   */
  open(i) {
    this.at = i;
    this.tabs.forEach((tab, k) => {
      tab.setAttribute("aria-selected", String(k === i));
      tab.tabIndex = k === i ? 0 : -1;
    });
    const parts = /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll("[data-sheet]")
    );
    for (const node of parts) node.hidden = node.dataset.sheet !== String(i);
    const { lab, flow } = this.sheets[i];
    const options = (lab?.shuffles ?? []).map(({ name }, k) => new Option(name, String(k)));
    this.chooser.replaceChildren(...options);
    part("order").hidden = lab === null;
    part("change").hidden = flow === null;
    if (flow) {
      const what = "how much the attention map changes from one frame to the next";
      part("block").textContent = `AM flow is ${what}: of block ${flow.block}, mean over heads.`;
      this.flow.open(flow);
    } else this.flow.play(false);
    this.refresh();
  }

  /** Paint anew what is painted: another model, or other colours. */
  refresh() {
    this.showViewer();
    this.showOrder();
  }

  showViewer() {
    const payload = this.payloads.get(this.at) ?? bytesOf(this.text(this.at));
    this.payloads.set(this.at, payload);
    this.mount(this.viewer, part("look"), payload);
  }

  /** @param {number} i */
  text(i) {
    return String(document.getElementById(`ho-payload-${i}`)?.textContent);
  }

  /**
   * @param {Mount} component
   * @param {HTMLElement} parentElement
   * @param {any} data
   */
  mount(component, parentElement, data) {
    component({ parentElement, data, setStateValue: nobody, setTriggerValue: nobody });
  }

  showOrder() {
    const { lab } = this.sheets[this.at];
    if (!lab) return;
    const shuffle = lab.shuffles[Number(this.chooser.value)];
    const pictures = shuffle.permutation.map((unit) => lab.units[unit]);
    const data = { ...shuffle, pictures, fixed: true, answers: 0, film: null };
    this.mount(this.lab, part("order"), data);
    this.showVerdict(shuffle);
  }

  /** @param {Shuffle} shuffle */
  showVerdict({ verdict, meaning, matrix, figures }) {
    part("verdict").textContent = `${verdict}.`;
    part("meaning").textContent = `${meaning} Matrix: ${matrix}.`;
    const rows = figures.map(([name, value]) => {
      const [row, dt, dd] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      dt.textContent = name;
      dd.textContent = value;
      row.append(dt, dd);
      return row;
    });
    part("figures").replaceChildren(...rows);
  }
}

/**
 * Open the page.
 * @param {Mount} viewer
 * @param {Mount} lab
 */
export default function mount(viewer, lab) {
  const text = String(document.getElementById("ho-sheets")?.textContent);
  const handout = new Handout(JSON.parse(text), viewer, lab);
  handout.open(0);
  const refresh = () => handout.refresh();
  themeButton(part("theme"), refresh);
  lightOnPaper(refresh);
  part("print").addEventListener("click", () => window.print());
}

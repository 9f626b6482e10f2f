// A lesson to take home: its steps by buttons and keys, the guess before the answer, and beside
// each step what the app shows at it. It is opened from disk, and asks nobody for anything.
// For tests: main carries data-at, the step from 0, and data-answered.

/** @import {Flow, Shuffle} from "../payload.js" */

import { FlowView } from "../flow.js";
import { lightOnPaper, themeButton } from "../theme.js";

/**
 * A step, and what stands beside it.
 * @typedef {object} Step
 * @property {string} title
 * @property {"viewer" | "lab" | "flow" | "designs" | "plain"} kind
 * @property {number | null} right the right choice from 0, null without a question
 * @property {number} [payload] of the viewer
 * @property {string} [look] what the viewer shows, as the app's address says it
 * @property {Shuffle} [lab]
 * @property {string} [stand] where the lab stands, as the app's address says it
 * @property {Flow} [flow]
 */

/**
 * Shows data in a component of the app; what it asks for is not answered.
 * @typedef {(component: {parentElement: HTMLElement, data: any,
 *   setStateValue: () => void, setTriggerValue: () => void}) => void} Mount
 */

const nobody = () => {};

/** @param {string} name */
const named = (name) => /** @type {HTMLElement} */ (document.querySelector(`[data-le=${name}]`));

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 */
const every = (selector, within = document) =>
  /** @type {HTMLElement[]} */ ([...within.querySelectorAll(selector)]);

/**
 * The bytes that base 64 stands for.
 * @param {number} number of the payload
 */
function payloadOf(number) {
  const text = String(document.getElementById(`ho-payload-${number}`)?.textContent);
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}

class LessonPage {
  /**
   * @param {Step[]} steps
   * @param {{viewer: Mount, lab: Mount, designs: Mount}} components
   */
  constructor(steps, components) {
    this.steps = steps;
    this.components = components;
    this.at = 0;
    this.flow = new FlowView(named("flow"));
    /** @type {Map<number, Uint8Array>} */
    this.payloads = new Map();
    named("next").addEventListener("click", () => this.next());
    named("back").addEventListener("click", () => this.to(this.at - 1));
    for (const button of every(".le-choice"))
      button.addEventListener("click", () => this.answer(Number(button.dataset.choice)));
    window.addEventListener("keydown", (event) => this.key(event), { capture: true });
  }

  /** The words of the step that is shown. */
  get words() {
    return /** @type {HTMLElement} */ (document.querySelector(`[data-step="${this.at}"]`));
  }

  /** Whether the reader is still to guess. */
  get asks() {
    return this.steps[this.at].right !== null && this.words.dataset.answered === undefined;
  }

  /** Reveal the answer where one is due, else go on. */
  next() {
    if (this.asks) this.answer(null);
    else this.to(this.at + 1);
  }

  /** @param {number} at */
  to(at) {
    if (at < 0 || at >= this.steps.length) return;
    this.at = at;
    // the lab says by data-step, too, where it stands
    for (const node of every(".le-step-text")) node.hidden = node.dataset.step !== String(at);
    this.show();
    if (window.scrollY) window.scrollTo({ top: 0 });
  }

  /**
   * Show the answer.
   * @param {number | null} guess null where nobody guessed
   */
  answer(guess) {
    const { right } = this.steps[this.at];
    if (right === null) return;
    this.words.dataset.answered = String(guess ?? "");
    this.words.querySelectorAll(".le-choice").forEach((button, place) => {
      button.toggleAttribute("data-right", place === right);
      button.toggleAttribute("data-wrong", place === guess && place !== right);
    });
    this.name();
  }

  /** Say where it is, and name the buttons. */
  name() {
    const last = this.at === this.steps.length - 1;
    named("place").textContent = `${this.at + 1} of ${this.steps.length}`;
    named("next").textContent = this.asks ? "Reveal" : last ? "The end" : "Next ›";
    named("next").toggleAttribute("disabled", last && !this.asks);
    named("back").toggleAttribute("disabled", this.at === 0);
    const main = /** @type {HTMLElement} */ (document.querySelector(".le-main"));
    main.dataset.at = String(this.at);
    main.dataset.answered = this.words.dataset.answered ?? "";
  }

  /** Show what stands beside the step. */
  show() {
    const step = this.steps[this.at];
    for (const node of every("[data-kind]")) node.hidden = node.dataset.kind !== step.kind;
    for (const node of every("[data-figure]"))
      node.hidden = node.dataset.figure !== String(this.at);
    if (step.kind !== "flow") this.flow.play(false);
    if (step.kind === "viewer") this.showViewer(step);
    if (step.kind === "lab") this.showLab(step);
    if (step.flow) this.showFlow(step.flow);
    if (step.kind === "designs") this.mount("designs", step);
    this.name();
  }

  /**
   * @param {"viewer" | "lab" | "designs"} name
   * @param {any} data
   */
  mount(name, data) {
    const parentElement = named(name);
    const given = { parentElement, data, setStateValue: nobody, setTriggerValue: nobody };
    this.components[name](given);
  }

  /** @param {Step} step */
  showViewer({ payload = 0, look = "" }) {
    const bytes = this.payloads.get(payload) ?? payloadOf(payload);
    this.payloads.set(payload, bytes);
    this.mount("viewer", bytes);
    /** @type {any} */ (document.querySelector("[data-testid=attention-viewer]")).look(look);
  }

  /** @param {Step} step */
  showLab({ lab, stand = "" }) {
    if (!lab) return;
    this.mount("lab", { ...lab, fixed: true, answers: 0, film: null });
    /** @type {any} */ (document.querySelector("[data-testid=shuffle-lab]")).stand(stand);
    named("verdict").textContent = `${lab.verdict}.`;
    named("meaning").textContent = `${lab.meaning} Matrix: ${lab.matrix}.`;
    const rows = lab.figures.map(([name, value]) => {
      const [row, dt, dd] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      dt.textContent = name;
      dd.textContent = value;
      row.append(dt, dd);
      return row;
    });
    named("figures").replaceChildren(...rows);
  }

  /** @param {Flow} flow */
  showFlow(flow) {
    const what = "how much the attention map changes from one frame to the next";
    named("block").textContent = `AM flow is ${what}: of block ${flow.block}, mean over heads.`;
    this.flow.open(flow);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const free = target === document.body || Boolean(target.closest?.(".le-words"));
    const act = this.action(event.key, free);
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }

  /**
   * What a key does, if anything.
   * @param {string} key
   * @param {boolean} free whether nothing else has the focus
   * @returns {(() => void) | undefined}
   */
  action(key, free) {
    if (key === "PageDown" || (free && key === "ArrowRight")) return () => this.next();
    if (key === "PageUp" || (free && key === "ArrowLeft")) return () => this.to(this.at - 1);
    const guess = Number(key) - 1;
    const choices = this.words.querySelectorAll(".le-choice").length;
    if (free && this.asks && guess >= 0 && guess < choices) return () => this.answer(guess);
    return undefined;
  }
}

/**
 * Open the page.
 * @param {Mount} viewer
 * @param {Mount} lab
 * @param {Mount} designs
 */
export default function mount(viewer, lab, designs) {
  const text = String(document.getElementById("le-steps")?.textContent);
  const page = new LessonPage(JSON.parse(text), { viewer, lab, designs });
  page.to(0);
  themeButton(named("theme"), () => page.show());
  lightOnPaper(() => page.show());
}

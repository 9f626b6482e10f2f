// The strip of a guided lesson: its buttons and keys, the guess and the answer, and the ring around
// what is to be looked at. The text beside it is Streamlit's, for the sake of the equations.
// For tests: the root carries data-lesson, data-step and data-answered.

import { go, isNowhere, isTyping, leave, wasSent } from "./way.js";

/**
 * A step of a lesson. Steps count from 1.
 * @typedef {object} Told
 * @property {number} lesson
 * @property {string} title
 * @property {number} step
 * @property {string} name of the step
 * @property {string[]} titles of all steps
 * @property {string[]} addresses of all steps
 * @property {string[] | null} own the same before the visitor's own clip, if there is one
 * @property {boolean} allows_own whether this step makes sense before it
 * @property {boolean} on_own whether it is shown
 * @property {string} look a selector of what is to be looked at
 * @property {string[]} choices to guess from
 * @property {number | null} right the number of the right one, from 0
 */

const PATIENCE = 60_000; // ms for what is looked at to appear
const PAUSE = 150; // ms between two looks for it
const SETTLING = 2_000; // ms that the page may still move it
const AWAY = ["wheel", "pointerdown", "touchmove"]; // then the visitor looks elsewhere
/** @type {Map<Element, Strip>} */
const strips = new Map();

class Strip {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
    this.part = Object.fromEntries([...nodes].map((node) => [node.dataset.part, node]));
    /** @type {Told | null} */
    this.told = null;
    this.step = 0; // to which the visitor went last: what is told may still be of the one before
    this.ownClip = false;
    this.search = 0;
    this.selector = "";
    this.isAway = false; // whether the visitor looks elsewhere
    this.closing = new AbortController();
    const { signal } = this.closing;
    const { part } = this;
    part.next.addEventListener("click", () => this.next(), { signal });
    part.back.addEventListener("click", () => this.to(this.step - 1), { signal });
    part.leave.addEventListener("click", () => this.leave(), { signal });
    part.own.addEventListener("click", () => this.onOwn(!this.ownClip), { signal });
    window.addEventListener("keydown", (event) => this.key(event), { signal, capture: true });
    window.addEventListener("popstate", () => this.moved(), { signal });
    for (const name of AWAY)
      window.addEventListener(name, () => this.lookAway(), { signal, passive: true });
    this.watch = new ResizeObserver(() => this.makeRoom());
  }

  /** @param {Told} told */
  receive(told) {
    const before = this.told;
    const isFirst = before?.lesson !== told.lesson;
    if (!isFirst && told.step !== this.step) return; // an older step than the visitor is at
    this.told = told;
    this.step = told.step;
    this.ownClip = told.on_own;
    this.write(told);
    const box = this.root.closest(".st-key-lesson"); // Streamlit may have made another
    if (box) this.watch.observe(box);
    if (isFirst || before.step !== told.step || before.look !== told.look) this.look(told.look);
    // a link may name no more than the step
    if (isFirst && !wasSent()) go(told.addresses[told.step - 1], "replaceState");
  }

  /** @param {Told} told */
  write(told) {
    const { part, root } = this;
    if (root.dataset.step !== String(told.step)) delete root.dataset.answered;
    Object.assign(root.dataset, { lesson: told.lesson, step: told.step, look: told.look });
    const own = told.on_own ? " · on your clip; figures in the text are of the lesson's" : "";
    part.title.textContent = `Lesson ${told.lesson} · ${told.title}${own}`;
    part.name.textContent = `${told.step} of ${told.titles.length}: ${told.name}`;
    part.steps.replaceChildren(
      ...told.titles.map((_, place) => {
        const item = document.createElement("li");
        item.toggleAttribute("data-done", place < told.step);
        return item;
      }),
    );
    part.back.toggleAttribute("disabled", told.step === 1);
    part.own.hidden = !(told.own && told.allows_own);
    part.own.setAttribute("aria-pressed", String(told.on_own));
    part.choices.replaceChildren(
      ...told.choices.map((text, place) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "lesson-button";
        button.textContent = text;
        button.addEventListener("click", () => this.answer(place));
        return button;
      }),
    );
    part.choices.hidden = told.choices.length === 0;
    if (this.isAnswered) this.answer(null);
    else this.name();
  }

  get isAnswered() {
    return this.root.dataset.answered !== undefined;
  }

  /** Whether the audience is still to guess. */
  get asks() {
    return Boolean(this.told?.choices.length) && !this.isAnswered;
  }

  /** Name the button that goes on, and show the answer or not. */
  name() {
    const { told, part, root } = this;
    const isLast = told?.step === told?.titles.length;
    part.next.textContent = this.asks ? "Reveal" : isLast ? "Done" : "Next ›";
    root.closest(".st-key-lesson")?.toggleAttribute("data-answered", this.isAnswered);
  }

  /**
   * Show the answer.
   * @param {number | null} guess null where nobody guessed
   */
  answer(guess) {
    const { told, part, root } = this;
    if (!told?.choices.length) return;
    root.dataset.answered = guess === null ? (root.dataset.answered ?? "") : String(guess);
    [...part.choices.children].forEach((button, place) => {
      const isGuess = String(place) === root.dataset.answered;
      const isRight = place === told.right;
      button.toggleAttribute("data-right", isRight);
      button.toggleAttribute("data-wrong", isGuess && !isRight);
      button.setAttribute("aria-pressed", String(isGuess));
      const mark = isRight ? "✓ " : isGuess ? "✗ " : "";
      button.textContent = mark + told.choices[place];
    });
    this.name();
  }

  // --- where it goes -----------------------------------------------------------------------------

  /** Reveal the answer where one is due, else go on; from the last step leave. */
  next() {
    if (!this.told) return;
    if (this.asks && this.step === this.told.step) this.answer(null);
    else if (this.step === this.told.titles.length) this.leave();
    else this.to(this.step + 1);
  }

  /** @param {number} step */
  to(step) {
    const { told } = this;
    if (!told || step < 1 || step > told.titles.length) return;
    const addresses = (this.ownClip && told.own) || told.addresses;
    this.step = step;
    go(addresses[step - 1]);
  }

  /** Go back to where the lesson was begun; one that a link opened is left where it stands. */
  leave() {
    const { told } = this;
    if (told)
      leave(this.ownClip && told.own ? told.own[told.step - 1] : told.addresses[told.step - 1]);
  }

  /** @param {boolean} on */
  onOwn(on) {
    this.ownClip = on;
    this.to(this.step);
  }

  /** The address is another: where the browser's own back button led, the strip follows. */
  moved() {
    const search = new URLSearchParams(window.location.search);
    const step = Number(search.get("step") ?? 1);
    if (Number(search.get("lesson")) === this.told?.lesson) this.step = step;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const target = /** @type {Element} */ (event.target);
    const inside = this.root.closest(".st-key-lesson")?.contains(target) ?? false;
    const act = this.action(event.key, inside, inside || isNowhere(target));
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }

  /**
   * What a key does, if anything.
   * @param {string} key
   * @param {boolean} inside the strip
   * @param {boolean} free whether nothing else on the page has the focus
   * @returns {(() => void) | undefined}
   */
  action(key, inside, free) {
    if (document.querySelector("dialog[open], [data-black]")) return undefined;
    if (key === "PageDown" || (free && key === "ArrowRight")) return () => this.next();
    if (key === "PageUp" || (free && key === "ArrowLeft")) return () => this.to(this.step - 1);
    const guess = Number(key) - 1;
    if (this.asks && this.told?.choices[guess] !== undefined) return () => this.answer(guess);
    if (key === "Escape" && inside) return () => this.leave();
    return undefined;
  }

  // --- what it points at -------------------------------------------------------------------------

  /**
   * Put a ring around what is to be looked at, and bring it into sight once it is there.
   * @param {string} selector
   */
  look(selector) {
    this.isAway = false;
    this.part.ring.textContent = selector
      ? `${selector} { outline: 3px solid var(--lesson-ring); outline-offset: 2px;
          border-radius: 4px; scroll-margin: 5rem 0 1rem; }`
      : "";
    this.selector = selector;
    this.keepInSight(PATIENCE);
  }

  /**
   * Bring what is looked at into sight once it is there, and again while the page still moves,
   * unless the visitor looks elsewhere.
   * @param {number} patience ms
   */
  keepInSight(patience) {
    const { selector } = this;
    let until = performance.now() + patience;
    let isThere = false;
    clearInterval(this.search);
    this.search = window.setInterval(() => {
      if (performance.now() > until) clearInterval(this.search);
      const app = document.querySelector("[data-testid=stApp]");
      const isIdle = /** @type {HTMLElement} */ (app)?.dataset.testScriptState === "notRunning";
      const node = selector ? document.querySelector(selector) : null;
      if (!isIdle || (selector && !node)) return;
      if (!isThere) until = performance.now() + SETTLING;
      if (node) node.scrollIntoView({ block: "nearest", inline: "nearest" });
      else if (!isThere) document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
      isThere = true;
    }, PAUSE);
  }

  lookAway() {
    this.isAway = true;
    clearInterval(this.search);
  }

  /** Let the app end where the strip begins. */
  makeRoom() {
    const box = this.root.closest(".st-key-lesson");
    const height = box instanceof HTMLElement ? box.offsetHeight : 0;
    document.documentElement.style.setProperty("--lesson-height", `${height}px`);
    window.dispatchEvent(new Event("resize"));
    if (this.selector && !this.isAway) this.keepInSight(PATIENCE);
  }

  close() {
    clearInterval(this.search);
    this.closing.abort();
    this.watch.disconnect();
    strips.delete(this.root);
    if (strips.size > 0) return;
    document.documentElement.style.removeProperty("--lesson-height");
    window.dispatchEvent(new Event("resize"));
  }
}

/**
 * Streamlit calls this when the strip appears, and again after every rerun.
 * @param {{parentElement: HTMLElement, data: Told}} component
 */
export default function mount({ parentElement, data }) {
  const root = /** @type {HTMLElement} */ (
    parentElement.querySelector("[data-testid=lesson-strip]")
  );
  const strip = strips.get(root) ?? new Strip(root);
  strips.set(root, strip);
  strip.receive(data);
  return () =>
    setTimeout(() => {
      if (!root.isConnected) strips.get(root)?.close();
    });
}

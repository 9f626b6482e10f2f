// What a presenter needs: one picture alone and enlarged (P), a black screen (B), and the list of
// all keys (?). Escape leaves each of them to exactly where one was. A page's other figures come by
// the arrow keys up and down; while a lesson runs, what its step rings is shown. A page without a
// figure stays as it is.
// For tests: the html element carries data-present, with it data-alone while something is shown
// alone, and data-black while the screen is black.

import { enlarge, figures, holderOf, inSight, isLaidOut, restore, wordsAbove } from "./figures.js";
import { isNowhere, isPresenting, isTyping } from "./way.js";

/** What each key does, by where. @typedef {Record<string, Record<string, string>>} Keys */

const PAUSE = 200; // ms between two looks at the page, while it is presented
const SOON = 600; // ms without a figure after which a page is taken to have none
const OPENING = 1500; // the same where another one was shown before: its code may still be loading
const LATE = 10_000; // ms after which even a page that still computes is shown as it is
const NOTHING = "Nothing on this page to enlarge: it stays as it is. Escape leaves.";
const SHARE = 0.2; // of the screen's height, that the words above a figure may take
const HTML = document.documentElement;
/** @type {Map<Element, Presenter>} */
const presenters = new Map();

class Presenter {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
    this.part = Object.fromEntries([...nodes].map((node) => [node.dataset.part, node]));
    this.keys = /** @type {HTMLDialogElement} */ (this.part.keys);
    this.scrolled = 0;
    this.timer = 0;
    this.since = 0; // when there was last something to present, or 0
    /** @type {Element | null} the figure that is presented, where no lesson says which */
    this.chosen = null;
    /** @type {Element | null} what is to be seen now */
    this.shown = null;
    this.closing = new AbortController();
    const { signal } = this.closing;
    window.addEventListener("keydown", (event) => this.key(event), { signal, capture: true });
    this.part.close.addEventListener("click", () => this.keys.close(), { signal });
    this.part.black.addEventListener("click", () => this.black(false), { signal });
    if (new URLSearchParams(window.location.search).get("present") === "1") this.present(true);
  }

  /** @param {Keys} keys */
  receive(keys) {
    const { list } = this.part;
    if (!list.childElementCount)
      for (const [place, what] of Object.entries(keys)) {
        const title = document.createElement("h3");
        title.textContent = place;
        const table = document.createElement("dl");
        for (const [key, does] of Object.entries(what)) {
          const [term, text] = [document.createElement("dt"), document.createElement("dd")];
          term.textContent = key;
          text.textContent = does;
          table.append(term, text);
        }
        const section = document.createElement("section");
        section.append(title, table);
        list.append(section);
      }
    this.link(); // a rerun may have put another address back
  }

  // --- keys --------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const act = this.action(event.key, isNowhere(/** @type {Element} */ (event.target)));
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }

  /**
   * What a key does, if anything.
   * @param {string} key
   * @param {boolean} free whether nothing on the page has the focus
   * @returns {(() => void) | undefined}
   */
  action(key, free) {
    const isBlack = !this.part.black.hidden;
    if (this.keys.open)
      return key === "Escape" || key === "?" ? () => this.keys.close() : undefined;
    if (isBlack) return () => this.black(false); // any key: nobody sees which
    if (key === "b" || key === "B" || key === ".") return () => this.black(true);
    if (key === "?") return () => this.keys.showModal();
    if (key === "p" || key === "P") return () => this.present(!isPresenting());
    if (key === "Escape" && isPresenting()) return () => this.present(false);
    if (free && isPresenting() && key === "ArrowDown") return () => this.turn(1);
    if (free && isPresenting() && key === "ArrowUp") return () => this.turn(-1);
    return undefined;
  }

  /** @param {boolean} on */
  black(on) {
    this.part.black.hidden = !on;
    HTML.toggleAttribute("data-black", on);
  }

  // --- the presenter view ------------------------------------------------------------------------

  /** @param {boolean} on */
  present(on) {
    if (on === isPresenting()) return;
    const page = document.querySelector("[data-testid=stMain]");
    if (on) {
      this.scrolled = page?.scrollTop ?? 0;
      this.chosen = inSight();
    }
    HTML.toggleAttribute("data-present", on);
    this.link();
    clearInterval(this.timer);
    if (on) this.timer = window.setInterval(() => this.fit(), PAUSE);
    this.fit();
    if (!on) requestAnimationFrame(() => page?.scrollTo({ top: this.scrolled }));
  }

  /**
   * Present the figure after this one, or that before.
   * @param {number} by
   */
  turn(by) {
    const all = figures();
    const shown = all.findIndex((each) => holderOf(each).dataset.presented);
    this.chosen = all[Math.min(all.length - 1, Math.max(0, shown + by))] ?? null;
    this.fit();
  }

  /** Put the view into the address, or take it out. */
  link() {
    const url = new URL(window.location.href);
    const pairs = url.search.slice(1).split("&");
    const others = pairs.filter((pair) => pair && !pair.startsWith("present="));
    if (isPresenting()) others.push("present=1");
    url.search = others.join("&");
    if (url.href !== window.location.href)
      window.history.replaceState(window.history.state, "", url.href);
  }

  /** Mark what is presented, and enlarge it to fill what the strip of a lesson leaves free. */
  fit() {
    const { looked, shown } = isPresenting() ? this.wanted() : NOT;
    this.shown = shown;
    const holder = shown && holderOf(shown);
    const isNew = this.mark(holder, looked);
    this.alone(holder);
    if (!holder) return;
    const isLesson = lesson() !== null;
    const moved = this.write(isLesson ? NO_WORDS : wordsAbove(holder));
    enlarge(holder);
    if (isNew || moved) window.dispatchEvent(new Event("resize"));
  }

  /**
   * What is to be seen: what a lesson looks at, else what was chosen, else the page's first figure.
   * While what a lesson looks at is on its way, what was seen before stays, or nothing comes yet.
   * @returns {{looked: Element | null, shown: Element | null}}
   */
  wanted() {
    const look = lesson()?.dataset.look;
    const looked = look ? document.querySelector(look) : null;
    // a part of the figure that is presented may be hidden for the sake of another part
    if (looked && isLaidOut(holderOf(looked))) return { looked, shown: looked };
    if (look && (isBusy() || (!this.shown && this.waited() < OPENING)))
      return { looked: null, shown: this.shown?.isConnected ? this.shown : null };
    const all = figures();
    const isThere = this.chosen && all.includes(this.chosen);
    return { looked: null, shown: isThere ? this.chosen : (all[0] ?? null) };
  }

  /** For how many ms there was nothing to present. */
  waited() {
    return this.since ? performance.now() - this.since : 0;
  }

  /**
   * Mark what is presented and what in it is looked at, and take the marks from all else.
   * @param {HTMLElement | null} holder
   * @param {Element | null} looked
   * @returns {boolean} whether something else was marked before
   */
  mark(holder, looked) {
    let isNew = false;
    for (const node of document.querySelectorAll("[data-presented]"))
      if (node !== holder && node instanceof HTMLElement) {
        restore(node);
        isNew = true;
      }
    for (const node of document.querySelectorAll("[data-looked]"))
      if (node !== looked) {
        if (node instanceof HTMLDetailsElement) node.open = node.dataset.looked === "open";
        node.removeAttribute("data-looked");
        isNew = true;
      }
    if (looked instanceof HTMLElement && looked.dataset.looked === undefined) {
      looked.dataset.looked = looked instanceof HTMLDetailsElement && looked.open ? "open" : "";
      if (looked instanceof HTMLDetailsElement) looked.open = true;
      isNew = true;
    }
    return isNew || (holder !== null && holder.dataset.presented === undefined);
  }

  /**
   * Hide all but what is presented. Where that is on its way what was hidden stays so for a while;
   * where there is nothing, nothing is hidden.
   * @param {HTMLElement | null} holder
   */
  alone(holder) {
    const { note } = this.part;
    const was = HTML.hasAttribute("data-alone");
    if (holder || !isPresenting()) this.since = 0;
    else this.since ||= performance.now();
    const isLate = this.waited() > (isBusy() ? LATE : was ? OPENING : SOON);
    const alone = holder !== null || (was && isPresenting() && !isLate);
    HTML.toggleAttribute("data-alone", alone);
    let words = "";
    if (!holder && alone) words = "…";
    else if (!holder && isLate && !isBusy()) words = NOTHING;
    if (note.textContent !== words) note.textContent = words;
    if (!holder) this.write(NO_WORDS);
    if (was && !alone) window.dispatchEvent(new Event("resize"));
  }

  /**
   * Put words above what is presented, unless they take too much room: then no more than its title.
   * @param {import("./figures.js").Words} words
   * @returns {boolean} whether they take another room than before
   */
  write({ title, text }) {
    const { words } = this.part;
    const sentence = document.createElement("span");
    sentence.append(...text);
    const now = `${window.innerWidth} ${window.innerHeight} ${title} ${sentence.innerHTML}`;
    if (words.dataset.now === now) return false;
    words.dataset.now = now;
    const heading = Object.assign(document.createElement("strong"), { textContent: title });
    words.replaceChildren(...(title ? [heading, sentence] : []));
    if (words.offsetHeight > SHARE * window.innerHeight) sentence.remove();
    HTML.style.setProperty("--present-top", `${words.offsetHeight}px`);
    return true;
  }

  close() {
    clearInterval(this.timer);
    this.closing.abort();
    presenters.delete(this.root);
  }
}

const NO_WORDS = { title: "", text: [] };
const NOT = { looked: null, shown: null };

/** The strip of the lesson that runs. */
const lesson = () =>
  /** @type {HTMLElement | null} */ (document.querySelector("[data-testid=lesson-strip]"));

/** Whether the page is still on its way. */
function isBusy() {
  const app = /** @type {HTMLElement | null} */ (document.querySelector("[data-testid=stApp]"));
  const late = "[data-testid=stSkeleton], [data-testid=stAppSkeleton], [data-testid=figures-wait]";
  return app?.dataset.testScriptState !== "notRunning" || document.querySelector(late) !== null;
}

/**
 * Streamlit calls this when the presenter appears, and again after every rerun.
 * @param {{parentElement: HTMLElement, data: {keys: Keys}}} component
 */
export default function mount({ parentElement, data }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector("[data-testid=presenter]"));
  const presenter = presenters.get(root) ?? new Presenter(root);
  presenters.set(root, presenter);
  presenter.receive(data.keys);
  return () =>
    setTimeout(() => {
      if (!root.isConnected) presenters.get(root)?.close();
    });
}

// What a presenter needs: one picture alone and enlarged (P), a black screen (B), and the list of
// all keys (?). Escape leaves each of them to exactly where one was. A page's other figures come by
// the arrow keys up and down.
// For tests: the html element carries data-present, and data-black while the screen is black.

import { isNowhere, isPresenting, isTyping } from "./way.js";

/** What each key does, by where. @typedef {Record<string, Record<string, string>>} Keys */

// what is presented: what a lesson looks at, else the page's own picture
const VIEWS = "[data-testid=attention-viewer], [data-testid=shuffle-lab], .js-plotly-plot";
const LARGE = 2.4; // a chart is not enlarged beyond this
const NARROW = 560; // pixels of a chart, before it is enlarged
const ROOM = 20; // pixels on each side of it
const PAUSE = 200; // ms between two looks at the page, while it is presented
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
    /** @type {Element | null} the figure that is presented, where no lesson says which */
    this.chosen = null;
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
    document.documentElement.toggleAttribute("data-black", on);
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
    document.documentElement.toggleAttribute("data-present", on);
    this.link();
    clearInterval(this.timer);
    if (on) this.timer = window.setInterval(() => this.fit(), PAUSE);
    this.fit();
    window.dispatchEvent(new Event("resize"));
    if (!on) requestAnimationFrame(() => page?.scrollTo({ top: this.scrolled }));
  }

  /**
   * Present the figure after this one, or that before.
   * @param {number} by
   */
  turn(by) {
    const all = pictures();
    const shown = all.findIndex((each) => held(each)?.hasAttribute("data-presented"));
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
    const picture = isPresenting() ? held(presented(this.chosen)) : null;
    for (const node of document.querySelectorAll("[data-presented]"))
      if (node !== picture && node instanceof HTMLElement) {
        node.removeAttribute("data-presented");
        node.style.removeProperty("--present-zoom");
        node.style.removeProperty("--present-width");
      }
    if (!(picture instanceof HTMLElement)) return;
    const isNew = !picture.hasAttribute("data-presented");
    picture.setAttribute("data-presented", "");
    if (isNew) window.dispatchEvent(new Event("resize"));
    const chart = picture.querySelector(".js-plotly-plot");
    if (!(chart instanceof HTMLElement)) return;
    const { clientWidth, clientHeight } = picture;
    const [width, height] = [clientWidth - 2 * ROOM, clientHeight - 2 * ROOM];
    const tall = Math.min(height / chart.offsetHeight, LARGE);
    if (isOfPictures(chart)) {
      const zoom = Math.min(width / chart.offsetWidth, tall);
      picture.style.setProperty("--present-zoom", zoom.toFixed(3));
      return;
    }
    // What is drawn of lines and bars is made narrower first, so that enlarged it fills the screen.
    const zoom = Math.max(1, Math.min(tall, width / NARROW));
    picture.style.setProperty("--present-zoom", zoom.toFixed(3));
    picture.style.setProperty("--present-width", `${Math.floor(width / zoom)}px`);
  }

  close() {
    clearInterval(this.timer);
    this.closing.abort();
    presenters.delete(this.root);
  }
}

/** Every figure of the page that can be presented, from top to bottom. */
const pictures = () => [...document.querySelectorAll(VIEWS)].filter((each) => held(each));

/**
 * The element of Streamlit that holds a figure.
 * @param {Element | null | undefined} picture
 */
function held(picture) {
  return picture?.closest("[data-testid=stElementContainer]") ?? null;
}

/** The first figure whose middle is on the screen. */
function inSight() {
  return (
    pictures().find((each) => {
      const { top, bottom } = each.getBoundingClientRect();
      const middle = (top + bottom) / 2;
      return middle > 0 && middle < window.innerHeight;
    }) ?? null
  );
}

/**
 * What is presented: what a lesson looks at, else what was chosen, else the page's first figure.
 * @param {Element | null} chosen
 */
function presented(chosen) {
  const strip = document.querySelector("[data-testid=lesson-strip]");
  const look = strip instanceof HTMLElement ? strip.dataset.look : "";
  const looked = look ? document.querySelector(look) : null;
  const all = pictures();
  const ofLesson = looked
    ? all.find((each) => each.contains(looked) || looked.contains(each))
    : undefined;
  return ofLesson ?? (chosen && all.includes(chosen) ? chosen : all[0]);
}

/**
 * Whether a chart's shape is that of the pictures in it.
 * @param {Element} chart
 */
function isOfPictures(chart) {
  const { data } = /** @type {{data?: {type?: string}[]}} */ (/** @type {unknown} */ (chart));
  return Boolean(data?.some(({ type }) => type === "image"));
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

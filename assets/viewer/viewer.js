// The viewer itself: it holds the state, listens, and paints. Python sends payloads; nothing goes
// back but requests for more. For tests: the root carries data-query, data-layer, data-head,
// data-frame, data-locked (numbers of core, from 0); attentionRow(), frameMatrix(), arithmetic()
// return what is drawn.

/** @import {Header} from "./payload.js" */
/** @import {Patch} from "./maths.js" */
/** @import {Sizes} from "./parts.js" */
/** @import {State, Wish} from "./state.js" */
/** @import {Need} from "./drawing.js" */
/** @import {Titled} from "./legend.js" */

import { merge, parse, strongest } from "./maths.js";
import {
  carried,
  fitted,
  linked,
  meaning,
  nearest,
  readAddress,
  targetOf,
  toText,
  writeAddress,
} from "./state.js";
import { fitInto, partsOf } from "./parts.js";
import { Pictures } from "./paint.js";
import { buildControls, drawnTip, helpOf } from "./controls.js";
import { describe, titleOf } from "./words.js";
import { drawnOf, mark, waitingFor } from "./drawing.js";
import { FrameMap } from "./framemap.js";
import { Folds } from "./folds.js";
import { Frames } from "./frames.js";
import { press } from "./keys.js";
import { writeLegend } from "./legend.js";
import { playFrames } from "./playback.js";
import { Requests } from "./requests.js";
import { keepButtons, kept } from "./snapshot.js";
import { openTips } from "../tips.js";

/**
 * A clip that is open: what is wanted, and what of it this clip and model can show.
 * @typedef {{data: Header, pictures: Pictures, wish: Wish, state: State}} Open
 */

// ms between changes of the address: browsers stop listening to more than a few a second
const ADDRESS_PAUSE = 200;
/** @type {Map<Element, Viewer>} */
const viewers = new Map();
/**
 * The address of the viewer that was closed last and its clip, for when its page is opened again.
 * @type {{text: string, clip: string} | null}
 */
let remembered = null;

class Viewer {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.part = partsOf(root);
    /** @type {Open | null} */
    this.open = null;
    /** @type {Sizes | null} */
    this.size = null;
    /** @type {Titled | null} */
    this.drawn = null;
    /** @type {Patch | null} the patch under the pointer */
    this.pointer = null;
    /** @type {Patch | null} the patch that was kept last */
    this.lastPatch = null;
    /** @type {string | null} who was to look before a patch was kept */
    this.base = null;
    /** @type {string | null} the text of an address that was gone to, until something is changed */
    this.sentTo = null;
    this.requests = new Requests();
    /** @type {ReturnType<typeof buildControls>} */
    this.showControls = () => {};
    /** @type {AbortController | null} */
    this.playing = null;
    this.limits = { top: 0, cut: 0 }; // for a file of what is drawn
    this.addressTimer = 0;
    this.paintedSide = "";
    this.closing = new AbortController();
    const { signal } = this.closing;
    this.frames = new Frames(
      this.part,
      {
        current: () => this.open?.state.frame ?? 0,
        point: (patch) => this.point(patch),
        focus: () => this.part.stage.focus({ preventScroll: true }),
        click: (frame, patch) => this.click(frame, patch),
      },
      signal,
    );
    this.map = new FrameMap(root, this.part, {
      repaint: () => this.paintSide(),
      choose: (t) => this.open && this.change({ frame: t * this.open.data.unit }),
    });
    this.folds = new Folds(root, this.part, {
      repaint: () => this.paint(),
      open: (wish) => this.change(wish),
      ask: (need) => this.requests.ask(need),
    });
    this.keep = keepButtons(
      this.part.keep,
      () => this.shown(),
      (kind, number) => this.askForFile(kind, number),
      signal,
    );
    this.listen();
    this.watch = new ResizeObserver(() => this.resized());
    Object.assign(root, {
      attentionRow: () => this.attentionRow(),
      frameMatrix: () => this.frameMatrix(),
      arithmetic: () => this.folds.apart,
      kept: () => this.open && kept(this.shown()),
      look: (/** @type {string} */ text) => this.look(text),
    });
  }

  /**
   * Take a payload: a new clip or model, or more of the one that is shown.
   * @param {Uint8Array} bytes
   * @param {(need: Need) => void} ask
   */
  async receive(bytes, ask) {
    this.requests.send = ask;
    const data = parse(bytes);
    if (this.open?.data.id === data.id) merge(this.open.data, data);
    else await this.show(data);
    this.requests.answered();
    this.writeAddress(); // a rerun may have put it back
    this.resized();
    if (data.file) this.keep(data.file);
  }

  /**
   * Open on a new clip or model, as far as it can be like the one before.
   * @param {Header} data
   */
  async show(data) {
    const pictures = new Pictures(data.frames);
    await pictures.ready;
    const address = this.sentTo ?? (this.open ? null : readAddress());
    let wish;
    if (address !== null) wish = linked(data, address);
    else if (this.open) wish = carried(data, this.open.data, this.open.wish);
    else wish = linked(data, remembered?.text ?? "", remembered?.clip);
    this.drawn = null;
    this.requests.forget();
    this.begin((this.open = { data, pictures, wish, state: fitted(data, wish) }));
    this.frames.open(data, pictures);
    this.part.frame.max = String(data.frames.length - 1);
    if (viewers.get(this.root) === this) this.watch.observe(this.root);
  }

  /**
   * Begin with what is wanted, at the time that is wanted, else at the frame that gets most.
   * @param {Open} open
   */
  begin({ data, wish: { at }, state }) {
    this.pointer = null;
    state.frame = typeof at === "number" ? nearest(data.times, at) : this.strongestFrame();
    this.controls();
  }

  /** Show what a text says, as where the address is another. @param {string} text */
  look(text) {
    const { open } = this;
    this.sentTo = text;
    clearTimeout(this.addressTimer);
    if (!open) return;
    open.wish = linked(open.data, text);
    open.state = fitted(open.data, open.wish);
    this.begin(open);
    this.paint();
  }

  controls() {
    if (!this.open) return;
    const { data, state } = this.open;
    const set = (/** @type {Wish} */ wish) => this.change(wish);
    this.showControls = buildControls(this.part.controls, data, state, set);
  }

  // --- what changes it ---------------------------------------------------------------------------

  /**
   * Change part of the state, then draw.
   * @param {Wish} wish
   */
  change(wish) {
    if (!this.open) return;
    const { data, state } = this.open;
    this.sentTo = null;
    const change = { ...wish };
    if (wish.query === "patch") {
      const [, h, w] = data.grid;
      const middle = [Math.floor(state.frame / data.unit), Math.floor(h / 2), Math.floor(w / 2)];
      change.query = this.lastPatch ?? middle;
    }
    Object.assign(this.open.wish, meaning(data, state, change));
    const { frame } = { ...state, ...change };
    this.open.state = fitted(data, { ...this.open.wish, frame });
    if (this.locked) this.lastPatch = this.locked;
    if (this.open.state.tap !== state.tap) this.controls();
    this.paint();
    clearTimeout(this.addressTimer);
    if (!this.playing) this.addressTimer = setTimeout(() => this.writeAddress(), ADDRESS_PAUSE);
  }

  /** Say what is wanted: in the address, and to what follows the viewer. */
  writeAddress() {
    if (!this.open) return;
    const text = toText(this.open.wish, this.open.state);
    writeAddress(text);
    this.root.dataset.look = text;
    window.dispatchEvent(new Event("attention-look"));
  }

  /** The patch that is kept, or null. @returns {Patch | null} */
  get locked() {
    const query = this.open?.state.query;
    return Array.isArray(query) ? query : null;
  }

  /**
   * The patch that asks: the kept one, or the one under the pointer; null for class token, mean and
   * GradCAM.
   */
  get asking() {
    if (this.locked) return this.locked;
    return this.open?.state.query === "gradcam" ? null : this.pointer;
  }

  /** @param {Patch | null} patch */
  point(patch) {
    if (String(patch) === String(this.pointer)) return;
    this.pointer = patch;
    this.paint();
  }

  /**
   * @param {number} frame
   * @param {Patch | null} patch
   */
  click(frame, patch) {
    if (!this.open) return;
    const { state } = this.open;
    if (patch && state.query !== "gradcam") this.lock(patch);
    else if (frame !== state.frame) this.change({ frame });
  }

  /** @param {Patch} patch */
  lock(patch) {
    if (this.locked && String(patch) === String(this.locked)) {
      this.free();
      return;
    }
    if (this.open && !this.locked) this.base = this.open.wish.query;
    this.change({ query: patch });
  }

  free() {
    if (!this.open || !this.locked) return;
    this.change({ query: this.base ?? "cls" });
  }

  /** @param {number} by */
  step(by) {
    if (!this.open) return;
    const count = this.open.data.frames.length;
    this.change({ frame: (this.open.state.frame + by + count) % count });
  }

  /** @param {boolean} on */
  play(on) {
    this.playing?.abort();
    this.playing = null;
    if (on && this.open) {
      this.playing = new AbortController();
      const { data, state } = this.open;
      const show = (/** @type {number} */ frame) => {
        if (frame !== this.open?.state.frame) this.change({ frame });
      };
      playFrames(data.times, state.frame, show, this.playing.signal);
    } else this.change({});
    this.part.play.textContent = on ? "❚❚" : "▶";
    this.part.play.setAttribute("aria-label", on ? "Pause" : "Play");
  }

  listen() {
    const { part } = this;
    part.frame.addEventListener("input", () => this.change({ frame: Number(part.frame.value) }));
    part.play.addEventListener("click", () => this.play(!this.playing));
    part.play.textContent = "▶";
    const { signal } = this.closing;
    openTips(this.root, signal);
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("popstate", () => this.look(readAddress() ?? ""), { signal });
    window.addEventListener("resize", () => this.resized(), { signal });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.open) return;
    const { root, part } = this;
    const moves = { locked: this.locked !== null, last: this.open.data.frames.length - 1 };
    press(event, { root, stage: part.stage, play: part.play }, moves, {
      free: () => this.free(),
      step: (by) => this.step(by),
      show: (frame) => this.change({ frame }),
      play: () => this.play(!this.playing),
      ask: () => this.change({ query: "patch" }),
      move: (rows, columns) => this.moveLocked(rows, columns),
    });
  }

  /**
   * @param {number} rows
   * @param {number} columns
   */
  moveLocked(rows, columns) {
    if (!this.open || !this.locked) return;
    const [t, row, col] = this.locked;
    const moved = { ...this.open.state, query: [t, row + rows, col + columns] };
    const { query } = fitted(this.open.data, moved);
    this.change({ query });
  }

  /**
   * @param {string} keep
   * @param {number} number
   */
  askForFile(keep, number) {
    if (!this.open) return;
    const { data, state } = this.open;
    const target = targetOf(data, state);
    this.requests.send({ ...state, ...this.limits, target, keep, number });
  }

  // --- what it shows -----------------------------------------------------------------------------

  /** The first frame of the token that gets most, so that the first picture shows something. */
  strongestFrame() {
    if (!this.open) return 0;
    const { data, state } = this.open;
    const { drawn } = drawnOf(data, state, this.asking);
    const best = drawn ? strongest(drawn.values) : 0;
    return data.unit * Math.floor(best / (data.grid[1] * data.grid[2]));
  }

  paint() {
    if (!this.open || !this.size) return;
    const { root, part, asking, open, size } = this;
    const { data, state } = open;
    mark(root, state, asking, this.locked !== null);
    const { drawn, need } = drawnOf(data, state, asking);
    if (need) this.requests.ask(need);
    part.wait.hidden = drawn !== null;
    if (drawn) {
      const title = titleOf(data, state, drawn.view, asking);
      this.drawn = { ...drawn, title, tip: drawnTip(data, state, asking !== null) };
    } else part.wait.textContent = waitingFor(state);
    if (this.drawn) {
      const marksPointer = this.locked || state.query === "gradcam";
      const pointer = marksPointer ? this.pointer : null;
      const marked = { asking, locked: this.locked !== null, pointer };
      const painted = this.frames.paint(this.drawn, state, size, marked);
      this.limits = { top: this.drawn.top, cut: painted.cut };
      writeLegend(part, data, state, this.drawn, painted, size.scale);
      describe(part.values, data, this.drawn, this.pointer, this.locked);
    }
    const side = [state.tap, state.times, state.layer, state.head, state.frame, state.colours];
    const now = `${side.join(" ")} ${data.matrices.length}`;
    if (now !== this.paintedSide) this.paintSide();
    this.paintedSide = now;
    const signed = Boolean(this.drawn?.signed && (this.map.matrix?.entry.signed ?? true));
    this.showControls(state, { asking: asking !== null, signed });
    this.folds.paint({ ...open, locked: this.locked, pointer: this.pointer });
    root.dataset.ready = String(drawn !== null);
  }

  paintSide() {
    if (!this.open || !this.size) return;
    const { data, pictures, state } = this.open;
    this.map.paint(data, pictures, state, this.size);
  }

  /** Fit everything into the width there is. */
  resized() {
    const { open, root } = this;
    if (!open || !root.clientWidth) return;
    this.size = fitInto(root, this.part.controls, open.data);
    this.paintedSide = "";
    this.folds.forget();
    this.paint();
  }

  /** What is on the page, for a picture of it. */
  shown() {
    const { root, part, open } = this;
    const { thumbs, scenes } = this.frames;
    const lines = open ? [open.data.source, helpOf(open.data).remark] : [];
    return { root, part, thumbs, lines, scenes, map: this.map.scene };
  }

  attentionRow() {
    const { open, drawn } = this;
    return open && drawn && { view: drawn.view, shape: open.data.grid, values: drawn.values };
  }

  frameMatrix() {
    const { matrix } = this.map;
    if (!this.open || !matrix) return null;
    const T = this.open.data.grid[0];
    return { tap: matrix.entry.tap, shape: [T, T], values: matrix.values };
  }

  close() {
    this.play(false);
    this.closing.abort();
    this.watch.disconnect();
    clearTimeout(this.addressTimer);
    viewers.delete(this.root);
    if (this.open) {
      const { data, wish, state } = this.open;
      remembered = { text: toText(wish, state), clip: data.clip };
    }
    if (viewers.size === 0) writeAddress(null);
  }
}

/**
 * Streamlit calls this when the viewer appears, and again after every rerun with what was sent
 * anew.
 * @param {{parentElement: HTMLElement, data: Uint8Array,
 *   setTriggerValue: (name: string, value: unknown) => void}} component
 */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (
    parentElement.querySelector("[data-testid=attention-viewer]")
  );
  const viewer = viewers.get(root) ?? new Viewer(root);
  viewers.set(root, viewer);
  viewer.receive(data, (need) => setTriggerValue("need", need));
  return () =>
    setTimeout(() => {
      if (!root.isConnected) viewers.get(root)?.close();
    });
}

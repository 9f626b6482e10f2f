// The shuffle lab: the shuffled strip, the step-through of the order's recovery, and the paths
// compared. Everything drawn comes from core; what goes back to Python is a new order made by hand,
// or other forbidden edges.
// For tests: the root carries data-step (0 matrix, 1 graph, 1 + k edges of the path, T + 1 in
// order), data-order (the frame in each slot), data-path, data-playing, data-waiting, data-answers
// (shown or hidden), and has shown(), the data, view(), where everything is on the stage, and
// spot(from, to), where an edge is on the screen.

/** @import {Standing} from "./address.js" */
/** @import {Edge} from "./geometry.js" */
/** @import {LabData, Shown} from "./data.js" */
/** @import {Scene} from "./stage.js" */
/** @import {Still} from "./keep.js" */

import { FRESH, leave, linkStanding, sameFrames, standingFor, standingOf } from "./address.js";
import { legendOf, paintScale, written } from "./ink.js";
import { paintStage } from "./stage.js";
import { captionOf, Found, Laid, named, readoutOf } from "./found.js";
import { Films } from "./films.js";
import { keep, kept } from "./keep.js";
import { openTips } from "../tips.js";
import { buttonOf, explain, partsOf, perRowOf, themeOf, viewOf } from "./parts.js";
import { fillTable } from "./paths.js";
import { Player } from "./player.js";
import { Strip } from "./strip.js";

/** What was done on the page. @typedef {{order?: number[], forbidden?: Edge[]}} Wanted */

const PAUSE = 500; // ms that keys may follow one another before Python is told
const SCALE = 150;
/** @type {Map<Element, Lab>} */
const labs = new Map();

class Lab {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.part = partsOf(root);
    this.sent = 0;
    this.chosen = 0; // the path that is shown
    this.centred = false; // whether colours are centred on the mean, where they can be
    this.revealed = false; // whether the true numbers of the frames are shown
    this.slid = false; // whether they are on their way to their places, or there
    /** @type {Found | null} */
    this.found = null;
    /** @type {Laid | null} */
    this.laid = null;
    /** @type {LabData | null} what came while a frame was dragged */
    this.late = null;
    /** @type {Edge | null} */
    this.pointed = null;
    /** @type {(wanted: Wanted & {n: number}) => void} */
    this.tell = () => {};
    this.films = new Films(root);
    this.moving = 0; // the timer of an order that is still being made by keys
    this.sentTo = /** @type {Standing | null} */ (null); // until something comes
    this.said = "";
    /** @type {LabData | null} of what it was said */
    this.saidOf = null;
    const { said, hint } = this.part;
    this.frames = new Strip(this.part.strip, String(hint.textContent).trim(), {
      moved: (order, byKeys) => this.moved(order, byKeys),
      idle: () => this.late && this.receive(this.late, this.tell),
      say: (words) => {
        said.textContent = words;
      },
    });
    this.player = new Player({
      slots: () => this.found?.data.permutation.length ?? 0,
      still: () => this.frames.still(),
      moved: () => this.paint(),
      playing: (on) => {
        root.dataset.playing = String(on);
        this.part.play.textContent = on ? "❚❚ Pause" : "▶ Put in order";
      },
    });
    this.closing = new AbortController();
    this.listen();
    this.watch = new ResizeObserver(() => this.resized());
    Object.assign(root, {
      shown: () => this.found?.data,
      view: () => this.laid?.view,
      kept: () => this.found && this.laid && kept(this.still(this.found, this.laid)),
      stand: (/** @type {string} */ text) => this.stand(standingOf(text)),
      spot: (/** @type {number} */ t, /** @type {number} */ u) => this.spot(t, u),
    });
  }

  /**
   * Take what core found. What answers an older request than the last one is passed over.
   * @param {LabData} data
   * @param {(wanted: Wanted & {n: number}) => void} tell
   */
  async receive(data, tell) {
    this.tell = tell;
    this.late = null;
    this.films.receive(data.film);
    if (data.answers < this.sent || this.moving) return;
    const pictures = data.pictures.map((source) => Object.assign(new Image(), { src: source }));
    await Promise.all(pictures.map((picture) => picture.decode()));
    if (this.frames.dragging) {
      this.late = data;
      return;
    }
    if (data.answers < this.sent || this.moving) return;
    const before = this.found;
    const { player } = this;
    const opens = !before || this.sentTo;
    const standing = opens ? (this.sentTo ?? standingFor(data)) : FRESH;
    const asked = String(data.permutation) === this.root.dataset.order; // by hand, here
    this.sentTo = null;
    if (opens) this.centred = standing.centred;
    this.found = new Found(data, pictures, this.centred);
    explain(this.root, data.words.help);
    if (!data.paths[this.chosen]?.path) this.chosen = 0;
    // who saw the answers of another question guesses this one anew
    if (opens || !asked || !sameFrames(before.data, data)) this.open(standing);
    else if (player.at >= player.last) {
      player.play(false);
      player.at = player.last; // the new frames in order, as those before
    }
    this.root.dataset.order = String(data.permutation);
    this.root.dataset.waiting = "false";
    this.pointed = null;
    this.root.toggleAttribute("data-fixed", Boolean(data.fixed));
    this.frames.fixed = Boolean(data.fixed);
    this.frames.show(data.permutation, data.pictures, data.word, !before || this.frames.still());
    this.table();
    this.link();
    this.part.scrub.max = String(player.last);
    if (labs.get(this.root) === this) this.watch.observe(this.root);
    this.resized();
  }

  /** Stand there, as where the address is another. @param {Standing} standing */
  stand(standing) {
    this.sentTo = standing;
    if (!this.found) return;
    if (standing.centred !== this.centred) this.recolour();
    this.open(standing);
    this.paint();
  }

  /**
   * Stand where a link or a fresh visit says.
   * @param {Standing} standing
   */
  open({ step, answers }) {
    this.player.play(false);
    this.player.at = Math.min(step, this.player.last);
    this.reveal(answers || this.player.at >= this.player.last);
  }

  /**
   * Show the true numbers of the frames, or hide them again.
   * @param {boolean} on
   */
  reveal(on) {
    const { part, root } = this;
    this.revealed = on;
    root.dataset.answers = on ? "shown" : "hidden";
    part.reveal.textContent = on ? "Hide" : "Reveal";
    part.reveal.setAttribute("aria-pressed", String(on));
    this.frames.reveal(on);
    this.table();
    this.link();
  }

  /** Put where it stands into the address: a rerun may have put another back. */
  link() {
    if (this.found) linkStanding(this.standing());
  }

  standing() {
    return { step: this.player.step, answers: this.revealed, centred: this.centred };
  }

  // --- what goes to Python -----------------------------------------------------------------------

  /** @param {Wanted} wanted */
  ask(wanted) {
    this.sent = Math.max(Date.now(), this.sent + 1);
    this.moving = 0;
    this.root.dataset.waiting = "true";
    this.tell({ ...wanted, n: this.sent });
  }

  /**
   * @param {number[]} order
   * @param {boolean} byKeys
   */
  moved(order, byKeys) {
    Object.assign(this.root.dataset, { order: String(order), waiting: "true" });
    clearTimeout(this.moving);
    this.moving = setTimeout(() => this.ask({ order: [...order] }), byKeys ? PAUSE : 0);
  }

  /** @param {Edge} edge */
  toggle(edge) {
    if (!this.found) return;
    const name = named(...edge);
    const { data, barred } = this.found;
    const kept = data.forbidden.filter((each) => named(...each) !== name);
    this.ask({ forbidden: barred.has(name) ? kept : [...kept, edge] });
  }

  // --- what it shows -----------------------------------------------------------------------------

  /**
   * The path that is shown: the best always is there.
   * @param {LabData} data
   */
  path(data) {
    return /** @type {Shown} */ (data.paths[this.chosen]);
  }

  /**
   * @param {Found} found
   * @param {Laid} laid
   * @returns {Scene}
   */
  scene({ data, weights }, laid) {
    const { path, places } = this.path(data);
    const { view, layers, theme } = laid;
    return {
      view,
      data,
      layers,
      theme,
      path,
      places,
      pointed: this.pointed,
      curveOf: (t, u) => laid.curve(t, u),
      weightOf: (t, u) => weights.get(named(t, u)) ?? 0,
    };
  }

  /**
   * The same for a file: nothing is pointed at.
   * @param {Found} found
   * @param {Laid} laid
   * @returns {Still}
   */
  still(found, laid) {
    const scene = this.scene(found, laid);
    const { fileTheme: theme, fileLayers: layers } = laid;
    const back = getComputedStyle(this.root).getPropertyValue("--lab-back").trim();
    return {
      scene: { ...scene, theme, layers, pointed: null },
      at: this.player.at,
      part: this.part,
      lines: found.data.lines,
      back,
    };
  }

  paint() {
    if (!this.found || !this.laid) return;
    const { found, laid, part, player } = this;
    const { data } = found;
    if (player.at >= player.last && !this.revealed) this.reveal(true);
    const slid = player.at > data.permutation.length;
    const isMoved = slid !== this.slid;
    this.slid = slid;
    if (isMoved && this.root.closest("[data-presented]")) return this.resized();
    paintStage(part.stage, this.scene(found, laid), player.at);
    part.scrub.value = String(player.at);
    const now = `${player.step} ${this.chosen} ${slid}`;
    if (now === this.said && this.saidOf === data) return;
    this.said = now;
    this.saidOf = data;
    this.root.dataset.step = String(player.step);
    this.root.dataset.path = String(this.path(data).path);
    part.count.textContent = `step ${player.step} of ${player.last}`;
    this.link();
    const caption = captionOf(found, this.path(data), player.step, slid);
    part.caption.textContent = caption;
    part.stage.setAttribute("aria-label", `Step-through. ${caption}`);
  }

  /** The paths compared; each can be shown. */
  table() {
    if (!this.found) return;
    fillTable(this.part.paths, this.found.data, this.chosen, this.revealed, (i) => {
      this.chosen = i;
      this.table();
      this.part.paths.querySelectorAll("button")[i].focus();
      this.paint();
    });
  }

  resized() {
    const { found, root, part } = this;
    const width = root.clientWidth;
    if (!found || !width) return;
    const { data, pictures } = found;
    const T = data.permutation.length;
    root.style.setProperty("--lab-per-row", String(perRowOf(width, T)));
    const view = viewOf(root, part.stage, T, pictures[0], this.slid);
    this.laid = new Laid(found, view, themeOf(root));
    paintScale(part.scale, data, SCALE, 16);
    part.low.textContent = written(data.scale.low);
    part.high.textContent = written(data.scale.high);
    part.middle.textContent = legendOf(data);
    part.centre.hidden = data.scales.centred === null;
    part.centre.setAttribute("aria-pressed", String(data.scale.is_centred));
    this.read();
    this.paint();
  }

  /** Draw the same in colours about the mean, or in plain ones again. */
  recolour() {
    if (!this.found) return;
    this.centred = !this.centred;
    this.found = new Found(this.found.data, this.found.pictures, this.centred);
    this.link();
    this.resized();
  }

  /** Say what is pointed at. */
  read() {
    const { found, pointed, part } = this;
    if (!found) return;
    part.stage.style.cursor = pointed && !found.data.fixed ? "pointer" : "default";
    part.readout.textContent = readoutOf(found, pointed);
  }

  // --- listening ---------------------------------------------------------------------------------

  /**
   * Where the middle of an edge is on the screen.
   * @param {number} t
   * @param {number} u
   */
  spot(t, u) {
    return this.laid?.spot(this.part.stage.getBoundingClientRect(), t, u) ?? null;
  }

  /**
   * The edge under the pointer.
   * @param {MouseEvent} event
   */
  under(event) {
    if (!this.found || !this.laid) return null;
    const { path } = this.path(this.found.data);
    return this.laid.under(event, this.part.stage, path, this.player.at >= 1);
  }

  listen() {
    const { part, player } = this;
    const { signal } = this.closing;
    openTips(this.root, signal);
    window.addEventListener("popstate", () => this.stand(standingFor(null)), { signal });
    window.addEventListener("resize", () => this.resized(), { signal });
    /**
     * @template {keyof HTMLElementEventMap} Name
     * @param {HTMLElement} node
     * @param {Name} name
     * @param {(event: HTMLElementEventMap[Name]) => void} act
     */
    const on = (node, name, act) =>
      node.addEventListener(name, (event) => this.found && act(event), { signal });
    on(part.start, "click", () => player.go(0));
    on(part.back, "click", () => player.back());
    on(part.forward, "click", () => player.forward());
    on(part.end, "click", () => player.go(player.last));
    on(part.play, "click", () => {
      const begins = this.root.dataset.playing !== "true";
      const { bottom } = part.stage.getBoundingClientRect();
      if (begins && bottom > window.innerHeight) this.bringIntoSight();
      player.play(begins);
    });
    on(part.lecture, "click", () => {
      this.bringIntoSight();
      this.reveal(false);
      player.lecture();
    });
    on(part.keep, "click", (event) => {
      const button = /** @type {HTMLElement} */ (event.target);
      const kind = button.dataset.keep;
      const { found, laid } = this;
      if (!kind || !found || !laid) return;
      const still = this.still(found, laid);
      if (kind !== "mp4" && kind !== "gif") keep(kind, still, found.data.numbers);
      else this.films.ask(kind, still, found, this.path(found.data), player);
    });
    on(part.centre, "click", () => this.recolour());
    on(part.reveal, "click", () => {
      if (this.revealed && player.at > player.last - 1) player.go(0, true); // its end shows them
      this.reveal(!this.revealed);
    });
    on(part.scrub, "input", () => player.go(Number(part.scrub.value), true));
    on(part.stage, "pointermove", (event) => this.point(this.under(event)));
    on(part.stage, "pointerleave", () => this.point(null));
    on(part.stage, "click", (event) => {
      const edge = this.under(event);
      if (edge && !this.found?.data.fixed) this.toggle(edge);
    });
    on(part.stage, "keydown", (event) => {
      const button = buttonOf(part, event);
      if (!button) return;
      event.preventDefault();
      button.click();
    });
  }

  /** @param {Edge | null} edge */
  point(edge) {
    if (String(edge) === String(this.pointed)) return;
    this.pointed = edge;
    this.read();
    if (!this.player.frame) this.paint();
  }

  /** Scroll to where the steps are seen down to the frames in order. */
  bringIntoSight() {
    const behavior = this.frames.still() ? "auto" : "smooth";
    this.part.transport.scrollIntoView({ block: "start", behavior });
  }

  close() {
    this.player.play(false);
    clearTimeout(this.moving);
    this.closing.abort();
    this.watch.disconnect();
    labs.delete(this.root);
    if (this.found) leave(this.standing(), this.found.data);
    if (labs.size === 0) linkStanding(null);
  }
}

/**
 * Streamlit calls this when the lab appears, and again after every rerun with what was sent anew.
 * @param {{parentElement: HTMLElement, data: LabData,
 *   setStateValue: (name: string, value: unknown) => void,
 *   setTriggerValue: (name: string, value: unknown) => void}} component
 */
export default function mount({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (
    parentElement.querySelector("[data-testid=shuffle-lab]")
  );
  const lab = labs.get(root) ?? new Lab(root);
  labs.set(root, lab);
  lab.films.send = (wish) => setTriggerValue("film", wish);
  lab.receive(data, (wanted) => setStateValue("wanted", wanted));
  return () =>
    setTimeout(() => {
      if (!root.isConnected) labs.get(root)?.close();
    });
}

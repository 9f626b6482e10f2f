// The camera watched as it runs. The newest picture goes to Python when the last answer has come,
// never before: a picture that comes meanwhile is dropped and counted, and nothing ever queues.
// For tests: the root carries data-state (stopped, opening, trouble, running, frozen), data-rate
// (maps drawn a second), data-delay (ms from picture to drawn map, the median of the last ones),
// data-slowest, data-drawn, data-dropped, data-met and data-best.

/** @import {Shot} from "../camera/camera.js" */
/** @import {Answer, LiveData} from "./parts.js" */

import {
  base64Of,
  closeCamera,
  eachPicture,
  listCameras,
  looksAway,
  openCamera,
  packShots,
  Shutter,
  troubleOf,
} from "../camera/camera.js";
import { openTips } from "../tips.js";
import { drawBars, explainLive, liveParts, offerRates } from "./parts.js";
import { Stage } from "./stage.js";
import { StateStrip } from "./strip.js";

/**
 * @typedef {object} LiveComponent
 * @property {HTMLElement} parentElement
 * @property {LiveData} data
 * @property {(name: string, value: object) => void} setTriggerValue
 */

/** @typedef {"stopped" | "opening" | "trouble" | "running" | "frozen"} LiveState */

const SMALL = 320; // pixels of the longer side of a picture that a model sees now
const KEPT_RATE = 16; // pictures a second that are kept to be frozen
const LONGEST_WINDOW = 10; // seconds
const PATIENCE = 8000; // ms after which an answer is given up: the connection was lost
const MEASURED = 60; // answers that the figures are of
/** @type {WeakMap<Element, Live>} */
const lives = new WeakMap();

class Live {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.part = liveParts(root);
    /** @type {LiveState} */
    this.state = "stopped";
    /** @type {LiveData | null} */
    this.data = null;
    /** @type {(name: string, value: object) => void} */
    this.send = () => {};
    /** @type {MediaStream | null} */
    this.stream = null;
    this.openings = 0;
    this.isTold = false; // whether the visitor has said which way round they want it
    this.closing = new AbortController();
    this.work = new AbortController(); // ends when the camera does
    this.stage = new Stage(this.part);
    this.strip = new StateStrip(this.part.strip);
    /** @type {Promise<Shot>[]} */
    this.kept = [];
    this.run = 0; // which film
    this.awaited = 0; // the picture whose answer is on its way
    this.askedAt = 0; // since when, ms
    this.sent = 0;
    this.dropped = 0;
    this.drawn = 0;
    /** @type {number[]} when the last maps were drawn, ms */
    this.times = [];
    /** @type {number[]} ms from picture to drawn map */
    this.delays = [];
    this.listen();
  }

  /** Forget everything that the model has seen. */
  begin() {
    this.run = Math.max(Date.now(), this.run + 1);
    this.awaited = this.sent = this.dropped = this.drawn = 0;
    this.times = [];
    this.delays = [];
    this.strip.clear();
    this.stage.begin();
  }

  /** @param {LiveState} state */
  become(state) {
    const { part } = this;
    this.state = state;
    this.root.dataset.state = state;
    const isOn = state === "running";
    part.main.textContent = isOn ? "Stop" : state === "trouble" ? "Try again" : "Start";
    part.main.disabled = state === "opening";
    part.freeze.disabled = part.forget.disabled = !isOn;
    part.camera.disabled = state === "opening";
    if (state === "stopped") part.wait.textContent = "Start the camera, and wave.";
    if (state === "opening") part.wait.textContent = "Opening the camera";
    if (state === "running" || state === "frozen") part.wait.textContent = "";
  }

  async start() {
    const { part } = this;
    this.stop();
    this.become("opening");
    const opening = ++this.openings;
    try {
      const stream = await openCamera(part.camera.value);
      if (opening !== this.openings) {
        closeCamera(stream);
        return;
      }
      this.stream = stream;
      part.video.srcObject = stream;
      await part.video.play();
      if (!this.isTold) part.mirror.checked = !looksAway(stream);
      await listCameras(part.camera, stream);
      if (opening !== this.openings) return;
      this.watch();
    } catch (error) {
      if (opening !== this.openings) return;
      part.wait.textContent = troubleOf(error);
      this.become("trouble");
    }
  }

  /** See every picture of the camera, send the newest, keep some to be frozen. */
  watch() {
    this.begin();
    this.work = new AbortController();
    this.small = new Shutter(this.part.video, SMALL);
    this.large = new Shutter(this.part.video);
    this.kept = [];
    this.become("running");
    let keptAt = -Infinity;
    let due = -Infinity; // when the next picture is wanted, in the camera's seconds
    eachPicture(this.part.video, this.work.signal, (time) => {
      if (time < keptAt || time - keptAt >= 0.9 / KEPT_RATE) {
        keptAt = time;
        this.keep(time);
      }
      const pause = Number(this.part.rate.value) ? 1 / Number(this.part.rate.value) : 0;
      if (time < due && due - time <= pause) return; // a clock may start again
      if (this.awaited && performance.now() - this.askedAt < PATIENCE) {
        this.dropped++;
        return;
      }
      due = (time < due + pause ? due : time) + pause;
      this.ask(time);
    });
  }

  /** @param {number} time */
  keep(time) {
    if (!this.large) return;
    this.kept.push(this.large.shoot(time));
    while (this.kept.length > LONGEST_WINDOW * KEPT_RATE + 1) this.kept.shift();
  }

  /** @param {number} time */
  async ask(time) {
    if (!this.small) return;
    this.askedAt = performance.now();
    const n = (this.awaited = ++this.sent);
    const { run } = this;
    const shot = await this.small.shoot(time, this.part.mirror.checked);
    this.stage.hold(n, this.small.canvas);
    const picture = await base64Of(shot.blob);
    if (run === this.run && this.state === "running") this.send("frame", { run, n, time, picture });
  }

  /** @param {LiveData} data */
  receive(data) {
    const isOther = data.subject !== this.data?.subject;
    this.data = data;
    explainLive(this.root, data.help);
    this.part.state.hidden = !data.is_recurrent;
    if (isOther) offerRates(this.part.rate, data.rates);
    if (isOther) {
      this.begin();
      drawBars(this.part, data.labels, null, false);
      this.stage.colours(data);
    }
    const { answer } = data;
    if (!answer || answer.run !== this.run || answer.n !== this.awaited) return;
    this.awaited = 0;
    if (this.state !== "running") return;
    if (answer.error) {
      this.stop();
      this.part.wait.textContent = answer.error;
      this.become("trouble");
      return;
    }
    this.draw(data, answer);
  }

  /**
   * @param {LiveData} data
   * @param {Answer} answer
   */
  draw(data, answer) {
    this.stage.draw(answer, data);
    const best = drawBars(this.part, data.labels, answer.probabilities, answer.doubted);
    if (data.is_recurrent) this.strip.add(answer.hidden, data);
    const now = performance.now();
    this.times.push(now);
    this.delays.push(now - this.askedAt);
    this.drawn++;
    if (this.times.length > MEASURED) this.times.shift();
    if (this.delays.length > MEASURED) this.delays.shift();
    const span = now - this.times[0];
    const rate = span ? (1000 * (this.times.length - 1)) / span : 0;
    const delay = this.delays.toSorted((a, b) => a - b)[this.delays.length >> 1];
    const met = data.is_recurrent
      ? `${answer.met} pictures carried on`
      : `${answer.met} pictures in its window of ${data.window.toFixed(1)} s`;
    this.part.figures.textContent =
      `${rate.toFixed(1)} maps a second · ${Math.round(delay)} ms from picture to map · ` +
      `${this.dropped} pictures dropped · ${met}`;
    Object.assign(this.root.dataset, {
      rate: rate.toFixed(2),
      delay: delay.toFixed(0),
      slowest: Math.max(...this.delays).toFixed(0),
      drawn: String(this.drawn),
      dropped: String(this.dropped),
      met: String(answer.met),
      best: data.labels[best],
    });
  }

  /** The last seconds become the clip of every page. */
  async freeze() {
    const { part, data } = this;
    if (!data) return;
    const shots = await Promise.all(this.kept);
    const last = shots.at(-1)?.time ?? 0;
    const seconds = Number(part.window.value);
    const frozen = shots.filter(({ time }) => last - time <= seconds && time <= last);
    if (frozen.length < 2) return;
    const sent = await packShots(frozen, part.mirror.checked, data.most);
    this.stop();
    this.become("frozen");
    this.send("freeze", sent);
  }

  stop() {
    this.openings++;
    this.work.abort();
    closeCamera(this.stream);
    this.stream = null;
    this.part.video.srcObject = null;
    this.awaited = 0;
    this.become("stopped");
  }

  close() {
    this.closing.abort();
    this.stop();
  }

  listen() {
    const { part } = this;
    const { signal } = this.closing;
    openTips(this.root, signal);
    part.main.addEventListener("click", () =>
      this.state === "running" ? this.stop() : this.start(),
    );
    part.freeze.addEventListener("click", () => this.freeze());
    part.forget.addEventListener("click", () => this.begin());
    part.camera.addEventListener("change", () => this.start());
    part.mirror.addEventListener("change", () => {
      this.isTold = true;
      if (this.state === "running") this.begin();
    });
    part.rate.addEventListener("change", () => this.state === "running" && this.begin());
    part.window.addEventListener("input", () => {
      part.length.textContent = part.window.value;
    });
    this.become("stopped");
  }
}

/**
 * Streamlit calls this when the live view appears, and again after every answer.
 * @param {LiveComponent} component
 */
export default function mount(component) {
  const root = /** @type {HTMLElement} */ (
    component.parentElement.querySelector("[data-testid=live]")
  );
  const live = lives.get(root) ?? new Live(root);
  lives.set(root, live);
  live.send = (name, value) => component.setTriggerValue(name, value);
  live.receive(component.data);
  return () =>
    setTimeout(() => {
      if (!root.isConnected) live.close();
    });
}

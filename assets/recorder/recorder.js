// The recorder: a dialog with the camera's picture, 3-2-1, one to ten seconds, a look at what was
// taken, and the way to Python over the page's own connection.
// For tests: the root carries data-state: closed, opening, trouble, ready, counting, recording,
// review or sending; data-pictures, how many were taken last; and data-rate, how many a second.

/** @import {Sent, Shot} from "../camera/camera.js" */

import {
  closeCamera,
  eachPicture,
  listCameras,
  looksAway,
  openCamera,
  packShots,
  Shutter,
  troubleOf,
} from "../camera/camera.js";
import { Review } from "./review.js";

/**
 * @typedef {object} RecorderData
 * @property {number} most bytes of pictures that the server takes at once
 * @property {string} about
 * @property {boolean} first whether nothing was recorded yet
 * @property {number} asked how often a button elsewhere on the page has asked for it
 * @property {Record<string, string>} help
 */

/**
 * @typedef {object} RecorderComponent
 * @property {HTMLElement} parentElement
 * @property {RecorderData} data
 * @property {(name: string, value: Sent) => void} setTriggerValue
 */

/**
 * The nodes of recorder.html that carry a data-part, by its name.
 * @typedef {object} RecorderParts
 * @property {HTMLButtonElement} open
 * @property {HTMLDialogElement} dialog
 * @property {HTMLElement} about
 * @property {HTMLButtonElement} close
 * @property {HTMLElement} screen
 * @property {HTMLVideoElement} video
 * @property {HTMLCanvasElement} review
 * @property {HTMLElement} count
 * @property {HTMLElement} trouble
 * @property {HTMLElement} note
 * @property {HTMLProgressElement} progress
 * @property {HTMLButtonElement} main
 * @property {HTMLButtonElement} retake
 * @property {HTMLInputElement} seconds
 * @property {HTMLOutputElement} length
 * @property {HTMLInputElement} mirror
 * @property {HTMLSelectElement} camera
 */

/** @typedef {"closed" | "opening" | "trouble" | "ready" | "counting" | "recording" | "review"
 *   | "sending"} RecorderState */

/** @type {Record<RecorderState, string>} what the main button says */
const MAIN = {
  closed: "Record",
  opening: "Opening the camera",
  trouble: "Try again",
  ready: "Record",
  counting: "Cancel",
  recording: "Stop",
  review: "Use this clip",
  sending: "Sending",
};
const COUNT_FROM = 3;
let offered = false; // whether the camera was opened without being asked for: once a visit
let answered = 0; // of the times that a button elsewhere asked for it
/** @type {WeakMap<Element, Recorder>} */
const recorders = new WeakMap();

class Recorder {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
    const parts = [...nodes].map((node) => [node.dataset.part, node]);
    this.part = /** @type {RecorderParts} */ (Object.fromEntries(parts));
    /** @type {RecorderState} */
    this.state = "closed";
    this.most = 0;
    /** @type {(sent: Sent) => void} */
    this.send = () => {};
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {Shot[]} */
    this.shots = [];
    this.openings = 0; // an answer to an older one than the last is not for us
    this.isTold = false; // whether the visitor has said which way round they want it
    this.work = new AbortController(); // ends the counting or recording
    this.review = new Review(this.part.review, this.part.progress);
    this.listen();
  }

  /** @param {RecorderState} state */
  become(state) {
    const { part } = this;
    this.state = state;
    this.root.dataset.state = state;
    part.main.textContent = MAIN[state];
    part.main.disabled = state === "opening" || state === "sending";
    part.retake.hidden = state !== "review";
    part.review.hidden = state !== "review" && state !== "sending";
    part.video.hidden = !part.review.hidden || state === "trouble";
    part.trouble.hidden = state !== "trouble";
    for (const control of [part.seconds, part.camera]) {
      control.disabled = state !== "ready" && state !== "trouble";
    }
    part.mirror.disabled = state === "sending";
    if (state !== "counting") part.count.textContent = "";
    if (state === "ready") part.progress.value = 0;
    this.mirror();
  }

  /** Show the picture as it will be seen, and say so. */
  mirror() {
    const { part, state } = this;
    const isMirror = part.mirror.checked;
    part.screen.dataset.mirror = String(isMirror);
    const side = isMirror
      ? "as in a mirror, your right is on the right"
      : "as the camera sees it, your right is on the left";
    const isTaken = state === "review" || state === "sending";
    const way = isTaken ? `What was recorded, ${side}` : side[0].toUpperCase() + side.slice(1);
    part.note.textContent = state === "trouble" || state === "opening" ? "" : way;
  }

  async open() {
    const { part } = this;
    if (!part.dialog.open) part.dialog.showModal();
    this.become("opening");
    closeCamera(this.stream);
    this.stream = null;
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
      this.become("ready");
      part.main.focus();
    } catch (error) {
      if (opening !== this.openings) return;
      part.trouble.textContent = troubleOf(error);
      this.become("trouble");
    }
  }

  close() {
    this.openings++;
    this.work.abort();
    this.review.stop();
    closeCamera(this.stream);
    this.stream = null;
    this.part.video.srcObject = null;
    this.shots = [];
    this.part.dialog.close();
    this.become("closed");
  }

  /** 3-2-1, then record for as long as was asked. */
  async record() {
    this.work.abort();
    this.work = new AbortController();
    const { signal } = this.work;
    this.become("counting");
    for (let left = COUNT_FROM; left > 0; left--) {
      this.part.count.textContent = String(left);
      await rest(1000, signal);
      if (signal.aborted) return;
    }
    this.part.count.textContent = "";
    this.become("recording");
    await this.take(Number(this.part.seconds.value), signal);
  }

  /**
   * Keep every picture that the camera gives.
   * @param {number} seconds
   * @param {AbortSignal} signal
   */
  async take(seconds, signal) {
    const { part } = this;
    const shutter = new Shutter(part.video);
    /** @type {Promise<Shot>[]} */
    const shots = [];
    let first = 0;
    const ended = new Promise((resolve) => {
      signal.addEventListener("abort", resolve, { once: true });
      eachPicture(part.video, signal, (time) => {
        if (!shots.length) first = time;
        part.progress.value = Math.min(1, (time - first) / seconds);
        shots.push(shutter.shoot(time));
        if (time - first >= seconds) this.work.abort();
      });
      // a camera that gives no more pictures must not hold the recording open
      rest(1000 * seconds + 1500, signal).then(() => this.work.abort());
    });
    await ended;
    const taken = await Promise.all(shots);
    if (this.state !== "recording") return; // closed meanwhile
    this.shots = taken;
    this.root.dataset.pictures = String(taken.length);
    const span = taken.length > 1 ? taken[taken.length - 1].time - taken[0].time : 0;
    this.root.dataset.rate = span ? ((taken.length - 1) / span).toFixed(1) : "0";
    if (taken.length < 2) {
      part.trouble.textContent = "The camera gave no pictures: press Try again.";
      this.become("trouble");
      return;
    }
    this.become("review");
    part.main.focus();
    this.review.play(taken);
  }

  async use() {
    this.become("sending");
    this.send(await packShots(this.shots, this.part.mirror.checked, this.most));
    this.close();
  }

  act() {
    const acts = {
      closed: () => {},
      opening: () => {},
      sending: () => {},
      trouble: () => this.open(),
      ready: () => this.record(),
      counting: () => this.retake(),
      recording: () => this.work.abort(),
      review: () => this.use(),
    };
    acts[this.state]();
  }

  retake() {
    this.work.abort();
    this.review.stop();
    this.shots = [];
    this.become("ready");
    this.part.main.focus();
  }

  listen() {
    const { part } = this;
    part.open.addEventListener("click", () => this.open());
    part.close.addEventListener("click", () => this.close());
    part.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    part.main.addEventListener("click", () => this.act());
    part.retake.addEventListener("click", () => this.retake());
    part.camera.addEventListener("change", () => this.open());
    part.seconds.addEventListener("input", () => {
      part.length.textContent = part.seconds.value;
    });
    part.mirror.addEventListener("change", () => {
      this.isTold = true;
      this.mirror();
    });
    // keys of the dialog are not keys of the page
    part.dialog.addEventListener("keydown", (event) => event.stopPropagation());
  }

  /** @param {RecorderData} data */
  receive(data) {
    this.most = data.most;
    this.part.about.textContent = data.about;
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (
      this.root.querySelectorAll("[data-help]")
    )) {
      node.title = data.help[String(node.dataset.help)] ?? "";
    }
  }
}

/**
 * Wait so many milliseconds, or until the signal.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/**
 * Streamlit calls this when the recorder appears, and again after every rerun.
 * @param {RecorderComponent} component
 */
export default function mount(component) {
  const root = /** @type {HTMLElement} */ (
    component.parentElement.querySelector("[data-testid=recorder]")
  );
  const recorder = recorders.get(root) ?? new Recorder(root);
  recorders.set(root, recorder);
  recorder.receive(component.data);
  recorder.send = (sent) => component.setTriggerValue("clip", sent);
  // Who has just pressed *Record* wants to; a link is no press, and nobody pressed. A button of the
  // page was pressed, however long ago the server heard of it.
  const isFirst = component.data.first && !offered && navigator.userActivation?.isActive;
  if (isFirst || component.data.asked > answered) {
    offered = true;
    recorder.open();
  }
  answered = component.data.asked;
  return () =>
    setTimeout(() => {
      if (!root.isConnected) recorder.close();
    });
}

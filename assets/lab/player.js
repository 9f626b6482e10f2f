// The position of the step-through, and how it moves: glides step by step, playing, lectures.

const STEP = 420; // ms of a single step by hand
const LECTURE = 1.8; // times slower

/**
 * What the player is told and tells.
 * @typedef {object} Score
 * @property {() => number} slots
 * @property {() => boolean} still whether nothing may glide
 * @property {() => void} moved
 * @property {(on: boolean) => void} playing
 */

export class Player {
  /** @param {Score} score */
  constructor(score) {
    this.score = score;
    this.at = 0;
    /** @type {number | null} where a glide is going */
    this.goal = null;
    this.slow = false; // whether it plays as a lecture
    this.frame = 0; // of the animation
  }

  /** The last position: frames in order. */
  get last() {
    const slots = this.score.slots();
    return slots > 0 ? slots + 1 : 0;
  }

  get step() {
    return Math.floor(this.at + 1e-6);
  }

  /** Go a step back. */
  back() {
    this.go(Math.ceil((this.goal ?? this.at) - 1e-6) - 1);
  }

  /** Go a step on. */
  forward() {
    this.go(Math.floor((this.goal ?? this.at) + 1e-6) + 1);
  }

  /**
   * Go to a position, gliding there unless `atOnce`.
   * @param {number} to
   */
  go(to, atOnce = false) {
    if (this.last === 0) return;
    this.play(false);
    const target = Math.max(0, Math.min(this.last, to));
    const from = this.at;
    const began = performance.now();
    const span = STEP * Math.min(3, Math.abs(target - from));
    if (atOnce || this.score.still() || span === 0) {
      this.place(target);
      return;
    }
    this.goal = target;
    /** @param {number} now */
    const glide = (now) => {
      const done = Math.min(1, Math.max(0, (now - began) / span));
      this.place(done === 1 ? target : from + (target - from) * done);
      this.frame = done < 1 ? requestAnimationFrame(glide) : 0;
      if (done === 1) this.goal = null;
    };
    this.frame = requestAnimationFrame(glide);
  }

  /** @param {number} at */
  place(at) {
    if (at === this.at) return;
    this.at = at;
    if (at >= this.last) this.slow = false; // a lecture is over at the end
    this.score.moved();
  }

  /** Play all of it slowly, with a rest at each step. */
  lecture() {
    this.play(false);
    this.place(0);
    this.slow = true;
    this.play(true);
  }

  /**
   * How long the step after `step` takes, and the rest before it, ms.
   * @param {number} step
   */
  pace(step) {
    const slots = this.score.slots();
    const edge = step >= 1 && step < slots;
    const move = edge ? Math.max(450, Math.min(1000, 9000 / slots)) : 1700;
    if (this.slow) return { move: move * LECTURE, rest: edge ? 500 : 2200 };
    return { move, rest: edge ? 120 : 350 };
  }

  /**
   * Play or pause. A lecture that was paused goes on at its own pace.
   * @param {boolean} on
   */
  play(on) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.goal = null;
    if (on && this.at >= this.last) this.place(0);
    this.score.playing(on);
    if (!on) return;
    let step = this.step;
    let spent = (this.at - step) * this.pace(step).move;
    let rest = this.at > step ? 0 : this.pace(step).rest;
    let before = performance.now();
    /** @param {number} now */
    const tick = (now) => {
      // a tab in the background does not leap
      const passed = Math.min(100, Math.max(0, now - before));
      before = now;
      const { move } = this.pace(step);
      if (rest > 0) rest -= passed;
      else spent += passed;
      if (spent >= move) {
        step += 1;
        spent = 0;
        rest = this.pace(step).rest;
      }
      this.place(step + (this.score.still() ? 0 : spent / move));
      if (step >= this.last) this.play(false);
      else this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }
}

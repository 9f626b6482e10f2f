// What Python is asked for, once, until it answers.

/** @import {Need} from "./drawing.js" */

const MOST = 3; // times that the same is asked for, in case that an answer is lost

export class Requests {
  constructor() {
    /** @type {(need: Need) => void} */
    this.send = () => {};
    /** @type {Map<string, number>} */
    this.asked = new Map();
    /** @type {string | null} */
    this.waiting = null;
  }

  /**
   * Ask for what is not here yet.
   * @param {Need} need
   */
  ask(need) {
    const name = JSON.stringify(need);
    const times = this.asked.get(name) ?? 0;
    if (this.waiting === name || times >= MOST) return;
    this.asked.set(name, times + 1);
    this.waiting = name;
    this.send(need);
  }

  /** Something came. */
  answered() {
    this.waiting = null;
  }

  /** Another clip or model is open: all may be asked for again. */
  forget() {
    this.asked.clear();
  }
}

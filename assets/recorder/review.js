// What was recorded, played again and again at its own pace until it is used or taken once more.

/** @import {Shot} from "../camera/camera.js" */

const REPEAT = 600; // ms of rest after the last picture

export class Review {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLProgressElement} progress
   */
  constructor(canvas, progress) {
    this.canvas = canvas;
    this.progress = progress;
    this.rounds = 0; // what belongs to an older one than the last is over
  }

  /** @param {Shot[]} shots in the order of their times */
  async play(shots) {
    const round = ++this.rounds;
    const ink = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const first = shots[0].time;
    const span = shots[shots.length - 1].time - first;
    let begun = performance.now();
    let shown = -1;
    const show = async () => {
      if (round !== this.rounds) return;
      const now = (performance.now() - begun) / 1000;
      const due = shots.findLastIndex(({ time }) => time - first <= now);
      if (due !== shown && due >= 0) {
        shown = due;
        const picture = await createImageBitmap(shots[due].blob);
        if (round !== this.rounds) return;
        if (this.canvas.width !== picture.width) this.canvas.width = picture.width;
        if (this.canvas.height !== picture.height) this.canvas.height = picture.height;
        ink.drawImage(picture, 0, 0);
        picture.close();
        this.progress.value = span ? (shots[due].time - first) / span : 1;
      }
      if (now > span + REPEAT / 1000) {
        begun = performance.now();
        shown = -1;
      }
      requestAnimationFrame(show);
    };
    show();
  }

  stop() {
    this.rounds++;
  }
}

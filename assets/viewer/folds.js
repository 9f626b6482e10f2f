// What unfolds below the strip: a weight taken apart, and all heads. Closed, they cost nothing.

/** @import {Header} from "./payload.js" */
/** @import {Patch} from "./maths.js" */
/** @import {Pictures} from "./paint.js" */
/** @import {Parts} from "./parts.js" */
/** @import {State, Wish} from "./state.js" */
/** @import {Need} from "./drawing.js" */
/** @import {Apart} from "./weight.js" */

import { drawnOf } from "./drawing.js";
import { strongest } from "./maths.js";
import { themeOf } from "./parts.js";
import { drawHeads } from "./headgrid.js";
import { apart, drawApart, factorsOf, headApart } from "./weight.js";

/**
 * What is open, and who asks. `pointer` is the patch that is pointed at.
 * @typedef {object} Seen
 * @property {Header} data
 * @property {Pictures} pictures
 * @property {State} state
 * @property {Patch | null} locked
 * @property {Patch | null} pointer
 */

const REST = 120; // ms without a change before the heads are drawn again

export class Folds {
  /**
   * @param {HTMLElement} root
   * @param {Parts} part
   * @param {{repaint: () => void, open: (wish: Wish) => void, ask: (need: Need) => void}} events
   */
  constructor(root, part, events) {
    this.root = root;
    this.weight = /** @type {HTMLDetailsElement} */ (part.weight);
    this.heads = /** @type {HTMLDetailsElement} */ (part.heads);
    this.events = events;
    /** @type {Apart | null} the weight that is taken apart */
    this.apart = null;
    /** @type {Patch | null} the patch that was pointed at last since another was kept */
    this.key = null;
    this.lockedBefore = "";
    this.drawn = { weight: "", heads: "" };
    this.timer = 0;
    for (const fold of [this.weight, this.heads])
      fold.addEventListener("toggle", () => {
        this.forget();
        events.repaint();
      });
  }

  /** Draw all again: the size has changed. */
  forget() {
    this.drawn = { weight: "", heads: "" };
  }

  /** @param {Seen} seen */
  paint(seen) {
    const { locked, pointer } = seen;
    if (String(locked) !== this.lockedBefore) this.key = null;
    this.lockedBefore = String(locked);
    if (pointer && String(pointer) !== String(locked)) this.key = pointer;
    if (this.weight.open) this.paintWeight(seen);
    if (this.heads.open) this.paintHeads(seen);
  }

  /** @param {Seen} seen */
  paintWeight({ data, state, locked }) {
    this.apart = null;
    const layer = data.layers.find((l) => l.tap === state.tap && l.layer === state.layer);
    if (locked && layer) {
      const head = headApart(data, state, layer, locked);
      const factors = factorsOf(data, state, head);
      const { tap } = state;
      if (factors) {
        const key = this.key ?? this.best(data, state, locked);
        this.apart = apart(factors, data, state, layer, locked, key);
      } else this.events.ask({ factors: { tap, layer: state.layer, head } });
    }
    const now = JSON.stringify([data.id, locked, this.apart?.head, this.apart?.key, state]);
    if (now === this.drawn.weight) return;
    this.drawn.weight = now;
    const box = /** @type {HTMLElement} */ (this.weight.lastElementChild);
    drawApart(box, data, state, locked, this.apart, themeOf(this.root));
  }

  /**
   * The patch that the kept one looks at most.
   * @param {Header} data
   * @param {State} state
   * @param {Patch} locked
   * @returns {Patch}
   */
  best(data, state, locked) {
    const [, h, w] = data.grid;
    const { drawn } = drawnOf(data, state, locked);
    const at = drawn ? strongest(drawn.values) : 0;
    return [Math.floor(at / (h * w)), Math.floor(at / w) % h, at % w];
  }

  /** @param {Seen} seen */
  paintHeads({ data, pictures, state, locked }) {
    const now = JSON.stringify([data.id, data.layers.length, state]);
    if (now === this.drawn.heads) return;
    this.drawn.heads = now;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (!this.heads.open) return;
      const box = /** @type {HTMLElement} */ (this.heads.lastElementChild);
      if (state.query === "gradcam") box.textContent = "GradCAM is no attention: it has no heads.";
      else drawHeads(box, data, pictures, state, locked, this.events.open);
    }, REST);
  }
}

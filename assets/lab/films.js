// Films of the step-through: drawn here frame by frame, put together by Python, and kept.

/** @import {Film, FilmWish, Shown} from "./data.js" */
/** @import {Found} from "./found.js" */
/** @import {Still} from "./keep.js" */
/** @import {Player} from "./player.js" */

import { FILM_RATE, filmPositions } from "./film.js";
import { captionOf } from "./found.js";
import { filmFrame, saveBytes } from "./keep.js";

export class Films {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** @type {(wish: FilmWish) => void} */
    this.send = () => {};
    this.awaited = 0; // the number of the film that Python is making
  }

  /**
   * Draw the step-through as it plays, and let Python make a film of it.
   * @param {string} kind
   * @param {Still} still
   * @param {Found} found
   * @param {Shown} shown the path
   * @param {Player} player
   */
  ask(kind, still, found, shown, player) {
    if (this.awaited) return;
    const slots = found.data.permutation.length;
    const frames = filmPositions(slots, (step) => player.pace(step)).map((at) => {
      const caption = captionOf(found, shown, Math.floor(at + 1e-6), at > slots);
      return filmFrame(still, caption, at);
    });
    this.awaited = Date.now();
    this.root.dataset.filming = kind;
    this.send({ kind, frames, rate: FILM_RATE, n: this.awaited });
  }

  /**
   * Keep the film that was asked for, once it is there.
   * @param {Film | null} film
   */
  receive(film) {
    if (!film || film.n !== this.awaited) return;
    this.awaited = 0;
    delete this.root.dataset.filming;
    saveBytes(film.content, film.name, film.type);
  }
}

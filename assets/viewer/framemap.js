// The map from frame to frame beside the clip, with its title and scale.

/** @import {Header, Matrix} from "./payload.js" */
/** @import {Weights} from "./maths.js" */
/** @import {Cells, MapScene, Pictures} from "./paint.js" */
/** @import {Parts, Sizes} from "./parts.js" */
/** @import {State} from "./state.js" */

import { helpOf } from "./controls.js";
import { extent, matrixOf } from "./maths.js";
import { contextOf, paintMatrix, paintScale } from "./paint.js";
import { themeOf } from "./parts.js";
import { headName, short, tapName, writeTitle } from "./words.js";

const NONE = "this layer has no attention from frame to frame";
const BESIDE = "computed beside the network, after the clip"; // the help says what follows
const FLOW = "minus AM-flow magnitude, blind to direction"; // no tap records attention over time

export class FrameMap {
  /**
   * @param {HTMLElement} root
   * @param {Parts} part
   * @param {{repaint: () => void, choose: (t: number) => void}} events
   */
  constructor(root, part, events) {
    this.root = root;
    this.part = part;
    /** @type {{entry: Matrix, values: Weights} | null} what is drawn */
    this.matrix = null;
    /** @type {MapScene | null} */
    this.scene = null;
    /** @type {Cells | null} */
    this.cells = null;
    this.frames = 0;
    /** @type {[number, number] | null} the cell that is pointed at */
    this.cell = null;
    part.matrix.addEventListener("pointermove", (event) => {
      this.cell = this.cellAt(event);
      events.repaint();
    });
    part.matrix.addEventListener("pointerleave", () => {
      this.cell = null;
      events.repaint();
    });
    part.matrix.addEventListener("click", (event) => {
      const cell = this.cellAt(event);
      if (cell) events.choose(cell[0]);
    });
  }

  /**
   * The cell under the pointer, or null beside them.
   * @param {MouseEvent} event
   * @returns {[number, number] | null}
   */
  cellAt(event) {
    if (!this.cells) return null;
    const { start, cell } = this.cells;
    const bounds = this.part.matrix.getBoundingClientRect();
    const row = Math.floor((event.clientY - bounds.top - start) / cell);
    const column = Math.floor((event.clientX - bounds.left - start) / cell);
    const inside = [row, column].every((i) => i >= 0 && i < this.frames);
    return inside ? [row, column] : null;
  }

  /**
   * @param {Header} data
   * @param {Pictures} pictures
   * @param {State} state
   * @param {Sizes} size
   */
  paint(data, pictures, state, size) {
    const { part } = this;
    const drawn = data.time_taps.includes(state.tap) ? state.tap : state.times;
    const tap = drawn || (data.time_taps[0] ?? "");
    const entry = data.matrices.find((m) => m.tap === tap && m.layer === state.layer);
    const { controls: help } = helpOf(data);
    const tip = (tap ? help.matrix : help.flow) ?? "";
    const attention = entry?.beside
      ? `${tapName(tap)}, ${BESIDE}`
      : `attention from frame to frame (${tapName(tap)})`;
    const made = tap ? attention : FLOW;
    const where = `layer ${state.layer + 1}, ${headName(state.head)}`;
    writeTitle(part["matrix-title"], "Frame to frame", where, entry ? made : NONE, tip);
    part.matrix.setAttribute("aria-label", tip || "Frame to frame");
    this.matrix = null;
    this.scene = null;
    this.frames = data.grid[0];
    if (!entry) {
      contextOf(part.matrix).clearRect(0, 0, part.matrix.width, part.matrix.height);
      return;
    }
    const values = matrixOf(entry, state.head);
    const { low, high, top } = extent(values);
    const look = entry.signed
      ? { lut: data.diverging.array, low: -top, high: top }
      : {
          lut: data.colours[state.colours].array,
          low: Math.min(0, low),
          high: Math.max(high, low + 1e-9),
        };
    this.matrix = { entry, values };
    this.scene = {
      data,
      pictures,
      matrix: values,
      look,
      theme: themeOf(this.root),
      token: Math.floor(state.frame / data.unit),
      pointed: this.cell,
    };
    this.cells = paintMatrix(part.matrix, size.matrix, this.scene);
    part["matrix-low"].textContent = short(look.low);
    part["matrix-high"].textContent = short(look.high);
    part["matrix-value"].textContent = `values ${short(low)} to ${short(high)}`;
    if (this.cell) {
      const [t, s] = this.cell;
      const value = values[t * data.grid[0] + s];
      part["matrix-value"].textContent = `${t + 1} → ${s + 1}: ${short(value)}`;
    }
    paintScale(part["matrix-scale"], size.scale, 14, look.lut);
  }
}

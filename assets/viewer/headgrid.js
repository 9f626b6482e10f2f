// All heads at a glance: what the query sees of the large frame in each head of each layer. A click
// opens one.

/** @import {Header, Tap} from "./payload.js" */
/** @import {Head, Patch} from "./maths.js" */
/** @import {Pictures} from "./paint.js" */
/** @import {State, Wish} from "./state.js" */

import { drawnOf } from "./drawing.js";
import { extent, prominence } from "./maths.js";
import { fresh, paintHeat } from "./paint.js";
import { tapOf } from "./state.js";
import { headName } from "./words.js";

const LEAST = 40; // pixels of a map's width
const LARGEST = 92;
const WORDS = 140; // pixels above the maps, and around them
const BETWEEN = 6;

/**
 * The heads of a layer, and their mean where there are several; what is here of a layer says how
 * many it has.
 * @param {Header} data
 * @param {Tap} tap
 * @param {number} layer
 * @returns {Head[]}
 */
export function headsOf(data, tap, layer) {
  const known = data.layers.find((each) => each.tap === tap.name && each.layer === layer);
  const count = known ? known.main.shape[1] : tap.heads;
  const heads = [...Array(count).keys()];
  return count > 1 ? [...heads, "mean"] : heads;
}

/**
 * How wide a map may be: where the viewer is presented alone, so that all rows can be seen.
 * @param {HTMLElement} box
 * @param {number} rows
 * @param {number} aspect width / height of a picture
 */
function largestIn(box, rows, aspect) {
  const alone = box.closest("[data-presented]");
  return alone ? ((alone.clientHeight - WORDS) / rows - BETWEEN) * aspect : LARGEST;
}

/**
 * Fill `box` with a button for each head of each layer.
 * @param {HTMLElement} box
 * @param {Header} data
 * @param {Pictures} pictures
 * @param {State} state
 * @param {Patch | null} asking
 * @param {(wish: Wish) => void} open
 */
export function drawHeads(box, data, pictures, state, asking, open) {
  const tap = tapOf(data, state);
  const rows = tap.layers.map((layer) => ({ layer, heads: headsOf(data, tap, layer) }));
  const most = Math.max(...rows.map(({ heads }) => heads.length));
  const [high, wide] = data.pixels;
  const room = (box.clientWidth - 70) / most - 8;
  const width = Math.floor(
    Math.max(LEAST, Math.min(largestIn(box, rows.length, wide / high), room)),
  );
  const size = { width, height: Math.round((width * high) / wide) };
  const table = document.createElement("div");
  table.className = "av-heads";
  table.style.gridTemplateColumns = `max-content repeat(${most}, max-content)`;
  const longest = rows.find(({ heads }) => heads.length === most)?.heads ?? [];
  const names = longest.map((head) => (typeof head === "number" ? `head ${head + 1}` : head));
  for (const name of ["", ...names]) table.append(word(name));
  for (const { layer, heads } of rows) {
    table.append(word(`layer ${layer + 1}`));
    const cells = heads.map((head) => {
      const shown = { ...state, layer, head };
      const { drawn } = drawnOf(data, shown, asking);
      const cell = button(`Layer ${layer + 1}, ${headName(head)}`);
      cell.setAttribute("aria-pressed", String(layer === state.layer && head === state.head));
      cell.addEventListener("click", () => open({ layer, head }));
      const canvas = document.createElement("canvas");
      const context = fresh(canvas, size.width, size.height);
      context.drawImage(
        pictures.at(state.frame, size.width, size.height),
        0,
        0,
        size.width,
        size.height,
      );
      if (drawn) {
        const { values, signed } = drawn;
        const range = extent(values);
        const lut = signed ? data.diverging.array : data.colours[state.colours].array;
        const opacity = state.opacity * (signed ? 1 : prominence(range));
        const look = { lut, signed, top: range.top, cut: 0, opacity };
        const { frame, smooth } = state;
        const scene = { data, pictures, frame, values, look, smooth, marks: [] };
        paintHeat(context, size.width, size.height, scene);
      } else cell.classList.add("av-missing");
      cell.append(canvas);
      return cell;
    });
    while (cells.length < most) cells.push(word(""));
    table.append(...cells);
  }
  box.replaceChildren(
    Object.assign(document.createElement("p"), { textContent: wordsOn(data, state, asking) }),
    table,
  );
}

/**
 * What the maps show.
 * @param {Header} data
 * @param {State} state
 * @param {Patch | null} asking
 */
function wordsOn(data, state, asking) {
  const what = asking ? `The patch in view (${state.view})` : WHOSE[String(state.query)];
  return (
    `${what}, on frame ${state.frame + 1}, in each head of each layer. Each map has the scale of ` +
    "its own clip: places compare, strengths do not. Click one to open it."
  );
}

/** @type {Record<string, string>} */
const WHOSE = { cls: "The summary", mean: "The average over all who look" };

/** @param {string} text @returns {HTMLElement} */
const word = (text) => Object.assign(document.createElement("span"), { textContent: text });

/** @param {string} name @returns {HTMLElement} */
function button(name) {
  const node = Object.assign(document.createElement("button"), { type: "button", title: name });
  node.className = "av-cell";
  node.setAttribute("aria-label", name);
  return node;
}

// The words and the scale around the large frame.

/** @import {Header} from "./payload.js" */
/** @import {Drawn, Painted} from "./frames.js" */
/** @import {Parts} from "./parts.js" */
/** @import {State} from "./state.js" */
/** @import {Title} from "./words.js" */

import { paintScale } from "./paint.js";
import { elsewhere, short, writeTitle } from "./words.js";

/** What is drawn, with its words. @typedef {Drawn & {title: Title, tip: string}} Titled */

/**
 * Say what is drawn, also while another layer is on its way.
 * @param {Parts} part
 * @param {Header} data
 * @param {State} state
 * @param {Titled} drawn
 * @param {Painted} painted
 * @param {number} width of the scale in pixels
 */
export function writeLegend(part, data, state, drawn, painted, width) {
  const [name, detail, where] = drawn.title;
  writeTitle(part.title, name, where, detail, drawn.tip);
  const what = `${name} ${detail} ${where}`;
  part.stage.setAttribute(
    "aria-label",
    `Frame ${state.frame + 1} of the clip with ${what} drawn over it`,
  );
  const away = elsewhere(data, painted.part, Math.floor(state.frame / data.unit));
  part.elsewhere.textContent = away;
  part.elsewhere.hidden = away === "" || !part.wait.hidden;
  part.frame.value = String(state.frame);
  const seconds = data.times[state.frame].toFixed(2);
  part.time.textContent = `frame ${state.frame + 1} of ${data.frames.length} · ${seconds} s`;
  part.low.textContent = drawn.signed ? short(-painted.top) : "0";
  part.high.textContent = short(painted.top);
  const { low, high } = painted.clip;
  part.raw.textContent = `values ${short(low)} to ${short(high)}${drawn.remark}`;
  part.unseen.hidden = !drawn.values.some(Number.isNaN);
  paintScale(part.scale, width, 14, painted.lut);
}

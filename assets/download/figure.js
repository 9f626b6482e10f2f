// A figure of the page as a file to keep.

import { pixels, plotOf, standalone } from "./plot.js";
import { save } from "./save.js";

/**
 * What is kept: the key of a chart, the name of the file, and lines below it.
 * @typedef {{chart: string, name: string, lines: string[]}} Kept
 */

/**
 * Streamlit calls this when the buttons appear.
 * @param {{parentElement: HTMLElement, data: Kept}} component
 */
export default function mount({ parentElement, data }) {
  /** @param {string | undefined} kind */
  const keep = async (kind) => {
    const plot = plotOf(data.chart);
    if (!plot) return;
    const drawing = standalone(plot, data.lines);
    const svg = new Blob([drawing.text], { type: "image/svg+xml" });
    const blob = kind === "svg" ? svg : await pixels(drawing);
    if (blob) save(blob, `${data.name}.${kind}`);
  };
  const buttons = /** @type {NodeListOf<HTMLElement>} */ (
    parentElement.querySelectorAll("[data-kind]")
  );
  for (const button of buttons) button.onclick = () => keep(button.dataset.kind);
}

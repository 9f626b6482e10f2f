// All figures of the page as one ZIP: of each a picture, a drawing and its numbers, and a text that
// says what each shows. Charts are those that Python names; the viewer and the lab show themselves.

/** @import {Entry} from "./zip.js" */

import { pixels, plotOf, standalone } from "../download/plot.js";
import { save } from "../download/save.js";
import { zipParts } from "./zip.js";

/**
 * A figure of the page: the key of its chart, what stands below it, and its NPZ in base 64.
 * @typedef {{chart: string, name: string, lines: string[], numbers: string}} Figure
 */

/**
 * What the viewer and the lab give of themselves.
 * @typedef {HTMLElement & {kept?: () => {name: string, picture: HTMLCanvasElement, drawing: string,
 *   lines: string[]} | null}} Keeping
 */

const KEEPING = "[data-testid=attention-viewer], [data-testid=shuffle-lab]";
const text = (/** @type {string} */ words) => new TextEncoder().encode(words);

/** @param {Blob | null} blob */
const bytesOf = async (blob) => new Uint8Array(blob ? await blob.arrayBuffer() : []);

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob | null>} */
const blobOf = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

/**
 * What the viewer and the lab show, if they are on the page.
 * @returns {Promise<[Entry[], string]>}
 */
async function ofComponents() {
  /** @type {Entry[]} */
  const entries = [];
  let about = "";
  for (const root of document.querySelectorAll(KEEPING)) {
    const kept = /** @type {Keeping} */ (root).kept?.();
    if (!kept) continue;
    const { name, picture, drawing, lines } = kept;
    entries.push({ name: `${name}.png`, bytes: await bytesOf(await blobOf(picture)) });
    entries.push({ name: `${name}.svg`, bytes: text(drawing) });
    about += `${name}\n${lines.join("\n")}\n\n`;
  }
  return [entries, about];
}

/** @param {Figure[]} figures @returns {Promise<[Entry[], string]>} */
async function ofCharts(figures) {
  /** @type {Entry[]} */
  const entries = [];
  let about = "";
  for (const { chart, name, lines, numbers } of figures) {
    const plot = plotOf(chart);
    if (!plot) continue;
    const drawing = standalone(plot, lines);
    entries.push({ name: `${name}.png`, bytes: await bytesOf(await pixels(drawing)) });
    entries.push({ name: `${name}.svg`, bytes: text(drawing.text) });
    const npz = Uint8Array.from(atob(numbers), (letter) => letter.charCodeAt(0));
    entries.push({ name: `${name}.npz`, bytes: npz });
    about += `${name}\n${lines.join("\n")}\n\n`;
  }
  return [entries, about];
}

/**
 * Streamlit calls this when the button appears.
 * @param {{parentElement: HTMLElement, data: {figures: Figure[], name: string, remark: string}}}
 *   component
 */
export default function mount({ parentElement, data }) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector("button"));
  const said = /** @type {HTMLElement} */ (parentElement.querySelector("p"));
  button.textContent = "Save the figures, ZIP";
  button.disabled = false;
  button.onclick = async () => {
    button.disabled = true;
    said.textContent = "Drawing …";
    const [shown, about] = await ofComponents();
    const [charts, others] = await ofCharts(data.figures);
    const entries = [...shown, ...charts];
    if (entries.length) {
      const words = text(`${about}${others}${data.remark}\n`);
      const parts = zipParts([...entries, { name: "figures.txt", bytes: words }], new Date());
      save(new Blob(parts, { type: "application/zip" }), data.name);
    }
    const count = entries.filter(({ name }) => name.endsWith(".png")).length;
    said.textContent = count ? `${count} figures` : "This page has no figures.";
    button.disabled = false;
  };
}

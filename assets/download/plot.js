// A Plotly figure of the page as a drawing or a picture: what stands there, on the page's own
// colour, with lines below it that say what it shows.

import { wrapped } from "./save.js";

/**
 * An SVG that needs nothing but itself, and its size in CSS pixels.
 * @typedef {{text: string, width: number, height: number}} Drawing
 */

const NS = "http://www.w3.org/2000/svg";
const LINE = 22;
const IDLE = ".draglayer, .hoverlayer, .slider-container, .updatemenu-container, .zoomlayer";

/**
 * The moment at which a figure with a slider stands, or nothing.
 * @param {any} plot Plotly keeps what it drew on the node
 */
function moment(plot) {
  const slider = plot._fullLayout?.sliders?.[0];
  return slider ? [`at ${slider.steps[slider.active].label}`] : [];
}

/**
 * A node of an SVG.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
function svgNode(tag, attributes, text = "") {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.textContent = text;
  return node;
}

/**
 * A Plotly figure with lines below it.
 * @param {Element} plot
 * @param {string[]} lines
 * @returns {Drawing}
 */
export function standalone(plot, lines) {
  const { width, height } = plot.getBoundingClientRect();
  const page = getComputedStyle(document.querySelector("[data-testid=stApp]") ?? document.body);
  const most = Math.floor(width / 7.4);
  const words = [...moment(plot), ...lines].flatMap((line) => wrapped(line, most));
  const full = height + LINE * words.length + 14;
  const whole = svgNode("svg", {
    xmlns: NS,
    width,
    height: full,
    viewBox: `0 0 ${width} ${full}`,
  });
  whole.append(svgNode("rect", { width: "100%", height: "100%", fill: page.backgroundColor }));
  for (const layer of plot.querySelectorAll(".main-svg")) {
    const copy = /** @type {Element} */ (layer.cloneNode(true));
    copy.removeAttribute("style");
    for (const node of copy.querySelectorAll(IDLE)) node.remove();
    whole.append(copy);
  }
  words.forEach((text, i) => {
    const y = height + LINE * (i + 1) - 4;
    const letters = { fill: page.color, "font-size": 14, "font-family": "sans-serif" };
    whole.append(svgNode("text", { x: 8, y, ...letters }, text));
  });
  const text = new XMLSerializer()
    .serializeToString(whole)
    .replace(/url\((&quot;|")?[^#()"]*#([^()"&]*)(&quot;|")?\)/g, "url(#$2)");
  return { text, width, height: full };
}

/**
 * The same as pixels, `fine` to a CSS pixel.
 * @param {Drawing} drawing
 * @returns {Promise<Blob | null>}
 */
export async function pixels({ text, width, height }, fine = 2) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = fine * width;
  canvas.height = fine * height;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/**
 * The Plotly figure under the key of a chart, if it is drawn.
 * @param {string} chart
 */
export const plotOf = (chart) =>
  document.querySelector(`.st-key-${CSS.escape(chart)} .js-plotly-plot`);

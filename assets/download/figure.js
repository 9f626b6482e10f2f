// A figure of the page as a file: the drawing that stands there, on the page's own colour, with lines below it that say what it shows.

import { save, wrapped } from "./save.js";

const NS = "http://www.w3.org/2000/svg";
const LINE = 22;
const IDLE = ".draglayer, .hoverlayer, .slider-container, .updatemenu-container, .zoomlayer";

/** The moment at which a figure with a slider stands, or nothing. */
function moment(plot) {
  const slider = plot._fullLayout?.sliders?.[0];
  return slider ? [`at ${slider.steps[slider.active].label}`] : [];
}

/** A Plotly figure as {text, width, height}, an SVG that needs nothing but itself. */
export function standalone(plot, lines) {
  const { width, height } = plot.getBoundingClientRect();
  const page = getComputedStyle(document.querySelector("[data-testid=stApp]") ?? document.body);
  const words = [...moment(plot), ...lines].flatMap((line) =>
    wrapped(line, Math.floor(width / 7.4)),
  );
  const whole = document.createElementNS(NS, "svg");
  const full = height + LINE * words.length + 14;
  for (const [name, value] of [
    ["xmlns", NS],
    ["width", width],
    ["height", full],
    ["viewBox", `0 0 ${width} ${full}`],
  ])
    whole.setAttribute(name, value);
  const add = (tag, attributes, text = "") => {
    const node = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    whole.append(node);
  };
  add("rect", { width: "100%", height: "100%", fill: page.backgroundColor });
  for (const layer of plot.querySelectorAll(".main-svg")) {
    const copy = layer.cloneNode(true);
    copy.removeAttribute("style");
    copy.querySelectorAll(IDLE).forEach((node) => node.remove());
    whole.append(copy);
  }
  words.forEach((text, i) =>
    add(
      "text",
      {
        x: 8,
        y: height + LINE * (i + 1) - 4,
        fill: page.color,
        "font-size": 14,
        "font-family": "sans-serif",
      },
      text,
    ),
  );
  const text = new XMLSerializer()
    .serializeToString(whole)
    .replace(/url\((&quot;|")?[^#()"]*#([^()"&]*)(&quot;|")?\)/g, "url(#$2)");
  return { text, width, height: full };
}

/** The same as pixels, `fine` to a CSS pixel. */
async function pixels({ text, width, height }, fine = 2) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {
    width: fine * width,
    height: fine * height,
  });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** Streamlit calls this with {chart: the key of a chart, name: of the file, lines}. */
export default function mount({ parentElement, data }) {
  for (const button of parentElement.querySelectorAll("[data-kind]")) {
    button.onclick = async () => {
      const plot = document.querySelector(`.st-key-${CSS.escape(data.chart)} .js-plotly-plot`);
      if (!plot) return;
      const drawing = standalone(plot, data.lines);
      const blob =
        button.dataset.kind === "svg"
          ? new Blob([drawing.text], { type: "image/svg+xml" })
          : await pixels(drawing);
      save(blob, `${data.name}.${button.dataset.kind}`);
    };
  }
}

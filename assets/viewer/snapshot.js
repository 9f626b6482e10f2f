// What the viewer shows, as one picture or drawing: the large frame and the frame map with their scales, the strip, and of what it all is.

import { save, wrapped } from "../download/save.js";
import { Vector } from "../download/vector.js";
import { drawMatrix, paintHeat } from "./paint.js";

const PAD = 24;
const REMARK =
  "Attention shows where the model looks from, not why it decides. It is not an explanation.";

/** Draw words at x, y. Returns the height that they took. */
function words(context, text, x, y, { size = 16, weight = 400, theme }) {
  context.font = `${weight} ${size}px ${theme.font}`;
  context.fillStyle = theme.text;
  context.textBaseline = "top";
  context.fillText(text, x, y);
  return size * 1.4;
}

/** The two lines of a title, then its picture, then its scale. Returns the height. */
function framed(context, { title, canvas, legend }, x, y, theme, put) {
  const [first, second] = [...title.children].map((p) => p.textContent.trim());
  let at = y + words(context, first, x, y, { size: 19, weight: 650, theme });
  at += words(context, second, x, at, { theme }) + 6;
  const { width, height } = canvas.getBoundingClientRect();
  put(context, canvas, x, at, width, height);
  at += height + 10;
  let right = x;
  for (const part of legend.children) {
    if (getComputedStyle(part).visibility === "hidden") continue;
    if (part.tagName === "CANVAS") {
      const bar = part.getBoundingClientRect();
      context.drawImage(part, right, at + 2, bar.width, bar.height);
      right += bar.width + 12;
    } else if (part.textContent) {
      words(context, part.textContent, right, at, { theme });
      right += context.measureText(part.textContent).width + 12;
    }
  }
  return at + 30 - y;
}

/** Draw all of it; `put(context, canvas, x, y, width, height)` draws a picture of the page. Returns its [width, height]. */
function sheet(context, { root, part, thumbs, source }, put) {
  const style = getComputedStyle(root);
  const theme = {
    text: style.color,
    font: style.fontFamily,
    accent: style.getPropertyValue("--av-accent").trim(),
  };
  const width = root.clientWidth + 2 * PAD;
  const stage = { title: part.title, canvas: part.stage, legend: part.legend };
  const side = { title: part["matrix-title"], canvas: part.matrix, legend: part["matrix-legend"] };
  const beside = part.matrix.getBoundingClientRect().left - root.getBoundingClientRect().left + PAD;
  let y =
    PAD +
    Math.max(
      framed(context, stage, PAD, PAD, theme, put),
      framed(context, side, beside, PAD, theme, put),
    );
  const [{ left, top }] = thumbs.map(({ figure }) => figure.getBoundingClientRect());
  let below = y;
  for (const { figure, canvas, label } of thumbs) {
    const at = figure.getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const [x, from] = [PAD + box.left - left, y + box.top - top];
    put(context, canvas, x, from, box.width, box.height);
    words(context, label.textContent, x, from + box.height + 4, { size: 14, theme });
    if (figure.hasAttribute("data-current")) {
      context.strokeStyle = theme.accent;
      context.lineWidth = 3;
      context.strokeRect(x - 2, from - 2, box.width + 4, box.height + 4);
    }
    below = Math.max(below, y + at.bottom - top);
  }
  y = below + 12;
  for (const line of [source, REMARK].flatMap((text) => wrapped(text, Math.floor(width / 7.6))))
    y += words(context, line, PAD, y, { size: 14, theme });
  return [width, y + PAD];
}

const back = (root) => getComputedStyle(root).getPropertyValue("--av-back").trim() || "#FFFFFF";

/** A canvas with all of it, `fine` to a CSS pixel. */
export function snapshot(shown, fine = 2) {
  const put = (context, ...picture) => context.drawImage(...picture);
  const canvas = document.createElement("canvas");
  const [width, height] = sheet(new Vector(), shown, () => {}); // says how high it must be
  Object.assign(canvas, { width: fine * width, height: fine * Math.ceil(height) });
  const context = canvas.getContext("2d");
  context.scale(fine, fine);
  context.fillStyle = back(shown.root);
  context.fillRect(0, 0, width, height);
  sheet(context, shown, put);
  return canvas;
}

/** The same as an SVG: text is text, the frame map is shapes, and each frame is a picture of the clip below a picture of the heat. */
export function drawing(shown, fine = 2) {
  const { root, part, scenes, map } = shown;
  const put = (context, canvas, x, y, width, height) => {
    const scene = scenes.get(canvas);
    if (scene) {
      const heat = document.createElement("canvas");
      Object.assign(heat, { width: fine * width, height: fine * height });
      const over = heat.getContext("2d");
      over.scale(fine, fine);
      paintHeat(over, width, height, scene);
      context.drawImage(scene.pictures.address(scene.frame), x, y, width, height);
      context.drawImage(heat, x, y, width, height);
    } else if (canvas === part.matrix && map) {
      context.save();
      context.translate(x, y);
      drawMatrix(context, width, map);
      context.restore();
    } else context.drawImage(canvas, x, y, width, height);
  };
  const ground = new Vector();
  const vector = new Vector();
  const [width, height] = sheet(vector, shown, put);
  ground.fillStyle = back(root);
  ground.fillRect(0, 0, width, height);
  vector.made.unshift(...ground.made);
  return vector.file(width, height);
}

/** Let the buttons of `bar` keep what is `shown()`: a picture or drawing at once, anything else by asking Python with `ask(kind, number)`. */
export function keepButtons(bar, shown, ask, signal) {
  let pending = null;
  let count = 0;
  bar.addEventListener(
    "click",
    (event) => {
      const kind = event.target.dataset?.keep;
      if (!kind) return;
      if (kind === "png")
        snapshot(shown()).toBlob((blob) => save(blob, "attention.png"), "image/png");
      else if (kind === "svg") save(drawing(shown()), "attention.svg");
      else {
        if (kind !== "follow") pending = event.target;
        pending?.setAttribute("aria-busy", "true");
        ask(kind, ++count);
      }
    },
    { signal },
  );
  return (file) => {
    if (!pending) return; // sent again by a rerun, not asked for again
    pending.removeAttribute("aria-busy");
    pending = null;
    save(new Blob([file.content.array]), file.name);
  };
}

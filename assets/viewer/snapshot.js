// What the viewer shows, as one picture: the large frame and the frame map with their scales, the strip, and of what it all is.

import { save, wrapped } from "../download/save.js";

const PAD = 24;
const REMARK = "Attention shows where the model looks from, not why it decides. It is not an explanation.";

/** Draw the words of `node` at x, y; bold where it is bold on the page. Returns the height that they took. */
function words(context, text, x, y, { size = 16, weight = 400, colour }) {
  context.font = `${weight} ${size}px ${context.family}`;
  context.fillStyle = colour;
  context.textBaseline = "top";
  context.fillText(text, x, y);
  return size * 1.4;
}

/** The two lines of a title, then its picture, then its scale. Returns the height. */
function framed(context, { title, canvas, legend }, x, y, theme) {
  const [first, second] = [...title.children].map((p) => p.textContent.trim());
  let at = y + words(context, first, x, y, { size: 19, weight: 650, colour: theme.text });
  at += words(context, second, x, at, { colour: theme.text }) + 6;
  const { width, height } = canvas.getBoundingClientRect();
  context.drawImage(canvas, x, at, width, height);
  at += height + 10;
  let right = x;
  for (const part of legend.children) {
    if (getComputedStyle(part).visibility === "hidden") continue;
    if (part.tagName === "CANVAS") {
      const bar = part.getBoundingClientRect();
      context.drawImage(part, right, at + 2, bar.width, bar.height);
      right += bar.width + 8;
    } else if (part.textContent) {
      words(context, part.textContent, right, at, { colour: theme.text });
      right += context.measureText(part.textContent).width + 8;
    }
  }
  return at + 30 - y;
}

/** A canvas with all of it, `fine` to a CSS pixel. */
export function snapshot(root, part, thumbs, source, fine = 2) {
  const style = getComputedStyle(root);
  const theme = { text: style.color, back: style.getPropertyValue("--av-back").trim() || "#FFFFFF", accent: style.getPropertyValue("--av-accent").trim() };
  const width = root.clientWidth + 2 * PAD;
  const sheet = document.createElement("canvas");
  const paint = () => {
    const context = sheet.getContext("2d");
    context.family = style.fontFamily;
    context.scale(fine, fine);
    context.fillStyle = theme.back;
    context.fillRect(0, 0, width, sheet.height / fine);
    const stage = { title: part.title, canvas: part.stage, legend: part.legend };
    const side = { title: part["matrix-title"], canvas: part.matrix, legend: part["matrix-legend"] };
    const beside = part.matrix.getBoundingClientRect().left - root.getBoundingClientRect().left + PAD;
    let y = PAD + Math.max(framed(context, stage, PAD, PAD, theme), framed(context, side, beside, PAD, theme));
    const [{ left, top }] = thumbs.map(({ figure }) => figure.getBoundingClientRect());
    let below = y;
    for (const { figure, canvas, label } of thumbs) {
      const at = figure.getBoundingClientRect();
      const box = canvas.getBoundingClientRect();
      const [x, from] = [PAD + box.left - left, y + box.top - top];
      context.drawImage(canvas, x, from, box.width, box.height);
      words(context, label.textContent, x, from + box.height + 4, { size: 14, colour: theme.text });
      if (figure.hasAttribute("data-current")) {
        context.strokeStyle = theme.accent;
        context.lineWidth = 3;
        context.strokeRect(x - 2, from - 2, box.width + 4, box.height + 4);
      }
      below = Math.max(below, y + at.bottom - top);
    }
    y = below + 12;
    for (const line of [source, REMARK].flatMap((text) => wrapped(text, Math.floor(width / 7.6)))) y += words(context, line, PAD, y, { size: 14, colour: theme.text });
    return y + PAD;
  };
  Object.assign(sheet, { width: fine * width, height: 10 });
  Object.assign(sheet, { width: fine * width, height: fine * Math.ceil(paint()) }); // the first painting says how high it must be
  paint();
  return sheet;
}

/** Let the buttons of `bar` keep what is shown: a picture at once, anything else by asking Python with `ask(kind, number)`. */
export function keepButtons(bar, picture, ask, signal) {
  let pending = null;
  let count = 0;
  bar.addEventListener("click", (event) => {
    const kind = event.target.dataset?.keep;
    if (!kind) return;
    if (kind === "png") picture().toBlob((blob) => save(blob, "attention.png"), "image/png");
    else {
      if (kind !== "follow") pending = event.target;
      pending?.setAttribute("aria-busy", "true");
      ask(kind, ++count);
    }
  }, { signal });
  return (file) => {
    if (!pending) return; // sent again by a rerun, not asked for again
    pending.removeAttribute("aria-busy");
    pending = null;
    save(new Blob([file.content.array]), file.name);
  };
}

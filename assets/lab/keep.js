// What the lab shows as a file: the step that is drawn, with its scale, the paths compared, and of what it all is.

import { save, wrapped } from "../download/save.js";
import { Vector } from "../download/vector.js";
import { colourOf, drawStage } from "./paint.js";

const PAD = 24;
const BAR = { w: 150, h: 16 };
const LETTER = 7.6; // pixels of a letter of the smallest text, on average

/** Draw words from their top left corner. Returns where the next ones may begin, to the right. */
function words(context, text, x, y, theme, { size = 15, weight = 400 } = {}) {
  Object.assign(context, {
    font: `${weight} ${size}px ${theme.font}`,
    fillStyle: theme.text,
    textAlign: "left",
    textBaseline: "top",
  });
  context.fillText(text, x, y);
  return x + context.measureText(text).width + 14;
}

/** The table of the page, the slots in order last, where they may take several lines. Returns its height. */
function table(context, rows, x, y, width, theme) {
  let at = y;
  const columns = [0, 2, 3, 4].map(
    (column) =>
      Math.max(
        ...rows.map((row) => {
          context.font = `650 15px ${theme.font}`;
          return context.measureText(row[column]).width;
        }),
      ) + 24,
  );
  const last = x + columns.reduce((a, b) => a + b);
  rows.forEach((row, i) => {
    let left = x;
    [0, 2, 3, 4].forEach((column, k) => {
      words(context, row[column], left, at, theme, { weight: i === 0 || k === 0 ? 650 : 400 });
      left += columns[k];
    });
    for (const line of wrapped(row[1], Math.floor((x + width - last) / LETTER))) {
      words(context, line, last, at, theme, { weight: i === 0 ? 650 : 400 });
      at += 22;
    }
    at += 3;
  });
  return at - y;
}

/** Draw all of it. Returns its [width, height]. */
function sheet(context, { scene, at, part, lines }) {
  const { view, theme, data } = scene;
  let y = PAD;
  for (const line of wrapped(part.caption.textContent, Math.floor(view.width / 9))) {
    words(context, line, PAD, y, theme, { size: 18, weight: 650 });
    y += 26;
  }
  y += 10;
  context.save();
  context.translate(PAD, y);
  drawStage(context, scene, at);
  context.restore();
  y += view.height + 12;
  let x = words(context, part.low.textContent, PAD, y, theme);
  for (let i = 0; i < BAR.w; i += 2) {
    context.fillStyle = colourOf(data, data.middle + data.reach * ((2 * i) / (BAR.w - 2) - 1));
    context.fillRect(x + i, y, 2.5, BAR.h);
  }
  x = words(context, part.high.textContent, x + BAR.w + 14, y, theme);
  words(context, part.middle.textContent, x, y, theme);
  y += 36;
  const rows = [...part.paths.parentElement.querySelectorAll("tr")].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
  y +=
    table(
      context,
      rows.map((row) => [...row, "", "", ""].slice(0, 5)),
      PAD,
      y,
      view.width,
      theme,
    ) + 8;
  for (const line of lines.flatMap((text) => wrapped(text, Math.floor(view.width / LETTER)))) {
    words(context, line, PAD, y, theme, { size: 14 });
    y += 20;
  }
  return [view.width + 2 * PAD, y + PAD];
}

/** A canvas with all of it, `fine` to a CSS pixel. */
function snapshot(shown, fine = 2) {
  const [width, height] = sheet(new Vector(), shown); // says how high it must be
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.ceil(fine * width),
    height: Math.ceil(fine * height),
  });
  const context = canvas.getContext("2d");
  context.scale(fine, fine);
  context.fillStyle = shown.back;
  context.fillRect(0, 0, width, height);
  sheet(context, shown);
  return canvas;
}

/** The same as an SVG in which text is text. */
function drawing(shown) {
  const [ground, vector] = [new Vector(), new Vector()];
  const [width, height] = sheet(vector, shown);
  ground.fillStyle = shown.back;
  ground.fillRect(0, 0, width, height);
  vector.made.unshift(...ground.made);
  return vector.file(width, height);
}

/** Keep what is `shown` as a file of this kind; `numbers` is the NPZ that Python made, in base 64. */
export function keep(kind, shown, numbers) {
  if (kind === "png") snapshot(shown).toBlob((blob) => save(blob, "shuffle-lab.png"), "image/png");
  else if (kind === "svg") save(drawing(shown), "shuffle-lab.svg");
  else
    save(
      new Blob([Uint8Array.from(atob(numbers), (letter) => letter.charCodeAt(0))]),
      "shuffle-lab.npz",
    );
}

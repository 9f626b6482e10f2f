// The words around the pictures: what is drawn, and the values of a patch. People count from 1, core from 0.

import { strongest } from "./maths.js";
import { camOf, targetOf } from "./state.js";

/** A number in as few digits as say something. */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e5))
    return String(Number(value.toPrecision(3))).replace("-", "−");
  const [digits, power] = value.toExponential(1).split("e");
  return `${digits.replace("-", "−")}·10${[...power.replace("+", "")].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;
}

/** What must be known to read a layer's weights. */
export function remarkOn(layer) {
  const loose = !layer.main.sums_to_one && !layer.main.signed;
  return `${loose ? ", rows do not sum to 1" : ""}${layer.bits < 16 ? ", rounded to 8 bits" : ""}`;
}

/** Name of a head for people. */
export const headName = (head) => (typeof head === "number" ? String(head + 1) : head);

/** "frame 4 at 1.34 s", or "frames 7–8, 1.20–1.34 s" where a token covers two. */
export function framesOf(data, t) {
  const [first, last] = [t * data.unit, (t + 1) * data.unit - 1];
  const second = (frame) => data.times[frame].toFixed(2);
  if (first === last) return `frame ${first + 1} at ${second(first)} s`;
  return `frames ${first + 1}–${last + 1}, ${second(first)}–${second(last)} s`;
}

/** The pixels of the clip that a patch covers. */
export function pixelsOf(data, row, col) {
  const [top, left, height, width] = data.box;
  const [, h, w] = data.grid;
  const edge = (start, size, n, i) => Math.round(start + (size * i) / n);
  return `x ${edge(left, width, w, col)}–${edge(left, width, w, col + 1)}, y ${edge(top, height, h, row)}–${edge(top, height, h, row + 1)}`;
}

/** What is drawn, in words. `patch` is the asking patch or null. */
export function titleOf(data, state, view, patch) {
  const where = `layer ${state.layer + 1}, head ${headName(state.head)}`;
  if (patch)
    return [
      view[0].toUpperCase() + view.slice(1).replace(" x ", " × "),
      `patch at row ${patch[1] + 1}, column ${patch[2] + 1}, ${framesOf(data, patch[0]).replace(",", " ·")}`,
      where,
    ];
  if (state.query === "gradcam") {
    const cam = camOf(data, state);
    return [
      "GradCAM",
      `evidence for “${data.labels[targetOf(data, state)]}”${cam ? `, P = ${(100 * cam.probability).toFixed(1)} %` : ""}`,
      "",
    ];
  }
  if (state.query === "cls") return ["Class token", "where the summary of the frame looks", where];
  return ["Mean", "what each patch gets from those that see it", where];
}

/** Two lines that never wrap: were they to grow under the pointer, the picture would jump away from it. */
export function writeTitle(caption, name, where, detail, help = null) {
  if (caption.children.length === 0)
    caption.innerHTML = "<p><strong></strong> <span></span></p><p></p>";
  const [first, second] = caption.children;
  const [strong, span] = first.children;
  strong.textContent = name;
  span.textContent = where;
  second.textContent = detail;
  if (help) {
    strong.dataset.tip = help;
    strong.tabIndex = 0;
  }
}

/** Fill `list` with the values of the patch under the pointer, else of the locked one, else of the strongest. */
export function describe(list, data, { view, values }, pointer, locked) {
  const [, h, w] = data.grid;
  const heading = pointer ? "Under the pointer" : locked ? "Locked patch" : "Strongest patch";
  const best = strongest(values);
  const [t, row, col] = pointer ??
    locked ?? [Math.floor(best / (h * w)), Math.floor(best / w) % h, best % w];
  const token = (t * h + row) * w + col;
  const weight = values[token];
  const lines = [
    [heading, `row ${row + 1}, column ${col + 1}`],
    [
      view === "GradCAM" ? "Evidence" : "Weight",
      Number.isNaN(weight) ? "cannot see it" : short(weight),
    ],
    ["Token", `${token} · ${framesOf(data, t)}`],
    ["Pixels", pixelsOf(data, row, col)],
  ];
  if (list.children.length === 0)
    list.innerHTML = "<div><dt></dt><dd></dd></div>".repeat(lines.length);
  lines.forEach(([term, value], i) => {
    const [dt, dd] = list.children[i].children;
    dt.textContent = term;
    dd.textContent = value;
  });
}

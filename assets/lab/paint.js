// Draws the stage. What does not move (matrix, edges) is drawn once into layers; a frame of the animation copies these and
// draws the path, the pictures and what is pointed at.

import { along, cellAt, part, rowHead } from "./geometry.js";

const GOOD = "#2E9E5B";
const BAD = "#D64545";

/** "rgb(...)" of a weight on the diverging scale of the data. */
export function colourOf(data, weight) {
  const level = Math.max(-1, Math.min(1, (weight - data.middle) / data.reach));
  const at = 3 * Math.round(127.5 + 127.5 * level);
  return `rgb(${data.colours[at]},${data.colours[at + 1]},${data.colours[at + 2]})`;
}

/** The text colour that is easier to read on the colour of a weight. */
function inkOn(data, weight) {
  const linear = colourOf(data, weight)
    .match(/\d+/g)
    .map((value) => (value / 255) ** 2.2);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179
    ? "#000000"
    : "#FFFFFF";
}

/** How far a weight is from the middle of the scale, 0..1. */
export function strengthOf(data, weight) {
  return Math.min(1, Math.abs(weight - data.middle) / data.reach);
}

export function written(weight) {
  const size = Math.abs(weight);
  return `${weight < 0 ? "−" : ""}${size >= 100 ? size.toFixed(1) : size >= 10 ? size.toFixed(2) : size.toFixed(3)}`;
}

export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (canvas.style) canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function paintScale(canvas, data, width, height) {
  canvas.style.width = `${width}px`;
  const context = sized(canvas, width, height);
  for (let x = 0; x < width; x++) {
    context.fillStyle = colourOf(data, data.middle + data.reach * ((2 * x) / (width - 1) - 1));
    context.fillRect(x, 0, 1.5, height);
  }
}

function text(context, words, x, y, { size = 15, weight = 400, colour, align = "center", font }) {
  context.font = `${weight} ${size}px ${font}`;
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(words, x, y);
}

function rounded(context, x, y, w, h, radius) {
  context.beginPath();
  context.roundRect(x, y, w, h, radius);
}

function trace(context, { a, c, b }) {
  context.beginPath();
  context.moveTo(a.x, a.y);
  context.quadraticCurveTo(c.x, c.y, b.x, b.y);
}

const badges = new Map(); // drawn once each: text costs more than all lines

/** White words on a round ground, their middle at (x, y). */
function badge(context, words, x, y, size, back, theme) {
  const name = [words, size, back, theme.font, window.devicePixelRatio].join("|");
  const draw = (on, w, h) => {
    on.fillStyle = back;
    rounded(on, 0, 0, w, h, h / 2);
    on.fill();
    text(on, words, w / 2, h / 2 + 1, { size, weight: 650, colour: "#FFFFFF", font: theme.font });
  };
  if (theme.forFile || !badges.has(name)) {
    context.font = `650 ${size}px ${theme.font}`;
    const [w, h] = [
      Math.ceil(Math.max(size * 1.5, context.measureText(words).width + size * 0.8)),
      Math.ceil(size * 1.45),
    ];
    if (theme.forFile) {
      context.save();
      context.translate(Math.round(x - w / 2), Math.round(y - h / 2));
      draw(context, w, h);
      context.restore();
      return;
    }
    const canvas = document.createElement("canvas");
    draw(sized(canvas, w, h), w, h);
    badges.set(name, { canvas, w, h });
  }
  const { canvas, w, h } = badges.get(name);
  context.drawImage(canvas, Math.round(x - w / 2), Math.round(y - h / 2), w, h);
}

function arrow(context, { c, b }, size, colour) {
  const angle = Math.atan2(b.y - c.y, b.x - c.x);
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(b.x, b.y);
  for (const side of [-1, 1])
    context.lineTo(
      b.x - size * Math.cos(angle + side * 0.45),
      b.y - size * Math.sin(angle + side * 0.45),
    );
  context.fill();
}

function cross(context, x, y, size, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.stroke();
}

/** A canvas with what drawMatrix draws. */
export function matrixLayer(view, ...rest) {
  const layer = document.createElement("canvas");
  drawMatrix(sized(layer, view.side + 2, view.side + 2), view, ...rest);
  return layer;
}

/** The matrix with its titles: cells in their colours, values where there is room, crosses on forbidden edges. */
export function drawMatrix(context, view, data, pictures, theme, forbidden) {
  const { cell, origin, T, side } = view;
  text(context, "to slot (column)", origin + cell + (cell * T) / 2, 10, {
    colour: theme.soft,
    font: theme.font,
  });
  context.save();
  context.translate(10, origin + cell + (cell * T) / 2);
  context.rotate(-Math.PI / 2);
  text(context, "from slot (row)", 0, 0, { colour: theme.soft, font: theme.font });
  context.restore();
  for (let t = 0; t < T; t++) {
    const row = rowHead(view, t);
    for (const { x, y } of [row, { x: row.y, y: row.x }]) {
      if (cell >= 34) {
        const w = cell - 6;
        const h = Math.min(cell - 4, (w * view.node.h) / view.node.w);
        context.drawImage(pictures[t], x - w / 2, y - h / 2, w, h);
        badge(
          context,
          String(t + 1),
          x + w / 2 - 8,
          y + h / 2 - 7,
          13,
          "rgba(10, 12, 18, 0.82)",
          theme,
        );
      } else
        text(context, String(t + 1), x, y, {
          size: Math.min(15, 0.68 * cell),
          colour: theme.text,
          weight: 650,
          font: theme.font,
        });
    }
    const own = cellAt(view, t, t);
    context.fillStyle = theme.fill;
    context.fillRect(own.x + 1, own.y + 1, cell - 2, cell - 2);
  }
  for (const [t, u, weight] of data.edges) {
    const { x, y } = cellAt(view, t, u);
    context.fillStyle = colourOf(data, weight);
    context.fillRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
    if (forbidden(t, u)) {
      context.fillStyle = theme.fill;
      context.fillRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
      cross(context, x + cell / 2, y + cell / 2, cell / 5, theme.text);
    } else if (cell >= 44) {
      text(context, written(weight).replace(/(\.\d\d)\d$/, "$1"), x + cell / 2, y + cell / 2 + 1, {
        size: 14,
        colour: inkOn(data, weight),
        font: theme.font,
      });
    }
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(origin + cell, origin + cell, side - origin - cell, side - origin - cell);
}

/** A canvas of the graph's place with what drawEdges draws. */
export function edgesLayer(view, ...rest) {
  const layer = document.createElement("canvas");
  const context = sized(layer, view.graph.w, view.graph.h);
  context.translate(-view.graph.x, -view.graph.y);
  drawEdges(context, view, ...rest);
  return layer;
}

/** All edges of the graph, thin, the stronger the plainer; forbidden ones broken. `shade` 0..1 is how far they have come up. */
export function drawEdges(context, view, data, curves, theme, forbidden, shade = 1) {
  const byStrength = [...curves].sort(
    (a, b) => strengthOf(data, a.weight) - strengthOf(data, b.weight),
  );
  for (const { edge, weight, curve } of byStrength) {
    const strength = strengthOf(data, weight);
    const shown = part(curve, curve.from, curve.to);
    const out = forbidden(...edge);
    context.globalAlpha =
      shade * (out ? 0.9 : Math.min(1, 10 / view.T) * (0.1 + 0.65 * strength ** 1.5));
    context.strokeStyle = out ? theme.soft : colourOf(data, weight);
    context.lineWidth = out ? 2 : 1 + 1.6 * strength;
    context.setLineDash(out ? [4, 7] : []);
    trace(context, shown);
    context.stroke();
    context.setLineDash([]);
    if (!out) arrow(context, shown, 7, context.strokeStyle);
    else cross(context, along(curve, 0.5).x, along(curve, 0.5).y, 7, theme.text);
  }
  context.globalAlpha = 1;
}

/** One edge in bold: its colour between two lines of the text's colour, so that it is seen on any background. */
function bold(context, data, theme, whole, weight, grown) {
  const shown = part(whole, whole.from, whole.from + (whole.to - whole.from) * grown);
  context.lineCap = "round";
  for (const [width, colour] of [
    [9, theme.text],
    [6, colourOf(data, weight)],
  ]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    trace(context, shown);
    context.stroke();
  }
  context.lineCap = "butt";
  arrow(context, shown, 20, theme.text);
}

/** A picture at the size at which it will be drawn, with round corners: scaling it anew in each frame would cost most of the time. */
export function stamp(image, size) {
  const canvas = document.createElement("canvas");
  const context = sized(canvas, size.w, size.h);
  rounded(context, 0, 0, size.w, size.h, 6);
  context.clip();
  context.drawImage(image, 0, 0, size.w, size.h);
  return canvas;
}

function picture(context, image, at, size, edge, width = 3) {
  const [x, y] = [at.x - size.w / 2, at.y - size.h / 2];
  context.drawImage(image, x, y, size.w, size.h);
  context.lineWidth = width;
  context.strokeStyle = edge;
  rounded(context, x, y, size.w, size.h, 6);
  context.stroke();
}

const eased = (t) => (t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t));
const between = (a, b, t) => ({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t });

/** The stage on its canvas. */
export function paintStage(canvas, scene, position) {
  drawStage(sized(canvas, scene.view.width, scene.view.height), scene, position);
}

/** The stage at a position of the step-through: 0 matrix, 1 graph, 1 + k edges of the path, T + 1 frames in order. */
export function drawStage(context, scene, position) {
  const { view, data, layers, theme, curveOf, weightOf, path, pointed } = scene;
  const T = view.T;
  const arrived = eased(position / 0.65);
  const grown = Math.max(0, Math.min(T - 1, position - 1));
  const slid = Math.max(0, position - T);
  layers.matrix(context);
  if (position > 0.5) layers.edges(context, eased((position - 0.5) / 0.5));
  for (let k = 0; k < Math.ceil(grown); k++) {
    const [t, u] = [path[k], path[k + 1]];
    bold(context, data, theme, curveOf(t, u), weightOf(t, u), Math.min(1, grown - k));
    context.globalAlpha = Math.min(1, grown - k);
    for (const [width, colour] of [
      [6, "#15181E"],
      [2.5, "#FFFFFF"],
    ])
      outline(context, view, [t, u], width, colour);
    context.globalAlpha = 1;
  }
  if (pointed) {
    outline(context, view, pointed, 5, theme.accent);
    if (position >= 1) bold(context, data, theme, curveOf(...pointed), weightOf(...pointed), 1);
  }
  const visited = new Set(path.slice(0, grown > 0 ? Math.floor(grown) + 1 : 0));
  for (let t = 0; t < T; t++) {
    const at = between(rowHead(view, t), view.nodes[t], arrived);
    const size = { w: view.node.w * (0.4 + 0.6 * arrived), h: view.node.h * (0.4 + 0.6 * arrived) };
    if (arrived < 1) {
      // where the picture is going
      context.globalAlpha = 0.25;
      picture(context, layers.nodes[t], view.nodes[t], view.node, theme.line);
      context.globalAlpha = 1;
    }
    if (arrived > 0)
      picture(
        context,
        layers.nodes[t],
        at,
        size,
        visited.has(t) ? theme.accent : theme.line,
        visited.has(t) ? 4 : 2,
      );
    badge(
      context,
      String(t + 1),
      at.x + (arrived > 0 ? size.w / 2 - 10 : 0),
      at.y + (arrived > 0 ? size.h / 2 - 9 : 0),
      arrived > 0 ? 16 : 13,
      "rgba(10, 12, 18, 0.82)",
      theme,
    );
  }
  for (let k = 0; k < Math.floor(grown); k++) {
    const whole = curveOf(path[k], path[k + 1]);
    const { x, y } = along(whole, whole.from + 0.4 * (whole.to - whole.from));
    badge(context, String(k + 1), x, y, 15, theme.badge, theme);
  }
  places(context, scene, slid);
}

function outline(context, view, [t, u], width, colour) {
  const { x, y } = cellAt(view, t, u);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(x + 3, y + 3, view.cell - 6, view.cell - 6);
}

function places(context, { view, data, layers, theme, path, places: right, word }, slid) {
  const font = theme.font;
  text(context, "In the order of the path", 0, view.placesTop, {
    size: 18,
    weight: 650,
    colour: theme.text,
    align: "left",
    font,
  });
  const count = path.length;
  path.forEach((slot, place) => {
    const at = view.places[place];
    const done = eased(slid * (1 + 0.6) - (0.6 * place) / Math.max(1, count - 1));
    context.setLineDash([5, 5]);
    context.strokeStyle = theme.line;
    context.lineWidth = 2;
    rounded(
      context,
      at.x - view.place.w / 2 + 1,
      at.y - view.place.h / 2 + 1,
      view.place.w - 2,
      view.place.h - 2,
      6,
    );
    context.stroke();
    context.setLineDash([]);
    if (done <= 0) {
      text(context, String(place + 1), at.x, at.y, { size: 18, colour: theme.soft, font });
      return;
    }
    const here = between(view.nodes[slot], at, done);
    const size = {
      w: view.node.w + (view.place.w - view.node.w) * done,
      h: view.node.h + (view.place.h - view.node.h) * done,
    };
    picture(
      context,
      done === 1 ? layers.places[slot] : layers.nodes[slot],
      here,
      size,
      done === 1 ? (right[place] ? GOOD : BAD) : theme.accent,
      4,
    );
    if (done < 1) return;
    const below = at.y + view.place.h / 2;
    text(context, `slot ${slot + 1}`, at.x, below + 14, { size: 15, colour: theme.text, font });
    text(
      context,
      `${right[place] ? "✓" : "✗"} ${word} ${data.permutation[slot] + 1}`,
      at.x,
      below + 32,
      { size: 14, colour: theme.soft, font },
    );
  });
}

// The matrix and the graph beside it. Both stand still, so they are drawn once into layers, which
// the frames of the animation copy.

/** @import {Drawn, Edge, View, Whole} from "./geometry.js" */
/** @import {LabData, Theme} from "./data.js" */
/** @import {Pen, Picture} from "../download/vector.js" */

import { along, cellAt, part, rowHead } from "./geometry.js";
import {
  arrow,
  badge,
  colourOf,
  cross,
  DARK,
  inkOn,
  sized,
  strengthOf,
  text,
  trace,
  written,
} from "./ink.js";

/** @typedef {(t: number, u: number) => boolean} Forbidden */

/**
 * A canvas with what drawMatrix draws.
 * @param {View} view
 * @param {LabData} data
 * @param {Picture[]} pictures
 * @param {Theme} theme
 * @param {Forbidden} forbidden
 */
export function matrixLayer(view, data, pictures, theme, forbidden) {
  const layer = document.createElement("canvas");
  const context = sized(layer, view.side + 2, view.side + 2);
  drawMatrix(context, view, data, pictures, theme, forbidden);
  return layer;
}

/**
 * The matrix with its titles: cells in their colours, values where there is room, crosses on
 * forbidden edges.
 * @param {Pen} context
 * @param {View} view
 * @param {LabData} data
 * @param {Picture[]} pictures
 * @param {Theme} theme
 * @param {Forbidden} forbidden
 */
export function drawMatrix(context, view, data, pictures, theme, forbidden) {
  const { cell, origin, T, side } = view;
  const soft = { colour: theme.soft, font: theme.font };
  text(context, "to slot (column)", origin + cell + (cell * T) / 2, 10, soft);
  context.save();
  context.translate(10, origin + cell + (cell * T) / 2);
  context.rotate(-Math.PI / 2);
  text(context, "from slot (row)", 0, 0, soft);
  context.restore();
  for (let t = 0; t < T; t++) {
    drawHeads(context, view, pictures[t], t, theme);
    const own = cellAt(view, t, t);
    context.fillStyle = theme.fill;
    context.fillRect(own.x + 1, own.y + 1, cell - 2, cell - 2);
  }
  for (const [t, u, weight] of data.edges) {
    const { x, y } = cellAt(view, t, u);
    const middle = { x: x + cell / 2, y: y + cell / 2 };
    context.fillStyle = colourOf(data, weight);
    context.fillRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
    if (forbidden(t, u)) {
      context.fillStyle = theme.fill;
      context.fillRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
      cross(context, middle.x, middle.y, cell / 5, theme.text);
    } else if (cell >= 44) {
      const value = written(weight).replace(/(\.\d\d)\d$/, "$1");
      const setting = { size: 14, colour: inkOn(data, weight), font: theme.font };
      text(context, value, middle.x, middle.y + 1, setting);
    }
  }
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(origin + cell, origin + cell, side - origin - cell, side - origin - cell);
}

/**
 * Slot t's picture before its row and above its column; its number alone where there is no room.
 * @param {Pen} context
 * @param {View} view
 * @param {Picture} picture
 * @param {number} t
 * @param {Theme} theme
 */
function drawHeads(context, view, picture, t, theme) {
  const { cell, node } = view;
  const row = rowHead(view, t);
  for (const { x, y } of [row, { x: row.y, y: row.x }]) {
    const name = String(t + 1);
    if (cell < 34) {
      const size = Math.min(15, 0.68 * cell);
      text(context, name, x, y, { size, colour: theme.text, weight: 650, font: theme.font });
      continue;
    }
    const w = cell - 6;
    const h = Math.min(cell - 4, (w * node.h) / node.w);
    context.drawImage(picture, x - w / 2, y - h / 2, w, h);
    badge(context, name, x + w / 2 - 8, y + h / 2 - 7, 13, DARK, theme);
  }
}

/**
 * A canvas of the graph's place with what drawEdges draws.
 * @param {View} view
 * @param {LabData} data
 * @param {Drawn[]} curves
 * @param {Theme} theme
 * @param {Forbidden} forbidden
 */
export function edgesLayer(view, data, curves, theme, forbidden) {
  const layer = document.createElement("canvas");
  const context = sized(layer, view.graph.w, view.graph.h);
  context.translate(-view.graph.x, -view.graph.y);
  drawEdges(context, view, data, curves, theme, forbidden);
  return layer;
}

/**
 * All edges of the graph, thin, the stronger the plainer; forbidden ones broken. `shade` 0..1 is
 * how far they have come up.
 * @param {Pen} context
 * @param {View} view
 * @param {LabData} data
 * @param {Drawn[]} curves
 * @param {Theme} theme
 * @param {Forbidden} forbidden
 */
export function drawEdges(context, view, data, curves, theme, forbidden, shade = 1) {
  const byStrength = [...curves].sort(
    (a, b) => strengthOf(data, a.weight) - strengthOf(data, b.weight),
  );
  for (const { edge, weight, curve } of byStrength) {
    const strength = strengthOf(data, weight);
    const shown = part(curve, curve.from, curve.to);
    if (forbidden(...edge)) {
      const { x, y } = along(curve, 0.5);
      context.globalAlpha = shade * 0.9;
      context.strokeStyle = theme.soft;
      context.lineWidth = 2;
      context.setLineDash([4, 7]);
      trace(context, shown);
      context.stroke();
      context.setLineDash([]);
      cross(context, x, y, 7, theme.text);
      continue;
    }
    const colour = colourOf(data, weight);
    context.globalAlpha = shade * Math.min(1, 10 / view.T) * (0.1 + 0.65 * strength ** 1.5);
    context.strokeStyle = colour;
    context.lineWidth = 1 + 1.6 * strength;
    trace(context, shown);
    context.stroke();
    arrow(context, shown, 7, colour);
  }
  context.globalAlpha = 1;
}

/**
 * One edge in bold: its colour between two lines of the text's colour, so that it is seen on any
 * background.
 * @param {Pen} context
 * @param {LabData} data
 * @param {Theme} theme
 * @param {Whole} whole
 * @param {number} weight
 * @param {number} grown how much of it, 0..1
 */
export function bold(context, data, theme, whole, weight, grown) {
  const shown = part(whole, whole.from, whole.from + (whole.to - whole.from) * grown);
  context.lineCap = "round";
  /** @type {[number, string][]} */
  const lines = [
    [9, theme.text],
    [6, colourOf(data, weight)],
  ];
  for (const [width, colour] of lines) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    trace(context, shown);
    context.stroke();
  }
  context.lineCap = "butt";
  arrow(context, shown, 20, theme.text);
}

/**
 * A frame within the cell of an edge.
 * @param {Pen} context
 * @param {View} view
 * @param {Edge} edge
 * @param {number} width
 * @param {string} colour
 */
export function outline(context, view, [t, u], width, colour) {
  const { x, y } = cellAt(view, t, u);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(x + 3, y + 3, view.cell - 6, view.cell - 6);
}

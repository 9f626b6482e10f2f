// The stage at a position of the step-through: the layers that stand still, and over them the path,
// the pictures and what is pointed at.

/** @import {Edge, Point, Size, View, Whole} from "./geometry.js" */
/** @import {LabData, Theme} from "./data.js" */
/** @import {Pen, Picture} from "../download/vector.js" */

import { along, rowHead } from "./geometry.js";
import { badge, DARK, rounded, sized, text } from "./ink.js";
import { bold, outline } from "./graph.js";

/**
 * What was drawn before, or how it is drawn.
 * @typedef {object} Layers
 * @property {(context: any) => void} matrix
 * @property {(context: any, shade: number) => void} edges
 * @property {Picture[]} nodes
 * @property {Picture[]} places
 */

/**
 * All that the stage shows.
 * @typedef {object} Scene
 * @property {View} view
 * @property {LabData} data
 * @property {Layers} layers
 * @property {Theme} theme
 * @property {number[]} path
 * @property {boolean[]} places
 * @property {Edge | null} pointed
 * @property {(t: number, u: number) => Whole} curveOf
 * @property {(t: number, u: number) => number} weightOf
 */

/**
 * A picture at the size at which it will be drawn, with round corners: scaling it anew in each
 * frame would cost most of the time.
 * @param {CanvasImageSource} image
 * @param {Size} size
 */
export function stamp(image, size) {
  const canvas = document.createElement("canvas");
  const context = sized(canvas, size.w, size.h);
  rounded(context, 0, 0, size.w, size.h, 6);
  context.clip();
  context.drawImage(image, 0, 0, size.w, size.h);
  return canvas;
}

/**
 * A picture with its middle at a point, and an edge round it.
 * @param {Pen} context
 * @param {Picture} image
 * @param {Point} at
 * @param {Size} size
 * @param {string} edge its colour
 */
function picture(context, image, at, size, edge, width = 3) {
  const [x, y] = [at.x - size.w / 2, at.y - size.h / 2];
  context.drawImage(image, x, y, size.w, size.h);
  context.lineWidth = width;
  context.strokeStyle = edge;
  rounded(context, x, y, size.w, size.h, 6);
  context.stroke();
}

/** @param {number} t */
function eased(t) {
  const within = Math.max(0, Math.min(1, t));
  return within * within * (3 - 2 * within);
}

/**
 * @param {Point} a
 * @param {Point} b
 * @param {number} t
 * @returns {Point}
 */
const between = (a, b, t) => ({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t });

/**
 * The stage on its canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {number} position
 */
export function paintStage(canvas, scene, position) {
  drawStage(sized(canvas, scene.view.width, scene.view.height), scene, position);
}

/**
 * The stage at a position: 0 matrix, 1 graph, 1 + k edges of the path, T + 1 frames in order.
 * @param {Pen} context
 * @param {Scene} scene
 * @param {number} position
 */
export function drawStage(context, scene, position) {
  const { view, data, layers, theme, curveOf, weightOf, path, pointed } = scene;
  const T = view.T;
  const grown = Math.max(0, Math.min(T - 1, position - 1));
  layers.matrix(context);
  if (position > 0.5) layers.edges(context, eased((position - 0.5) / 0.5));
  for (let k = 0; k < Math.ceil(grown); k++)
    drawEdge(context, scene, [path[k], path[k + 1]], Math.min(1, grown - k));
  if (pointed) {
    outline(context, view, pointed, 5, theme.accent);
    if (position >= 1) bold(context, data, theme, curveOf(...pointed), weightOf(...pointed), 1);
  }
  const visited = new Set(path.slice(0, grown > 0 ? Math.floor(grown) + 1 : 0));
  const arrived = eased(position / 0.65);
  for (let t = 0; t < T; t++) drawNode(context, scene, t, arrived, visited.has(t));
  for (let k = 0; k < Math.floor(grown); k++) {
    const whole = curveOf(path[k], path[k + 1]);
    const { x, y } = along(whole, whole.from + 0.4 * (whole.to - whole.from));
    badge(context, String(k + 1), x, y, 15, data.palette.badge, theme);
  }
  drawPlaces(context, scene, Math.max(0, position - T));
}

/**
 * An edge of the path in the graph, and its cell outlined.
 * @param {Pen} context
 * @param {Scene} scene
 * @param {Edge} edge
 * @param {number} grown how much of it, 0..1
 */
function drawEdge(context, { view, data, theme, curveOf, weightOf }, edge, grown) {
  bold(context, data, theme, curveOf(...edge), weightOf(...edge), grown);
  context.globalAlpha = grown;
  outline(context, view, edge, 6, "#15181E"); // seen on any colour
  outline(context, view, edge, 2.5, "#FFFFFF");
  context.globalAlpha = 1;
}

/**
 * Slot t on its way from the matrix to the graph.
 * @param {Pen} context
 * @param {Scene} scene
 * @param {number} t
 * @param {number} arrived 0..1
 * @param {boolean} visited by the path
 */
function drawNode(context, { view, layers, theme }, t, arrived, visited) {
  const { node, nodes } = view;
  const at = between(rowHead(view, t), nodes[t], arrived);
  const name = String(t + 1);
  if (arrived < 1) {
    // where the picture is going
    context.globalAlpha = 0.25;
    picture(context, layers.nodes[t], nodes[t], node, theme.line);
    context.globalAlpha = 1;
  }
  if (arrived === 0) return; // the matrix has its number
  const size = { w: node.w * (0.4 + 0.6 * arrived), h: node.h * (0.4 + 0.6 * arrived) };
  const [edge, width] = visited ? [theme.accent, 4] : [theme.line, 2];
  picture(context, layers.nodes[t], at, size, edge, width);
  badge(context, name, at.x + size.w / 2 - 10, at.y + size.h / 2 - 9, 16, DARK, theme);
}

/**
 * The places of the frames in order, and the frames that slide there.
 * @param {Pen} context
 * @param {Scene} scene
 * @param {number} slid 0..1
 */
function drawPlaces(context, scene, slid) {
  const { view, theme, path } = scene;
  text(context, "In the order of the path", 0, view.placesTop, {
    size: 18,
    weight: 650,
    colour: theme.text,
    align: "left",
    font: theme.font,
  });
  path.forEach((slot, place) => {
    const delay = (0.6 * place) / Math.max(1, path.length - 1);
    const done = eased(slid * (1 + 0.6) - delay);
    drawPlace(context, scene, slot, place, done);
  });
}

/**
 * One place, and the frame of `slot` that comes there.
 * @param {Pen} context
 * @param {Scene} scene
 * @param {number} slot
 * @param {number} place
 * @param {number} done 0..1
 */
function drawPlace(context, { view, data, layers, theme, places }, slot, place, done) {
  const { font } = theme;
  const { w, h } = view.place;
  const at = view.places[place];
  context.setLineDash([5, 5]);
  context.strokeStyle = theme.line;
  context.lineWidth = 2;
  rounded(context, at.x - w / 2 + 1, at.y - h / 2 + 1, w - 2, h - 2, 6);
  context.stroke();
  context.setLineDash([]);
  if (done <= 0) {
    text(context, String(place + 1), at.x, at.y, { size: 18, colour: theme.soft, font });
    return;
  }
  if (done < 1) {
    const here = between(view.nodes[slot], at, done);
    const size = {
      w: view.node.w + (w - view.node.w) * done,
      h: view.node.h + (h - view.node.h) * done,
    };
    picture(context, layers.nodes[slot], here, size, theme.accent, 4);
    return;
  }
  const right = places[place];
  const edge = right ? data.palette.right : data.palette.wrong;
  picture(context, layers.places[slot], at, view.place, edge, 4);
  const below = at.y + h / 2;
  const frame = `${right ? "✓" : "✗"} ${data.word} ${data.permutation[slot] + 1}`;
  text(context, `slot ${slot + 1}`, at.x, below + 14, { size: 15, colour: theme.text, font });
  text(context, frame, at.x, below + 32, { size: 14, colour: theme.soft, font });
}

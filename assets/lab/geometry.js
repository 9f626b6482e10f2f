// Where everything is on the stage, in CSS pixels: the matrix, the graph beside it (below it where
// there is little room), and the places of the frames in order underneath. Pure.

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{w: number, h: number}} Size */
/** An edge from slot to slot. @typedef {[number, number]} Edge */
/** A quadratic curve from a by c to b. @typedef {{a: Point, c: Point, b: Point}} Curve */
/** With the part of it that is drawn. @typedef {Curve & {from: number, to: number}} Whole */
/** An edge as it is drawn. @typedef {{edge: Edge, weight: number, curve: Whole}} Drawn */

/**
 * Where everything is.
 * @typedef {object} View
 * @property {number} width
 * @property {number} height
 * @property {number} T slots
 * @property {number} cell the edge of a cell of the matrix
 * @property {number} origin of the matrix, to the right and down
 * @property {number} side the edge of the matrix, its titles included
 * @property {Size} node a picture of the graph
 * @property {Point[]} nodes their middles
 * @property {Size} place a frame in order
 * @property {Point[]} places their middles
 * @property {number} placesTop where their title is
 * @property {Point} middle of the graph
 * @property {Point & Size} graph
 */

const TITLE = 24; // pixels for the titles along the matrix
const PLACES = 34; // pixels for the title above the frames in order
const CAPTION = 48; // pixels for the two lines under a frame in order
const LEAST = 76; // pixels that a frame in order needs, for the words under it
export const MAIN = 0.49; // of the room, that the matrix fills
export const REST = 200; // pixels of the stage around the matrix, in one row of frames in order
const LOW = 640; // pixels of room in which the matrix may be small
const BEND = 0.1; // the two directions of a pair part by this share of their length
// Edges bow to the middle by this share of their distance from it, away from the pictures between
// their ends.
const PULL = 0.24;

/**
 * How wide a picture of the graph may be for so many slots.
 * @param {number} T
 */
function widest(T) {
  if (T <= 8) return 96;
  if (T <= 12) return 80;
  return T <= 16 ? 66 : 46;
}

/**
 * Lay out T slots in `width`.
 * @param {number} width
 * @param {number} room the height of the window
 * @param {number} T
 * @param {number} aspect height / width of a picture
 * @param {number} tallest that a frame in order may be
 * @returns {View}
 */
export function layout(width, room, T, aspect, tallest = Infinity) {
  const beside = width >= 760;
  const least = beside && room < LOW ? 180 : 320;
  const largest = Math.min(MAIN * room, 600, beside ? 0.46 * width : width);
  const main = Math.round(Math.max(least, largest));
  const cell = Math.floor((Math.min(main, width) - TITLE) / (T + 1));
  const side = TITLE + cell * (T + 1);
  const left = beside ? side + 28 : 0;
  const top = beside ? 0 : side + 20;
  const high = beside ? Math.max(main, side) : main;
  const limits = [0.15 * (width - left), (0.24 * high) / aspect, (2.5 * high) / T / aspect];
  const nodeWide = Math.max(32, Math.min(widest(T), ...limits));
  const node = { w: Math.round(nodeWide), h: Math.round(nodeWide * aspect) };
  const middle = { x: left + (width - left) / 2, y: top + high / 2 };
  const reach = { x: (width - left - node.w) / 2 - 8, y: (high - node.h) / 2 - 8 };
  const nodes = Array.from({ length: T }, (_, t) => {
    const angle = (2 * Math.PI * t) / T - Math.PI / 2;
    return { x: middle.x + reach.x * Math.cos(angle), y: middle.y + reach.y * Math.sin(angle) };
  });
  const placesTop = top + high + 16;
  let perRow = T;
  for (let rows = 2; width / perRow < LEAST && rows <= T; rows++) perRow = Math.ceil(T / rows);
  const rows = Math.ceil(T / perRow);
  // so that the stage and the buttons above it fit the window
  const low = (0.81 * room - placesTop - PLACES) / rows - CAPTION;
  const most = rows > 1 ? Math.max(LEAST - 6, low / aspect) : Infinity;
  const wide = Math.min(132, (width - 4 - (perRow - 1) * 6) / perRow, most, tallest / aspect);
  const tall = wide * aspect;
  const places = Array.from({ length: T }, (_, i) => ({
    x: 2 + (i % perRow) * (wide + 6) + wide / 2,
    y: placesTop + PLACES + Math.floor(i / perRow) * (tall + CAPTION) + tall / 2,
  }));
  return {
    width,
    height: Math.ceil(placesTop + PLACES + rows * (tall + CAPTION)),
    T,
    cell,
    origin: TITLE,
    side,
    node,
    nodes,
    places,
    middle,
    place: { w: wide, h: tall },
    placesTop: placesTop + PLACES - 12,
    graph: { x: left, y: top, w: width - left, h: high },
  };
}

/**
 * The middle of row t's picture, left of the matrix.
 * @param {View} view
 * @param {number} t
 * @returns {Point}
 */
export function rowHead(view, t) {
  return { x: view.origin + view.cell / 2, y: view.origin + view.cell * (t + 1.5) };
}

/**
 * The corner of the cell of the edge t -> u.
 * @param {View} view
 * @param {number} t
 * @param {number} u
 * @returns {Point}
 */
export function cellAt(view, t, u) {
  return { x: view.origin + view.cell * (u + 1), y: view.origin + view.cell * (t + 1) };
}

/**
 * The edge t -> u as a quadratic curve from node to node, cut where the pictures begin.
 * @param {View} view
 * @param {number} t
 * @param {number} u
 * @returns {Whole}
 */
export function curve(view, t, u) {
  const [a, b] = [view.nodes[t], view.nodes[u]];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const at = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const c = {
    x: at.x + PULL * (view.middle.x - at.x) + BEND * dy,
    y: at.y + PULL * (view.middle.y - at.y) - BEND * dx,
  };
  const whole = { a, c, b };
  /** @type {(point: Point, node: Point) => boolean} */
  const outside = (point, node) =>
    Math.abs(point.x - node.x) > view.node.w / 2 + 3 ||
    Math.abs(point.y - node.y) > view.node.h / 2 + 3;
  let [from, to] = [0, 1];
  while (from < 0.45 && !outside(along(whole, from), a)) from += 0.01;
  while (to > 0.55 && !outside(along(whole, to), b)) to -= 0.01;
  return { ...whole, from, to };
}

/**
 * The point of a curve at t, 0..1.
 * @param {Curve} curve
 * @param {number} t
 * @returns {Point}
 */
export function along({ a, c, b }, t) {
  const s = 1 - t;
  return {
    x: s * s * a.x + 2 * s * t * c.x + t * t * b.x,
    y: s * s * a.y + 2 * s * t * c.y + t * t * b.y,
  };
}

/**
 * The curve's part from one t to another, as a curve.
 * @param {Curve} whole
 * @param {number} from
 * @param {number} to
 * @returns {Curve}
 */
export function part(whole, from, to) {
  /** @type {(p: Point, q: Point, t: number) => Point} */
  const blend = (p, q, t) => ({ x: p.x + (q.x - p.x) * t, y: p.y + (q.y - p.y) * t });
  const c = blend(blend(whole.a, whole.c, from), blend(whole.c, whole.b, from), to);
  return { a: along(whole, from), c, b: along(whole, to) };
}

/**
 * The edge at a point: a cell of the matrix, or the nearest curve within `reach` pixels, those of
 * `first` before others.
 * @param {View} view
 * @param {Drawn[]} curves
 * @param {Point} point
 * @param {number} reach
 * @param {(edge: Edge) => boolean} first
 * @returns {Edge | null}
 */
export function edgeAt(view, curves, point, reach, first) {
  const [row, col] = [point.y, point.x].map((at) => Math.floor((at - view.origin) / view.cell) - 1);
  if (row >= 0 && row < view.T && col >= 0 && col < view.T) return row === col ? null : [row, col];
  const onNode = view.nodes.some(
    ({ x, y }) =>
      Math.abs(point.x - x) < view.node.w / 2 && Math.abs(point.y - y) < view.node.h / 2,
  );
  if (onNode) return null;
  /** @type {{edge: Edge, distance: number} | null} */
  let nearest = null;
  for (const { edge, curve: whole } of curves) {
    const distance = distanceTo(whole, point);
    if (distance > reach) continue;
    const closer = nearest === null || distance < nearest.distance;
    const same = nearest === null || first(edge) === first(nearest.edge);
    if (same ? closer : first(edge)) nearest = { edge, distance };
  }
  return nearest?.edge ?? null;
}

/**
 * About how far a point is from the part of a curve that is drawn.
 * @param {Whole} whole
 * @param {Point} point
 */
function distanceTo(whole, point) {
  let distance = Infinity;
  for (let i = 1; i < 16; i++) {
    const at = along(whole, whole.from + ((whole.to - whole.from) * i) / 16);
    distance = Math.min(distance, Math.hypot(at.x - point.x, at.y - point.y));
  }
  return distance;
}

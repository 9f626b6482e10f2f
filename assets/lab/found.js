// What core found, and where it is drawn: weights and curves by edge, and the layers that stand
// still.

/** @import {Drawn, Edge, View} from "./geometry.js" */
/** @import {LabData, Shown, Theme} from "./data.js" */
/** @import {Layers} from "./stage.js" */

import { along, curve, edgeAt } from "./geometry.js";
import { written } from "./ink.js";
import { drawEdges, drawMatrix, edgesLayer, matrixLayer } from "./graph.js";
import { stamp } from "./stage.js";

/**
 * An edge as a key.
 * @param {number} t
 * @param {number} u
 */
export const named = (t, u) => `${t}-${u}`;

/** What core found, as it is drawn. */
export class Found {
  /**
   * @param {LabData} data
   * @param {HTMLImageElement[]} pictures
   * @param {boolean} centred whether colours are to be centred on the mean, where they can be
   */
  constructor(data, pictures, centred) {
    const { plain, centred: aboutMean } = data.scales;
    this.data = { ...data, scale: (centred && aboutMean) || plain };
    this.pictures = pictures;
    this.weights = new Map(data.edges.map(([t, u, weight]) => [named(t, u), weight]));
    this.barred = new Set(data.forbidden.map((edge) => named(...edge)));
  }

  /**
   * @param {number} t
   * @param {number} u
   */
  weight(t, u) {
    return written(this.weights.get(named(t, u)) ?? 0);
  }
}

/**
 * What is said of the edge that is pointed at, or of what could be done.
 * @param {Found} found
 * @param {Edge | null} edge
 */
export function readoutOf(found, edge) {
  const { fixed } = found.data;
  if (!edge) return fixed ? "Point at an edge or a cell" : "Click an edge or a cell to forbid it";
  const [t, u] = edge;
  const text = `slot ${t + 1} → slot ${u + 1}: ${found.weight(t, u)}`;
  const barred = found.barred.has(named(t, u));
  if (fixed) return barred ? `${text} · forbidden` : text;
  return `${text} · ${barred ? "forbidden · click to allow" : "click to forbid"}`;
}

/** Where it is drawn, and what of it stands still. */
export class Laid {
  /**
   * @param {Found} found
   * @param {View} view
   * @param {Theme} theme
   */
  constructor({ data, pictures, barred }, view, theme) {
    this.view = view;
    this.theme = theme;
    /** @type {[string, Drawn][]} */
    const curves = data.edges.map(([t, u, weight]) => [
      named(t, u),
      { edge: [t, u], weight, curve: curve(view, t, u) },
    ]);
    this.curves = new Map(curves);
    /** @type {(t: number, u: number) => boolean} */
    const forbidden = (t, u) => barred.has(named(t, u));
    const drawn = [...this.curves.values()];
    const { side, graph } = view;
    const matrix = matrixLayer(view, data, pictures, theme, forbidden);
    const edges = edgesLayer(view, data, drawn, theme, forbidden);
    /** @type {Layers} */
    this.layers = {
      matrix: (context) => context.drawImage(matrix, 0, 0, side + 2, side + 2),
      edges: (context, shade) => {
        context.globalAlpha = shade;
        context.drawImage(edges, graph.x, graph.y, graph.w, graph.h);
        context.globalAlpha = 1;
      },
      nodes: pictures.map((image) => stamp(image, view.node)),
      places: pictures.map((image) => stamp(image, view.place)),
    };
    /** @type {Theme} */
    this.fileTheme = { ...theme, forFile: true };
    /** @type {Layers} everything drawn anew, as fine as it can be */
    this.fileLayers = {
      nodes: pictures,
      places: pictures,
      matrix: (context) => drawMatrix(context, view, data, pictures, this.fileTheme, forbidden),
      edges: (context, shade) =>
        drawEdges(context, view, data, drawn, this.fileTheme, forbidden, shade),
    };
  }

  /**
   * @param {number} t
   * @param {number} u
   */
  curve(t, u) {
    return /** @type {Drawn} */ (this.curves.get(named(t, u))).curve;
  }

  /**
   * Where an edge is on the screen: a quarter of the way along it.
   * @param {DOMRect} stage
   * @param {number} t
   * @param {number} u
   */
  spot(stage, t, u) {
    const whole = this.curve(t, u);
    const { x, y } = along(whole, whole.from + 0.25 * (whole.to - whole.from));
    return { x: stage.left + x, y: stage.top + y };
  }

  /**
   * The edge under the pointer.
   * @param {MouseEvent} event
   * @param {HTMLElement} stage
   * @param {number[]} path the edges of which come first
   * @param {boolean} graph whether the graph is drawn
   */
  under(event, stage, path, graph) {
    const bounds = stage.getBoundingClientRect();
    const point = { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
    /** @param {Edge} edge */
    const onPath = ([t, u]) => path.indexOf(u) === path.indexOf(t) + 1;
    const curves = graph ? [...this.curves.values()] : [];
    const touch = event instanceof PointerEvent && event.pointerType === "touch";
    return edgeAt(this.view, curves, point, touch ? 16 : 8, onPath);
  }
}

/**
 * What happens in a step, in words.
 * @param {Found} found
 * @param {Shown} shown the path
 * @param {number} step
 * @param {boolean} sliding whether the frames slide into their order
 */
export function captionOf(found, shown, step, sliding) {
  const { data } = found;
  const T = data.permutation.length;
  if (step === 0) return data.words.matrix;
  if (step === 1)
    return `Each cell becomes an edge from slot to slot: a directed graph. ${data.words.goal}`;
  if (sliding) {
    const right = shown.places.filter(Boolean).length;
    const path = `${shown.name.toLowerCase()}, weight ${written(shown.weight)}`;
    const into = `The frames slide into the order of the path (${path})`;
    const tied = data.words.tie && shown.weight === data.paths[0].weight;
    return `${into}: ${right} of ${T} in their true place.${tied ? ` ${data.words.tie}` : ""}`;
  }
  const k = step - 1;
  const [t, u] = [shown.path[k - 1], shown.path[k]];
  const edge = `Edge ${k} of ${T - 1}: slot ${t + 1} → slot ${u + 1}`;
  const running = written(shown.running[k]);
  return `${edge}, weight ${found.weight(t, u)}. Running weight ${running}.`;
}

// Which weights are drawn: of a view of the patch that asks, of another query, or of GradCAM.

/** @import {Header} from "./payload.js" */
/** @import {Patch} from "./maths.js" */
/** @import {Drawn} from "./frames.js" */
/** @import {State} from "./state.js" */

import { extent, headAt, isSigned, layerTop, patchRow, storedMap } from "./maths.js";
import { camOf, tapOf, targetOf } from "./state.js";
import { remarkOn } from "./words.js";

/** What Python is asked for. @typedef {Record<string, unknown>} Need */

/**
 * What the state asks for, or what is needed for it and is not here.
 * @param {Header} data
 * @param {State} state
 * @param {Patch | null} asking
 * @returns {{drawn: Drawn, need: null} | {drawn: null, need: Need}}
 */
export function drawnOf(data, state, asking) {
  if (state.query === "gradcam") {
    const cam = camOf(data, state);
    if (!cam) return { drawn: null, need: { target: targetOf(data, state) } };
    const values = storedMap(cam.map, 0);
    const { top } = extent(values);
    return { drawn: { view: "GradCAM", values, signed: false, top, remark: "" }, need: null };
  }
  const layer = data.layers.find((l) => l.tap === state.tap && l.layer === state.layer);
  if (!layer) return { drawn: null, need: { layer: state.layer } };
  const remark = remarkOn(layer);
  if (asking) {
    const { view, head } = state;
    const values = patchRow(layer, view, asking, head, data.grid);
    const [signed, top] = [isSigned(layer, view), layerTop(layer, view)];
    return { drawn: { view, values, signed, top, remark }, need: null };
  }
  const tap = tapOf(data, state);
  const view = tap.views.includes("space") ? "space" : tap.views[0];
  const maps = (state.query === "cls" && layer.maps.cls) || layer.maps.mean;
  const values = storedMap(maps, headAt(state.head, tap.heads));
  const { signed } = layer.main;
  return { drawn: { view, values, signed, top: layer.top, remark }, need: null };
}

/**
 * What is said while what the state asks for is fetched.
 * @param {State} state
 */
export function waitingFor(state) {
  return state.query === "gradcam" ? "Computing GradCAM …" : `Fetching layer ${state.layer + 1} …`;
}

/**
 * Write on the viewer what it shows.
 * @param {HTMLElement} root
 * @param {State} state
 * @param {Patch | null} asking
 * @param {boolean} locked whether a patch is kept
 */
export function mark(root, state, asking, locked) {
  const { layer, head, frame, view } = state;
  const query = String(asking ?? state.query);
  Object.assign(root.dataset, { query, layer, head, frame, locked, view });
}

// Which cells of a clip are gone at a step of a curve, and what the address says of the step.

/** @typedef {"deletion" | "insertion"} Way */
/** What is shown: a way, and a step of its curve. @typedef {{way: Way, step: number}} Place */

/**
 * Whether each cell is gone: deletion takes the first `count` of the order away, insertion keeps
 * just these.
 * @param {number[]} order cells, hottest first
 * @param {number} count
 * @param {Way} way
 */
export function gone(order, count, way) {
  const first = new Set(order.slice(0, count));
  return order.map((_, cell) => first.has(cell) === (way === "deletion"));
}

/**
 * "insertion:5" as a place on curves of so many steps; nothing where it is none.
 * @param {string | null} text
 * @param {number} steps
 * @returns {Place | null}
 */
export function placeOf(text, steps) {
  const [, way, step] = /^(deletion|insertion):(\d+)$/.exec(text ?? "") ?? [];
  if (!way || Number(step) >= steps) return null;
  return { way: /** @type {Way} */ (way), step: Number(step) };
}

/** The same as text. @param {Place} place */
export const placeText = ({ way, step }) => `${way}:${step}`;

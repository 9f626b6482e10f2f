// The step-through as a video: where it stands in each frame. Imports nothing, so that it can be
// tested outside a browser; keep.js draws the frames, and Python puts them together.

export const FILM_RATE = 8; // frames a second
const FILM_END = 2; // seconds for which the end stays

/**
 * The positions of the step-through at FILM_RATE frames a second, as it plays.
 * @param {number} slots
 * @param {(step: number) => {move: number, rest: number}} pace of each step, ms
 */
export function filmPositions(slots, pace) {
  /** @type {number[]} */
  const positions = [];
  /** @param {number} ms */
  const framesOf = (ms) => Math.round((ms / 1000) * FILM_RATE);
  for (let step = 0; step <= slots; step++) {
    const { move, rest } = pace(step);
    const moving = Math.max(1, framesOf(move));
    for (let i = 0; i < framesOf(rest); i++) positions.push(step);
    for (let i = 0; i < moving; i++) positions.push(step + i / moving);
  }
  for (let i = 0; i < FILM_END * FILM_RATE; i++) positions.push(slots + 1);
  return positions;
}

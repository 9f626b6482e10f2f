// What keys do in the viewer.

/**
 * What the viewer can do at a key.
 * @typedef {object} KeyActions
 * @property {() => void} free let the kept patch go
 * @property {(by: number) => void} step frames on
 * @property {(frame: number) => void} show a frame
 * @property {() => void} play or pause
 * @property {() => void} ask let a patch ask
 * @property {(rows: number, columns: number) => void} move the kept patch
 */

/**
 * Where a key is pressed, and in what state.
 * @typedef {object} KeyPlace
 * @property {boolean} inside the viewer
 * @property {boolean} typing in a control that needs its keys itself
 * @property {boolean} onStage
 * @property {boolean} locked whether a patch is kept
 * @property {number} last the number of the last frame
 */

/** Controls with keys of their own. */
const BUSY = "select, input, summary, .av-bar button, .av-keep button, .av-fold button";
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Where a key is pressed, or null where it is not the viewer's.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} root
 * @param {HTMLElement} stage
 * @returns {Pick<KeyPlace, "inside" | "typing" | "onStage"> | null}
 */
function placeOf(event, root, stage) {
  const target = /** @type {Element} */ (event.target);
  const inside = root.contains(target);
  if (!inside && target !== document.body) return null;
  const typing = inside && target.closest(BUSY) !== null;
  return { inside, typing, onStage: target === stage };
}

/**
 * What this key does here, or nothing.
 * @param {KeyboardEvent} event
 * @param {KeyPlace} place
 * @param {KeyActions} actions
 * @returns {(() => void) | undefined}
 */
export function keyAction({ key, shiftKey }, place, actions) {
  const { inside, typing, onStage, locked, last } = place;
  if (key === "Escape") return actions.free;
  if (typing) return undefined;
  if (shiftKey && locked && Object.hasOwn(MOVES, key)) {
    const [rows, columns] = MOVES[key];
    return () => actions.move(rows, columns);
  }
  if (key === "ArrowLeft") return () => actions.step(-1);
  if (key === "ArrowRight") return () => actions.step(1);
  if (!inside) return undefined;
  if (key === "Home") return () => actions.show(0);
  if (key === "End") return () => actions.show(last);
  if (key === " ") return actions.play;
  if (key === "Enter" && onStage) return actions.ask;
  return undefined;
}

/**
 * Do what a key does here, if anything.
 * @param {KeyboardEvent} event
 * @param {{root: HTMLElement, stage: HTMLElement, play: HTMLElement}} nodes
 * @param {{locked: boolean, last: number}} moves
 * @param {KeyActions} actions
 */
export function press(event, { root, stage, play }, moves, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const place = placeOf(event, root, stage);
  const action = place && keyAction(event, { ...place, ...moves }, actions);
  if (!action) return;
  if (event.key === " " && event.target === play) return; // the button plays by itself
  event.preventDefault();
  action();
}

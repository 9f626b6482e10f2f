// Tells Python what the viewer above shows and how wide the page is, so that the figures below it
// follow: once the visitor rests, and only when the figures are in sight or nearly so; those of a
// new clip are drawn no sooner. Pointing at patches sends nothing.

/** What the figures are drawn of. @typedef {{look: string, width: number, clip: string}} Seen */

/**
 * @typedef {object} Component
 * @property {HTMLElement} parentElement
 * @property {Seen & {drawn: boolean}} data what the figures are drawn of, or wait to be
 * @property {(name: string, value: Seen) => void} setStateValue
 */

const REST = 350; // ms without a change
const STEP = 40; // pixels by which widths are told apart: a figure fits all between
const AHEAD = 200; // pixels below the window that count as in sight
const SCROLL = { capture: true, passive: true }; // of whatever holds the page
/** @type {WeakMap<HTMLElement, {data: Component["data"], send: Component["setStateValue"],
 *   tell: () => void, close: () => void}>} */
const followers = new WeakMap();

/**
 * @param {HTMLElement} node
 * @param {Component} component
 */
function follower(node, { data, setStateValue }) {
  let timer = 0;
  const told = () => {
    const viewer = /** @type {HTMLElement | null} */ (
      document.querySelector("[data-testid=attention-viewer]")
    );
    const width = Math.floor(node.clientWidth / STEP) * STEP;
    const { clip, drawn } = self.data;
    const seen = { look: viewer?.dataset.look ?? self.data.look, width, clip };
    // what lies above the window counts as in sight: the figures below the node then are
    const inSight = node.getBoundingClientRect().top < window.innerHeight + AHEAD;
    if (!inSight || width === 0) return;
    if (drawn && seen.look === self.data.look && seen.width === self.data.width) return;
    self.data = { ...seen, drawn: true };
    self.send("seen", seen);
  };
  const tell = () => {
    clearTimeout(timer);
    timer = window.setTimeout(told, REST);
  };
  const sizes = new ResizeObserver(tell);
  sizes.observe(node);
  window.addEventListener("attention-look", tell);
  document.addEventListener("scroll", tell, SCROLL);
  const close = () => {
    clearTimeout(timer);
    sizes.disconnect();
    window.removeEventListener("attention-look", tell);
    document.removeEventListener("scroll", tell, SCROLL);
  };
  const self = { data, send: setStateValue, tell, close };
  return self;
}

/**
 * Streamlit calls this when the follower appears, and again after every rerun.
 * @param {Component} component
 */
export default function mount(component) {
  const node = /** @type {HTMLElement} */ (
    component.parentElement.querySelector("[data-testid=follower]")
  );
  const known = followers.get(node);
  const self = known ?? follower(node, component);
  followers.set(node, self);
  self.data = component.data;
  self.send = component.setStateValue;
  self.tell();
  return () =>
    setTimeout(() => {
      if (!node.isConnected) self.close();
    });
}

// The viewer's page: its parts by name, its colours, and how large everything is.

/** @import {Header} from "./payload.js" */
/** @import {Theme} from "./paint.js" */

/**
 * The nodes of viewer.html that carry a data-part, by its name.
 * @typedef {object} Parts
 * @property {HTMLElement} controls
 * @property {HTMLElement} title
 * @property {HTMLCanvasElement} stage
 * @property {HTMLElement} wait
 * @property {HTMLElement} elsewhere
 * @property {HTMLButtonElement} play
 * @property {HTMLInputElement} frame
 * @property {HTMLOutputElement} time
 * @property {HTMLElement} legend
 * @property {HTMLElement} low
 * @property {HTMLCanvasElement} scale
 * @property {HTMLElement} high
 * @property {HTMLElement} raw
 * @property {HTMLElement} unseen
 * @property {HTMLElement} matrix-title
 * @property {HTMLCanvasElement} matrix
 * @property {HTMLElement} matrix-legend
 * @property {HTMLElement} matrix-low
 * @property {HTMLCanvasElement} matrix-scale
 * @property {HTMLElement} matrix-high
 * @property {HTMLElement} matrix-value
 * @property {HTMLElement} values
 * @property {HTMLElement} strip
 * @property {HTMLElement} weight
 * @property {HTMLElement} heads
 * @property {HTMLElement} keep
 */

/** Width and height in CSS pixels. @typedef {[number, number]} Size */

/**
 * How large everything is, in CSS pixels.
 * @typedef {object} Sizes
 * @property {Size} stage
 * @property {number} matrix
 * @property {Size} thumb
 * @property {boolean} timed whether a frame of the strip has room for its time
 * @property {number} scale
 * @property {string} columns of the stage and what stands beside it, for CSS
 * @property {number} perRow frames of the strip in a row
 * @property {boolean} roomy whether the values stand beside the map
 * @property {boolean} low whether the window is
 * @property {boolean} narrow whether all stands in one column, as on a phone
 */

const GAP = 28;
const VALUES = 250; // pixels that the values under the pointer need beside the frame map
const LOW = 640; // pixels of room below which all is made small
const LOWEST = 180; // of the stage's height
const LEGEND = 40; // the scale below a picture
const VALUES_BELOW = 118; // the values under the map
const SMALL_VALUES = 68; // the same in a window that is low
const HIGHEST = 640; // of the stage's height on its page
const OVER = 84; // title and scale above the strip of frames that is shown alone
const AROUND = 164; // title, play bar and scale of the stage, and the gaps to the strip
const CAPTION = 36; // below a frame of the strip, and round it
const NARROW = 600; // pixels of width below which it is a phone's
const CAPTIONED = 92; // pixels for a frame of the strip and its time
const FINGER = 146; // pixels of a frame of the strip there
const REM = 16; // pixels of the page's letters, for which these heights are
const SCALE = 120;
const SMALL_SCALE = 48; // leaves room in its line for what else stands there

/**
 * @param {HTMLElement} root
 * @returns {Parts}
 */
export function partsOf(root) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  return /** @type {any} */ (
    Object.fromEntries([...nodes].map((node) => [node.dataset.part, node]))
  );
}

/**
 * The page's own colours and font, for a canvas.
 * @param {HTMLElement} root
 * @returns {Theme}
 */
export function themeOf(root) {
  const style = getComputedStyle(root);
  const accent = style.getPropertyValue("--av-accent").trim();
  return { text: style.color, font: style.fontFamily, accent };
}

/**
 * Whether the lesser controls are folded away: they would push the picture down, or take two rows.
 * @param {number} width of the viewer
 * @param {number} height of the window
 */
const isCompact = (width, height) => width < 980 || height < 860;

/**
 * What there is to fit: the whole viewer on its page, or presented alone; of the latter the strip
 * of frames where a lesson rings it, or all but the strip where it rings another part.
 * @param {HTMLElement} root
 * @returns {"page" | "alone" | "strip" | "rest"}
 */
function shownOf(root) {
  if (!root.closest("[data-presented]")) return "page";
  const looked = root.querySelector("[data-looked]");
  if (!looked) return "alone";
  return looked.matches(".av-strip") ? "strip" : "rest";
}

/**
 * The height from the end of the controls to the end of the page when that is not scrolled, or that
 * of the screen where the viewer is presented alone, and its controls are away.
 * @param {HTMLElement} root
 * @param {HTMLElement} node
 */
function roomBelow(root, node) {
  const alone = root.closest("[data-presented]");
  if (alone) return alone.getBoundingClientRect().bottom - root.getBoundingClientRect().top;
  const page = node.closest("[data-testid=stMain]");
  const scrolled = page ? page.scrollTop : window.scrollY;
  const end = page ? page.getBoundingClientRect().bottom : window.innerHeight;
  return end - node.getBoundingClientRect().bottom - scrolled;
}

/**
 * Fit the viewer into the room there is below its controls.
 * @param {HTMLElement} root
 * @param {HTMLElement} controls
 * @param {Header} data
 */
export function fitInto(root, controls, data) {
  const width = root.clientWidth;
  root.toggleAttribute("data-compact", isCompact(width, window.innerHeight));
  const shown = shownOf(root);
  const words = shown === "page" ? 1 : parseFloat(getComputedStyle(root).fontSize) / REM;
  const size = sizesOf(width, roomBelow(root, controls), data, shown, words);
  root.toggleAttribute("data-roomy", size.roomy);
  root.toggleAttribute("data-narrow", size.narrow);
  root.toggleAttribute("data-low", size.low);
  root.style.setProperty("--av-columns", size.columns);
  root.style.setProperty("--av-per-row", String(size.perRow));
  return size;
}

/**
 * How many frames of the strip stand in a row, and how large they are: small where the window is
 * low, and in one row that is pushed along with a finger where it is narrow.
 * @param {number} width
 * @param {number} room
 * @param {Header} data
 * @returns {{perRow: number, rows: number, thumb: Size, timed: boolean}}
 */
function stripOf(width, room, data) {
  const [high, wide] = data.pixels;
  const T = data.frames.length;
  /** @type {(across: number) => Size} */
  const sized = (across) => [Math.floor(across), Math.round((Math.floor(across) * high) / wide)];
  if (width < NARROW) return { perRow: T, rows: 1, thumb: sized(FINGER), timed: true };
  let rows = 1;
  while (width / Math.ceil(T / rows) < (room < LOW ? 44 : 96) && rows < T) rows++;
  const perRow = Math.ceil(T / rows);
  const cell = (width - (perRow - 1) * 6) / perRow;
  const highest = room < LOW ? Math.min(80, room / 8) : 130;
  const thumb = sized(Math.min(cell - 6, (highest * wide) / high));
  return { perRow, rows, thumb, timed: cell >= CAPTIONED };
}

/**
 * The same where the strip has the room alone: in as many rows as make its frames largest.
 * @param {number} width
 * @param {number} room
 * @param {Header} data
 * @param {number} words how large they are, next to those of the page
 */
function largestStrip(width, room, data, words) {
  const [high, wide] = data.pixels;
  const T = data.frames.length;
  const strips = data.frames.map((_, more) => {
    const rows = more + 1;
    const perRow = Math.ceil(T / rows);
    const cell = (width - (perRow - 1) * 6) / perRow;
    const across = Math.floor(Math.min(cell - 6, ((room / rows - CAPTION * words) * wide) / high));
    /** @type {Size} */
    const thumb = [across, Math.round((across * high) / wide)];
    return { perRow, rows, thumb, timed: cell >= CAPTIONED };
  });
  return strips.reduce((best, each) => (each.thumb[0] > best.thumb[0] ? each : best));
}

/**
 * Fit everything into `width`, and the stage and the strip into `room`: the height from the top of
 * the stage's title to the end of the window. The map stands beside the stage.
 * @param {number} width
 * @param {number} room
 * @param {Header} data
 * @param {"page" | "alone" | "strip" | "rest"} shown
 * @param {number} words how large they are, next to those of the page
 * @returns {Sizes}
 */
function sizesOf(width, room, data, shown, words) {
  const [high, wide] = data.pixels;
  const low = room < LOW;
  const { perRow, rows, thumb, timed } =
    shown === "strip"
      ? largestStrip(width, room - OVER * words, data, words)
      : stripOf(width, room, data);
  const strip = shown === "rest" ? 0 : rows * (thumb[1] + CAPTION * words);
  const largest = shown === "page" ? HIGHEST : room;
  const fitting = Math.max(LOWEST, Math.min(room - AROUND * words - strip, largest));
  const most = width < NARROW ? width : fitting; // a phone is pushed along
  const beside = width >= 720;
  const stageWidth = Math.floor(Math.min((most * wide) / high, beside ? width * 0.62 : width));
  const stageHeight = Math.round((stageWidth * high) / wide);
  const column = beside ? Math.max(stageWidth, Math.min(420, width * 0.5)) : width;
  const left = beside ? width - column - GAP : width;
  // then the values stand beside the map, else under it
  const aside = VALUES * words + GAP;
  const least = shown === "page" ? stageHeight - 50 : 0.6 * stageHeight;
  const roomy = left - aside >= Math.max(200, least);
  const below = (low ? SMALL_VALUES : VALUES_BELOW) * words;
  const tall = stageHeight + LEGEND * words;
  const matrix = roomy ? Math.min(left - aside, tall) : Math.min(left, beside ? tall - below : 420);
  return {
    stage: [stageWidth, stageHeight],
    matrix: Math.floor(Math.max(160, matrix)),
    thumb,
    timed,
    scale: low || width < NARROW ? SMALL_SCALE : SCALE,
    columns: beside ? `${Math.round(column)}px 1fr` : "minmax(0, 1fr)",
    perRow,
    roomy: beside && roomy,
    low,
    narrow: width < NARROW,
  };
}

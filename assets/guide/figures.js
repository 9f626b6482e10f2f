// What can be presented alone: the figures of a page and what a lesson rings; how each is enlarged
// to fill the screen, and the words that stand above it.

// what fits itself into the room that it is given
const FITTING = "[data-testid=attention-viewer], [data-testid=shuffle-lab], [data-testid=live]";
const CHART = ".js-plotly-plot";
const OTHERS = "[data-testid=designs], [data-testid=removed-clip], [data-testid^=strip-]";
const FIGURES = `${FITTING}, ${CHART}, ${OTHERS}`;
const WORDS = ".head, [data-testid=stHeading], [data-testid=stMarkdown]";
const LARGE = 2.4; // nothing is enlarged beyond this
const SMALL = 0.3; // nor made smaller than this
const STEP = 0.05;
const SLIM = 720; // pixels that a chart is made narrow to, before it is enlarged
const ROOM = 20; // pixels on each side of it

/** @typedef {{title: string, text: Node[]}} Words what a figure is, and a sentence on it */
/** In CSS pixels. @typedef {{width: number, height: number}} Size */

/** Every figure of the page that can be presented, from top to bottom. */
export const figures = () =>
  [...document.querySelectorAll(FIGURES)].filter(
    (each) => isLaidOut(each) && each.closest("[data-testid=stMain]"),
  );

/** @param {Element} node */
export const isLaidOut = (node) => node.getClientRects().length > 0;

/** The first figure whose middle is on the screen. */
export function inSight() {
  return (
    figures().find((each) => {
      const { top, bottom } = each.getBoundingClientRect();
      const middle = (top + bottom) / 2;
      return middle > 0 && middle < window.innerHeight;
    }) ?? null
  );
}

/**
 * What is presented alone so that a node can be seen: the element of Streamlit that holds it, or
 * the node itself where it holds several.
 * @param {Element} node
 */
export const holderOf = (node) =>
  /** @type {HTMLElement} */ (node.closest("[data-testid=stElementContainer]") ?? node);

/**
 * Enlarge what is presented so that it fills its place.
 * @param {HTMLElement} holder
 */
export function enlarge(holder) {
  holder.scrollTop = 0; // where something in it was brought into sight before it fitted
  if (holder.querySelector(FITTING)) holder.dataset.presented = "fitting";
  else if (holder.querySelector(CHART)) enlargeChart(holder);
  else enlargeWhole(holder);
}

/** @param {HTMLElement} holder */
export function restore(holder) {
  for (const name of ["presented", "fitted", "own", "drawn"]) delete holder.dataset[name];
  for (const name of ["zoom", "width", "height", "left"])
    holder.style.removeProperty(`--present-${name}`);
}

/**
 * A chart is enlarged as it was drawn. Streamlit draws it as large as its place, before `zoom`.
 * @param {HTMLElement} holder
 */
function enlargeChart(holder) {
  const chart = /** @type {HTMLElement} */ (holder.querySelector(CHART));
  if (holder.dataset.drawn !== holder.className) {
    restore(holder);
    holder.dataset.own = String(holder.offsetHeight); // before it is presented
    holder.dataset.drawn = holder.className; // which Streamlit changes with the height
    holder.dataset.presented = "chart";
  }
  const { paddingTop, paddingBottom } = getComputedStyle(holder);
  const width = holder.clientWidth - 2 * ROOM;
  const height = holder.clientHeight - parseFloat(paddingTop) - parseFloat(paddingBottom);
  const page = holder.parentElement?.clientWidth || width;
  const { zoom, ...drawn } = sizeOf(
    { width, height },
    { width: page, height: Number(holder.dataset.own) || height },
    isOfPictures(chart),
  );
  const left = Math.round((width - drawn.width * zoom) / 2);
  for (const [name, value] of Object.entries({ ...drawn, left }))
    holder.style.setProperty(`--present-${name}`, `${value}px`);
  holder.style.setProperty("--present-zoom", zoom.toFixed(3));
}

/**
 * How large a chart is drawn, and how far that is enlarged, to fill a place.
 * @param {Size} place
 * @param {Size} own its size on the page
 * @param {boolean} isRigid whether its shape is that of the pictures in it; what is drawn of lines
 *   and bars is made narrower first, so that enlarged it fills the place
 * @returns {Size & {zoom: number}}
 */
export function sizeOf(place, own, isRigid) {
  const tall = Math.min(place.height / own.height, LARGE);
  if (isRigid) return { ...own, zoom: Math.min(place.width / own.width, tall) };
  const zoom = Math.max(1, Math.min(tall, place.width / SLIM));
  return { width: Math.floor(place.width / zoom), height: Math.floor(place.height / zoom), zoom };
}

/**
 * Text and what is drawn of HTML flows anew in the room that is left at each size: the largest at
 * which nothing is cut.
 * @param {HTMLElement} holder
 */
function enlargeWhole(holder) {
  holder.dataset.presented = "whole";
  const place = () => {
    const inside = [...holder.children].map((child) => child.scrollHeight);
    return [holder.offsetWidth, holder.offsetHeight, ...inside].join(" ");
  };
  if (holder.dataset.fitted === place()) return;
  for (let zoom = LARGE; zoom >= SMALL; zoom -= STEP) {
    holder.style.setProperty("--present-zoom", zoom.toFixed(2));
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = holder;
    if (scrollWidth <= clientWidth && scrollHeight <= clientHeight) break;
  }
  holder.dataset.fitted = place();
}

/**
 * Whether a chart's shape is that of the pictures in it.
 * @param {Element} chart
 */
function isOfPictures(chart) {
  const { data } = /** @type {{data?: {type?: string}[]}} */ (/** @type {unknown} */ (chart));
  return Boolean(data?.some(({ type }) => type === "image"));
}

/**
 * The words that stand above a figure on its page: the heading before it, and the last sentence
 * between the two.
 * @param {Element} figure
 * @returns {Words}
 */
export function wordsAbove(figure) {
  /** @type {Words} */
  let words = { title: "", text: [] };
  for (const node of document.querySelectorAll(`[data-testid=stMain] :is(${WORDS})`)) {
    if (node.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_PRECEDING) break;
    if (!isLaidOut(node) || node.closest(".st-key-lesson, [data-testid=stExpander]")) continue;
    const title = node.querySelector("h1, h2, h3, h4");
    if (title) words = { title: title.textContent ?? "", text: copies(node, "h1 + span") };
    else if (!node.querySelector("[data-testid=stCaptionContainer]"))
      words = { ...words, text: copies(node, "[data-testid=stMarkdownContainer]") };
  }
  return words;
}

/**
 * Copies of what is in a part of a node, without what explains it when it is pointed at.
 * @param {Element} node
 * @param {string} part
 */
function copies(node, part) {
  const copy = node.querySelector(part)?.cloneNode(true);
  if (!(copy instanceof Element)) return [];
  for (const help of copy.querySelectorAll("[data-testid=stTooltipIcon], button, svg"))
    help.remove();
  for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
  return [...copy.childNodes];
}

// Which tokens see which, for each family and each design of attention: point at a token of any
// drawing, or move with the arrow keys, and all of them show what that token sees.

/**
 * One way to see: for each token that asks, the tokens that are seen, as the bits of hex figures.
 * @typedef {{title: string, signed: boolean, sees: string}} Sight
 */
/**
 * A family or a design, and the app's model that has it.
 * @typedef {{title: string, words: string, sights: Sight[],
 *   model: {name: string, title: string} | null}} Design
 */
/** @typedef {{title: string, designs: Design[]}} Group */
/** @typedef {{grid: [number, number, number], asks: number, groups: Group[]}} Data */
/**
 * @typedef {object} Component
 * @property {HTMLElement} parentElement
 * @property {Data} data
 * @property {(name: string, value: string) => void} setTriggerValue
 */

const NS = "http://www.w3.org/2000/svg";
const CELL = 12; // a token and the space behind it
const SIDE = 11;
const BETWEEN = 9; // more space behind a frame

/**
 * Whether token `asks` sees token `key`.
 * @param {string} sees
 * @param {number} tokens
 * @param {number} asks
 * @param {number} key
 */
export function isSeen(sees, tokens, asks, key) {
  const figures = 2 * Math.ceil(tokens / 8); // of a row: whole bytes
  const figure = parseInt(sees[asks * figures + (key >> 2)], 16);
  return ((figure >> (3 - (key & 3))) & 1) === 1;
}

/**
 * The token that an arrow key leads to: a step in the frame, with shift to the next frame.
 * @param {[number, number, number]} grid
 * @param {number} asks
 * @param {string} key
 * @param {boolean} shift
 */
export function neighbour([T, h, w], asks, key, shift) {
  const place = [Math.floor(asks / (h * w)), Math.floor(asks / w) % h, asks % w];
  const [axis, step] =
    key === "ArrowLeft" || key === "ArrowRight"
      ? [shift ? 0 : 2, key === "ArrowLeft" ? -1 : 1]
      : [1, key === "ArrowUp" ? -1 : 1];
  place[axis] = Math.min([T, h, w][axis] - 1, Math.max(0, place[axis] + step));
  return (place[0] * h + place[1]) * w + place[2];
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 */
function madeOf(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

/**
 * The tokens of the clip, frame beside frame.
 * @param {[number, number, number]} grid
 */
function frames([T, h, w]) {
  const svg = document.createElementNS(NS, "svg");
  const width = T * w * CELL + (T - 1) * BETWEEN;
  svg.setAttribute("viewBox", `-2 -2 ${width + 3} ${h * CELL + 3}`);
  svg.setAttribute("role", "img");
  for (let token = 0; token < T * h * w; token++) {
    const [t, row, col] = [Math.floor(token / (h * w)), Math.floor(token / w) % h, token % w];
    const cell = document.createElementNS(NS, "rect");
    cell.setAttribute("x", String(t * (w * CELL + BETWEEN) + col * CELL));
    cell.setAttribute("y", String(row * CELL));
    for (const side of ["width", "height"]) cell.setAttribute(side, String(SIDE));
    cell.setAttribute("rx", "2");
    cell.dataset.token = String(token);
    svg.append(cell);
  }
  return svg;
}

/** The colours of a token that may attract or repel. */
function gradient() {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("width", "0");
  svg.setAttribute("height", "0");
  svg.setAttribute("aria-hidden", "true");
  svg.style.position = "absolute";
  svg.innerHTML =
    '<linearGradient id="designs-signed" x1="0" y1="0" x2="1" y2="1">' +
    '<stop offset="0.5" class="repels"/><stop offset="0.5" class="attracts"/></linearGradient>';
  return svg;
}

/**
 * A drawing of one way to see, which `paint` colours for the token that asks.
 * @param {[number, number, number]} grid
 * @param {string} of the title of its design
 * @param {Sight} sight
 */
function drawing(grid, of, sight) {
  const tokens = grid[0] * grid[1] * grid[2];
  const [node, line, count] = [madeOf("div"), madeOf("p"), madeOf("span", "count")];
  const svg = frames(grid);
  line.append(count, sight.title);
  node.append(line, svg);
  const cells = [...svg.children];
  /** @param {number} asks */
  const paint = (asks) => {
    let seen = 0;
    cells.forEach((cell, key) => {
      const is = isSeen(sight.sees, tokens, asks, key);
      seen += Number(is);
      const kind = is ? (sight.signed ? "seen signed" : "seen") : "";
      cell.setAttribute("class", key === asks ? "asks" : kind);
    });
    count.textContent = `${seen} of ${tokens}`;
    svg.setAttribute("aria-label", `${of}, ${sight.title}: sees ${seen} of ${tokens} tokens`);
  };
  return { node, paint };
}

/**
 * Streamlit calls this when the drawings appear, and again after every rerun.
 * @param {Component} component
 */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector("[data-testid=designs]"));
  const groups = /** @type {HTMLElement} */ (root.querySelector("[data-part=groups]"));
  root.setAttribute(
    "aria-label",
    "Which tokens see which. Arrow keys move the token that asks, with shift to another frame.",
  );
  /** @type {((asks: number) => void)[]} */
  const paints = [];
  groups.replaceChildren(gradient());
  data.groups.forEach(({ title, designs }, place) => {
    const [group, row] = [madeOf("section", "designs-group"), madeOf("div", "designs-row")];
    group.dataset.part = `group-${place + 1}`; // by which a lesson rings it
    group.append(madeOf("h4", "", title), row);
    groups.append(group);
    for (const design of designs) {
      const [card, header] = [madeOf("section", "design"), madeOf("header")];
      header.append(madeOf("strong", "", design.title));
      const { model } = design;
      if (model) {
        const open = madeOf("button", "", `open ${model.title}`);
        open.type = "button";
        open.onclick = () => setTriggerValue("open", model.name);
        header.append(open);
      }
      card.append(header, madeOf("p", "words", design.words));
      for (const sight of design.sights) {
        const { node, paint } = drawing(data.grid, design.title, sight);
        card.append(node);
        paints.push(paint);
      }
      row.append(card);
    }
  });
  /** @param {number} token */
  const ask = (token) => {
    root.dataset.asks = String(token);
    for (const paint of paints) paint(token);
  };
  ask(Number(root.dataset.asks ?? data.asks));
  // not what comes under a resting pointer when the page scrolls
  groups.onpointermove = (event) => {
    const token = /** @type {SVGElement} */ (event.target).dataset?.token;
    if (token !== undefined) ask(Number(token));
  };
  root.onkeydown = (event) => {
    if (event.target !== root || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    ask(neighbour(data.grid, Number(root.dataset.asks), event.key, event.shiftKey));
  };
}

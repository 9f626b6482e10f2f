// A table that is sorted by a click on a column and searched by words, with a list of references.

/**
 * What stands in a place: as it is written, the number it is sorted by, a line below it, and what
 * a click on it leads to: a reference of the list, a model that the page opens, or something that
 * it tells more of.
 * @typedef {{text: string, value?: number, note?: string, reference?: number, open?: string,
 *   ask?: string}} Cell
 */
/** @typedef {{title: string, help: string, kind: "text" | "number" | "wide"}} Column */
/** @typedef {{cells: Cell[], kind: string}} Row */
/**
 * @typedef {{name: string, columns: Column[], rows: Row[], listed: string,
 *   references: [number, string][]}} Data
 */
/**
 * @typedef {object} Component
 * @property {HTMLElement} parentElement
 * @property {Data} data
 * @property {(name: string, value: string) => void} setTriggerValue
 * @property {(name: string, value: string) => void} setStateValue
 */

/**
 * The rows by a column: numbers as numbers, words by the alphabet, what is empty always last.
 * @param {Row[]} rows
 * @param {number} column
 * @param {boolean} falling
 */
export function sorted(rows, column, falling) {
  const sign = falling ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [one, other] = [a.cells[column], b.cells[column]];
    if (!one.text || !other.text) return Number(!one.text) - Number(!other.text);
    if (one.value !== undefined && other.value !== undefined)
      return sign * (one.value - other.value);
    return sign * one.text.localeCompare(other.text, "en");
  });
}

/**
 * Whether a row holds all of these words, in any of its places and in any case.
 * @param {Row} row
 * @param {string} words
 */
export function holds(row, words) {
  const text = row.cells
    .map(({ text, note }) => `${text} ${note ?? ""}`)
    .join(" ")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 */
function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

/** What a table is sorted by and searched for. @typedef {{column: number, falling: boolean}} By */
/** @type {WeakMap<HTMLElement, By>} */
const orders = new WeakMap();

/**
 * A place of the table.
 * @param {Cell} cell
 * @param {Column} column
 * @param {boolean} isFirst
 * @param {(cell: Cell) => void} follow
 */
function place(cell, column, isFirst, follow) {
  const node = element("td", isFirst ? `first ${column.kind}` : column.kind);
  if ([cell.reference, cell.open, cell.ask].some((goal) => goal !== undefined)) {
    const button = element("button", "", cell.text);
    button.type = "button";
    button.onclick = () => follow(cell);
    node.append(button);
  } else node.textContent = cell.text;
  if (cell.note) node.append(element("small", "", cell.note));
  return node;
}

/**
 * Streamlit calls this when the table appears, and again after every rerun.
 * @param {Component} component
 */
export default function mount({ parentElement, data, setTriggerValue, setStateValue }) {
  /** @param {string} name */
  const part = (name) => /** @type {HTMLElement} */ (parentElement.querySelector(name));
  const [root, head, body] = [part("[data-testid=sorted-table]"), part("thead"), part("tbody")];
  const find = /** @type {HTMLInputElement} */ (part("[data-part=find]"));
  const list = /** @type {HTMLDetailsElement} */ (part("details"));
  const by = orders.get(root) ?? { column: -1, falling: false };
  orders.set(root, by);
  part("[data-part=room]").setAttribute("aria-label", data.name);

  part("summary").textContent = data.listed;
  list.hidden = data.references.length === 0;
  part("ol").replaceChildren(
    ...data.references.map(([number, text]) => {
      const item = element("li", "", text);
      item.value = number;
      return item;
    }),
  );

  /** @param {Cell} cell */
  const follow = (cell) => {
    if (cell.open !== undefined) return setTriggerValue("open", cell.open);
    if (cell.ask !== undefined) return setStateValue("asked", cell.ask);
    list.open = true;
    for (const item of list.querySelectorAll("li")) {
      const isAsked = item.value === cell.reference;
      item.classList.toggle("asked", isAsked);
      if (isAsked) item.scrollIntoView({ block: "center" });
    }
  };

  const fill = () => {
    const rows = by.column < 0 ? data.rows : sorted(data.rows, by.column, by.falling);
    const shown = rows.filter((row) => holds(row, find.value.trim()));
    body.replaceChildren(
      ...shown.map((row) => {
        const line = element("tr", row.kind);
        line.append(...row.cells.map((cell, i) => place(cell, data.columns[i], i === 0, follow)));
        return line;
      }),
    );
    part("[data-part=count]").textContent = `${shown.length} of ${data.rows.length} rows`;
    head.querySelectorAll("th").forEach((cell, i) => {
      const way = by.falling ? "descending" : "ascending";
      cell.setAttribute("aria-sort", i === by.column ? way : "none");
    });
  };

  const titles = element("tr");
  titles.append(
    ...data.columns.map((column, i) => {
      const [cell, button] = [element("th", column.kind), element("button", "", column.title)];
      button.type = "button";
      cell.title = column.help;
      button.onclick = () => {
        // a column of numbers begins with the largest
        const first = column.kind === "number";
        by.falling = i === by.column ? !by.falling : first;
        by.column = i;
        fill();
      };
      cell.append(button);
      return cell;
    }),
  );
  head.replaceChildren(titles);
  find.oninput = fill;
  fill();
}

// Thumbnails of clips, with what a model says of each. A button opens the clip on another page.

/**
 * A clip.
 * @typedef {object} Item
 * @property {number} row
 * @property {string} title
 * @property {string} says
 * @property {boolean} wrong whether what it says is not the label
 * @property {string} note small, below
 * @property {string} picture a data address
 */

/**
 * @param {string} tag
 * @param {string} words
 */
function written(tag, words) {
  const node = document.createElement(tag);
  node.textContent = words;
  node.title = words;
  return node;
}

/**
 * Streamlit calls this when the clips appear, and again after every rerun.
 * @param {{
 *   parentElement: HTMLElement,
 *   data: {items: Item[], pages: [string, string][]},
 *   setTriggerValue: (name: string, value: {row: number, page: string}) => void,
 * }} component
 */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector("[data-testid=clips]"));
  const items = data.items.map((item) => {
    const node = document.createElement("li");
    const image = document.createElement("img");
    image.src = item.picture;
    image.alt = `${item.title}: ${item.says}`;
    const says = written("span", item.says);
    says.toggleAttribute("data-wrong", item.wrong);
    const open = document.createElement("div");
    open.className = "open";
    for (const [page, title] of data.pages) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.setAttribute("aria-label", `Open ${item.title} in ${title}`);
      button.addEventListener("click", () => setTriggerValue("open", { row: item.row, page }));
      open.append(button);
    }
    node.append(image, written("strong", item.title), says, written("small", item.note), open);
    return node;
  });
  root.replaceChildren(...items);
}

// Cards that lead to addresses of the app: lessons and examples. A click stays in the session; as
// links they can also be copied, or opened beside.

import { go } from "./way.js";

/**
 * A card.
 * @typedef {object} Card
 * @property {string} title
 * @property {string} text
 * @property {string} note small, below
 * @property {string} address below that of the app
 * @property {string} picture a data address, or nothing
 */

/**
 * @param {Card} card
 */
function itemOf({ title, text, note, address, picture }) {
  const link = document.createElement("a");
  link.href = new URL(address, new URL(".", window.location.href)).href;
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(address);
    // on the same page it would stay where it was, below what has changed
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  });
  if (picture) {
    const image = document.createElement("img");
    image.src = picture;
    image.alt = "";
    link.append(image);
  }
  for (const [name, words] of [
    ["strong", title],
    ["span", text],
    ["small", note],
  ]) {
    if (!words) continue;
    const node = document.createElement(name);
    node.textContent = words;
    link.append(node);
  }
  const item = document.createElement("li");
  item.append(link);
  return item;
}

/**
 * Streamlit calls this when the gallery appears, and again after every rerun.
 * @param {{parentElement: HTMLElement, data: {cards: Card[], small: boolean}}} component
 */
export default function mount({ parentElement, data }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector("[data-testid=gallery]"));
  root.toggleAttribute("data-small", data.small);
  const now = JSON.stringify(data.cards);
  if (root.dataset.cards === now) return;
  root.dataset.cards = now;
  root.replaceChildren(...data.cards.map(itemOf));
}

// The paths compared, as a table and as rows of text.

/** @import {LabData, Path} from "./data.js" */

import { written } from "./ink.js";

const NONE = "none: it ends where only forbidden edges lead on";

/**
 * The words of a path: slots in order, weight, behind the best, OrderAcc.
 * @param {LabData} data
 * @param {Path} path
 * @param {boolean} best
 */
function wordsOf(data, path, best) {
  if (!path.path) return [NONE, "", "", ""];
  return [
    path.path.map((slot) => slot + 1).join(" → "),
    written(path.weight),
    best ? "–" : written(data.paths[0].weight - path.weight),
    data.identifiable ? `${path.accuracy.toFixed(1)} %` : "–",
  ];
}

/**
 * Fill the table's body; each path can be chosen.
 * @param {HTMLElement} body
 * @param {LabData} data
 * @param {number} chosen
 * @param {(i: number) => void} choose
 */
export function fillTable(body, data, chosen, choose) {
  const rows = data.paths.map((path, i) => {
    const button = document.createElement("button");
    Object.assign(button, {
      type: "button",
      className: "lab-button",
      textContent: path.name,
      disabled: !path.path,
    });
    button.setAttribute("aria-pressed", String(i === chosen));
    button.dataset.tip = data.words.paths[path.name];
    button.addEventListener("click", () => choose(i));
    const head = document.createElement("th");
    head.scope = "row";
    head.append(button);
    const row = document.createElement("tr");
    row.append(head);
    wordsOf(data, path, i === 0).forEach((words, column) => {
      const cell = document.createElement("td");
      if (column > 0) cell.className = "lab-number";
      cell.textContent = words;
      row.append(cell);
    });
    return row;
  });
  body.replaceChildren(...rows);
}

/**
 * The table as it stands on the page, its heads first.
 * @param {HTMLElement} body
 */
export function tableText(body) {
  const rows = /** @type {HTMLElement} */ (body.parentElement).querySelectorAll("tr");
  return [...rows].map((row) => [...row.children].map((cell) => String(cell.textContent).trim()));
}

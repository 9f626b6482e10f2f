// The paths compared, as a table and as rows of text.

/** @import {LabData, Path} from "./data.js" */

import { written } from "./ink.js";

const NONE = "none: it ends where only forbidden edges lead on";

/**
 * The words of a path: slots in order, weight, behind the best, OrderAcc once it may be known.
 * @param {LabData} data
 * @param {Path} path
 * @param {boolean} best
 * @param {boolean} revealed
 */
function wordsOf(data, path, best, revealed) {
  if (!path.path) return [NONE, "", "", ""];
  return [
    path.path.map((slot) => slot + 1).join(" → "),
    written(path.weight),
    best ? "–" : written(data.paths[0].weight - path.weight),
    accuracyOf(data, path, revealed),
  ];
}

/**
 * How right a path is: asked until the answers are shown, nothing where no order is identifiable.
 * @param {LabData} data
 * @param {Path} path
 * @param {boolean} revealed
 */
function accuracyOf(data, path, revealed) {
  if (!data.identifiable) return "–";
  return revealed ? `${path.accuracy.toFixed(1)} %` : "?";
}

/**
 * Fill the table's body; each path can be chosen.
 * @param {HTMLElement} body
 * @param {LabData} data
 * @param {number} chosen
 * @param {boolean} revealed whether the answers are shown
 * @param {(i: number) => void} choose
 */
export function fillTable(body, data, chosen, revealed, choose) {
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
    wordsOf(data, path, i === 0, revealed).forEach((words, column) => {
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

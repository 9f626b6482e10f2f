// The live view's page: its parts by name, what Python sends, and the bars of the classes.

/**
 * What the newest picture showed.
 * @typedef {object} Answer
 * @property {number} run which film
 * @property {number} n which picture of it
 * @property {number} met pictures that it depends on
 * @property {number[]} probabilities of each class
 * @property {boolean} doubted whether the class is no more than the closest of those it knows
 * @property {[number, number]} grid rows and columns of the map
 * @property {number[]} heat row by row
 * @property {boolean} signed whether weights may be negative
 * @property {number} opacity
 * @property {number[]} hidden how large the state of each layer is
 * @property {string} [error] why there is no answer, alone
 */

/**
 * @typedef {object} LiveData
 * @property {string} subject what watches: other weights begin anew
 * @property {string[]} labels
 * @property {boolean} is_recurrent
 * @property {number} window seconds that a model without a state looks back
 * @property {[number, string][]} rates pictures a second that can be chosen, 0 for all, with words
 * @property {"centre" | "fit"} crop what part of the picture it sees
 * @property {string} what the map in words
 * @property {number[]} plain 256 colours of weights that are never negative
 * @property {number[]} diverging 256 colours of weights of both signs
 * @property {number} most bytes of pictures that the server takes at once
 * @property {Record<string, string>} help
 * @property {Answer | null} answer
 */

/**
 * The nodes of live.html that carry a data-part, by its name.
 * @typedef {object} LiveParts
 * @property {HTMLButtonElement} main
 * @property {HTMLButtonElement} freeze
 * @property {HTMLButtonElement} forget
 * @property {HTMLInputElement} window
 * @property {HTMLOutputElement} length
 * @property {HTMLSelectElement} rate
 * @property {HTMLInputElement} mirror
 * @property {HTMLSelectElement} camera
 * @property {HTMLVideoElement} video
 * @property {HTMLCanvasElement} stage
 * @property {HTMLElement} wait
 * @property {HTMLElement} low
 * @property {HTMLCanvasElement} scale
 * @property {HTMLElement} high
 * @property {HTMLElement} what
 * @property {HTMLElement} best
 * @property {HTMLElement} bars
 * @property {HTMLElement} state
 * @property {HTMLCanvasElement} strip
 * @property {HTMLElement} figures
 */

const MOST_ROWS = 10; // of more classes only the most probable stand there

/**
 * @param {HTMLElement} root
 * @returns {LiveParts}
 */
export function liveParts(root) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  const parts = [...nodes].map((node) => [node.dataset.part, node]);
  return /** @type {LiveParts} */ (Object.fromEntries(parts));
}

/**
 * Controls explain themselves when they are pointed at, words also when they are focused.
 * @param {HTMLElement} root
 * @param {Record<string, string>} help
 */
export function explainLive(root, help) {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-help]"));
  for (const node of nodes) {
    const text = help[String(node.dataset.help)] ?? "";
    if (node.matches("button, label")) node.title = text;
    else node.dataset.tip = text;
  }
}

/**
 * Offer how many pictures a second the model meets; what was chosen stays where it is offered.
 * @param {HTMLSelectElement} chooser
 * @param {[number, string][]} rates
 */
export function offerRates(chooser, rates) {
  const chosen = chooser.value;
  chooser.replaceChildren(...rates.map(([rate, words]) => new Option(words, String(rate))));
  if (rates.some(([rate]) => String(rate) === chosen)) chooser.value = chosen;
}

/**
 * Draw a bar for each class, or for the most probable of many; returns the most probable one.
 * @param {LiveParts} part
 * @param {string[]} labels
 * @param {number[] | null} probabilities null before the first picture
 * @param {boolean} doubted whether the class is no more than the closest
 */
export function drawBars(part, labels, probabilities, doubted) {
  const p = probabilities ?? labels.map(() => 0);
  const best = p.indexOf(Math.max(...p));
  let shown = labels.map((_, i) => i);
  if (labels.length > MOST_ROWS) shown = shown.toSorted((a, b) => p[b] - p[a]).slice(0, MOST_ROWS);
  while (part.bars.children.length < shown.length) part.bars.append(bar());
  while (part.bars.children.length > shown.length) part.bars.lastElementChild?.remove();
  shown.forEach((label, row) => {
    const node = /** @type {HTMLElement} */ (part.bars.children[row]);
    const [name, value, percent] = /** @type {HTMLElement[]} */ ([...node.children]);
    name.textContent = labels[label];
    value.style.setProperty("--live-p", String(p[label]));
    percent.textContent = probabilities ? `${Math.round(100 * p[label])} %` : "";
    node.dataset.best = String(probabilities !== null && label === best);
  });
  const seen = doubted ? `Closest of its ${labels.length} classes` : "It sees";
  const isNamed = probabilities && labels.length;
  part.best.textContent = isNamed ? `${seen}: ${labels[best]}` : "What it sees";
  return best;
}

/** A row without content: the name, the bar and the percentage of a class. */
function bar() {
  const row = document.createElement("div");
  row.className = "live-bar";
  row.setAttribute("role", "listitem");
  row.append(
    document.createElement("span"),
    document.createElement("i"),
    document.createElement("span"),
  );
  return row;
}

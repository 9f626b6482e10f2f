// How a weight comes of its query and key: the numbers of one head, as core recorded them. Numbers
// only: no page, no imports but of types.

/** @import {Factors, Layer, Layout, Pair} from "./payload.js" */
/** @import {Grid, Patch} from "./maths.js" */

/**
 * From one query to one key.
 * @typedef {object} Step
 * @property {"space" | "time" | "joint"} over
 * @property {Pair} pair
 * @property {Float32Array} q (d,), of a linear kernel after φ
 * @property {Float32Array} k
 * @property {Float32Array} product (d,) element by element
 * @property {number} dot their sum
 * @property {number} qLength ‖q‖
 * @property {number} kLength
 * @property {number} score what the kernel makes of the sum before the row is looked at
 * @property {number} largest score of the row
 * @property {number} total of what is divided by: of e^(score − largest), or of the scores
 * @property {number} weight
 * @property {number} sum of all weights of the row
 * @property {number} keys how many there are
 */

/** @param {number} x */
const phi = (x) => (x > 0 ? x + 1 : Math.exp(x)); // ELU + 1

/**
 * A row of an array (..., n, d), of a linear kernel after φ.
 * @param {Pair} pair
 * @param {"q" | "k"} which
 * @param {number} row
 */
function vector(pair, which, row) {
  const { array, shape } = pair[which];
  const d = shape[shape.length - 1];
  const part = /** @type {Float32Array} */ (array.slice(row * d, (row + 1) * d));
  return pair.kernel === "linear" ? part.map(phi) : part;
}

/** @param {Float32Array} x @param {Float32Array} y */
const dotOf = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);

/** @param {Float32Array} x */
const lengthOf = (x) => Math.sqrt(dotOf(x, x));

/**
 * What the kernel makes of a sum of products, before the row is looked at.
 * @param {Pair} pair
 * @param {number} dot
 * @param {number} qLength
 * @param {number} kLength
 */
function scoreOf({ kernel, scale, eps }, dot, qLength, kLength) {
  if (kernel === "softmax") return dot * scale;
  if (kernel === "cosine") return dot / ((qLength + eps) * (kLength + eps));
  return dot;
}

/**
 * From the query at one token to the key at another, or nothing where it cannot see it.
 * @param {Step["over"]} over
 * @param {Pair} pair
 * @param {Layout} layout
 * @param {number} asks
 * @param {number} answers
 * @returns {Step | null}
 */
function stepOf(over, pair, layout, asks, answers) {
  const [, n] = layout.keys.shape;
  const tokens = layout.keys.array;
  for (const [group, index] of layout.places.get(asks) ?? []) {
    const own = tokens.subarray(group * n, (group + 1) * n);
    const at = own.indexOf(answers);
    if (at < 0) continue;
    const q = vector(pair, "q", group * layout.queries.shape[1] + index);
    const qLength = lengthOf(q);
    const scores = [...own].map((_, j) => {
      const key = vector(pair, "k", group * n + j);
      return scoreOf(pair, dotOf(q, key), qLength, lengthOf(key));
    });
    const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    const soft = pair.kernel === "softmax";
    const made = soft ? scores.map((score) => Math.exp(score - largest)) : scores;
    const total = made.reduce((a, b) => a + b, 0);
    const divisor = soft ? total : pair.normalised ? total + pair.eps : 1;
    const k = vector(pair, "k", group * n + at);
    const product = q.map((value, i) => value * k[i]);
    const seen = [...own].filter((token) => token >= -1); // fillers are no keys
    return {
      over,
      pair,
      q,
      k,
      product,
      dot: dotOf(q, k),
      qLength,
      kLength: lengthOf(k),
      score: scores[at],
      largest,
      total,
      weight: made[at] / divisor,
      sum: made.reduce((sum, value, j) => (own[j] >= -1 ? sum + value / divisor : sum), 0),
      keys: seen.length,
    };
  }
  return null;
}

/**
 * The steps from a patch to a key in a view: one, or two where attention over space and over time
 * are multiplied. Empty where the patch cannot see the key.
 * @param {Factors} factors of the layer and head
 * @param {Layer} layer
 * @param {string} view
 * @param {Patch} patch
 * @param {Patch} key
 * @param {Grid} grid
 * @returns {Step[]}
 */
export function stepsTo(factors, layer, view, patch, key, [, h, w]) {
  /** @param {Patch} place */
  const token = ([t, row, col]) => (t * h + row) * w + col;
  const { main, time } = factors;
  const over = view === "joint" ? "joint" : "space";
  if (view === "time" || view === "space x time") {
    if (!time || !layer.time) return [];
    /** @type {Patch} the key's place in the frame of the patch */
    const between = view === "time" ? patch : [patch[0], key[1], key[2]];
    const across = stepOf("time", time, layer.time.layout, token(between), token(key));
    if (view === "time") return across ? [across] : [];
    const within = stepOf("space", main, layer.main.layout, token(patch), token(between));
    return within && across ? [within, across] : [];
  }
  /** @type {Patch} */
  const asks = view === "each frame separately" ? [key[0], patch[1], patch[2]] : patch;
  const step = stepOf(over, main, layer.main.layout, token(asks), token(key));
  return step ? [step] : [];
}

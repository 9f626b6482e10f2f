// Where the step-through stands, as one plain object, and the same as the `lab` parameter of the
// address.

/**
 * Where the step-through stands. A fresh visit opens on the question.
 * @typedef {object} Standing
 * @property {number} step 0 matrix, 1 graph, 1 + k edges of the path, T + 1 frames in order
 * @property {boolean} answers whether the true numbers of the frames are shown
 * @property {boolean} centred whether colours are centred on the mean, where they can be
 */

/** @import {LabData} from "./data.js" */

/** @type {Standing} */
export const FRESH = { step: 0, answers: false, centred: false };

/**
 * "step:3,answers,centred" as where to stand; what is missing or wrong is as on a fresh visit.
 * @param {string | null} text
 * @returns {Standing}
 */
export function standingOf(text) {
  const standing = { ...FRESH };
  for (const entry of (text ?? "").split(",")) {
    if (entry === "answers" || entry === "centred") standing[entry] = true;
    else if (/^step:\d+$/.test(entry)) standing.step = Number(entry.slice(5));
  }
  return standing;
}

/**
 * The same as text, null where nothing differs from a fresh visit.
 * @param {Standing} standing
 */
export function standingText({ step, answers, centred }) {
  const entries = [];
  if (step > 0) entries.push(`step:${step}`);
  if (answers) entries.push("answers");
  if (centred) entries.push("centred");
  return entries.length ? entries.join(",") : null;
}

/**
 * The query of an address with text (null: nothing) under `name`, all other parameters as they are.
 * @param {string} search
 * @param {string | null} text
 */
export function searchWith(search, text, name = "lab") {
  const others = search
    .slice(1)
    .split("&")
    .filter((pair) => pair && !pair.startsWith(`${name}=`));
  const pairs = text === null ? others : [...others, `${name}=${text}`];
  return pairs.length ? `?${pairs.join("&")}` : "";
}

/**
 * Put where the lab stands into the address, null takes it out.
 * @param {Standing | null} standing
 */
export function linkStanding(standing) {
  const { pathname, search, hash } = window.location;
  const wanted = searchWith(search, standing && standingText(standing));
  if (wanted === search) return;
  try {
    window.history.replaceState(window.history.state, "", pathname + wanted + hash);
  } catch {
    // Refused where there is no address (about:blank), and by browsers that count the changes: the
    // lab goes on.
  }
}

/**
 * Where the lab stood that was closed last, and on which question.
 * @type {{standing: Standing, data: LabData} | null}
 */
let left = null;

/**
 * Keep where a lab stands that closes, for when its page is opened again on the same question.
 * @param {Standing} standing
 * @param {LabData} data
 */
export function leave(standing, data) {
  left = { standing, data };
}

/**
 * Where a lab stands that opens on these data: as a link says, or as the one that was closed last;
 * without data as the address says.
 * @param {LabData | null} data
 */
export function standingFor(data) {
  const linked = new URLSearchParams(window.location.search).get("lab");
  const last = linked === null && data && left;
  const isSame =
    last &&
    String(last.data.permutation) === String(data.permutation) &&
    sameFrames(last.data, data);
  return isSame ? last.standing : standingOf(linked);
}

/**
 * Whether both show the same frames, in whatever order.
 * @param {LabData} one
 * @param {LabData} other
 */
export function sameFrames(one, other) {
  return String([...one.pictures].sort()) === String([...other.pictures].sort());
}

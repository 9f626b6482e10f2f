// What Python sends to the shuffle lab: core/draw/steps.py and pages/parts/lab.py. Types alone:
// nothing here runs. Slots and frames count from 0.

/** @import {Edge} from "./geometry.js" */

/**
 * One of the paths compared. Where the method finds none, `path` is null and its name stands alone.
 * @typedef {object} Path
 * @property {string} name
 * @property {number[] | null} path slots in recovered order
 * @property {number[]} running the weight up to each slot
 * @property {number} weight
 * @property {number} accuracy OrderAcc in percent
 * @property {boolean[]} places whether the frame at each place is the true one
 */

/**
 * A path that there is. @typedef {Path & {path: number[]}} Shown
 */

/**
 * Which colour a weight has, as core.draw.steps.Scale.
 * @typedef {object} Scale
 * @property {number} low
 * @property {number} high
 * @property {number} neutral the weight that is pale: an end of a scale of one sign
 * @property {boolean} is_centred whether that is the mean of the weights
 * @property {number[]} colours 256 x 3 numbers 0..255 from low to high
 */

/**
 * What the lab says.
 * @typedef {object} Words
 * @property {string} matrix
 * @property {string} weight
 * @property {string} goal
 * @property {string} tie that the best path and its reverse weigh the same, where they do
 * @property {Record<string, string>} paths by name
 * @property {Record<string, string>} help by the data-help of a node of lab.html
 */

/**
 * A video of the step-through, as pages/parts/film.py makes it.
 * @typedef {object} Film
 * @property {string} name
 * @property {string} type
 * @property {string} content in base 64
 * @property {number} n the request that it answers
 */

/**
 * What Python is asked for, once.
 * @typedef {{kind: string, frames: string[], rate: number, n: number}} FilmWish
 */

/**
 * @typedef {object} LabData
 * @property {string[]} pictures addresses, one a slot
 * @property {number[]} permutation the frame in each slot
 * @property {[from: number, to: number, weight: number][]} edges
 * @property {boolean} exact
 * @property {Path[]} paths
 * @property {{plain: Scale, centred: Scale | null}} scales
 * @property {Scale} scale the one that is drawn, of the two; Python does not send it
 * @property {Edge[]} forbidden
 * @property {Words} words
 * @property {"frame" | "pair"} word what stands in a slot
 * @property {boolean} identifiable
 * @property {number} answers the number of the request that this answers
 * @property {string[]} lines below a file: of what it is
 * @property {string} numbers the NPZ in base 64
 * @property {Film | null} film the film that was asked for last, once
 * @property {{right: string, wrong: string, badge: string}} palette
 * @property {boolean} [fixed] whether nobody can answer: frames stay, and no edge is forbidden
 */

/**
 * The page's own colours and font. A file has nothing that was drawn before.
 * @typedef {object} Theme
 * @property {string} text
 * @property {string} font
 * @property {string} soft
 * @property {string} line
 * @property {string} fill
 * @property {string} accent
 * @property {boolean} forFile
 */

export {};

// What a page to take home holds, as core/draw/handout writes it. Types alone: nothing here runs.

/** @import {LabData} from "../lab/data.js" */

/**
 * A shuffle as assets/lab takes it but for its pictures, and how sure its order is.
 * @typedef {LabData & {name: string, matrix: string, verdict: string, meaning: string,
 *   figures: [name: string, value: string][]}} Shuffle
 */

/**
 * One kind of AM flow, with a picture and a mean for each pair of frames.
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} meaning
 * @property {string[]} pictures data addresses
 * @property {number[]} means over places, of the map as it is drawn, 0..1
 * @property {string} least
 * @property {string} most
 */

/**
 * @typedef {object} Flow
 * @property {number} block from 1
 * @property {string[]} steps of each pair: "1 → 2"
 * @property {number} opens_on
 * @property {Kind[]} kinds
 */

/**
 * What one model shows of the clip; the payload of the viewer stands in a node of its own.
 * @typedef {object} Sheet
 * @property {string} title
 * @property {{units: string[], shuffles: Shuffle[]} | null} lab
 * @property {Flow | null} flow
 */

export {};

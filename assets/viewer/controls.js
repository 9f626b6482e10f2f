// The controls above the pictures: what each is called and what it sets. What they explain of
// themselves comes with the payload.

/** @import {Block, Header, Help, Tap} from "./payload.js" */
/** @import {State, Wish} from "./state.js" */

import { queriesOf, tapOf, targetOf } from "./state.js";
import { tapName } from "./words.js";

/**
 * A control: its node, and how it shows a value.
 * @typedef {{node: HTMLElement, show: (value: any) => void}} Control
 */

/**
 * A value, its text, and what it explains of itself.
 * @typedef {[value: any, text: string, tip?: string]} Option
 */

/** @type {Help} */
const SILENT = { controls: {}, off: {}, views: {}, queries: {}, kernels: {}, remark: "" };

/**
 * What is explained: nothing if the payload brought no texts.
 * @param {Header} data
 */
export const helpOf = (data) => data.help ?? SILENT;

/**
 * How a block's weights follow from queries and keys (core.trace.Kernel), as an equation.
 * @param {Help} help
 * @param {Block} block
 */
function equation(help, { kernel, sums_to_one: even }) {
  return help.kernels[kernel === "linear" && even ? "linear, normalised" : kernel] ?? "";
}

/**
 * What a view means, and the equations of the attentions it is made of. A layer that is here stands
 * for all of its tap.
 * @param {Header} data
 * @param {Tap} tap
 * @param {string} view
 */
export function viewTip(data, tap, view) {
  const help = helpOf(data);
  const meaning = help.views[view] ?? "";
  const layer = data.layers.find((each) => each.tap === tap.name);
  if (!layer) return meaning;
  const space = equation(help, layer.main);
  const time = layer.time && equation(help, layer.time);
  if (view === "time") return `${meaning}\n${time}`;
  if (view !== "space x time" || space === time) return `${meaning}\n${space}`;
  return `${meaning}\nspace: ${space}\ntime: ${time}`;
}

/**
 * The same for what is drawn: a view of the patch that asks, or another query.
 * @param {Header} data
 * @param {State} state
 * @param {boolean} asking whether a patch asks
 */
export function drawnTip(data, state, asking) {
  const tap = tapOf(data, state);
  if (asking) return viewTip(data, tap, state.view);
  const help = helpOf(data);
  const meaning = help.queries[String(state.query)] ?? "";
  const layer = data.layers.find((each) => each.tap === tap.name);
  if (state.query === "gradcam" || !layer) return meaning;
  return `${meaning}\n${equation(help, layer.main)}`;
}

/**
 * What decides whether a control does anything: whether a patch asks, and whether all that is drawn
 * is signed.
 * @typedef {{asking: boolean, signed: boolean}} Drawing
 */

/**
 * The controls that do nothing now.
 * @param {Tap} tap
 * @param {Drawing} drawing
 */
export function idle(tap, { asking, signed }) {
  return {
    view: !asking,
    colours: signed,
    head: tap.heads === 1,
    layer: tap.layers.length === 1,
  };
}

/** @type {Record<string, string>} */
const QUERIES = { cls: "Summary", mean: "Average", patch: "Patch", gradcam: "GradCAM" };
/** @type {Option[]} */
const SCALE_NAMES = [
  ["clip", "all frames"],
  ["frame", "each frame"],
  ["shared", "whole layer"],
];
/** @type {Option[]} */
const HEAD_NAMES = [
  ["mean", "average"],
  ["max", "strongest"],
];

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {object} properties
 */
function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

/**
 * A choice from a list.
 * @param {Option[]} options
 * @param {string} name
 * @param {(value: string) => void} onPick
 * @returns {Control}
 */
function choice(options, name, onPick) {
  const select = element("select", "av-select", { ariaLabel: name });
  for (const [value, text] of options)
    select.append(element("option", "", { value, textContent: text }));
  select.addEventListener("change", () => onPick(select.value));
  return {
    node: select,
    show: (value) => {
      select.value = String(value);
    },
  };
}

/**
 * A row of buttons of which one is pressed.
 * @param {Option[]} options
 * @param {string} name
 * @param {(value: any) => void} onPick
 * @returns {Control}
 */
function segments(options, name, onPick) {
  const group = element("div", "av-segments", { role: "group", ariaLabel: name });
  const buttons = options.map(([value, text, tip]) => {
    const button = element("button", "av-button", { type: "button", textContent: text });
    button.dataset.value = value;
    if (tip) {
      button.dataset.tip = tip;
      // else the tip, once it is shown, would be part of the name
      button.setAttribute("aria-label", text);
      button.setAttribute("aria-description", tip);
    }
    button.addEventListener("click", () => onPick(value));
    group.append(button);
    return button;
  });
  return {
    node: group,
    show: (value) => {
      for (const button of buttons)
        button.setAttribute("aria-pressed", String(button.dataset.value === value));
    },
  };
}

/**
 * A slider with its value in words beside it.
 * @param {[low: number, high: number, step: number]} range
 * @param {string} name
 * @param {(value: number) => string} words
 * @param {(value: number) => void} onMove
 * @returns {Control}
 */
function slider([min, max, step], name, words, onMove) {
  const box = element("div", "av-slider");
  const input = element("input", "", { type: "range", min, max, step, ariaLabel: name });
  const output = element("output", "");
  input.addEventListener("input", () => onMove(Number(input.value)));
  box.append(input, output);
  return {
    node: box,
    show: (value) => {
      input.value = value;
      output.textContent = words(value);
    },
  };
}

/** @param {number} value */
const percent = (value) => `${Math.round(100 * value)} %`;

/**
 * Options whose text is their value.
 * @param {Iterable<string>} values
 * @returns {Option[]}
 */
const plainOptions = (values) => [...values].map((value) => [value, value]);

/**
 * All controls of a payload.
 * @param {Header} data
 * @param {Tap} tap
 * @param {(change: Wish) => void} set
 * @returns {Record<string, Control>}
 */
function allControls(data, tap, set) {
  const help = helpOf(data);
  const askers = ["patch", ...queriesOf(data, tap)];
  const queries = Object.keys(QUERIES).filter((query) => askers.includes(query));
  const last = tap.layers.length - 1;
  /** @type {Option[]} */
  const heads = [...Array(tap.heads).keys()].map((head) => [head, String(head + 1)]);
  return {
    tap: choice(
      data.taps.map(({ name }) => [name, tapName(name)]),
      "Attention",
      (value) => set({ tap: value }),
    ),
    view: segments(
      tap.views.map((view) => [view, view.replace(" x ", " × "), viewTip(data, tap, view)]),
      "View",
      (value) => set({ view: value }),
    ),
    query: segments(
      queries.map((query) => [query, QUERIES[query], help.queries[query]]),
      "Query",
      (value) => set({ query: value }),
    ),
    target: choice(
      data.labels.map((label, i) => [i, label]),
      "Class",
      (value) => set({ target: Number(value) }),
    ),
    layer: slider(
      [0, last, 1],
      "Layer",
      (at) => `${tap.layers[at] + 1} of ${tap.layers[last] + 1}`,
      (at) => set({ layer: tap.layers[at] }),
    ),
    head: choice([...HEAD_NAMES, ...heads], "Head", (value) =>
      set({ head: /^\d+$/.test(value) ? Number(value) : value }),
    ),
    opacity: slider([0, 1, 0.05], "Opacity", percent, (value) => set({ opacity: value })),
    mass: slider([0.05, 1, 0.05], "Share shown", percent, (value) => set({ mass: value })),
    colours: choice(plainOptions(Object.keys(data.colours)), "Colours", (value) =>
      set({ colours: value }),
    ),
    scale: choice(SCALE_NAMES, "Scale", (value) => set({ scale: value })),
    smooth: segments(
      [
        ["no", "Patches", help.controls.patches],
        ["yes", "Smooth", help.controls.smooth],
      ],
      "Drawn as",
      (value) => set({ smooth: value === "yes" }),
    ),
    times: choice(
      data.time_taps.map((name) => [name, tapName(name)]),
      "Frame map",
      (value) => set({ times: value }),
    ),
  };
}

/**
 * The button that unfolds the lesser controls, where they are folded away.
 * @param {HTMLElement} bar
 */
function unfold(bar) {
  const button = element("button", "av-button av-round av-more", {
    type: "button",
    textContent: "More",
  });
  const show = () => button.setAttribute("aria-expanded", String(bar.hasAttribute("data-more")));
  button.addEventListener("click", () => {
    bar.toggleAttribute("data-more");
    show();
  });
  show();
  return button;
}

/**
 * Fill `bar` with the controls of this payload.
 * @param {HTMLElement} bar
 * @param {Header} data
 * @param {State} state
 * @param {(change: Wish) => void} set gets the part of the state that changes
 * @returns {(state: State, drawing: Drawing) => void} shows a state
 */
export function buildControls(bar, data, state, set) {
  const tap = tapOf(data, state);
  const { controls: help, off } = helpOf(data);
  const shown = allControls(data, tap, set);

  /**
   * A control with its name above it, which explains itself when it is pointed at or focused.
   * @param {string} name in the help texts
   * @param {string} text
   */
  const labelled = (name, text, part = name) => {
    const box = element("div", "av-control");
    box.dataset.control = part;
    const label = element("span", "av-label", { textContent: text, tabIndex: 0 });
    label.setAttribute("aria-label", text);
    if (help[name]) {
      label.dataset.tip = help[name];
      label.setAttribute("aria-label", `${text}. ${help[name]}`);
    }
    box.append(label, shown[part].node);
    boxes[name] = box;
    return box;
  };
  /** @type {Record<string, HTMLElement>} */
  const boxes = {};

  /**
   * Let a control that does nothing say why; its name explains itself again when it does.
   * @param {string} name
   * @param {boolean} isIdle
   */
  const rest = (name, isIdle) => {
    const box = boxes[name];
    if (!box || box.hasAttribute("data-idle") === isIdle) return;
    box.toggleAttribute("data-idle", isIdle);
    const label = /** @type {HTMLElement} */ (box.firstElementChild);
    const tip = (isIdle ? off[name] : help[name]) ?? "";
    label.dataset.tip = tip;
    label.setAttribute("aria-label", `${label.textContent}. ${tip}`);
    const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (
      box.querySelectorAll("button, select, input")
    );
    for (const input of inputs) input.disabled = isIdle;
  };

  /** @param {(HTMLElement | false)[]} controls */
  const row = (...controls) => {
    const line = element("div", "av-row");
    line.append(...controls.filter((control) => control !== false));
    return line;
  };

  const target = labelled("target", "Class");
  const chooseTimes = data.time_taps.length > 1 && !data.time_taps.includes(state.tap);
  const lesser = row(
    labelled("opacity", "Opacity"),
    labelled("mass", "Share shown"),
    labelled("scale", "Scale"),
    labelled("colours", "Colours"),
    labelled("drawn", "Drawn as", "smooth"),
    chooseTimes && labelled("times", "Frame map"),
  );
  bar.replaceChildren(
    row(
      data.taps.length > 1 && labelled("tap", "Attention"),
      tap.views.length > 1 && labelled("view", "View of a patch"),
      labelled("query", "Who looks"),
      target,
      labelled("layer", "Layer"),
      labelled("head", "Head"),
      unfold(bar),
    ),
    lesser,
  );
  const direct = /** @type {const} */ ([
    "tap",
    "view",
    "head",
    "opacity",
    "mass",
    "colours",
    "scale",
    "times",
  ]);
  return (now, drawing) => {
    for (const name of direct) shown[name].show(now[name]);
    const idling = idle(tap, drawing);
    for (const [name, isIdle] of Object.entries(idling)) rest(name, isIdle);
    if (idling.view) shown.view.show(null); // none is drawn
    shown.target.show(targetOf(data, now));
    shown.layer.show(tap.layers.indexOf(now.layer));
    shown.query.show(Array.isArray(now.query) ? "patch" : now.query);
    shown.smooth.show(now.smooth ? "yes" : "no");
    target.hidden = now.query !== "gradcam";
    if (boxes.view) boxes.view.hidden = now.query === "gradcam"; // the class takes its place
  };
}

// The controls above the pictures: what each is called, what it means, what it sets.

import { targetOf } from "./state.js";

export const HELP = {
  tap:
    "Which of the model's attentions is drawn. global: the heads that see the whole clip. local: the heads that see one colour of a " +
    "checkerboard. vit: the frozen image model. aligned: an encoder on top of it that undoes the camera's motion.",
  view: "Which of the attentions of a patch is drawn: to places, to frames, or both multiplied.",
  query:
    "Who is looking. Point at a patch to see what it sees; click to keep it, Escape to let it go.",
  layer:
    "The network looks at the clip in several layers, one after the other; the last feeds the decision.",
  head: "Each layer looks in several ways at once, called heads. mean averages them, max takes the strongest.",
  target:
    "The class whose evidence GradCAM shows: the most probable class of each clip, until one is chosen here.",
  opacity: "How strongly the colours cover the picture.",
  colours:
    "The colours of weights that are never negative. Signed attention is always blue (repels), grey (0), red (attracts).",
  scale:
    "What the brightest colour means. clip: the largest weight in view. frame: the largest of each frame, so frames cannot be " +
    "compared. shared: the largest of any query and head in this layer, so queries and heads can be compared.",
  mass: "Show only the fewest patches that together hold this much of all attention in view.",
  smooth:
    "The patches blended into one another, which is easier on the eye. The model knows only whole patches.",
  drawn: "Whether patches are seen as such or blended into one another.",
  matrix:
    "How much each frame (row) looks at each frame (column), averaged over all places (RViT: of one vector a " +
    "frame). Signed: red attracts, blue repels.",
  flow: "Minus how much the attention map changes between two frames: 0 is no change. It says nothing of direction and is no attention.",
  times:
    "Which attention from frame to frame is drawn. space frames: from what the frames show. time frames: from what the hidden state " +
    "carries.",
};
const VIEWS = {
  joint: "The patch sees all patches of all frames at once, a(p→p′).",
  space: "The patch sees the patches of its own frame, a(p→p′).",
  time: "The patch sees its own place in every frame, a(t→t′).",
  "space x time":
    "First the places that the patch sees in its frame, a(p→p′), then the frames that each of these sees, a(t→t′), multiplied.",
  "each frame separately": "The same place asks in every frame on its own, a(p→p′).",
};
const WHO = {
  cls: "Where the class token looks, the summary from which the class is read.",
  mean: "What each patch gets from all that see it, on average.",
  patch:
    "One patch looks. Point at any patch to see what it sees; click to keep it, Escape to let it go.",
  gradcam:
    "Where the evidence for a class is: the channels A of the last block, each weighted by the mean gradient α of the score y.\n" +
    "ReLU(∑ α A), α = mean(∂y/∂A). This is no attention.",
};

/** How a block's weights follow from queries and keys (core.trace.Kernel), as an equation. */
function equation({ kernel, sums_to_one: even }) {
  if (kernel === "softmax") return "a = softmax(q·kᵀ / √d)";
  if (kernel === "cosine") return "a = q·k / (‖q‖ ‖k‖), the signed cosine: −1 repels, 1 attracts";
  return `a = φ(q)·φ(k)ᵀ${even ? " / its row’s sum" : ", not normalised"}, with φ(x) = ELU(x) + 1`;
}

/** What a view means, and the equations of the attentions it is made of. A layer that is here stands for all of its tap. */
export function viewTip(data, tap, view) {
  const layer = data.layers.find((each) => each.tap === tap.name);
  if (!layer) return VIEWS[view];
  const [space, time] = [equation(layer.main), layer.time && equation(layer.time)];
  if (view === "time") return `${VIEWS[view]}\n${time}`;
  if (view !== "space x time" || space === time) return `${VIEWS[view]}\n${space}`;
  return `${VIEWS[view]}\nspace: ${space}\ntime: ${time}`;
}

/** The same for what is drawn: a view of the patch that asks, or another query. */
export function drawnTip(data, state, asking) {
  const tap = data.taps.find((each) => each.name === state.tap);
  if (asking) return viewTip(data, tap, state.view);
  const layer = data.layers.find((each) => each.tap === tap.name);
  return `${WHO[state.query]}${state.query !== "gradcam" && layer ? `\n${equation(layer.main)}` : ""}`;
}
const QUERIES = { cls: "Class token", mean: "Mean", patch: "Patch", gradcam: "GradCAM" };

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

/** A control with its name above it; the name explains itself when it is pointed at or focused. */
function labelled(name, text, control, part = name) {
  const box = element("div", "av-control");
  box.dataset.control = part;
  const label = element("span", "av-label", { textContent: text, tabIndex: 0 });
  label.dataset.tip = HELP[name];
  label.setAttribute("aria-label", `${text}. ${HELP[name]}`);
  box.append(label, control);
  return box;
}

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

function segments(options, name, onPick) {
  const group = element("div", "av-segments", { role: "group", ariaLabel: name });
  const buttons = options.map(([value, text, tip]) => {
    const button = element("button", "av-button", { type: "button", textContent: text });
    button.dataset.value = value;
    if (tip) {
      button.dataset.tip = tip;
      button.setAttribute("aria-label", text); // else the tip, once it is shown, would be part of the name
      button.setAttribute("aria-description", tip);
    }
    button.addEventListener("click", () => onPick(value));
    group.append(button);
    return button;
  });
  return {
    node: group,
    show: (value) =>
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === value))),
  };
}

function slider(low, high, step, name, words, onMove) {
  const box = element("div", "av-slider");
  const input = element("input", "", { type: "range", min: low, max: high, step, ariaLabel: name });
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

/** Fill `bar` with the controls of this payload. `set` gets the part of the state that changes. Returns show(state). */
export function buildControls(bar, data, state, set) {
  const tap = data.taps.find((t) => t.name === state.tap);
  const percent = (value) => `${Math.round(100 * value)} %`;
  const queries = Object.keys(QUERIES)
    .filter((q) => q !== "cls" || tap.cls)
    .map((q) => [q, QUERIES[q], WHO[q]]);
  const heads = ["mean", "max", ...Array(tap.heads).keys()].map((h) => [
    h,
    typeof h === "number" ? String(h + 1) : h,
  ]);
  const shown = {
    tap: choice(
      data.taps.map((t) => [t.name, t.name]),
      "Attention",
      (value) => set({ tap: value }),
    ),
    view: segments(
      tap.views.map((v) => [v, v.replace(" x ", " × "), viewTip(data, tap, v)]),
      "View",
      (value) => set({ view: value }),
    ),
    query: segments(queries, "Query", (value) => set({ query: value })),
    target: choice(
      data.labels.map((label, i) => [i, label]),
      "Class",
      (value) => set({ target: Number(value) }),
    ),
    layer: slider(
      0,
      tap.layers.length - 1,
      1,
      "Layer",
      (at) => `${tap.layers[at] + 1} of ${tap.layers[tap.layers.length - 1] + 1}`,
      (at) => set({ layer: tap.layers[at] }),
    ),
    head: choice(heads, "Head", (value) =>
      set({ head: /^\d+$/.test(value) ? Number(value) : value }),
    ),
    opacity: slider(0, 1, 0.05, "Opacity", percent, (value) => set({ opacity: value })),
    mass: slider(0.05, 1, 0.05, "Attention mass", percent, (value) => set({ mass: value })),
    colours: choice(
      Object.keys(data.colours).map((c) => [c, c]),
      "Colours",
      (value) => set({ colours: value }),
    ),
    scale: choice(
      ["clip", "frame", "shared"].map((s) => [s, s]),
      "Scale",
      (value) => set({ scale: value }),
    ),
    smooth: segments(
      [
        ["no", "Patches", "Each patch in its own colour, as the model has it."],
        ["yes", "Smooth", HELP.smooth],
      ],
      "Drawn as",
      (value) => set({ smooth: value === "yes" }),
    ),
    times: choice(
      data.time_taps.map((t) => [t, t.replaceAll("_", " ")]),
      "Frame map",
      (value) => set({ times: value }),
    ),
  };
  const row = (...controls) => {
    const line = element("div", "av-row");
    line.append(...controls.filter(Boolean));
    return line;
  };
  const target = labelled("target", "Class", shown.target.node);
  bar.replaceChildren(
    row(
      data.taps.length > 1 && labelled("tap", "Attention", shown.tap.node),
      tap.views.length > 1 && labelled("view", "View of a patch", shown.view.node),
      labelled("query", "Who looks", shown.query.node),
      target,
      labelled("layer", "Layer", shown.layer.node),
      labelled("head", "Head", shown.head.node),
    ),
    row(
      labelled("opacity", "Opacity", shown.opacity.node),
      labelled("mass", "Attention mass", shown.mass.node),
      labelled("scale", "Scale", shown.scale.node),
      labelled("colours", "Colours", shown.colours.node),
      labelled("drawn", "Drawn as", shown.smooth.node, "smooth"),
      data.time_taps.length > 1 &&
        !data.time_taps.includes(state.tap) &&
        labelled("times", "Frame map", shown.times.node),
    ),
  );
  return (now) => {
    for (const name of ["tap", "view", "head", "opacity", "mass", "colours", "scale", "times"])
      shown[name].show(now[name]);
    shown.target.show(targetOf(data, now));
    shown.layer.show(tap.layers.indexOf(now.layer));
    shown.query.show(Array.isArray(now.query) ? "patch" : now.query);
    shown.smooth.show(now.smooth ? "yes" : "no");
    target.hidden = now.query !== "gradcam";
  };
}

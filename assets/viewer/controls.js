// The controls above the pictures: what each is called, what it means, what it sets.

export const HELP = {
  tap: "Which of the model's attentions is drawn.",
  view: "joint: the patch sees all patches of all frames.\nspace: the patches of its own frame.\ntime: its own place in every frame.\n"
    + "space × time: first the places it sees in its frame, a(p→p′), then the frames each of these sees, a(t→t′), multiplied.\n"
    + "each frame separately: the same place asks in every frame on its own.",
  query: "Who is looking. Class token: the summary that the class is read from. Mean: what each patch gets from all patches. "
    + "Patch: one patch. Point at a patch to see what it sees; click to keep it, Escape to let it go. "
    + "GradCAM: where the evidence for a class is, from the gradient of its score.",
  layer: "The network looks at the clip in several layers, one after the other; the last feeds the decision.",
  head: "Each layer looks in several ways at once, called heads. mean averages them, max takes the strongest.",
  target: "The class whose evidence GradCAM shows.",
  opacity: "How strongly the colours cover the picture.",
  colours: "The colours of weights that are never negative. Signed attention is always blue (repels), grey (0), red (attracts).",
  scale: "What the brightest colour means. clip: the largest weight in view. frame: the largest of each frame, so frames cannot be "
    + "compared. shared: the largest of any query and head in this layer, so queries and heads can be compared.",
  mass: "Show only the fewest patches that together hold this much of all attention in view.",
  smooth: "Blend the patches into one another. The model knows only whole patches.",
  matrix: "How much each frame (row) looks at each frame (column), averaged over all places. Signed: red attracts, blue repels.",
  times: "Which attention from frame to frame is drawn.",
};
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
  for (const [value, text] of options) select.append(element("option", "", { value, textContent: text }));
  select.addEventListener("change", () => onPick(select.value));
  return { node: select, show: (value) => { select.value = String(value); } };
}

function segments(options, name, onPick) {
  const group = element("div", "av-segments", { role: "group", ariaLabel: name });
  const buttons = options.map(([value, text]) => {
    const button = element("button", "av-button", { type: "button", textContent: text });
    button.dataset.value = value;
    button.addEventListener("click", () => onPick(value));
    group.append(button);
    return button;
  });
  return { node: group, show: (value) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === value))) };
}

function slider(low, high, step, name, words, onMove) {
  const box = element("div", "av-slider");
  const input = element("input", "", { type: "range", min: low, max: high, step, ariaLabel: name });
  const output = element("output", "");
  input.addEventListener("input", () => onMove(Number(input.value)));
  box.append(input, output);
  return { node: box, show: (value) => { input.value = value; output.textContent = words(value); } };
}

/** Fill `bar` with the controls of this payload. `set` gets the part of the state that changes. Returns show(state). */
export function buildControls(bar, data, state, set) {
  const tap = data.taps.find((t) => t.name === state.tap);
  const percent = (value) => `${Math.round(100 * value)} %`;
  const queries = Object.keys(QUERIES).filter((q) => q !== "cls" || tap.cls).map((q) => [q, QUERIES[q]]);
  const heads = ["mean", "max", ...Array(tap.heads).keys()].map((h) => [h, typeof h === "number" ? String(h + 1) : h]);
  const shown = {
    tap: choice(data.taps.map((t) => [t.name, t.name]), "Attention", (value) => set({ tap: value })),
    view: segments(tap.views.map((v) => [v, v.replace(" x ", " × ")]), "View", (value) => set({ view: value })),
    query: segments(queries, "Query", (value) => set({ query: value })),
    target: choice(data.labels.map((label, i) => [i, label]), "Class", (value) => set({ target: Number(value) })),
    layer: slider(0, tap.layers.length - 1, 1, "Layer", (at) => `${tap.layers[at] + 1} of ${tap.layers[tap.layers.length - 1] + 1}`,
      (at) => set({ layer: tap.layers[at] })),
    head: choice(heads, "Head", (value) => set({ head: /^\d+$/.test(value) ? Number(value) : value })),
    opacity: slider(0, 1, 0.05, "Opacity", percent, (value) => set({ opacity: value })),
    mass: slider(0.05, 1, 0.05, "Attention mass", percent, (value) => set({ mass: value })),
    colours: choice(Object.keys(data.colours).map((c) => [c, c]), "Colours", (value) => set({ colours: value })),
    scale: choice(["clip", "frame", "shared"].map((s) => [s, s]), "Scale", (value) => set({ scale: value })),
    smooth: segments([["no", "Patches"], ["yes", "Smooth"]], "Drawn as", (value) => set({ smooth: value === "yes" })),
    times: choice(data.time_taps.map((t) => [t, t.replaceAll("_", " ")]), "Frame map", (value) => set({ times: value })),
  };
  const row = (...controls) => { const line = element("div", "av-row"); line.append(...controls.filter(Boolean)); return line; };
  const target = labelled("target", "Class", shown.target.node);
  bar.replaceChildren(
    row(
      data.taps.length > 1 && labelled("tap", "Attention", shown.tap.node),
      tap.views.length > 1 && labelled("view", "View of a patch", shown.view.node),
      labelled("query", "Who looks", shown.query.node), target,
      labelled("layer", "Layer", shown.layer.node), labelled("head", "Head", shown.head.node),
    ),
    row(
      labelled("opacity", "Opacity", shown.opacity.node), labelled("mass", "Attention mass", shown.mass.node),
      labelled("scale", "Scale", shown.scale.node), labelled("colours", "Colours", shown.colours.node),
      labelled("smooth", "Drawn as", shown.smooth.node),
      data.time_taps.length > 1 && !data.time_taps.includes(state.tap) && labelled("times", "Frame map", shown.times.node),
    ),
  );
  return (now) => {
    for (const name of ["tap", "view", "head", "target", "opacity", "mass", "colours", "scale", "times"]) shown[name].show(now[name]);
    shown.layer.show(tap.layers.indexOf(now.layer));
    shown.query.show(Array.isArray(now.query) ? "patch" : now.query);
    shown.smooth.show(now.smooth ? "yes" : "no");
    target.hidden = now.query !== "gradcam";
  };
}

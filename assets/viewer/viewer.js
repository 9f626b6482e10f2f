// The viewer itself: it holds the state, listens, and paints. Python sends payloads; nothing goes back but requests for more.
// For tests: the root carries data-query, data-layer, data-head, data-frame and data-locked (numbers of core, from 0) and has
// attentionRow() and frameMatrix(), which return what is drawn.

import {
  parse,
  merge,
  patchRow,
  isSigned,
  layerTop,
  storedMap,
  headAt,
  matrixOf,
  massCut,
  extent,
  prominence,
  shares,
  strongest,
} from "./maths.js";
import {
  opening,
  fitted,
  fromText,
  toText,
  targetOf,
  camOf,
  readAddress,
  writeAddress,
} from "./state.js";
import { Pictures, gridBox, paintFrame, paintMatrix, paintScale } from "./paint.js";
import { HELP, buildControls, drawnTip } from "./controls.js";
import { keepButtons } from "./snapshot.js";
import { describe, headName, remarkOn, short, titleOf, writeTitle } from "./words.js";

const GAP = 28;
const VALUES = 250; // pixels that the values under the pointer need beside the frame map
const ADDRESS_PAUSE = 200; // ms between changes of the address: browsers stop listening to more than a few a second
const viewers = new Map(); // root -> Viewer
let remembered = null; // the address of the viewer that was closed last, for when its page is opened again

class Viewer {
  constructor(root) {
    this.root = root;
    this.part = Object.fromEntries(
      [...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
    );
    this.pointer = null; // the patch [t, row, col] under the pointer
    this.asked = new Map();
    this.scenes = new Map(); // canvas -> what is drawn on it
    this.waiting = null;
    this.closing = new AbortController();
    this.listen();
    this.watch = new ResizeObserver(() => this.resized());
    root.attentionRow = () =>
      this.drawn && { view: this.drawn.view, shape: this.data.grid, values: this.drawn.values };
    root.frameMatrix = () =>
      this.matrix && {
        tap: this.matrix.entry.tap,
        shape: [this.data.grid[0], this.data.grid[0]],
        values: this.matrix.values,
      };
  }

  /** Take a payload: a new clip or model, or more of the one that is shown. */
  async receive(bytes, ask) {
    this.ask = ask;
    const data = parse(bytes);
    if (this.data?.id === data.id) merge(this.data, data);
    else await this.open(data);
    this.waiting = null;
    writeAddress(toText(this.state)); // a rerun may have put the address back
    this.resized();
    if (data.file) this.keep(data.file);
  }

  async open(data) {
    const pictures = new Pictures(data.frames);
    await pictures.ready;
    const again = Boolean(this.state);
    const text = again ? null : (readAddress() ?? remembered);
    const sameClasses = String(this.data?.labels) === String(data.labels); // the number of a class means nothing among others
    this.data = data;
    this.pictures = pictures;
    this.pointer = null;
    this.drawn = null;
    this.asked.clear();
    this.state = again
      ? fitted(data, { ...this.state, target: sameClasses ? this.state.target : null })
      : text
        ? fitted(data, fromText(text))
        : opening(data);
    if (!text && !again) this.state.frame = this.strongestFrame();
    this.controls();
    this.strip();
    this.part.frame.max = data.frames.length - 1;
    if (viewers.get(this.root) === this) this.watch.observe(this.root);
  }

  controls() {
    this.showControls = buildControls(this.part.controls, this.data, this.state, (change) =>
      this.change(change),
    );
  }

  strip() {
    this.scenes.clear();
    this.thumbs = this.data.frames.map((_, frame) => {
      const figure = document.createElement("figure");
      figure.className = "av-thumb";
      figure.innerHTML =
        "<canvas role='img'></canvas><figcaption><span></span><i><b></b></i></figcaption>";
      const canvas = figure.querySelector("canvas");
      canvas.setAttribute(
        "aria-label",
        `Frame ${frame + 1} at ${this.data.times[frame].toFixed(2)} seconds, with attention`,
      );
      this.follow(canvas, () => frame);
      figure.querySelector("figcaption").addEventListener("click", () => this.change({ frame }));
      return {
        figure,
        canvas,
        label: figure.querySelector("span"),
        bar: figure.querySelector("b"),
      };
    });
    this.part.strip.replaceChildren(...this.thumbs.map((t) => t.figure));
  }

  // --- what changes it -------------------------------------------------------------------------------------------

  /** Change part of the state, then draw. */
  change(part) {
    const wanted = { ...this.state, ...part };
    if (part.query === "patch")
      wanted.query = this.lastPatch ?? [
        Math.floor(this.state.frame / this.data.unit),
        ...this.data.grid.slice(1).map((n) => Math.floor(n / 2)),
      ];
    const tap = this.state.tap;
    this.state = fitted(this.data, wanted);
    if (Array.isArray(this.state.query)) this.lastPatch = this.state.query;
    if (this.state.tap !== tap) this.controls();
    this.paint();
    clearTimeout(this.addressTimer);
    if (!this.playing)
      this.addressTimer = setTimeout(() => writeAddress(toText(this.state)), ADDRESS_PAUSE);
  }

  get locked() {
    return Array.isArray(this.state.query);
  }

  /** The patch that asks: the locked one, or the one under the pointer; null for class token, mean and GradCAM. */
  get asking() {
    return this.locked ? this.state.query : this.state.query === "gradcam" ? null : this.pointer;
  }

  point(patch) {
    if (String(patch) === String(this.pointer)) return;
    this.pointer = patch;
    this.paint();
  }

  lock(patch) {
    const same = this.locked && String(patch) === String(this.state.query);
    if (same) this.free();
    else {
      if (!this.locked) this.base = this.state.query;
      this.change({ query: patch });
    }
  }

  free() {
    if (this.locked)
      this.change({
        query:
          this.base ?? (this.data.taps.find((t) => t.name === this.state.tap).cls ? "cls" : "mean"),
      });
  }

  step(by) {
    this.change({
      frame: (this.state.frame + by + this.data.frames.length) % this.data.frames.length,
    });
  }

  play(on) {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    if (on) {
      const { times } = this.data;
      const pause =
        times.length > 1 ? (times[times.length - 1] - times[0]) / (times.length - 1) : 0.5;
      const span = times[times.length - 1] - times[0] + pause;
      const began = performance.now() / 1000 - (times[this.state.frame] - times[0]);
      const tick = () => {
        const now = times[0] + ((performance.now() / 1000 - began) % span);
        const frame = Math.max(
          0,
          times.findLastIndex((t) => t <= now + 1e-6),
        );
        this.playing = requestAnimationFrame(tick);
        if (frame !== this.state.frame) this.change({ frame });
      };
      this.playing = requestAnimationFrame(tick);
    } else if (this.state) this.change({});
    this.part.play.textContent = on ? "❚❚" : "▶";
    this.part.play.setAttribute("aria-label", on ? "Pause" : "Play");
  }

  /** The patch of `frame` under the pointer, or null beside the grid. */
  patchAt(canvas, frame, event) {
    const bounds = canvas.getBoundingClientRect();
    const box = gridBox(this.data, bounds.width, bounds.height);
    const [, h, w] = this.data.grid;
    const row = Math.floor(((event.clientY - bounds.top - box.y) / box.h) * h);
    const col = Math.floor(((event.clientX - bounds.left - box.x) / box.w) * w);
    return row >= 0 && row < h && col >= 0 && col < w
      ? [Math.floor(frame / this.data.unit), row, col]
      : null;
  }

  /** Let a canvas that shows frame() point at patches and lock them, by mouse, pen or finger. */
  follow(canvas, frame) {
    const { signal } = this.closing;
    const on = (name, act) =>
      canvas.addEventListener(name, (event) => this.data && act(event), { signal });
    on("pointermove", (event) => this.point(this.patchAt(canvas, frame(), event)));
    on("pointerdown", (event) => {
      this.part.stage.focus({ preventScroll: true });
      this.point(this.patchAt(canvas, frame(), event));
    });
    on("pointerleave", () => this.point(null));
    on("click", (event) => {
      const patch = this.patchAt(canvas, frame(), event);
      if (patch && this.state.query !== "gradcam") this.lock(patch);
      else if (frame() !== this.state.frame) this.change({ frame: frame() });
    });
  }

  listen() {
    const { signal } = this.closing;
    const { part } = this;
    this.follow(part.stage, () => this.state.frame);
    part.frame.addEventListener("input", () => this.change({ frame: Number(part.frame.value) }));
    part.play.addEventListener("click", () => this.play(!this.playing));
    part.play.textContent = "▶";
    const onCell = (event) => {
      if (!this.cells) return null;
      const bounds = part.matrix.getBoundingClientRect();
      const cell = [event.clientY - bounds.top, event.clientX - bounds.left].map((at) =>
        Math.floor((at - this.cells.start) / this.cells.cell),
      );
      return cell.every((i) => i >= 0 && i < this.data.grid[0]) ? cell : null;
    };
    part.matrix.addEventListener("pointermove", (event) => {
      this.cell = onCell(event);
      this.paintSide();
    });
    part.matrix.addEventListener("pointerleave", () => {
      this.cell = null;
      this.paintSide();
    });
    part.matrix.addEventListener("click", (event) => {
      const cell = onCell(event);
      if (cell) this.change({ frame: cell[0] * this.data.unit });
    });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    const shown = () => ({
      root: this.root,
      part,
      thumbs: this.thumbs,
      source: this.data.source,
      scenes: this.scenes,
      map: this.map,
    });
    this.keep = keepButtons(
      part.keep,
      shown,
      (keep, number) =>
        this.ask({
          ...this.state,
          ...this.limits,
          target: targetOf(this.data, this.state),
          keep,
          number,
        }),
      signal,
    );
  }

  key(event) {
    const inside = this.root.contains(event.target);
    if (
      !this.data ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      !(inside || event.target === document.body)
    )
      return;
    const typing = inside && event.target.closest("select, input, .av-bar button, .av-keep button");
    const last = this.data.frames.length - 1;
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    const keys = { Escape: () => this.free() };
    if (!typing)
      Object.assign(keys, { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1) });
    if (inside && !typing) {
      Object.assign(keys, {
        Home: () => this.change({ frame: 0 }),
        End: () => this.change({ frame: last }),
        " ": () => this.play(!this.playing),
      });
      if (event.target === this.part.stage) keys.Enter = () => this.change({ query: "patch" });
    }
    if (event.shiftKey && move && this.locked && !typing) {
      const [t, row, col] = this.state.query;
      keys[event.key] = () =>
        this.change({
          query: fitted(this.data, { query: [t, row + move[0], col + move[1]] }).query,
        });
    }
    if (!Object.hasOwn(keys, event.key)) return;
    if (event.key === " " && event.target === this.part.play) return; // the button plays by itself
    event.preventDefault();
    keys[event.key]();
  }

  /** Ask Python for what is not here yet; true if something is missing. */
  missing(what, here) {
    const name = JSON.stringify(what);
    if (here || this.waiting === name || (this.asked.get(name) ?? 0) > 2) return !here;
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    this.waiting = name;
    this.ask(what);
    return true;
  }

  // --- what it shows ---------------------------------------------------------------------------------------------

  /** {view, values, signed, top} of what is asked for, or null while it is on its way. */
  compute() {
    const { data, state, asking } = this;
    const tap = data.taps.find((t) => t.name === state.tap);
    const layer = data.layers.find((l) => l.tap === state.tap && l.layer === state.layer);
    if (state.query === "gradcam") {
      const cam = camOf(data, state);
      if (this.missing({ target: targetOf(data, state) }, cam)) return null;
      const values = storedMap(cam.map, 0);
      return { view: "GradCAM", values, signed: false, top: extent(values).top };
    }
    if (this.missing({ layer: state.layer }, layer)) return null;
    const remark = remarkOn(layer);
    if (asking) {
      const values = patchRow(layer, state.view, asking, state.head, data.grid);
      return {
        view: state.view,
        values,
        signed: isSigned(layer, state.view),
        top: layerTop(layer, state.view),
        remark,
      };
    }
    const view = tap.views.includes("space") ? "space" : tap.views[0];
    const values = storedMap(layer.maps[state.query], headAt(state.head, tap.heads));
    return { view, values, signed: layer.main.signed, top: layer.top, remark };
  }

  /** The first frame of the token that gets most, so that the first picture shows something. */
  strongestFrame() {
    const values = this.compute()?.values ?? [0];
    return this.data.unit * Math.floor(strongest(values) / (this.data.grid[1] * this.data.grid[2]));
  }

  paint() {
    if (!this.data || !this.size) return;
    const { root, state, part } = this;
    const query = this.asking ?? state.query;
    Object.assign(root.dataset, {
      query: String(query),
      layer: state.layer,
      head: state.head,
      frame: state.frame,
      locked: this.locked,
      view: state.view,
    });
    this.showControls(state);
    const found = this.compute();
    part.wait.hidden = found !== null;
    if (found === null)
      part.wait.textContent =
        state.query === "gradcam" ? "Computing GradCAM …" : `Fetching layer ${state.layer + 1} …`;
    if (found !== null)
      this.drawn = {
        ...found,
        title: titleOf(this.data, state, found.view, this.asking),
        tip: drawnTip(this.data, state, this.asking),
      };
    if (this.drawn) {
      this.paintFrames();
      this.words();
    }
    const side = `${state.tap} ${state.times} ${state.layer} ${state.head} ${state.frame} ${state.colours} ${this.data.matrices.length}`;
    if (side !== this.paintedSide) this.paintSide();
    this.paintedSide = side;
    root.dataset.ready = String(found !== null);
  }

  paintFrames() {
    const { data, state, pictures, size, drawn } = this;
    const [T, h, w] = data.grid;
    const lut = drawn.signed ? data.diverging.array : data.colours[state.colours].array;
    const cut = massCut(drawn.values, state.mass);
    const clip = extent(drawn.values);
    const tops = Array.from({ length: T }, (_, t) =>
      state.scale === "shared"
        ? drawn.top
        : state.scale === "clip"
          ? clip.top
          : extent(drawn.values, t * h * w, (t + 1) * h * w).top,
    );
    const opacity = state.opacity * (drawn.signed ? 1 : prominence(clip));
    const part = shares(drawn.values, T);
    const marks = (t) =>
      [
        [this.asking, this.locked ? "locked" : "query"],
        [this.locked || state.query === "gradcam" ? this.pointer : null, "pointer"],
      ]
        .filter(([patch]) => patch && patch[0] === t)
        .map(([patch, kind]) => ({ row: patch[1], col: patch[2], kind }));
    const one = (canvas, width, height, frame) => {
      const t = Math.floor(frame / data.unit);
      const look = { lut, signed: drawn.signed, top: tops[t], cut, opacity };
      const scene = {
        data,
        pictures,
        frame,
        values: drawn.values,
        look,
        smooth: state.smooth,
        marks: marks(t),
      };
      this.scenes.set(canvas, scene);
      paintFrame(canvas, width, height, scene);
    };
    one(this.part.stage, size.stage[0], size.stage[1], state.frame);
    this.thumbs.forEach(({ canvas, figure, label, bar }, frame) => {
      one(canvas, size.thumb[0], size.thumb[1], frame);
      const share = part[Math.floor(frame / data.unit)];
      figure.toggleAttribute("data-current", frame === state.frame);
      label.textContent = `${data.times[frame].toFixed(2)} s · ${Math.round(100 * share)} %`;
      bar.style.width = `${100 * share}%`;
    });
    this.limits = { top: drawn.top, cut }; // for a file of this
    this.shown = { lut, clip, top: tops[Math.floor(state.frame / data.unit)] };
  }

  words() {
    const { data, state, part, drawn, shown } = this;
    const [name, detail, where] = drawn.title; // of what is drawn, also while another layer is on its way
    writeTitle(part.title, name, where, detail, drawn.tip);
    part.stage.setAttribute(
      "aria-label",
      `Frame ${state.frame + 1} of the clip with ${name} ${detail} ${where} drawn over it`,
    );
    part.frame.value = state.frame;
    part.time.textContent = `frame ${state.frame + 1} of ${data.frames.length} · ${data.times[state.frame].toFixed(2)} s`;
    part.low.textContent = drawn.signed ? short(-shown.top) : "0";
    part.high.textContent = short(shown.top);
    part.raw.textContent = `raw ${short(shown.clip.low)} to ${short(shown.clip.high)}${drawn.remark ?? ""}`;
    part.unseen.style.visibility = drawn.values.some(Number.isNaN) ? "visible" : "hidden";
    paintScale(part.scale, this.size.scale, 14, shown.lut);
    describe(part.values, data, drawn, this.pointer, this.locked ? state.query : null);
  }

  paintSide() {
    const { data, state, part, size } = this;
    if (!data || !size) return;
    const tap = data.time_taps.includes(state.tap)
      ? state.tap
      : state.times || (data.time_taps[0] ?? "");
    const entry = data.matrices.find((m) => m.tap === tap && m.layer === state.layer);
    const where = `layer ${state.layer + 1}, head ${headName(state.head)}`;
    const [made, tip] = tap
      ? [`attention from frame to frame (${tap.replaceAll("_", " ")})`, HELP.matrix]
      : ["minus AM-flow magnitude, blind to direction", HELP.flow]; // no tap records attention over time
    writeTitle(
      part["matrix-title"],
      "Frame to frame",
      where,
      entry ? made : "this layer has no attention from frame to frame",
      tip,
    );
    part.matrix.setAttribute("aria-label", tip);
    this.matrix = entry && { entry, values: matrixOf(entry, state.head) };
    this.map = null;
    if (!entry) {
      part.matrix.getContext("2d").clearRect(0, 0, part.matrix.width, part.matrix.height);
      return;
    }
    const { low, high, top } = extent(this.matrix.values);
    const look = entry.signed
      ? { lut: data.diverging.array, low: -top, high: top }
      : {
          lut: data.colours[state.colours].array,
          low: Math.min(0, low),
          high: Math.max(high, low + 1e-9),
        };
    const style = getComputedStyle(this.root);
    const theme = {
      text: style.color,
      font: style.fontFamily,
      accent: style.getPropertyValue("--av-accent").trim(),
    };
    const token = Math.floor(state.frame / data.unit);
    this.map = {
      data,
      pictures: this.pictures,
      matrix: this.matrix.values,
      look,
      theme,
      token,
      pointed: this.cell,
    };
    this.cells = paintMatrix(part.matrix, size.matrix, this.map);
    part["matrix-low"].textContent = short(look.low);
    part["matrix-high"].textContent = short(look.high);
    const value = this.cell && this.matrix.values[this.cell[0] * data.grid[0] + this.cell[1]];
    part["matrix-value"].textContent = this.cell
      ? `${this.cell[0] + 1} → ${this.cell[1] + 1}: ${short(value)}`
      : `raw ${short(low)} to ${short(high)}`;
    paintScale(part["matrix-scale"], size.scale, 14, look.lut);
  }

  /** Fit everything into the width there is: the stage as high as leaves room for the strip, the map beside it. */
  resized() {
    const { data, root } = this;
    const width = root.clientWidth;
    if (!data || !width) return;
    const [high, wide] = data.pixels;
    const most = Math.max(240, Math.min(0.445 * window.innerHeight, 640));
    const beside = width >= 720;
    const stageWidth = Math.floor(Math.min((most * wide) / high, beside ? width * 0.62 : width));
    const stageHeight = Math.round((stageWidth * high) / wide);
    const column = beside ? Math.max(stageWidth, Math.min(420, width * 0.5)) : width;
    const room = beside ? width - column - GAP : width;
    const roomy = room - VALUES - GAP >= stageHeight - 50; // then the values stand beside the map, else under it
    const matrix = Math.floor(
      Math.max(
        280,
        roomy ? Math.min(room - VALUES - GAP, stageHeight + 46) : Math.min(room, stageHeight - 50),
      ),
    );
    root.toggleAttribute("data-roomy", beside && roomy);
    const T = data.frames.length;
    let perRow = T;
    for (let rows = 2; width / perRow < 96 && rows <= T; rows++) perRow = Math.ceil(T / rows);
    const thumbWidth = Math.floor(
      Math.min((width - (perRow - 1) * 6) / perRow - 6, (130 * wide) / high),
    );
    this.size = {
      stage: [stageWidth, stageHeight],
      matrix,
      thumb: [thumbWidth, Math.round((thumbWidth * high) / wide)],
      scale: 120,
    };
    root.style.setProperty("--av-columns", beside ? `${Math.round(column)}px 1fr` : "1fr");
    root.style.setProperty("--av-per-row", perRow);
    this.paintedSide = null;
    this.paint();
  }

  close() {
    this.play(false);
    this.closing.abort();
    this.watch.disconnect();
    clearTimeout(this.addressTimer);
    viewers.delete(this.root);
    if (this.state) remembered = toText(this.state);
    if (viewers.size === 0) writeAddress(null);
  }
}

/** Streamlit calls this when the viewer appears, and again after every rerun with what was sent anew. */
export default function mount({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector("[data-testid=attention-viewer]");
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  viewers.get(root).receive(data, (what) => setTriggerValue("need", what));
  return () =>
    setTimeout(() => {
      if (!root.isConnected) viewers.get(root)?.close();
    });
}

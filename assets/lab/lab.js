// The shuffle lab: the shuffled strip, the step-through of the order's recovery, and the paths compared. Everything drawn comes from
// core; what goes back to Python is a new order made by hand, or other forbidden edges.
// For tests: the root carries data-step (0 matrix, 1 graph, 1 + k edges of the path, T + 1 in order), data-order (the frame in each
// slot), data-path, data-playing, data-waiting, and has shown(), the data, and spot(from, to), where an edge is on the screen.

import { along, curve, edgeAt, layout } from "./geometry.js";
import { keep } from "./keep.js";
import {
  drawEdges,
  drawMatrix,
  edgesLayer,
  matrixLayer,
  paintScale,
  paintStage,
  stamp,
  written,
} from "./paint.js";
import { Strip } from "./strip.js";

const PAUSE = 500; // ms that keys may follow one another before Python is told
const STEP = 420; // ms of a single step by hand
const LECTURE = 1.8; // times slower
const SCALE = 150;
const labs = new Map(); // root -> Lab

class Lab {
  constructor(root) {
    this.root = root;
    this.part = Object.fromEntries(
      [...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
    );
    this.sent = 0;
    this.at = 0; // position of the step-through
    this.chosen = 0; // the path that is shown
    this.slow = false; // whether it plays as a lecture
    const { said, hint } = this.part;
    this.frames = new Strip(this.part.strip, {
      moved: (order, byKeys) => this.moved(order, byKeys),
      idle: () => this.late && this.receive(this.late, this.tell),
      say: (words) => {
        said.textContent = words;
      },
      hint: hint.textContent,
    });
    this.closing = new AbortController();
    this.listen();
    this.watch = new ResizeObserver(() => this.resized());
    root.shown = () => this.data;
    root.spot = (t, u) => this.spot(t, u);
  }

  /** Take what core found. What answers an older request than the last one is passed over. */
  async receive(data, tell) {
    this.tell = tell;
    this.late = null;
    if (data.answers < this.sent || this.moving) return;
    const pictures = data.pictures.map((source) => Object.assign(new Image(), { src: source }));
    await Promise.all(pictures.map((picture) => picture.decode()));
    if (this.frames.dragging) {
      this.late = data;
      return;
    }
    if (data.answers < this.sent || this.moving) return;
    const ended =
      !this.data ||
      this.at >= this.last ||
      data.permutation.length !== this.data.permutation.length;
    const first = !this.data;
    Object.assign(this, { data, pictures });
    this.weights = new Map(data.edges.map(([t, u, weight]) => [`${t}-${u}`, weight]));
    this.barred = new Set(data.forbidden.map(([t, u]) => `${t}-${u}`));
    if (!data.paths[this.chosen]?.path) this.chosen = 0;
    if (ended) {
      this.play(false);
      this.at = this.last;
    }
    this.root.dataset.order = String(data.permutation);
    this.root.dataset.waiting = "false";
    this.pointed = null;
    this.frames.show(data.permutation, data.pictures, data.word, first || this.frames.still());
    this.table();
    this.part.scrub.max = this.last;
    if (labs.get(this.root) === this) this.watch.observe(this.root);
    this.resized();
  }

  get T() {
    return this.data.permutation.length;
  }
  get last() {
    return this.data ? this.T + 1 : 0;
  }
  get shown() {
    return this.data.paths[this.chosen];
  }
  get step() {
    return Math.floor(this.at + 1e-6);
  }

  // --- what goes to Python ---------------------------------------------------------------------------------------

  ask(wanted) {
    this.sent = Math.max(Date.now(), this.sent + 1);
    this.moving = null;
    this.root.dataset.waiting = "true";
    this.tell({ ...wanted, n: this.sent });
  }

  moved(order, byKeys) {
    Object.assign(this.root.dataset, { order: String(order), waiting: "true" });
    clearTimeout(this.moving);
    this.moving = setTimeout(() => this.ask({ order: [...order] }), byKeys ? PAUSE : 0);
  }

  toggle(edge) {
    const name = edge.join("-");
    const kept = this.data.forbidden.filter((each) => each.join("-") !== name);
    this.ask({ forbidden: this.barred.has(name) ? kept : [...kept, edge] });
  }

  // --- the step-through ------------------------------------------------------------------------------------------

  /** Go to a position, gliding there unless `at once`. */
  go(to, atOnce = false) {
    if (!this.data) return;
    this.play(false);
    const target = Math.max(0, Math.min(this.last, to));
    const [from, began, span] = [
      this.at,
      performance.now(),
      STEP * Math.min(3, Math.abs(target - this.at)),
    ];
    if (atOnce || this.frames.still() || span === 0) {
      this.place(target);
      return;
    }
    this.goal = target;
    const glide = (now) => {
      const done = Math.min(1, Math.max(0, (now - began) / span));
      this.place(done === 1 ? target : from + (target - from) * done);
      this.frame = done < 1 ? requestAnimationFrame(glide) : 0;
      if (done === 1) this.goal = null;
    };
    this.frame = requestAnimationFrame(glide);
  }

  place(at) {
    if (at === this.at) return;
    this.at = at;
    if (at >= this.last) this.slow = false; // a lecture is over at the end
    this.paint();
  }

  /** How long the step after `step` takes, and the rest before it, ms. */
  pace(step) {
    const edge = step >= 1 && step < this.T;
    const [move, rest] = edge ? [Math.max(450, Math.min(1000, 9000 / this.T)), 120] : [1700, 350];
    return this.slow ? { move: move * LECTURE, rest: edge ? 500 : 2200 } : { move, rest };
  }

  /** Play or pause. A lecture that was paused goes on at its own pace. */
  play(on) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.goal = null; // where a glide was going
    if (on && this.at >= this.last) this.place(0);
    this.root.dataset.playing = String(on);
    this.part.play.textContent = on ? "❚❚ Pause" : "▶ Play";
    if (!on) return;
    let step = this.step;
    let spent = (this.at - step) * this.pace(step).move;
    let rest = this.at > step ? 0 : this.pace(step).rest;
    let before = performance.now();
    const tick = (now) => {
      const passed = Math.min(100, Math.max(0, now - before)); // a tab in the background does not leap
      before = now;
      const { move } = this.pace(step);
      if (rest > 0) rest -= passed;
      else spent += passed;
      if (spent >= move) {
        step += 1;
        spent = 0;
        rest = this.pace(step).rest;
      }
      this.place(step + (this.frames.still() ? 0 : spent / move));
      if (step >= this.last) this.play(false);
      else this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  // --- what it shows ---------------------------------------------------------------------------------------------

  get scene() {
    const { shown, data } = this;
    return {
      view: this.view,
      data,
      layers: this.layers,
      theme: this.theme,
      path: shown.path,
      places: shown.places,
      word: data.word,
      pointed: this.pointed,
      curveOf: (t, u) => this.curves.get(`${t}-${u}`).curve,
      weightOf: (t, u) => this.weights.get(`${t}-${u}`),
    };
  }

  /** The same for a file: nothing is pointed at, and everything is drawn anew, as fine as it can be. */
  get still() {
    const { view, data, pictures } = this;
    const theme = { ...this.theme, forFile: true };
    const forbidden = (t, u) => this.barred.has(`${t}-${u}`);
    const layers = {
      nodes: pictures,
      places: pictures,
      matrix: (context) => drawMatrix(context, view, data, pictures, theme, forbidden),
      edges: (context, shade) =>
        drawEdges(context, view, data, [...this.curves.values()], theme, forbidden, shade),
    };
    const back = getComputedStyle(this.root).getPropertyValue("--lab-back").trim();
    return {
      scene: { ...this.scene, theme, layers, pointed: null },
      at: this.at,
      part: this.part,
      lines: data.lines,
      back,
    };
  }

  paint() {
    if (!this.data || !this.view) return;
    const { shown, data } = this;
    paintStage(this.part.stage, this.scene, this.at);
    this.part.scrub.value = this.at;
    const now = `${this.step} ${this.chosen} ${this.at > this.T}`;
    if (now === this.said && this.words === data) return;
    [this.said, this.words] = [now, data];
    this.root.dataset.step = this.step;
    this.root.dataset.path = String(shown.path);
    this.part.count.textContent = `step ${this.step} of ${this.last}`;
    this.part.caption.textContent = this.caption();
    this.part.stage.setAttribute("aria-label", `Step-through. ${this.caption()}`);
  }

  caption() {
    const { step, data, shown, T } = this;
    if (step === 0) return data.words.matrix;
    if (step === 1)
      return `Each cell becomes an edge from slot to slot: a directed graph. ${data.words.goal}`;
    if (this.at > T) {
      const right = shown.places.filter(Boolean).length;
      return `The frames slide into the order of the path (${shown.name.toLowerCase()}, weight ${written(shown.weight)}): ${right} of ${T} in their true place.`;
    }
    const k = step - 1;
    const [t, u] = [shown.path[k - 1], shown.path[k]];
    return `Edge ${k} of ${T - 1}: slot ${t + 1} → slot ${u + 1}, weight ${written(this.weights.get(`${t}-${u}`))}. Running weight ${written(shown.running[k])}.`;
  }

  /** The paths compared; each can be shown. */
  table() {
    const { data, part } = this;
    const best = data.paths[0].weight;
    part.paths.replaceChildren(
      ...data.paths.map((path, i) => {
        const row = document.createElement("tr");
        row.innerHTML =
          "<th scope='row'></th><td></td><td class='lab-number'></td><td class='lab-number'></td><td class='lab-number'></td>";
        const [head, slots, weight, behind, accuracy] = row.children;
        const button = Object.assign(document.createElement("button"), {
          type: "button",
          className: "lab-button",
          textContent: path.name,
          disabled: !path.path,
        });
        button.setAttribute("aria-pressed", String(i === this.chosen));
        button.dataset.tip = data.words.paths[path.name];
        button.addEventListener("click", () => {
          this.chosen = i;
          this.table();
          this.part.paths.querySelectorAll("button")[i].focus();
          this.paint();
        });
        head.append(button);
        slots.textContent = path.path
          ? path.path.map((slot) => slot + 1).join(" → ")
          : "none: it ends where only forbidden edges lead on";
        if (!path.path) return row;
        weight.textContent = written(path.weight);
        behind.textContent = i ? written(best - path.weight) : "–";
        accuracy.textContent = data.identifiable ? `${path.accuracy.toFixed(1)} %` : "–";
        return row;
      }),
    );
  }

  resized() {
    const { data, root, part } = this;
    const width = root.clientWidth;
    if (!data || !width) return;
    const style = getComputedStyle(root);
    const mixed = (name) =>
      Object.assign(document.createElement("i"), { style: `color: var(${name})` });
    const probe = (name) => {
      const node = root.appendChild(mixed(name));
      const { color } = getComputedStyle(node);
      node.remove();
      return color;
    };
    this.theme = {
      text: style.color,
      font: style.fontFamily,
      soft: probe("--lab-soft"),
      line: probe("--lab-line"),
      fill: probe("--lab-fill"),
      accent: probe("--lab-accent"),
      badge: "#B8401F",
    };
    const { naturalWidth, naturalHeight } = this.pictures[0];
    let perRow = this.T;
    for (let rows = 2; width / perRow < 76 && rows <= this.T; rows++)
      perRow = Math.ceil(this.T / rows);
    root.style.setProperty("--lab-per-row", perRow);
    this.view = layout(width, window.innerHeight, this.T, naturalHeight / naturalWidth);
    this.curves = new Map(
      data.edges.map(([t, u, weight]) => [
        `${t}-${u}`,
        { edge: [t, u], weight, curve: curve(this.view, t, u) },
      ]),
    );
    const forbidden = (t, u) => this.barred.has(`${t}-${u}`);
    const { side, graph } = this.view;
    const matrix = matrixLayer(this.view, data, this.pictures, this.theme, forbidden);
    const edges = edgesLayer(this.view, data, [...this.curves.values()], this.theme, forbidden);
    this.layers = {
      matrix: (context) => context.drawImage(matrix, 0, 0, side + 2, side + 2),
      edges: (context, shade) => {
        context.globalAlpha = shade;
        context.drawImage(edges, graph.x, graph.y, graph.w, graph.h);
        context.globalAlpha = 1;
      },
      nodes: this.pictures.map((image) => stamp(image, this.view.node)),
      places: this.pictures.map((image) => stamp(image, this.view.place)),
    };
    paintScale(part.scale, data, SCALE, 16);
    part.low.textContent = written(data.middle - data.reach);
    part.high.textContent = written(data.middle + data.reach);
    part.middle.textContent = `${data.words.weight}; pale: ${data.middle === 0 ? "0" : `their mean, ${written(data.middle)}`}`;
    this.read();
    this.paint();
  }

  /** Say what is pointed at. */
  read() {
    const { pointed, part } = this;
    part.stage.style.cursor = pointed ? "pointer" : "default";
    if (!pointed) {
      part.readout.textContent = "Click an edge or a cell to forbid it";
      return;
    }
    const [t, u] = pointed;
    const act = this.barred.has(`${t}-${u}`) ? "forbidden · click to allow" : "click to forbid";
    part.readout.textContent = `slot ${t + 1} → slot ${u + 1}: ${written(this.weights.get(`${t}-${u}`))} · ${act}`;
  }

  // --- listening -------------------------------------------------------------------------------------------------

  /** Where the middle of an edge is on the screen, {x, y}. */
  spot(t, u) {
    const bounds = this.part.stage.getBoundingClientRect();
    const { curve: whole } = this.curves.get(`${t}-${u}`);
    const { x, y } = along(whole, whole.from + 0.25 * (whole.to - whole.from));
    return { x: bounds.left + x, y: bounds.top + y };
  }

  under(event) {
    const bounds = this.part.stage.getBoundingClientRect();
    const point = { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
    const { path } = this.shown;
    const onPath = ([t, u]) => path.indexOf(u) === path.indexOf(t) + 1;
    const curves = this.at >= 1 ? [...this.curves.values()] : [];
    return edgeAt(this.view, curves, point, event.pointerType === "touch" ? 16 : 8, onPath);
  }

  listen() {
    const { part } = this;
    const on = (node, name, act) =>
      node.addEventListener(name, (event) => this.data && act(event), {
        signal: this.closing.signal,
      });
    on(part.start, "click", () => this.go(0));
    on(part.back, "click", () => this.go(Math.ceil((this.goal ?? this.at) - 1e-6) - 1));
    on(part.forward, "click", () => this.go(Math.floor((this.goal ?? this.at) + 1e-6) + 1));
    on(part.end, "click", () => this.go(this.last));
    on(part.play, "click", () => this.play(this.root.dataset.playing !== "true"));
    on(part.lecture, "click", () => {
      part.transport.scrollIntoView({
        block: "start",
        behavior: this.frames.still() ? "auto" : "smooth",
      });
      this.play(false);
      this.place(0);
      this.slow = true;
      this.play(true);
    });
    on(part.keep, "click", (event) => {
      const kind = event.target.dataset.keep;
      if (kind) keep(kind, this.still, this.data.numbers);
    });
    on(part.scrub, "input", () => this.go(Number(part.scrub.value), true));
    on(part.stage, "pointermove", (event) => this.point(this.under(event)));
    on(part.stage, "pointerleave", () => this.point(null));
    on(part.stage, "click", (event) => {
      const edge = this.under(event);
      if (edge) this.toggle(edge);
    });
    on(part.stage, "keydown", (event) => {
      const keys = {
        ArrowLeft: part.back,
        ArrowRight: part.forward,
        Home: part.start,
        End: part.end,
        " ": part.play,
      };
      if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key].click();
    });
  }

  point(edge) {
    if (String(edge) === String(this.pointed)) return;
    this.pointed = edge;
    this.read();
    if (!this.frame) this.paint();
  }

  close() {
    this.play(false);
    clearTimeout(this.moving);
    this.closing.abort();
    this.watch.disconnect();
    labs.delete(this.root);
  }
}

/** Streamlit calls this when the lab appears, and again after every rerun with what was sent anew. */
export default function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector("[data-testid=shuffle-lab]");
  if (!labs.has(root)) labs.set(root, new Lab(root));
  labs.get(root).receive(data, (wanted) => setStateValue("wanted", wanted));
  return () =>
    setTimeout(() => {
      if (!root.isConnected) labs.get(root)?.close();
    });
}

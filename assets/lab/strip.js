// The shuffled frames, which can be put in another order: dragged by mouse, pen or finger, or moved by arrow keys.

const STARTS = 5; // pixels that a pointer moves before it drags
const SLIDE = { duration: 260, easing: "ease" };

export class Strip {
  /** `moved(order, by keys)` is told each new order made by hand, `say(text)` what a screen reader should hear, `idle()` that a drag changed nothing. */
  constructor(list, { moved, say, idle, hint }) {
    Object.assign(this, { list, moved, say, idle, hint });
    this.order = [];
    this.items = new Map(); // frame -> li
  }

  get dragging() {
    return Boolean(this.held);
  }

  /** Show frame order[t] with pictures[t] in slot t. */
  show(order, pictures, word, still) {
    this.word = word;
    if (order.length !== this.items.size) {
      this.items = new Map([...order.keys()].map((frame) => [frame, this.item(frame)]));
      this.list.replaceChildren();
    }
    order.forEach((frame, t) => {
      const image = this.items.get(frame).querySelector("img");
      if (image.src !== pictures[t]) image.src = pictures[t];
    });
    this.arrange(order, still);
  }

  item(frame) {
    const item = document.createElement("li");
    item.innerHTML =
      "<button type='button' class='lab-frame'><img alt='' draggable='false'><span></span><small></small></button>";
    const button = item.firstElementChild;
    button.setAttribute("aria-roledescription", "frame that can be moved");
    button.dataset.frame = frame;
    button.addEventListener("keydown", (event) => this.key(event, frame));
    button.addEventListener("pointerdown", (event) => this.hold(event, frame));
    button.addEventListener("pointermove", (event) => this.drag(event));
    button.addEventListener("pointerup", () => this.drop(true));
    button.addEventListener("pointercancel", () => this.drop(false));
    button.addEventListener("lostpointercapture", () => this.drop(false));
    return item;
  }

  /** Put the items into this order; they slide there unless `still`. */
  arrange(order, still) {
    const before = new Map(
      [...this.items].map(([frame, item]) => [frame, item.getBoundingClientRect()]),
    );
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    if (String(order) !== String(this.order) || !this.list.children.length)
      order.forEach((frame) => this.list.append(this.items.get(frame)));
    this.order = [...order];
    if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
    order.forEach((frame, t) => {
      const item = this.items.get(frame);
      const [label, small] = item.querySelectorAll("span, small");
      label.textContent = `slot ${t + 1}`;
      small.textContent = `${this.word} ${frame + 1}`;
      item.firstElementChild.setAttribute(
        "aria-label",
        `${this.word} ${frame + 1} in slot ${t + 1} of ${order.length}. ${this.hint}`,
      );
      const [was, is] = [before.get(frame), item.getBoundingClientRect()];
      const [dx, dy] = [was.left - is.left, was.top - is.top];
      if (!still && was.width && (Math.abs(dx) > 1 || Math.abs(dy) > 1)) {
        item.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], SLIDE);
      }
    });
  }

  /** The order with the frame in slot `from` moved to slot `to`. */
  with(from, to) {
    const order = [...this.order];
    order.splice(to, 0, ...order.splice(from, 1));
    return order;
  }

  move(from, to, byKeys) {
    const frame = this.order[from];
    this.arrange(this.with(from, to), !byKeys || this.still());
    this.say(
      `${this.word} ${frame + 1} is now in slot ${to + 1} of ${this.order.length}. Order: ${this.order.map((f) => f + 1).join(", ")}`,
    );
    this.moved(this.order, byKeys);
  }

  key(event, frame) {
    const last = this.order.length - 1;
    const from = this.order.indexOf(frame);
    if (event.key === "Escape") this.drop(false);
    const to = {
      ArrowLeft: from - 1,
      ArrowUp: from - 1,
      ArrowRight: from + 1,
      ArrowDown: from + 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to <= last && to !== from && !this.dragging) this.move(from, to, true);
  }

  still() {
    return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  hold(event, frame) {
    if (event.button !== 0 || this.held) return;
    const from = this.order.indexOf(frame);
    const boxes = this.order.map((each) => this.items.get(each).getBoundingClientRect());
    event.currentTarget.setPointerCapture(event.pointerId);
    this.held = {
      frame,
      from,
      to: from,
      boxes,
      x: event.clientX,
      y: event.clientY,
      scroll: this.list.getBoundingClientRect().top,
      started: false,
    };
  }

  drag(event) {
    const { held } = this;
    if (!held) return;
    const scrolled = this.list.getBoundingClientRect().top - held.scroll;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y - scrolled];
    if (!held.started && Math.hypot(dx, dy) < STARTS) return;
    held.started = true;
    this.list.toggleAttribute("data-dragging", true);
    const item = this.items.get(held.frame);
    item.toggleAttribute("data-held", true);
    item.style.transform = `translate(${dx}px, ${dy}px)`;
    const own = held.boxes[held.from];
    const [x, y] = [own.left + own.width / 2 + dx, own.top + own.height / 2 + dy];
    const away = held.boxes.map((box) =>
      Math.hypot(box.left + box.width / 2 - x, box.top + box.height / 2 - y),
    );
    held.to = away.indexOf(Math.min(...away));
    const shown = this.with(held.from, held.to);
    this.order.forEach((frame, t) => {
      if (frame === held.frame) return;
      const [was, is] = [held.boxes[t], held.boxes[shown.indexOf(frame)]];
      this.items.get(frame).style.transform =
        was === is ? "" : `translate(${is.left - was.left}px, ${is.top - was.top}px)`;
    });
  }

  /** Let go: the frame stays where it was dropped, or goes back. */
  drop(stay) {
    const { held } = this;
    if (!held) return;
    this.held = null;
    this.list.toggleAttribute("data-dragging", false);
    for (const item of this.items.values()) {
      item.style.transform = "";
      item.toggleAttribute("data-held", false);
    }
    if (stay && held.started && held.to !== held.from) this.move(held.from, held.to, false);
    else this.idle();
  }
}

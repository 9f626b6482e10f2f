// The shuffled frames, which can be put in another order: dragged by mouse, pen or finger, or moved
// by arrow keys.

const STARTS = 5; // pixels that a pointer moves before it drags
const SLIDE = { duration: 260, easing: "ease" };

/**
 * Who is told of what is done.
 * @typedef {object} StripEvents
 * @property {(order: number[], byKeys: boolean) => void} moved a new order was made by hand
 * @property {() => void} idle a drag changed nothing
 * @property {(text: string) => void} say what a screen reader should hear
 */

/**
 * A frame of the strip.
 * @typedef {object} Item
 * @property {HTMLLIElement} node
 * @property {HTMLButtonElement} button
 * @property {HTMLImageElement} image
 * @property {HTMLElement} slot
 * @property {HTMLElement} name
 */

/**
 * A drag in progress: of which frame, from and to which slot, and where it all was at its start.
 * @typedef {object} Held
 * @property {number} frame
 * @property {number} from
 * @property {number} to
 * @property {DOMRect[]} boxes
 * @property {number} x
 * @property {number} y
 * @property {number} scroll
 * @property {boolean} started
 */

export class Strip {
  /**
   * @param {HTMLElement} list
   * @param {string} hint how frames are moved
   * @param {StripEvents} events
   */
  constructor(list, hint, events) {
    this.list = list;
    this.hint = hint;
    this.events = events;
    this.word = "";
    this.revealed = false; // whether it says which frame is in a slot
    this.fixed = false; // whether all frames stay where they are
    /** @type {number[]} */
    this.order = [];
    /** @type {Map<number, Item>} */
    this.items = new Map();
    /** @type {Held | null} */
    this.held = null;
  }

  get dragging() {
    return this.held !== null;
  }

  /**
   * The items in this order.
   * @param {number[]} order
   */
  itemsOf(order) {
    return order.map((frame) => /** @type {Item} */ (this.items.get(frame)));
  }

  /**
   * Show frame order[t] with pictures[t] in slot t.
   * @param {number[]} order
   * @param {string[]} pictures
   * @param {string} word
   * @param {boolean} still
   */
  show(order, pictures, word, still) {
    this.word = word;
    if (order.length !== this.items.size) {
      this.items = new Map([...order.keys()].map((frame) => [frame, this.item(frame)]));
      this.list.replaceChildren();
    }
    this.itemsOf(order).forEach(({ image }, t) => {
      if (image.src !== pictures[t]) image.src = pictures[t];
    });
    this.arrange(order, still);
  }

  /**
   * Say which frame is in each slot, in the colour of its time, or hide it again.
   * @param {boolean} on
   */
  reveal(on) {
    this.revealed = on;
    this.list.toggleAttribute("data-revealed", on);
    this.name();
  }

  /** Write what is known of each slot. */
  name() {
    const last = Math.max(1, this.order.length - 1);
    this.itemsOf(this.order).forEach(({ button, slot, name }, t) => {
      const frame = this.order[t];
      const known = this.revealed ? `${this.word} ${frame + 1}` : `a ${this.word}`;
      slot.textContent = `slot ${t + 1}`;
      name.textContent = this.revealed ? known : "?";
      button.style.setProperty("--lab-time", `${(100 * frame) / last}%`);
      const place = `${known} in slot ${t + 1} of ${this.order.length}`;
      button.setAttribute("aria-label", this.fixed ? place : `${place}. ${this.hint}`);
      const what = this.fixed ? "frame" : "frame that can be moved";
      button.setAttribute("aria-roledescription", what);
    });
  }

  /**
   * @param {number} frame
   * @returns {Item}
   */
  item(frame) {
    const node = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    const [slot, name] = [document.createElement("span"), document.createElement("small")];
    button.type = "button";
    button.className = "lab-frame";
    image.alt = "";
    image.draggable = false;
    button.append(image, slot, name);
    node.append(button);
    button.dataset.frame = String(frame);
    button.addEventListener("keydown", (event) => this.key(event, frame));
    button.addEventListener("pointerdown", (event) => this.hold(event, button, frame));
    button.addEventListener("pointermove", (event) => this.drag(event));
    button.addEventListener("pointerup", () => this.drop(true));
    button.addEventListener("pointercancel", () => this.drop(false));
    button.addEventListener("lostpointercapture", () => this.drop(false));
    return { node, button, image, slot, name };
  }

  /**
   * Put the items into this order; they slide there unless `still`.
   * @param {number[]} order
   * @param {boolean} still
   */
  arrange(order, still) {
    const items = this.itemsOf(order);
    const before = items.map(({ node }) => node.getBoundingClientRect());
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = this.list.contains(active) ? active : null;
    if (String(order) !== String(this.order) || !this.list.children.length)
      this.list.append(...items.map(({ node }) => node));
    this.order = [...order];
    if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
    this.name();
    items.forEach(({ node }, t) => {
      const [was, is] = [before[t], node.getBoundingClientRect()];
      const [dx, dy] = [was.left - is.left, was.top - is.top];
      if (!still && was.width && (Math.abs(dx) > 1 || Math.abs(dy) > 1)) {
        node.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], SLIDE);
      }
    });
  }

  /**
   * The order with the frame in slot `from` moved to slot `to`.
   * @param {number} from
   * @param {number} to
   */
  with(from, to) {
    const order = [...this.order];
    order.splice(to, 0, ...order.splice(from, 1));
    return order;
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {boolean} byKeys
   */
  move(from, to, byKeys) {
    const frame = this.order[from];
    this.arrange(this.with(from, to), !byKeys || this.still());
    const order = this.order.map((each) => each + 1).join(", ");
    const place = `slot ${to + 1} of ${this.order.length}`;
    const moved = `The ${this.word} of slot ${from + 1} is now in ${place}`;
    const known = `${this.word} ${frame + 1} is now in ${place}. Order: ${order}`;
    this.events.say(this.revealed ? known : moved);
    this.events.moved(this.order, byKeys);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} frame
   */
  key(event, frame) {
    const last = this.order.length - 1;
    const from = this.order.indexOf(frame);
    if (event.key === "Escape") this.drop(false);
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: from - 1,
      ArrowUp: from - 1,
      ArrowRight: from + 1,
      ArrowDown: from + 1,
      Home: 0,
      End: last,
    };
    const to = targets[event.key];
    if (this.fixed || to === undefined) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to <= last && to !== from && !this.dragging) this.move(from, to, true);
  }

  still() {
    return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLButtonElement} button
   * @param {number} frame
   */
  hold(event, button, frame) {
    if (this.fixed || event.button !== 0 || this.held) return;
    const from = this.order.indexOf(frame);
    button.setPointerCapture(event.pointerId);
    this.held = {
      frame,
      from,
      to: from,
      boxes: this.itemsOf(this.order).map(({ node }) => node.getBoundingClientRect()),
      x: event.clientX,
      y: event.clientY,
      scroll: this.list.getBoundingClientRect().top,
      started: false,
    };
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { held } = this;
    if (!held) return;
    const scrolled = this.list.getBoundingClientRect().top - held.scroll;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y - scrolled];
    if (!held.started && Math.hypot(dx, dy) < STARTS) return;
    held.started = true;
    this.list.toggleAttribute("data-dragging", true);
    const [{ node }] = this.itemsOf([held.frame]);
    node.toggleAttribute("data-held", true);
    node.style.transform = `translate(${dx}px, ${dy}px)`;
    const own = held.boxes[held.from];
    const [x, y] = [own.left + own.width / 2 + dx, own.top + own.height / 2 + dy];
    const away = held.boxes.map((box) =>
      Math.hypot(box.left + box.width / 2 - x, box.top + box.height / 2 - y),
    );
    held.to = away.indexOf(Math.min(...away));
    const shown = this.with(held.from, held.to);
    this.itemsOf(this.order).forEach((item, t) => {
      const frame = this.order[t];
      if (frame === held.frame) return;
      const [was, is] = [held.boxes[t], held.boxes[shown.indexOf(frame)]];
      const aside = `translate(${is.left - was.left}px, ${is.top - was.top}px)`;
      item.node.style.transform = was === is ? "" : aside;
    });
  }

  /**
   * Let go: the frame stays where it was dropped, or goes back.
   * @param {boolean} stay
   */
  drop(stay) {
    const { held } = this;
    if (!held) return;
    this.held = null;
    this.list.toggleAttribute("data-dragging", false);
    for (const { node } of this.items.values()) {
      node.style.transform = "";
      node.toggleAttribute("data-held", false);
    }
    if (stay && held.started && held.to !== held.from) this.move(held.from, held.to, false);
    else this.events.idle();
  }
}

// What cannot be read on the page as it stands: clipped text, text over text, what is below the
// fold. Called with {fold, pictures}: selectors, with the share of each that must be above it, and
// the least width of a picture in pixels.
(wanted) => {
  const SLACK = 3;
  const findings = [];
  const main = document.querySelector("[data-testid=stMain]");
  const { clientWidth: wide, clientHeight: high } = document.documentElement;

  const isShown = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  // texts that nobody sees, or that lie over each other on purpose
  const skipped = ".katex, [aria-hidden=true], option, script, style, noscript, .hoverlayer";

  // what is left of a box inside all that cuts it, `lost` of it for good: it cannot be scrolled to
  const cut = (element, box) => {
    let { left, right, top, bottom } = box;
    const lost = { wide: 0, high: 0 };
    let scrolls = false;
    const within = (node, across, down) => {
      const room = node.getBoundingClientRect();
      if (across) [left, right] = [Math.max(left, room.left), Math.min(right, room.right)];
      if (down) [top, bottom] = [Math.max(top, room.top), Math.min(bottom, room.bottom)];
      if (scrolls) return;
      lost.wide = box.width - Math.max(0, right - left);
      lost.high = box.height - Math.max(0, bottom - top);
    };
    for (let node = element; node && node !== document.documentElement; ) {
      const { overflowX, overflowY, position } = getComputedStyle(node);
      const overflows = [overflowX, overflowY];
      if (overflows.some((each) => each === "auto" || each === "scroll")) {
        scrolls = true;
        within(node, true, true);
      } else if (!scrolls) {
        const isDrawing = node.tagName === "svg";
        within(node, isDrawing || overflowX !== "visible", isDrawing || overflowY !== "visible");
      }
      if (position === "fixed") break;
      node = node.parentElement;
    }
    return { left, right, top, bottom, scrolls, lost };
  };

  // the corners of a text that is turned, whose box is larger than it is
  const corners = (element, box) => {
    const turn = element.getScreenCTM?.();
    if (!turn || Math.abs(turn.b) < 0.01)
      return [
        [box.left, box.top],
        [box.right, box.top],
        [box.right, box.bottom],
        [box.left, box.bottom],
      ];
    const { x, y, width, height } = element.getBBox();
    const ends = [
      [x, y],
      [x + width, y],
      [x + width, y + height],
      [x, y + height],
    ];
    return ends.map((end) => {
      const point = new DOMPoint(...end).matrixTransform(turn);
      return [point.x, point.y];
    });
  };

  // whether two rectangles, turned or not, lie over each other: no side of either parts them
  const overlap = (one, other) =>
    [one, other].every((rectangle) =>
      [0, 1].every((i) => {
        const [[x, y], [u, v]] = [rectangle[i], rectangle[i + 1]];
        const length = Math.hypot(u - x, v - y) || 1;
        const along = (points) => points.map(([a, b]) => (a * (u - x) + b * (v - y)) / length);
        const [first, second] = [along(one), along(other)];
        const room = Math.min(Math.max(...first), Math.max(...second));
        return room - Math.max(Math.min(...first), Math.min(...second)) >= SLACK;
      }),
    );

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    const words = node.textContent.trim();
    if (!words || !element || element.closest(skipped) || !isShown(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const isDrawn = element.closest("svg") !== null;
    const boxes = isDrawn ? [element.getBoundingClientRect()] : [...range.getClientRects()];
    for (const box of boxes) {
      if (box.width < 2 || box.height < 2) continue;
      const seen = cut(element, box);
      const [width, height] = [seen.right - seen.left, seen.bottom - seen.top];
      // hidden whole: closed on purpose, scrolled away, or read by a screen reader alone
      if (width <= 1 || height <= 1 || box.right < 0 || box.bottom < 0) continue;
      const name = words.replace(/\s+/g, " ").slice(0, 60);
      const isCut = seen.lost.wide > SLACK || seen.lost.high > 0.4 * box.height;
      if (isCut) findings.push(`clipped: ${name}`);
      else if (!seen.scrolls && box.right > wide + 1) findings.push(`beyond the edge: ${name}`);
      texts.push({ element, name, ends: corners(element, box), ...seen });
    }
  }

  // what stands above the page, as a menu does, hides the text under it
  const bars =
    "[data-testid=stHeader], [data-testid=stSidebar], [data-baseweb=popover], [role=tooltip]";
  const isHidden = (one, other, x, y) => {
    if (x < 0 || y < 0 || x >= wide || y >= high) return false;
    const bar = document.elementFromPoint(x, y)?.closest(bars);
    return bar && bar.contains(one.element) !== bar.contains(other.element);
  };
  const isPart = (one, other) => one.contains(other) || other.contains(one);

  texts.sort((a, b) => a.top - b.top);
  texts.forEach((one, i) => {
    for (const other of texts.slice(i + 1)) {
      if (other.top >= one.bottom - SLACK) break;
      if (isPart(one.element, other.element)) continue;
      const [left, right] = [Math.max(one.left, other.left), Math.min(one.right, other.right)];
      const [top, bottom] = [Math.max(one.top, other.top), Math.min(one.bottom, other.bottom)];
      if (right - left < SLACK || bottom - top < SLACK) continue;
      if (!overlap(one.ends, other.ends)) continue;
      if (isHidden(one, other, (left + right) / 2, (top + bottom) / 2)) continue;
      findings.push(`text over text: ${one.name} | ${other.name}`);
    }
  });

  for (const [selector, share] of wanted.fold) {
    const element = document.querySelector(selector);
    if (!element) {
      findings.push(`missing: ${selector}`);
      continue;
    }
    const { top, height } = element.getBoundingClientRect();
    const bottom = top + share * height;
    if (bottom > high + 1)
      findings.push(`below the fold: ${selector} ends at ${Math.round(bottom)} of ${high}`);
  }

  // the slices of a tube are narrow on purpose
  const pictures = ['[class*="st-key-wide-"]:not([class*="-tube"]) image', "[data-part=stage]"];
  if (wide < 640) pictures.push("[data-testid^=strip-] img");
  for (const picture of document.querySelectorAll(pictures.join())) {
    const { width } = picture.getBoundingClientRect();
    if (width > 0 && width < wanted.pictures)
      findings.push(`small picture: ${Math.round(width)} px, at least ${wanted.pictures} wanted`);
  }

  if (main && main.scrollWidth > main.clientWidth + 1) findings.push("the page scrolls sideways");
  return [...new Set(findings)];
};

// Canvas only: frames under heat, the frame-to-frame map, scales. Sizes in CSS pixels; canvases are as fine as the screen.

/** Make a canvas `width` x `height` CSS pixels large and return its context, cleared. */
export function fresh(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The clip's frames, and copies of them at the sizes that are drawn, so that a hover scales nothing. */
export class Pictures {
  constructor(frames) {
    this.frames = frames;
    this.sized = new Map();
    this.ready = Promise.all(
      frames.map(({ array }) => createImageBitmap(new Blob([array], { type: "image/jpeg" }))),
    ).then((bitmaps) => {
      this.bitmaps = bitmaps;
    });
  }

  /** A frame as it was sent, as an address. */
  address(frame) {
    return `data:image/jpeg;base64,${btoa(Array.from(this.frames[frame].array, (byte) => String.fromCharCode(byte)).join(""))}`;
  }

  at(frame, width, height) {
    const key = `${frame} ${width} ${height} ${window.devicePixelRatio}`;
    if (!this.sized.has(key)) {
      if (this.sized.size > 4 * this.bitmaps.length) this.sized.clear(); // after a few resizes
      const canvas = document.createElement("canvas");
      const context = fresh(canvas, width, height);
      context.imageSmoothingQuality = "high";
      context.drawImage(this.bitmaps[frame], 0, 0, width, height);
      this.sized.set(key, canvas);
    }
    return this.sized.get(key);
  }
}

/** Where the grid lies on a frame that is drawn `width` x `height`: what the model saw may be the central square alone. */
export function gridBox(data, width, height) {
  const [top, left, boxHeight, boxWidth] = data.box;
  const [fullHeight, fullWidth] = data.pixels;
  return {
    x: (left / fullWidth) * width,
    y: (top / fullHeight) * height,
    w: (boxWidth / fullWidth) * width,
    h: (boxHeight / fullHeight) * height,
  };
}

const heatCanvas = document.createElement("canvas");
let hatching = null;

function hatch(context) {
  if (hatching === null) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 10;
    const lines = tile.getContext("2d");
    lines.fillStyle = "rgba(12, 14, 18, 0.62)";
    lines.fillRect(0, 0, 10, 10);
    lines.strokeStyle = "rgba(255, 255, 255, 0.16)";
    lines.lineWidth = 1.5;
    lines.beginPath();
    for (const shift of [-10, 0, 10]) {
      lines.moveTo(shift - 1, 11);
      lines.lineTo(shift + 11, -1);
    }
    lines.stroke();
    hatching = context.createPattern(tile, "repeat");
  }
  return hatching;
}

/** Colour one frame's weights: `look` is {lut, signed, top, cut, opacity}. Transparent where nothing is seen. */
function heatPicture(values, from, h, w, look) {
  heatCanvas.width = w;
  heatCanvas.height = h;
  const context = heatCanvas.getContext("2d");
  const image = context.createImageData(w, h);
  const top = look.top || 1;
  for (let i = 0; i < h * w; i++) {
    const value = values[from + i];
    if (Number.isNaN(value) || Math.abs(value) < look.cut) continue;
    const part = Math.max(-1, Math.min(1, value / top));
    const level = Math.round(255 * (look.signed ? 0.5 + 0.5 * part : Math.max(0, part)));
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = look.lut[3 * level + c];
    image.data[4 * i + 3] = 255 * look.opacity * (0.25 + 0.75 * Math.abs(part)); // what gets no attention stays as it is
  }
  context.putImageData(image, 0, 0);
  return heatCanvas;
}

/** One frame with the heat of its token time. */
export function paintFrame(canvas, width, height, scene) {
  const context = fresh(canvas, width, height);
  context.drawImage(scene.pictures.at(scene.frame, width, height), 0, 0, width, height);
  paintHeat(context, width, height, scene);
}

/** What lies on a frame, alone. `marks` are [{row, col, kind}], kind "query", "locked" or "pointer". */
export function paintHeat(context, width, height, { data, frame, values, look, smooth, marks }) {
  const box = gridBox(data, width, height);
  const [, h, w] = data.grid;
  const from = Math.floor(frame / data.unit) * h * w;
  if (box.w < width - 1 || box.h < height - 1) {
    context.fillStyle = "rgba(12, 14, 18, 0.7)";
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(box.x, box.y, box.w, box.h);
    context.fill("evenodd");
  }
  context.fillStyle = hatch(context);
  for (let row = 0; row < h; row++) {
    for (let col = 0; col < w; col++) {
      if (!Number.isNaN(values[from + row * w + col])) continue;
      const [x0, x1] = [col, col + 1].map((c) => Math.round(box.x + (c * box.w) / w)); // whole pixels leave no seams
      const [y0, y1] = [row, row + 1].map((r) => Math.round(box.y + (r * box.h) / h));
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(heatPicture(values, from, h, w, look), box.x, box.y, box.w, box.h);
  for (const mark of marks)
    outline(
      context,
      box.x + (mark.col * box.w) / w,
      box.y + (mark.row * box.h) / h,
      box.w / w,
      box.h / h,
      mark.kind,
    );
}

/** A frame round a patch that stands out on any picture: dark, then white; the locked one in the accent colour. */
function outline(context, x, y, w, h, kind) {
  const thick = kind === "pointer" ? 1.5 : Math.max(2, Math.min(4, w / 14));
  context.setLineDash(kind === "pointer" ? [5, 4] : []);
  context.lineWidth = thick + 2.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
  context.lineWidth = thick;
  context.strokeStyle = kind === "locked" ? "#FFB454" : "#FFFFFF";
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
  context.setLineDash([]);
}

/** The map from frame to frame with the frames along both edges. Returns where its cells are, for the pointer. */
export function paintMatrix(canvas, size, scene) {
  return drawMatrix(fresh(canvas, size, size), size, scene);
}

/** The same on a context. */
export function drawMatrix(context, size, { data, pictures, matrix, look, theme, token, pointed }) {
  const T = data.grid[0];
  const label = T > 12 ? 13 : 15;
  const margin = label + 6; // axis names
  const numbers = label + 4;
  const cell = (size - margin - numbers - 3) / (T + 1); // 3 for the edge of the marked row
  const start = margin + numbers + cell;
  context.fillStyle = theme.text;
  context.font = `${label}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const middle = start + (T * cell) / 2;
  context.fillText("looked at →", middle, margin / 2);
  context.save();
  context.translate(margin / 2, middle);
  context.rotate(-Math.PI / 2);
  context.fillText("← looking", 0, 0);
  context.restore();
  const span = look.high - look.low || 1;
  for (let t = 0; t < T; t++) {
    const at = start + t * cell;
    context.font = `${t === token ? "bold " : ""}${label}px ${theme.font}`;
    context.fillStyle = t === token ? theme.accent : theme.text;
    context.fillText(String(t + 1), at + cell / 2, margin + numbers / 2);
    context.fillText(String(t + 1), margin + numbers / 2, at + cell / 2);
    const edge = Math.max(8, Math.floor(cell) - 3);
    const thumb = square(pictures, data, t * data.unit, edge);
    context.drawImage(thumb, at + 1, start - cell + 1, edge, edge);
    context.drawImage(thumb, start - cell + 1, at + 1, edge, edge);
    for (let s = 0; s < T; s++) {
      const level = Math.round(
        255 * Math.max(0, Math.min(1, (matrix[t * T + s] - look.low) / span)),
      );
      context.fillStyle = `rgb(${look.lut[3 * level]}, ${look.lut[3 * level + 1]}, ${look.lut[3 * level + 2]})`;
      context.fillRect(start + s * cell + 0.5, at + 0.5, cell - 1, cell - 1);
    }
  }
  context.lineWidth = 2.5;
  context.strokeStyle = theme.accent;
  context.strokeRect(start - 1, start + token * cell - 0.5, T * cell + 2, cell + 1);
  if (pointed)
    outline(context, start + pointed[1] * cell, start + pointed[0] * cell, cell, cell, "query");
  return { start, cell };
}

/** What the model saw of a frame, as a square. */
function square(pictures, data, frame, edge) {
  const key = `square ${frame} ${edge} ${window.devicePixelRatio}`;
  if (!pictures.sized.has(key)) {
    const canvas = document.createElement("canvas");
    const context = fresh(canvas, edge, edge);
    const bitmap = pictures.bitmaps[frame];
    const { x, y, w, h } = gridBox(data, bitmap.width, bitmap.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, x, y, w, h, 0, 0, edge, edge);
    pictures.sized.set(key, canvas);
  }
  return pictures.sized.get(key);
}

/** A bar of the colours from least to greatest. */
export function paintScale(canvas, width, height, lut) {
  const context = fresh(canvas, width, height);
  for (let x = 0; x < width; x++) {
    const level = Math.round((255 * x) / Math.max(1, width - 1));
    context.fillStyle = `rgb(${lut[3 * level]}, ${lut[3 * level + 1]}, ${lut[3 * level + 2]})`;
    context.fillRect(x, 0, 1.5, height);
  }
}

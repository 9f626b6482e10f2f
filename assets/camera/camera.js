// A camera of this computer: opened or refused in a sentence, listed, and read picture by picture
// with the times at which they were taken.

/** A picture as the camera took it. @typedef {{blob: Blob, time: number}} Shot time in seconds */

/**
 * What a page knows of the callback of a video's frames: TypeScript's list has no captureTime.
 * @typedef {{captureTime?: number, mediaTime: number}} FrameTimes
 */

export const LONGEST_SIDE = 640; // pixels of a picture that is sent; no model sees as many
export const QUALITY = 0.85;

const TROUBLE = {
  insecure:
    "A browser lends its camera to https pages and to this computer's own: open the app as " +
    "http://localhost, or put it behind https.",
  unknown: "This browser cannot read a camera: use a current Chrome, Edge, Firefox or Safari.",
  NotAllowedError:
    "The camera was refused: allow it at the left end of the address bar, then press Try again.",
  NotFoundError: "No camera is connected: plug one in, then press Try again, or choose Upload.",
  NotReadableError: "Another program holds the camera: close that program, then press Try again.",
};

/**
 * Why there is no camera: one sentence that says what to do.
 * @param {unknown} error
 */
export function troubleOf(error) {
  const name = error instanceof DOMException ? error.name : String(error);
  if (Object.hasOwn(TROUBLE, name)) return TROUBLE[/** @type {keyof typeof TROUBLE} */ (name)];
  return `The camera cannot be opened (${name}): choose another one, or press Try again.`;
}

/**
 * Open a camera, the browser's own choice where none is named or the named one is gone.
 * @param {string} device
 * @returns {Promise<MediaStream>}
 * @throws what `troubleOf` explains
 */
export async function openCamera(device) {
  if (!window.isSecureContext) throw "insecure";
  if (!navigator.mediaDevices?.getUserMedia) throw "unknown";
  const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  const which = device ? { deviceId: { exact: device } } : {};
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
  } catch (error) {
    const isGone = error instanceof DOMException && error.name === "OverconstrainedError";
    if (!device || !isGone) throw error;
    return navigator.mediaDevices.getUserMedia({ video: size });
  }
}

/** @param {MediaStream | null} stream */
export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * Whether a camera looks away from the person, as the back one of a phone: then no mirror is meant.
 * @param {MediaStream} stream
 */
export function looksAway(stream) {
  return stream.getVideoTracks()[0]?.getSettings().facingMode === "environment";
}

/**
 * Fill a chooser with the cameras there are; it is hidden where there is nothing to choose.
 * @param {HTMLSelectElement} chooser
 * @param {MediaStream} stream the one that is open
 */
export async function listCameras(chooser, stream) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  const open = stream.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  chooser.replaceChildren(
    ...cameras.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId)),
  );
  chooser.value = open;
  const box = chooser.closest("label");
  if (box) box.hidden = cameras.length < 2;
}

/**
 * Call `see` with the time, in seconds, of each picture that the video shows, until the signal.
 * It is the time at which the camera took it, where the browser says so, else that of the stream.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal
 * @param {(time: number) => void} see
 */
export function eachPicture(video, signal, see) {
  let last = -Infinity;
  /** @param {number} time */
  const once = (time) => {
    if (time > last) see((last = time));
  };
  if (!("requestVideoFrameCallback" in video)) {
    const look = () => {
      if (signal.aborted) return;
      once(/** @type {HTMLVideoElement} */ (video).currentTime);
      requestAnimationFrame(look);
    };
    look();
    return;
  }
  /** @type {(now: number, times: FrameTimes) => void} */
  const look = (_, { captureTime, mediaTime }) => {
    if (signal.aborted) return;
    once(captureTime === undefined ? mediaTime : captureTime / 1000);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

/** A camera's pictures as JPEG files, all of one size. */
export class Shutter {
  /**
   * @param {HTMLVideoElement} video
   * @param {number} [longest] pixels of the longer side
   */
  constructor(video, longest = LONGEST_SIDE) {
    this.video = video;
    const { videoWidth, videoHeight } = video;
    const scale = Math.min(1, longest / Math.max(videoWidth, videoHeight));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(8, Math.round(videoWidth * scale));
    this.canvas.height = Math.max(8, Math.round(videoHeight * scale));
  }

  /**
   * The picture that the video shows now.
   * @param {number} time
   * @param {boolean} [isMirror] left and right are exchanged
   * @returns {Promise<Shot>}
   */
  shoot(time, isMirror = false) {
    const { canvas, video } = this;
    const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ink.setTransform(isMirror ? -1 : 1, 0, 0, 1, isMirror ? canvas.width : 0, 0);
    ink.drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve, reject) =>
      canvas.toBlob(
        (blob) => (blob ? resolve({ blob, time }) : reject(new Error("no picture"))),
        "image/jpeg",
        QUALITY,
      ),
    );
  }
}

/**
 * Shots as they are sent: one text of base 64, and where each picture ends in it.
 * @typedef {{pictures: string, bytes: number[], seconds: number[], mirrored: boolean}} Sent
 */

/**
 * Pack shots for the server. Where they are more than `most` bytes every second one is left out,
 * as often as needed: the times stay true.
 * @param {Shot[]} shots in any order
 * @param {boolean} mirrored
 * @param {number} most
 * @returns {Promise<Sent>}
 */
export async function packShots(shots, mirrored, most) {
  const kept = thinned(
    shots.toSorted((a, b) => a.time - b.time),
    most,
  );
  return {
    pictures: await base64Of(new Blob(kept.map(({ blob }) => blob))),
    bytes: kept.map(({ blob }) => blob.size),
    seconds: kept.map(({ time }) => time),
    mirrored,
  };
}

/**
 * @template {{blob: {size: number}}} Item
 * @param {Item[]} items
 * @param {number} most bytes of all
 * @returns {Item[]}
 */
export function thinned(items, most) {
  const bytes = items.reduce((sum, { blob }) => sum + blob.size, 0);
  if (bytes <= most || items.length < 3) return items;
  return thinned(
    items.filter((_, i) => i % 2 === 0),
    most,
  );
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
export function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

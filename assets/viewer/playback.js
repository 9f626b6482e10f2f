// Plays frames at the clip's own speed, over and over.

/**
 * Call `show` with each frame when its time has come, until the signal aborts.
 * @param {number[]} times seconds of the frames
 * @param {number} from the frame to begin with
 * @param {(frame: number) => void} show
 * @param {AbortSignal} signal
 */
export function playFrames(times, from, show, signal) {
  const first = times[0];
  const last = times[times.length - 1];
  const pause = times.length > 1 ? (last - first) / (times.length - 1) : 0.5;
  const span = last - first + pause;
  const began = performance.now() / 1000 - (times[from] - first);
  const tick = () => {
    if (signal.aborted) return;
    const now = first + ((performance.now() / 1000 - began) % span);
    const frame = times.findLastIndex((time) => time <= now + 1e-6);
    requestAnimationFrame(tick);
    show(Math.max(0, frame));
  };
  requestAnimationFrame(tick);
}

"""The embedded world: rendered air gestures, each with its ground truth.

A pointing hand draws one of ten strokes over a varied background, seen from the drawer's eyes. The
class is in the order of the frames, so shuffling matters, and heat maps can be scored against the
true hand mask. Everything follows from (label, seed): the same pair gives the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from core.errors import BadInput
from core.video import Clip, digest
from core.world import scenery

# The strokes as they run, x to the right and y down, each within -1..1.
_POINTS: dict[str, list[tuple[float, float]]] = {
    "left": [(1, 0), (-1, 0)],
    "right": [(-1, 0), (1, 0)],
    "up": [(0, 1), (0, -1)],
    "down": [(0, -1), (0, 1)],
    "circle": [],  # drawn by _circle
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)],
    "star": [(-0.85, 1), (0, -1), (0.75, 0.9), (-1, -0.5), (1, -0.45), (-0.7, 1)],
    "tick": [(-1, -0.8), (-0.35, 1), (1, -0.95)],
    "delete": [(-1, -1), (1, 1), (-1, 1), (1, -1)],
    "carret": [(-1, 1), (0, -1), (1, 1)],
}
LABELS: tuple[str, ...] = tuple(_POINTS)
DIRECTED: tuple[str, ...] = ("circle", "square", "star", "tick", "delete", "carret")
"""Labels whose direction in time can be known from the frames alone; the others come in reversal
pairs.
"""

_FINE = 128  # samples along a stroke before timing is applied


@dataclass(frozen=True)
class Odds:
    """How often, 0..1, a rendered clip is hard to see. A training run may ask for more; what is
    measured has the usual ones.

    Raises: BadInput for what is no share.
    """

    same_colour: float = 0.2  # wood, cloth or a wall of much the same colour as the hand
    dim: float = 0.2  # a dim room
    backlit: float = 0.15  # against the light: nearly a silhouette
    moving: float = 0.15  # a camera that moves by a tenth of the frame or so
    recoloured: float = 0.0  # a camera that finds another white balance while the hand moves

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not 0 <= share <= 1:
                raise BadInput(
                    f"odds of {share} for {name} are no share of the clips; give a number from 0 "
                    "to 1"
                )


USUAL = Odds()


@dataclass(frozen=True)
class Gesture:
    """One rendered clip with its ground truth; T frames of H x W pixels."""

    label: str
    seed: int
    frames: np.ndarray  # (T, H, W, 3) uint8 RGB
    mask: np.ndarray  # (T, H, W) bool: hand, arm and sleeve
    fingertip: np.ndarray  # (T, 2) float32: x, y in pixels; may lie outside the frame
    camera: np.ndarray  # (T, 2, 3) float32: affine from background to frame pixels
    times: np.ndarray  # (T,) float32 seconds


def _along(points: np.ndarray, samples: int, rests: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(samples, 2) points evenly spaced along a polyline, and how far each is from the nearest of
    the points numbered `rests`, 0..1.
    """
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    at = np.linspace(0, length[-1], samples)
    path = np.stack([np.interp(at, length, points[:, i]) for i in (0, 1)], 1)
    return path, np.abs(at[:, None] - length[rests]).min(1, initial=length[-1]) / length[-1]


def _circle(rng: np.random.Generator) -> np.ndarray:
    """Counter-clockwise on the screen from somewhere in the upper right, often past its
    beginning.
    """
    start = np.deg2rad(90 - np.clip(rng.normal(62, 30), -25, 140))
    sweep = np.deg2rad(np.clip(rng.normal(370, 28), 300, 450))
    angle = start + np.linspace(0, sweep, 40)
    return np.stack([np.cos(angle), -np.sin(angle)], 1)


def _wave(rng: np.random.Generator, samples: int, terms: int = 3) -> np.ndarray:
    """A smooth random function, (samples,), about unit variance."""
    t = np.linspace(0, 1, samples)
    k = np.arange(1, terms + 1)[:, None]
    weights = rng.standard_normal((2, terms, 1)) / k
    return (weights[0] * np.sin(np.pi * k * t) + weights[1] * np.cos(np.pi * k * t)).sum(0)


def _stroke(label: str, rng: np.random.Generator) -> np.ndarray:
    """The fingertip over time, (_FINE, 2), in a frame of width 1 and height 1.

    Where strokes begin, how large they are and where the hand rests follow the fingertips that a
    network found in the real clips over even backgrounds, the half on which choices are made; the
    spread here is wider than theirs.
    """
    if label == "circle":
        points, corners = _circle(rng) + rng.normal(0, 0.04, (40, 2)).cumsum(0) * 0.3, []
    else:
        points = np.array(_POINTS[label], float)
        points, corners = points + rng.normal(0, 0.1, points.shape), [*range(1, len(points) - 1)]
    ends = [end for end in (0, -1) if rng.random() < 0.85]  # where the hand comes to rest
    path, still = _along(points, _FINE, corners + ends)
    if len(points) > 2 and rng.random() < 0.7:  # a hand rounds its corners
        width = int(rng.uniform(0.05, 0.4) * _FINE / (len(corners) + 1)) | 1
        padded = np.pad(path, ((width // 2,) * 2, (0, 0)), mode="edge")
        path = np.stack(
            [np.convolve(padded[:, i], np.ones(width) / width, "valid") for i in (0, 1)], 1
        )
    wobble = rng.uniform(0, 0.05)
    path = path + wobble * np.stack([_wave(rng, _FINE, 5), _wave(rng, _FINE, 5)], 1)
    tilt = np.deg2rad(rng.normal(0, 8))
    if label in ("left", "right") and rng.random() < 0.3:
        tilt *= 2  # an arm that swings about its elbow draws an arc
    path = path @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    if label in ("left", "right", "up", "down") and rng.random() < 0.5:
        axis = 0 if label in ("left", "right") else 1
        path[:, 1 - axis] += rng.normal(0, 0.18) * (path[:, axis] ** 2 - 0.5)
    half = rng.uniform((0.14, 0.13), (0.36, 0.35))
    centre = np.array([rng.normal(0.51, 0.07), rng.normal(0.42, 0.08)])
    path = centre + path * half
    low, high = path.min(0), path.max(0)
    path = path + np.clip(0.04 - low, 0, None) - np.clip(high - np.array([0.97, 0.93]), 0, None)

    slowest = rng.uniform(0.12, 0.5)
    speed = np.exp(rng.uniform(0.05, 0.5) * _wave(rng, _FINE)) * np.clip(
        slowest + still * rng.uniform(3, 20), 0, 1
    )
    clock = np.r_[0, np.cumsum(1 / speed)[:-1]]
    clock /= clock[-1]
    idle = rng.uniform(0, 0.12, 2) * (rng.random(2) < 0.7)
    if rng.random() < 0.08:
        idle[rng.integers(2)] += rng.uniform(0.1, 0.35)
    cut = rng.uniform(0, 0.05, 2) * (
        rng.random(2) < 0.4
    )  # the recording starts late or stops early
    when = np.clip((np.linspace(0, 1, _FINE) - idle[0]) / (1 - idle.sum()), 0, 1)
    when = cut[0] + when * (1 - cut.sum())
    return np.stack([np.interp(when, clock, path[:, i]) for i in (0, 1)], 1)


def _rgb(rgba: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)


def _alpha(rgba: np.ndarray) -> np.ndarray:
    return cv2.extractChannel(rgba, 3)


def _tinted(
    shading: np.ndarray, colour: np.ndarray, flat: float, cloth: np.ndarray | None = None
) -> np.ndarray:
    """Shading times colour, with cloth over it, as premultiplied uint8 RGBA; `flat` 0..1 is how
    much the light comes from all sides.
    """
    shades = np.arange(256)[:, None] * (1 - flat) + 105 * flat
    lut = np.clip(shades / 160 * colour[None], 0, 255).astype(np.uint8)
    rgb = cv2.LUT(_rgb(shading), lut[:, None, :])
    if cloth is not None:
        dressed = cv2.multiply(_rgb(cloth), _rgb(shading), scale=1 / 128)
        dressed = cv2.convertScaleAbs(dressed, alpha=float(np.clip(colour.mean() / 130, 0.25, 1.2)))
        cv2.copyTo(dressed, _alpha(cloth), rgb)
    alpha = _alpha(shading)
    return cv2.merge(
        [cv2.multiply(channel, alpha, scale=1 / 255) for channel in cv2.split(rgb)] + [alpha]
    )


def _dyed(scene: np.ndarray, colour: np.ndarray, share: float) -> np.ndarray:
    """The uint8 RGB scene with its colours drawn to one colour, its light and dark kept; share
    0..1.
    """
    grey = cv2.merge([cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)] * 3)
    shades = np.clip(np.arange(256)[:, None] / 128 * colour, 0, 255).astype(np.uint8)
    dyed = cv2.LUT(grey, shades[:, None, :])
    return cv2.addWeighted(dyed, share, scene, 1 - share, 0)


def _sprite_matrices(
    angle: np.ndarray, unit: np.ndarray, origin: tuple[float, float], at: np.ndarray, mirror: float
) -> np.ndarray:
    """For each frame the affine (2, 3) that turns a sprite about `origin` and puts that point at
    `at` (pixels).

    `angle` is (T,), `unit` and `at` are (T, 2); the result is (T, 2, 3).
    """
    c, s = np.cos(angle), np.sin(angle)
    linear = (
        np.stack([c * mirror, -s, s * mirror, c], 1).reshape(-1, 2, 2)
        * (unit / scenery.UNIT)[:, :, None]
    )
    return np.concatenate([linear, (at - linear @ np.array(origin))[:, :, None]], 2).astype(
        np.float32
    )


def _over(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA `front` over a `back` of three or four channels."""
    channels = back.shape[2]
    keep = cv2.merge([cv2.bitwise_not(_alpha(front))] * channels)
    behind = cv2.multiply(back, keep, scale=1 / 255)
    return cv2.add(behind, front if channels == 4 else _rgb(front))


def _recoloured(rng: np.random.Generator, frames: int) -> np.ndarray:
    """White balance (frames, 3) that goes from one to quite another, as automatic ones do when a
    hand fills the picture.
    """
    passed = 1 / (
        1 + np.exp((rng.uniform(0.1, 0.9) - np.linspace(0, 1, frames)) * rng.uniform(5, 40))
    )
    return np.exp(rng.normal(0, 0.3, 3) * (passed[:, None] - rng.random()))


def _exposure(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain (frames,) and white balance (frames, 3): steady, drifting, or a camera that has to
    settle.
    """
    t = np.linspace(0, 1, frames)
    gain = np.ones(frames)
    tint = np.ones((frames, 3))
    kind = rng.random()
    if kind < 0.2:
        gain = np.exp(rng.uniform(-0.5, 0.5) * (t - rng.random()))
    elif kind < 0.32:
        gain += rng.uniform(0.4, 2.5) / (
            1 + np.exp((t - rng.uniform(0.05, 0.5)) * rng.uniform(10, 40))
        )
    if rng.random() < 0.12:
        tint += rng.normal(0, 0.12, 3) / (1 + np.exp((t - rng.random())[:, None] * 20))
    return gain, tint


def render(
    label: str,
    seed: int,
    *,
    frames: int = 16,
    size: tuple[int, int] = (240, 320),
    seconds: float = 3.0,
    odds: Odds = USUAL,
) -> Gesture:
    """Render one gesture.

    Args:
        label: one of LABELS.
        seed: any non-negative integer; (label, seed, frames, size, odds) decides every byte.
        frames: T >= 1, spread evenly over the stroke (midpoints of T equal segments).
        size: (height, width) in pixels. The world is 4:3; another ratio stretches it.
        seconds: duration that the frames span; changes `times` only.
        odds: how often clips are hard to see.

    Raises:
        BadInput: an unknown label, or sizes that are not positive.
    """
    if label not in _POINTS:
        raise BadInput(f"label {label!r} is not a stroke; choose one of {', '.join(LABELS)}")
    if frames < 1 or min(size) < 8 or max(size) > scenery.GRAIN or seed < 0:
        raise BadInput(
            f"cannot render {frames} frames of {size[1]}x{size[0]} px with seed {seed}; "
            f"frames and seed must be positive and each side 8 to {scenery.GRAIN} px"
        )
    rng = np.random.default_rng([seed, LABELS.index(label)])
    h, w = size
    stroke = _stroke(label, rng)
    progress = (np.arange(frames) + 0.5) / frames * (_FINE - 1)
    tip = np.stack([np.interp(progress, np.arange(_FINE), stroke[:, i]) for i in (0, 1)], 1)
    ahead = np.stack([np.interp(progress + 1, np.arange(_FINE), stroke[:, i]) for i in (0, 1)], 1)
    shutter = rng.uniform(0, 2.5) * (rng.random() < 0.7)
    smear = (ahead - tip) * (w, h) * shutter  # pixels that the tip moves while the shutter is open

    # Camera: a crop of the scene that drifts and shakes.
    zoom = rng.uniform(0.62, 0.92)
    steady = 1 - odds.moving
    amount = rng.choice(
        [0.006, 0.02, 0.06], p=[steady * 0.55 / 0.85, steady * 0.3 / 0.85, odds.moving]
    )
    drift = np.stack(
        [np.interp(progress, np.arange(_FINE), amount * _wave(rng, _FINE)) for _ in range(2)], 1
    )
    drift = drift + rng.normal(0, amount * 0.08, drift.shape)
    turn = np.interp(progress, np.arange(_FINE), amount * 0.5 * _wave(rng, _FINE)) + rng.normal(
        0, 0.04
    )
    flip = 1.0 if rng.random() < 0.5 else -1.0
    focus = rng.uniform(zoom / 2, 1 - zoom / 2, 2) * scenery.SCENE[::-1]
    stretch = np.array([[w / (scenery.SCENE[1] * zoom)], [h / (scenery.SCENE[0] * zoom)]])
    c, s = np.cos(turn), np.sin(turn)
    linear = np.stack([flip * c, -s, flip * s, c], 1).reshape(-1, 2, 2) * stretch
    centre = np.array([w / 2, h / 2]) + drift * (w, h)
    camera = np.concatenate([linear, (centre - linear @ focus)[:, :, None]], 2).astype(np.float32)

    # Light and colour.
    colour = scenery.skin(rng) * np.exp(rng.normal(-0.05, 0.3)) * rng.normal(1, 0.05, 3)
    scene = scenery.background(int(rng.integers(scenery.BACKGROUNDS)))
    if rng.random() < odds.same_colour:
        scene = _dyed(scene, colour * rng.normal(1, 0.1, 3), rng.uniform(0.4, 0.95))
    grade = np.arange(256, dtype=np.float32)[:, None] / 255
    balance = rng.normal(1, 0.08, 3) * np.exp(rng.normal(-0.15, 0.35))
    lut = np.clip(grade ** np.exp(rng.normal(0, 0.25)) * balance * 255, 0, 255).astype(np.uint8)
    scene = cv2.LUT(scene, lut[:, None, :])
    if rng.random() < odds.backlit:
        colour = colour * rng.uniform(0.2, 0.55)
    gain, tint = _exposure(rng, frames)
    own = np.random.default_rng(
        [seed, LABELS.index(label), 1]
    )  # draws of its own: without it every byte stays as it was
    if own.random() < odds.recoloured:
        tint = tint * _recoloured(own, frames)
    if rng.random() < odds.dim:
        gain = gain * rng.uniform(0.2, 0.7)
    shade, cloth = scenery.arm(int(rng.integers(scenery.ARMS)))
    flat = rng.uniform(0, 0.8) * (rng.random() < 0.6)
    arm = _tinted(shade, colour, flat, cloth)
    hand = _tinted(scenery.hand(int(rng.integers(scenery.HANDS))), colour, flat)

    # Pose: the finger stays nearly upright while the forearm swings about an elbow below the frame.
    mirror = -1.0 if rng.random() < 0.06 else 1.0
    length = rng.uniform(0.105, 0.185)
    unit = (length * w, length * h * 4 / 3 * rng.normal(1, 0.05))
    lean = rng.normal(-0.05, 0.14)
    sway = rng.uniform(0, 0.5)
    elbow = np.array([rng.uniform(0.75, 1.25), rng.uniform(1.25, 1.8)])
    if mirror < 0:
        elbow[0] = 1 - elbow[0]
    breath = 1 + np.interp(progress, np.arange(_FINE), 0.04 * _wave(rng, _FINE))
    aspect = np.array([4 / 3, 1.0])

    shadow = rng.uniform(0.1, 0.55) if rng.random() < 0.35 else 0.0
    offset = np.float32([[1, 0, rng.normal(-0.12, 0.08) * w], [0, 1, rng.normal(0.05, 0.06) * h]])
    soft = int(max(h, w) * rng.uniform(0.02, 0.1)) | 1
    blur = rng.uniform(0.3, 0.9) if rng.random() < 0.5 else 0.0
    sensor = rng.uniform(0, 9) / 64 if rng.random() < 0.6 else 0.0
    tile = scenery.grain()

    out = np.empty((frames, h, w, 3), np.uint8)
    mask = np.empty((frames, h, w), bool)
    pixels = tip * (w, h)
    towards = (elbow - tip) * aspect
    forearm = np.arctan2(towards[:, 0], towards[:, 1])  # 0 = straight down
    tilt = lean * mirror - sway * (forearm - mirror * 0.35)
    size_now = np.array(unit) * breath[:, None]
    hand_matrices = _sprite_matrices(tilt, size_now, scenery.HAND_ORIGIN, pixels, mirror)
    wrist = hand_matrices @ np.array(
        [
            scenery.HAND_ORIGIN[0] + scenery.WRIST[0] * scenery.UNIT,
            scenery.HAND_ORIGIN[1] + scenery.WRIST[1] * scenery.UNIT,
            1.0,
        ]
    )
    reach = (elbow - wrist / (w, h)) * aspect
    arm_matrices = _sprite_matrices(
        -np.arctan2(reach[:, 0], np.maximum(reach[:, 1], 0.05)),
        size_now,
        scenery.ARM_ORIGIN,
        wrist,
        mirror,
    )
    reach_px = np.hypot(*smear.T)
    for t in range(frames):
        layer = cv2.warpAffine(arm, arm_matrices[t], (w, h), flags=cv2.INTER_LINEAR)
        layer = _over(cv2.warpAffine(hand, hand_matrices[t], (w, h), flags=cv2.INTER_LINEAR), layer)
        if reach_px[t] > 1.5:
            n = int(min(reach_px[t], 0.25 * w)) | 1
            kernel = np.zeros((n, n), np.float32)
            step = smear[t] / reach_px[t] * (n // 2)
            cv2.line(
                kernel,
                tuple(np.round(n // 2 - step).astype(int).tolist()),
                tuple(np.round(n // 2 + step).astype(int).tolist()),
                1.0,
            )
            layer = cv2.filter2D(layer, -1, kernel / kernel.sum())
        frame = cv2.warpAffine(
            scene, camera[t], (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        if shadow:
            dark = cv2.blur(cv2.warpAffine(_alpha(layer), offset, (w, h)), (soft, soft))
            dark = cv2.convertScaleAbs(dark, alpha=-shadow, beta=0)
            frame = cv2.multiply(frame, cv2.merge([255 - dark] * 3), scale=1 / 255)
        frame = _over(layer, frame)
        if blur:
            frame = cv2.GaussianBlur(frame, (3, 3), blur)
        if gain[t] != 1 or tint[t, 0] != 1:
            level = np.clip(grade * 255 * gain[t] * tint[t], 0, 255).astype(np.uint8)
            frame = cv2.LUT(frame, level[:, None, :])
        if sensor:
            y, x = (
                rng.integers(0, scenery.GRAIN - h, endpoint=True),
                rng.integers(0, scenery.GRAIN - w, endpoint=True),
            )
            frame = cv2.add(
                frame, cv2.multiply(tile[y : y + h, x : x + w], (sensor,) * 3), dtype=cv2.CV_8U
            )
        out[t] = frame
        mask[t] = _alpha(layer) > 127
    times = ((np.arange(frames) + 0.5) * seconds / frames).astype(np.float32)
    return Gesture(label, seed, out, mask, pixels.astype(np.float32), camera, times)


def rendered_clip(gesture: Gesture) -> Clip:
    """A rendered gesture as a clip."""
    name = f"render:{gesture.label}:{gesture.seed}"
    return Clip(
        gesture.frames, gesture.times.astype(np.float64), name, digest(name, gesture.frames.shape)
    )

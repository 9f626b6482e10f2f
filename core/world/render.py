"""A stroke becomes pictures: what the camera, the light, the pose and the sensor make of it.

Each of these is drawn once for a clip, in a fixed order, from one generator; then the frames follow
one by one. A camera that recolours draws from a generator of its own, so that every other byte
stays as it is without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np

from core.errors import BadInput
from core.world import backgrounds, layers, paint, sprites
from core.world.sensor import Sensor, Shadow
from core.world.stroke import SAMPLES, STROKES, at_moments, stroke, wave

View = Literal["own", "front"]
VIEWS: tuple[View, ...] = ("own", "front")
_FRONT = 11  # keeps the draws of the two views apart
Size = tuple[int, int]
"""(height, width) in pixels."""
SIZE: Size = (240, 320)


@dataclass(frozen=True)
class Odds:
    """How often, 0..1, a rendered clip is hard to see.

    A training run may ask for more; what is measured has the usual ones.

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
    view: View = "own"  # from where it is seen


def render(
    label: str,
    seed: int,
    *,
    frames: int = 16,
    size: Size = SIZE,
    seconds: float = 3.0,
    odds: Odds = USUAL,
    only: Sequence[int] | None = None,
    view: View = "own",
) -> Gesture:
    """Render one gesture.

    Args:
        label: one of STROKES.
        seed: any non-negative integer; (label, seed, frames, size, odds) decides every byte.
        frames: T >= 1, spread evenly over the stroke (midpoints of T equal segments).
        size: (height, width) in pixels. The world is 4:3; another ratio stretches it.
        seconds: duration that the frames span; changes `times` only.
        odds: how often clips are hard to see.
        only: of the T frames the numbers of those that are wanted, which are the same bytes as
            among all; None for all.
        view: from the drawer's own eyes, or from the front, as a webcam sees the drawer.

    Raises:
        BadInput: an unknown label, or sizes that are not positive.
    """
    if label not in STROKES:
        raise BadInput(f"label {label!r} is not a stroke; choose one of {', '.join(STROKES)}")
    if frames < 1 or min(size) < 8 or max(size) > paint.GRAIN or seed < 0:
        raise BadInput(
            f"cannot render {frames} frames of {size[1]}x{size[0]} px with seed {seed}; "
            f"frames and seed must be positive and each side 8 to {paint.GRAIN} px"
        )
    if view not in VIEWS:
        raise BadInput(f"view {view!r} is not known; choose one of {', '.join(VIEWS)}")
    key = [seed, STROKES.index(label)] + [_FRONT] * (view == "front")
    rng, recolouring = np.random.default_rng(key), np.random.default_rng([*key, 1])
    path = stroke(label, rng)
    shown = np.arange(frames) if only is None else np.array(only, int)
    film = _by_view(view, label)(
        path, rng, recolouring, frames=frames, size=size, odds=odds, only=shown
    )
    camera, times = film.camera.matrices[shown], times_of(frames, seconds)[shown]
    return Gesture(label, seed, film.frames, film.mask, film.fingertip[shown], camera, times, view)


def _by_view(view: View, label: str) -> Callable[..., Film]:
    """What films that stroke from there."""
    if view == "own":
        return filmed
    from core.world.front import filmed_from_front  # it is made of what stands here

    return partial(filmed_from_front, label=label)


def times_of(frames: int, seconds: float = 3.0) -> np.ndarray:
    """When each of so many frames is shown, (frames,) float32 seconds."""
    return ((np.arange(frames) + 0.5) * seconds / frames).astype(np.float32)


@dataclass(frozen=True)
class Film:
    """What a camera makes of a hand whose fingertip runs along a path, n of T frames of H x W."""

    frames: np.ndarray  # (n, H, W, 3) uint8 RGB
    mask: np.ndarray  # (n, H, W) bool: hand, arm and sleeve
    fingertip: np.ndarray  # (T, 2) float32: x, y in pixels
    camera: Camera


def filmed(
    path: np.ndarray,
    rng: np.random.Generator,
    recolouring: np.random.Generator,
    *,
    frames: int,
    size: Size,
    odds: Odds,
    only: np.ndarray,
) -> Film:
    """Film a hand whose fingertip is at `path` (SAMPLES, 2) of 0..1, `frames` times of it.

    Of these the pictures `only` (n,) are made.
    """
    h, w = size
    moments = moments_of(frames)
    camera = Camera.draw(rng, moments, size, odds)
    light = Light.draw(rng, recolouring, frames, odds)
    pose = Pose.draw(rng, path, moments, size, camera.shutter)
    shadow = Shadow.draw(rng, size)
    sensor = Sensor.draw(rng)
    grains = [sensor.place(size, rng) for _ in range(frames)]
    pictures = np.empty((len(only), h, w, 3), np.uint8)
    mask = np.empty((len(only), h, w), bool)
    for i, t in enumerate(only):
        pictures[i], mask[i] = frame(t, size, camera, light, pose, shadow, sensor, grains[t])
    fingertip = (at_moments(path, moments) * (w, h)).astype(np.float32)
    return Film(pictures, mask, fingertip, camera)


def moments_of(frames: int) -> np.ndarray:
    """The samples of a stroke at which frames are taken: the middles of equal parts, (frames,)."""
    return (np.arange(frames) + 0.5) / frames * (SAMPLES - 1)


def frame(
    t: int,
    size: Size,
    camera: Camera,
    light: Light,
    pose: Pose,
    shadow: Shadow,
    sensor: Sensor,
    grain: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Frame t, uint8 RGB (h, w, 3), and where hand, arm and sleeve are, bool (h, w)."""
    figure = pose.figure(t, light.hand, light.arm, size)
    picture = camera.view(t, light.scene, size)
    picture = shadow.cast(figure, picture)
    picture = layers.over(figure, picture)
    picture = sensor.focus(picture)
    picture = light.expose(t, picture)
    picture = sensor.read(picture, grain)
    return picture, layers.alpha(figure) > 127


@dataclass(frozen=True)
class Camera:
    """A crop of the background that drifts and shakes, seen through a shutter."""

    matrices: np.ndarray  # (T, 2, 3) float32: affine from background to frame pixels
    shutter: float  # how long it stays open, in samples of the stroke

    @classmethod
    def draw(cls, rng: np.random.Generator, moments: np.ndarray, size: Size, odds: Odds) -> Camera:
        """At moments (T,) of the stroke."""
        h, w = size
        shutter = rng.uniform(0, 2.5) * (rng.random() < 0.7)
        zoom = rng.uniform(0.62, 0.92)
        steady = 1 - odds.moving
        shares = [steady * 0.55 / 0.85, steady * 0.3 / 0.85, odds.moving]
        amount = rng.choice([0.006, 0.02, 0.06], p=shares)
        drift = np.stack([at_moments(amount * wave(rng), moments) for _ in range(2)], 1)
        drift = drift + rng.normal(0, amount * 0.08, drift.shape)
        turn = at_moments(amount * 0.5 * wave(rng), moments) + rng.normal(0, 0.04)
        flip = 1.0 if rng.random() < 0.5 else -1.0
        focus = rng.uniform(zoom / 2, 1 - zoom / 2, 2) * backgrounds.SCENE[::-1]
        rows, columns = backgrounds.SCENE
        stretch = np.array([[w / (columns * zoom)], [h / (rows * zoom)]])
        c, s = np.cos(turn), np.sin(turn)
        linear = np.stack([flip * c, -s, flip * s, c], 1).reshape(-1, 2, 2) * stretch
        centre = np.array([w / 2, h / 2]) + drift * (w, h)
        return cls(_affine(linear, focus, centre), shutter)

    def view(self, t: int, scene: np.ndarray, size: Size) -> np.ndarray:
        """The part of the scene that frame t shows, uint8 RGB (h, w, 3)."""
        return cv2.warpAffine(
            scene,
            self.matrices[t],
            size[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )


@dataclass(frozen=True)
class Light:
    """Which room and which hand, how they are lit, and how the camera exposes them."""

    scene: np.ndarray  # uint8 RGB of size backgrounds.SCENE
    hand: np.ndarray  # uint8 RGBA sprite, premultiplied
    arm: np.ndarray  # the same
    gain: np.ndarray  # (T,)
    tint: np.ndarray  # (T, 3): white balance

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        recolouring: np.random.Generator,
        frames: int,
        odds: Odds,
    ) -> Light:
        """For T = `frames`; `recolouring` is the generator of changing white balances alone."""
        colour = paint.skin(rng) * np.exp(rng.normal(-0.05, 0.3)) * rng.normal(1, 0.05, 3)
        scene = backgrounds.background(int(rng.integers(backgrounds.BACKGROUNDS)))
        if rng.random() < odds.same_colour:
            scene = layers.dyed(scene, colour * rng.normal(1, 0.1, 3), rng.uniform(0.4, 0.95))
        scene = _graded(scene, rng)
        if rng.random() < odds.backlit:
            colour = colour * rng.uniform(0.2, 0.55)
        gain, tint = _exposure(rng, frames)
        if recolouring.random() < odds.recoloured:
            tint = tint * changing_balance(recolouring, frames)
        if rng.random() < odds.dim:
            gain = gain * rng.uniform(0.2, 0.7)
        shading, cloth = sprites.arm(int(rng.integers(sprites.ARMS)))
        flat = rng.uniform(0, 0.8) * (rng.random() < 0.6)
        arm = layers.tinted(shading, colour, flat, cloth)
        hand = layers.tinted(sprites.hand(int(rng.integers(sprites.HANDS))), colour, flat)
        return cls(scene, hand, arm, gain, tint)

    def expose(self, t: int, picture: np.ndarray) -> np.ndarray:
        """The uint8 RGB picture with the gain and the white balance of frame t."""
        if self.gain[t] == 1 and self.tint[t, 0] == 1:
            return picture
        level = _GREY * 255 * self.gain[t] * self.tint[t]
        return cv2.LUT(picture, np.clip(level, 0, 255).astype(np.uint8)[:, None, :])


@dataclass(frozen=True)
class Pose:
    """Where hand and forearm are in each frame, and how far the hand moves in an exposure.

    The finger stays nearly upright while the forearm swings about an elbow below the frame.
    """

    hand: np.ndarray  # (T, 2, 3) float32: affine from sprite to frame pixels
    arm: np.ndarray  # the same
    smear: np.ndarray  # (T, 2): x, y in pixels

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        path: np.ndarray,
        moments: np.ndarray,
        size: Size,
        shutter: float,
    ) -> Pose:
        """For the fingertip's path (SAMPLES, 2) of 0..1 at moments (T,)."""
        h, w = size
        tip = at_moments(path, moments)
        smear = (at_moments(path, moments + 1) - tip) * (w, h) * shutter
        mirror = -1.0 if rng.random() < 0.06 else 1.0
        length = rng.uniform(0.105, 0.185)
        finger = np.array((length * w, length * h * 4 / 3 * rng.normal(1, 0.05)))
        lean = rng.normal(-0.05, 0.14)
        sway = rng.uniform(0, 0.5)
        elbow = np.array([rng.uniform(0.75, 1.25), rng.uniform(1.25, 1.8)])
        if mirror < 0:
            elbow[0] = 1 - elbow[0]
        breath = 1 + at_moments(0.04 * wave(rng), moments)
        scale = finger * breath[:, None] / sprites.UNIT
        return cls.reaching(tip, smear, scale, elbow, mirror, lean, sway, size)

    @classmethod
    def reaching(
        cls,
        tip: np.ndarray,
        smear: np.ndarray,
        scale: np.ndarray,
        elbow: np.ndarray,
        mirror: float,
        lean: float,
        sway: float,
        size: Size,
    ) -> Pose:
        """A hand whose fingertip is at `tip` (T, 2) and an arm from `elbow` (2,), both of 0..1.

        `scale` (T, 2) is that of the sprites, `mirror` -1 for a left hand; the hand leans by `lean`
        radians and turns against the forearm by the share `sway` of its turn.
        """
        h, w = size
        aspect = np.array([4 / 3, 1.0])
        towards = (elbow - tip) * aspect
        forearm = np.arctan2(towards[:, 0], towards[:, 1])  # 0 = straight down
        tilt = lean * mirror - sway * (forearm - mirror * 0.35)
        hand = _turned(tilt, scale, mirror, sprites.HAND_ORIGIN, tip * (w, h))
        wrist = hand @ np.array([*_WRIST, 1.0])
        reach = (elbow - wrist / (w, h)) * aspect
        angle = -np.arctan2(reach[:, 0], np.maximum(reach[:, 1], 0.05))
        arm = _turned(angle, scale, mirror, sprites.ARM_ORIGIN, wrist)
        return cls(hand, arm, smear)

    def figure(self, t: int, hand: np.ndarray, arm: np.ndarray, size: Size) -> np.ndarray:
        """Hand and arm in frame t, premultiplied uint8 RGBA (h, w, 4), blurred by their motion."""
        arm = cv2.warpAffine(arm, self.arm[t], size[::-1], flags=cv2.INTER_LINEAR)
        hand = cv2.warpAffine(hand, self.hand[t], size[::-1], flags=cv2.INTER_LINEAR)
        figure = layers.over(hand, arm)
        distance = np.hypot(*self.smear[t])
        if distance <= 1.5:
            return figure
        n = int(min(distance, 0.25 * size[1])) | 1
        kernel = np.zeros((n, n), np.float32)
        step = self.smear[t] / distance * (n // 2)
        start = np.round(n // 2 - step).astype(int).tolist()
        end = np.round(n // 2 + step).astype(int).tolist()
        cv2.line(kernel, start, end, 1.0)
        return cv2.filter2D(figure, -1, kernel / kernel.sum())


_GREY = np.arange(256, dtype=np.float32)[:, None] / 255
"""Every level of a channel, (256, 1), 0..1."""
_WRIST = (
    sprites.HAND_ORIGIN[0] + sprites.WRIST[0] * sprites.UNIT,
    sprites.HAND_ORIGIN[1] + sprites.WRIST[1] * sprites.UNIT,
)
"""(x, y) of the wrist in the hand sprite, in pixels."""


def _graded(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The uint8 RGB scene under light of another colour, brightness and contrast."""
    balance = rng.normal(1, 0.08, 3) * np.exp(rng.normal(-0.15, 0.35))
    levels = _GREY ** np.exp(rng.normal(0, 0.25)) * balance * 255
    return cv2.LUT(scene, np.clip(levels, 0, 255).astype(np.uint8)[:, None, :])


def _exposure(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain (frames,) and white balance (frames, 3).

    Steady, drifting, or those of a camera that has to settle.
    """
    t = np.linspace(0, 1, frames)
    gain = np.ones(frames)
    tint = np.ones((frames, 3))
    kind = rng.random()
    if kind < 0.2:
        gain = np.exp(rng.uniform(-0.5, 0.5) * (t - rng.random()))
    elif kind < 0.32:
        excess = rng.uniform(0.4, 2.5)
        gain += excess / (1 + np.exp((t - rng.uniform(0.05, 0.5)) * rng.uniform(10, 40)))
    if rng.random() < 0.12:
        tint += rng.normal(0, 0.12, 3) / (1 + np.exp((t - rng.random())[:, None] * 20))
    return gain, tint


def changing_balance(rng: np.random.Generator, frames: int) -> np.ndarray:
    """White balance (frames, 3) that goes from one to quite another.

    Automatic ones do so when a hand fills the picture.
    """
    t = np.linspace(0, 1, frames)
    passed = 1 / (1 + np.exp((rng.uniform(0.1, 0.9) - t) * rng.uniform(5, 40)))
    return np.exp(rng.normal(0, 0.3, 3) * (passed[:, None] - rng.random()))


def _affine(linear: np.ndarray, origin: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The maps (T, 2, 3) float32 of linear part (T, 2, 2) that bring `origin` to `place` (T, 2)."""
    shift = (place - linear @ origin)[:, :, None]
    return np.concatenate([linear, shift], 2).astype(np.float32)


def _turned(
    angle: np.ndarray,
    scale: np.ndarray,
    mirror: float,
    origin: tuple[float, float],
    place: np.ndarray,
) -> np.ndarray:
    """For each frame the affine (2, 3) that turns a sprite about `origin` and brings it to `place`.

    `angle` is (T,), `scale` and `place` (pixels) are (T, 2); the result is (T, 2, 3). `mirror` is
    -1 for a left hand, else 1.
    """
    c, s = np.cos(angle), np.sin(angle)
    turn = np.stack([c * mirror, -s, s * mirror, c], 1).reshape(-1, 2, 2)
    return _affine(turn * scale[:, :, None], np.array(origin), place)

"""Clip and heat to pictures: coloured overlays and H.264 files.

Frames are uint8 RGB (T, H, W, 3).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from jaxtyping import Float, Real, UInt8

from core.errors import BadInput
from core.runs import write_atomically

Scale = Literal["clip", "frame"]
Box = tuple[int, int, int, int]
"""top, left, height, width in pixels."""
COLOUR_MAPS = {
    "inferno": cv2.COLORMAP_INFERNO,
    "viridis": cv2.COLORMAP_VIRIDIS,
    "magma": cv2.COLORMAP_MAGMA,
    "turbo": cv2.COLORMAP_TURBO,
}
# Blue for negative, light grey at 0, red for positive: readable with red-green colour blindness.
_DIVERGING = np.array(
    [[33, 102, 172], [103, 169, 207], [247, 247, 247], [239, 138, 98], [178, 24, 43]], np.float32
)


@cache
def diverging_lut() -> UInt8[np.ndarray, "256 3"]:
    """256 RGB colours, uint8 (256, 3), neutral in the middle."""
    place = np.linspace(0, 4, 256)
    channels = [np.interp(place, range(5), _DIVERGING[:, c]) for c in range(3)]
    return np.stack(channels, 1).round().astype(np.uint8)


@cache
def one_sided_lut() -> UInt8[np.ndarray, "256 3"]:
    """256 RGB colours, uint8 (256, 3), for what has one sign: neutral first, then ever redder.

    They are the upper half of the diverging colours, so that a weight looks alike in both.
    """
    place = np.linspace(2, 4, 256)
    channels = [np.interp(place, range(5), _DIVERGING[:, c]) for c in range(3)]
    return np.stack(channels, 1).round().astype(np.uint8)


def normalised(
    heat: Real[np.ndarray, "T h w"], signed: bool, scale: Scale = "clip", top: float | None = None
) -> Float[np.ndarray, "T h w"]:
    """Heat (T, h, w) to 0..1 for colouring: 0..max, or symmetric about 0 (at 0.5) for signed heat.

    NaN becomes 0, or 0.5 if signed. `top` takes the place of the maximum, for a scale that several
    clips share.
    """
    axes = None if scale == "clip" else (1, 2)
    heat = np.nan_to_num(heat.astype(np.float32), nan=0.0)
    if signed:
        most = np.abs(heat).max(axis=axes, keepdims=True) if top is None else top
        return 0.5 + 0.5 * np.clip(heat / np.maximum(most, 1e-12), -1, 1)
    most = heat.max(axis=axes, keepdims=True) if top is None else top
    return np.clip(heat / np.maximum(most, 1e-12), 0, 1)


@cache
def one_sided(colour_map: str) -> UInt8[np.ndarray, "256 3"]:
    """256 RGB colours, uint8 (256, 3), of one of COLOUR_MAPS. Raises: BadInput for another."""
    if colour_map not in COLOUR_MAPS:
        raise BadInput(
            f"colour map {colour_map!r} is not known; choose one of {', '.join(COLOUR_MAPS)}"
        )
    ramp = np.arange(256, dtype=np.uint8)
    return cv2.applyColorMap(ramp, COLOUR_MAPS[colour_map]).reshape(256, 3)[:, ::-1].copy()


def coloured(
    level: Float[np.ndarray, "*shape"], signed: bool, colour_map: str = "inferno"
) -> UInt8[np.ndarray, "*shape 3"]:
    """Levels 0..1 of any shape to uint8 RGB of that shape + (3,)."""
    index = np.clip(np.round(level * 255), 0, 255).astype(np.uint8)
    return (diverging_lut() if signed else one_sided(colour_map)).take(index, axis=0)


def prominence(heat: Real[np.ndarray, "*shape"]) -> float:
    """How far heat >= 0 stands out, 0.35..1: its range over its maximum, 1 from 0.3 on.

    Even heat would else hide the picture.
    """
    low, high = np.nanmin(heat, initial=np.inf), np.nanmax(heat, initial=0.0)
    if high <= 0:
        return 1.0
    return float(np.clip((high - low) / (0.3 * high), 0.35, 1))


def overlay(
    frames: UInt8[np.ndarray, "T H W 3"],
    heat: Real[np.ndarray, "steps h w"],
    *,
    opacity: float = 0.55,
    signed: bool = False,
    scale: Scale = "clip",
    colour_map: str = "inferno",
    smooth: bool = True,
    box: Box | None = None,
    top: float | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """Lay heat (T', h, w) over frames (T, H, W, 3); T must be a multiple of T', and steps repeat.

    `box` is the part of the frame that the model saw; heat covers only that. `smooth` interpolates
    between patches, False shows them as they are. `top` is the end of a shared scale. Patches that
    are NaN, which cannot be seen, are not painted. Nearly even heat, which points at no place, is
    thinned out.

    Raises: BadInput if T is no multiple of T', or the colour map is not known.
    """
    T, H, W, _ = frames.shape
    if T % len(heat):
        raise BadInput(f"{len(heat)} heat maps do not fit {T} frames")
    levels = normalised(heat, signed, scale, top).astype(np.float32)
    levels = np.repeat(levels, T // len(heat), 0)
    unseen = np.repeat(np.isnan(heat), T // len(heat), 0)
    opacity *= 1 if signed else prominence(heat)
    first_row, first_column, height, width = box or (0, 0, H, W)
    rows = slice(first_row, first_row + height)
    columns = slice(first_column, first_column + width)
    interpolation = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    painted = frames.copy()
    for t in range(T):
        level = cv2.resize(levels[t], (width, height), interpolation=interpolation)
        colour = coloured(level, signed, colour_map)
        # what gets no attention stays as it is
        strength = np.abs(level - 0.5) * 2 if signed else level
        alpha = np.float32(opacity) * (0.25 + 0.75 * np.clip(strength, 0, 1))
        if unseen[t].any():
            patches = unseen[t].astype(np.uint8)
            hidden = cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST)
            alpha[hidden > 0] = 0
        below = np.ascontiguousarray(painted[t, rows, columns])
        painted[t, rows, columns] = cv2.blendLinear(colour, below, alpha, 1 - alpha)
    return painted


def enlarged(frames: UInt8[np.ndarray, "T H W 3"], least: int) -> UInt8[np.ndarray, "T _H _W 3"]:
    """Frames scaled up so that the shorter side has at least `least` pixels."""
    factor = least / min(frames.shape[1:3])
    if factor <= 1:
        return frames
    size = (round(frames.shape[2] * factor), round(frames.shape[1] * factor))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames])


def fitted(
    frames: UInt8[np.ndarray, "T H W 3"], least: int, most: int
) -> UInt8[np.ndarray, "T _H _W 3"]:
    """`enlarged`, but wider frames than `most` pixels are scaled down to that width."""
    if frames.shape[2] <= most:
        return enlarged(frames, least)
    size = (most, max(1, round(frames.shape[1] * most / frames.shape[2])))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def outlined(frames: UInt8[np.ndarray, "T H W 3"], box: Box) -> UInt8[np.ndarray, "T H W 3"]:
    """Frames with what lies outside `box` darkened and its edge drawn."""
    top, left, height, width = box
    rows, columns = slice(top, top + height), slice(left, left + width)
    dark = np.stack([(frame * 0.35).astype(np.uint8) for frame in frames])
    dark[:, rows, columns] = frames[:, rows, columns]
    corner = (left + width - 1, top + height - 1)
    for frame in dark:
        thick = max(1, frame.shape[0] // 120)
        cv2.rectangle(frame, (left, top), corner, (255, 200, 60), thick)
    return dark


def frame_rate(times: Float[np.ndarray, " T"]) -> float:
    """Frames a second at which sampled frames play in true time."""
    span = float(times[-1] - times[0]) if len(times) > 1 else 0.0
    return (len(times) - 1) / span if span > 0 else 8.0


def write_mp4(path: Path, frames: UInt8[np.ndarray, "T H W 3"], fps: float) -> None:
    """Write H.264 that browsers play (yuv420p; an odd last row or column is repeated).

    Raises: BadInput where the disk is full; then no file is left.
    """
    odd_row, odd_column = frames.shape[1] % 2, frames.shape[2] % 2
    frames = np.pad(frames, ((0, 0), (0, odd_row), (0, odd_column), (0, 0)), mode="edge")
    write_atomically(Path(path), lambda temporary: _encode(temporary, frames, fps))


def _encode(path: Path, frames: UInt8[np.ndarray, "T H W 3"], fps: float) -> None:
    rate = Fraction(max(fps, 0.05)).limit_denominator(1000)
    file = str(path.absolute())
    with av.open(file, "w", format="mp4", options={"movflags": "faststart"}) as container:
        options = {"crf": "20", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for frame in frames:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())

"""The lab's step-through as a video: the browser draws the frames, here they become a file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from core.draw import export
from core.errors import BadInput

MOST_FRAMES = 600
"""Frames of a film; 24 slots take some 200."""
MAKERS = {"mp4": export.mp4, "gif": export.gif}


def film(wanted: dict[str, Any], lines: Sequence[str]) -> dict[str, str | int]:
    """The file of a film that a browser asks for: its name and its content in base 64.

    `wanted` has the `kind`, one of MAKERS, the `frames` as JPEG data addresses, the `rate` in
    frames a second, and the number `n` of the request, which the answer repeats.

    Raises: BadInput for a kind that there is not, for no or too many frames, and for frames that
        are no pictures of one size.
    """
    kind, pictures = wanted.get("kind"), wanted.get("frames")
    if kind not in MAKERS or not isinstance(pictures, list):
        raise BadInput(f"{kind!r} is no film; choose one of {', '.join(MAKERS)}")
    if not 1 <= len(pictures) <= MOST_FRAMES:
        raise BadInput(f"a film has 1 to {MOST_FRAMES} frames, not {len(pictures)}")
    frames = [_decoded(str(address)) for address in pictures]
    if len({frame.shape for frame in frames}) != 1:
        raise BadInput("the frames of a film need one size; leave the window as it is meanwhile")
    rate = min(max(float(wanted.get("rate", 8)), 1.0), 60.0)
    content = MAKERS[kind](np.stack(frames), np.arange(len(frames)) / rate, lines)
    return {
        "name": f"shuffle-lab.{kind}",
        "type": "video/mp4" if kind == "mp4" else "image/gif",
        "content": base64.b64encode(content).decode(),
        "n": int(wanted.get("n", 0)),
    }


def _decoded(address: str) -> np.ndarray:
    """A picture's data address as uint8 RGB (H, W, 3). Raises: BadInput if it is no picture."""
    try:
        data = np.frombuffer(base64.b64decode(address.partition(",")[2], validate=True), np.uint8)
    except binascii.Error:
        data = np.empty(0, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise BadInput("a frame of the film is no picture; try once more")
    return image[..., ::-1]

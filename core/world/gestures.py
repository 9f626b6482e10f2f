"""The embedded world: rendered air gestures, each with its ground truth.

A pointing hand draws one of ten strokes over a varied background, seen from the drawer's eyes. The
class is in the order of the frames, so shuffling matters, and heat maps can be scored against the
true hand mask. Everything follows from (label, seed): the same pair gives the same bytes.
"""

from __future__ import annotations

import numpy as np

from core.video import Clip, digest
from core.world.render import USUAL, Gesture, Odds, render
from core.world.stroke import DIRECTED, LABELS

__all__ = ["DIRECTED", "LABELS", "USUAL", "Gesture", "Odds", "render", "rendered_clip"]


def rendered_clip(gesture: Gesture) -> Clip:
    """A rendered gesture as a clip."""
    name = f"render:{gesture.label}:{gesture.seed}"
    identity = digest(name, gesture.frames.shape)
    return Clip(gesture.frames, gesture.times.astype(np.float64), name, identity)

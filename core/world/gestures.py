"""The embedded world: rendered air gestures, each with its ground truth.

A pointing hand draws a stroke over a varied background, seen from the drawer's eyes. The
class is in the order of the frames, so shuffling matters, and heat maps can be scored against the
true hand mask. Everything follows from (label, seed): the same pair gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.video import Clip, choose_of, digest
from core.world.render import SIZE, USUAL, VIEWS, Gesture, Odds, View, render, times_of
from core.world.stroke import DIRECTED, LABELS, STROKES, UNSEEN

__all__ = [
    "DIRECTED",
    "LABELS",
    "STROKES",
    "UNSEEN",
    "USUAL",
    "VIEWS",
    "Gesture",
    "Odds",
    "Uncut",
    "View",
    "render",
    "rendered_clip",
]
RENDERED_FRAMES = 48
"""Frames of a rendered gesture as the app shows it, which lasts three seconds."""


def _name(label: str, seed: int, view: View) -> str:
    """What a clip of it is called: the view is named where it is not the drawer's own."""
    return f"render:{label}:{seed}" + (f":{view}" if view != "own" else "")


def rendered_clip(gesture: Gesture) -> Clip:
    """A rendered gesture as a clip."""
    name = _name(gesture.label, gesture.seed, gesture.view)
    identity = digest(name, gesture.frames.shape)
    return Clip(gesture.frames, gesture.times.astype(np.float64), name, identity)


@dataclass(frozen=True)
class Uncut:
    """A rendered gesture of which no frame is drawn before it is asked for.

    What is taken of it equals, byte by byte, what is taken of the whole.
    """

    label: str
    seed: int
    frames: int
    """T, spread over three seconds."""
    view: View = "own"
    """From where it is seen."""

    @property
    def name(self) -> str:
        """As a clip of it is called."""
        return _name(self.label, self.seed, self.view)

    @property
    def times(self) -> np.ndarray:
        """When each frame is shown, (T,) float64 seconds."""
        return times_of(self.frames).astype(np.float64)

    def indices(self, **how: Any) -> np.ndarray:
        """Which of its frames are used, ascending; `how` is as `core.video.subclip` takes it.

        Raises: TooFewFrames; BadInput for settings that make no sense.
        """
        return choose_of(
            self.name, self.times, lambda some: self.drawn(some.tolist()).frames, **how
        )

    def drawn(self, indices: Sequence[int]) -> Gesture:
        """These frames, with what is known of them."""
        return render(self.label, self.seed, frames=self.frames, only=indices, view=self.view)

    def whole(self) -> Gesture:
        """All of its frames."""
        return self.drawn(range(self.frames))

    def clip(self, gesture: Gesture, indices: Sequence[int]) -> Clip:
        """These frames, which `drawn` made, as a clip."""
        identity = digest(digest(self.name, (self.frames, *SIZE, 3)), list(indices))
        return Clip(gesture.frames, gesture.times.astype(np.float64), self.name, identity)

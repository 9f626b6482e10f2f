"""When in a clip from the front a stroke takes place, and what the hand does before and after.

People who face a camera hold their hand still, draw the stroke, and hold it still again; or they
raise the hand first and take it away at the end. A straight stroke can be over in an eighth of
the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.world.stroke import SAMPLES, STRAIGHT, at_moments, wave

_RAISED = 0.3  # how often a hand is raised before its stroke, or taken away after it
_RETURNING = 0.12  # the same where that way looks like a stroke: before "down" and after "up"
_BELOW = 1.2  # where a hand rests that is out of the picture, in picture heights


@dataclass(frozen=True)
class Phases:
    """The parts of a clip, as shares 0..1 of its length."""

    begin: float  # of the stroke
    end: float
    raising: float  # how long the hand takes to come; 0 for one that is there
    leaving: float  # the same for the way back, after the stroke

    @classmethod
    def draw(cls, rng: np.random.Generator, label: str) -> Phases:
        """Those of one clip. A stroke of several parts takes most of the clip."""
        if label in STRAIGHT:
            share = float(np.exp(rng.uniform(np.log(0.12), np.log(0.95))))
        else:
            share = rng.uniform(0.68, 0.98)
        begin = (1 - share) * rng.beta(0.8, 0.8)
        end = begin + share
        raised = rng.random() < (_RETURNING if label == "down" else _RAISED)
        leaves = rng.random() < (_RETURNING if label == "up" else _RAISED)
        raising, leaving = rng.uniform(0.08, 0.3, 2)
        # with a moment of rest between that way and the stroke
        has_time = (begin > 0.14, end < 0.86)
        raising = min(raising, begin - 0.06) if raised and has_time[0] else 0.0
        leaving = min(leaving, 0.94 - end) if leaves and has_time[1] else 0.0
        return cls(begin, end, raising, leaving)

    def run(self, path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The fingertip (SAMPLES, 2) over the clip, of a stroke that takes `path` (SAMPLES, 2)."""
        clock = np.linspace(0, 1, SAMPLES)
        within = np.clip((clock - self.begin) / (self.end - self.begin), 0, 1)
        tip = at_moments(path, within * (SAMPLES - 1))
        tremble = rng.uniform(0, 0.006) * np.stack([wave(rng, terms=6) for _ in range(2)], 1)
        for end, away in zip((0, -1), self._away(clock), strict=True):
            rest = path[end] * (1, 0) + (rng.normal(0, 0.08), _BELOW)
            if rng.random() < 0.4:  # on the table or the lap, in the picture
                rest[1] = max(rng.uniform(0.75, 1.0), path[[0, -1], 1].max() + 0.1)
            sideways = rng.normal(0, 0.05) * np.sin(np.pi * away)
            tip = tip + away[:, None] * (rest - tip) + sideways[:, None] * (1, 0)
        return tip + tremble

    def _away(self, clock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the hand is from the stroke's beginning, and from its end, towards a rest.

        Both are 0..1 at times (n,) of 0..1.
        """
        before, after = np.zeros_like(clock), np.zeros_like(clock)
        if self.raising:
            start = self.begin - 0.05 - self.raising
            before = 1 - _eased((clock - start) / self.raising)
        if self.leaving:
            after = _eased((clock - self.end - 0.05) / self.leaving)
        return before, after


def _eased(share: np.ndarray) -> np.ndarray:
    """0..1 as a movement that starts and stops gently."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)

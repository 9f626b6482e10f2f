"""Clips whose frames are of different times under one slider, and the step that it opens on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, Real, UInt8

from core.video.sampling import moments, nearest


@dataclass(frozen=True)
class Timeline:
    """The moments at which any of several clips has a frame."""

    times: Float[np.ndarray, " n"]
    """(n,) seconds."""
    of_clips: tuple[Float[np.ndarray, " _T"], ...]
    """(T,) seconds: the times of each clip's own frames."""

    @staticmethod
    def of(times: Iterable[Float[np.ndarray, " _T"]]) -> Timeline:
        """That of clips with frames at these times, (T,) seconds each."""
        own = tuple(times)
        return Timeline(moments(own), own)

    @property
    def frames(self) -> list[Int[np.ndarray, " n"]]:
        """(n,) for each clip: which of its frames is nearest to each moment."""
        return [nearest(own, self.times) for own in self.of_clips]

    @property
    def names(self) -> list[str]:
        """The moments in seconds, as exactly as it takes to tell them apart."""
        digits = 1 if np.diff(self.times).min(initial=np.inf) >= 0.1 else 2
        return [f"{time:.{digits}f} s" for time in self.times]

    @property
    def is_shared(self) -> bool:
        """Whether all clips have their frames at the same moments."""
        return all(len(own) == len(self.times) for own in self.of_clips)

    def laid(
        self, clips: Sequence[UInt8[np.ndarray, "_T H W 3"]]
    ) -> list[UInt8[np.ndarray, "n H W 3"]]:
        """Of each clip its nearest frame at every moment.

        Where the clips' moments differ, each frame has its own time written into its corner.
        """
        if self.is_shared:
            return list(clips)
        stamped = [_stamped(*pair) for pair in zip(clips, self.of_clips, strict=True)]
        return [clip[frames] for clip, frames in zip(stamped, self.frames, strict=True)]

    def strongest(
        self, heats: Sequence[Real[np.ndarray, "_steps _h _w"]], *, one_scale: bool = False
    ) -> int:
        """The moment at which the clips' maps (T', h, w) together are strongest, as they are drawn.

        With `one_scale` by their weights, else by each one's weights in parts of its largest.
        """
        shown = zip(heats, self.of_clips, self.frames, strict=True)
        return strongest(
            np.repeat(peaks(heat, as_parts=not one_scale), len(own) // len(heat))[at]
            for heat, own, at in shown
        )


def peaks(
    heat: Real[np.ndarray, "steps h w"], *, as_parts: bool = True
) -> Float[np.ndarray, " steps"]:
    """The largest |weight| of each step, (T',), `as_parts` of that of the clip; NaN counts as 0."""
    highest = np.abs(np.nan_to_num(heat)).max((1, 2)).astype(np.float64)
    return highest / (highest.max() or 1.0) if as_parts else highest


def strongest(profiles: Iterable[Float[np.ndarray, " n"]]) -> int:
    """The step at which the profiles of several maps have the largest sum, the first of several."""
    return int(np.sum(list(profiles), 0).argmax())


def _stamped(
    clip: UInt8[np.ndarray, "T H W 3"], times: Float[np.ndarray, " T"]
) -> UInt8[np.ndarray, "T H W 3"]:
    """Each frame with its time in the lower left corner, white on black."""
    size = clip.shape[1] / 480
    stamped = clip.copy()
    for frame, time in zip(stamped, times, strict=True):
        words, font = f"{time:.2f} s", cv2.FONT_HERSHEY_SIMPLEX
        (width, height), below = cv2.getTextSize(words, font, size, 1)
        high = height + below + 8
        frame[-high:, : width + 12] = 0
        place = (6, frame.shape[0] - below - 4)
        cv2.putText(frame, words, place, font, size, (255, 255, 255), 1, cv2.LINE_AA)
    return stamped

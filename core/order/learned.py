"""What came of a lesson on the order of a clip's frames: the verdict, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.order.chance import chance_accuracy

WINDOWS = 720
"""How many windows of frames a clip with an arrow of time needs.

As many as two idle cores see in the 75 seconds of the table in docs/training.md.
"""
MARGIN = 5.0
"""Points above chance and pixels that count: two standard errors of a mean over 24 shuffles."""


@dataclass(frozen=True)
class LessonVerdict:
    """Whether a model learned the order of a clip's frames, and what says so."""

    is_learned: bool
    sentence: str


def lesson_verdict(
    before: Mapping[str, Any], after: Mapping[str, Any], frames: int, windows: int
) -> LessonVerdict:
    """The verdict on a lesson, from its trials before and after.

    A model has learned where it orders the held-out blocks better than guessing does, and better
    than the path through the most similar pixels, by MARGIN points each.

    Args:
        before, after: rows of metrics.jsonl: OrderAcc in percent, `blocks` in both and
            `pixels_blocks` in the first.
        frames: of a window.
        windows: how many were learned from.
    """
    reached, pixels, chance = after["blocks"], before["pixels_blocks"], chance_accuracy(frames)
    is_learned = reached >= max(chance, pixels) + MARGIN
    sentence = (
        f"{'Learned' if is_learned else 'Not learned'}: OrderAcc {reached:.1f} % on frames that it "
        f"never learned from, {before['blocks']:.1f} % before; guessing gets {chance:.1f} %, the "
        f"most similar pixels {pixels:.1f} %. It saw {windows:,} windows of about {WINDOWS:,} that "
        "a clip needs"
    )
    if is_learned:
        return LessonVerdict(True, f"{sentence}.")
    if windows < WINDOWS:
        return LessonVerdict(False, f"{sentence}: teach it longer.")
    return LessonVerdict(False, f"{sentence}, so this clip may have no arrow of time.")

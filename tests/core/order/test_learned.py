"""The verdict on a lesson: what counts as learned, and what it says."""

from __future__ import annotations

import pytest

from core.order.learned import LessonVerdict, lesson_verdict


def judged(blocks: float, pixels: float = 59.9, windows: int = 720) -> LessonVerdict:
    before = {"blocks": 34.4, "pixels_blocks": pixels}
    return lesson_verdict(before, {"blocks": blocks}, 8, windows)


def test_a_lesson_that_ends_between_chance_and_pixels_is_not_learned() -> None:
    verdict = judged(49.0, windows=30)
    assert not verdict.is_learned
    assert verdict.sentence == (
        "Not learned: OrderAcc 49.0 % on frames that it never learned from, 34.4 % before; "
        "guessing gets 47.1 %, the most similar pixels 59.9 %. It saw 30 windows of about 720 that "
        "a clip needs: teach it longer."
    )


@pytest.mark.parametrize(
    ("blocks", "pixels", "is_learned"),
    [(98.4, 59.9, True), (64.8, 59.9, False), (65.0, 59.9, True), (50.0, 12.5, False)],
)
def test_learned_is_five_points_above_both_guessing_and_pixels(
    blocks: float, pixels: float, is_learned: bool
) -> None:
    assert judged(blocks, pixels).is_learned is is_learned


def test_who_saw_every_window_and_learned_nothing_is_told_of_the_clip() -> None:
    assert judged(50.0).sentence.endswith("so this clip may have no arrow of time.")
    assert judged(98.4).sentence.startswith("Learned: OrderAcc 98.4 %")
    assert judged(98.4).sentence.endswith("720 windows of about 720 that a clip needs.")

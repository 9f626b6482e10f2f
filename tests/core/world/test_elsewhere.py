"""Rendered clips of anything but the ten strokes."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.world.elsewhere import HAND_KINDS, KINDS, elsewhere
from core.world.gestures import render, rendered_clip


def still(frames: np.ndarray) -> float:
    """Mean absolute difference of following frames, in grey levels."""
    return float(np.abs(np.diff(frames.astype(float), axis=0)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_the_same_bytes_for_the_same_seed_alone(kind: str) -> None:
    first = elsewhere(kind, 5, frames=3, size=(24, 32))
    again = elsewhere(kind, 5, frames=3, size=(24, 32))
    other = elsewhere(kind, 6, frames=3, size=(24, 32))
    assert first.frames.shape == (3, 24, 32, 3) and first.frames.dtype == np.uint8
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.id == again.id != other.id
    assert (first.frames != other.frames).any()
    assert first.source == f"elsewhere:{kind}:5" and len(first.times) == 3


def test_a_room_moves_less_than_a_gesture_and_a_cut_more() -> None:
    """Over ten seeds, in grey levels from frame to frame."""
    seeds = range(10)
    room = np.median([still(elsewhere("room", s, frames=6, size=(48, 64)).frames) for s in seeds])
    cuts = np.median(
        [still(elsewhere("cutting", s, frames=6, size=(48, 64)).frames) for s in seeds]
    )
    stroke = np.median(
        [still(rendered_clip(render("star", s, frames=6, size=(48, 64))).frames) for s in seeds]
    )
    assert room < stroke < cuts


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="'dog' is no kind of clip; choose one of resting"):
        elsewhere("dog", 0)


@pytest.mark.parametrize("kind", HAND_KINDS)
def test_what_else_a_hand_does_is_seen_from_the_front_too(kind: str) -> None:
    front = elsewhere(kind, 5, frames=3, size=(24, 32), view="front")
    assert front.frames.shape == (3, 24, 32, 3) and front.source == f"elsewhere:{kind}:5:front"
    own = elsewhere(kind, 5, frames=3, size=(24, 32))
    assert front.id != own.id and not np.array_equal(front.frames, own.frames)


def test_what_has_no_hand_is_not_seen_from_the_front() -> None:
    with pytest.raises(BadInput, match="'room' is not seen from 'front'"):
        elsewhere("room", 0, view="front")

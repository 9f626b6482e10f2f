"""A rendered gesture whose frames are drawn when they are asked for equals the whole one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.video import subclip
from core.world import gestures
from core.world.gestures import Uncut, render, rendered_clip
from core.world.truth import truth_of

NOISY, CLEAN = 13, 3
"""Seeds of a sensor with grain, each frame's from another place of the tile, and of one without."""


@pytest.mark.parametrize("seed", [NOISY, CLEAN])
def test_frames_that_are_drawn_alone_are_those_of_the_whole(seed: int) -> None:
    whole = render("star", seed, frames=11, size=(48, 64))
    some = render("star", seed, frames=11, size=(48, 64), only=[2, 3, 7])
    for name in ("frames", "mask", "fingertip", "camera", "times"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[[2, 3, 7]])
    noise = render("star", seed, frames=11, size=(48, 64), only=[3, 7]).frames
    assert not np.array_equal(noise[0], noise[1])


@pytest.mark.parametrize(
    "how",
    [
        {"frames": 5},
        {"frames": 5, "sampling": "dense", "stride": 2},
        {"frames": 3, "sampling": "motion"},
        {"frames": 4, "start": 0.5, "end": 2.1},
    ],
)
def test_what_is_taken_of_it_is_what_is_taken_of_the_whole_clip(
    how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gesture = render("tick", NOISY, frames=13)
    expected = subclip(rendered_clip(gesture), **how)
    drawn: list[int] = []

    def counted(*args: Any, only: list[int], **more: Any) -> Any:
        drawn.extend(only)
        return render(*args, only=only, **more)

    monkeypatch.setattr(gestures, "render", counted)
    uncut = Uncut("tick", NOISY, 13)
    indices = uncut.indices(**how).tolist()
    some = uncut.drawn(indices)
    clip = uncut.clip(some, indices)
    np.testing.assert_array_equal(clip.frames, expected.frames)
    np.testing.assert_array_equal(clip.times, expected.times)
    assert (clip.id, clip.source) == (expected.id, expected.source)
    if how.get("sampling") != "motion":
        assert drawn == indices, "no other frame is drawn"
    ours, theirs = truth_of(some, clip.times), truth_of(gesture, clip.times)
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    np.testing.assert_array_equal(ours.motion, theirs.motion)


def test_one_that_is_seen_from_the_front_is_another_clip_that_says_so() -> None:
    own, front = Uncut("tick", CLEAN, 4), Uncut("tick", CLEAN, 4, "front")
    whole = render("tick", CLEAN, frames=4, view="front")
    clip = front.clip(front.whole(), range(4))
    np.testing.assert_array_equal(clip.frames, whole.frames)
    assert clip.source == rendered_clip(whole).source == f"render:tick:{CLEAN}:front"
    assert clip.id != own.clip(own.whole(), range(4)).id

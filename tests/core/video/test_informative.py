"""The informative frames of spec 1.5: their scores, what is taken, and the reason in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.draw.overlay import write_mp4
from core.video import decode
from core.video.apart import informative_apart
from core.video.informative import Informative, informative, informative_of_file
from core.world.gestures import RENDERED_FRAMES, Uncut

LEVELS = (0, 40, 40, 100, 90, 91)


def grey(indices: np.ndarray) -> np.ndarray:
    """Pictures of one grey level each, so that a score is a difference of levels."""
    return np.stack([np.full((5, 7, 3), LEVELS[i], np.uint8) for i in indices])


def test_a_score_is_the_change_of_grey_and_those_above_the_threshold_are_taken() -> None:
    seconds = np.arange(6) / 5
    shown = informative(seconds, 5.0, 2, grey)
    assert shown.scores == (0, 40, 0, 60, 10, 1) and shown.taken == (1, 3) and shown.above == 2
    assert shown.in_words == ("2 of 6 candidates are above the threshold of 30: these are taken.")
    one = informative(seconds, 5.0, 1, grey)
    assert one.taken == (3,) and one.in_words.endswith("1 of them are taken, evenly spread.")


def test_where_the_threshold_never_acts_this_is_said() -> None:
    shown = informative(np.arange(6) / 5, 5.0, 4, grey)
    assert shown.taken == (1, 3, 4, 5)
    assert shown.in_words == (
        "2 of 6 candidates are above the threshold of 30, 4 are needed: the threshold decides "
        "nothing here, and the 4 that change most are taken."
    )


def test_the_frames_are_those_that_the_sampling_takes() -> None:
    uncut = Uncut("star", 3, RENDERED_FRAMES)
    taken = uncut.indices(frames=8, sampling="motion")
    fps = (len(uncut.times) - 1) / (uncut.times[-1] - uncut.times[0])
    shown = informative(uncut.times, fps, 8, lambda some: uncut.drawn(some.tolist()).frames)
    times = [shown.times[i] for i in shown.taken]
    np.testing.assert_allclose(times, uncut.times[taken])


@pytest.mark.parametrize("part", [(None, None), (0.2, 1.0)])
def test_a_file_is_asked_here_and_in_a_process_of_its_own(
    tmp_path: Path, part: tuple[float | None, float | None]
) -> None:
    path = tmp_path / "levels.mp4"
    frames = np.repeat(np.repeat(grey(np.arange(6)), 8, 1), 8, 2)
    write_mp4(path, frames, 5)
    here = informative_of_file(path, 3, *part)
    assert informative_apart(path, 3, *part) == here and isinstance(here, Informative)
    clip = decode(path, frames=3, sampling="motion", start=part[0], end=part[1])
    np.testing.assert_allclose([here.times[i] for i in here.taken], clip.times, atol=1e-6)

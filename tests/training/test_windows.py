"""Which frames a lesson learns from.

Nothing that is held out, and nothing beside a held-out block.
"""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from training.windows import LEAST_WINDOWS, draw, split

SIZES = [(32, 8), (33, 8), (47, 8), (150, 8), (287, 8), (300, 8), (113, 7), (97, 16)]


@pytest.mark.parametrize(("frames", "window"), SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_held_out_frames_and_the_gaps_beside_blocks_are_never_learned_from(
    frames: int, window: int, seed: int
) -> None:
    parts = split(frames, window, seed)
    assert parts.blocks and all(
        (np.diff(block) == 1).all() and len(block) == window for block in parts.blocks
    )
    held = {
        int(i)
        for block in parts.blocks
        for i in range(block[0] - window // 2, block[-1] + 1 + window // 2)
    }
    assert (
        min(held) >= 0
        and max(held) < frames
        and len(held) == len(parts.blocks) * (window + 2 * (window // 2))
    )
    learned, single = set(parts.train.tolist()), {int(i) for w in parts.interleaved for i in w}
    assert not learned & held and not learned & single and not single & held
    assert all(i - 1 in learned and i + 1 in learned for i in single)
    assert all(len(w) == window and (np.diff(w) > 1).all() for w in parts.interleaved)
    assert len(learned) >= window and (np.diff(parts.train) > 0).all()


def test_a_long_clip_has_several_blocks_all_over_it_and_frames_in_between() -> None:
    parts = split(287, 8, 3)
    assert len(parts.blocks) == 6 and len(parts.interleaved) == 6
    starts = [int(block[0]) for block in parts.blocks]
    assert starts == sorted(starts) and starts[-1] - starts[0] > 287 / 2


def test_the_seed_decides_the_blocks() -> None:
    same, other = split(150, 8, 1), split(150, 8, 2)
    assert split(150, 8, 1).described(150) == same.described(150) != other.described(150)
    letters = same.described(150)
    assert {c: letters.count(c) for c in "b-"} == {"b": 24, "-": 24} and letters.count("t") == len(
        same.train
    )


def test_a_clip_too_short_to_hold_anything_out_is_refused() -> None:
    with pytest.raises(BadInput, match=f"tiny.mp4: 31 frames, at least {8 * LEAST_WINDOWS} needed"):
        split(31, 8, 0, "tiny.mp4")


def test_windows_are_drawn_from_the_learned_frames_short_and_long() -> None:
    train, rng = split(150, 8, 0).train, np.random.default_rng(0)
    windows = [draw(train, 8, rng) for _ in range(500)]
    assert all(len(w) == 8 and (np.diff(w) > 0).all() and np.isin(w, train).all() for w in windows)
    spans = np.array(
        [np.searchsorted(train, w[-1]) - np.searchsorted(train, w[0]) for w in windows]
    )
    assert spans.min() == 7 and spans.max() > 0.8 * len(train) and 0.5 < (spans < 15).mean() < 0.85
    assert {int(i) for w in windows for i in w} == set(train.tolist())

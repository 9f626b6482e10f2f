"""What the strongest patches lie on: maps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.explain.strongest import (
    Run,
    by_chance,
    from_layer_on,
    patches_moving,
    patches_on,
    strongest_on,
)


def test_a_patch_lies_on_a_mask_that_covers_a_quarter_of_it_in_any_frame_of_its_token() -> None:
    mask = np.zeros((4, 4, 6), bool)  # two tokens of two frames, patches of 2 x 2 pixels
    mask[0, 0, 0] = True  # a quarter of the first patch
    mask[3, 2:, 4:] = True  # the whole last patch, in the token's second frame
    on = patches_on(mask, (2, 2, 3))
    assert on.tolist() == [
        [[True, False, False], [False, False, False]],
        [[False, False, False], [False, False, True]],
    ]
    large = np.zeros((1, 5, 5), bool)
    large[0, :1] = True  # a fifth
    assert not patches_on(large, (1, 1, 1)).any()


def test_what_moves_is_the_tenth_of_the_patches_that_change_most() -> None:
    frames = np.zeros((3, 10, 20, 3), np.uint8)  # patches of 2 x 2 pixels: 50, of which 5 move
    frames[1, :2, :10] = 200  # five patches in the upper left flash in the second frame
    frames[1, 8:, 18:] = 90  # one in the lower right, but less
    moving = patches_moving(frames, (3, 5, 10))
    assert moving.sum((1, 2)).tolist() == [5, 5, 5]
    assert moving[:, 0, :5].all()
    still = patches_moving(np.full((2, 10, 20, 3), 7, np.uint8), (2, 5, 10))
    assert not still.any(), "nothing moves in a still clip"


def test_the_strongest_patch_attracts_and_can_be_seen() -> None:
    nan = np.nan
    heat = np.array(
        [[[0.1, 0.9]], [[0.9, 0.1]], [[-0.9, -0.1]], [[nan, 0.2]], [[nan, nan]], [[0.0, 0.0]]],
        np.float32,
    )
    right = np.zeros((6, 1, 2), bool)
    right[:, :, 1] = True
    assert strongest_on(heat, right).tolist() == [True, False, False, True, False, False]
    assert by_chance(right) == 3


@pytest.mark.parametrize(
    ("counts", "run"),
    [
        ([1, 5, 2, 6, 7, 6], Run(3, 6, 7, 8)),
        ([8, 8, 8], Run(0, 8, 8, 8)),
        ([8, 8, 4], Run(None, 4, 4, 8)),
        ([0], Run(None, 0, 0, 8)),
    ],
)
def test_a_run_of_layers_reaches_the_last_and_finds_it_in_most_frames(
    counts: list[int], run: Run
) -> None:
    hits = {layer: np.arange(8) < count for layer, count in enumerate(counts)}
    assert from_layer_on(hits) == run

"""FAR's groups of tokens: gathered and scattered back for any grid, with fillers that hide."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.models.checkerboard import Groups, checkerboard, colours, tubes, whole_clip
from core.trace import PAD

GROUPINGS = (whole_clip, tubes, checkerboard)
SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))
GRIDS = st.tuples(st.integers(1, 5), SIDES.filter(lambda side: side[0] * side[1] > 1)).map(
    lambda sizes: (sizes[0], *sizes[1])
)


@pytest.mark.parametrize("grouping", GROUPINGS)
@given(grid=GRIDS)
def test_scattering_what_was_gathered_gives_every_token_back(
    grouping: Callable[..., Groups], grid: tuple[int, int, int]
) -> None:
    T, h, w = grid
    groups = grouping(*grid)
    tokens = torch.arange(T * h * w)[None, None, :, None].repeat(2, 3, 1, 1)
    tokens[1] *= -1  # the second clip of the batch keeps apart
    gathered = groups.gathered(tokens)
    assert gathered.shape[0] == 2 * groups.count
    assert torch.equal(groups.scattered(gathered), tokens)
    by_group = gathered[: groups.count, 0, :, 0]
    fillers = groups.layout.keys == PAD
    assert torch.equal(by_group[~fillers], groups.layout.keys[~fillers])


@pytest.mark.parametrize("grouping", GROUPINGS)
@given(grid=GRIDS)
def test_every_token_is_in_one_group_and_fillers_are_hidden(
    grouping: Callable[..., Groups], grid: tuple[int, int, int]
) -> None:
    T, h, w = grid
    groups = grouping(*grid)
    keys = groups.layout.keys
    assert sorted(keys[keys != PAD].tolist()) == list(range(T * h * w))
    if groups.hidden is None:
        assert not (keys == PAD).any()
    else:
        assert torch.equal(groups.hidden[:, 0, :, 0] < 0, keys == PAD)


@given(GRIDS)
def test_neighbours_have_different_colours_and_a_place_keeps_its_colour(
    grid: tuple[int, int, int],
) -> None:
    T, h, w = grid
    colour = torch.empty(T * h * w, dtype=torch.long)
    for number, tokens in enumerate(colours(*grid)):
        colour[tokens] = number
    colour = colour.view(grid)
    assert (colour == colour[:1]).all()
    assert (colour[:, 1:] != colour[:, :-1]).all()
    assert (colour[:, :, 1:] != colour[:, :, :-1]).all()

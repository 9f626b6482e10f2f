"""Rank correlation and the motion probe, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core.explain.compare import (
    PROBES,
    agreement,
    farthest_apart,
    motion_probe,
    on_grid,
    probes,
    spearman,
)
from core.models.video_model import VideoModel
from core.video import Clip
from core.weights import Card, Model


def test_spearman_compares_ranks() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(a, a**3) == 1.0 and spearman(a, -a) == pytest.approx(-1.0)
    assert spearman(a, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(1 - 6 * 2 / (4 * 15))
    # Ties share 2.5.
    assert spearman(a, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(4.5 / (5 * 4.5) ** 0.5)
    assert np.isnan(spearman(a, np.ones(4))) and np.isnan(spearman(np.ones(4), a))


def test_a_map_agrees_with_itself_exactly_also_where_grids_differ() -> None:
    heats = [
        np.random.default_rng(i).random(shape, np.float32)
        for i, shape in enumerate([(2, 3, 5), (4, 7, 5), (4, 3, 3)])
    ]
    times = [np.linspace(0, 1, len(heat)) for heat in heats]
    found = agreement(heats, times)
    assert (
        (np.diag(found) == 1.0).all()
        and (found == found.T).all()
        and np.abs(found[~np.eye(3, dtype=bool)]).max() < 1
    )


def test_a_map_gives_the_step_that_is_nearest_in_seconds() -> None:
    heat, times = np.array([[[1.0]], [[2.0]]]), np.array([0.5, 1.5])
    shown = on_grid(heat, times, np.array([0.0, 0.9, 1.0, 1.1, 9.0]), (1, 2))
    assert shown[:, 0].tolist() == [[1, 1], [1, 1], [1, 1], [2, 2], [2, 2]]
    assert on_grid(np.full((1, 1, 1), np.nan), times[:1], times[:1], (1, 1)).item() == 0


def test_two_maps_are_compared_at_the_times_of_both_and_no_third_map_matters() -> None:
    rising = np.arange(4.0)[:, None, None] + np.array([[0.0, 0.25]])
    late = rising[2:]
    apart = agreement([rising, late], [np.arange(4.0), np.array([2.0, 3.0])])
    # at 0 and 1 s the late map gives its first step, so that three moments of it tie
    here = rising.ravel()
    there = late[[0, 0, 0, 1]].ravel()
    assert apart[0, 1] == pytest.approx(spearman(here, there)) and 0.7 < apart[0, 1] < 1
    third = np.random.default_rng(0).random((7, 5, 5))
    three = agreement([rising, late, third], [np.arange(4.0), np.array([2.0, 3.0]), np.arange(7.0)])
    assert three[0, 1] == apart[0, 1]
    assert farthest_apart([np.arange(4.0), np.array([2.0, 3.0])]) == 2.0


class Last(VideoModel):
    """Scores the brightness of the first and of the last frame."""

    unit_frames = 2

    def forward(self, video: Tensor) -> Tensor:
        return torch.stack([video[:, :, 0].mean((1, 2, 3)), video[:, :, -1].mean((1, 2, 3))], 1)


@pytest.fixture
def clip() -> Clip:
    return Clip(
        np.arange(6, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
        * 40,
        np.arange(6.0),
        "ramp",
        "0",
    )


def test_the_probe_reverses_frames_shuffles_units_and_freezes_the_middle(clip: Clip) -> None:
    found = probes(clip, 2, seed=0)
    order = {name: (probe.frames[:, 0, 0, 0] // 40).tolist() for name, probe in found.items()}
    assert (
        tuple(order) == PROBES
        and order["as it is"] == [0, 1, 2, 3, 4, 5]
        and order["reversed"] == [5, 4, 3, 2, 1, 0]
    )
    assert order["frozen"] == [3] * 6 and sorted(order["shuffled"]) == list(range(6))
    assert order["shuffled"] != order["as it is"] and order["shuffled"][1::2] == [
        t + 1 for t in order["shuffled"][::2]
    ]
    assert len({probe.id for probe in found.values()}) == 4


def test_a_model_that_reads_the_order_changes_its_mind(clip: Clip) -> None:
    card = Card(
        "last", "tiny", ("first", "last"), (0.0,) * 3, (1.0,) * 3, 4, 6, "uniform", "fit", "nothing"
    )
    forward, reverse, _, frozen = motion_probe(Model(Last(), card), clip)
    np.testing.assert_allclose(
        forward, np.exp([0, 200 / 255]) / np.exp([0, 200 / 255]).sum(), rtol=1e-5
    )
    np.testing.assert_allclose(reverse, forward[::-1], rtol=1e-5)
    np.testing.assert_allclose(frozen, [0.5, 0.5])

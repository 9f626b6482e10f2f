"""Masked pre-training: which places are hidden, what is asked of them, and that nobody peeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.world.gestures import LABELS
from tests.training.tiny import RECIPE
from training.data import Batch, Gestures, stacked
from training.data.rendered import keeping_clips
from training.stages import Video
from training.stages.masked import Filling, hidden_places


def test_so_many_places_are_hidden_and_others_in_the_next_clip() -> None:
    places = hidden_places(np.random.default_rng(0), 5, 2, 7, 0.5)
    assert places.shape == (5, 2, 7) and (places.sum((1, 2)) == 7).all()
    assert len({clip.tobytes() for clip in places}) == 5
    everything = hidden_places(np.random.default_rng(0), 1, 2, 2, 0.99)
    assert everything.sum() == 3, "something is left to see"


def test_what_is_asked_is_the_patch_less_its_mean_by_its_spread() -> None:
    video = torch.arange(3 * 2 * 2 * 4, dtype=torch.float32).view(1, 3, 2, 2, 4)
    filling = Filling(width=5, unit=2, patch=2)
    hidden = torch.tensor([[[False, True]]])
    _, truth = filling.drawn(torch.zeros(1, 1, 1, 2, 5), video, hidden)
    pixels = [
        float(video[0, c, t, y, 2 + x])
        for t in range(2)
        for y in range(2)
        for x in range(2)
        for c in range(3)
    ]
    mean, spread = np.mean(pixels), np.std(pixels, ddof=1)
    assert truth.shape == (1, 24)
    assert truth[0].tolist() == pytest.approx([(p - mean) / spread for p in pixels], abs=1e-4)


def test_a_layer_that_draws_nothing_is_wrong_by_one_less_a_part() -> None:
    video = torch.randn(1, 3, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    filling = Filling(width=5, unit=1, patch=2)
    torch.nn.init.zeros_(filling.pixels.weight)
    torch.nn.init.zeros_(filling.pixels.bias)
    drawn, truth = filling.drawn(torch.ones(1, 1, 1, 1, 5), video, torch.ones(1, 1, 1).bool())
    assert ((drawn - truth) ** 2).mean().item() == pytest.approx(11 / 12, abs=1e-5), (
        "12 numbers, 11 free"
    )


def _batch() -> Batch:
    clips = Gestures(seed=3, frames=8, size=24, patch=8)
    return stacked([clips[0], clips[1]])


def test_the_network_sees_nothing_of_what_it_is_to_fill_in(tiny: None) -> None:
    recipe = replace(RECIPE, model="far", classify=0.0, order=0.0, directed=0.0, masked=1.0)
    stage = Video(replace(recipe, fingertip=0.0), LABELS, LABELS)
    assert set(stage.weights) == {"masked"}
    plan = stage.plan(_batch(), np.arange(2), step=4, total=2)
    again = stage.plan(_batch(), np.arange(2), step=4, total=2)
    hidden = plan.truth["hidden"]
    assert torch.equal(hidden, again.truth["hidden"]) and hidden.sum() == 2 * 7  # of 9 places
    assert plan.counts["masked"] == 14
    seen: list[torch.Tensor] = []
    stage.model.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    before = stage.means(plan)["masked"]
    pixels = hidden.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None, :, :, None]
    plan.video[:] = torch.where(pixels, 255 - plan.video, plan.video)
    after = stage.means(plan)["masked"]
    assert torch.equal(seen[0], seen[1]) and before.item() != after.item()


def test_a_stage_without_the_loss_has_no_layer_for_it(tiny: None) -> None:
    stage = Video(RECIPE, LABELS, LABELS)
    assert not any(name.startswith("filling") for name in stage.state_dict())
    plan = stage.plan(_batch(), np.arange(2), step=0, total=2)
    assert "hidden" not in plan.truth


def test_clips_are_drawn_once_where_they_are_kept_and_forgotten_after() -> None:
    clips = Gestures(seed=3, frames=3, size=24, patch=8)
    with keeping_clips():
        first = clips[1]
        assert clips[1] is first
        assert Gestures(seed=4, frames=3, size=24, patch=8)[1] is not first
    assert clips[1] is not first and np.array_equal(clips[1][0], first[0])

"""What a stage makes of its part of a batch."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, layer_norm

from core.errors import BadInput
from core.models.vit import ViT
from core.runs import METRICS
from core.world.gestures import DIRECTED, LABELS
from tests.training.tiny import RECIPE
from training.data import Batch
from training.recipes import Recipe
from training.sources import Sharing, batches, source
from training.stages import FIGURES, LOSSES, UNNAMED, Still, Video
from training.stages.start import FromVideo

pytestmark = pytest.mark.usefixtures("tiny")
OF = 12
GENERATOR = torch.Generator().manual_seed(0)
CLIPS = Batch(
    torch.randint(0, 256, (OF, 8, 24, 24, 3), generator=GENERATOR, dtype=torch.uint8),
    torch.arange(OF) % 10,
    torch.rand(OF, 8, 2, generator=GENERATOR) * 4 - 0.5,
    torch.rand(OF, 8, 3, 3, generator=GENERATOR),
)


def stage(recipe: Recipe = RECIPE, **changes: Any) -> Video:
    torch.manual_seed(0)
    return Video(replace(recipe, **changes), LABELS, DIRECTED)


def part(clips: Batch, places: np.ndarray) -> Batch:
    return Batch(*(x[places] for x in (clips.video, clips.label, clips.tip, clips.occupied)))


@pytest.mark.parametrize(("accumulate", "processes"), [(1, 1), (3, 1), (1, 4), (3, 2)])
def test_a_batch_is_dealt_out_whole(accumulate: int, processes: int) -> None:
    dealt = [
        Sharing(OF, accumulate, processes, rank).places(i)
        for rank in range(processes)
        for i in range(accumulate)
    ]
    assert sorted(np.concatenate(dealt)) == list(range(OF)) and {len(d) for d in dealt} == {
        OF // (accumulate * processes)
    }
    assert all(d[0] < accumulate * processes for d in dealt), (
        "each part has clips of the first ones, which are ordered and shuffled"
    )
    with pytest.raises(BadInput, match="12 clips"):
        Sharing(OF, 5, 1)


def test_each_process_reads_its_places_of_each_step() -> None:
    clips = source(RECIPE, frames=8, size=24, patch=8, seed=3)
    sharing = Sharing(4, 2, 1, 0)
    ((first, second),) = batches(clips, sharing, start=1, steps=2, workers=0)
    for got, number in ((first, 4), (second, 5)):
        for i in range(2):
            frames, label, _tip, _occupied = clips.dataset[number + 2 * i]
            assert (got.video[i].numpy() == frames).all() and got.label[i] == label
    assert [len(p) for p in batches(clips, Sharing(4, 1, 2, 1), start=2, steps=5, workers=0)] == [
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(("ordered", "shuffled"), [(1.0, 0.5), (0.5, 1.0), (0.25, 0.25)])
def test_the_parts_of_a_batch_hold_what_the_whole_holds(ordered: float, shuffled: float) -> None:
    module = stage(ordered=ordered, shuffled=shuffled, rank=1.0, pairs=1.0)
    whole = module.plan(CLIPS, np.arange(OF), 7, OF)
    assert len(whole.truth["label"]) == round(ordered * OF) and len(whole.truth["order"]) == round(
        shuffled * OF
    )
    assert len(whole.video) == round(ordered * OF) + round(shuffled * OF)
    sharing = Sharing(OF, 3)
    plans = [
        module.plan(part(CLIPS, sharing.places(i)), sharing.places(i), 7, OF) for i in range(3)
    ]
    for name in module.names:
        assert sum(p.counts[name] for p in plans) == pytest.approx(whole.counts[name]), name
    for key in ("order", "label"):
        assert sorted(map(str, torch.cat([p.truth[key] for p in plans]).tolist())) == sorted(
            map(str, whole.truth[key].tolist())
        )


def test_a_shuffled_slot_shows_the_frame_that_its_order_says() -> None:
    module = stage(shuffled=1.0)
    plan = module.plan(CLIPS, np.arange(OF), 3, OF)
    order = plan.truth["order"]
    assert not (order == torch.arange(8)).all()
    for i in (0, 5):
        for t in range(8):
            assert torch.equal(plan.video[OF + i, t], CLIPS.video[i, order[i, t]])
            assert torch.equal(
                plan.truth["tip"].view(-1, 8, 2)[OF + i, t], CLIPS.tip[i, order[i, t]]
            )
    known = np.concatenate([np.arange(8)[None], module.orders])
    assert (known[plan.truth["target"]] == order.numpy()).all()
    assert plan.truth["arrow"].tolist() == [LABELS[i % 10] in DIRECTED for i in range(OF)]
    again, later = (module.plan(CLIPS, np.arange(OF), step, OF).truth["order"] for step in (3, 4))
    assert torch.equal(again, order) and not torch.equal(later, order)


def test_a_share_of_the_clips_is_seen_in_any_order_which_l_ord_leaves_out() -> None:
    module = stage(shuffled=1.0, any_order=0.5, order=1.0).eval()
    plan = module.plan(CLIPS, np.arange(OF), 3, OF)
    order, target = plan.truth["order"], plan.truth["target"]
    named, known = target != UNNAMED, np.concatenate([np.arange(8)[None], module.orders])
    assert 0 < named.sum() < OF and plan.counts["order"] == named.sum()
    assert (known[target[named]] == order[named].numpy()).all() and (
        order.sort(1)[0] == torch.arange(8)
    ).all()
    assert not any((known == row).all(1).any() for row in order[~named].numpy()), (
        "1 order in 40 has a name"
    )
    parts = [
        module.plan(part(CLIPS, places), places, 3, OF) for places in np.arange(OF).reshape(3, 4)
    ]
    assert sum(p.counts["order"] for p in parts) == plan.counts["order"]
    logits = module.model(module.normalised(plan.video), detail=True).order_logits[OF:][named]
    torch.testing.assert_close(module.means(plan)["order"], cross_entropy(logits, target[named]))
    module = stage(shuffled=1.0, any_order=1.0, order=1.0)
    plan = module.plan(CLIPS, np.arange(OF), 3, OF)
    assert plan.counts["order"] == 0 and "order" not in module.means(plan), (
        "a mean over nothing is left out"
    )


def test_a_token_of_two_frames_is_shuffled_whole_and_points_at_the_middle() -> None:
    module = stage(model="far", rank=1.0, shuffled=1.0)
    plan = module.plan(CLIPS, np.arange(OF), 0, OF)
    order = plan.truth["order"]
    assert order.shape == (OF, 4) and module.units == 4 and module.rank.out_features == 4
    for i, t in ((0, 0), (7, 3)):
        first = 2 * order[i, t]
        assert torch.equal(plan.video[OF + i, 2 * t : 2 * t + 2], CLIPS.video[i, first : first + 2])
        torch.testing.assert_close(
            plan.truth["tip"].view(-1, 4, 2)[OF + i, t], CLIPS.tip[i, first : first + 2].mean(0)
        )
        torch.testing.assert_close(
            plan.truth["occupied"].view(-1, 4, 3, 3)[OF + i, t],
            CLIPS.occupied[i, first : first + 2].mean(0),
        )
    assert plan.counts["hand"] == 2 * OF * 4


def test_losses_follow_from_weights_and_from_what_the_model_returns() -> None:
    every = {"order": 1.0, "directed": 1.0, "pairs": 1.0, "rank": 1.0, "alignment": 1.0}
    base = {"classify", "rank", "fingertip", "hand"}
    assert set(stage(**every).weights) == base | {"order", "directed", "pairs"}
    assert (
        set(stage(model="timesformer", **every).weights)
        == set(stage(model="far", **every).weights)
        == base | {"directed", "pairs"}
    )
    assert set(stage(model="rvit", **every).weights) == base | {"alignment"}
    assert set(stage(model="am_flow", **every).weights) == base
    quiet = stage(model="rvit", alignment=0.1, order=1.0, directed=1.0)
    assert not quiet.shuffles and len(quiet.plan(CLIPS, np.arange(OF), 0, OF).video) == OF, (
        "nothing to learn from shuffled clips"
    )


def test_each_mean_has_a_title_and_each_loss_a_weight_in_the_recipe() -> None:
    known = {f.name for f in fields(Recipe)}
    assert all(METRICS[name].weight in known for name in LOSSES)
    assert all(METRICS[name].title and not METRICS[name].weight for name in FIGURES)
    assert {name for name in METRICS if METRICS[name].weight} == LOSSES.keys()
    assert {name for name in METRICS if METRICS[name].shuffled} == {
        "order",
        "directed",
        "pairs",
        "rank",
    }


def test_a_long_clip_is_shuffled_without_a_list_of_orders() -> None:
    module = stage(model="rvit", rank=1.0, shuffled=1.0, settings={"frames": 16})
    clips = Batch(
        CLIPS.video.repeat(1, 2, 1, 1, 1),
        CLIPS.label,
        CLIPS.tip.repeat(1, 2, 1),
        CLIPS.occupied.repeat(1, 2, 1, 1),
    )
    order = module.plan(clips, np.arange(OF), 0, OF).truth["order"]
    assert (
        module.orders is None
        and order.shape == (OF, 16)
        and (order.sort(1)[0] == torch.arange(16)).all()
    )


def test_a_part_without_any_loss_still_reaches_the_weights() -> None:
    """L_self alone, and no clip with an arrow of time.

    Processes that wait for this one's gradient get zeros.
    """
    module = stage(classify=0.0, order=0.0, fingertip=0.0)
    plan = module.plan(part(CLIPS, np.array([0, 2])), np.array([0, 2]), 0, OF)
    assert plan.counts["directed"] == 0
    loss, _ = module(plan, {"directed": 1.0})
    loss.backward()
    assert loss.item() == 0 and all(not p.grad.any() for p in module.parameters())
    with pytest.raises(BadInput, match="--ordered"):
        module.plan(part(CLIPS, np.array([6, 11])), np.array([6, 11]), 0, 6)


def test_soft_targets_are_as_good_as_classes() -> None:
    module = stage(order=0.0, directed=0.0, smoothing=0.0).eval()
    soft = replace(CLIPS, label=torch.nn.functional.one_hot(CLIPS.label, 10).float())
    both = [module.means(module.plan(c, np.arange(OF), 0, OF)) for c in (CLIPS, soft)]
    for name in ("classify", "top1"):
        torch.testing.assert_close(both[0][name], both[1][name])


@pytest.mark.parametrize("model", ["rvit", "direcformer", "am_flow"])
def test_the_side_head_of_a_still_stage_goes_on_where_it_was(model: str) -> None:
    """Where the network equals the image model at the start, so do its guesses of the fingertip."""
    torch.manual_seed(1)
    recipe = replace(
        RECIPE,
        model=model,
        order=0.0,
        directed=0.0,
        time_scale=0.0,
        settings={"gate": "softmax"} if model == "rvit" else {},
    )
    still = Still(recipe).eval()
    with torch.no_grad():
        still.vit.norm.weight.uniform_(0.5, 2.0)
        still.vit.norm.bias.uniform_(-1.0, 1.0)
    module = stage(
        recipe, settings=recipe.settings | ({"dropout": 0.0} if model == "rvit" else {})
    ).eval()
    module.start_from(still.state_dict())
    plan = still.plan(CLIPS, np.arange(OF), 0, OF)
    expected = still.means(plan)
    found = module.means(module.plan(CLIPS, np.arange(OF), 0, OF))
    assert found["fingertip"].item() == pytest.approx(expected["fingertip"].item(), rel=1e-3)
    assert found["hand"].item() == pytest.approx(expected["hand"].item(), rel=1e-3)
    assert isinstance(still.vit, ViT)


def test_a_run_goes_on_with_a_part_that_the_run_before_did_not_have() -> None:
    torch.manual_seed(3)
    before = stage(model="am_flow", order=0.0, directed=0.0).state_dict()
    module = stage(model="am_flow", order=0.0, directed=0.0, settings={"aligning": True})
    assert module.start_from(before) == FromVideo(heads=())
    after = module.state_dict()
    assert any(value.ndim == 0 for value in before.values()), (
        "a single number has no length, which once ended it"
    )
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert any(name.startswith("model.aligning") for name in after.keys() - before.keys())


def test_side_heads_see_normalised_patches_of_a_model_without_a_final_norm() -> None:
    module = stage(model="far", order=0.0, directed=0.0).eval()
    seen = []
    module.side.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    plan = module.plan(CLIPS, np.arange(OF), 0, OF)
    module.means(plan)
    raw = module.model(module.normalised(plan.video), detail=True).patches
    torch.testing.assert_close(seen[0], layer_norm(raw, raw.shape[-1:], eps=1e-6))


def test_the_time_embedding_starts_as_a_sinusoid_where_there_is_one() -> None:
    table = stage(time_scale=0.7).model.time_embed
    assert table.abs().max().item() == pytest.approx(0.7, abs=0.01) and not hasattr(
        stage(model="rvit").model, "time_embed"
    )


def test_pixels_are_normalised_by_the_recipe() -> None:
    module = stage(mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 0.25))
    out = module.normalised(torch.tensor([0, 51, 255], dtype=torch.uint8).expand(1, 1, 1, 1, 3))
    assert out.shape == (1, 3, 1, 1, 1) and out.flatten().tolist() == pytest.approx(
        [-1.0, -0.1, 4.0]
    )

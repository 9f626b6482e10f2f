"""Learning rates against the values of spec 8.11."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from core.errors import BadInput
from core.models import build
from tests.core.models.nets import net
from training.recipes import Recipe, recipe
from training.schedule import (
    Average,
    Schedule,
    fastest_threads,
    layer_scales,
    make_optimiser,
    parameter_groups,
    schedule_of,
)


def test_warm_restarts_have_the_hand_values() -> None:
    schedule = Schedule("restarts", 1e-4, steps=600, epoch=10, restart=5)
    rates = [schedule.rate(10 * epoch) for epoch in range(6)]
    assert rates == pytest.approx(
        [1e-4, 9.0451e-5, 6.5451e-5, 3.4549e-5, 9.5492e-6, 1e-4], rel=1e-4
    )
    assert schedule.rate(49) < schedule.rate(48) < schedule.rate(40) and schedule.rate(
        50 + 7
    ) == schedule.rate(7)


def test_restarts_agree_with_torch() -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=3e-4)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=5, eta_min=6e-6)
    ours = Schedule("restarts", 3e-4, steps=13, epoch=1, restart=5, floor=0.02)
    for step in range(13):
        assert ours.rate(step) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-6)
        optimiser.step()
        theirs.step()


def test_a_cosine_warms_up_and_falls_to_its_floor() -> None:
    schedule = Schedule("cosine", 2.0, steps=14, warmup=4, warmup_from=0.2, floor=0.1)
    assert [schedule.rate(s) for s in range(4)] == pytest.approx([0.8, 1.2, 1.6, 2.0])
    # Half way between 2.0 and 0.2.
    assert schedule.rate(4) == pytest.approx(2.0) and schedule.rate(9) == pytest.approx(1.1)
    assert schedule.rate(14) == pytest.approx(0.2) and schedule.rate(13) == pytest.approx(
        0.2 + 0.9 * (1 + math.cos(0.9 * math.pi))
    )


def test_steps_multiply_at_each_milestone_and_constant_stays() -> None:
    schedule = Schedule("steps", 5e-3, steps=300, epoch=10, milestones=(11, 14), gamma=0.1)
    assert [schedule.rate(s) for s in (0, 109, 110, 139, 140, 299)] == pytest.approx(
        [5e-3, 5e-3, 5e-4, 5e-4, 5e-5, 5e-5]
    )
    assert {Schedule("constant", 0.3, steps=9, warmup=2).rate(s) for s in range(1, 9)} == {0.3}
    with pytest.raises(BadInput, match="slow"):
        Schedule("slow", 1.0, steps=1)


def test_layer_decay_has_the_hand_values() -> None:
    names = [
        "model.patch_embed.proj.weight",
        "model.pos_embed",
        *(f"model.blocks.{i}.mlp.fc1.weight" for i in range(12)),
        "model.blocks.3.interaction.mix.weight",
        "model.fc_norm.weight",
        "model.head.weight",
        "side.weight",
    ]
    scales = layer_scales(names, 0.75)
    blocks = [scales[f"model.blocks.{i}.mlp.fc1.weight"] for i in range(12)]
    assert [
        scales["model.patch_embed.proj.weight"],
        *blocks,
        scales["model.head.weight"],
    ] == pytest.approx(
        [
            0.02376,
            0.03168,
            0.04224,
            0.05631,
            0.07508,
            0.10011,
            0.13348,
            0.17798,
            0.2373,
            0.31641,
            0.42188,
            0.5625,
            0.75,
            1,
        ],
        abs=5e-6,
    )
    assert scales["model.pos_embed"] == scales["model.patch_embed.proj.weight"]
    assert scales["model.blocks.3.interaction.mix.weight"] == blocks[3]
    assert scales["model.fc_norm.weight"] == scales["side.weight"] == 1
    assert layer_scales(names, 0.7)["model.patch_embed.proj.weight"] == pytest.approx(
        0.00969, abs=5e-6
    )


@pytest.mark.parametrize("model", ["far", "rvit", "am_flow", "direcformer"])
def test_the_layers_of_real_models_are_found(model: str) -> None:
    net = build(model)
    names = [n for n, _ in net.named_parameters()]
    scales = layer_scales(names, 0.5)
    depth = 1 + max(int(n.split("blocks.")[1].split(".")[0]) for n in names if "blocks." in n)
    assert {round(-math.log2(s)) for s in scales.values()} == set(range(depth + 2))
    assert all(
        scales[n] == 0.5 ** (depth + 1)
        for n in names
        if n.endswith(("patch_embed.proj.weight", "cls_token", "pos_embed"))
    )
    assert all(
        scales[n] == 1 for n in names if n.startswith(("head", "image_head", "temporal.", "norm."))
    )


def test_biases_gains_and_positions_are_not_decayed_and_nothing_is_forgotten() -> None:
    module = net()
    module.blocks[0].requires_grad_(False)
    groups = parameter_groups(module, 0.05, 0.8)
    found = {id(p): g for g in groups for p in g["params"]}
    assert (
        len(found)
        == sum(len(g["params"]) for g in groups)
        == sum(p.requires_grad for p in module.parameters())
    )
    decay = {
        name: found[id(p)]["weight_decay"]
        for name, p in module.named_parameters()
        if p.requires_grad
    }
    free = (
        "cls_token",
        "pos_embed",
        "time_embed",
        "blocks.1.norm1.weight",
        "blocks.1.attn.qkv.bias",
        "norm.weight",
        "head.bias",
    )
    assert all(decay[n] == 0 for n in free)
    assert all(
        decay[n] == 0.05
        for n in ("blocks.1.attn.qkv.weight", "head.weight", "patch_embed.proj.weight")
    )


def test_a_rate_is_scaled_to_the_batch_it_is_meant_for() -> None:
    schedule = schedule_of(recipe("far_s_ssv2"), 1e-3, steps=4000, epoch=100.0)
    # Spec 4.6: 384 -> x 1.5, 5 epochs.
    assert schedule.peak == pytest.approx(1.5e-3) and schedule.warmup == 500
    assert schedule.floor * schedule.peak == pytest.approx(1.5e-6) and schedule.rate(
        499
    ) == pytest.approx(1.5e-3)
    assert schedule_of(Recipe(model="far", warmup=7), 1e-3, 100, 10.0).warmup == 7


def test_optimisers_are_those_asked_for() -> None:
    adamw = make_optimiser(Recipe(model="far", momentum=0.8, beta2=0.9), net())
    assert isinstance(adamw, torch.optim.AdamW) and adamw.defaults["betas"] == (0.8, 0.9)
    sgd = make_optimiser(recipe("direcformer_jester"), net())
    assert (
        isinstance(sgd, torch.optim.SGD)
        and sgd.defaults["momentum"] == 0.9
        and sgd.defaults["nesterov"]
    )
    with pytest.raises(BadInput, match="lion"):
        make_optimiser(Recipe(model="far", optimiser="lion"), net())
    with pytest.raises(BadInput, match="--frozen"):
        make_optimiser(Recipe(model="far"), net().requires_grad_(False))


def test_the_average_follows_the_weights_and_copies_counters() -> None:
    module = nn.BatchNorm1d(2)
    average = Average(module, 0.9)
    with torch.no_grad():
        module.weight.fill_(3.0)
        module.num_batches_tracked.fill_(70_000)
    average.update(module, 1000)
    assert average.weights["weight"].tolist() == pytest.approx([1.2, 1.2])  # .9 * 1 + .1 * 3
    assert average.weights["num_batches_tracked"] == 70_000
    average.update(module, 0)  # early on it follows faster: decay 1 / 10
    assert average.weights["weight"].tolist() == pytest.approx([2.82, 2.82])
    last = Average(module, 0.0)
    with torch.no_grad():
        module.weight.fill_(7.0)
    last.update(module, 1000)
    assert last.weights["weight"].tolist() == [7.0, 7.0]


@pytest.mark.parametrize(("together", "fastest"), [(0.6, 2), (5.0, 1)])
def test_where_threads_wait_for_each_other_one_is_taken(
    together: float, fastest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("training.schedule.time.perf_counter", lambda: clock[0])
    before = torch.get_num_threads()

    def run() -> None:
        clock[0] += together if torch.get_num_threads() == 2 else 1.0

    assert fastest_threads(run, 2) == fastest
    assert torch.get_num_threads() == before

"""Every model, whatever its file, gets every view that its attention allows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core import explain
from core.cli import main
from core.errors import BadInput
from core.models import available, build, spec
from core.observe import observe
from core.order import read
from core.weights import Card, Model
from core.world.gestures import render, rendered_clip
from tests.core.models import am_flow_nets
from tests.core.tiny import random_model


def every_view(name: str) -> None:
    model = random_model(name)
    clip = rendered_clip(render("tick", 3, frames=model.card.frames, size=(60, 80)))
    trace = observe(model, clip)
    T, h, w = trace.grid
    assert T * spec(name).unit_frames == model.card.frames
    for attention in explain.over_space(trace):
        heat = explain.spatial(trace, attention.layer)
        assert heat.shape == (T, h, w) and np.isfinite(heat).all()
    matrix = explain.temporal(trace)
    assert matrix.shape == (T, T) and np.isfinite(matrix).all() and np.ptp(matrix) > 0
    assert explain.gradcam(model, clip, 2).heat.shape == (T, h, w)
    permutation = np.random.default_rng(0).permutation(T)
    assert sorted(read(model, clip, permutation).order.path) == list(range(T))
    try:
        rolled = explain.rollout(trace)
        assert rolled.shape == (T, h, w) and 0 < rolled.sum() <= 1 + 1e-5
    except BadInput as error:
        assert "rows sum to 1" in str(error)  # noqa: PT017 - signed attention has no rollout
    if spec(name).am_flow:
        flow = explain.am_flow(model, clip)
        assert flow.shape == (T - 1, h, w) and (flow >= 0).all()


def test_am_flow_is_asked_for_by_the_number_of_the_block() -> None:
    net = am_flow_nets.net(am_blocks=(2,), aligning=True)
    card = Card(
        "am_flow",
        "tiny",
        ("a", "b", "c"),
        (0.5,) * 3,
        (0.25,) * 3,
        net.size,
        net.frames,
        "uniform",
        "fit",
        "nothing",
    )
    model = Model(net, card)
    clip = rendered_clip(render("tick", 3, frames=model.card.frames, size=(60, 80)))
    np.testing.assert_array_equal(explain.am_flow(model, clip, 1), explain.am_flow(model, clip))
    with pytest.raises(BadInput, match="block 0 of am_flow has no AM flow; choose one of 1"):
        explain.am_flow(model, clip, 0)


@pytest.mark.parametrize("name", sorted(available()))
def test_a_model_gets_every_view(name: str) -> None:
    every_view(name)


def test_a_new_file_is_a_new_model_on_the_command_line_and_in_every_view(
    toy: str, capsys: pytest.CaptureFixture
) -> None:
    assert toy in available()
    assert main(["models", "--json"]) == 0
    assert toy in [m["name"] for m in json.loads(capsys.readouterr().out)]
    assert main(["count", toy, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == sum(
        p.numel() for p in build(toy).parameters()
    )
    every_view(toy)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("timesformer", False),
        ("videomae", False),
        ("far", False),
        ("am_flow", False),
        ("direcformer", True),
        ("rvit", True),
    ],
)
def test_rollout_is_refused_where_rows_do_not_sum_to_one(name: str, refused: bool) -> None:
    model = random_model(name)
    trace = observe(
        model, rendered_clip(render("left", 1, frames=model.card.frames, size=(60, 80)))
    )
    if refused:
        with pytest.raises(BadInput, match="rollout needs attention whose rows sum to 1"):
            explain.rollout(trace)
    else:
        assert explain.rollout(trace).max() > 0

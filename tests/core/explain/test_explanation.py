"""One pass shows what several would: an explanation against each of its parts on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core import explain
from core.cli import main
from core.errors import BadInput
from core.models import available
from core.observe import observe, to_input
from core.video import Clip
from core.weights import Model, untrained
from core.world.gestures import render, rendered_clip

NAMES = sorted(available())


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    """A random network of each kind, whose branches are all heard."""
    loaded = untrained(request.param)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in loaded.net.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return loaded


@pytest.fixture(scope="module")
def clip(model: Model) -> Clip:
    return rendered_clip(render("tick", 3, frames=model.card.frames, size=(60, 80)))


@contextmanager
def counted(net: nn.Module) -> Iterator[list[int]]:
    """How many passes a network makes, each by the number of its clips."""
    passes: list[int] = []
    hook = net.register_forward_pre_hook(lambda module, given: passes.append(len(given[0])))
    try:
        yield passes
    finally:
        hook.remove()


@pytest.mark.parametrize(
    "explained",
    [
        pytest.param(lambda model, clip: explain.explanation(model, clip), id="explanation"),
        pytest.param(lambda model, clip: explain.gradcam(model, clip, 2), id="gradcam"),
        pytest.param(observe, id="observe"),
    ],
)
def test_one_explanation_takes_one_pass(
    model: Model, clip: Clip, explained: Callable[[Model, Clip], object]
) -> None:
    with counted(model.net) as passes:
        explained(model, clip)
    assert passes == [1]


def test_the_command_line_explains_in_one_pass(
    model: Model, tmp_path: Path, clip_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.weights.load", lambda name: model)
    argv = ["explain", str(clip_file), "--model", model.card.model, "--out", str(tmp_path)]
    with counted(model.net) as passes:
        assert main(argv) == 0
    assert passes == [1]


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "tick.mp4"
    assert main(["render", "--label", "tick", "--seed", "3", "--out", str(path)]) == 0
    return path


def test_an_explanation_is_what_its_parts_are(model: Model, clip: Clip) -> None:
    whole = explain.explanation(model, clip, label="star")
    trace = observe(model, clip)
    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(whole.probabilities, trace.probabilities, **close)
    for one, other in zip(whole.trace.attentions, trace.attentions, strict=True):
        assert (one.name, one.layer) == (other.name, other.layer)
        torch.testing.assert_close(one.q, other.q, **close)
        torch.testing.assert_close(one.k, other.k, **close)
    np.testing.assert_allclose(whole.spatial, explain.spatial(trace), **close)
    np.testing.assert_allclose(whole.temporal, explain.temporal(trace), rtol=1e-3, atol=1e-5)
    target = model.card.labels.index("star")
    cam = explain.gradcam(model, clip, target)
    np.testing.assert_allclose(whole.gradcam.heat, cam.heat, rtol=1e-4, atol=1e-6)
    assert whole.gradcam.target == target
    assert whole.gradcam.probability == pytest.approx(trace.probabilities[target], rel=1e-4)
    assert whole.attention.layer == explain.over_space(trace)[-1].layer
    if model.spec.am_flow:
        assert whole.am_flow is not None
        np.testing.assert_allclose(whole.am_flow, explain.am_flow(model, clip), **close)
    else:
        assert whole.am_flow is None


def test_gradcam_is_that_of_captum(model: Model, clip: Clip) -> None:
    from captum.attr import LayerGradCam

    net, target = model.net, 2
    _, video = to_input(model.card, clip)
    theirs = LayerGradCam(net, net.cam).attribute(video, target=target, relu_attributions=True)
    ours = explain.explanation(model, clip, label=model.card.labels[target]).gradcam.heat
    assert ours.dtype == np.float32 and ours.max() > 0
    np.testing.assert_allclose(ours, theirs[0, 0].detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(explain.gradcam(model, clip, target).heat, ours, atol=1e-6)


def test_an_explanation_leaves_nothing_behind(model: Model, clip: Clip) -> None:
    whole = explain.explanation(model, clip)
    assert whole.gradcam.target == int(whole.probabilities.argmax()), "the most probable class"
    with pytest.raises(BadInput, match="layer 99"):
        explain.explanation(model, clip, layer=99)
    with pytest.raises(BadInput, match="label 'wave'"):
        explain.explanation(model, clip, label="wave")
    assert all(parameter.grad is None for parameter in model.net.parameters())
    assert not model.net.cam._forward_hooks and torch.is_grad_enabled()
    for attention in whole.trace.attentions:
        assert not attention.q.requires_grad and not attention.k.requires_grad


def test_a_pass_that_fails_takes_the_gradients_back(
    model: Model, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(patches: torch.Tensor) -> torch.Tensor:
        raise RuntimeError

    monkeypatch.setattr(model.net.cam, "forward", fails)
    with pytest.raises(RuntimeError):
        explain.explanation(model, clip)
    assert not model.net.cam._forward_hooks and torch.is_grad_enabled()

"""Weights that were trained with another kernel over space, and the projections fitted to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.models import VideoModel, build
from core.models.blocks import Kind
from core.runs import File
from core.weights import load_checkpoint
from tests.training.tiny import RECIPE, TINY
from training.checkpoints import space_before
from training.fit import fit
from training.recipes import Recipe
from training.stages.kernel import refit_space

pytestmark = pytest.mark.usefixtures("tiny")

CLIPS = replace(RECIPE, stills_clips=0, order=0.0, directed=0.0, pairs=1.0)


def network(space: Kind) -> VideoModel:
    """The same weights for either kernel, large enough that a softmax is not flat."""
    torch.manual_seed(5)
    net = build("direcformer", "tiny", space=space)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return net.eval()


def patches(net: VideoModel, video: Tensor) -> Tensor:
    with torch.no_grad():
        return net(video, detail=True).patches


def error(net: VideoModel, video: Tensor) -> float:
    """How far the network's patches are from those of the softmax over space: mean square."""
    return float((patches(net, video) - patches(network("softmax"), video)).square().mean())


def test_a_fitted_projection_brings_the_network_nearer_to_what_it_was() -> None:
    video, other = torch.randn(2, 7, 3, 8, 24, 24, generator=torch.Generator().manual_seed(3))
    net = network("cosine")
    before = error(net, other)
    fits = refit_space(net, "softmax", [video[:4], video[4:]])
    assert error(net, other) < 0.6 * before  # of clips that were not fitted on
    assert len(fits) == TINY["direcformer"]["depth"] and all(0 < fit <= 1 for fit in fits)


def test_the_fit_is_that_of_least_squares_in_one_go() -> None:
    """The first block sees the same tokens under both kernels: its regression can be done again."""
    video = torch.randn(5, 3, 8, 24, 24, generator=torch.Generator().manual_seed(3))
    net, inside = network("cosine"), {}
    for name, model in (("mixed", net), ("wanted", network("softmax"))):

        def keep(module: object, given: tuple[Tensor], result: Tensor, name: str = name) -> None:
            inside[name] = (given[0] if name == "mixed" else result).flatten(0, -2).double()

        hook = model.blocks[0].attn.proj.register_forward_hook(keep)
        patches(model, video)
        hook.remove()
    fits = refit_space(net, "softmax", [video[:2], video[2:]])
    mixed = torch.cat([inside["mixed"], torch.ones(len(inside["mixed"]), 1)], 1)
    ridge = 1e-3 * (mixed.T @ mixed).diagonal().mean()
    damped = torch.cat([mixed, ridge.sqrt() * torch.eye(mixed.shape[1])])
    wanted = torch.cat([inside["wanted"], torch.zeros(mixed.shape[1], inside["wanted"].shape[1])])
    expected = torch.linalg.lstsq(damped, wanted).solution
    projection = net.blocks[0].attn.proj
    assert torch.allclose(projection.weight.double(), expected[:-1].T, atol=1e-4)
    assert torch.allclose(projection.bias.double(), expected[-1], atol=1e-4)
    wanted = inside["wanted"]
    lost = (wanted - mixed @ expected).square().sum() / (wanted - wanted.mean(0)).square().sum()
    assert fits[0] == pytest.approx(1 - float(lost), abs=1e-6)


def test_a_network_of_the_same_kernel_is_fitted_to_itself() -> None:
    video = torch.randn(6, 3, 8, 24, 24, generator=torch.Generator().manual_seed(3))
    net = network("softmax")
    fits = refit_space(net, "softmax", [video])
    assert min(fits) > 0.99
    assert error(net, video) < 1e-2


def test_weights_of_the_same_kernel_and_weights_of_strangers_are_left_alone() -> None:
    own = {"model": "direcformer", "preset": "tiny", "clips": 1, "name": "a run"}
    cosine = replace(CLIPS, settings={"space": "cosine"})
    assert space_before([own], CLIPS) is None
    assert space_before([own], cosine) == "softmax"
    assert space_before([own | {"settings": {"space": "cosine"}}], CLIPS) == "cosine"
    assert space_before([own | {"settings": {"space": "cosine"}}], cosine) is None
    assert space_before([{"name": "weights", "trained_on": "whatever"}], cosine) is None
    assert space_before([], cosine) is None
    for odd in ({"model": "lost"}, {"model": [1]}, {"settings": "space"}, {"preset": 3}):
        assert space_before([own | odd], cosine) is None
    rvit = Recipe("rvit", "tiny")
    assert space_before([own | {"model": "rvit"}], rvit) is None


def test_a_run_that_starts_from_another_kernel_says_so_and_goes_on_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    start = fit(CLIPS, "start", tmp_path / "start").parent / File.VIDEO
    recipe = replace(CLIPS, init=str(start), settings={"space": "cosine"}, seed=1)
    capsys.readouterr()
    checkpoint = fit(recipe, "cosine", tmp_path / "cosine")
    assert "attention over space was softmax and is another kernel here" in capsys.readouterr().err
    stage = load_checkpoint(checkpoint).card.recipe["stages"][-1]
    assert stage["settings"] == {"space": "cosine"}
    assert stage["after"] == "projections of the space attention fitted anew to its new kernel"
    again = fit(recipe, "cosine", tmp_path / "cosine")  # over: nothing is fitted a second time
    assert again == checkpoint and "another kernel" not in capsys.readouterr().err
    weights = load_file(checkpoint)
    assert all(torch.isfinite(value.float()).all() for value in weights.values())

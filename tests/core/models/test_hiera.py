"""Hiera gives what transformers' Hiera gives, and its maps are of windows, stages and frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core import explain
from core.draw import packing
from core.errors import BadInput
from core.models.am_flow import am_flow
from core.models.hiera import Hiera, places, pooled, unrolled
from core.observe import Trace, observe, to_input
from core.video import Clip, subclip
from core.weights import Model, hub, load_checkpoint
from core.world.gestures import render, rendered_clip
from tests.core.models.nets import randomised

FRAMES = 3
TINY: dict[str, Any] = {
    "image_size": [48, 48],
    "patch_size": [3, 3],
    "patch_stride": [2, 2],
    "patch_padding": [1, 1],
    "embed_dim": 6,
    "depths": [1, 2, 2, 2],
    "num_heads": [1, 2, 3, 2],
}
"""24 x 24 patches in units of 8 x 8, then 12, 6 and 3 a side."""


def public(**settings: Any) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(4)
    return transformers.HieraModel(transformers.HieraConfig(**TINY | settings)).eval()


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    return randomised(public(), seed=3)


@pytest.fixture(scope="module")
def folder(theirs: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "hiera"
    theirs.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_checkpoint(folder)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return subclip(rendered_clip(render("star", 3, frames=6)), frames=FRAMES)


@pytest.fixture(scope="module")
def trace(model: Model, clip: Clip) -> Trace:
    return observe(model, clip)


@torch.inference_mode()
def attentions_of(theirs: nn.Module, frames: Tensor) -> tuple[list[Tensor], Tensor]:
    """Every layer's map (frames, heads, windows, queries, keys), and the tokens that come out.

    Theirs keep only the last one of each stage.
    """
    maps: list[Tensor] = []
    hooks = []
    for stage in theirs.encoder.stages:
        for layer in stage.layers:
            hooks += [
                layer.attn.register_forward_pre_hook(
                    lambda module, args, kwargs: (args, {"output_attentions": True}),
                    with_kwargs=True,
                ),
                layer.attn.register_forward_hook(lambda module, args, out: maps.append(out[1])),
            ]
    tokens = theirs(frames, interpolate_pos_encoding=True).last_hidden_state
    for hook in hooks:
        hook.remove()
    return maps, tokens


def largest_difference(model: Model, theirs: nn.Module, clip: Clip) -> tuple[float, float]:
    """Of the maps of all layers, and of the tokens of the last stage."""
    _, video = to_input(model.card, clip)
    frames = video[0].transpose(0, 1)
    maps, tokens = attentions_of(theirs, frames)
    trace = observe(model, clip)
    assert len(maps) == len(trace.attentions)
    worst = 0.0
    for attention, expected in zip(trace.attentions, maps, strict=True):
        ours = attention.kernel.weights(attention.q, attention.k)
        stride = ours.shape[2] // expected.shape[3]
        ours = ours.unflatten(0, (len(frames), -1)).unflatten(3, (stride, -1))
        for pooled_from in ours.unbind(3):  # each patch that a pooled query stands for
            difference = pooled_from.transpose(1, 2) - expected
            worst = max(worst, float(difference.abs().max()))
    with torch.inference_mode():
        own = model.net.vit(frames)
    return worst, float((own - tokens).abs().max())


def test_a_folder_gives_the_maps_of_all_layers_and_the_tokens_of_transformers(
    model: Model, theirs: nn.Module, clip: Clip
) -> None:
    maps, tokens = largest_difference(model, theirs, clip)
    assert maps < 1e-5 and tokens < 1e-5
    assert model.card.settings["depths"] == [1, 2, 2, 2]
    assert model.card.labels == () and model.card.trained_on


def test_the_pooled_output_is_the_mean_token_after_the_norm(
    model: Model, theirs: nn.Module, clip: Clip
) -> None:
    _, video = to_input(model.card, clip)
    with torch.inference_mode():
        expected = theirs(video[0].transpose(0, 1)).pooler_output
        output = model.net(video, detail=True)
    torch.testing.assert_close(output.features.view(FRAMES, -1), expected, atol=1e-5, rtol=1e-5)
    assert output.patches.shape == (1, FRAMES, 3, 3, 48)


@pytest.mark.long
def test_at_its_real_size_it_gives_what_transformers_gives(tmp_path: Path, clip: Clip) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(5)
    theirs = transformers.HieraModel(transformers.HieraConfig()).eval()
    theirs.save_pretrained(tmp_path)
    model = load_checkpoint(tmp_path)
    named = hub.NAMED["Hiera-B"]
    assert (model.card.model, model.card.preset) == (named.model, named.preset)
    maps, tokens = largest_difference(model, theirs, subclip(clip, frames=2))
    assert maps < 1e-5 and tokens < 1e-4
    assert [a.grid[1] for a in observe(model, subclip(clip, frames=2)).attentions] == (
        [56] * 3 + [28] * 3 + [14] * 16 + [7] * 2
    )


def test_other_files_of_it_load_and_say_what_was_left_out(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.HieraConfig(**TINY, decoder_hidden_size=8, decoder_depth=1)
    config.decoder_num_heads = 2
    transformers.HieraForPreTraining(config).save_pretrained(tmp_path / "mae")
    assert load_checkpoint(tmp_path / "mae").card.trained_on == "", "as it starts"
    classifier = randomised(transformers.HieraForImageClassification(config), seed=1)
    classifier.save_pretrained(tmp_path / "tuned")
    assert "classifier" in load_checkpoint(tmp_path / "tuned").card.trained_on


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"depths": [2, 1, 2, 1]}, "depths"),
        ({"num_query_pool": 2}, "num_query_pool"),
        ({"query_stride": [4, 4]}, "query_stride"),
        ({"num_heads": [1, 2]}, "num_heads"),
        ({"model_type": "hiera_video"}, "hiera_video"),
    ],
)
def test_a_config_of_another_network_is_refused(
    folder: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    import json
    import shutil

    odd = shutil.copytree(folder, tmp_path / "odd")
    old = json.loads((folder / "config.json").read_text())
    (odd / "config.json").write_text(json.dumps(old | config))
    with pytest.raises(BadInput, match=words) as error:
        load_checkpoint(odd)
    assert "\n" not in str(error.value)


def test_unrolled_tokens_are_pooled_by_quarters() -> None:
    """Of 4 x 4 patches the largest of each 2 x 2."""
    grid = torch.arange(16.0).view(1, 4, 4, 1)
    assert pooled(unrolled(grid, 1), 4).flatten().tolist() == [5, 7, 13, 15]
    assert places(4, 4, 0, 2).tolist()[:4] == [0, 2, 8, 10], "the first of each 2 x 2"


def test_a_patch_sees_its_window_alone_in_the_early_stages(trace: Trace) -> None:
    heat = explain.hover(trace, layer=0, query=(1, 9, 20))
    seen = ~np.isnan(heat[1])
    rows, columns = np.nonzero(seen)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 16, 23)
    assert seen.sum() == 64
    np.testing.assert_allclose(np.nansum(heat[1]), 1, rtol=1e-5)
    everywhere = explain.hover(trace, layer=4, query=(1, 3, 2))
    assert not np.isnan(everywhere).any()


def test_a_pooled_query_stands_for_the_four_patches_that_it_was_pooled_from(trace: Trace) -> None:
    """Layer 1 begins stage 2: its keys are on the grid of stage 1."""
    heats = [explain.hover(trace, 1, query=(0, row, col))[0] for row in (4, 5) for col in (6, 7)]
    for heat in heats[1:]:
        np.testing.assert_array_equal(heat, heats[0])
    other = explain.hover(trace, 1, query=(0, 4, 5))[0]
    assert np.nanmax(np.abs(other - heats[0])) > 1e-3


@pytest.mark.parametrize("layer", range(7))
def test_am_flow_is_defined_on_what_both_frames_share(trace: Trace, layer: int) -> None:
    """In every window, over its keys: a still clip has ones or zeros, as with any map."""
    attention = trace.attentions[layer]
    T, h, w = attention.grid
    flow = explain.flow_of(trace, "static", layer)
    np.testing.assert_allclose(flow.sum((1, 2)), h * w, rtol=1e-4)
    logits = (attention.q @ attention.k.transpose(-2, -1) * attention.kernel.scale).mean(1)
    windows = len(logits) // T
    keys = attention.layout.keys[windows - 1]
    expected = am_flow(logits[windows - 1], logits[2 * windows - 1], "static")
    np.testing.assert_allclose(flow[0].flatten()[keys], expected, rtol=1e-4)
    still = Trace(**{**vars(trace), "attentions": (held(attention),)})
    np.testing.assert_allclose(explain.flow_of(still, "static", layer), 1, rtol=1e-5)
    for mode in ("post", "pre"):
        assert not explain.flow_of(still, mode, layer).any()


def held(attention: Any) -> Any:
    """The attention of a clip whose frames are all as the first."""
    from dataclasses import replace

    T = attention.grid[0]
    windows = len(attention.q) // T
    q, k = (factor[:windows].repeat(T, 1, 1, 1) for factor in (attention.q, attention.k))
    return replace(attention, q=q, k=k)


def test_the_frame_matrix_is_there_for_every_layer(trace: Trace) -> None:
    for layer in range(7):
        matrix = explain.temporal(trace, layer)
        assert matrix.shape == (FRAMES, FRAMES) and (np.diag(matrix) == 0).all()


def test_the_viewer_is_told_the_grid_of_each_stage(trace: Trace) -> None:
    import json

    payload = packing.pack(trace)
    header = json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])
    grids = {tap["name"]: tap["grid"] for tap in header["taps"]}
    assert grids == {
        "stage4": [FRAMES, 3, 3],
        "stage3": [FRAMES, 6, 6],
        "stage2": [FRAMES, 12, 12],
        "stage1": [FRAMES, 24, 24],
    }
    assert sorted(layer["layer"] for layer in header["layers"]) == list(range(7))
    assert {m["layer"] for m in header["matrices"]} == set(range(7))


def test_pictures_that_are_not_whole_units_are_refused() -> None:
    net = Hiera(size=48, patch=2, width=6, depths=(1, 1, 1, 1), heads=(1, 1, 1, 1))
    with pytest.raises(BadInput, match="whole units of 16 pixels, got 40 x 48"):
        net(torch.zeros(1, 3, 40, 48))
    with pytest.raises(BadInput, match="must say something of each stage"):
        Hiera(size=48, patch=2, width=6, depths=(1, 1), heads=(1,))
    with pytest.raises(BadInput, match="hold whole units"):
        Hiera(size=40, patch=2, width=6)

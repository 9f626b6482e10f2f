"""Frozen image models from the hub's files: what transformers gives, and no class invented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core import explain
from core.errors import BadInput
from core.models import image_models
from core.observe import observe, to_input
from core.order import read
from core.video import Clip, subclip
from core.weights import Model, hub, load_checkpoint, save_checkpoint
from core.weights.card import NO_CLASSES
from core.world.gestures import render, rendered_clip
from tests.hub_images import FAMILIES, FAMILY, REAL, SIDE, SIZE, looking, public, save, saved

FRAMES = 3


@pytest.fixture(scope="module")
def clip() -> Clip:
    return subclip(rendered_clip(render("star", 3, frames=6)), frames=FRAMES)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each family with signs of training."""
    root = tmp_path_factory.mktemp("hub")
    for family in FAMILIES:
        saved(family, root / family)
    return {family: root / family for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@torch.inference_mode()
def largest_difference(model: Model, theirs: nn.Module, clip: Clip) -> tuple[float, float]:
    """Of the attention maps of all layers and heads, and of all tokens after the final norm."""
    _, video = to_input(model.card, clip)
    frames = video[0].transpose(0, 1)
    more = {} if "Dinov2" in type(theirs).__name__ else {"interpolate_pos_encoding": True}
    out = looking(theirs)(frames, output_attentions=True, **more)
    tokens = out.last_hidden_state
    if hasattr(looking(theirs), "post_layernorm"):  # which CLIP applies to the class token alone
        tokens = looking(theirs).post_layernorm(tokens)
    trace = observe(model, clip)
    maps = [a.kernel.weights(a.q, a.k) for a in trace.attentions]
    assert [m.shape for m in maps] == [m.shape for m in out.attentions]
    output = model.net(video, detail=True)
    patches = output.patches[0].flatten(1, 2)
    return (
        max(difference(*pair) for pair in zip(maps, out.attentions, strict=True)),
        max(
            difference(patches, tokens[:, 1:]),
            difference(output.features.view(len(tokens), -1), tokens[:, 0]),
        ),
    )


def difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def test_a_folder_gives_the_maps_and_the_tokens_of_transformers(
    family: str, folders: dict[str, Path], clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    theirs = saved(family, folders[family].parent / "again")
    maps, tokens = largest_difference(model, theirs, clip)
    assert maps < 1e-5 and tokens < 1e-5
    assert (model.card.model, model.card.size) == (family, SIZE)


def test_positions_are_interpolated_to_the_size_that_the_processor_names(
    family: str, tmp_path: Path, clip: Clip
) -> None:
    """43 pixels hold six whole patches, of which the table has four."""
    theirs = saved(family, tmp_path, size=43)
    model = load_checkpoint(tmp_path)
    assert model.card.size == 42 and model.card.settings["positions"] == SIZE
    maps, tokens = largest_difference(model, theirs, clip)
    assert maps < 1e-5 and tokens < 1e-5
    assert observe(model, clip).grid == (FRAMES, 6, 6)


@pytest.mark.long
@pytest.mark.parametrize("name", REAL)
def test_at_its_real_size_each_named_checkpoint_gives_what_transformers_gives(
    name: str, tmp_path: Path, clip: Clip
) -> None:
    theirs = public(FAMILY[name], tiny=False, **REAL[name])
    save(theirs, tmp_path, size=224)
    model = load_checkpoint(tmp_path)
    named = hub.NAMED[name]
    assert (model.card.model, model.card.preset) == (named.model, named.preset)
    maps, tokens = largest_difference(model, theirs, subclip(clip, frames=2))
    assert maps < 1e-5 and tokens < 1e-4


def test_a_card_says_what_is_there_and_what_of_the_file_was_not_used(
    folders: dict[str, Path],
) -> None:
    card = load_checkpoint(folders["clip"]).card
    assert card.labels == () and not card.names_classes
    assert (card.mean[0], card.std[0]) == (0.48145466, 0.26862954)
    assert "not used of the file: " in card.trained_on and "text_model" in card.trained_on
    assert card.license == "unknown (the authors' own weights: MIT)"
    assert "mask_token" in load_checkpoint(folders["dinov2"]).card.trained_on


def test_weights_that_learned_nothing_are_called_random(
    family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    saved(family, tmp_path, trained=False)
    assert load_checkpoint(tmp_path).card.trained_on == ""
    assert load_checkpoint(folders[family]).card.trained_on


def test_every_view_follows_from_attention_within_frames(
    family: str, folders: dict[str, Path], clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    trace = observe(model, clip)
    [first, _] = trace.attentions
    assert first.q.shape[0] == FRAMES and trace.logits.shape == (0,)
    assert explain.views(trace) == ("each frame separately",)
    heat = explain.hover(trace, query=(1, 2, 3))
    own = trace.attentions[-1].map()[2, 1 + 2 * SIDE + 3, 1:].view(SIDE, SIDE)
    np.testing.assert_allclose(heat[2], own, atol=1e-6)
    with pytest.raises(BadInput, match="no view 'time'"):
        explain.hover(trace, query=(1, 2, 3), view="time")


def test_what_it_makes_of_a_frame_depends_on_no_other_frame(
    family: str, folders: dict[str, Path], clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    whole, alone = observe(model, clip), observe(model, subclip(clip, frames=2))
    torch.testing.assert_close(whole.attentions[-1].q[0], alone.attentions[-1].q[0])


def test_the_frame_matrix_is_minus_the_am_flow_and_tells_no_direction(
    family: str, folders: dict[str, Path], clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    trace = observe(model, clip)
    matrix = explain.temporal(trace)
    attention = trace.attentions[-1]
    logits = (attention.q @ attention.k.transpose(-2, -1) * attention.kernel.scale).mean(1)
    attended = logits.softmax(-1).sum(-2)
    expected = -(attended[0] - attended[2]).abs().sum()
    np.testing.assert_allclose(matrix[0, 2], expected, rtol=1e-4)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    reading = read(model, clip, (2, 0, 1))
    assert reading.order.verdict != "known" and reading.order.ties_backwards
    for mode in ("static", "post", "pre"):
        assert explain.flow_of(trace, mode).shape == (FRAMES - 1, SIDE, SIDE)
    np.testing.assert_allclose(explain.am_flow(model, clip), explain.flow_of(trace, "static"))


def test_classes_and_gradcam_are_refused_in_one_line(
    family: str, folders: dict[str, Path], clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    for ask in (
        lambda: explain.gradcam(model, clip, 0),
        lambda: explain.explanation(model, clip, label="star"),
        lambda: explain.target_index(model.card, None, np.zeros(0)),
    ):
        with pytest.raises(BadInput) as error:
            ask()
        assert NO_CLASSES in str(error.value) and "\n" not in str(error.value)
    shown = explain.explanation(model, clip)
    assert shown.gradcam is None and len(shown.probabilities) == 0
    assert shown.am_flow is not None and shown.am_flow.shape == (FRAMES - 1, SIDE, SIDE)


def test_saved_with_its_card_it_comes_back_the_same(
    family: str, folders: dict[str, Path], tmp_path: Path, clip: Clip
) -> None:
    model = load_checkpoint(folders[family])
    save_checkpoint(tmp_path / "ours.safetensors", model.net.state_dict(), model.card)
    again = load_checkpoint(tmp_path / "ours.safetensors")
    assert (again.card.labels, again.card.settings) == ((), model.card.settings)
    halves = explain.spatial(observe(again, clip))
    np.testing.assert_allclose(halves, explain.spatial(observe(model, clip)), atol=1e-2)


def spoiled(folder: Path, target: Path, config: dict[str, object], **tensors: Tensor) -> Path:
    """A copy with other values in its config.json, and more tensors."""
    target.mkdir()
    old = json.loads((folder / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(old | config))
    state = load_file(folder / "model.safetensors") | tensors
    save_file(state, target / "model.safetensors")
    return target


@pytest.mark.parametrize(
    ("config", "tensors", "words"),
    [
        ({"model_type": "dinov2_with_registers"}, (), "'dinov2_with_registers'"),
        ({"model_type": "beit"}, (), "'beit'"),
        ({"hidden_size": 31}, (), "width should be 31, its tensors have 30"),
        ({"num_attention_heads": 4}, (), "number of heads cannot be told"),
        ({"image_size": 21}, (), "positions should be 21, its tensors have 28"),
        ({"hidden_act": "relu"}, (), "hidden_act 'relu'"),
        ({"layer_norm_eps": 2}, (), "layer_norm_eps 2"),
        ({}, ("embeddings.register_tokens",), "register_tokens, which would go unused"),
        ({}, ("encoder.layer.0.attention.attention.rope",), "which would go unused"),
    ],
)
def test_another_network_is_refused_and_nothing_of_it_goes_unused_in_silence(
    folders: dict[str, Path],
    tmp_path: Path,
    config: dict[str, object],
    tensors: tuple[str, ...],
    words: str,
) -> None:
    more = {name: torch.zeros(1, 2) for name in tensors}
    path = spoiled(folders["dinov2"], tmp_path / "odd", config, **more)
    with pytest.raises(BadInput) as error:
        load_checkpoint(path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_file_of_the_authors_without_a_config_loads_by_its_shapes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = image_models()["dinov2"].make(
        size=28, patch=14, width=64, depth=1, heads=1, layer_scale=True
    )
    torch.save(net.vit.state_dict(), tmp_path / "dinov2_vits14.pth")
    card = load_checkpoint(tmp_path / "dinov2_vits14.pth").card
    assert (card.model, card.size, card.settings["heads"]) == ("dinov2", 28, 1)
    assert card.trained_on == "", "its norms are as a network starts"


def test_every_image_model_that_is_named_can_be_built() -> None:
    named = [each for each in hub.offered() if each.is_image]
    assert named == hub.offered()[: len(named)], "they come first"
    assert {each.name for each in named} == {*REAL, "Hiera-B"}, "tests/core/models/test_hiera.py"
    for each in named:
        assert each.preset in image_models()[each.model].presets

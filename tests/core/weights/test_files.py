"""Checkpoints with their cards, and public state dicts, each refusal with one clear line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import BadInput
from core.models import build
from core.models.direcformer import DirecFormer
from core.weights import (
    VARIANTS,
    Card,
    embedded,
    file_hash,
    load,
    load_checkpoint,
    model_of,
    save_checkpoint,
    shipped,
    shipped_as,
    shipped_title,
    shipped_with,
    weights_sha256,
)
from core.weights import files as weights
from core.weights.files import load_public
from core.world.gestures import LABELS

CARD = Card(
    model="direcformer",
    preset="gesture",
    labels=LABELS,
    mean=(0.5, 0.4, 0.3),
    std=(0.1, 0.2, 0.3),
    size=96,
    frames=8,
    sampling="uniform",
    crop="fit",
    trained_on="nothing",
    direction_threshold=0.25,
    recipe={"lr": 3e-4},
    license="Apache-2.0",
)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return build("direcformer")


@pytest.fixture
def saved(model: nn.Module, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model.state_dict(), CARD)
    return path


def refused(path: Path | str, *words: str) -> None:
    with pytest.raises(BadInput) as error:
        load_checkpoint(path)
    message = str(error.value)
    assert "\n" not in message
    assert Path(path).name in message
    for word in words:
        assert word in message


def test_a_checkpoint_comes_back_with_its_card_in_half_precision(
    model: nn.Module, saved: Path
) -> None:
    loaded = load_checkpoint(saved)
    found, card = loaded.net, loaded.card
    assert replace(card, hash="") == CARD
    assert (
        isinstance(card.labels, tuple)
        and isinstance(card.mean, tuple)
        and isinstance(card.std, tuple)
    )
    assert not found.training
    assert found.state_dict().keys() == model.state_dict().keys()
    for key, value in found.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, model.state_dict()[key].half().float()), key
    assert saved.stat().st_size < 2.1 * sum(p.numel() for p in model.parameters())


def test_the_card_names_the_weights_by_the_hash_of_the_file(saved: Path) -> None:
    expected = hashlib.sha256(saved.read_bytes()).hexdigest()[:8]
    assert file_hash(saved) == expected
    assert load_checkpoint(saved).card.hash == expected


def test_a_checkpoint_is_built_with_the_settings_of_its_card(tmp_path: Path) -> None:
    model = build("direcformer", classes=3, space="cosine", order_head=False)
    card = replace(CARD, labels=("a", "b", "c"), settings={"space": "cosine", "order_head": False})
    save_checkpoint(tmp_path / "m.safetensors", model.state_dict(), card)
    found = load_checkpoint(str(tmp_path / "m.safetensors")).net
    assert (
        found.order_head is None
        and found.head.out_features == 3
        and found.blocks[0].attn.tap.kernel.kind == "cosine"
    )


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothere.safetensors", "does not exist")
    refused(tmp_path, "model.safetensors")


@pytest.mark.parametrize("content", [b"", b"not weights at all", b'\x08\0\0\0\0\0\0\0{"a": 1'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(content)
    refused(path, "not a safetensors file")


def test_a_checkpoint_that_was_cut_short_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1000])
    refused(saved, "not a safetensors file")


def test_weights_without_a_card_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "bare.safetensors")
    refused(tmp_path / "bare.safetensors", "no model card")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "nothere"},
        {"preset": "nothere"},
        {"settings": {"time": "linear"}},
        {"settings": {"tempo": 3}},
        {"surprise": 1},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    model: nn.Module, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(
        {k: v.half() for k, v in model.state_dict().items()},
        path,
        metadata={"card": json.dumps(asdict(CARD) | change)},
    )
    refused(path, "card")


@pytest.mark.parametrize("card", ["{", "[]", "3", "{}", "null"])
def test_a_card_that_cannot_be_read_is_refused(tmp_path: Path, card: str) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "odd.safetensors", metadata={"card": card})
    refused(tmp_path / "odd.safetensors", "card")


def test_weights_that_do_not_fit_their_card_are_refused(model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    state = model.state_dict()
    save_checkpoint(path, state, replace(CARD, labels=LABELS[:7]))
    refused(path, "does not fit")
    save_checkpoint(path, {k: v for k, v in state.items() if k != "cls_token"}, CARD)
    refused(path, "does not fit")
    save_checkpoint(path, state | {"extra": torch.zeros(3)}, CARD)
    refused(path, "does not fit")


def test_shipped_checkpoints_are_found_by_name(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (saved.parent / "direcformer.safetensors").write_bytes(saved.read_bytes())
    monkeypatch.setattr(weights, "CHECKPOINTS", saved.parent)
    (saved.parent / "direcformer_cc.safetensors").write_bytes(saved.read_bytes())
    shipped.cache_clear()
    try:
        assert list(embedded()) == ["direcformer", "model"]
        assert list(shipped()) == ["direcformer", "model", "direcformer_cc"]
        assert load("direcformer").card.labels == LABELS
        with pytest.raises(BadInput, match="direcformer"):
            load("nothere")
    finally:
        shipped.cache_clear()


def test_a_variant_is_its_model_with_other_settings_under_a_name_of_its_own() -> None:
    assert set(VARIANTS) == set(shipped()) - set(embedded())
    for name, about in VARIANTS.items():
        usual, variant = load(about.model), load(name)
        assert model_of(name) == variant.card.model == about.model
        assert name.startswith(about.model), "so its domain check is found beside its model's"
        assert variant.card.settings == usual.card.settings | about.settings
        assert shipped_title(name) == about.title != shipped_title(about.model)
        assert shipped_with(about.model, about.settings) == name
        assert shipped_as(weights_sha256(shipped()[name]), "far") == name
    assert shipped_as("0" * 64, "far") == "far"
    assert shipped_with("direcformer", {}) == "direcformer"
    assert shipped_with("timesformer", {"space": "cosine"}) == "timesformer"


def test_every_shipped_checkpoint_loads_and_is_small() -> None:
    for name, path in shipped().items():
        model = load(name)
        card = model.card
        assert (
            card.model == model_of(name)
            and "core.world" in card.trained_on
            and path.stat().st_size <= 8_000_000
        )
        assert model.net(torch.zeros(1, 3, card.frames, card.size, card.size)).shape == (
            1,
            len(card.labels),
        )


# -- public layouts

SIZES = {
    "classes": 11,
    "size": 21,
    "patch": 7,
    "frames": 3,
    "width": 30,
    "depth": 2,
    "heads": 5,
    "order_head": False,
}


def video_model(**settings: object) -> DirecFormer:
    torch.manual_seed(1)
    model = DirecFormer(**SIZES | settings)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model


def assert_same(model: nn.Module, state: dict[str, Tensor], but: tuple[str, ...] = ()) -> None:
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]) == (key not in but), key


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"model_state": s, "epoch": 3},
        lambda s: {"state_dict": s},
        lambda s: {"model": s},
        lambda s: {"module": s},
        lambda s: {f"model.{k}": v for k, v in s.items()},
        lambda s: {"model_state": {f"model.{k}": v for k, v in s.items()}},
    ],
    ids=[
        "plain",
        "model_state",
        "state_dict",
        "model",
        "module",
        "prefix",
        "model_state and prefix",
    ],
)
def test_the_authors_layout_loads_bit_for_bit(wrap: object) -> None:
    source = video_model().state_dict()
    torch.manual_seed(2)
    model = DirecFormer(**SIZES)
    report = load_public(model, wrap(source))
    assert set(report.loaded) == set(source)
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    assert_same(model, source)


def test_the_report_names_what_did_not_fit() -> None:
    source = video_model(classes=7).state_dict()
    del source["blocks.1.temporal_fc.bias"]
    source["blocks.0.gadget.weight"] = torch.zeros(3)
    torch.manual_seed(2)
    model = DirecFormer(**SIZES)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    report = load_public(model, source)
    assert report.missing == ("blocks.1.temporal_fc.bias",)
    assert report.unexpected == ("blocks.0.gadget.weight",)
    assert set(report.mismatched) == {"head.weight", "head.bias"}
    assert len(report.loaded) + 3 == len(model.state_dict())
    for key in (*report.missing, *report.mismatched):
        assert torch.equal(model.state_dict()[key], before[key])
    assert_same(model, before | {k: source[k] for k in report.loaded})


def test_a_time_embedding_of_another_length_is_resized_by_nearest_neighbour() -> None:
    source = video_model().state_dict()
    source["time_embed"] = torch.arange(3.0)[None, :, None].expand(1, 3, 30)
    model = DirecFormer(**SIZES | {"frames": 5})
    report = load_public(model, source)
    assert not report.mismatched and "time_embed" in report.loaded
    assert model.time_embed[0, :, 0].tolist() == [0, 0, 1, 1, 2]  # floor(t * 3 / 5)


def test_every_layer_of_the_transformers_layout_lands_in_its_own_place() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.TimesformerConfig(
        image_size=21,
        patch_size=7,
        num_frames=3,
        hidden_size=30,
        num_hidden_layers=2,
        num_attention_heads=5,
        intermediate_size=120,
        num_labels=11,
    )
    source = transformers.TimesformerForVideoClassification(config).state_dict()
    source = {k: torch.full_like(v, float(i)) for i, (k, v) in enumerate(source.items())}
    model = DirecFormer(**SIZES)
    report = load_public(model, source)
    assert not report.missing and not report.unexpected and not report.mismatched
    values = [v.flatten()[0].item() for v in model.state_dict().values()]
    assert sorted(values) == [float(i) for i in range(len(source))], (
        "each tensor is used exactly once"
    )
    state = model.state_dict()
    prefix = "timesformer.encoder.layer.1."
    names = list(source)
    for ours, theirs in {
        "temporal_norm1": "temporal_layernorm",
        "temporal_attn.qkv": "temporal_attention.attention.qkv",
        "temporal_attn.proj": "temporal_attention.output.dense",
        "temporal_fc": "temporal_dense",
        "norm1": "layernorm_before",
        "attn.qkv": "attention.attention.qkv",
        "attn.proj": "attention.output.dense",
        "norm2": "layernorm_after",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }.items():
        for kind in ("weight", "bias"):
            assert state[f"blocks.1.{ours}.{kind}"].flatten()[0] == names.index(
                f"{prefix}{theirs}.{kind}"
            )

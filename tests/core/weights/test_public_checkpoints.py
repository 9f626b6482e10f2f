"""Public checkpoints from files and folders: the same numbers as transformers.

Nothing is left to chance.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.cli import main
from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.models import available
from core.models.direcformer import DirecFormer
from core.observe import observe, to_input
from core.video import subclip
from core.weights import Card, load_checkpoint, save_checkpoint
from core.world.gestures import render, rendered_clip

SIZES = {
    "classes": 7,
    "size": 28,
    "patch": 7,
    "frames": 3,
    "width": 128,
    "depth": 2,
    "heads": 2,
    "order_head": False,
}


@pytest.fixture
def folder(timesformer_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(timesformer_folder, tmp_path / "copy")


def spoil(folder: Path, drop: str = "", **changes: torch.Tensor) -> None:
    state = {
        k: v
        for k, v in load_file(folder / "model.safetensors").items()
        if not drop or drop not in k
    } | changes
    save_file(state, folder / "model.safetensors")


def refused(path: Path, *words: str) -> None:
    with pytest.raises(BadInput) as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    for word in words:
        assert word in str(error.value), str(error.value)


def test_a_folder_gives_the_logits_of_transformers(timesformer_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.TimesformerForVideoClassification.from_pretrained(
        timesformer_folder
    ).eval()
    model = load_checkpoint(timesformer_folder)
    net, card = model.net, model.card
    assert (
        card.norm_eps
        == theirs.config.layer_norm_eps
        == net.norm.eps
        == net.blocks[1].temporal_norm1.eps
        == 0.02
    )
    clip = subclip(
        rendered_clip(render("star", 3, frames=6)),
        frames=3,
        sampling=card.sampling,
        stride=card.stride,
    )
    _, video = to_input(card, clip)
    with torch.inference_mode():
        expected = theirs(video.transpose(1, 2)).logits[0]
    trace = observe(model, clip)
    np.testing.assert_allclose(trace.logits, expected.numpy(), atol=1e-5)
    assert np.ptp(trace.logits) > 1e-3 and not net.training


@pytest.mark.skipif("videomae" not in available(), reason="there is no model videomae yet")
def test_videomae_loads_from_the_hubs_files_too_unless_it_was_only_pretrained(
    tmp_path: Path,
) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    sizes = {
        "image_size": 28,
        "patch_size": 7,
        "num_frames": 6,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 192,
    }
    theirs = transformers.VideoMAEForVideoClassification(
        transformers.VideoMAEConfig(num_labels=5, **sizes)
    ).eval()
    theirs.save_pretrained(tmp_path / "tuned")
    model = load_checkpoint(tmp_path / "tuned")
    net, card = model.net, model.card
    video = torch.randn(1, 3, 6, 28, 28, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(
            net(video), theirs(video.transpose(1, 2)).logits, atol=1e-5, rtol=1e-4
        )
    assert (card.frames, card.norm_eps, card.settings["heads"]) == (6, 1e-12, 3)
    transformers.VideoMAEForPreTraining(transformers.VideoMAEConfig(**sizes)).save_pretrained(
        tmp_path / "pretrained"
    )
    refused(tmp_path / "pretrained", "no classification head")


def test_what_the_hubs_processor_says_is_what_the_model_sees(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 0.125]})
    )
    (folder / "README.md").write_text(
        '---\ntags: [video]\nlicense: "cc-by-nc-4.0"\n---\n# License: all mine\n'
    )
    card = load_checkpoint(folder).card
    assert card.license == "cc-by-nc-4.0"
    clip = subclip(rendered_clip(render("star", 3, frames=6)), frames=3)
    seen, video = to_input(card, clip)
    np.testing.assert_allclose(
        video[0, 1, 2].numpy(), (seen[2, ..., 1] / 255 - 0.2) / 0.25, atol=1e-5
    )


def test_a_readme_without_a_head_tells_no_license(folder: Path) -> None:
    (folder / "README.md").write_text("# A model\nlicense: mit\n")
    assert load_checkpoint(folder).card.license.startswith("unknown")


def test_a_public_model_saved_with_its_card_comes_back_the_same(
    timesformer_folder: Path, tmp_path: Path
) -> None:
    model = load_checkpoint(timesformer_folder)
    net, card = model.net, model.card
    save_checkpoint(tmp_path / "ours.safetensors", net.state_dict(), card)
    again = load_checkpoint(tmp_path / "ours.safetensors")
    kept = again.card
    assert (kept.labels, kept.stride, kept.norm_eps) == (
        card.labels,
        card.stride,
        0.02,
    ) and again.net.norm.eps == 0.02


def test_cards_written_before_there_was_a_stride_are_still_read() -> None:
    old = Card("m", "p", ("a",), (0, 0, 0), (1, 1, 1), 96, 8, "uniform", "fit", "nothing")
    assert (old.stride, old.norm_eps) == (4, 1e-6)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"model": s},
        lambda s: {"module": s, "args": argparse.Namespace(lr=0.1, data="x")},
        lambda s: {
            "model_state": {f"model.{k}": v for k, v in s.items()},
            "epoch": 3,
            "cfg": "TRAIN:\n",
        },
        lambda s: {"state_dict": {f"module.{k}": v.half() for k, v in s.items()}},
    ],
    ids=[
        "plain",
        "model",
        "module and args",
        "model_state and prefix",
        "state_dict and prefix, half",
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.pyth", "w.bin"])
def test_the_authors_files_load_by_their_shapes(tmp_path: Path, wrap: object, name: str) -> None:
    torch.manual_seed(3)
    source = DirecFormer(**SIZES, time="softmax")
    torch.save(wrap(source.state_dict()), tmp_path / name)
    model = load_checkpoint(tmp_path / name)
    net, card = model.net, model.card
    assert (
        card.labels == tuple(f"class {i}" for i in range(7))
        and "does not name its classes" in card.trained_on
    )
    assert (
        card.model == "timesformer"
        and card.settings["heads"] == 2
        and card.norm_eps == 1e-6
        and card.size == 28
    )
    for key, value in net.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, source.state_dict()[key], atol=1e-3, rtol=1e-3)


def test_a_pickled_file_of_the_hub_loads_too(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    model = load_checkpoint(folder)
    net, card = model.net, model.card
    assert card.labels == ("jump", "run", "swim") and torch.equal(
        net.head.weight, state["classifier.weight"]
    )


class Mischief:
    """What runs a command when it is unpickled the careless way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_file_with_code_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    pickle.loads(pickle.dumps(Mischief(proof)))
    assert proof.is_dir(), "the mischief works"
    proof.rmdir()
    torch.save(
        {"model": DirecFormer(**SIZES).state_dict(), "extra": Mischief(proof)}, tmp_path / "zip.pth"
    )
    torch.save(
        {"extra": Mischief(proof)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False
    )
    (tmp_path / "bare.bin").write_bytes(pickle.dumps(Mischief(proof)))
    for name in ("zip.pth", "old.pt", "bare.bin"):
        refused(tmp_path / name, "nothing of it was run")
    assert not proof.exists()


def test_damaged_and_odd_files_are_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pth"
    torch.save(DirecFormer(**SIZES).state_dict(), whole)
    for i, content in enumerate(
        [b"", b"nothing", whole.read_bytes()[:-2000], whole.read_bytes()[:500]]
    ):
        path = tmp_path / f"{i}.pth"
        path.write_bytes(content)
        refused(path, "damaged")
    torch.save([1, 2], tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "holds a list")
    torch.save({"model": {}}, tmp_path / "empty.pth")
    refused(tmp_path / "empty.pth", "no known layout")


@pytest.mark.parametrize(
    ("drop", "changes", "words"),
    [
        ("layer.1.temporal_dense.bias", {}, ("lacks", "blocks.1.temporal_fc.bias")),
        ("layer.0", {}, ("lacks", "more")),
        ("classifier.bias", {}, ("lacks", "head.bias")),
        ("classifier", {}, ("no classification head",)),
        (
            "",
            {"timesformer.embeddings.position_embeddings": torch.zeros(1, 26, 30)},
            ("other shapes", "pos_embed"),
        ),
        ("", {"classifier.bias": torch.zeros(4)}, ("other shapes", "head.bias")),
        (
            "",
            {"timesformer.encoder.layer.0.gadget.weight": torch.zeros(3)},
            ("no place for", "gadget"),
        ),
    ],
)
def test_a_checkpoint_that_would_leave_something_to_chance_is_refused(
    folder: Path, drop: str, changes: dict, words: tuple[str, ...]
) -> None:
    spoil(folder, drop, **changes)
    refused(folder, *words)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_config_that_is_no_json_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    refused(folder, "config.json")


# -- the command line


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "star.mp4"
    write_mp4(path, render("star", 4, frames=12).frames, 12)
    return path


def test_classify_names_the_labels_of_the_config(
    timesformer_folder: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(video), "--checkpoint", str(timesformer_folder), "--json"]) == 0
    out, err = capsys.readouterr()
    top = json.loads(out)[0]["top"]
    assert (
        {t["label"] for t in top} == {"jump", "run", "swim"}
        and sum(t["p"] for t in top) == pytest.approx(1, abs=1e-4)
        and not err
    )


def test_explain_and_order_take_the_same_sources(
    timesformer_folder: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(timesformer_folder / "model.safetensors")
    assert (
        main(
            [
                "explain",
                str(video),
                "--checkpoint",
                source,
                "--out",
                str(tmp_path / "out"),
                "--json",
            ]
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert (
        report["target"] in ("jump", "run", "swim")
        and report["license"].startswith("unknown")
        and len(report["weights"]) == 8
    )
    assert main(["order", str(video), "--checkpoint", source, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["path"]) == 3


def test_the_command_line_samples_with_the_stride_of_the_card(
    folder: Path, video: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        "core.weights.model.decode",
        lambda path, **settings: (
            asked.append(settings | {"progress": None})
            or subclip(rendered_clip(render("star", 3, frames=6)), frames=3)
        ),
    )
    assert (
        main(["classify", str(video), "--checkpoint", str(folder), "--sampling", "dense", "--json"])
        == 0
    )
    assert asked == [
        {
            "frames": 3,
            "sampling": "dense",
            "stride": 32,
            "rate": 0.0,
            "start": None,
            "end": None,
            "progress": None,
        }
    ]


@pytest.mark.parametrize("source", ["nothere", "hf://../x", "TimeSformer K9"])
def test_a_source_that_cannot_be_used_ends_with_one_line(
    source: str, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(video), "--checkpoint", source]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1


@torch.no_grad()
def test_an_order_head_makes_a_checkpoint_in_timesformers_layout_a_direcformer(
    tmp_path: Path,
) -> None:
    torch.manual_seed(4)
    ours = DirecFormer(**SIZES | {"order_head": True, "order_classes": 5}).eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    theirs = {
        "model." + name.replace("order_head.", "order."): tensor
        for name, tensor in ours.state_dict().items()
    }
    torch.save({"model_state": theirs}, tmp_path / "released.pyth")
    model = load_checkpoint(tmp_path / "released.pyth")
    card, net = model.card, model.net
    assert card.model == "direcformer" and "cosine over time" in card.trained_on
    assert (card.settings["time"], card.settings["space"]) == ("cosine", "softmax")
    assert isinstance(net, DirecFormer) and torch.equal(
        net.order_head.weight, ours.order_head.weight
    )
    video = torch.randn(1, 3, 3, 28, 28, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(net(video), ours(video))


def test_what_is_not_used_of_a_public_checkpoint_stands_on_its_card(folder: Path) -> None:
    assert "not used" not in load_checkpoint(folder).card.trained_on
    spoil(folder, gadget=torch.zeros(3))
    card = load_checkpoint(folder).card
    assert card.trained_on.endswith("; not used of the file: gadget")
    assert card.recipe["unused"] == ["gadget"]

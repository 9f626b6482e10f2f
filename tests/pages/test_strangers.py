"""A checkpoint of a stranger on the pages: its words are text, a damaged card is one sentence."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.models import build
from core.weights import CHECKPOINTS, Card, save_checkpoint
from core.weights import files as weights
from pages.parts import history
from tests.pages.test_pages import ROOT

PICTURE = "![x](https://host.example/a.png)"
SETTINGS = {"size": 35, "patch": 7, "frames": 4, "width": 24, "depth": 2, "heads": 2}
CARD = Card(
    model="direcformer",
    preset="gesture",
    labels=(f"{PICTURE} a", "<img src=https://host.example/b.png>", ":red[c] $x$", "**d** `e`"),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    size=35,
    frames=4,
    sampling="uniform",
    crop="fit",
    trained_on=f"{PICTURE} and <img src=https://host.example/c.png>",
    settings=SETTINGS,
    recipe={"taught": {"clips": [f"{PICTURE}.mp4"]}},
    license=f"[mine]: {PICTURE}",
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, build("direcformer", classes=4, **SETTINGS).state_dict(), CARD)
    return path


@pytest.mark.parametrize(
    "page",
    ["gradcam.py"]
    + [
        pytest.param(page, marks=pytest.mark.long)
        for page in ("explore.py", "frame_order.py", "compare.py")
    ],
)
def test_words_of_a_card_are_text_on_a_page(page: str, checkpoint: Path) -> None:
    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    app = AppTest.from_function(run, default_timeout=120, kwargs={"page": f"{ROOT}/pages/{page}"})
    app.session_state["own_checkpoint"] = str(checkpoint)
    app.session_state["model"] = f"file:{checkpoint}"
    app.run()
    assert not app.exception and not app.error
    lines = [each.value for each in (*app.markdown, *app.caption, *app.subheader, *app.warning)]
    lines += [each.help for each in (*app.markdown, *app.caption, *app.subheader) if each.help]
    assert any("host.example" in line for line in lines), "the words were shown"
    for line in lines:
        bare = re.sub(r"\\.", "", line)
        assert "![" not in bare and "<img" not in bare and ":red[c" not in bare, line


def test_a_damaged_card_of_a_shipped_model_is_one_sentence_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (*CHECKPOINTS.glob("*.json"), CHECKPOINTS / weights.SUMS):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(weights, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(history, "CHECKPOINTS", tmp_path)
    intact, damaged = history.intact_and_damaged()
    assert set(intact) == set(weights.shipped()) and damaged == []
    (tmp_path / "far.json").write_text((tmp_path / "far.json").read_text().replace("96", "95"))
    (tmp_path / "rvit.json").write_bytes(b"\xff{")
    (tmp_path / "new.json").write_text("[")
    intact, damaged = history.intact_and_damaged()
    assert set(intact) == set(weights.shipped()) - {"far", "rvit"}
    assert [line.split()[0] for line in damaged] == ["far.json", "new.json", "rvit.json"]
    assert all("\n" not in line for line in damaged)


def test_the_list_of_shipped_files_has_all_of_them_as_they_are() -> None:
    files = {path.name: path for path in CHECKPOINTS.iterdir() if path.name != weights.SUMS}
    sums = weights.listed_sums(CHECKPOINTS)
    assert sums.keys() == files.keys()
    assert all(sums[name].startswith(weights.file_hash(path)) for name, path in files.items()
               if path.suffix == ".safetensors")  # fmt: skip


def test_a_published_checkpoint_joins_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"one")
    (tmp_path / "a.json").write_text("{}")
    weights.write_sums(tmp_path / "a.safetensors", tmp_path / "a.json")
    (tmp_path / "a.safetensors").write_bytes(b"two")
    weights.write_sums(tmp_path / "a.safetensors")
    assert weights.listed_sums(tmp_path) == {
        "a.json": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "a.safetensors": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
    }


def test_a_shipped_checkpoint_that_was_changed_is_refused(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "CHECKPOINTS", checkpoint.parent)
    weights.write_sums(checkpoint)
    assert weights.load_checkpoint(checkpoint).card.labels == CARD.labels
    card = replace(CARD, labels=("a", "b", "c", "d"))
    save_checkpoint(checkpoint, build("direcformer", classes=4, **SETTINGS).state_dict(), card)
    with pytest.raises(weights.BadInput, match="its sha256 is not the one that SHA256SUMS lists"):
        weights.load_checkpoint(checkpoint)
    assert asdict(card) != asdict(CARD)

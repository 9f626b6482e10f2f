"""All six models go through the same loop, and the loop's options."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.errors import BadInput
from core.weights import load_checkpoint
from tests.training.tiny import RECIPE, TINY, assert_alike, rows
from training.checkpoints import read_weights
from training.fit import fit
from training.recipes import Recipe
from training.run import Run
from training.schedule import bfloat16_is_fast
from training.sources import HELD_OUT, source

pytestmark = pytest.mark.usefixtures("tiny")
SHORT = replace(RECIPE, stills_clips=4, clips=4, order=0.0, directed=0.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "rvit": {"gate": "softmax"},
    "am_flow": {"temporal_module": "tcn", "am_blocks": "ends"},
    "far": {"norm": "batch"},
}
LOSSES = {"rvit": {"alignment"}, "far": {"directed"}, "direcformer": {"order", "directed"}}


@pytest.mark.parametrize("model", TINY)
def test_every_model_trains_and_its_checkpoint_loads(tmp_path: Path, model: str) -> None:
    """Every loss is asked for; those count that the model has what it takes for."""
    recipe = replace(
        SHORT,
        model=model,
        settings=SETTINGS.get(model, {}),
        alignment=0.1,
        hand_flow=0.1,
        order=1.0,
        directed=1.0,
        rank=1.0,
        accumulate=2 if model == "rvit" else 1,
    )
    loaded = load_checkpoint(fit(recipe, "tiny", tmp_path / "run"))
    net, card = loaded.net, loaded.card
    assert (card.model, card.settings) == (model, recipe.settings)
    assert net(torch.rand(2, 3, 8, 24, 24)).shape == (2, 10)
    (report,) = (r for r in rows(tmp_path / "run") if r["stage"] == "video")
    assert report["step"] == 2 and {"classify", "rank", "fingertip", "hand", "top1"} <= set(report)
    has = {
        "alignment": model == "rvit",
        "hand_flow": model == "am_flow",
        "order": model == "direcformer",
    }
    assert all((k in report) == wanted for k, wanted in has.items())
    before, after = (
        load_file(tmp_path / "run" / "stills.safetensors"),
        load_file(tmp_path / "run" / "video.safetensors"),
    )
    key = "blocks.0.mlp.fc1.weight"
    body = after["model.vit." + key] if model == "am_flow" else after["model." + key]
    assert torch.equal(before["vit." + key], body) == (model == "am_flow"), (
        "the backbone of am_flow alone is frozen"
    )
    assert not torch.equal(before["side.weight"], after["side.weight"])


def test_a_batch_taken_in_parts_gives_the_same_losses_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(
        RECIPE,
        stills_clips=8,
        clips=24,
        batch=8,
        settings={"drop_path": 0.0},
        rank=1.0,
        pairs=1.0,
        ordered=0.5,
        shuffled=0.7,
        precision="float32",
        lr=5e-3,
        warmup=0,
    )
    monkeypatch.setattr("training.fit.reporting", lambda steps: 1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(recipe, "tiny", whole)
    fit(replace(recipe, accumulate=4), "tiny", parts)
    assert_alike(rows(whole), rows(parts))
    first, second = load_file(whole / "video.safetensors"), load_file(parts / "video.safetensors")
    for key in first:
        torch.testing.assert_close(first[key], second[key], atol=2e-3, rtol=0, msg=key)


def test_held_out_clips_are_tried_and_a_run_that_gets_no_better_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.25, 0.5, 0.5, 0.25, 1.0])
    measured: list[float] = []
    original = Run.validate

    def validate(self: Run) -> tuple[float, float]:
        top1, loss = original(self)
        measured.append(top1)
        assert self.stage.model.training, "training goes on"
        return next(scores), loss

    monkeypatch.setattr(Run, "validate", validate)
    recipe = replace(
        RECIPE, stills_clips=0, clips=40, validate_clips=4, validate_every=4, patience=2
    )
    seen = []
    fit(recipe, "tiny", tmp_path / "run", lambda clips, top1: seen.append((clips, top1)))
    assert seen == [(4, 0.25), (8, 0.5), (12, 0.5), (16, 0.25)] and all(
        0 <= m <= 1 for m in measured
    )
    found = rows(tmp_path / "run")
    assert [r["validation_top1"] for r in found if "validation_top1" in r] == [0.25, 0.5, 0.5, 0.25]
    assert found[-1]["step"] == 8
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    kept = load_file(tmp_path / "run" / "video.safetensors")
    (stage,) = load_checkpoint(tmp_path / "run" / "model.safetensors").card.recipe["stages"]
    assert stage["clips"] == 8, "those that the best weights have seen, not all 16"
    assert state["ended"] and all(
        torch.equal(kept[k], v) for k, v in state["best"]["weights"].items()
    )
    assert not torch.equal(kept["model.head.weight"], state["average"]["model.head.weight"]), (
        "the best weights, not the last"
    )
    fit(recipe, "tiny", tmp_path / "run")
    assert rows(tmp_path / "run") == found, "a run that ended early is finished"


def test_validation_is_the_accuracy_and_the_loss_of_the_averaged_weights(tmp_path: Path) -> None:
    recipe = replace(
        RECIPE, stills_clips=0, clips=4, ema=0.0, validate_clips=6, precision="float32"
    )
    path = fit(recipe, "tiny", tmp_path / "run")
    model = load_checkpoint(path).net
    clips = source(recipe, frames=8, size=24, patch=8, seed=HELD_OUT).dataset
    right, losses = 0, []
    for i in range(6):
        frames, label, *_ = clips[i]
        video = (torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 255 - 0.5) / 0.5
        logits = model(video)[0].detach()
        right += int(logits.argmax() == label)
        losses.append(float(logits.logsumexp(0) - logits[label]))
    last = rows(tmp_path / "run")[-1]
    assert last["validation_top1"] == pytest.approx(right / 6, abs=1e-5)
    assert last["validation_loss"] == pytest.approx(sum(losses) / 6, abs=1e-4)


def test_tensorboard_is_written_where_it_is_asked_for(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not (whole / "tensorboard").exists()
    fit(replace(SHORT, stills_clips=0, tensorboard=True), "tiny", tmp_path / "run")
    (events,) = (tmp_path / "run" / "tensorboard" / "video").iterdir()
    assert events.stat().st_size > 100 and b"fingertip_hit" in events.read_bytes()
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match="pip install tensorboard"):
        fit(replace(SHORT, stills_clips=0, tensorboard=True), "tiny", tmp_path / "other")


def test_weights_in_other_forms_can_be_the_start(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = {
        k: v for k, v in load_file(whole / "model.safetensors").items() if not k.startswith("head")
    }
    torch.save({"model": {k: v.float() for k, v in public.items()}}, tmp_path / "public.pth")
    fit(replace(SHORT, init=str(tmp_path / "public.pth")), "tiny", tmp_path / "run")
    assert (
        "2 of the model were not there, such as head.weight, head.bias" in capsys.readouterr().err
    )
    deeper = replace(SHORT, init=str(whole / "video.safetensors"), settings={"depth": 3})
    fit(deeper, "tiny", tmp_path / "deeper")
    assert not load_file(whole / "video.safetensors")["model.blocks.1.attn.proj.weight"].eq(0).all()
    other = replace(
        SHORT, model="rvit", init=str(whole / "video.safetensors"), settings={"width": 20}
    )
    with pytest.raises(BadInput, match="another shape than rvit tiny"):
        fit(other, "tiny", tmp_path / "other")
    torch.save({"somewhere.weight": torch.zeros(3)}, tmp_path / "foreign.pth")
    with pytest.raises(BadInput, match="not one tensor"):
        fit(replace(SHORT, init=str(tmp_path / "foreign.pth")), "tiny", tmp_path / "foreign")
    (tmp_path / "bad.safetensors").write_text("bad")
    with pytest.raises(BadInput, match=r"bad.safetensors is not a safetensors file"):
        read_weights(tmp_path / "bad.safetensors")


def test_epochs_count_clips_and_bfloat16_is_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = torch.autocast.__init__

    def autocast(self: torch.autocast, *args: Any, **kwargs: Any) -> None:
        seen.append(kwargs["enabled"])
        original(self, *args, **kwargs)

    monkeypatch.setattr(torch.autocast, "__init__", autocast)
    fit(replace(SHORT, stills_clips=0, epochs=1.5, epoch_clips=4), "tiny", tmp_path / "run")
    assert rows(tmp_path / "run")[-1]["clips"] == 6 and seen == 3 * [bfloat16_is_fast()]
    fit(replace(SHORT, stills_clips=0, clips=2, precision="float32"), "tiny", tmp_path / "precise")
    assert seen[3:] == [False]
    assert json.loads((tmp_path / "precise" / "recipe.json").read_text())["precision"] == "float32"


def test_a_recipe_needs_no_side_task(tmp_path: Path) -> None:
    fit(
        Recipe(
            model="videomae",
            preset="tiny",
            clips=4,
            batch=2,
            workers=0,
            threads=1,
            fingertip=0.0,
            order=0.0,
            directed=0.0,
        ),
        "tiny",
        tmp_path / "run",
    )
    assert set(rows(tmp_path / "run")[0]) == {
        "stage",
        "step",
        "clips",
        "of",
        "lr",
        "loss",
        "classify",
        "top1",
    }

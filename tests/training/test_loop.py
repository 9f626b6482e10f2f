"""The training loop: a run that was killed goes on as if it had not been."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import BadInput
from core.runs import End, State, read_end, read_progress, write_atomically
from core.weights import load_checkpoint
from core.world.gestures import LABELS
from tests.training.tiny import BATCH, RECIPE, TINY, rows
from training import stages
from training.fit import fit, reporting
from training.folder import Folder, GivenUp

pytestmark = pytest.mark.usefixtures("tiny")


class Killed(BaseException):
    """Stands in for a kill: nothing in the loop catches it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, stage: type[stages.Stage], step: int) -> None:
    original = stage.plan

    def plan(self: stages.Stage, batch: Any, places: Any, now: int, of: int) -> stages.Plan:
        if now == step:
            raise Killed
        return original(self, batch, places, now, of)

    monkeypatch.setattr(stage, "plan", plan)


def killed_run(
    out: Path, stage: type[stages.Stage], step: int, recipe: Any = RECIPE, name: str = "tiny"
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, stage, step)
        with pytest.raises(Killed):
            fit(recipe, name, out)


def test_a_run_reports_each_stage_step_by_step(whole: Path) -> None:
    found = rows(whole)
    assert [(r["stage"], r["step"]) for r in found] == [
        ("stills", 2),
        ("stills", 4),
        ("stills", 6),
        ("video", 2),
        ("video", 4),
        ("video", 6),
        ("video", 8),
        ("video", 9),
    ]
    assert all(r["clips"] == r["step"] * BATCH for r in found)
    for r in found:
        assert r["loss"] == pytest.approx(expected_loss(r), rel=0.02)
    assert {"loss", "classify", "order", "fingertip", "hand", "top1", "fingertip_hit"} <= set(
        found[-1]
    )
    assert any("directed" in r and "directed_last" in r for r in found)


def expected_loss(row: dict[str, Any]) -> float:
    """The weighted sum of a report's losses.

    L_self is only there in steps that had a clip with an arrow of time.
    """
    if row["stage"] == "stills":
        return row["fingertip"] + row["hand"]
    return (
        row["classify"]
        + row["order"]
        + row.get("directed", 0.0)
        + 0.3 * (row["fingertip"] + row["hand"])
    )


def test_the_learning_rate_warms_up_and_falls_to_two_percent(whole: Path) -> None:
    rates = [r["lr"] for r in rows(whole) if r["stage"] == "video"]
    assert rates[0] == pytest.approx(RECIPE.lr)  # step 1, the last of two warm-up steps
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * RECIPE.lr


def test_a_short_stage_reports_often_enough_for_a_curve() -> None:
    assert [reporting(steps) for steps in (1, 19, 41, 1_000, 90_000)] == [1, 1, 2, 50, 50]


def test_training_changes_the_weights_and_starts_video_from_stills(whole: Path) -> None:
    stills = load_file(whole / "stills.safetensors")
    final = load_file(whole / "model.safetensors")
    key = "blocks.0.attn.qkv.weight"
    assert not torch.equal(stills["vit." + key].half(), final[key])
    assert (
        torch.nn.functional.cosine_similarity(
            stills["vit." + key].flatten(), final[key].float().flatten(), dim=0
        )
        > 0.95
    )
    assert final["blocks.0.temporal_fc.weight"].any()


def test_the_checkpoint_loads_with_its_card(whole: Path) -> None:
    loaded = load_checkpoint(whole / "model.safetensors")
    model, card = loaded.net, loaded.card
    assert (card.model, card.preset, card.labels, card.size, card.frames) == (
        "direcformer",
        "tiny",
        LABELS,
        24,
        8,
    )
    (stage,) = card.recipe["stages"]
    assert (
        stage["name"] == "tiny"
        and stage["lr"] == RECIPE.lr
        and stage["seed"] == RECIPE.seed
        and stage["clips"] == 18
    )
    assert "18 rendered" in card.trained_on
    assert model(torch.zeros(1, 3, 8, 24, 24)).shape == (1, 10)
    assert not model.training and all(v.isfinite().all() for v in model.state_dict().values())


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        ("Still", 3),
        pytest.param("Still", 0, marks=pytest.mark.long),
        pytest.param("Video", 0, marks=pytest.mark.long),
        ("Video", 5),
        pytest.param("Video", 8, marks=pytest.mark.long),
    ],
)
def test_a_killed_run_goes_on_with_the_same_losses_and_no_step_twice(
    whole: Path, tmp_path: Path, stage: str, step: int
) -> None:
    """Killed between two reports as well.

    What was gathered for the next one is part of the checkpoint.
    """
    killed_run(tmp_path / "run", getattr(stages, stage), step)
    fit(RECIPE, "tiny", tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (
        whole / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(("stage", "step"), [("Still", 5), ("Video", 7)])
def test_reports_after_the_last_checkpoint_are_not_repeated(
    whole: Path, tmp_path: Path, stage: str, step: int
) -> None:
    """A kill between checkpoints.

    The steps since the last one are done again, and reported once.
    """
    seldom = replace(RECIPE, checkpoint_seconds=1e9)
    killed_run(tmp_path / "run", getattr(stages, stage), step, seldom)
    fit(seldom, "tiny", tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole)


def test_reports_are_not_repeated_without_a_still_stage(tmp_path: Path) -> None:
    recipe = replace(RECIPE, stills_clips=0, checkpoint_seconds=1e9)
    killed_run(tmp_path / "run", stages.Video, 5, recipe)
    fit(recipe, "tiny", tmp_path / "run")
    assert [r["step"] for r in rows(tmp_path / "run")] == [2, 4, 6, 8, 9]


def test_a_run_survives_being_killed_again_and_again(whole: Path, tmp_path: Path) -> None:
    for stage, step in (
        (stages.Still, 2),
        (stages.Still, 4),
        (stages.Video, 3),
        (stages.Video, 4),
        (stages.Video, 7),
    ):
        killed_run(tmp_path / "run", stage, step)
    fit(RECIPE, "tiny", tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole)


def test_a_report_that_a_kill_cut_short_is_dropped(whole: Path, tmp_path: Path) -> None:
    killed_run(tmp_path / "run", stages.Video, 5)
    with open(tmp_path / "run" / "metrics.jsonl", "a") as metrics:
        metrics.write('{"stage": "video", "st')
    fit(RECIPE, "tiny", tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole)


def test_a_run_says_how_far_it_is_and_how_it_ended(whole: Path, tmp_path: Path) -> None:
    assert read_end(whole) == End(State.FINISHED)
    progress = read_progress(whole)
    assert progress is not None and progress.clips_per_second > 0
    assert (progress.stage, progress.clips, progress.total) == ("video", 18, 18)

    out = tmp_path / "run"
    killed_run(out, stages.Still, 3)
    progress = read_progress(out)
    assert read_end(out) is None and progress is not None and progress.total == 12
    assert progress.stage == "stills" and progress.clips <= 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages.Video, "plan", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit(RECIPE, "tiny", out)
    assert read_end(out) == End(State.FAILED, "ZeroDivisionError: division by zero")
    killed_run(out, stages.Video, 4)
    assert read_end(out) is None, "it went on, and was killed"
    fit(RECIPE, "tiny", out)
    assert read_end(out) == End(State.FINISHED)


@pytest.mark.parametrize("reason", [GivenUp, KeyboardInterrupt])
def test_a_run_that_is_given_up_or_interrupted_is_stopped_and_did_not_fail(
    tmp_path: Path, reason: type[BaseException]
) -> None:
    def watch(clips: int, top1: float) -> None:
        raise reason

    recipe = replace(RECIPE, stills_clips=0, validate_clips=2, validate_every=2)
    with pytest.raises(reason):
        fit(recipe, "tiny", tmp_path / "run", watch)
    assert read_end(tmp_path / "run") == End(State.STOPPED)


def test_a_run_that_is_refused_leaves_what_another_one_said(whole: Path) -> None:
    with pytest.raises(BadInput, match="other settings"):
        fit(replace(RECIPE, seed=1), "tiny", whole)
    assert read_end(whole) == End(State.FINISHED)


def test_a_damaged_checkpoint_is_said_to_be_damaged(tmp_path: Path) -> None:
    for content in (b"", b"bad", b"PK\x03\x04" + bytes(50)):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(BadInput, match=r"state.pt is damaged"):
            Folder(tmp_path).state()


# far and videomae compute their positions, so that any size will do.
OTHER = [
    (model, change, said)
    for model in TINY
    for change, said in (
        ({"width": 30}, "width 30"),
        ({"patch": 4}, "patches of 4"),
        ({"size": 32}, "size"),
    )
    if "size" not in change or model not in ("far", "videomae")
]


@pytest.mark.parametrize(("model", "change", "said"), OTHER)
def test_a_still_stage_of_another_shape_is_refused_and_leaves_the_folder_free(
    tmp_path: Path, model: str, change: dict[str, int], said: str
) -> None:
    stills, settings = replace(RECIPE, settings=RECIPE.settings | change), TINY[model]
    save_file(stages.Still(stills).state_dict(), tmp_path / "stills.safetensors")
    with pytest.raises(BadInput, match=said):
        fit(
            replace(
                RECIPE, model=model, settings=settings, init=str(tmp_path / "stills.safetensors")
            ),
            "tiny",
            tmp_path / "run",
        )
    assert not (tmp_path / "run" / "recipe.json").exists()


def test_a_finished_run_is_left_as_it_is(whole: Path) -> None:
    reports, weights = rows(whole), (whole / "model.safetensors").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        for stage in (stages.Still, stages.Video):
            kill_at(patch, stage, 0)
        fit(RECIPE, "tiny", whole)
    assert rows(whole) == reports and (whole / "model.safetensors").read_bytes() == weights


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = stages.Video.plan

    def plan(self: stages.Video, batch: Any, places: Any, step: int, of: int) -> stages.Plan:
        made = original(self, batch, places, step, of)
        if step == 3:
            made.truth["occupied"].fill_(float("nan"))
        return made

    monkeypatch.setattr(stages.Video, "plan", plan)
    with pytest.raises(BadInput) as error:
        fit(replace(RECIPE, stills_clips=0), "tiny", tmp_path / "run")
    message = str(error.value)
    assert "\n" not in message
    assert (
        "step 3" in message
        and "clips 6 to 7" in message
        and "learning rate" in message
        and "--lr" in message
    )
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 3 and all(v.isfinite().all() for v in state["module"].values())
    assert read_end(tmp_path / "run") == End(State.FAILED, message)


@pytest.mark.parametrize("clip_norm", [1.0, 0.0])
def test_a_gradient_that_is_not_finite_under_a_finite_loss_stops_the_run_before_it_reaches_a_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip_norm: float
) -> None:
    recipe, original = replace(RECIPE, stills_clips=0, clip_norm=clip_norm), stages.Video.means

    def means(self: stages.Video, plan: stages.Plan) -> stages.Means:
        found = original(self, plan)
        found["classify"].register_hook(lambda gradient: gradient * float("nan"))
        return found

    killed_run(tmp_path / "run", stages.Video, 3, recipe)
    monkeypatch.setattr(stages.Video, "means", means)
    with pytest.raises(BadInput, match="the gradient is not finite at step 3 "):
        fit(recipe, "tiny", tmp_path / "run")
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 3 and all(v.isfinite().all() for v in state["module"].values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"permutations": "alphabetical"},
        {"directed_from": 2},
        {"init": "nowhere.safetensors"},
        {"accumulate": 3},
        {"settings": {"order_head": "maybe"}},
    ],
)
def test_what_cannot_be_used_is_found_before_the_still_stage_and_leaves_the_folder_free(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(BadInput):
        fit(replace(RECIPE, **wrong), "tiny", tmp_path / "run")
    assert not list(tmp_path.glob("run/*"))


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 1e-2},
        {"seed": 1},
        {"clips": 4},
        {"batch": 1},
        {"directed": 0.0},
        {"settings": {"depth": 1}},
    ],
)
def test_a_run_folder_of_other_settings_is_refused(whole: Path, change: dict[str, Any]) -> None:
    before = (whole / "recipe.json").read_text()
    with pytest.raises(BadInput) as error:
        fit(replace(RECIPE, **change), "tiny", whole)
    assert (
        next(iter(change)) in str(error.value)
        and str(whole) in str(error.value)
        and "\n" not in str(error.value)
    )
    assert (whole / "recipe.json").read_text() == before
    with pytest.raises(BadInput, match="name"):
        fit(RECIPE, "another", whole)


def test_settings_that_do_not_touch_the_result_may_change(whole: Path) -> None:
    fit(replace(RECIPE, checkpoint_seconds=5.0, threads=1, workers=0), "tiny", whole)


def test_stills_of_another_run_can_be_the_start(whole: Path, tmp_path: Path) -> None:
    fit(replace(RECIPE, init=str(whole / "stills.safetensors")), "tiny", tmp_path / "run")
    assert list(rows(tmp_path / "run")) == [r for r in rows(whole) if r["stage"] == "video"]


def test_frozen_blocks_stay_as_they_were_and_the_others_learn(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit(
        replace(RECIPE, init=str(whole / "video.safetensors"), frozen=1, pairs=1.0, rank=1.0),
        "tiny",
        out,
    )
    before, after = load_file(whole / "video.safetensors"), load_file(out / "video.safetensors")
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    first = (
        "model.patch_embed",
        "model.blocks.0.",
        "model.cls_token",
        "model.pos_embed",
        "model.time_embed",
    )
    kept = {k for k in before if k.startswith(first)}
    assert kept and not changed & kept
    assert {"model.blocks.1.temporal_attn.qkv.weight", "rank.weight"} <= changed
    card = load_checkpoint(out / "model.safetensors").card
    first_run, second = card.recipe["stages"]
    assert (first_run["init"], second["init"], second["frozen"]) == ("", "video.safetensors", 1)


def test_recipe_json_says_what_was_asked_for(whole: Path) -> None:
    written = json.loads((whole / "recipe.json").read_text())
    assert (
        written["name"] == "tiny"
        and written["model"] == "direcformer"
        and written["clips"] == RECIPE.clips
    )


def test_a_run_that_goes_on_clears_away_what_a_kill_left_half_written(tmp_path: Path) -> None:
    killed_run(tmp_path / "run", stages.Video, 3)
    half, kept = tmp_path / "run" / ".state.pt.12345", tmp_path / "run" / "notes.txt"
    half.write_bytes(b"half")
    kept.write_text("mine")
    fit(RECIPE, "tiny", tmp_path / "run")
    assert not half.exists() and kept.exists()


def test_writing_atomically_never_leaves_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    write_atomically(path, lambda p: p.write_text("old"))

    def fails(target: Path) -> None:
        target.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fails)
    assert path.read_text() == "old"
    write_atomically(path, lambda p: p.write_text("new"))
    assert path.read_text() == "new"

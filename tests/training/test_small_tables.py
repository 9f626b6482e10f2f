"""The small tables: what their rows differ in, and what they start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.models import build
from core.models.tables import tables as printed
from core.weights import load, load_checkpoint
from core.world.gestures import LABELS
from training import reproduce as module
from training.checkpoints import read_weights
from training.stages import Video
from training.tables import TABLES


def test_every_miniature_row_of_the_printed_tables_is_one_of_ours() -> None:
    for table in printed():
        ours = {row for name in table.miniatures for row in TABLES[name].rows}
        assert {row.miniature for row in table.rows if row.miniature} <= ours, table.name


def test_the_rows_of_small_tables_differ_in_what_they_are_named_for_alone() -> None:
    losses = TABLES["direcformer_table1"]
    rows = {row: losses.recipe(row, 7, 0, "", 1) for row in losses.rows}
    assert len(rows) == 10 and "S-C + L_ord" in rows and "S-C + L_ord + L_self" not in rows
    assert rows["C-C"].settings["space"] == "cosine" and rows["C-C"].settings["time"] == "cosine"
    both = rows["C-C + L_ord + L_self"]
    made = build(both.model, both.preset, **both.settings)
    assert both.directed_from == len(made.blocks) - 1
    plain = {"settings": {}, "order": 0.0, "directed": 0.0, "directed_from": 0}
    assert len({repr(replace(r, **plain)) for r in rows.values()}) == 1

    side = TABLES["order_side_tasks"]
    ours = [side.recipe(row, 7, 0, "", 1) for row in side.rows]
    assert [(r.model, r.pairs, r.rank, r.order + r.directed) for r in ours] == [
        ("timesformer", 3.0, 1.0, 0.0),
        ("direcformer", 3.0, 1.0, 0.0),
        ("timesformer", 0.0, 0.0, 0.0),
        ("direcformer", 0.0, 0.0, 0.0),
    ]
    told, never = (
        TABLES["supervision"].recipe(row, 7, 0, "", 1) for row in TABLES["supervision"].rows
    )
    assert told.fingertip > 0 and replace(told, fingertip=0.0) == never
    assert never.stills_clips == 0, "the still stage tells where the hand is"
    assert module._common_start(TABLES["supervision"], Path(), 1) == "", "nor does any other start"


def test_results_name_the_weights_that_their_rows_start_from() -> None:
    budget = module.Budget(seeds=1, clips=1, test_clips=1)
    shipped = load("videomae").card.hash
    assert module._about("far_tables", budget)["start"] == f"videomae {shipped}"
    assert module._about("far_table2", budget)["start"] == "a still stage of its own"
    assert module._about("supervision", budget)["start"] == "random weights"


@pytest.mark.parametrize(
    ("name", "trunk"),
    [
        ("far_tables", "videomae"),
        ("order_side_tasks", "timesformer"),
        ("direcformer_table1", "timesformer"),
    ],
)
def test_every_row_of_these_tables_starts_from_shipped_weights_and_knows_no_class(
    name: str, trunk: str, tmp_path: Path
) -> None:
    table = TABLES[name]
    start = module._common_start(table, tmp_path, 1)
    shipped = load(trunk)
    weights, history = read_weights(Path(start))
    assert history == shipped.card.recipe["stages"]
    for row in table.rows:
        one = Video(table.recipe(row, 4, 0, start, 1), LABELS, LABELS)
        one.start_from(weights)
        ours, theirs = one.model.state_dict(), shipped.net.state_dict()
        heads = ("head.", "fc_norm.")
        names = [name for name in theirs if not name.startswith(heads)]
        assert {f"model.{name}" for name in names} == weights.keys(), "no classifier"
        for name in names:
            torch.testing.assert_close(ours[name], theirs[name], msg=f"{row}: {name}")
        assert not torch.equal(one.model.head.weight[:, :160], shipped.net.head.weight), row
    assert replace(table, trunk="").fingerprint() != table.fingerprint()


def test_adapters_start_anew_on_the_image_model_of_the_shipped_weights(tmp_path: Path) -> None:
    table = TABLES["am_flow_adapters"]
    weights, _ = read_weights(Path(module._common_start(table, tmp_path, 1)))
    shipped = load("am_flow").net.state_dict()
    assert weights.keys() == {f"model.{name}" for name in shipped if name.startswith("vit.")}
    for row in table.rows:
        one = Video(table.recipe(row, 4, 0, "", 1), LABELS, LABELS)
        one.start_from(weights)
        for name, value in one.model.vit.state_dict().items():
            torch.testing.assert_close(value, shipped[f"vit.{name}"], msg=f"{row}: {name}")
    assert replace(table, part="").fingerprint() != table.fingerprint()


def test_attention_on_the_hand_is_scored_by_roc_auc(
    tiny: None, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_checkpoint(whole / "model.safetensors")
    grid = (8, 3, 3)
    monkeypatch.setattr(module, "spatial", lambda trace: np.zeros(grid))
    assert module.hand_auc(model, 2) == pytest.approx(50.0), "a flat map tells nothing"

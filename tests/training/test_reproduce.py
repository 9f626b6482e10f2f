"""The papers' tables in miniature, on tiny presets and budgets of a few steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.explain.compare import PROBES
from core.models import VideoModel, build
from core.video import Clip
from core.weights import Card, Model, embedded, file_hash, load, load_checkpoint
from core.world.gestures import LABELS, render
from tests.training.tiny import RECIPE
from training import reproduce as module
from training import tables
from training.__main__ import main
from training.evaluate import Sample
from training.losses import SHARPNESS
from training.recipes import recipes
from training.reproduce import Budget, camera_clips, measured, probe_accuracy, reproduce
from training.results import markdown, summary
from training.tables import TABLES, Table

BUDGET = Budget(seeds=1, clips=4, test_clips=3, threads=1)


@pytest.fixture
def table(tiny: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table of two rows that differ in the kernel of the time attention."""
    monkeypatch.setattr(tables, "MINIATURE", {})
    monkeypatch.setattr(tables, "recipe", lambda name: replace(RECIPE, order=0.0, directed=0.0))
    monkeypatch.setitem(
        TABLES,
        "toy",
        Table("Toy", "Nobody, Table 0", "toy", {"S": {"settings": {"time": "softmax"}}, "C": {}}),
    )
    return "toy"


@pytest.mark.long
def test_a_table_has_every_row_and_seed_and_their_mean_and_spread(
    table: str, tmp_path: Path
) -> None:
    path = reproduce(table, tmp_path, replace(BUDGET, seeds=2))
    found = json.loads(path.read_text())
    assert [(run["row"], run["seed"]) for run in found["runs"]] == [
        ("S", 0),
        ("C", 0),
        ("S", 1),
        ("C", 1),
    ]
    each = [run["rendered"]["order_accuracy"] for run in found["runs"] if run["row"] == "C"]
    line = found["summary"][1]
    assert line["row"] == "C" and line["seeds"] == 2
    assert line["rendered"]["order_accuracy"] == {
        "mean": pytest.approx(np.mean(each)),
        "sd": pytest.approx(np.std(each, ddof=1)),
    }
    assert (
        found["clips"] == 4
        and found["paper"] == "Nobody, Table 0"
        and all(run["rendered"]["clips"] == 3 for run in found["runs"])
    )


def test_all_rows_start_from_one_still_stage_and_rows_that_are_there_are_not_trained_again(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reproduce(table, tmp_path, BUDGET)
    starts = {
        json.loads((tmp_path / run / "recipe.json").read_text())["init"] for run in ("0-0", "1-0")
    }
    assert starts == {str(tmp_path / "stills" / "stills.safetensors")}
    before = (tmp_path / "results.json").read_bytes()
    monkeypatch.setattr(module, "fit", lambda *of: pytest.fail("trained again"))
    reproduce(table, tmp_path, BUDGET)
    assert (tmp_path / "results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"seeds": 0}, "1 or more"),
        ({"clips": 6}, "clips 4, not 6"),
        ({"test_clips": 5}, "test_clips 3"),
    ],
)
def test_another_budget_is_refused_in_one_line(
    table: str, tmp_path: Path, wrong: dict[str, int], part: str
) -> None:
    (tmp_path / "results.json").write_text(
        json.dumps({"table": "toy", "clips": 4, "test_clips": 3, "real": False, "runs": []})
    )
    with pytest.raises(BadInput, match=part):
        reproduce(table, tmp_path, replace(BUDGET, **wrong))


def test_rows_of_another_start_or_recipe_are_not_mixed_in(
    table: str, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reproduce(table, tmp_path, BUDGET)
    with pytest.raises(BadInput, match="start a still stage of its own, not "):
        reproduce(table, tmp_path, replace(BUDGET, init=str(whole / "stills.safetensors")))
    with pytest.raises(BadInput, match=r"nowhere.safetensors does not exist; --init takes"):
        reproduce(table, tmp_path, replace(BUDGET, init="nowhere.safetensors"))
    monkeypatch.setattr(
        tables, "recipe", lambda name: replace(RECIPE, order=0.0, directed=0.0, lr=1e-5)
    )
    with pytest.raises(BadInput, match="rows "):
        reproduce(table, tmp_path, BUDGET)
    monkeypatch.setattr(module, "renderer", lambda: "of tomorrow")
    with pytest.raises(BadInput, match=r"renderer .*, not of tomorrow"):
        reproduce(table, tmp_path, BUDGET)


def test_rows_measured_on_other_real_clips_are_not_mixed_in(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, out = tmp_path / "real", tmp_path / "out"
    (real / "star").mkdir(parents=True)
    (real / "star" / "a.mp4").write_bytes(b"one clip")
    monkeypatch.setattr(module, "measured", lambda *of: {"rendered": {"clips": 3, "top1": 0.5}})
    before = reproduce(table, out, replace(BUDGET, real=real)).read_bytes()
    assert (
        reproduce(table, out, replace(BUDGET, real=real.rename(tmp_path / "moved"))).read_bytes()
        == before
    )
    (tmp_path / "moved" / "star" / "b.mp4").write_bytes(b"another")
    with pytest.raises(BadInput, match=r"real_clips .*, not .*; choose another --out"):
        reproduce(table, out, replace(BUDGET, real=tmp_path / "moved"))


def test_a_probe_of_weights_that_have_changed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    weights = tmp_path / "toy.safetensors"
    monkeypatch.setattr(module, "embedded", lambda: {"toy": weights})
    monkeypatch.setattr(
        module,
        "load",
        lambda name: SimpleNamespace(
            card=SimpleNamespace(hash=file_hash(weights), frames=3, labels=LABELS)
        ),
    )
    monkeypatch.setattr(
        module,
        "probe_accuracy",
        lambda model, clips: asked.append(model.card.hash) or {"clips": 1, "top1_reversed": 0.5},
    )
    for content in ("one", "one", "two"):
        weights.write_text(content)
        found = json.loads(reproduce("motion_probe", tmp_path / "out", BUDGET).read_text())
    assert len(asked) == 2 and [run["weights"] for run in found["runs"]] == asked[1:]
    (tmp_path / "out" / "results.json").write_text(
        json.dumps(found | {"runs": [{"row": "toy", "seed": 0}]})
    )
    reproduce("motion_probe", tmp_path / "out", BUDGET)
    assert len(asked) == 3, "a run that does not say of which weights it is counts as changed"


def test_an_unknown_table_and_a_foreign_file_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "table9", "--out", str(tmp_path)]) == 2
    assert "choose one of direcformer_table2" in capsys.readouterr().err
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(BadInput, match="no results file"):
        reproduce("far_table2", tmp_path, BUDGET)


def test_the_still_stage_sees_all_strokes_alike_whatever_the_rows_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(module, "fit", lambda recipe, *of: seen.append(recipe.emphasis))
    module._stills(table := TABLES["direcformer_table2"], tmp_path, 1)
    assert seen == [""] and table.recipe("S-S", 7, 0, "", 1).emphasis


@pytest.mark.long
def test_a_later_stage_of_a_row_begins_where_the_last_one_ended_and_sees_other_clips(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, table, replace(TABLES[table], stages=(0.75, 0.25)))
    reproduce(table, tmp_path, replace(BUDGET, clips=8))
    first, second = (
        json.loads((tmp_path / folder / "recipe.json").read_text())
        for folder in ("1-0", "1-0/next")
    )
    assert (first["clips"], second["clips"]) == (6, 2) and second["init"] == str(
        tmp_path / "1-0" / "video.safetensors"
    )
    assert first["seed"] != second["seed"]
    monkeypatch.setitem(TABLES, table, replace(TABLES[table], stages=(1.0,)))
    with pytest.raises(BadInput, match="holds results for rows"):
        reproduce(table, tmp_path, replace(BUDGET, clips=8))


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, table in TABLES.items() for row in table.rows]
)
def test_every_row_of_the_papers_tables_is_a_model_that_can_be_built(name: str, row: str) -> None:
    made = TABLES[name].recipe(row, clips=7, seed=3, init="x", threads=1)
    build(made.model, "gesture", **made.settings)
    assert (made.clips, made.seed, made.init) == (7, 3, "x") and TABLES[name].base in recipes()


def test_the_rows_of_the_order_table_differ_in_kernel_and_losses_alone() -> None:
    table = TABLES["direcformer_table2"]
    made = {row: table.recipe(row, 7, 0, "", 1) for row in table.rows}
    losses = {
        row: (r.settings.get("time", "cosine"), r.order > 0, r.directed > 0, r.pairs, r.rank)
        for row, r in made.items()
    }
    assert losses == {
        "S-S": ("softmax", False, False, 0, 0),
        "S-S + L_ord": ("softmax", True, False, 0, 0),
        "C-S": ("cosine", False, False, 0, 0),
        "C-S + L_ord": ("cosine", True, False, 0, 0),
        "C-S + L_ord + L_self": ("cosine", True, True, 0, 0),
    }
    bare = [
        replace(r, settings={}, order=0.0, directed=0.0, directed_from=0) for r in made.values()
    ]
    assert all(r == bare[0] for r in bare)


def test_the_order_is_read_from_the_attention_and_from_the_sharpened_matrix(
    tiny: None, whole: Path
) -> None:
    model = load_checkpoint(whole / "model.safetensors")
    found = measured(model, 6, None, sharpened=True)["rendered"]
    assert found == measured(model, 6, None)["rendered"] | {
        k: v for k, v in found.items() if k.endswith("_sharpened")
    }
    sharp = measured(model.changed(sharpness=SHARPNESS), 6, None)["rendered"]
    order = ("order_accuracy", "reversal_accuracy", "order_accuracy_directed")
    assert {k: found[f"{k}_sharpened"] for k in order} == {k: sharp[k] for k in order}
    assert TABLES["direcformer_table2"].sharpened and "top1_sharpened" not in found


def test_a_table_in_words_has_means_and_spreads_in_percent() -> None:
    runs = [
        {"row": "S", "seed": seed, "rendered": {"clips": 3, "top1": top1, "order_accuracy": 50.0}}
        for seed, top1 in ((0, 0.5), (1, 0.7))
    ]
    text = markdown({"table": "far_table2", "summary": summary(runs)})
    assert text.splitlines() == [
        "| row | seeds | rendered: top-1 |",
        "| --- | --- | --- |",
        "| S | 2 | 60.0 ± 14.1 |",
    ]
    assert "| S | 1 | 50.0 |" in markdown({"table": "far_table2", "summary": summary(runs[:1])})


RESULTS = Path(__file__).parents[2] / "assets" / "results"


def test_the_gap_that_is_written_of_the_order_table_is_that_of_its_rows() -> None:
    runs = json.loads((RESULTS / "direcformer_table2.json").read_text())["runs"]
    written = " ".join((RESULTS.parents[1] / "docs" / "experiments.md").read_text().split())

    def order(
        row: str, key: str = "order_accuracy_sharpened", data: str = "rendered"
    ) -> list[float]:
        return [
            run[data][key] for run in sorted(runs, key=lambda run: run["seed"]) if run["row"] == row
        ]

    def gap(*of: str) -> float:
        return float(np.mean(order(best, *of)) - np.mean(order("S-S", *of)))

    best, directed = "C-S + L_ord + L_self", "order_accuracy_directed_sharpened"
    assert max(order(row)[0] for row in TABLES["direcformer_table2"].rows) == order(best)[0]
    each = [b - s for b, s in zip(order(best), order("S-S"), strict=True)]
    assert (
        f"{gap():.1f} points above S-S then ({each[0]:.1f} and {each[1]:.1f} with the two seeds), "
        f"{gap(directed):.1f} on" in written
    )
    assert (
        f"({gap('order_accuracy_sharpened', 'real'):.1f} and {gap(directed, 'real'):.1f} on real "
        "clips)" in written
    )
    raw = [b - s for b, s in zip(order(best), order("S-S", "order_accuracy"), strict=True)]
    assert f"the gap would be {np.mean(raw):.1f} ({raw[0]:.2f} and {raw[1]:.2f})" in written


@pytest.mark.parametrize("name", embedded())
def test_the_figures_in_the_readme_are_those_of_the_cards(name: str) -> None:
    text = (RESULTS.parents[1] / "docs" / "results.md").read_text()
    figures, readme = load(name).card.measured, " ".join(text.split())

    def order(part: str) -> str:
        return " | ".join(
            f"{figures[part][key]:.1f}"
            for key in ("order_accuracy", "order_accuracy_directed", "reversal_accuracy")
        )

    top1 = " | ".join(
        f"{100 * figures[part]['top1']:.1f} %"
        for part in ("rendered", "real", "real_odd_backgrounds")
    )
    assert f"| `{name}` | {top1} | {order('real')} |" in readme
    if name == "direcformer":
        held_out = figures["real_odd_backgrounds"]
        assert (
            f"`--passes 16` | | | | {order('real_passes')} |" in readme
            and f"`--raw` | | | | {order('real_raw')} |" in readme
        )
        assert (
            f"`--raw`, which gets {figures['real_raw']['order_accuracy_directed']:.1f} here"
            in readme
        )
        assert (
            f"has {held_out['order_accuracy_directed']:.1f} on the directed strokes and "
            f"{held_out['reversal_accuracy']:.1f} in" in readme
        )


def test_clips_of_a_moving_camera_move_more() -> None:
    card = Card(
        "direcformer", "tiny", ("tick",), (0.5,) * 3, (0.5,) * 3, 24, 3, "uniform", "fit", "nothing"
    )
    shifts = {}
    for moves in (True, False):
        names = [sample.name for sample in camera_clips(4, card, moves)]
        assert len(set(names)) == 4
        gestures = [
            render(name.split(":")[0], int(name.split(":")[1]), frames=3, size=(120, 160))
            for name in names
        ]
        shifts[moves] = [
            float(np.linalg.norm(np.ptp(g.camera[:, :, 2], 0))) / 160 for g in gestures
        ]
    assert min(shifts[True]) > 0.08 and max(shifts[False]) < 0.03


def test_the_probe_tells_what_a_model_of_the_last_frame_makes_of_each_order() -> None:
    net = _Last()
    card = Card(
        "still",
        "none",
        ("dark", "bright"),
        (0.5,) * 3,
        (0.5,) * 3,
        24,
        3,
        "uniform",
        "fit",
        "nothing",
    )
    ramp = np.repeat(np.array([0, 90, 255], np.uint8), 24 * 24 * 3).reshape(3, 24, 24, 3)
    clips = [
        Sample("bright", Clip(ramp, np.arange(3.0), "up", "a"), "a"),
        Sample("dark", Clip(ramp[::-1].copy(), np.arange(3.0), "down", "b"), "b"),
    ]
    found = probe_accuracy(Model(net, card), clips)
    assert found["clips"] == 2 and found["top1_as_it_is"] == 1.0  # it looks at the last frame
    assert found["top1_reversed"] == 0.0 and found["same_class_reversed"] == 0.0
    assert found["top1_frozen"] == 0.5 and set(found) == {"clips"} | {
        f"top1_{p.replace(' ', '_')}" for p in PROBES
    } | {f"same_class_{p}" for p in PROBES[1:]}


class _Last(VideoModel):
    """Says bright where the last frame is."""

    frames, size = 3, 24

    def forward(self, video: torch.Tensor, detail: bool = False) -> torch.Tensor:
        light = video[:, :, -1].mean((1, 2, 3))
        return torch.stack([-light, light], 1) * 9


def test_one_seed_has_no_spread() -> None:
    assert summary([{"row": "a", "seed": 0, "rendered": {"clips": 2, "top1": 0.5}}]) == [
        {"row": "a", "seeds": 1, "rendered": {"top1": {"mean": 0.5, "sd": None}}}
    ]

"""Three readings of one matrix, and how often the verdict is called and right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets import ASSETS
from core.order import Affinity, order_matrix, read
from core.order.facts import ranked_by_sums
from core.order.trials import permutation_of
from core.video import shuffled
from core.weights import load
from training import readings as module
from training.__main__ import main
from training.evaluate import rendered_clips
from training.readings import Read, counts, readings, summed


def test_one_matrix_is_read_as_the_app_reads_it_and_by_the_sums_of_its_rows() -> None:
    model = load("direcformer")
    (sample,) = rendered_clips(1, model.card)
    reads = readings(model, [sample], 2)
    for seed, one in enumerate(reads):
        permutation = permutation_of(sample.name, 8, seed)
        shown = read(model, sample.clip, permutation)
        raw = read(model, sample.clip, permutation, Affinity())
        assert one.accuracy["sharpened path"] == shown.accuracy
        assert one.accuracy["raw path"] == raw.accuracy
        assert one.verdict == shown.order.verdict
        assert one.is_right == (shown.accuracy == shown.either_way)
        matrix = order_matrix(model, shuffled(sample.clip, permutation), Affinity())
        places = [int(permutation[slot]) for slot in ranked_by_sums(matrix)]
        runs = [1] * 8  # the longest rising run that ends at each place, by hand
        for i in range(8):
            runs[i] += max((runs[j] for j in range(i) if places[j] < places[i]), default=0)
        assert one.accuracy["row sums"] == 100 * max(runs) / 8
    assert len(reads) == 2 and sample.label == reads[0].label


def made(label: str, verdict: str, is_right: bool, accuracy: float) -> Read:
    return Read(label, dict.fromkeys(module.WAYS, accuracy), verdict, is_right)  # type: ignore


def test_counts_and_means_by_hand() -> None:
    reads = [
        made("star", "known", True, 100.0),
        made("star", "known", False, 50.0),
        made("star", "up_to_direction", True, 75.0),
        made("left", "unknown", False, 25.0),
    ]
    result = summed(reads)
    assert result["verdict"]["star"] == {
        "shuffles": 3,
        "called": 2,
        "right": 1,
        "up_to_direction": 1,
        "unknown": 0,
    }
    assert result["verdict"]["all"] == counts(reads) and counts(reads)["unknown"] == 1
    assert result["ways"]["row sums"] == 62.5 and result["ways_directed"]["raw path"] == 75.0
    assert summed(reads[3:])["ways_directed"]["raw path"] is None, "left is no directed stroke"


def test_the_command_asks_every_model_and_writes_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def some(model, samples, seeds):
        asked.append((model.card.model, seeds))
        return [made("star", "known", True, 50.0)]

    monkeypatch.setattr(module, "readings", some)
    (tmp_path / "star").mkdir()
    out = tmp_path / "new" / "readings.json"
    flags = ["readings", "--out", str(out), "--models", "direcformer", "--seeds", "2"]
    assert main(flags) == 0
    assert asked == [("direcformer", 1)]
    written = json.loads(out.read_text())
    assert written["models"][0]["weights"] == load("direcformer").card.hash
    assert main([*flags[:-1], "0"]) == 2


def test_what_is_shown_was_measured_of_the_weights_that_ship() -> None:
    results = json.loads((ASSETS / "results" / "readings.json").read_text())
    for row in results["models"]:
        assert row["weights"] == load(row["model"]).card.hash
        for data in ("rendered", "real"):
            strokes = dict(row[data]["verdict"])
            everything = strokes.pop("all")
            for key, value in everything.items():
                assert value == sum(counts[key] for counts in strokes.values())
    direcformer = next(row for row in results["models"] if row["model"] == "direcformer")
    card = load("direcformer").card.measured
    assert direcformer["rendered"]["ways"]["sharpened path"] == card["rendered"]["order_accuracy"]


def test_what_is_written_of_them_is_what_was_measured() -> None:
    results = json.loads((ASSETS / "results" / "readings.json").read_text())
    row = next(row for row in results["models"] if row["model"] == "direcformer")
    text = " ".join((ASSETS.parent / "docs" / "results.md").read_text(encoding="utf-8").split())
    real, rendered = (row[data]["verdict"]["all"] for data in ("real", "rendered"))
    share = 100 * real["right"] / real["called"]
    assert (
        f"of {real['shuffles']} shuffles (the 114 real clips, three each) DirecFormer's direction "
        f"was called known in {real['called']}, and rightly in {real['right']} of these, "
        f"{share:.0f} %; of {rendered['shuffles']} rendered clips in {rendered['called']}, rightly "
        f"in {rendered['right']}" in text
    )
    variant = next(row for row in results["models"] if row["model"] == "direcformer_cc")
    real, rendered = (variant[data]["verdict"]["all"] for data in ("real", "rendered"))
    assert f"calls {real['called']} and {rendered['called']} of the same shuffles known" in text
    assert all(each["right"] == each["called"] for each in (real, rendered)), "all of them rightly"
    names = (
        "raw path, as in the paper",
        "sharpened path, as in the app",
        "row sums, without a path",
    )
    models = {row["model"]: row["real"] for row in results["models"]}
    for way, name in zip(module.WAYS, names, strict=True):
        figures = [
            models[model][key][way]
            for model in ("direcformer", "direcformer_cc", "timesformer")
            for key in ("ways", "ways_directed")
        ]
        assert f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |" in text

"""Results of a data set, read: filters, sorting, counting, and the clips to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.draw.data_set import manifest
from core.draw.data_set.columns import SCHEMA
from core.draw.data_set.embedding import places, principal
from core.draw.data_set.figures import bin_edges, clip_map, confusions, heat_of, histogram, short
from core.draw.data_set.made_up import write_made_up
from core.draw.data_set.results import Filter, disagreements, open_results, results_in
from core.draw.data_set.shards import table_of, write_shard
from core.errors import BadInput

ROWS: list[dict[str, Any]] = [
    {"label": "left", "prediction": "left", "correct": True, "probability": 0.5, "motion": 0.1},
    {"label": "left", "prediction": "up", "correct": False, "probability": 0.75, "motion": 0.1},
    {"label": "up", "prediction": "up", "correct": True, "probability": 0.25, "motion": 0.2},
    {"error": "damaged"},
    {"label": "up", "prediction": "up", "correct": True, "probability": None, "motion": 0.5},
]
GAZES = [(0.05, 0.02), (0.0, 0.0), (0.1, 0.3), (None, None), (0.2, 0.1)]
"""Share of attention and of GradCAM on what moves."""


def written(folder: Path, rows: list[dict[str, Any]], shard: int = 2, model: int = 0) -> Path:
    """A folder of results with these rows, `shard` a file."""
    about = write_made_up(folder, 1, seed=model)
    manifest.shard_file(folder, 0).unlink()
    about["data"] = manifest.Data(source="five", clips=len(rows), missing=0, digest="five")
    manifest.write(folder, about)
    for first in range(0, len(rows), shard):
        table = table_of(rows[first : first + shard])
        write_shard(manifest.shard_file(folder, first // shard), table)
    return folder


@pytest.fixture
def five(tmp_path: Path) -> Path:
    rows = []
    for i, (row, (attention, gradcam)) in enumerate(zip(ROWS, GAZES, strict=True)):
        looks = {"on_motion": attention, "gradcam_on_motion": gradcam}
        rows.append({"number": i, "clip": f"clip {i}", "path": f"/there/{i}.mp4", **row, **looks})
    return written(tmp_path / "five", rows)


def test_a_filter_lets_pass_what_meets_all_conditions_and_no_clip_with_an_error(five: Path) -> None:
    results = open_results(five)
    assert results.where(Filter()).tolist() == [0, 1, 2, 4]
    assert results.where(Filter({"label": ["left"]})).tolist() == [0, 1]
    assert results.where(Filter({"label": ["left", "up"]}, correct=True)).tolist() == [0, 2, 4]
    assert results.where(Filter(ranges={"probability": (0.25, 0.5)})).tolist() == [0, 2]
    assert results.where(Filter({"prediction": ["up"]}, correct=False)).tolist() == [1]
    assert results.where(Filter({"label": ["circle"]})).tolist() == []
    passes = results.holds(results.where(Filter({"label": ["left", "up"]}, correct=True)))
    assert passes.tolist() == [True, False, True, False, True]
    both = Filter({"label": ["left"]}, {"probability": (0.6, 1.0)}, True)
    assert results.where(both.without("correct")).tolist() == [1]
    assert results.where(both.without("label", "correct", "probability")).tolist() == [0, 1, 2, 4]


def test_rows_are_sorted_by_any_column_and_those_without_a_value_come_last(five: Path) -> None:
    results = open_results(five)
    rows = results.where(Filter())
    assert results.by(rows, "probability").tolist() == [2, 0, 1, 4]
    assert results.by(rows, "probability", largest_first=True).tolist() == [1, 0, 2, 4]
    assert results.by(rows, "prediction").tolist() == [0, 1, 2, 4], "left before up"
    assert results.by(rows, "number", largest_first=True).tolist() == [4, 2, 1, 0]


def test_the_confusion_matrix_counts_labels_in_rows(five: Path) -> None:
    results = open_results(five)
    counts = results.counts(results.where(Filter()))
    left, up = (results.about["labels"].index(name) for name in ("left", "up"))
    assert counts[left, left] == 1 and counts[left, up] == 1 and counts[up, up] == 2
    assert counts.sum() == 4 and results.texts("label") == ["left", "up"]


def test_right_for_the_wrong_reason_is_where_both_maps_look_away_from_what_moves(
    five: Path,
) -> None:
    # larger share over room: 0 0.05 / 0.1 = 0.5, clip 2 0.3 / 0.2 = 1.5, clip 4 0.2 / 0.5 = 0.4
    results = open_results(five)
    assert results.wrong_reasons(results.where(Filter())).tolist() == [4, 0]
    assert results.gaze[[0, 2, 4]] == pytest.approx([0.5, 1.5, 0.4])


def test_pictures_are_read_from_the_shards_of_the_rows_that_ask(five: Path) -> None:
    results = open_results(five)
    records = results.records(np.array([4, 0, 2]), ["path", "number"])
    assert [record["path"] for record in records] == [
        "/there/4.mp4",
        "/there/0.mp4",
        "/there/2.mp4",
    ]
    assert results.errors() == [{"clip": "clip 3", "error": "damaged"}]
    results.files[1].write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"00001\.parquet cannot be read"):
        results.records(np.array([2]), ["path"])


def test_two_models_disagree_where_they_call_a_clip_by_other_classes(
    five: Path, tmp_path: Path
) -> None:
    rows = [
        {"number": i, "clip": f"clip {i}", "path": "", "prediction": name}
        for i, name in [(0, "left"), (1, "down"), (4, "left")]
    ]
    other = open_results(written(tmp_path / "other", rows, model=1))
    one = open_results(five)
    about = {**other.about, "data": {**other.about["data"], "digest": one.about["data"]["digest"]}}
    manifest.write(other.folder, manifest.Manifest(**about))  # type: ignore[typeddict-item]
    assert disagreements(one, open_results(other.folder)).tolist() == [
        False,
        True,
        False,  # the other says nothing of it
        False,
        True,
    ]


def test_results_of_other_clips_are_not_compared(tmp_path: Path) -> None:
    for name, clips in (("one", 3), ("two", 4)):
        write_made_up(tmp_path / name, clips)
    one, two = (open_results(tmp_path / name) for name in ("one", "two"))
    with pytest.raises(BadInput, match="two is of other clips than one"):
        disagreements(one, two)


def test_a_folder_without_rows_or_with_a_damaged_shard_is_refused_in_a_line(
    tmp_path: Path,
) -> None:
    write_made_up(tmp_path / "made", 3)
    assert results_in(tmp_path) == results_in(tmp_path / "made") == [tmp_path / "made"]
    shard = manifest.shard_file(tmp_path / "made", 0)
    shard.write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="holds a shard that cannot be read"):
        open_results(tmp_path / "made")
    shard.unlink()
    with pytest.raises(BadInput, match="has no rows yet"):
        open_results(tmp_path / "made")


def test_principal_components_of_points_on_a_line_hold_all_of_it() -> None:
    along = np.array([[3.0, 4.0, 0.0]]) / 5 * np.array([[-1.0], [0.0], [2.0], [3.0]])
    xy, share = principal(along)
    assert xy[:, 0] == pytest.approx([-2, -1, 1, 2])
    assert xy[:, 1] == pytest.approx(0, abs=1e-12) and share == pytest.approx(1)


def test_the_map_is_of_usable_clips_of_all_shards(tmp_path: Path) -> None:
    write_made_up(tmp_path, 211, shard=53, width=5)
    results = open_results(tmp_path)
    drawn = places(results, points=40)
    assert len(drawn.rows) == len(drawn.xy) == 40 and drawn.share and 0.4 < drawn.share < 1
    assert not set(drawn.rows.tolist()) & {100, 201}, "those are broken"
    assert {row // 53 for row in drawn.rows.tolist()} == {0, 1, 2, 3}
    mask = drawn.rows < 106
    figure = clip_map(drawn, {"first": mask}, [str(row) for row in drawn.rows])
    assert [trace.name for trace in figure.data] == ["others", "first"]
    assert list(figure.data[1].customdata) == drawn.rows[mask].tolist()


def test_a_histogram_has_all_clips_behind_those_that_pass_and_leaves_nan_out() -> None:
    values = np.array([0.0, 0.1, 1.0, np.nan, 1.0])
    figure = histogram(values, np.array([True, False, False, True, True]))
    behind, before = figure.data
    assert sum(behind.y) == 4 and sum(before.y) == 2
    assert behind.y[-1] == 2 and before.y[-1] == 1, "the last bar holds its upper edge"
    assert behind.customdata[0] == pytest.approx([0, 1 / 24])
    assert bin_edges(np.array([3.0, 3.0])).tolist() == [2.5, 3.5]


def test_a_cell_of_the_confusion_matrix_says_what_it_stands_for() -> None:
    figure = confusions(np.array([[5, 1], [0, 7]]), ["left", "up"])
    marks = figure.data[-1]
    assert [tuple(pair) for pair in marks.customdata] == [
        ("left", "left"),
        ("left", "up"),
        ("up", "left"),
        ("up", "up"),
    ]
    assert (marks.x[1], marks.y[1]) == (1, 0), "a label is a row"
    assert figure.data[0].z[0].tolist() == pytest.approx([100 * 5 / 6, 100 / 6])
    counts = (0, 999, 1000, 1789, 99_499, 123_456, 2_340_000)
    assert [short(n) for n in counts] == ["", "999", "1k", "1.8k", "99k", "123k", "2.3M"]


def test_a_map_in_bytes_is_read_in_its_own_units() -> None:
    record = {
        "grid_t": 1,
        "grid_h": 1,
        "grid_w": 3,
        "attention_map": bytes([0, 51, 255]),
        "attention_low": -0.5,
        "attention_high": 2.0,
        "gradcam_map": bytes([0, 51, 255]),
        "gradcam_high": 5.0,
    }
    assert heat_of(record, "attention").ravel() == pytest.approx([-0.5, 0.0, 2.0])
    assert heat_of(record, "gradcam").ravel() == pytest.approx([0.0, 1.0, 5.0])


def test_every_column_that_is_held_is_of_the_schema_and_none_is_a_list(five: Path) -> None:
    table = open_results(five).table
    assert set(table.column_names) <= set(SCHEMA.names)
    assert table.nbytes < 5 * 400, "some 150 bytes a clip"
    assert json.loads((five / manifest.FILE).read_text())["model"] == "direcformer"

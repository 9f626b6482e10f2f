"""The table of a data set's results: its columns, its files, and rows that are made up from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.draw.data_set import manifest
from core.draw.data_set.columns import SCHEMA, WHAT_IT_IS
from core.draw.data_set.made_up import write_made_up
from core.draw.data_set.shards import refused, table_of
from core.errors import BadInput


def test_every_column_says_what_it_holds() -> None:
    assert all(field.metadata[b"is"] for field in SCHEMA)
    assert len(set(SCHEMA.names)) == len(SCHEMA)


def test_made_up_rows_are_a_folder_of_results_as_a_job_writes_it(tmp_path: Path) -> None:
    write_made_up(tmp_path, 211, shard=53, width=5)
    about = manifest.read(tmp_path)
    files = manifest.shards(tmp_path)
    assert [file.name for file in files] == [f"0000{i}.parquet" for i in range(4)]
    table = pa.concat_tables(pq.read_table(file) for file in files)
    assert table.schema.equals(SCHEMA)
    assert pq.read_table(tmp_path / manifest.SHARDS).equals(table), "a folder is one table"
    assert len(table) == about["data"]["clips"] == 211
    assert table["number"].to_pylist() == list(range(211))
    broken = table.filter(pc.is_valid(table["error"]))
    assert broken["number"].to_pylist() == [100, 201]
    assert [name for name in SCHEMA.names if broken[name].null_count == 0] == [
        name for name in WHAT_IT_IS if name not in ("start", "end")
    ]
    fine = table.filter(pc.is_null(table["error"])).to_pylist()
    for row in fine[:3]:
        size = row["grid_t"] * row["grid_h"] * row["grid_w"]
        assert len(row["attention_map"]) == len(row["gradcam_map"]) == size
        assert len(row["frame_matrix"]) == row["grid_t"] ** 2
        assert len(row["probabilities"]) == len(about["labels"])
        assert len(row["order_paths"]) == about["settings"]["shuffles"] * row["grid_t"]
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert 0.6 < np.mean([row["correct"] for row in fine]) < 1


def test_made_up_results_of_two_models_hold_the_same_clips(tmp_path: Path) -> None:
    write_made_up(tmp_path / "one", 30)
    write_made_up(tmp_path / "two", 30, seed=1)
    one, two = (pq.read_table(manifest.shard_file(tmp_path / name, 0)) for name in ("one", "two"))
    assert one["clip"].equals(two["clip"])
    assert not one["probability"].equals(two["probability"])


def test_a_clip_that_cannot_be_used_keeps_its_name_and_its_reason() -> None:
    row = refused({"number": 3, "clip": "a/b.mp4", "path": "/a/b.mp4", "frames": 8}, "damaged")
    (read,) = table_of([row]).to_pylist()
    assert {name: value for name, value in read.items() if value is not None} == {
        "number": 3,
        "clip": "a/b.mp4",
        "path": "/a/b.mp4",
        "error": "damaged",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "has no manifest.json"),
        ("{", "is damaged"),
        ("[]", "is no manifest"),
        ('{"format": 1}', "is no manifest"),
    ],
)
def test_a_folder_without_a_manifest_is_refused_in_a_line(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / manifest.FILE).write_text(text)
    with pytest.raises(BadInput, match=reason):
        manifest.read(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    about = write_made_up(tmp_path, 1)
    (tmp_path / manifest.FILE).write_text(json.dumps(about | {"format": 2}))
    with pytest.raises(BadInput, match="has format 2, this version reads 1"):
        manifest.read(tmp_path)

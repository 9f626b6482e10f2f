"""Small checkpoints and folders of clips that the tests of a data set's table share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.draw.data_set import manifest
from core.draw.data_set.columns import SECONDS
from core.draw.overlay import write_mp4
from core.weights import save_checkpoint, untrained

SIZES = {"size": 24, "patch": 8, "frames": 8, "width": 10, "depth": 2, "heads": 5}


def checkpoint(path: Path) -> Path:
    """A tiny DirecFormer of the ten strokes, whose weights are random."""
    model = untrained("direcformer", **SIZES)
    save_checkpoint(path, model.net.state_dict(), model.card)
    return path


def write_clip(path: Path, seed: int, frames: int = 11) -> None:
    """A bright square that runs over a random ground."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = np.random.default_rng(seed).integers(0, 60, (frames, 26, 34, 3), np.uint8)
    for t, frame in enumerate(video):
        frame[seed % 17 : seed % 17 + 6, 2 * t : 2 * t + 6] = 220
    write_mp4(path, video, 10)


def table(folder: Path) -> pa.Table:
    """All shards of a folder of results, by the number of the clip, without the times it took."""
    every = pq.read_table(folder / manifest.SHARDS).sort_by("number")
    return every.drop_columns(list(SECONDS))


def differences(one: pa.Table, other: pa.Table) -> list[str]:
    """The columns that differ: numbers by more than rounding, or anything else at all.

    Maps are whole numbers of rounded ones, so they may differ by 1.
    """
    assert one.schema.equals(other.schema)
    assert len(one) == len(other)
    return [name for name in one.column_names if not _alike(name, one[name], other[name])]


def _alike(name: str, one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    kind = one.type.value_type if pa.types.is_list(one.type) else one.type
    left, right = one.to_pylist(), other.to_pylist()
    for a, b in zip(left, right, strict=True):
        if a is None or b is None or not (pa.types.is_floating(kind) or name.endswith("_map")):
            if a != b:
                return False
        elif name.endswith("_map"):
            pair = [np.frombuffer(x, np.uint8).astype(int) for x in (a, b)]
            if np.abs(pair[0] - pair[1]).max() > 1:
                return False
        elif not np.allclose(a, b, rtol=1e-4, atol=1e-5):
            return False
    return True

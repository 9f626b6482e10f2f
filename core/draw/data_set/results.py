"""A folder of results, read: filtered, sorted, counted, and its rows by the page.

Columns of one value a clip are held in memory, some 150 bytes a clip. Lists, maps and pictures are
read from the shards for the few rows that ask for them. A row is a place in the table, from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Int

from core.draw.data_set import manifest
from core.draw.data_set.columns import SCHEMA, SECONDS
from core.draw.data_set.manifest import Manifest
from core.errors import BadInput

Rows = Int[np.ndarray, " _rows"]
KINDS = ("label", "prediction", "second", "order_verdict")
"""Columns of few different texts."""
NUMBERS = tuple(
    column.name
    for column in SCHEMA
    if pa.types.is_float32(column.type) and column.name not in SECONDS
)
"""Columns of one number a clip that say something of the model."""
HELD = ("number", "clip", "error", "correct", *KINDS, *NUMBERS, *SECONDS)
_WORDS = pa.dictionary(pa.int32(), pa.string())
READERS, JOINED = 2, 64
"""Threads that read shards, and shards that are joined at a time."""
CANDIDATES = 20
"""Clips that are listed as right for the wrong reason."""


@dataclass(frozen=True)
class Filter:
    """Which clips: all conditions hold."""

    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By column of KINDS: any of these texts."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By column of NUMBERS: from the first to the second, both included."""
    correct: bool | None = None

    def without(self, *columns: str) -> Filter:
        """The other conditions."""
        kinds = {name: value for name, value in self.kinds.items() if name not in columns}
        ranges = {name: value for name, value in self.ranges.items() if name not in columns}
        return Filter(kinds, ranges, None if "correct" in columns else self.correct)


@dataclass(frozen=True)
class Results:
    """What a model did with a data set."""

    folder: Path
    about: Manifest
    table: pa.Table
    """The columns HELD, a chunk each, first clips first."""
    starts: tuple[int, ...]
    """The first row of each shard."""
    files: tuple[Path, ...]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def nbytes(self) -> int:
        return int(self.table.nbytes)

    def numbers(self, column: str) -> Float[np.ndarray, " clips"]:
        """A column of NUMBERS, NaN where it is null."""
        values: np.ndarray = self.table[column].to_numpy()
        return values

    def texts(self, column: str) -> Sequence[str]:
        """The texts that a column of KINDS holds; classes in the order of the model's."""
        (chunk,) = self.table[column].chunks
        there = {text for text in chunk.dictionary.to_pylist() if text is not None}
        known = [label for label in self.about["labels"] if label in there]
        return known + sorted(there - set(known))

    @cached_property
    def spans(self) -> Mapping[str, tuple[float, float]]:
        """The least and the largest value of each column of NUMBERS that has any."""
        ends = {name: pc.min_max(self.table[name]).as_py() for name in NUMBERS}
        return {
            name: (each["min"], each["max"])
            for name, each in ends.items()
            if each["min"] is not None
        }

    def holds(self, rows: Rows) -> Bool[np.ndarray, " clips"]:
        """These rows as a mask."""
        mask = np.zeros(len(self), bool)
        mask[rows] = True
        return mask

    @cached_property
    def usable(self) -> Bool[np.ndarray, " clips"]:
        """The clips that could be used."""
        mask: np.ndarray = pc.is_null(self.table["error"]).to_numpy()
        return mask

    def where(self, asked: Filter) -> Rows:
        """The rows of the usable clips that a filter lets pass, first clips first."""
        mask = self.usable.copy()
        for column, texts in asked.kinds.items():
            if texts:
                mask &= self._is_one_of(column, texts)
        for column, (low, high) in asked.ranges.items():
            values = self.numbers(column)
            # a bound that was rounded to single precision is still inside
            mask &= (values >= np.float32(low)) & (values <= np.float32(high))
        if asked.correct is not None:
            right = self.right
            mask &= (right == 1.0) if asked.correct else (right == 0.0)
        return np.flatnonzero(mask)

    @cached_property
    def right(self) -> Float[np.ndarray, " clips"]:
        """1 where the prediction is the label, 0 where not, NaN where the model cannot know it."""
        column = pc.cast(self.table["correct"], pa.float32())
        values: np.ndarray = column.to_numpy()
        return values

    def _is_one_of(self, column: str, texts: Sequence[str]) -> Bool[np.ndarray, " clips"]:
        codes, names = self.codes(column)
        wanted = [i for i, name in enumerate(names) if name in set(texts)]
        return np.isin(codes, wanted)

    def codes(self, column: str) -> tuple[Int[np.ndarray, " clips"], Sequence[str]]:
        """A column of KINDS as places in its texts, -1 for null, and those texts."""
        (chunk,) = self.table[column].chunks
        codes: np.ndarray = pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False)
        return codes, chunk.dictionary.to_pylist()

    def by(self, rows: Rows, column: str, largest_first: bool = False) -> Rows:
        """Rows in the order of a column; clips that lack a value come last."""
        if column in KINDS:
            codes, names = self.codes(column)
            rank = np.argsort(np.argsort(np.array(names, object)))
            values = np.where(codes < 0, np.nan, rank[codes]) if names else np.full(len(self), 0.0)
        elif column == "number":
            values = np.arange(len(self), dtype=float)
        else:
            values = self.numbers(column)
        keys = -values[rows] if largest_first else values[rows]
        return rows[np.argsort(keys, kind="stable")]  # NaN is last both ways

    def counts(self, rows: Rows) -> Int[np.ndarray, "labels labels"]:
        """How often each class [label, prediction] of `about.labels`, over some rows."""
        names = list(self.about["labels"])
        places = []
        for column in ("label", "prediction"):
            codes, texts = self.codes(column)
            of_text = np.array([*(names.index(t) if t in names else -1 for t in texts), -1])
            places.append(of_text[codes[rows]])
        known = (places[0] >= 0) & (places[1] >= 0)
        flat = places[0][known] * len(names) + places[1][known]
        return np.bincount(flat, minlength=len(names) ** 2).reshape(len(names), len(names))

    def records(self, rows: Rows, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some rows with these columns of SCHEMA, in the order of `rows`, read from the shards.

        Raises: BadInput where a shard is gone or damaged.
        """
        shards = np.searchsorted(self.starts, rows, side="right") - 1
        records: dict[int, dict[str, Any]] = {}
        for shard in np.unique(shards):
            mine = rows[shards == shard]
            table = read_shard(self.files[shard], columns).take(mine - self.starts[shard])
            records |= zip(mine.tolist(), table.to_pylist(), strict=True)
        return [records[row] for row in rows.tolist()]

    def errors(self) -> list[dict[str, Any]]:
        """The clips that cannot be used: name and reason."""
        rows = np.flatnonzero(~self.usable)
        return list(self.table.select(["clip", "error"]).take(rows).to_pylist())

    def wrong_reasons(self, rows: Rows) -> Rows:
        """Those of some rows that may be right for the wrong reason, the likeliest first.

        Of the clips that are right: attention and GradCAM both look away from what moves. The
        larger of their shares on moving pixels is divided by the share of pixels that move, which
        a map that is alike everywhere would give; below 1 both look elsewhere rather than there.
        """
        right = rows[self.right[rows] == 1.0]
        looks = self.gaze[right]
        away = right[looks < 1.0]
        return away[np.argsort(self.gaze[away], kind="stable")][:CANDIDATES]

    @cached_property
    def gaze(self) -> Float[np.ndarray, " clips"]:
        """How much more than its room the moving part gets, of attention or of GradCAM."""
        share = np.fmax(self.numbers("on_motion"), self.numbers("gradcam_on_motion"))
        with np.errstate(divide="ignore", invalid="ignore"):
            return share / self.numbers("motion")


def read_shard(file: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a shard. Raises: BadInput where it is gone or damaged."""
    try:
        return pq.read_table(file, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise BadInput(
            f"{file} cannot be read ({type(error).__name__}); run `python -m core explain-set` "
            "again, which writes what is missing"
        ) from None


def open_results(folder: Path) -> Results:
    """Open a folder of results, of a finished job or of one that goes on.

    Raises: BadInput for a folder without results, and for a damaged shard.
    """
    about = manifest.read(folder)
    files = tuple(manifest.shards(folder))
    if not files:
        raise BadInput(f"{folder} has no rows yet; wait for the first shard of `explain-set`")
    try:
        lengths, columns = _held(files)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(
            f"{folder} holds a shard that cannot be read ({type(error).__name__}); run `python -m "
            "core explain-set` again, which writes what is missing"
        ) from None
    starts = tuple(np.cumsum([0, *lengths[:-1]]).tolist())
    return Results(folder, about, pa.table(columns), starts, files)


def _held(files: Sequence[Path]) -> tuple[list[int], dict[str, pa.Array]]:
    """The rows of each shard, and the columns HELD of all.

    Shards are joined some at a time and column by column: a million clips in thousands of shards
    would else be in memory twice, and in as many crumbs as there are shards times columns.
    """
    lengths: list[int] = []
    columns: dict[str, list[pa.Array]] = {name: [] for name in HELD}
    with ThreadPoolExecutor(READERS) as pool:
        for first in range(0, len(files), JOINED):
            tables = list(pool.map(_read_held, files[first : first + JOINED]))
            lengths += [len(table) for table in tables]
            for name in HELD:
                columns[name].append(_whole([c for table in tables for c in table[name].chunks]))
            del tables
            pa.default_memory_pool().release_unused()
    joined = {name: _whole(columns.pop(name)) for name in HELD}
    pa.default_memory_pool().release_unused()
    return lengths, joined


def _read_held(file: Path) -> pa.Table:
    """The columns HELD of a shard; one that it lacks is null."""
    with pq.ParquetFile(file, read_dictionary=list(KINDS)) as shard:
        there = set(shard.schema_arrow.names)
        table = shard.read([name for name in HELD if name in there], use_threads=False)
    for name in HELD:
        if name not in there:
            kind = _WORDS if name in KINDS else SCHEMA.field(name).type
            table = table.append_column(name, pa.nulls(len(table), kind))
    return table


def _whole(arrays: list[pa.Array]) -> pa.Array:
    """These one after the other, as one."""
    if not arrays:
        return pa.array([])
    return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()


def disagreements(one: Results, other: Results) -> Bool[np.ndarray, " clips"]:
    """The clips of `one` that another model calls by another class.

    Raises: BadInput where the two are not of the same clips.
    """
    if one.about["data"]["digest"] != other.about["data"]["digest"]:
        raise BadInput(
            f"{other.folder.name} is of other clips than {one.folder.name}; choose results of the "
            "same data set"
        )
    mine, theirs = (results.table["number"].to_numpy() for results in (one, other))
    codes, names = other.codes("prediction")
    place = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
    there = np.where(theirs[place] == mine, codes[place], -1)
    mine_codes, mine_names = one.codes("prediction")
    # the other's classes by their place among one's own; -2: none of them
    among = [mine_names.index(name) if name in mine_names else -2 for name in names]
    says = np.array([*among, -1])[there]
    return (says != -1) & (mine_codes != -1) & (says != mine_codes)


def results_in(folder: Path) -> list[Path]:
    """The folders of results in a folder, which may be one itself, by name."""
    if (folder / manifest.FILE).is_file():
        return [folder]
    return sorted(file.parent for file in folder.glob(f"*/{manifest.FILE}"))

"""Rows as Parquet files, each there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.draw.data_set.columns import SCHEMA, WHAT_IT_IS
from core.runs import write_atomically

PICTURES = ("thumbnail", "attention_map", "gradcam_map")
"""Columns whose values do not repeat: a dictionary would only cost room."""
Row = dict[str, Any]
"""By the names of SCHEMA; what is not named is null."""


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table of SCHEMA."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)


def write_shard(path: Path, table: pa.Table) -> None:
    """Write a table of SCHEMA as a Parquet file, as `write_atomically`."""
    assert table.schema.equals(SCHEMA), "a shard has the columns of SCHEMA"
    words = [name for name in SCHEMA.names if name not in PICTURES]
    write_atomically(
        path,
        lambda temporary: pq.write_table(
            table, temporary, compression="zstd", use_dictionary=words, write_page_index=True
        ),
    )


def refused(what: Mapping[str, Any], error: str) -> Row:
    """The row of a clip that cannot be used, for this reason in one line."""
    return {name: what.get(name) for name in WHAT_IT_IS} | {"error": error}

"""Where clips lie beside each other: two coordinates of their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from core.draw.data_set.results import Results, Rows, read_shard

POINTS = 4000
"""Clips of a map: more of them cover each other."""
SHARDS = 64
"""Shards that they are drawn from, evenly spaced: a data set is often sorted by class."""
Method = Literal["pca", "umap"]


@dataclass(frozen=True)
class Places:
    """Some clips on a plane."""

    rows: Rows
    xy: Float[np.ndarray, "rows 2"]
    share: float | None
    """The part of the embeddings' variance that the plane holds, 0..1; None: it is not linear."""


def methods() -> list[Method]:
    """PCA always, UMAP where its package is installed: `pip install .[umap]`."""
    return ["pca", "umap"] if find_spec("umap") else ["pca"]


def places(results: Results, method: Method = "pca", points: int = POINTS) -> Places:
    """Up to so many usable clips, evenly spaced, on the plane that tells them apart best.

    Raises: BadInput where a shard is gone or damaged.
    """
    rows, values = _sample(results, points)
    if len(rows) < 3:
        return Places(rows, np.zeros((len(rows), 2)), None)
    if method == "umap":
        umap = import_module("umap")
        return Places(rows, umap.UMAP(random_state=0).fit_transform(values), None)
    return Places(rows, *principal(values))


def principal(
    values: Float[np.ndarray, "clips D"],
) -> tuple[Float[np.ndarray, "clips 2"], float]:
    """The two principal components of each row, and the share of the variance that they hold.

    The sign of an axis is that of its largest entry, so that the same rows give the same picture.
    """
    centred = values - values.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    xy = np.zeros((len(values), 2))
    xy[:, : len(axes)] = centred @ axes.T
    total = float((sizes**2).sum())
    return xy, float((sizes[:2] ** 2).sum()) / total if total else 0.0


def _sample(results: Results, points: int) -> tuple[Rows, Float[np.ndarray, "rows D"]]:
    """Rows of evenly spaced shards, evenly spaced within each, and their embeddings."""
    count = min(SHARDS, len(results.files))
    shards = np.unique(np.linspace(0, len(results.files) - 1, count).round().astype(int))
    each = -(-points // len(shards))
    rows, values = [], []
    for shard in shards:
        column = read_shard(results.files[shard], ["embedding"])["embedding"].combine_chunks()
        first = results.starts[shard]
        there = np.flatnonzero(results.usable[first : first + len(column)])
        if len(there) == 0:
            continue
        taken = there[np.unique(np.linspace(0, len(there) - 1, each).round().astype(int))]
        rows.append(first + taken)
        values.append(_as_array(column.take(pa.array(taken))))
    if not rows:
        return np.zeros(0, int), np.zeros((0, 1))
    return np.concatenate(rows), np.concatenate(values)


def _as_array(column: pa.ListArray) -> Float[np.ndarray, "rows D"]:
    flat: np.ndarray = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), -1)

"""Results made up from the schema, for tests and to try how large a folder stays quick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from core.draw.data_set import manifest
from core.draw.data_set.columns import SCHEMA, WHAT_IT_IS
from core.draw.data_set.shards import write_shard
from core.world.gestures import LABELS

LAYERS, STEPS, SIDE, SHUFFLES = 3, 8, 7, 2
VERDICTS = np.array(["known", "up_to_direction", "unknown"])


def write_made_up(
    folder: Path, clips: int, *, seed: int = 0, shard: int = 512, width: int = 16
) -> manifest.Manifest:
    """Write `clips` made-up rows and their manifest into a folder, which is made.

    About one in a hundred clips has an error, and four in five are right. Of the others nothing
    agrees: numbers are drawn one by one, within their ranges. Two folders of one number of clips
    and different seeds hold the same clips and labels, as of two models. `width` is that of the
    embeddings, `shard` the rows of a file.
    """
    (folder / manifest.SHARDS).mkdir(parents=True, exist_ok=True)
    about = manifest.Manifest(
        format=manifest.FORMAT,
        model="direcformer",
        preset="gesture",
        title=f"Made up {seed}",
        weights=f"{seed:08x}",
        weights_sha256=f"{seed:064x}",
        trained_on="nothing: these rows are made up",
        checkpoint="",
        labels=list(LABELS),
        settings=manifest.Settings(
            frames=STEPS,
            sampling="uniform",
            crop="fit",
            stride=4,
            rate=0.0,
            sharpness=0.0,
            shuffles=SHUFFLES,
            seed=0,
            precision="float32",
        ),
        data=manifest.Data(source="made up", clips=clips, missing=0, digest=f"made up {clips}"),
        shard=shard,
        versions={},
    )
    manifest.write(folder, about)
    for number, table in enumerate(tables(clips, seed=seed, rows=shard, width=width)):
        write_shard(manifest.shard_file(folder, number), table)
    return about


def tables(clips: int, *, seed: int = 0, rows: int = 512, width: int = 16) -> Iterator[pa.Table]:
    """The made-up rows, `rows` of them at a time."""
    thumbnails = np.array([_thumbnail(label) for label in range(len(LABELS))], object)
    centres = np.random.default_rng(0).normal(size=(len(LABELS), width))
    for first in range(0, clips, rows):
        numbers = np.arange(first, min(first + rows, clips))
        yield _table(numbers, np.random.default_rng([seed, first]), thumbnails, centres)


def _table(
    numbers: np.ndarray, rng: np.random.Generator, thumbnails: np.ndarray, centres: np.ndarray
) -> pa.Table:
    n, classes = len(numbers), len(LABELS)
    truth = numbers * 7919 % classes
    broken = numbers % 101 == 100
    scores = rng.normal(size=(n, classes))
    scores[np.arange(n), truth] += 3
    scores = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    ranked = np.argsort(-scores, 1)
    first, second = ranked[:, 0], ranked[:, 1]
    of = np.arange(n)
    verdict = VERDICTS[rng.integers(3, size=n)]
    entropies = np.sort(rng.uniform(size=(n, LAYERS)), 1)
    names = np.array(LABELS)
    values: dict[str, Any] = {
        "number": numbers,
        "clip": [f"{LABELS[label]}/{i}" for i, label in zip(numbers, truth, strict=True)],
        "path": [f"render:{LABELS[label]}:{i}" for i, label in zip(numbers, truth, strict=True)],
        "start": None,
        "end": None,
        "label": names[truth],
        "error": [
            f"clip {i}: made up as broken" if b else None
            for i, b in zip(numbers, broken, strict=True)
        ],
        "frames": np.full(n, STEPS),
        "prediction": names[first],
        "correct": first == truth,
        "probability": scores[of, first],
        "second": names[second],
        "margin": scores[of, first] - scores[of, second],
        "label_probability": scores[of, truth],
        "probabilities": scores,
        "domain_inside": rng.uniform(size=n) > 0.1,
        "entropy": entropies[:, -1],
        "entropy_drift": entropies[:, -1] - entropies[:, 0],
        "entropy_by_layer": entropies,
        "frame_matrix": rng.uniform(size=(n, STEPS * STEPS)),
        "order_verdict": verdict,
        "order_accuracy": rng.uniform(0, 100, n),
        "order_either_way": rng.uniform(50, 100, n),
        "order_verdicts": np.repeat(verdict[:, None], SHUFFLES, 1),
        "order_accuracies": rng.uniform(0, 100, (n, SHUFFLES)),
        "order_permutations": np.tile(np.arange(STEPS), (n, SHUFFLES)),
        "order_paths": np.tile(np.arange(STEPS), (n, SHUFFLES)),
        "gradcam_agreement": rng.uniform(-1, 1, n),
        "grid_t": np.full(n, STEPS),
        "grid_h": np.full(n, SIDE),
        "grid_w": np.full(n, SIDE),
        "attention_map": _bytes(rng, n),
        "attention_low": np.zeros(n),
        "gradcam_map": _bytes(rng, n),
        "embedding": centres[truth] + rng.normal(size=(n, centres.shape[1])),
        "thumbnail": thumbnails[truth],
        "thumbnail_step": np.full(n, STEPS // 2),
    }
    columns = [_column(field, values, n, broken, rng) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _column(
    field: pa.Field, values: dict[str, Any], n: int, broken: np.ndarray, rng: np.random.Generator
) -> pa.Array:
    """The values of a column; where none are given, uniform in 0..1. Broken clips have null."""
    given = values[field.name] if field.name in values else rng.uniform(size=n)
    if given is None:
        return pa.nulls(n, field.type)
    mask = None if field.name in WHAT_IT_IS else broken
    if not pa.types.is_list(field.type):
        return pa.array(given, mask=mask, from_pandas=True).cast(field.type)
    flat = pa.array(np.asarray(given).reshape(-1)).cast(field.type.value_type)
    length = np.asarray(given).shape[1]
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * length)
    return pa.ListArray.from_arrays(offsets, flat, type=field.type, mask=pa.array(broken))


def _bytes(rng: np.random.Generator, n: int) -> list[bytes]:
    size = STEPS * SIDE * SIDE
    drawn = rng.integers(256, size=n * size, dtype=np.uint8).tobytes()
    return [drawn[i * size : (i + 1) * size] for i in range(n)]


def _thumbnail(label: int) -> bytes:
    """A small JPEG, of another colour for each class."""
    hue = np.full((1, 1, 3), (18 * label, 160, 200), np.uint8)
    picture = np.repeat(np.repeat(cv2.cvtColor(hue, cv2.COLOR_HSV2BGR), 84, 0), 112, 1)
    cv2.putText(picture, LABELS[label], (6, 46), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255))
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())

"""manifest.json of a folder of results: what made them. Read it before the shards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from core.errors import BadInput
from core.runs import write_text

FILE = "manifest.json"
FORMAT = 1
SHARDS = "clips"
"""The folder of the shards: nothing else lies there, so that every reader takes it as one table."""


class Settings(TypedDict):
    """How clips are read and asked."""

    frames: int  # T
    sampling: str
    crop: str
    stride: int
    rate: float
    sharpness: float  # of the order matrix, as on the model's card
    shuffles: int  # k
    seed: int  # decides the shuffles, with each clip's name
    precision: str  # of the network's products: float32 or bfloat16


class Data(TypedDict):
    """Which clips."""

    source: str  # as it was given
    clips: int  # rows of all shards of a finished job
    missing: int  # listed by the data set, but not there
    digest: str  # of all names, paths and labels in their order


class Manifest(TypedDict):
    """What is in manifest.json."""

    format: int  # FORMAT
    model: str
    preset: str
    title: str  # of the model, for people
    weights: str  # first eight hex digits of their sha256, as on every figure
    weights_sha256: str
    trained_on: str
    checkpoint: str  # where the weights came from; empty: they are included
    labels: list[str]  # the model's classes, in the order of `probabilities`
    settings: Settings
    data: Data
    shard: int  # clips in each file but the last
    versions: dict[str, str]  # of what computed it


SAME = ("format", "model", "weights_sha256", "labels", "settings", "shard")
"""What must be alike for a job to go on in a folder, beside the digest of its data."""


def write(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, atomically."""
    write_text(folder / FILE, json.dumps(manifest, indent=1))


def read(folder: Path) -> Manifest:
    """The manifest of a folder of results.

    Raises: BadInput where there is none, it is damaged, or of another format.
    """
    path = folder / FILE
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise BadInput(
            f"{folder} holds no results: it has no {FILE}; give a folder that `python -m core "
            "explain-set` wrote"
        ) from None
    except ValueError:
        raise BadInput(f"{path} is damaged; write the results again, into another folder") from None
    if not isinstance(fields, dict) or not Manifest.__required_keys__ <= fields.keys():
        raise BadInput(f"{path} is no manifest of results; give another folder")
    if fields["format"] != FORMAT:
        raise BadInput(
            f"{path} has format {fields['format']}, this version reads {FORMAT}; update, or write "
            "the results again"
        )
    return Manifest(**fields)  # type: ignore[typeddict-item]


def shard_file(folder: Path, number: int) -> Path:
    """The file of a shard, counted from 0."""
    return folder / SHARDS / f"{number:05d}.parquet"


def shards(folder: Path) -> Sequence[Path]:
    """The shards that are written, first clips first; of a job that goes on some may lack."""
    return sorted((folder / SHARDS).glob("*.parquet"))

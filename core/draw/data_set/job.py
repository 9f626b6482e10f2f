"""A job: every shard of a folder of results that is not there yet is made, by this process or more.

Which clips share a shard follows from the data set alone. A shard is written by the one process
that was started, as a whole or not at all, so a job that was killed goes on with the shards that
lack, and no clip is there twice.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from core.draw.data_set import manifest
from core.draw.data_set.explainer import Clips, rows
from core.draw.data_set.shards import table_of, write_shard
from core.draw.data_set.wanted import Wanted, WantedSet
from core.errors import BadInput
from core.observe import at_once
from core.runs import Progress, alone, check_writable, write_progress
from core.weights import DEFAULT, Model, load, load_checkpoint, shipped, weights_sha256

STAGE = "explain-set"
PRECISIONS = ("float32", "bfloat16")
"""Of the network's products; maps are computed in float32 from what it showed."""
LEAST, MOST, MANY = 8, 512, 64
"""Clips of the smallest and the largest shard, and into how many a data set parts between them."""
_COMPUTES = ("torch", "numpy", "opencv-python", "av", "pyarrow")

Part = tuple[int, tuple[Wanted, ...]]
"""A shard: its number and its clips."""


@dataclass(frozen=True)
class Weights:
    """Where a model comes from; each process loads its own."""

    model: str | None
    """The name of an included one; None: of `checkpoint`, or the default."""
    checkpoint: str | None
    device: str = "cpu"
    precision: str = PRECISIONS[0]
    """One of PRECISIONS."""

    def load(self) -> Model:
        """The model, on its device. Raises: BadInput as `core.weights.load_checkpoint`."""
        model = load_checkpoint(self.checkpoint) if self.checkpoint else load(self._name)
        if self.checkpoint and self.model and self.model != model.card.model:
            raise BadInput(
                f"{self.checkpoint} is a {model.card.model} checkpoint, not {self.model}; leave "
                "out --model"
            )
        model.net.to(self.device)
        if self.precision != PRECISIONS[0]:
            half = torch.autocast(self.device, getattr(torch, self.precision))
            model.net.forward = half(model.net.forward)  # type: ignore[method-assign]
        return model

    @property
    def sha256(self) -> str:
        """Of the file or files."""
        return weights_sha256(self.checkpoint or shipped()[self._name])

    @property
    def _name(self) -> str:
        return self.model or DEFAULT


def about(weights: Weights, model: Model, wanted: WantedSet, asked: Clips) -> manifest.Manifest:
    """The manifest of a job."""
    card = model.card
    return manifest.Manifest(
        format=manifest.FORMAT,
        model=card.model,
        preset=card.preset,
        title=model.spec.title,
        weights=card.hash,
        weights_sha256=weights.sha256,
        trained_on=card.trained_on,
        checkpoint=weights.checkpoint or "",
        labels=list(card.labels),
        settings=manifest.Settings(
            frames=card.frames,
            sampling=card.sampling,
            crop=card.crop,
            stride=card.stride,
            rate=card.rate,
            sharpness=card.sharpness,
            shuffles=asked.shuffles,
            seed=asked.seed,
            precision=weights.precision,
        ),
        data=manifest.Data(
            source=wanted.source,
            clips=len(wanted.clips),
            missing=wanted.missing,
            digest=wanted.digest,
        ),
        shard=shard_size(len(wanted.clips)),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("attention-in-motion", *_COMPUTES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # not installed under this name
            continue
    return versions


def shard_size(clips: int) -> int:
    """Clips of a shard: a kill costs few of a small data set, and a large one is not many files."""
    return min(MOST, max(LEAST, -(-clips // MANY)))


def begin(folder: Path, wanted: manifest.Manifest) -> None:
    """Write the manifest of a new job, or check that it is the one that was begun here.

    What a kill left half written is removed. Hold the folder's claim.

    Raises: BadInput if the folder holds another job's results.
    """
    (folder / manifest.SHARDS).mkdir(parents=True, exist_ok=True)
    if (folder / manifest.FILE).exists():
        before = manifest.read(folder)
        _refuse_other(folder, before, wanted)
    elif manifest.shards(folder):
        raise BadInput(
            f"{folder} holds shards without their {manifest.FILE}; choose another --out or remove "
            "them"
        )
    else:
        manifest.write(folder, wanted)
    for path in (folder / manifest.SHARDS).glob(".*.parquet.*"):
        path.unlink(missing_ok=True)


def _refuse_other(folder: Path, before: manifest.Manifest, now: manifest.Manifest) -> None:
    then, asked = dict(before), dict(now)
    different = [key for key in manifest.SAME if key != "settings" and then[key] != asked[key]]
    if before["data"]["digest"] != now["data"]["digest"]:
        different.append("data")
    settings = dict(before["settings"])
    different += [
        f"settings.{key}" for key, value in now["settings"].items() if settings.get(key) != value
    ]
    if different:
        raise BadInput(
            f"{folder} holds results of another job ({', '.join(different)} "
            f"{'differs' if len(different) == 1 else 'differ'}); choose another --out or remove it"
        )


def lacking(folder: Path, wanted: WantedSet) -> list[Part]:
    """The shards that are not written yet."""
    size = shard_size(len(wanted.clips))
    parts = [
        (number, wanted.clips[first : first + size])
        for number, first in enumerate(range(0, len(wanted.clips), size))
    ]
    return [part for part in parts if not manifest.shard_file(folder, part[0]).exists()]


def made_here(model: Model, parts: Iterable[Part], asked: Clips) -> Iterator[tuple[int, pa.Table]]:
    """The tables of these shards, computed by this process one after the other."""
    before = torch.get_num_threads()
    # a core is left to reading beside a small model; with two threads on two cores both wait for
    # one another, and half as many clips are done
    is_small = at_once(model) > 1
    torch.set_num_threads(max(1, before - 1) if is_small else before)
    try:
        for number, clips in parts:
            yield number, table_of(rows(model, clips, asked))
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Pool:
    """The processes that compute."""

    workers: int | None = None
    """None: this process alone; of a cluster as many as it has GPUs, or else cores."""
    address: str | None = None
    """Of a Ray cluster; None: this machine."""

    @property
    def is_ray(self) -> bool:
        """Whether there is more than this process."""
        return self.address is not None or (self.workers or 1) > 1

    def made(
        self, weights: Weights, model: Model, parts: list[Part], asked: Clips
    ) -> Iterator[tuple[int, pa.Table]]:
        """The tables of these shards, in the order in which they are ready."""
        if not self.is_ray or not parts:
            return made_here(model, parts, asked)
        from core.draw.data_set.actors import made_by_actors

        return made_by_actors(weights, parts, asked, workers=self.workers, address=self.address)


def run(
    weights: Weights, wanted: WantedSet, asked: Clips, folder: Path, pool: Pool
) -> dict[str, Any]:
    """Make what a folder of results lacks, and sum it up. Files that cannot be used go to stderr.

    Raises: BadInput for a folder of another job or one that another process works in.
    """
    check_writable(folder)
    model = weights.load()
    with alone(folder):
        begin(folder, about(weights, model, wanted, asked))
        parts = lacking(folder, wanted)
        total = len(wanted.clips)
        done = before = total - sum(len(clips) for _, clips in parts)
        start = time.monotonic()
        for number, table in pool.made(weights, model, parts, asked):
            write_shard(manifest.shard_file(folder, number), table)
            done += len(table)
            _say_errors(table)
            rate = (done - before) / max(1e-9, time.monotonic() - start)
            write_progress(folder, Progress(STAGE, done, total, rate))
            _say(done, total, rate)
        seconds = time.monotonic() - start
        made = {"clips_now": done - before, "seconds": round(seconds, 3)}
        return summary(folder) | made


def summary(folder: Path) -> dict[str, Any]:
    """What a folder of results says as a whole."""
    about = manifest.read(folder)
    columns = ["number", "clip", "error", "correct", "order_verdict", "order_accuracy"]
    table = pq.read_table(folder / manifest.SHARDS, columns=columns).sort_by("number")
    broken = table.filter(pc.is_valid(table["error"]))
    fine = table.filter(pc.is_null(table["error"]))
    verdicts = pc.value_counts(fine["order_verdict"].drop_null()).to_pylist()
    return {
        "out": str(folder),
        "model": about["model"],
        "weights": about["weights"],
        "data": about["data"]["source"],
        "clips": len(table),
        "missing": about["data"]["missing"],
        "top1": _mean(fine["correct"].cast(pa.float64())),
        "order_accuracy": _mean(fine["order_accuracy"].cast(pa.float64())),
        "order_verdicts": {each["values"]: each["counts"] for each in verdicts},
        "errors": len(broken),
        "unusable": [
            {"clip": row["clip"], "error": row["error"]}
            for row in broken.select(["clip", "error"]).to_pylist()
        ],
        "shards": len(manifest.shards(folder)),
        "note": "Attention shows where the model looks from, not why it decides.",
    }


def _mean(values: pa.ChunkedArray) -> float | None:
    mean = pc.mean(values).as_py()
    return None if mean is None else round(mean, 6)


def _say_errors(table: pa.Table) -> None:
    """A line for each clip that cannot be used."""
    broken = table.filter(pc.is_valid(table["error"]))
    for row in broken.select(["clip", "error"]).to_pylist():
        reason = row["error"].removeprefix(f"{Path(row['clip']).name}: ")
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{clear}unusable: {row['clip']}: {reason}", file=sys.stderr)


def _say(done: int, total: int, rate: float) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        line = f"\r\x1b[K{done} of {total} clips, {rate:.1f} a second"
        print(line, end=end, file=sys.stderr, flush=True)

"""The papers' tables in miniature: every row trained with the same budget, with several seeds.

    python -m training reproduce direcformer_table2 --out runs/table2

All clips are rendered. `motion_probe` and those of `training.asked` train nothing: they ask the
shipped models. Results go to OUT/results.json as they come; a row that is there is not trained
again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from tqdm import tqdm

from core.errors import BadInput
from core.explain.compare import PROBES, motion_probe
from core.explain.maps import spatial
from core.explain.trust.over_clips import truth_seen
from core.explain.trust.truth_scores import truth_scores
from core.observe import observe
from core.runs import write_atomically
from core.video import digest
from core.video.sets.named import check_folder
from core.weights import Card, Model, embedded, file_hash, load, load_checkpoint
from core.world.gestures import LABELS, render, rendered_clip
from training import asked
from training.checkpoints import read_weights
from training.data.rendered import keeping_clips
from training.evaluate import (
    Sample,
    camera_gestures,
    folder_clips,
    measure,
    rendered_clips,
    rendered_gestures,
    summarise,
)
from training.few_table import curve
from training.few_table import rows as few_shot_rows
from training.fit import fit
from training.losses import SHARPNESS
from training.publish import TEST_SEED
from training.results import Figures, Results
from training.tables import FEW_SHOT, PROBE, TABLES, Table, check_name

_OF_ORDER = ("order_accuracy", "reversal_accuracy", "order_accuracy_directed")
_FIGURES = ("top1", *_OF_ORDER)
_MOST_KEPT = 300  # test clips, in memory
_drawn: dict[tuple[int, int], list[Sample]] = {}
_OTHER_CLIPS = 1000  # from one stage's seed to the next


@dataclass(frozen=True)
class Budget:
    """What is spent on a table, and on what it is measured."""

    seeds: int  # runs of each row, seeds 0, 1, ...
    clips: int  # rendered clips that each run sees
    test_clips: int  # rendered clips that each run is measured on, the same for all
    init: str = ""  # a still stage's weights that every run starts from; "" trains one first
    real: Path | None = None  # a folder DIR/<label>/<clip> of real clips to report on beside
    threads: int = 2

    def __post_init__(self) -> None:
        if min(self.seeds, self.clips, self.test_clips) < 1:
            raise BadInput("--seeds, --clips and --test-clips must be 1 or more")


@dataclass(frozen=True)
class Job:
    """One run of a row, and the work that gives its figures."""

    row: str
    seed: int
    work: Callable[[], dict[str, Any]]


def reproduce(name: str, out: Path, budget: Budget) -> Path:
    """Train and measure what OUT/results.json does not hold yet; returns its path.

    Raises: BadInput for an unknown table, a start that is not there, or a folder that holds results
    of another budget, start, recipe or set of real clips.
    """
    check_name(name)
    if budget.real is not None:
        check_folder(budget.real)
    results = Results(out / "results.json", _about(name, budget))
    if name not in TABLES:  # of weights that have changed since, it asks again
        now = {model: file_hash(file) for model, file in embedded().items()}
        results.runs = [
            run for run in results.runs if run.get("weights") == now.get(run["row"].split(",")[0])
        ]
        jobs = _of_shipped(name, budget)
    else:
        jobs = _rows(TABLES[name], out, budget)
    out.mkdir(parents=True, exist_ok=True)
    with keeping_clips():
        for job in jobs:
            if not results.holds(job.row, job.seed):
                results.add(job.row, job.seed, job.work())
    return results.path


def _about(name: str, budget: Budget) -> dict[str, Any]:
    """What all runs of a results file share."""
    about: dict[str, Any] = {
        "table": name,
        "test_clips": budget.test_clips,
        "real": budget.real is not None,
        "renderer": renderer(),
    }
    if budget.real is not None:
        about["real_clips"] = _files(budget.real)
    if name in TABLES:
        about["clips"] = budget.clips
        about["start"] = _start(TABLES[name], budget.init)
        about["rows"] = TABLES[name].fingerprint()
    return about


def renderer() -> str:
    """16 hex digits that change with what is rendered."""
    return digest([render(label, 0, frames=3, size=(24, 32)).frames.tolist() for label in LABELS])


def _files(folder: Path) -> str:
    """16 hex digits that change with the names and sizes of its files."""
    return digest(
        sorted(
            (file.relative_to(folder).as_posix(), file.stat().st_size)
            for file in folder.rglob("*")
            if file.is_file()
        )
    )


def _start(table: Table, init: str) -> str:
    if not init and table.trunk:
        return f"{table.trunk} {file_hash(embedded()[table.trunk])}"
    if not init:
        return "a still stage of its own" if table.stills else "random weights"
    if not Path(init).is_file():
        raise BadInput(f"{init} does not exist; --init takes a run's stills.safetensors")
    return file_hash(Path(init))


def _rows(table: Table, out: Path, budget: Budget) -> Iterator[Job]:
    """Each row with each seed; seeds outermost, so that an early end leaves whole tables."""
    for seed in range(budget.seeds):
        for number, row in enumerate(table.rows):
            folder = out / f"{number}-{seed}"
            yield Job(row, seed, partial(_trained, table, row, seed, folder, budget))


def _trained(table: Table, row: str, seed: int, folder: Path, budget: Budget) -> dict[str, Figures]:
    """Train a row, stage by stage, and measure it."""
    start = budget.init or _common_start(table, folder.parent, budget.threads)
    for stage, share in enumerate(table.stages):
        clips = max(1, round(share * budget.clips))
        recipe = table.recipe(row, clips, seed + _OTHER_CLIPS * stage, start, budget.threads)
        checkpoint = fit(recipe, f"{table.base}: {row}", folder)
        start, folder = str(folder / "video.safetensors"), folder / "next"
    model = load_checkpoint(checkpoint)
    figures = measured(model, budget.test_clips, budget.real, table.camera, table.sharpened)
    if table.hand:
        figures["rendered"]["hand_auc"] = hand_auc(model, budget.test_clips)
    return figures


def _common_start(table: Table, out: Path, threads: int) -> str:
    """What all rows of a table start from; empty for random weights."""
    if table.trunk:
        return _trunk(table, out)
    return _stills(table, out, threads) if table.stills else ""


def _trunk(table: Table, out: Path) -> str:
    """The trunk of shipped weights, or a part of it, without a classifier."""
    file = out / "trunk.safetensors"
    if not file.exists():
        weights, history = read_weights(embedded()[table.trunk])
        trunk = {f"model.{k}": v for k, v in weights.items() if k.startswith(table.part)}
        trunk = {key: value for key, value in trunk.items() if _is_trunk(key)}
        notes = {"history": json.dumps(history)}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda temporary: save_file(trunk, temporary, metadata=notes))
    return str(file)


def _is_trunk(name: str) -> bool:
    """Whether a tensor is of the network or of the side task, and of no classifier."""
    heads = ("model.head.", "model.order_head.", "model.fc_norm.")
    return name.startswith(("model.", "side.")) and not name.startswith(heads)


def _stills(table: Table, out: Path, threads: int) -> str:
    """The still stage that all rows start from, of all strokes alike."""
    file = out / "stills" / "stills.safetensors"
    if not file.exists():
        base = table.base_recipe()
        fit(replace(base, emphasis="", clips=base.batch, threads=threads), table.base, file.parent)
    return str(file)


def measured(
    model: Model,
    test_clips: int,
    real: Path | None,
    camera: bool = False,
    sharpened: bool = False,
) -> dict[str, Figures]:
    """Figures of one model on rendered clips, and on real ones if given.

    Args:
        camera: measure clips under a steady and under a moving camera too.
        sharpened: give the figures of order twice, from the attention as it is and from the
            sharpened matrix.
    """
    card = model.card
    figures = {"rendered": _figures(model, _test_clips(test_clips, card))}
    if camera:
        for data, moves in (("steady_camera", False), ("moving_camera", True)):
            figures[data] = _figures(model, camera_clips(test_clips, card, moves))
    if real:
        figures["real"] = _figures(model, folder_clips(real, card))
    if sharpened:
        sharp = model.changed(sharpness=SHARPNESS)
        figures["rendered"] |= _sharpened(sharp, _test_clips(test_clips, card))
        if real:
            figures["real"] |= _sharpened(sharp, folder_clips(real, card))
    return figures


def _test_clips(count: int, card: Card) -> Iterable[Sample]:
    """The rendered clips that every row is measured on; a few hundred are drawn once."""
    if count > _MOST_KEPT:
        return rendered_clips(count, card)
    key = (count, card.frames)
    if key not in _drawn:
        _drawn.clear()
        _drawn[key] = list(rendered_clips(count, card))
    return _drawn[key]


def _figures(model: Model, samples: Iterable[Sample]) -> Figures:
    rows = measure(model, tqdm(samples, disable=None, leave=False))
    result = summarise(rows, model.card.labels)
    figures = {key: result[key] for key in _FIGURES if result[key] is not None}
    return {"clips": result["clips"]} | figures


def _sharpened(model: Model, samples: Iterable[Sample]) -> Figures:
    """The figures of order alone, by names of their own."""
    figures = _figures(model, samples)
    return {f"{key}_sharpened": figures[key] for key in _OF_ORDER if key in figures}


def hand_auc(model: Model, clips: int) -> float:
    """ROC AUC (percent) of attention over space against the true hand, mean over rendered clips.

    Of the last layer, the mean over heads. Raises: BadInput if no clip shows the hand.
    """
    scores = []
    for gesture in rendered_gestures(clips, model.card, TEST_SEED):
        heat = spatial(observe(model, rendered_clip(gesture)))
        mask, tips = truth_seen(gesture.mask, gesture.fingertip, model.card)
        scores.append(100 * truth_scores(heat, mask, tips).auc)
    if np.isnan(scores).all():
        raise BadInput("no clip shows the hand; raise --test-clips")
    return float(np.nanmean(scores))


def camera_clips(count: int, card: Card, moves: bool) -> Iterator[Sample]:
    """The clips of `camera_gestures`."""
    for gesture in camera_gestures(count, card, moves):
        yield Sample(gesture.label, rendered_clip(gesture), f"{gesture.label}:{gesture.seed}")


def _of_shipped(name: str, budget: Budget) -> Iterator[Job]:
    if name == PROBE:
        return _probes(budget)
    return _few_shots(budget) if name == FEW_SHOT else _asked(name, budget)


def _asked(name: str, budget: Budget) -> Iterator[Job]:
    for row in asked.rows(name):
        yield Job(row, 0, partial(asked.answers, name, row, budget.test_clips))


def _few_shots(budget: Budget) -> Iterator[Job]:
    for row in few_shot_rows():
        for seed in range(budget.seeds):
            work = partial(curve, row, seed, budget.test_clips, budget.threads)
            yield Job(row, seed, work)


def _probes(budget: Budget) -> Iterator[Job]:
    for name in embedded():
        yield Job(name, 0, partial(_probed, name, budget))


def _probed(name: str, budget: Budget) -> dict[str, Any]:
    model = load(name)
    card = model.card
    figures: dict[str, Any] = {"weights": card.hash}
    figures["rendered"] = probe_accuracy(model, rendered_clips(budget.test_clips, card))
    if budget.real:
        figures["real"] = probe_accuracy(model, folder_clips(budget.real, card))
    return figures


def probe_accuracy(model: Model, samples: Iterable[Sample]) -> Figures:
    """Top-1 (0..1) of each of PROBES, against the label of the clip as it is.

    With it goes how often each probe keeps the class of that clip.
    """
    right, same = np.zeros(len(PROBES)), np.zeros(len(PROBES))
    count = 0
    for sample in tqdm(samples, disable=None, leave=False):
        classes = motion_probe(model, sample.clip, seed=count).argmax(1)
        right += classes == model.card.labels.index(sample.label)
        same += classes == classes[0]
        count += 1
    if not count:
        raise BadInput("not one clip could be read; nothing was measured")
    keys = [name.replace(" ", "_") for name in PROBES]
    figures: Figures = {"clips": count}
    for key, value in zip(keys, right, strict=True):
        figures[f"top1_{key}"] = float(value) / count
    for key, value in list(zip(keys, same, strict=True))[1:]:
        figures[f"same_class_{key}"] = float(value) / count
    return figures

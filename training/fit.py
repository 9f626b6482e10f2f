"""Train a recipe: a still stage, then a video stage, resumable after a kill at any moment."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import save_file
from tqdm import tqdm

from core.errors import BadInput
from core.models.blocks import Kind
from core.runs import STILLS, VIDEO, File, write_atomically
from training.checkpoints import History, export, read_weights, space_before
from training.folder import Folder, Meter, Reporter, described
from training.recipes import Recipe
from training.run import Run
from training.schedule import schedule_of
from training.sources import HELD_OUT, Sharing, Source, batches, rendered, source
from training.stages import Still, Taken, Video, freeze, model_settings
from training.stages.kernel import CLIPS, refit_space

REPORT_EVERY = 50
"""Steps from one report to the next, in a stage that is long enough for LEAST_REPORTS of them."""
LEAST_REPORTS = 20
Watch = Callable[[int, float], None]
"""Called with the clips seen and the held-out top-1 after each trial.

What it raises ends the run.
"""
_ON_THE_BAR = ("loss", "top1", "fingertip_hit", "directed_last")


def is_first_process() -> bool:
    """Whether this is the only process, or the one among several that writes and prints."""
    return PartialState().is_main_process


def fit(recipe: Recipe, name: str, out: Path, watch: Watch | None = None) -> Path:
    """Train `recipe` into the run folder `out`, going on where an earlier process stopped.

    Returns the path of the finished checkpoint. Raises: BadInput if `out` holds another recipe's
    run, or for settings that cannot be used.
    """
    # Without `cpu` accelerate would let the processes of a machine without a GPU run on their own.
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),
        mixed_precision="no",
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    folder = Folder(out, writes=accelerator.is_main_process)
    clips, held_out = _sources(recipe)
    asked = round(recipe.epochs * clips.epoch) if recipe.epochs else recipe.clips
    steps, still_steps = _steps(recipe, asked), 0
    if recipe.stills_clips and not recipe.init:
        still_steps = _steps(recipe, recipe.stills_clips)
    init = read_weights(Path(recipe.init)) if recipe.init else None
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed + 1)
    history: History = []
    taken: Taken | None = None
    # All of this may refuse, which must not wait for the end of the still stage.
    with folder.claimed(name, recipe):
        Sharing(recipe.batch, recipe.accumulate, accelerator.num_processes)
        video = Video(recipe, clips.labels, clips.directed, fingertips=clips.files is None)
        freeze(video.model, recipe.frozen)
        if init is not None:
            weights, history = init
            taken = video.start_from(weights)
    with folder.ending():
        torch.manual_seed(recipe.seed)
        state, stills = folder.state(), out / File.STILLS
        has_stills = stills.exists()
        accelerator.wait_for_everyone()  # before the first process changes the folder
        folder.cut(state["stage"], state["step"])

        if still_steps and not has_stills:
            _learn_stills(recipe, still_steps, folder, accelerator, state, stills)
            has_stills, state = True, {"stage": None, "step": 0}
        if init is None and has_stills:
            taken = video.start_from(read_weights(stills)[0])
        if folder.writes and taken:
            print(taken, file=sys.stderr)
        before = space_before(history, recipe)
        if before and state["stage"] is None:
            fits = _refitted(video, before, clips, Sharing(recipe.batch, recipe.accumulate))
            if folder.writes:
                print(fits, file=sys.stderr)

        schedule = schedule_of(recipe, recipe.lr, steps, clips.epoch / recipe.batch)
        run = Run(VIDEO, video, recipe, folder, clips, schedule, accelerator, held_out)
        if state["stage"] == VIDEO:
            run.restore(state)
        train(run, watch)
        path = _finish(run, name, history)
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    return path


def _refitted(video: Video, before: Kind, clips: Source, sharing: Sharing) -> str:
    """Let the space attention's new kernel add what the old one did; returns a line to show."""
    steps = math.ceil(CLIPS / sharing.batch)
    videos = [
        video.normalised(video.plan(part, sharing.places(n), step, sharing.batch).video)
        for step, parts in enumerate(batches(clips, sharing, start=0, steps=steps, workers=0))
        for n, part in enumerate(parts)
    ]
    fits = refit_space(video.model, before, videos)
    return (
        f"attention over space was {before} and is another kernel here: the projection of each "
        f"block was fitted anew on {sum(map(len, videos))} clips, R2 {fits[0]:.2f} in the first "
        f"block to {fits[-1]:.2f} in the last"
    )


def train(run: Run, watch: Watch | None = None) -> None:
    """Go on to the last step of a stage."""
    if run.is_over:
        return
    recipe, start, saved = run.recipe, run.step, time.monotonic()
    every = reporting(run.schedule.steps)
    reporter = Reporter(run.folder, run.name, start, recipe.tensorboard)
    meter = Meter(run.folder, run.name, run.total, run.seen)
    bar = tqdm(
        total=run.total,
        initial=run.seen,
        unit="clip",
        desc=run.name,
        mininterval=2,
        disable=not run.folder.writes,
    )
    run.stage.train()
    try:
        for parts in batches(
            run.clips,
            run.sharing,
            start=start,
            steps=run.schedule.steps,
            workers=recipe.workers,
        ):
            rate = run.advance(parts)
            bar.update(recipe.batch)
            meter.advance(run.seen)
            if run.step % every == 0 or run.step == run.schedule.steps:
                row = _report(run, reporter, rate, meter.clips_per_second)
                bar.set_postfix({key: f"{row[key]:.3f}" for key in _ON_THE_BAR if key in row})
            if run.is_trial():
                _try(run, reporter, watch)
            if run.is_over or time.monotonic() - saved > recipe.checkpoint_seconds:
                run.save()
                saved = time.monotonic()
            if run.is_over:
                break
    finally:
        reporter.close()
        bar.close()


def reporting(steps: int) -> int:
    """After how many steps a stage of so many reports, so that a short one has a curve too."""
    return min(REPORT_EVERY, max(1, steps // LEAST_REPORTS))


def _report(run: Run, reporter: Reporter, rate: float, speed: float) -> dict[str, Any]:
    """Write a row of the means since the last one; returns it."""
    run.share_bad()
    row = {
        "clips": run.seen,
        "of": run.total,
        "lr": rate,
        "clips_per_second": round(speed, 1),
        **run.means_since_report(),
    }
    reporter.write(run.step, row)
    return row


def _try(run: Run, reporter: Reporter, watch: Watch | None) -> None:
    """Measure the averaged weights on held-out clips, which may end the run."""
    top1, loss = run.validate()
    row = {"validation_top1": round(top1, 5), "validation_loss": round(loss, 5)}
    reporter.write(run.step, {"clips": run.seen, **row})
    run.judge(top1)
    if watch is not None:
        watch(run.seen, top1)


def _sources(recipe: Recipe) -> tuple[Source, Source | None]:
    """The clips to train on, and those that validate, if any do."""
    view = _view(recipe)
    clips = source(recipe, seed=recipe.seed * 10 + 1, **view)
    if not recipe.validate_clips:
        return clips, None
    return clips, source(recipe, seed=HELD_OUT, held=True, **view)


def _view(recipe: Recipe, **over: int) -> dict[str, Any]:
    """How the recipe's model sees a clip."""
    settings = model_settings(recipe)
    return {key: settings[key] for key in ("frames", "size", "patch")} | over


def _steps(recipe: Recipe, clips: int) -> int:
    """Raises: BadInput if the clips do not fill a batch."""
    if clips < recipe.batch:
        what = "1 clip does" if clips == 1 else f"{clips} clips do"
        raise BadInput(f"{what} not fill a batch of {recipe.batch}; choose a smaller --batch")
    return clips // recipe.batch


def _learn_stills(
    recipe: Recipe,
    steps: int,
    folder: Folder,
    accelerator: Accelerator,
    state: dict[str, Any],
    path: Path,
) -> None:
    """The still stage, from `state` if that is its own; its weights go to `path`."""
    schedule = schedule_of(recipe, recipe.stills_lr, steps, recipe.epoch_clips / recipe.batch)
    pictures = rendered(recipe, seed=recipe.seed * 10, **_view(recipe, frames=3))
    run = Run(STILLS, Still(recipe), recipe, folder, pictures, schedule, accelerator)
    if state["stage"] == STILLS:
        run.restore(state)
    train(run)
    if folder.writes:
        write_atomically(path, lambda temporary: save_file(run.weights, temporary))
    accelerator.wait_for_everyone()
    accelerator.free_memory()


def _finish(run: Run, name: str, history: History) -> Path:
    """Write the weights with what trained them; returns the path of the checkpoint."""
    recipe, folder = run.recipe, run.folder
    skipped = run.skipped()
    if skipped and folder.writes:
        print(
            f"skipped: {skipped} files of {recipe.root} in all; others took their places",
            file=sys.stderr,
        )
    stage = described(name, recipe) | {
        "init": Path(recipe.init).name,
        "root": Path(recipe.root).resolve().name if recipe.root else "",
        "cache": "",
        "clips": run.best.get("step", run.step) * recipe.batch,
    }
    if run.clips.files:
        stage["skipped"] = skipped
    if space_before(history, recipe):
        stage["after"] = "projections of the space attention fitted anew to its new kernel"
    history = [*history, stage]
    path = folder.path / File.MODEL
    if folder.writes:
        metadata = {"history": json.dumps(history)}
        write_atomically(
            folder.path / File.VIDEO,
            lambda temporary: save_file(run.weights, temporary, metadata=metadata),
        )
        export(run.weights, recipe, run.clips.labels, history, path)
    return path

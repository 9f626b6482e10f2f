"""Teach a model the order of a clip's frames: the labels are free, so minutes do for any clip.

`python -m training teach CLIP... --out DIR`. The folder is a run folder: recipe.json (what is
learned from and what is held out), metrics.jsonl (a row a trial) and model.safetensors: the best
weights so far, replaced atomically, so that a stop or a kill at any moment leaves them. A lesson
ends with its windows, or at the latest with its seconds. It is not resumed: it takes minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import BadInput
from core.order.learned import WINDOWS, lesson_verdict
from core.runs import LESSON, File, alone, write_atomically
from core.video import Crop
from core.weights import Model, load, load_checkpoint, save_checkpoint
from core.weights.card import UNCALIBRATED
from training.folder import Folder, Meter, Reporter
from training.lesson import Lesson, Subject, Trial, batches, figures, read_subject
from training.losses import pair_loss, self_loss
from training.schedule import (
    Average,
    Schedule,
    bfloat16_is_fast,
    fastest_threads,
    parameter_groups,
)
from training.stages import freeze

TRIALS = 8  # in a lesson
_RATES = 1000  # steps of the learning rate's schedule


def teach(
    clips: list[Path],
    out: Path,
    lesson: Lesson | None = None,
    checkpoint: str | None = None,
    crop: Crop | None = None,
) -> dict[str, Any]:
    """Teach the shipped DirecFormer, or `checkpoint`, the order of these clips, into `out`.

    Returns the trial before it and that of the weights that were kept, as they stand in
    metrics.jsonl. Raises: BadInput for a clip or a model that cannot be used, or a folder that
    holds a lesson already; KeyboardInterrupt if it is stopped before the first trial.
    """
    lesson = lesson or Lesson()
    torch.set_num_threads(lesson.threads)
    model = load_checkpoint(checkpoint) if checkpoint else load("direcformer")
    if crop:
        model = model.changed(crop=crop)
    _check(model, lesson)
    subjects = [read_subject(Path(clip), model.card, lesson.seed) for clip in clips]
    with alone(out):
        recipe = out / File.RECIPE
        if recipe.exists():
            raise BadInput(
                f"{out} holds a lesson already, and a lesson of minutes is not resumed; choose "
                "another --out or remove it"
            )
        about = {
            "name": "teach",
            **asdict(lesson),
            "window": model.card.frames,
            "checkpoint": model.card.hash,
            "clips": [subject.described() for subject in subjects],
        }
        write_atomically(recipe, lambda path: path.write_text(json.dumps(about)))
        folder = Folder(out)
        course = Course(model, subjects, lesson, folder)
        try:
            with folder.ending():
                course.run()
        except KeyboardInterrupt:
            if not course.before:
                raise
        return course.result


def _check(model: Model, lesson: Lesson) -> None:
    """Raises: BadInput for a model that a lesson cannot teach."""
    blocks = model.net.trunk
    if model.unit != 1 or not blocks or not _has_time(model):
        raise BadInput(
            f"{model.card.model} has no attention from frame to frame to teach; choose a "
            "checkpoint of direcformer or timesformer"
        )
    if lesson.frozen >= len(blocks):
        raise BadInput(
            f"--frozen {lesson.frozen} leaves none of the {len(blocks)} blocks to learn; "
            "choose a smaller one"
        )


def _has_time(model: Model) -> bool:
    size = model.card.size
    with torch.inference_mode():
        blank = torch.zeros(1, 3, model.card.frames, size, size)
        return bool(model.net(blank, detail=True).time_attention)


class Course:
    """A lesson as it goes on: the student, the average of its weights, and the trials so far."""

    def __init__(
        self, model: Model, subjects: list[Subject], lesson: Lesson, folder: Folder
    ) -> None:
        torch.manual_seed(lesson.seed)
        self.student, self.card, self.subjects = model.net, model.card, subjects
        self.lesson, self.folder = lesson, folder
        self.trial = Trial(subjects, model.card)
        self.judge = copy.deepcopy(model.net)
        freeze(self.student, lesson.frozen)
        self.student.head.requires_grad_(False)  # the class is not asked
        groups = parameter_groups(self.student, lesson.weight_decay, 1.0)
        self.optimiser = torch.optim.AdamW(groups)
        self.average = Average(self.student, lesson.ema)
        self.schedule = Schedule("cosine", lesson.lr, _RATES, warmup=50, floor=0.02)
        self.bfloat16 = bfloat16_is_fast()
        self.step = self.windows = 0
        self.losses: list[float] = []  # since the last trial
        self.best = -1.0  # OrderAcc of the interleaved windows
        self.before: dict[str, Any] = {}  # the trials as they stand in metrics.jsonl
        self.after: dict[str, Any] = {}

    @property
    def result(self) -> dict[str, Any]:
        """The trials before the lesson and of the weights that were kept; cost and verdict."""
        verdict = lesson_verdict(self.before, self.after, self.card.frames, self.windows)
        return {
            "before": self.before,
            "after": self.after,
            "windows": self.windows,
            "windows_needed": WINDOWS,
            "steps": self.step,
            "learned": verdict.is_learned,
            "verdict": verdict.sentence,
        }

    def run(self) -> None:
        """Learn until all windows are seen or the time is over, with a trial every eighth of it."""
        reporter = Reporter(self.folder, LESSON, 0, False)
        try:
            self._take_fastest_threads()
            self._measure_before(reporter)
            self._learn(reporter)
        finally:
            reporter.close()

    def _measure_before(self, reporter: Reporter) -> None:
        pixels = figures(self.trial.pixels(), "pixels_")
        self.before = self.after = {"seconds": 0.0, **pixels, **figures(self.trial.run(self.judge))}
        reporter.write(0, {"clips": 0, **self.before})

    def _learn(self, reporter: Reporter) -> None:
        lesson, due = self.lesson, 1
        meter = Meter(self.folder, LESSON, lesson.steps * lesson.batch or lesson.windows)
        began = time.monotonic()
        self.student.train()
        for video, order in batches(self.subjects, self.card, lesson):
            done = self._done(time.monotonic() - began)
            if done * TRIALS >= due or done >= 1:
                due = int(done * TRIALS) + 1
                self._take_fastest_threads()
                self._try(reporter, done, began)
            if done >= 1:
                break
            for group in self.optimiser.param_groups:
                group["lr"] = self.schedule.rate(int(_RATES * done))
            self.losses.append(self._learn_from(video, order))
            self.average.update(self.student, self.step)
            self.step += 1
            self.windows += len(video)
            if not lesson.steps:
                possible = round(meter.clips_per_second * lesson.seconds)
                meter.total = max(self.windows, min(lesson.windows, possible))
            meter.advance(self.windows)

    def _take_fastest_threads(self) -> None:
        """Use as many threads as are fastest now; a lesson of `steps` keeps its own number."""
        if self.lesson.steps or self.lesson.threads == 1:
            return

        size = self.card.size
        window = torch.zeros(1, 3, self.card.frames, size, size)

        def read_one() -> None:
            with torch.inference_mode():
                self.judge(window)

        torch.set_num_threads(fastest_threads(read_one, self.lesson.threads))

    def _done(self, seconds: float) -> float:
        """The part of the lesson that is done after so many seconds."""
        lesson = self.lesson
        if lesson.steps:
            return self.step / lesson.steps
        return max(self.windows / lesson.windows, seconds / lesson.seconds)

    def _try(self, reporter: Reporter, done: float, began: float) -> None:
        """Measure the averaged weights, and keep them if they are the best."""
        self.judge.load_state_dict(self.average.weights)
        accuracy = figures(self.trial.run(self.judge))
        row = {
            "seconds": round(time.monotonic() - began, 2),
            "loss": round(float(np.mean(self.losses)), 5),
            **accuracy,
        }
        # The blocks decide nothing, so they stay an honest test.
        interleaved = accuracy.get("interleaved", self.best)
        is_better = interleaved >= self.best
        if is_better:
            self.best, self.after = interleaved, row
            self._save()
        share = min(1.0, round(done, 4))
        reporter.write(self.step, {"clips": self.windows, "done": share, "kept": is_better, **row})
        self.losses = []

    def _learn_from(self, video: Tensor, order: Tensor) -> float:
        """One step on a batch; returns the loss.

        Raises: BadInput if the loss is not finite; the weights are then those before the step.
        """
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            attention = self.student(video, detail=True).time_attention[-1]
        arrow = torch.ones(len(order), dtype=torch.bool)
        pairs = pair_loss(attention, order, arrow)
        directed = self_loss([attention], order, diagonal=False)
        loss = self.lesson.pairs * pairs + self.lesson.directed * directed
        if not torch.isfinite(loss):
            raise BadInput("the loss is not finite; try a lower --lr")
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    def _save(self) -> None:
        """Write the averaged weights with a card that says what they were taught."""
        card, clips = self.card, [subject.name for subject in self.subjects]
        taught = {"clips": clips, "windows": self.windows, **asdict(self.lesson)}
        card = replace(
            card,
            trained_on=f"{card.trained_on}; then taught the order of {', '.join(clips)} "
            f"({self.windows:,} windows of its frames), for one session only: "
            "its classes are those from before and no longer to be trusted",
            recipe=card.recipe | {"taught": taught},
            measured={"taught": {"before": self.before, "after": self.after}},
            direction_threshold=UNCALIBRATED,
            hash="",
        )
        weights = {key: value.clone() for key, value in self.judge.state_dict().items()}
        write_atomically(
            self.folder.path / File.MODEL,
            lambda temporary: save_checkpoint(temporary, weights, card),
        )


_FLAGS = ("seed", "windows", "seconds", "steps", "threads", "batch", "frozen", "lr", "area")
_SHARES = ("lr", "area")  # above 0, at most 1
_FROM_ZERO = ("seed", "frozen")  # at least 0, the others at least 1


def _lesson(args: argparse.Namespace) -> Lesson:
    """The lesson that the flags ask for. Raises: BadInput for a number out of range."""
    given = {flag: getattr(args, flag) for flag in _FLAGS if getattr(args, flag) is not None}
    for flag, value in given.items():
        if flag in _SHARES:
            is_in_range = 0 < value <= 1
        else:
            is_in_range = value >= (0 if flag in _FROM_ZERO else 1)
        if not is_in_range:
            raise BadInput(
                f"--{flag} {value:g} is out of range; see `python -m training teach --help`"
            )
    return Lesson(**given)


def command(args: argparse.Namespace) -> int:
    """`python -m training teach`."""
    lesson, model = _lesson(args), args.out / File.MODEL
    # A request to end is a stop: the best so far is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = None
    with suppress(KeyboardInterrupt):
        result = teach(args.clips, args.out, lesson, args.checkpoint, args.crop)
    if result is None or not model.exists():
        print("stopped before the first measurement; nothing was kept", file=sys.stderr)
        return 130
    if args.json:
        print(json.dumps(result))
        return 0
    before, after = result["before"], result["after"]
    names = {"blocks": "held-out blocks", "interleaved": "held-out frames between learned ones"}
    for kind, name in names.items():
        if kind in after:
            print(
                f"{name}: OrderAcc {before[kind]:.1f} % before, {after[kind]:.1f} % after; "
                f"pixel path {before[f'pixels_{kind}']:.1f} %"
            )
    print(result["verdict"])
    print(model)
    return 0

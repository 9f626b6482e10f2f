"""Teach a model the order of a clip's frames: the labels are free, so any clip can be learned from
in a minute.

`python -m training teach CLIP... --out DIR`. The folder holds recipe.json (what is learned from and
what is held out), metrics.jsonl (a line a trial) and model.safetensors: the best weights so far,
replaced atomically, so that a stop or a kill at any moment leaves them. A lesson is not resumed: it
takes a minute.
"""

from __future__ import annotations

import argparse
import copy
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models import VideoModel
from core.order.trials import Shuffles, joined, permutations_of, shuffle_model, shuffle_pixels
from core.runs import alone
from core.video import Clip, Crop, cropped, decode_at, digest
from core.weights import Card, Model, load, load_checkpoint, save_checkpoint
from core.weights.card import UNCALIBRATED
from training.augment import resized_crop
from training.folder import Folder, Reporter, write_atomically
from training.losses import pair_loss, self_loss
from training.schedule import Average, Schedule, bfloat16_is_fast, parameter_groups
from training.stages import freeze
from training.windows import Split, draw, split

MOST_FRAMES = 300  # of a clip; a longer one is thinned evenly
SHUFFLES = 24  # of all held-out windows of a kind together, in a trial, at least
TRIALS = 8
MODEL = "model.safetensors"


@dataclass(frozen=True)
class Lesson:
    """Everything that decides a lesson."""

    seed: int = 0
    seconds: float = 75.0  # of learning, the trials included; not counted where `steps` is given
    steps: int = 0
    threads: int = 2
    batch: int = 6  # windows a step
    lr: float = 1e-3
    frozen: int = 1  # first blocks, and the embeddings, that stay as they are
    pairs: float = 1.0  # weight of the cross-entropy of each pair of frames, in the last layer
    directed: float = 0.5  # weight of L_self, in the last layer
    ema: float = 0.98
    weight_decay: float = 0.01
    # least part of a window's area that is seen; less varies what is seen, and is learned more
    # slowly
    area: float = 1.0
    brightness: float = 0.15  # of a window, plus or minus this part of the whole range


@dataclass(frozen=True)
class Subject:
    """A clip to be learned, at the model's size."""

    name: str
    frames: np.ndarray  # (N, S, S, 3) uint8
    times: np.ndarray  # (N,) seconds
    parts: Split

    def windows(self, indices: tuple[np.ndarray, ...]) -> list[Clip]:
        return [
            Clip(self.frames[i], self.times[i], self.name, digest(self.name, i.tolist()))
            for i in indices
        ]


def read(path: Path, card: Card, seed: int) -> Subject:
    """Every frame of a file, thinned evenly to MOST_FRAMES, split into what is learned from and
    what is held out.

    Raises: BadInput for a file that cannot be read, or is too short.
    """

    def pick(seconds: np.ndarray, fps: float, pictures: Any) -> np.ndarray:
        return np.unique(
            np.linspace(0, len(seconds) - 1, min(MOST_FRAMES, len(seconds))).round().astype(int)
        )

    frames, times = decode_at(
        path, pick, shrink=lambda picture: cropped(picture[None], card.crop, card.size)[0]
    )
    return Subject(path.name, frames, times, split(len(frames), card.frames, seed, path.name))


class Trial:
    """The same shuffles of the same held-out windows at every trial, each a clip of its own."""

    def __init__(self, subjects: list[Subject], card: Card) -> None:
        self.card = replace(card, crop="fit")  # the frames are cut already
        kinds = {
            kind: [w for s in subjects for w in s.windows(getattr(s.parts, kind))]
            for kind in ("blocks", "interleaved")
        }
        self.windows = {kind: windows for kind, windows in kinds.items() if windows}

    def permutations(self, kind: str, window: int) -> np.ndarray:
        each = -(-SHUFFLES // len(self.windows[kind]))
        return permutations_of(range(window * each, (window + 1) * each), self.card.frames)

    def pixels(self) -> dict[str, list[Shuffles]]:
        return {
            kind: [
                shuffle_pixels(clip, self.permutations(kind, i)) for i, clip in enumerate(windows)
            ]
            for kind, windows in self.windows.items()
        }

    def run(self, net: VideoModel) -> dict[str, list[Shuffles]]:
        model = Model(net, self.card)
        return {
            kind: [
                shuffle_model(model, clip, self.permutations(kind, i))
                for i, clip in enumerate(windows)
            ]
            for kind, windows in self.windows.items()
        }


def figures(found: dict[str, list[Shuffles]], before: str = "") -> dict[str, Any]:
    """Means in percent over all windows of a kind, and `_each` of them, as they stand in
    metrics.jsonl.
    """
    rows: dict[str, Any] = {}
    for kind, windows in found.items():
        whole = joined(windows)
        rows |= {
            f"{before}{kind}": round(whole.mean, 3),
            f"{before}{kind}_either_way": round(float(whole.either_way.mean()), 3),
            f"{before}{kind}_each": [round(window.mean, 1) for window in windows],
        }
    return rows


def varied(video: Tensor, lesson: Lesson, rng: np.random.Generator) -> Tensor:
    """A window (T, 3, S, S), 0..1: a part of it, mirrored or not, brighter or darker, of more or
    less contrast.

    All frames alike, so that nothing but what changes in the clip tells them apart.
    """
    if rng.random() < 0.5:
        video = video.flip(3)
    video = resized_crop(
        video,
        video.shape[-1],
        torch.Generator().manual_seed(int(rng.integers(2**62))),
        (lesson.area, 1.0),
    )
    mean, brightness = video.mean(), lesson.brightness
    return (
        (video - mean) * (1 + rng.uniform(-brightness, brightness))
        + mean
        + rng.uniform(-brightness, brightness)
    ).clamp(0, 1)


def batches(subjects: list[Subject], card: Card, lesson: Lesson) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled windows without end: normalised video (B, 3, T, S, S), and o (B, T), the place in
    time of each slot.
    """
    mean, std = (torch.tensor(of_channels)[:, None, None] for of_channels in (card.mean, card.std))
    for step in range(sys.maxsize):
        rng = np.random.default_rng([lesson.seed, step])
        videos, orders = [], []
        for _ in range(lesson.batch):
            subject = subjects[int(rng.integers(len(subjects)))]
            window, order = (
                draw(subject.parts.train, card.frames, rng),
                rng.permutation(card.frames),
            )
            video = (
                torch.from_numpy(subject.frames[window[order]]).permute(0, 3, 1, 2).float() / 255
            )
            videos.append(((varied(video, lesson, rng) - mean) / std).transpose(0, 1))
            orders.append(torch.from_numpy(order))
        yield torch.stack(videos), torch.stack(orders)


def teach(
    clips: list[Path],
    out: Path,
    lesson: Lesson | None = None,
    checkpoint: str | None = None,
    crop: Crop | None = None,
) -> dict[str, Any]:
    """Teach the shipped DirecFormer, or `checkpoint`, the order of these clips, into the folder
    `out`.

    Returns the trial before it and that of the weights that were kept, as they stand in
    metrics.jsonl. Raises: BadInput for a clip or a model that cannot be used, or a folder that
    holds a lesson already.
    """
    lesson = lesson or Lesson()
    torch.set_num_threads(lesson.threads)
    model = load_checkpoint(checkpoint) if checkpoint else load("direcformer")
    model = replace(model, card=replace(model.card, crop=crop)) if crop else model
    net, card = model.net, model.card
    if model.unit != 1 or not net.trunk or not _has_time(model):
        raise BadInput(
            f"{card.model} has no attention from frame to frame to teach; choose a checkpoint of "
            "direcformer or timesformer"
        )
    if lesson.frozen >= len(net.trunk):
        raise BadInput(
            f"--frozen {lesson.frozen} leaves none of the {len(net.trunk)} blocks to learn; "
            "choose a smaller one"
        )
    subjects = [read(Path(clip), card, lesson.seed) for clip in clips]
    with alone(out):
        if (out / "recipe.json").exists():
            raise BadInput(
                f"{out} holds a lesson already, and a lesson of a minute is not resumed; choose "
                "another --out or remove it"
            )
        about = {
            "name": "teach",
            **asdict(lesson),
            "window": card.frames,
            "checkpoint": card.hash,
            "clips": [
                {
                    "name": s.name,
                    "frames": len(s.frames),
                    "seconds": round(float(s.times[-1]), 3),
                    "parts": s.parts.described(len(s.frames)),
                }
                for s in subjects
            ],
        }
        write_atomically(out / "recipe.json", lambda path: path.write_text(json.dumps(about)))
        reporter = Reporter(Folder(out), "teach", 0, False)
        try:
            return _learn(model, subjects, lesson, out, reporter)
        finally:
            reporter.close()


def _has_time(model: Model) -> bool:
    size = model.card.size
    with torch.inference_mode():
        blank = torch.zeros(1, 3, model.card.frames, size, size)
        return bool(model.net(blank, detail=True).time_attention)


def _learn(
    model: Model,
    subjects: list[Subject],
    lesson: Lesson,
    out: Path,
    reporter: Reporter,
) -> dict[str, Any]:
    torch.manual_seed(lesson.seed)
    card = model.card
    student, trial = model.net, Trial(subjects, card)
    judge = copy.deepcopy(student)
    freeze(student, lesson.frozen)
    student.head.requires_grad_(False)  # the class is not asked
    optimiser = torch.optim.AdamW(parameter_groups(student, lesson.weight_decay, 1.0))
    average, schedule = (
        Average(student, lesson.ema),
        Schedule("cosine", lesson.lr, 1000, warmup=50, floor=0.02),
    )
    first = {"seconds": 0.0, **figures(trial.pixels(), "pixels_"), **figures(trial.run(judge))}
    reporter.write(0, {"clips": 0, **first})
    began, step, windows, losses, best, kept, due = time.monotonic(), 0, 0, [], -1.0, first, 1
    student.train()
    bfloat16 = bfloat16_is_fast()
    with suppress(KeyboardInterrupt):  # the best so far is kept
        for video, order in batches(subjects, card, lesson):
            seconds = time.monotonic() - began
            done = step / lesson.steps if lesson.steps else seconds / lesson.seconds
            if done * TRIALS >= due or done >= 1:
                due = int(done * TRIALS) + 1
                judge.load_state_dict(average.weights)
                found = figures(trial.run(judge))
                row = {
                    "seconds": round(time.monotonic() - began, 2),
                    "loss": round(float(np.mean(losses)), 5),
                    **found,
                }
                better = (
                    found.get("interleaved", best) >= best
                )  # the blocks decide nothing, so they stay an honest test
                if better:
                    best, kept = found.get("interleaved", best), row
                    _save(
                        Model(judge, card),
                        subjects,
                        lesson,
                        windows,
                        {"before": first, "after": kept},
                        out / MODEL,
                    )
                reporter.write(
                    step,
                    {"clips": windows, "done": min(1.0, round(done, 4)), "kept": better, **row},
                )
                losses = []
            if done >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(int(1000 * done))
            losses.append(_step(student, optimiser, video, order, lesson, bfloat16))
            average.update(student, step)
            step, windows = step + 1, windows + len(video)
    return {"before": first, "after": kept, "windows": windows, "steps": step}


def _step(
    student: nn.Module,
    optimiser: torch.optim.Optimizer,
    video: Tensor,
    order: Tensor,
    lesson: Lesson,
    bfloat16: bool,
) -> float:
    """One step on a batch. Raises: BadInput if the loss is not finite; the weights are then those
    before the step.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        attention = student(video, detail=True).time_attention[-1]
    arrow = torch.ones(len(order), dtype=torch.bool)
    loss = lesson.pairs * pair_loss(attention, order, arrow) + lesson.directed * self_loss(
        [attention], order, diagonal=False
    )
    if not torch.isfinite(loss):
        raise BadInput("the loss is not finite; try a lower --lr")
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimiser.step()
    return loss.item()


def _save(
    model: Model,
    subjects: list[Subject],
    lesson: Lesson,
    windows: int,
    measured: dict[str, Any],
    path: Path,
) -> None:
    names = ", ".join(s.name for s in subjects)
    card = model.card
    card = replace(
        card,
        trained_on=f"{card.trained_on}; then taught the order of {names} ({windows:,} windows of "
        "its frames), for one session only: "
        "its classes are those from before and no longer to be trusted",
        recipe=card.recipe
        | {"taught": {"clips": [s.name for s in subjects], "windows": windows, **asdict(lesson)}},
        measured={"taught": measured},
        direction_threshold=UNCALIBRATED,
        hash="",
    )
    weights = {k: v.detach().clone() for k, v in model.net.state_dict().items()}
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, card))


def command(args: argparse.Namespace) -> int:
    """`python -m training teach`."""
    flags = ("seed", "seconds", "steps", "threads", "batch", "frozen", "lr", "area")
    given = {k: getattr(args, k) for k in flags if getattr(args, k) is not None}
    wrong = [
        k
        for k, v in given.items()
        if not (0 < v <= 1 if k in ("lr", "area") else v >= (0 if k in ("seed", "frozen") else 1))
    ]
    if wrong:
        raise BadInput(
            f"--{wrong[0]} {given[wrong[0]]:g} is out of range; see `python -m training teach "
            "--help`"
        )
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # a request to end is a stop: the best so far is kept
    result = None
    with suppress(KeyboardInterrupt):
        result = teach(args.clips, args.out, Lesson(**given), args.checkpoint, args.crop)
    if result is None or not (args.out / MODEL).exists():
        print("stopped before the first measurement; nothing was kept", file=sys.stderr)
        return 130
    if args.json:
        print(json.dumps(result))
        return 0
    for kind, name in (
        ("blocks", "held-out blocks"),
        ("interleaved", "held-out frames between learned ones"),
    ):
        if kind in result["after"]:
            print(
                f"{name}: OrderAcc {result['before'][kind]:.1f} % before, "
                f"{result['after'][kind]:.1f} % after; "
                f"pixel path {result['before'][f'pixels_{kind}']:.1f} %"
            )
    print(args.out / MODEL)
    return 0

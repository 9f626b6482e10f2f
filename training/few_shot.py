"""From a few clips to a model that knows them: its head in a moment, its whole network in a minute.

The head is a ridge regression on what the network makes of the clips anyway
(`core.explain.few_shot`). Then the network itself goes on from there, with the same clips, varied
anew each time (`core.video.varied`).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.errors import BadInput
from core.explain.few_shot import Features, Head, example_features, learned_head
from core.observe import classify
from core.video import Clip
from core.video.varied import middles, varied
from core.weights import Card, Model
from core.weights.taught import with_head
from training.schedule import Average, Schedule, bfloat16_is_fast, parameter_groups

TRIALS = 8  # while the network learns
_RATES = 1000  # steps of the learning rate's schedule


@dataclass(frozen=True)
class Few:
    """Everything that decides how a few clips are learned."""

    seed: int = 0
    seconds: float = 0.0  # that the network itself learns, the trials included; 0: its head alone
    steps: int = 0  # instead of seconds
    hold_out: bool = True  # one clip of each gesture, on which the network is tried as it learns
    threads: int = 2
    batch: int = 12
    lr: float = 4e-4
    smoothing: float = 0.1  # of the labels
    ema: float = 0.97
    weight_decay: float = 0.02


@dataclass(frozen=True, eq=False)
class Example:
    """A clip of one's own, or one to try."""

    name: str
    label: int
    frames: np.ndarray
    """(N, S, S, 3) uint8, at the model's size."""


def head_of(
    model: Model,
    names: Sequence[str],
    examples: Sequence[Example],
    known: dict[str, Features] | None = None,
) -> tuple[Model, Head]:
    """The model with a head that was learned from these clips, and what holds of it.

    `known` keeps what the model makes of each clip, by its name, for another head.
    """
    known = {} if known is None else known
    for example in examples:
        if example.name not in known:
            known[example.name] = example_features(model, example.frames)
    features = [known[example.name] for example in examples]
    head = learned_head(features, [example.label for example in examples], len(names))
    about = {"clips": len(examples), "head": head.numbers}
    return with_head(model, names, head.weight, head.bias, about), head


def parted(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Those that are learned from, and one of each gesture, drawn by the seed, that is held out."""
    rng = np.random.default_rng(seed)
    labels = np.array([example.label for example in examples])
    held = {int(rng.choice(np.flatnonzero(labels == label))) for label in np.unique(labels)}
    learned = [example for number, example in enumerate(examples) if number not in held]
    return learned, [examples[number] for number in sorted(held)]


def right_of(model: Model, examples: Sequence[Example]) -> int:
    """How many of the clips the model names right."""
    count = 0
    for example in examples:
        frames = middles(example.frames, model.card.frames)
        clip = Clip(frames, np.arange(len(frames), dtype=float), example.name, example.name)
        count += int(classify(model, clip).argmax()) == example.label
    return count


def batches(examples: Sequence[Example], card: Card, few: Few) -> Iterator[tuple[Tensor, Tensor]]:
    """Varied clips without end, every gesture as often.

    Each batch is normalised video (B, 3, T, S, S), and the labels (B,).
    """
    by_label: dict[int, list[Example]] = {}
    for example in examples:
        by_label.setdefault(example.label, []).append(example)
    mean, std = torch.tensor(card.mean), torch.tensor(card.std)
    step = 0
    while True:
        rng = np.random.default_rng([few.seed, step])
        labels = rng.permutation(np.resize(rng.permutation(sorted(by_label)), few.batch))
        drawn = [by_label[label][rng.integers(len(by_label[label]))] for label in labels]
        clips = np.stack([varied(example.frames, card.frames, rng) for example in drawn])
        video = (torch.from_numpy(clips).float() / 255 - mean) / std
        yield video.permute(0, 4, 1, 2, 3).contiguous(), torch.from_numpy(labels)
        step += 1


class Tuning:
    """A network that goes on learning from a few clips, and the average of its weights."""

    def __init__(self, model: Model, examples: Sequence[Example], few: Few) -> None:
        torch.manual_seed(few.seed)
        self.few, self.card, self.examples = few, model.card, examples
        self.student = model.net
        self.judge = Model(copy.deepcopy(model.net), model.card)
        groups = parameter_groups(self.student, few.weight_decay, 1.0)
        self.optimiser = torch.optim.AdamW(groups)
        self.average = Average(self.student, few.ema)
        self.schedule = Schedule("cosine", few.lr, _RATES, warmup=50, floor=0.02)
        self.bfloat16 = bfloat16_is_fast()
        self.step = self.clips = 0
        self.losses: list[float] = []  # since the last report

    def run(
        self,
        report: Callable[[float, float], None] = lambda done, seconds: None,
        seen: Callable[[int], None] = lambda clips: None,
    ) -> Model:
        """Learn until the steps or the seconds are over; returns the averaged weights.

        `report(done, seconds)` is called TRIALS times, with the averaged weights in `judge`;
        `seen(clips)` after every step. Raises: BadInput if the loss is not finite.
        """
        few, due, began = self.few, 1, time.monotonic()
        self.student.train()
        for video, labels in batches(self.examples, self.card, few):
            seconds = time.monotonic() - began
            done = self.step / few.steps if few.steps else seconds / few.seconds
            if done * TRIALS >= due or done >= 1:
                due = int(done * TRIALS) + 1
                self.judge.net.load_state_dict(self.average.weights)
                report(min(1.0, done), seconds)
                self.losses = []
            if done >= 1:
                break
            for group in self.optimiser.param_groups:
                group["lr"] = self.schedule.rate(int(_RATES * done))
            self.losses.append(self._learn_from(video, labels))
            self.average.update(self.student, self.step)
            self.step += 1
            self.clips += len(video)
            seen(self.clips)
        return self.result

    def _learn_from(self, video: Tensor, labels: Tensor) -> float:
        """One step on a batch; returns the loss."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits = self.student(video)
        loss = cross_entropy(logits.float(), labels, label_smoothing=self.few.smoothing)
        if not torch.isfinite(loss):
            raise BadInput("the loss is not finite; try a lower --lr")
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    @property
    def result(self) -> Model:
        """The averaged weights as of the last report, with a card that says what they learned."""
        tuned = {"seen": self.clips, "steps": self.step, **asdict(self.few)}
        about = self.card.recipe["few"] | {"tuned": tuned}
        return self.judge.changed(recipe=self.card.recipe | {"few": about})

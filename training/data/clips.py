"""Data sets of clips: what a sample number means, and how bad files are passed over."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from core.errors import BadInput, VideoError
from core.video.sets.labelled import Labelled, Listing
from core.video.sets.listing import listing
from core.video.sets.reading import Plan, Take, everything, read
from training.data.cache import Cache

Item = tuple[np.ndarray, int, str]
"""Frames (T, H, W, 3) uint8 RGB, index of the label, name."""
Transform = Callable[[np.ndarray, int, torch.Generator], tuple[np.ndarray, int]]
"""From frames (T, H, W, 3) uint8 and label to the same, augmented.

All chance comes from the generator.
"""


class Clips(Dataset):
    """Clips of a listing, decoded as a plan says, then changed by a transform, in the worker.

    A sample number is draw * len + index. The draw is the epoch, or counts on where an epoch shows
    each clip several times. A sample's randomness comes from (seed, draw, index) alone, so that
    workers, processes and a resume change nothing. Iterating gives draw 0.

    With `plan.views` V > 1 every draw chooses anew: each frame among V neighbours (uniform,
    motion), or the clip among V windows (dense). A clip that cannot be read is reported once, in
    one line; its place is taken by the next that can, or it is left out when iterating. `skipped`
    counts such clips, in all workers together.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        clips: tuple[Labelled, ...],
        plan: Plan,
        *,
        seed: int = 0,
        cache: Cache | None = None,
        transform: Transform | None = None,
        missing: int = 0,
    ) -> None:
        if not clips:
            raise BadInput("a data set needs at least one clip")
        for clip in clips:
            if clip.label not in labels:
                raise BadInput(
                    f"the clip {clip.name!r} has the label {clip.label!r}, which is not known; "
                    f"known are {', '.join(labels)}"
                )
        self.labels, self.clips, self.plan = tuple(labels), tuple(clips), plan
        self.seed, self.cache, self.transform, self.missing = seed, cache, transform, missing
        self._number = {label: i for i, label in enumerate(labels)}
        # A balanced listing repeats clips: what is known of one holds for all its repeats.
        first: dict[str, int] = {}
        for i, clip in enumerate(clips):
            first.setdefault(clip.name, i)
        self._same = np.array([first[clip.name] for clip in clips])
        self._bad = torch.zeros(len(clips), dtype=torch.uint8).share_memory_()

    @property
    def skipped(self) -> int:
        """Clips that are listed but not there, and clips that could not be read so far."""
        return self.missing + int(self._bad.sum())

    @property
    def bad(self) -> torch.Tensor:
        """Which clips could not be read so far, (clips,) uint8."""
        return self._bad.clone()

    def pass_over(self, bad: torch.Tensor) -> None:
        """Count clips as unreadable that an earlier start has reported, (clips,) uint8."""
        self._bad |= bad

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> Item:
        if number < 0:
            raise IndexError(
                f"sample {number} does not exist: numbers start at 0 and go on for ever"
            )
        draw, index = divmod(int(number), len(self))
        for clip in range(index, index + len(self)):
            item = self._sample(draw, index, clip % len(self))
            if item is not None:
                return item
        raise BadInput(f"not one of {len(self)} clips can be read")

    def __iter__(self) -> Iterator[Item]:
        for index in range(len(self)):
            item = self._sample(0, index, index)
            if item is not None:
                yield item

    def _sample(self, draw: int, index: int, clip: int) -> Item | None:
        """Clip `clip` with the chance of sample (draw, index); None if it cannot be read."""
        chance = np.random.SeedSequence([self.seed, draw, index])
        item = self._drawn(clip, np.random.default_rng(chance))
        if item is None or self.transform is None:
            return item
        frames, label, name = item
        generator = torch.Generator().manual_seed(int(chance.generate_state(1, np.uint64)[0] >> 1))
        frames, label = self.transform(frames, label, generator)
        return frames, label, name

    def _drawn(self, index: int, rng: np.random.Generator) -> Item | None:
        """Clip `index` before the transform; None if it cannot be read."""
        V, T = self.plan.views, self.plan.frames
        if self.plan.sampling == "dense":
            views = np.full(T, rng.integers(V))
        else:
            views = rng.integers(V, size=T)
        pictures = self.attempt(index, take=lambda indices: indices[views, np.arange(T)])
        if pictures is None:
            return None
        clip = self.clips[index]
        return pictures[0], self._number[clip.label], clip.name

    def attempt(
        self, index: int, plan: Plan | None = None, take: Take = everything
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """`read` of clip `index`; None if it cannot be read, which stderr says the first time."""
        mark = self._same[index]
        if self._bad[mark]:
            return None
        clip = self.clips[index]
        try:
            return read(clip, plan or self.plan, self.cache, take)
        except (VideoError, OSError) as error:
            self._bad[mark] = 1
            # With its label: files of two labels may be called the same.
            reason = str(error).removeprefix(f"{Path(clip.name).name}: ")
            print(f"skipped: {clip.name}: {reason}", file=sys.stderr)
            return None


@dataclass(frozen=True)
class Selection:
    """Which clips of a listing are opened, and how often they stand in an epoch."""

    holdout: float = 0.0  # share of each label's clips that is kept back (`held_out`)
    held: bool = False  # open just those that are kept back
    balance: int = 0  # repeat clips of small classes up to this number; 0 = each clip once

    def of(self, clips: tuple[Labelled, ...], root: str | Path) -> tuple[Labelled, ...]:
        """Raises: BadInput as `share_of`."""
        clips = share_of(clips, self.holdout, self.held, root)
        return balanced(clips, self.balance) if self.balance else clips


EVERY = Selection()


def _by_label(clips: tuple[Labelled, ...]) -> dict[str, list[Labelled]]:
    by_label: dict[str, list[Labelled]] = {}
    for clip in clips:
        by_label.setdefault(clip.label, []).append(clip)
    return by_label


def balanced(clips: tuple[Labelled, ...], target: int) -> tuple[Labelled, ...]:
    """The clips, those of small classes repeated in turn until each has `target` (spec 1.5).

    Each repeat is a sample of its own and so is augmented differently. Larger classes keep all
    their clips.
    """
    repeats = [
        own[i % len(own)] for own in _by_label(clips).values() for i in range(len(own), target)
    ]
    return (*clips, *repeats)


def held_out(clips: tuple[Labelled, ...], share: float) -> set[str]:
    """Names of a share of each label's clips; the same on every machine.

    It is at least one clip of a label that has two.
    """
    held: set[str] = set()
    for label, own in _by_label(clips).items():
        names = sorted(clip.name for clip in own)
        count = min(max(1, round(share * len(names))), len(names) - 1)
        rng = np.random.default_rng(list(label.encode()))
        held.update(rng.permutation(names)[:count].tolist())
    return held


def share_of(
    clips: tuple[Labelled, ...], holdout: float, held: bool, root: str | Path
) -> tuple[Labelled, ...]:
    """The clips that `held_out` keeps back, or those it leaves; all for a holdout of 0.

    Raises: BadInput for a share that is not 0..1, or where it leaves nothing.
    """
    if not 0 <= holdout < 1:
        raise BadInput(
            f"the share of clips to hold out must be at least 0 and below 1, got {holdout}"
        )
    if not holdout:
        return clips
    names = held_out(clips, holdout)
    share = tuple(clip for clip in clips if (clip.name in names) == held)
    if not share:
        raise BadInput(
            f"{root} holds one clip a label, so none can be held out; add clips or leave holdout "
            "at 0"
        )
    return share


def open_dataset(
    kind: str,
    root: str | Path,
    split: str | None,
    plan: Plan,
    selection: Selection = EVERY,
    seed: int = 0,
) -> Clips:
    """Open a data set: items are (clip uint8 (T, H, W, 3), label index, name).

    Args:
        kind: one of KINDS, in the folder `root`.
        split: train, val or test; see `listing`.
        plan: how clips are read. A batch needs clips of one size: choose shape centre or fit, or a
            transform that crops.

    Raises: BadInput for what cannot be opened; files that are missing or bad are reported and
    passed over.
    """
    listed = listing(kind, root, split)
    is_second = selection.held and selection.holdout
    if not is_second:  # the clips that are trained on are of the same listing, and say so
        report_missing(listed, root)
    clips = selection.of(listed.clips, root)
    return Clips(listed.labels, clips, plan, seed=seed, missing=listed.missing)


def report_missing(listed: Listing, root: str | Path) -> None:
    """One line for all clips that are listed but not there.

    Of several processes the first one says so.
    """
    if listed.missing and os.environ.get("RANK", "0") == "0":
        print(
            f"skipped: {listed.missing} of {listed.missing + len(listed.clips)} listed clips are "
            f"not in {root} (the first is {listed.first_missing})",
            file=sys.stderr,
        )

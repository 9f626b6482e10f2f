"""Data sets of clips: what a sample number means, how bad files are passed over, and the front
door.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from core.errors import BadInput, VideoError
from core.video.sampling import Sampling
from training.data.cache import Cache
from training.data.labelled import Labelled, Listing
from training.data.listing import KINDS, listing
from training.data.reading import Plan, Shape, Short, Take, read

Item = tuple[np.ndarray, int, str]
"""Frames (T, H, W, 3) uint8 RGB, index of the label, name."""
Transform = Callable[[np.ndarray, int, torch.Generator], tuple[np.ndarray, int]]
"""From frames (T, H, W, 3) uint8 and label to the same, augmented; all chance comes from the
generator.
"""


class Samples(Dataset):
    """A data set with `labels` whose sample number is draw * len + index.

    The draw is the epoch, or counts on where an epoch shows each clip several times. A sample's
    randomness comes from (seed, draw, index) alone, so that workers, processes and a resume change
    nothing. Iterating gives draw 0.
    """

    labels: tuple[str, ...]

    def __init__(self, seed: int, transform: Transform | None) -> None:
        self.seed, self.transform = seed, transform

    def __len__(self) -> int:
        raise NotImplementedError

    def item(self, index: int, rng: np.random.Generator) -> Item | None:
        """Clip `index` before the transform; None if it cannot be read."""
        raise NotImplementedError

    def sample(self, draw: int, index: int, clip: int) -> Item | None:
        """Clip `clip` with the chance of sample (draw, index)."""
        chance = np.random.SeedSequence([self.seed, draw, index])
        found = self.item(clip, np.random.default_rng(chance))
        if found is None or self.transform is None:
            return found
        generator = torch.Generator().manual_seed(int(chance.generate_state(1, np.uint64)[0] >> 1))
        return *self.transform(found[0], found[1], generator), found[2]

    def __getitem__(self, number: int) -> Item:
        if number < 0:
            raise IndexError(
                f"sample {number} does not exist: numbers start at 0 and go on for ever"
            )
        draw, index = divmod(int(number), len(self))
        for clip in range(index, index + len(self)):
            found = self.sample(draw, index, clip % len(self))
            if found is not None:
                return found
        raise BadInput(f"not one of {len(self)} clips can be read")

    def __iter__(self) -> Iterator[Item]:
        return (found for i in range(len(self)) if (found := self.sample(0, i, i)) is not None)


class Clips(Samples):
    """Clips of a listing, decoded as a plan says.

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
        super().__init__(seed, transform)
        if not clips:
            raise BadInput("a data set needs at least one clip")
        unknown = next((c for c in clips if c.label not in labels), None)
        if unknown:
            raise BadInput(
                f"the clip {unknown.name!r} has the label {unknown.label!r}, which is not known; "
                f"known are {', '.join(labels)}"
            )
        self.labels, self.clips, self.plan, self.cache, self.missing = (
            tuple(labels),
            tuple(clips),
            plan,
            cache,
            missing,
        )
        self._number = {label: i for i, label in enumerate(labels)}
        distinct = {
            clip.name: i for i, clip in reversed(list(enumerate(clips)))
        }  # a balanced listing repeats clips
        self._same = np.array([distinct[clip.name] for clip in clips])
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

    def attempt(
        self, index: int, plan: Plan | None = None, take: Take = lambda views: views
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """`read` of clip `index`; None, and one line on stderr the first time, if it cannot be
        read.
        """
        mark = self._same[index]
        if self._bad[mark]:
            return None
        try:
            return read(self.clips[index], plan or self.plan, self.cache, take)
        except (VideoError, OSError) as error:
            self._bad[mark] = 1
            name = self.clips[
                index
            ].name  # with its label: files of two labels may be called the same
            print(
                f"skipped: {name}: {str(error).removeprefix(f'{Path(name).name}: ')}",
                file=sys.stderr,
            )
            return None

    def item(self, index: int, rng: np.random.Generator) -> Item | None:
        V, T = self.plan.views, self.plan.frames
        drawn = (
            np.full(T, rng.integers(V))
            if self.plan.sampling == "dense"
            else rng.integers(V, size=T)
        )
        got = self.attempt(index, take=lambda views: views[drawn, np.arange(T)])
        return got and (got[0], self._number[self.clips[index].label], self.clips[index].name)


def balanced(clips: tuple[Labelled, ...], target: int | Literal["largest"]) -> tuple[Labelled, ...]:
    """The listing with the clips of small classes repeated in turn until each has `target` (spec
    1.5: augmented up to it).

    Each repeat is a sample of its own and so is augmented differently. Larger classes keep all
    their clips.
    """
    by_label: dict[str, list[Labelled]] = {}
    for clip in clips:
        by_label.setdefault(clip.label, []).append(clip)
    wanted = max(map(len, by_label.values())) if target == "largest" else target
    return clips + tuple(
        own[i % len(own)] for own in by_label.values() for i in range(len(own), wanted)
    )


def held_out(clips: tuple[Labelled, ...], share: float) -> set[str]:
    """Names of a share of each label's clips, at least one where there are two; the same on every
    machine.
    """
    by_label: dict[str, list[str]] = {}
    for clip in clips:
        by_label.setdefault(clip.label, []).append(clip.name)
    held: set[str] = set()
    for label, names in by_label.items():
        count = min(max(1, round(share * len(names))), len(names) - 1)
        held.update(
            np.random.default_rng(list(label.encode())).permutation(sorted(names))[:count].tolist()
        )
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
    chosen = tuple(clip for clip in clips if (clip.name in names) == held)
    if not chosen:
        raise BadInput(
            f"{root} holds one clip a label, so none can be held out; add clips or leave holdout "
            "at 0"
        )
    return chosen


def open_dataset(
    kind: str,
    root: str | Path | None = None,
    split: str | None = None,
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    views: int = 1,
    short: Short = "refuse",
    size: int | None = None,
    shape: Shape = "whole",
    seed: int = 0,
    labels: tuple[str, ...] | None = None,
    transform: Transform | None = None,
    balance: int | Literal["largest"] | None = None,
    holdout: float = 0.0,
    held: bool = False,
    cache: str | Path | None = None,
    cache_gigabytes: float = 20.0,
    clips: int = 10_000,
) -> Samples:
    """Open a data set: items are (clip uint8 (T, H, W, 3), label index, name), and `.labels` names
    the labels.

    Args:
        kind: folder, kinetics, ssv2, jester, ucf101, hmdb51 or smarthome, in the folder `root`; or
            gestures, rendered without end.
        split: train, val or test; see `listing`.
        frames, sampling, stride, views, short, size, shape: see `Plan`. A batch needs clips of one
        size: choose shape centre or fit,
            or a transform that crops.
        labels: number the clips by these instead of the data set's own, by name.
        transform: applied to each sample, in the worker.
        balance: repeat clips of small classes up to this number, or up to the largest class.
        holdout, held: keep this share of each label's clips back (`held_out`), or open just those
        that are kept back.
        cache: folder for decoded clips, kept below `cache_gigabytes`.
        clips: of gestures only, the samples an epoch.

    Raises: BadInput for what cannot be opened; files that are missing or bad are reported and
    passed over.
    """
    plan = Plan(frames, sampling, stride, views, short, size, shape)
    if kind == "gestures":
        from training.data.rendered import Rendered

        return Rendered(
            plan, clips=clips, seed=seed, split=split, labels=labels, transform=transform
        )
    if root is None or kind not in KINDS:
        raise BadInput(
            f"data set {kind!r}: give one of {', '.join(KINDS)} with its folder, or gestures"
        )
    found = listing(kind, root, split)
    if not (
        held and holdout
    ):  # else the clips that are trained on are of the same listing, and say so
        report_missing(found, root)
    own, chosen = labels or found.labels, found.clips
    chosen = share_of(chosen, holdout, held, root)
    chosen = chosen if balance is None else balanced(chosen, balance)
    kept = Cache(cache, cache_gigabytes) if cache is not None else None
    return Clips(
        own, chosen, plan, seed=seed, cache=kept, transform=transform, missing=found.missing
    )


def report_missing(found: Listing, root: str | Path) -> None:
    """One line for all clips that are listed but not there; of several processes the first one says
    so.
    """
    if found.missing and os.environ.get("RANK", "0") == "0":
        print(
            f"skipped: {found.missing} of {found.missing + len(found.clips)} listed clips are not "
            f"in {root} (the first is {found.first_missing})",
            file=sys.stderr,
        )

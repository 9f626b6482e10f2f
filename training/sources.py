"""Where a recipe's clips come from, and which part of them each process takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from core.errors import BadInput
from core.video.sets.reading import Shape
from core.world.gestures import DIRECTED, LABELS, USUAL, Odds
from training.augment import CROPPING, check_augment, clip_transform, usual_numbers
from training.data import (
    KINDS,
    Batch,
    Cache,
    Clips,
    Gestures,
    Plan,
    Selection,
    Stream,
    collated,
    has_splits,
    loaded,
    open_dataset,
    stacked,
)
from training.recipes import Recipe

HELD_OUT = 999_999_937
"""Seed of the rendered clips that validate a run, and of the order of real ones.

A recipe's own seeds are small.
"""
_OF_FILES = ("sampling", "draws", "split", "holdout", "repeated", "balance")
_OF_RENDERED = {"emphasis": "is", "odds": "are", "front": "is"}
_NUMBER = re.compile(r"\d+(\.\d+)?")
_NO_VALIDATION = ("ucf101", "hmdb51", "smarthome")


@dataclass(frozen=True)
class Source:
    """Clips to train on: item i is the same whatever the process or the order of loading."""

    dataset: Dataset
    labels: tuple[str, ...]
    directed: tuple[str, ...]  # labels whose direction in time can be known from the frames
    epoch: int  # clips in one pass
    collate: Callable[[list], Batch] = stacked
    files: Clips | None = None  # of clips that are read, not rendered


@dataclass(frozen=True)
class Sharing:
    """How a step's batch is dealt out to processes, and to each in parts.

    Clips are dealt like cards, so that each part has clips from the whole range of a batch.
    """

    batch: int
    accumulate: int = 1  # parts of a process's share
    processes: int = 1
    rank: int = 0  # of this process

    def __post_init__(self) -> None:
        if self.batch % (self.processes * self.accumulate):
            raise BadInput(
                f"a batch of {self.batch} clips cannot be shared by {self.processes} processes in "
                f"{self.accumulate} parts each; choose a --batch that their product divides"
            )

    @property
    def part(self) -> int:
        """Clips in one forward pass of one process."""
        return self.batch // (self.processes * self.accumulate)

    def places(self, part: int) -> np.ndarray:
        """Places in the step's batch of the clips of this process's part number `part`."""
        first = part * self.processes + self.rank
        return first + np.arange(self.part) * self.accumulate * self.processes


class _Share(Dataset):
    """This process's clips, one after another."""

    def __init__(self, dataset: Dataset, sharing: Sharing) -> None:
        self.dataset, self.sharing = dataset, sharing

    def __getitem__(self, index: int) -> Any:
        s = self.sharing
        step, within = divmod(index, s.part * s.accumulate)
        part, clip = divmod(within, s.part)
        return self.dataset[step * s.batch + int(s.places(part)[clip])]


def rendered(
    recipe: Recipe, *, frames: int, size: int, patch: int, seed: int, held: bool = False
) -> Source:
    """Rendered gestures, with their fingertips.

    With `held` there are as many as validate the recipe, drawn with the usual odds. As many of
    them are seen from the front as of those to train on.
    """
    shares, odds = _shares(recipe.emphasis), _odds(recipe.odds)
    clips = recipe.epoch_clips
    if held:
        shares, odds, clips = None, USUAL, recipe.validate_clips
    dataset = Gestures(
        seed=seed,
        frames=frames,
        size=size,
        patch=patch,
        shares=shares,
        odds=odds,
        front=recipe.front,
    )
    return Source(dataset, LABELS, DIRECTED, clips)


def _shares(emphasis: str) -> list[float] | None:
    """The probability of each of LABELS from "star=3,circle=0.5", where others count 1.

    Raises: BadInput.
    """
    if not emphasis:
        return None
    counts = dict.fromkeys(LABELS, 1.0)
    for part in emphasis.split(","):
        label, _, number = part.partition("=")
        if label not in counts or not _NUMBER.fullmatch(number) or float(number) == 0:
            raise BadInput(
                f"emphasis {part!r} is not STROKE=NUMBER above 0, such as star=3; the strokes are "
                f"{', '.join(LABELS)}"
            )
        counts[label] = float(number)
    return [count / sum(counts.values()) for count in counts.values()]


def _odds(text: str) -> Odds:
    """The usual odds but for those in "dim=0.4,recoloured=0.1". Raises: BadInput."""
    odds = asdict(USUAL)
    for part in text.split(",") if text else ():
        name, _, number = part.partition("=")
        if name not in odds or not _NUMBER.fullmatch(number):
            raise BadInput(
                f"odds {part!r} are not NAME=NUMBER from 0 to 1, such as dim=0.4; the names are "
                f"{', '.join(odds)}"
            )
        odds[name] = float(number)
    return Odds(**odds)


def source(
    recipe: Recipe, *, frames: int, size: int, patch: int, seed: int, held: bool = False
) -> Source:
    """The clips of a recipe; with `held` those that validate it, as a test would see them.

    Raises: BadInput for a kind of data, a split or an augmentation that is not known or does not
    fit.
    """
    if recipe.data == "gestures":
        _refuse_what_is_for_files(recipe)
        return rendered(recipe, frames=frames, size=size, patch=patch, seed=seed, held=held)
    _refuse_what_is_for_rendered(recipe)
    return _from_files(recipe, frames, size, seed, held)


def _refuse_what_is_for_files(recipe: Recipe) -> None:
    if recipe.root or recipe.cache:
        raise BadInput(
            f"--{'root' if recipe.root else 'cache'} is for clips in files, and "
            f"{recipe.model}'s are rendered; give --data folder with it, or leave it out"
        )
    usual = Recipe(model=recipe.model)
    changed = [name for name in _OF_FILES if getattr(recipe, name) != getattr(usual, name)]
    asked = [*recipe.augment, *changed]
    if asked:
        without = " (--augment none)" if recipe.augment else ""
        raise BadInput(
            "rendered gestures are varied by their renderer and cannot use "
            f"{', '.join(asked)}; leave it out{without}"
        )


def _refuse_what_is_for_rendered(recipe: Recipe) -> None:
    asked = [name for name in _OF_RENDERED if getattr(recipe, name)]
    if asked:
        raise BadInput(
            f"{asked[0]} {_OF_RENDERED[asked[0]]} for rendered gestures; repeat the "
            "clips of small classes with --balance, and vary clips with --augment"
        )
    if recipe.data not in KINDS:
        raise BadInput(
            f"data {recipe.data!r} are not known; choose gestures, which are rendered, or one of "
            f"{', '.join(KINDS)}"
        )
    if not recipe.root:
        raise BadInput(f"data {recipe.data!r} are read from a folder; give it with --root")


def _from_files(recipe: Recipe, frames: int, size: int, seed: int, held: bool) -> Source:
    augment = {} if held else _fitting(recipe.augment, size)
    pixels = size
    shape: Shape = recipe.crop
    for name in CROPPING & augment.keys():
        # What a crop is cut from: a little larger than the input, as in the papers.
        pixels, shape = augment[name].get("most", round(size * 8 / 7)), "whole"
    plan = Plan(
        frames,
        recipe.sampling,
        recipe.stride,
        views=1 if held else recipe.draws,
        short=recipe.short,
        size=pixels,
        shape=shape,
    )
    selection = Selection(recipe.holdout, held, balance=0 if held else recipe.balance)
    files = open_dataset(recipe.data, recipe.root, _split(recipe, held), plan, selection, seed)
    if recipe.cache:
        files.cache = Cache(recipe.cache, recipe.cache_gigabytes)
    if augment:
        files.transform = clip_transform(augment, files.labels)
    stream = Stream(files, seed=files.seed, repeats=1 if held else recipe.repeated)
    without_direction = set(LABELS) - set(DIRECTED)
    directed = tuple(label for label in files.labels if label.lower() not in without_direction)
    return Source(stream, files.labels, directed, stream.epoch, collated, files)


def _split(recipe: Recipe, held: bool) -> str | None:
    """The split that clips are read from; None is all of a folder."""
    if recipe.holdout:
        is_undivided = recipe.data == "folder" and not has_splits(recipe.root)
        return recipe.split or (None if is_undivided else "train")
    if held and recipe.data in _NO_VALIDATION:
        raise BadInput(
            f"{recipe.data} has no clips for validation; keep a share of its training clips back "
            "with --holdout 0.1, or set --validate-clips 0"
        )
    return "val" if held else recipe.split or "train"


def _fitting(augment: Mapping[str, Any], size: int) -> dict[str, Any]:
    """The augmentation for a model of `size` pixels: crops in proportion.

    Raises: BadInput as `check_augment`.
    """
    check_augment(augment)
    fitted = dict(augment)
    for name in CROPPING & augment.keys():
        numbers = usual_numbers(name) | augment[name]
        scale = size / numbers["size"]
        limits = {k: round(scale * numbers[k]) for k in ("least", "most") if k in numbers}
        fitted[name] = numbers | {"size": size} | limits
    return fitted


def batches(
    clips: Source, sharing: Sharing, *, start: int, steps: int, workers: int
) -> Iterator[list[Batch]]:
    """The parts of this process of step `start`, `start + 1`, ... `steps - 1`."""
    own = sharing.part * sharing.accumulate
    loader = loaded(
        _Share(clips.dataset, sharing),
        clips.collate,
        start=start * own,
        clips=steps * own,
        batch=sharing.part,
        workers=workers,
    )
    for _ in range(start, steps):
        yield [next(loader) for _ in range(sharing.accumulate)]

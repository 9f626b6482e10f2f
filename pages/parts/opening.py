"""One sentence a page: what is seen in this clip, computed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from core import explain
from core.draw import packing
from core.explain.strongest import (
    Run,
    by_chance,
    from_layer_on,
    patches_moving,
    patches_on,
    strongest_on,
)
from core.order.facts import rightly_first
from core.video import crop_box
from pages.parts import cached
from pages.parts.order_reading import Shuffled
from pages.parts.subject import Choice

STRONGEST = (
    "Of each frame the strongest patch counts: that where {who} is highest. It is on {what} "
    "where {meaning}. Chance: in how many frames a patch drawn at random would be."
)
MEANINGS = {
    "the hand": "the hand, its arm or its sleeve covers a quarter of the patch, by the truth that "
    "rendered clips have; all included weights were taught where it is",
    "what moves": "the patch is among the tenth of the frame that changes most to the frames "
    "beside it, the camera's own movement included",
}


@dataclass(frozen=True)
class Target:
    """What a model may look at in a clip."""

    name: str
    """A key of MEANINGS."""
    patches: np.ndarray
    """(T', h, w) bool: those that lie on it."""

    @property
    def chance(self) -> str:
        """Frames that a random patch would hit, in words."""
        return f"{by_chance(self.patches):.1f}"


def target(choice: Choice, grid: tuple[int, int, int]) -> Target:
    """The hand, where it is known where that is, else what moves."""
    height, width = choice.clip.size
    top, left, high, wide = crop_box(height, width, choice.crop)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    truth = cached.truth(choice)
    if truth is not None:
        return Target("the hand", patches_on(truth.mask[inside], grid))
    return Target("what moves", patches_moving(choice.clip.frames[inside], grid))


def say(sentence: str, help: str) -> None:
    """Write a page's sentence; its help says how it was found."""
    st.markdown(f"**{sentence}**", help=help)


def where_it_looks(choice: Choice) -> None:
    """Explore's sentence: what the strongest patches of the layers lie on."""
    trace = cached.trace(choice)
    tap = packing.space_taps(trace)[0]
    has_token = explain.has_class_token(explain.over_space(trace, tap)[-1])
    query: explain.SpatialQuery = "cls" if has_token else "mean"
    heats = cached.along_layers(choice, tap, query, explain.views(trace, tap)[0], "mean")
    on = target(choice, trace.grid)
    hits = {layer: strongest_on(heat, on.patches) for layer, heat in heats.items()}
    who = "attention of the frame's summary (the class token)"
    if not has_token:
        who = "the attention that it gets from all patches, on average,"
    how = STRONGEST.format(who=who, what=on.name, meaning=MEANINGS[on.name])
    frames = frames_in_words(choice.loaded.unit)
    say(layers_in_words(choice.title, on, hits, frames), f"{how} Average over heads.")


def frames_in_words(unit: int) -> str:
    """What is counted where each token covers so many frames."""
    return "frames" if unit == 1 else "pairs of frames"


def layers_in_words(
    title: str, on: Target, hits: dict[int, np.ndarray], frames: str = "frames"
) -> str:
    """From which layer on, or else in which layer most, a model looks at something.

    `hits` says of each layer, counted from 0, in which frames it does; `frames` is their name.
    """
    run: Run = from_layer_on(hits)
    chance = f"(chance: {on.chance})"
    if run.since is not None:
        first, last = run.since == next(iter(hits)), run.since == list(hits)[-1]
        when = "In every layer" if first else f"From layer {run.since + 1} on"
        when = "In its last layer" if last else when
        least = "" if run.least == run.most else "at least "
        share = f"{least}{run.least} of {run.total} {frames}"
        return f"{when} {title} looks at {on.name} in {share} {chance}."
    counts = {layer: int(hit.sum()) for layer, hit in hits.items()}
    best = max(counts, key=lambda layer: counts[layer])
    if counts[best] == run.least:
        return (
            f"{title} looks at {on.name} in at most {run.least} of {run.total} {frames} {chance}."
        )
    return (
        f"{title} looks at {on.name} most in layer {best + 1}: in {counts[best]} of {run.total} "
        f"{frames}, in its last layer in {run.least} {chance}."
    )


def where_maps_are(
    choices: list[Choice], heats: list[np.ndarray], what: str, notes: Sequence[str]
) -> None:
    """The sentence of a page with one map of each model: where it is strongest; `what` it shows.

    `notes` follow the models' names, and say where a map shows something else.
    """
    counts = []
    for choice, heat, note in zip(choices, heats, notes, strict=True):
        on = target(choice, (heat.shape[0], heat.shape[1], heat.shape[2]))
        hits = int(strongest_on(heat, on.patches).sum())
        frames = frames_in_words(choice.loaded.unit)
        counts.append(Count(f"{choice.title}{note}", hits, len(heat), on.chance, frames))
    how = STRONGEST.format(who="the map", what=on.name, meaning=MEANINGS[on.name])
    say(f"{what} is strongest on {on.name} {counts_in_words(counts)}.", how)


class Count(NamedTuple):
    """In how many frames, out of all, a model's map is where it is wanted."""

    title: str
    hits: int
    total: int
    chance: str
    """Frames that guessing would hit."""
    frames: str = "frames"
    """What they are called."""


def counts_in_words(counts: Sequence[Count]) -> str:
    """In how many frames, of each model; what is the same for all of them is said once."""
    sums, chances = [f"{one.total} {one.frames}" for one in counts], [c.chance for c in counts]
    chance = ", ".join(chances if len(set(chances)) > 1 else chances[:1])
    if len(set(sums)) == 1:
        each = [f"{one.hits} ({one.title})" for one in counts]
        return f"in {listed(each)} of {sums[0]} (chance: {chance})"
    each = [f"{one.hits} of {total} ({one.title})" for one, total in zip(counts, sums, strict=True)]
    return f"in {listed(each)} (chance: {chance})"


def which_frame_comes_first(shuffled: Shuffled) -> None:
    """The sentence of Frame order: of how many pairs of frames the matrix tells the order."""
    reading = shuffled.reading
    right, ties, pairs = rightly_first(reading.matrix, reading.permutation)
    title = "Pixel likeness" if shuffled.by.pixels else shuffled.choice.title
    of = "these shuffled frames" if shuffled.unit == 1 else "slots, each of two frames,"
    say(
        pairs_in_words(title, right, ties, pairs, of),
        "Of two frames that one is said to come first from which the heavier edge of the matrix "
        "leads to the other. Guessing is right in half of the pairs.",
    )


def pairs_in_words(title: str, right: int, ties: int, pairs: int, of: str) -> str:
    """Of how many pairs of frames, or of what slots hold, the order is told rightly, tied, of all.

    `of` names what is told apart.
    """
    if ties == pairs:
        return f"{title} is the same both ways: of no two frames it says which came first."
    tied = f", of {ties} it says nothing" if ties else ""
    return (
        f"Of the {pairs} pairs of {of} {title} says of {right} rightly which came "
        f"first{tied} (guessing: {pairs / 2:.0f})."
    )


PROBED = {"reversed": "backwards", "shuffled": "shuffled", "frozen": "frozen to one picture"}
"""What is done to the clip, in a sentence."""


def what_changes_its_class(titles: Sequence[str], classes: Sequence[Sequence[str]]) -> None:
    """The sentences of the motion probe: which models call the clip otherwise, and when.

    `classes` are those that each model gives: of the clip as it is, then of each of PROBED.
    """
    changes = {
        words: [of[k] != of[0] for of in classes] for k, words in enumerate(PROBED.values(), 1)
    }
    say(
        probes_in_words(titles, changes),
        "The most probable class of each model, held against that of the clip as it is. One that "
        "keeps its class where the order is gone did not need the order for it.",
    )


def probes_in_words(titles: Sequence[str], changes: Mapping[str, Sequence[bool]]) -> str:
    """Which models change their class in which appearance of the clip.

    `changes` says of each appearance, in words, which of the models do. What comes out alike is
    said together.
    """
    alike: dict[tuple[bool, ...], list[str]] = {}
    for words, changed in changes.items():
        alike.setdefault(tuple(changed), []).append(words)
    sentences = []
    for outcome, appearances in alike.items():
        other = [title for title, is_other in zip(titles, outcome, strict=True) if is_other]
        same = [title for title, is_other in zip(titles, outcome, strict=True) if not is_other]
        does = [_who_does("change", other, titles)] if other else []
        does += [_who_does("keep", same, titles)] if same else []
        when = listed(appearances)
        sentences.append(f"{when[0].upper()}{when[1:]}, {'; '.join(does)}.")
    return " ".join(sentences)


def _who_does(verb: str, some: Sequence[str], titles: Sequence[str]) -> str:
    """That some of the models change or keep their class: each by name, or all of several."""
    if len(some) == 1:
        return f"{some[0]} {verb}s its class"
    who = "all of them" if len(some) == len(titles) else listed(some)
    return f"{who} {verb} their class"


def listed(names: Sequence[str]) -> str:
    """One; one and two; one, two and three."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

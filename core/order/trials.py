"""Many shuffles: of one clip, and of the clips of a data set, each shuffled once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from core.errors import BadInput
from core.explain import temporal
from core.observe import Trace, observe_batch
from core.order.matrix import Affinity, Pixels, order_matrix
from core.order.reading import (
    Reading,
    direction_threshold,
    domain_of,
    reading_of,
    repeated_units,
)
from core.order.recover import Verdict, sharpened
from core.video import Clip, Crop, random_order, shuffled
from core.weights import UNCALIBRATED, Model

BATCH = 10  # clips in one forward pass


@dataclass(frozen=True)
class Shuffles:
    """What was recovered of one clip of T' units under each of n shuffles."""

    permutations: Int[np.ndarray, "n T"]  # the original unit in each slot
    paths: Int[np.ndarray, "n T"]  # slots in predicted order of time
    accuracy: Float[np.ndarray, " n"]  # OrderAcc in percent
    either_way: Float[np.ndarray, " n"]  # of the path or its reverse, whichever is better
    verdicts: tuple[Verdict, ...]

    @staticmethod
    def of(readings: Sequence[Reading]) -> Shuffles:
        """Those of some readings of one clip, at least one."""
        return Shuffles(
            np.array([reading.permutation for reading in readings]),
            np.array([reading.order.path for reading in readings]),
            np.array([reading.accuracy for reading in readings]),
            np.array([reading.either_way for reading in readings]),
            tuple(reading.order.verdict for reading in readings),
        )

    def __len__(self) -> int:
        return len(self.accuracy)

    @property
    def mean(self) -> float:
        """Mean OrderAcc in percent."""
        return float(self.accuracy.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        if len(self) < 2:
            return float("nan")
        return float(self.accuracy.std(ddof=1) / np.sqrt(len(self)))


def joined(results: Sequence[Shuffles]) -> Shuffles:
    """Several results as one."""
    return Shuffles(
        np.concatenate([result.permutations for result in results]),
        np.concatenate([result.paths for result in results]),
        np.concatenate([result.accuracy for result in results]),
        np.concatenate([result.either_way for result in results]),
        tuple(verdict for result in results for verdict in result.verdicts),
    )


def permutations_of(seeds: Iterable[int], units: int) -> Int[np.ndarray, "n {units}"]:
    """The orders that shuffle seeds stand for, (n, units), as on the page and with `--seed`."""
    return np.array([random_order(units, seed) for seed in seeds], int).reshape(-1, units)


def permutation_of(name: str, units: int, seed: int) -> Int[np.ndarray, " {units}"]:
    """The one permutation of a clip in a data set: it depends on its name and the seed alone."""
    return random_order(units, [seed, *name.encode()])


def frame_matrices(
    model: Model, clip: Clip, permutations: Int[np.ndarray, "n T"], affinity: Affinity | None = None
) -> Float[np.ndarray, "n T T"]:
    """`order_matrix` of the clip under each permutation, (n, T', T'), in one forward pass.

    Raises: BadInput for an affinity of several passes, which would be batches of their own.
    """
    affinity = affinity or Affinity.of(model.card)
    if affinity.passes != 1:
        raise BadInput(f"many shuffles take one pass each, not {affinity.passes}; choose 1")
    clips = [shuffled(clip, permutation, model.unit) for permutation in permutations]
    traces = observe_batch(model, clips)
    matrices = [temporal(trace, affinity.layer, affinity.head) for trace in traces]
    return np.stack([sharpened(matrix, affinity.sharpness) for matrix in matrices])


def shuffle_model(
    model: Model, clip: Clip, permutations: Int[np.ndarray, "n T"], affinity: Affinity | None = None
) -> Shuffles:
    """Run the model on the clip under each permutation (n, T') and recover the order.

    `affinity` None is `Affinity.of` the model's card.

    Raises: BadInput if the clip does not fit the model, or the layer or head is not there.
    """
    repeated = repeated_units(model, clip)
    threshold = direction_threshold(model, clip, affinity)
    where = None
    if threshold < UNCALIBRATED:  # else no direction is known anyway, and no pass is spent on it
        where = domain_of(model, clip)
        threshold = direction_threshold(model, clip, affinity, where)
    readings: list[Reading] = []
    for first in range(0, len(permutations), BATCH):
        batch = permutations[first : first + BATCH]
        for matrix, permutation in zip(
            frame_matrices(model, clip, batch, affinity), batch, strict=True
        ):
            reading = reading_of(matrix, permutation, threshold, repeated, domain=where)
            readings.append(reading)
    return Shuffles.of(readings)


def read_together(
    model: Model,
    traces: Sequence[Trace],
    permutations: Int[np.ndarray, "n k T"],
    at_once: int = BATCH,
) -> list[list[Reading]]:
    """The order of each of n clips under each of its k permutations, in shared forward passes.

    `traces` are those of the clips in their true order, of one length; `at_once` shuffled clips
    share a pass. A reading is that of `core.order.read` with the card's affinity.
    """
    affinity = Affinity.of(model.card)
    # what the model saw is not cropped and scaled again for each shuffle
    clips = [Clip(t.frames, t.clip.times, t.clip.source, t.clip.id) for t in traces]
    mixed = [
        shuffled(clip, permutation, model.unit)
        for clip, own in zip(clips, permutations, strict=True)
        for permutation in own
    ]
    matrices: list[Float[np.ndarray, "T T"]] = []
    for first in range(0, len(mixed), at_once):
        for shown in observe_batch(model, mixed[first : first + at_once]):
            matrix = temporal(shown, affinity.layer, affinity.head)
            matrices.append(sharpened(matrix, affinity.sharpness))
    each = iter(matrices)
    readings = []
    for trace, clip, own in zip(traces, clips, permutations, strict=True):
        where = domain_of(model, clip, trace)
        threshold = direction_threshold(model, clip, affinity, where)
        repeated = repeated_units(model, clip)
        readings.append(
            [reading_of(next(each), order, threshold, repeated, domain=where) for order in own]
        )
    return readings


def shuffle_pixels(
    clip: Clip, permutations: Int[np.ndarray, "n T"], crop: Crop = "fit", unit: int = 1
) -> Shuffles:
    """The same for the path through the most similar frames: no weights, blind to direction."""
    pixels = Pixels(crop, unit)
    repeated = repeated_units(pixels, clip)
    matrix = order_matrix(pixels, clip)
    return Shuffles.of(
        [
            reading_of(matrix[np.ix_(permutation, permutation)], permutation, repeated=repeated)
            for permutation in permutations
        ]
    )


@dataclass(frozen=True)
class ClassScore:
    """OrderAcc over the clips of one class, in percent.

    Of the model, and of the pixel baseline under the same shuffles.
    """

    label: str
    clips: int
    order_accuracy: float
    either_way: float
    pixels: float
    pixels_either_way: float


ALL = "all"
ClipScore = tuple[str, Shuffles, Shuffles]
"""The label of a clip, and what the model and the pixels recovered of it."""


def per_class(rows: Sequence[ClipScore]) -> list[ClassScore]:
    """A table of clips by class: each class in the order of first sight, then ALL."""
    labels = list(dict.fromkeys(label for label, _, _ in rows))
    scores = [_score(label, [row for row in rows if row[0] == label]) for label in labels]
    return [*scores, _score(ALL, rows)] if rows else []


def _score(label: str, rows: Sequence[ClipScore]) -> ClassScore:
    model = joined([by_model for _, by_model, _ in rows])
    pixels = joined([by_pixels for _, _, by_pixels in rows])
    return ClassScore(
        label,
        len(rows),
        model.mean,
        float(model.either_way.mean()),
        pixels.mean,
        float(pixels.either_way.mean()),
    )

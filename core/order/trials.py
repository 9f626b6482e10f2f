"""How well one clip is put back in order over many shuffles, and the clips of a data set over one
shuffle each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.explain import temporal
from core.observe import observe_batch
from core.order.accuracy import order_accuracy, reversal_accuracy
from core.order.recover import Verdict, pixel_affinity, recover_order, repeated_slots, sharpened
from core.trace import Head
from core.video import Clip, Crop, cropped, shuffled
from core.weights import Model

BATCH = 10  # clips in one forward pass
SEEN = 96  # pixels, height = width, at which the pixel baseline compares frames
Progress = Callable[[float], object]


@dataclass(frozen=True)
class Shuffles:
    """What was recovered of one clip of T' units under each of n shuffles."""

    permutations: np.ndarray  # (n, T') int: the original unit in each slot
    paths: np.ndarray  # (n, T') int: slots in predicted order of time
    accuracy: np.ndarray  # (n,) OrderAcc in percent
    either_way: np.ndarray  # (n,) of the path or the path reversed, whichever is better
    verdicts: tuple[Verdict, ...]

    def __len__(self) -> int:
        return len(self.accuracy)

    @property
    def mean(self) -> float:
        """Mean OrderAcc in percent."""
        return float(self.accuracy.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return (
            float(self.accuracy.std(ddof=1) / np.sqrt(len(self))) if len(self) > 1 else float("nan")
        )


def joined(parts: Sequence[Shuffles]) -> Shuffles:
    """Several results as one."""
    arrays = (
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("permutations", "paths", "accuracy", "either_way")
    )
    return Shuffles(*arrays, tuple(v for p in parts for v in p.verdicts))


def permutations_of(seeds: Iterable[int], units: int) -> np.ndarray:
    """The order that each shuffle seed stands for, (n, units): that of the page and of `python -m
    core order --seed`.
    """
    return np.array([np.random.default_rng(seed).permutation(units) for seed in seeds]).reshape(
        -1, units
    )


def permutation_of(name: str, units: int, seed: int) -> np.ndarray:
    """The one permutation of a clip in a data set: it depends on its name and the seed alone."""
    return np.random.default_rng([seed, *name.encode()]).permutation(units)


def is_static(clip: Clip, crop: Crop = "fit", unit: int = 1) -> bool:
    """Whether two units of the clip show the same picture, so that no order of them can be
    found.
    """
    return bool(repeated_slots(cropped(clip.frames[: len(clip) // unit * unit], crop, SEEN), unit))


def frame_matrices(
    model: Model,
    clip: Clip,
    permutations: np.ndarray,
    layer: int | None = None,
    head: Head = "mean",
) -> np.ndarray:
    """`explain.temporal` of the clip under each permutation, sharpened as the card says, (n, T',
    T'): the batched way.
    """
    clips = [shuffled(clip, permutation, model.unit) for permutation in permutations]
    sharpness = model.card.sharpness
    return np.stack(
        [
            sharpened(temporal(trace, layer, head), sharpness)
            for trace in observe_batch(model, clips)
        ]
    )


def judged(
    matrices: np.ndarray, permutations: np.ndarray, threshold: float = 0.0, static: bool = False
) -> Shuffles:
    """Recover the order from each matrix, (n, T', T'), and measure it; of a static clip the verdict
    is `unknown`, measured all the same.
    """
    found = [recover_order(matrix, threshold) for matrix in matrices]
    pairs = [
        (order.path, permutation.tolist())
        for order, permutation in zip(found, permutations, strict=True)
    ]
    return Shuffles(
        permutations,
        np.array([order.path for order in found]).reshape(permutations.shape),
        np.array([order_accuracy(*pair) for pair in pairs]),
        np.array([reversal_accuracy(*pair) for pair in pairs]),
        tuple("unknown" if static else order.verdict for order in found),
    )


def shuffle_model(
    model: Model,
    clip: Clip,
    permutations: np.ndarray,
    *,
    layer: int | None = None,
    head: Head = "mean",
    progress: Progress = lambda done: None,
) -> Shuffles:
    """Run the model on the clip under each permutation (n, T') and recover the order.

    `layer` None is the last, `head` "mean" averages them: the paper's matrix. After each BATCH
    shuffles `progress(part done, 0..1)` is called; whatever that raises ends the work.

    Raises: BadInput if the clip does not fit the model, or the layer or head is not there.
    """
    static = is_static(clip, model.card.crop, model.unit)
    threshold = model.card.threshold(len(clip), layer, head)
    parts = []
    for first in range(0, len(permutations), BATCH):
        some = permutations[first : first + BATCH]
        parts.append(
            judged(frame_matrices(model, clip, some, layer, head), some, threshold, static)
        )
        progress(min(1.0, (first + BATCH) / len(permutations)))
    return joined(parts)


def shuffle_pixels(
    clip: Clip, permutations: np.ndarray, crop: Crop = "fit", unit: int = 1
) -> Shuffles:
    """The same for the path through the most similar frames (the first of each unit): no weights,
    blind to direction.
    """
    affinity = pixel_affinity(cropped(clip.frames[::unit], crop, SEEN))
    return judged(
        np.stack([affinity[np.ix_(order, order)] for order in permutations]),
        permutations,
        0.0,
        is_static(clip, crop, unit),
    )


@dataclass(frozen=True)
class ClassScore:
    """OrderAcc over the clips of one class, in percent: of the model, and of the pixel baseline
    under the same shuffles.
    """

    label: str
    clips: int
    order_accuracy: float
    either_way: float
    pixels: float
    pixels_either_way: float


ALL = "all"


def per_class(rows: Sequence[tuple[str, Shuffles, Shuffles]]) -> list[ClassScore]:
    """Rows (label, of the model, of the pixels), one a clip, as a table: each class in the order of
    first sight, then ALL.
    """
    labels = list(dict.fromkeys(label for label, _, _ in rows))

    def score(label: str, part: Sequence[tuple[str, Shuffles, Shuffles]]) -> ClassScore:
        model, pixels = joined([row[1] for row in part]), joined([row[2] for row in part])
        return ClassScore(
            label,
            len(part),
            model.mean,
            float(model.either_way.mean()),
            pixels.mean,
            float(pixels.either_way.mean()),
        )

    return [score(label, [row for row in rows if row[0] == label]) for label in labels] + (
        [score(ALL, rows)] if rows else []
    )

"""Weights that a video stage starts from: whose they are, and what of them was taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.weights.public import LoadReport


class Kind(Enum):
    """What left a file of weights."""

    STILLS = "the still stage of a run"
    VIDEO = "the video stage of a run"
    FOREIGN = "anything else"


def kind_of(names: Iterable[str]) -> Kind:
    """By the names of its tensors: a stage of a run has a side head beside its network."""
    names = list(names)
    if "side.weight" not in names:
        return Kind.FOREIGN
    if any(name.startswith("vit.") for name in names):
        return Kind.STILLS
    return Kind.VIDEO


@dataclass(frozen=True)
class FromStills:
    """The image model of a still stage, in every block that it has."""

    def __str__(self) -> str:
        return "took the image model of a still stage"


@dataclass(frozen=True)
class FromVideo:
    """Everything of another run's video stage but for `heads`, which tell other labels apart."""

    heads: tuple[str, ...] = ()

    def __str__(self) -> str:
        left_out = f", but for {', '.join(self.heads)}: it knew other labels" if self.heads else ""
        return f"took the weights of another run's video stage{left_out}"


@dataclass(frozen=True)
class FromPublic:
    """What fits of a public checkpoint."""

    report: LoadReport

    def __str__(self) -> str:
        loaded, missing = self.report.loaded, self.report.missing
        unplaced = len(self.report.unexpected) + len(self.report.mismatched)
        return (
            f"took {len(loaded)} tensors; {len(missing)} of the model were not "
            f"there, such as {', '.join(missing[:3]) or 'none'}; "
            f"{unplaced} had no place"
        )


Taken = FromStills | FromVideo | FromPublic
"""What a run began with; as text it is the line that is shown."""

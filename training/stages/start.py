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
class FromImage:
    """An image model's public weights, as those of a still stage are taken."""

    layout: str
    blocks: int
    copies: bool
    """Whether its attention over space was copied into that over time."""
    unused: tuple[str, ...]

    def __str__(self) -> str:
        words = f"took the image model ({self.layout}) in {self.blocks} blocks"
        if self.copies:
            words += (
                "; its attention and the norm before it were copied from space to time "
                "(temporal_attn, temporal_norm1), temporal_fc starts at zero"
            )
        if self.unused:
            words += f"; not used of it: {', '.join(self.unused[:3])}"
            words += f" and {len(self.unused) - 3} more" if len(self.unused) > 3 else ""
        return words


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


Taken = FromStills | FromImage | FromVideo | FromPublic
"""What a run began with; as text it is the line that is shown."""

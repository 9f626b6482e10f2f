"""Interventions: switch off or weaken a part of a network, and see what it was for.

`with intervening(model, intervention):` changes every pass of that model in this thread; nothing
stays behind. Passes in threads that others begin, as those of the attributions, are not changed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from core.errors import BadInput
from core.models.sites import EMBEDDED, Part, Site, watching
from core.observe import Trace, observe
from core.trace import taps_of
from core.video import Clip
from core.weights import Model

HIDDEN = 0.0
"""What is put in place of pixels: the mean colour of the training data, once normalised."""
Place = tuple[int, int, int]
"""A patch at (t, row, column) of the model's own grid."""


@dataclass(frozen=True, order=True)
class HeadFactor:
    """By how much what one head mixes is multiplied; 0 switches it off."""

    name: str
    """Of the attention's tap."""
    layer: int
    head: int
    factor: float

    def __str__(self) -> str:
        return f"{self.name}.{self.layer}.{self.head}={_number(self.factor)}"


@dataclass(frozen=True, order=True)
class LayerFactor:
    """By how much what a layer adds to the stream is multiplied; 0 leaves the layer out.

    A recurrent layer's is also what it adds to its state.
    """

    layer: int
    factor: float

    def __str__(self) -> str:
        return f"layer.{self.layer}={_number(self.factor)}"


@dataclass(frozen=True)
class Intervention:
    """What is changed in a pass. Empty, it changes no bit.

    `parse` reads what `str` writes: `space.3.2=0,layer.5=0.5,temperature=2,frame.3,patch.2.1.4`.
    Layers and heads count from 0, frames are temporal tokens.
    """

    heads: tuple[HeadFactor, ...] = ()
    layers: tuple[LayerFactor, ...] = ()
    temperature: float = 1.0
    """What softmax scores are divided by: above 1 attention is flatter, below 1 sharper."""
    state: float = 1.0
    """What a recurrent network's state is multiplied by between two frames; 0 forgets all."""
    flow: float = 1.0
    """What AM flow is multiplied by before it enters the adapters."""
    frames: tuple[int, ...] = ()
    """Hidden frames, painted in the mean colour."""
    patches: tuple[Place, ...] = ()
    """Hidden patches."""

    def __str__(self) -> str:
        items = [str(each) for each in (*self.heads, *self.layers)]
        factors = {"temperature": self.temperature, "state": self.state, "flow": self.flow}
        items += [f"{name}={_number(factor)}" for name, factor in factors.items() if factor != 1]
        items += [f"frame.{frame}" for frame in self.frames]
        items += [f"patch.{t}.{row}.{column}" for t, row, column in self.patches]
        return ",".join(items)

    @classmethod
    def parse(cls, text: str) -> Intervention:
        """Read what `str` writes. Raises: BadInput for anything else."""
        heads: list[HeadFactor] = []
        layers: list[LayerFactor] = []
        frames: list[int] = []
        patches: list[Place] = []
        factors: dict[str, float] = {}
        for item in filter(None, text.split(",")):
            place, _, number = item.partition("=")
            words = place.split(".")
            whole_numbers = [int(word) for word in words[1:] if re.fullmatch(r"\d{1,4}", word)]
            numbers_only = len(whole_numbers) == len(words) - 1
            if place in ("temperature", "state", "flow"):
                factors[place] = _factor(item, number)
            elif words[0] == "frame" and numbers_only and len(words) == 2 and not number:
                frames.append(whole_numbers[0])
            elif words[0] == "patch" and numbers_only and len(words) == 4 and not number:
                patches.append((whole_numbers[0], whole_numbers[1], whole_numbers[2]))
            elif words[0] == "layer" and numbers_only and len(words) == 2:
                layers.append(LayerFactor(whole_numbers[0], _factor(item, number)))
            elif len(words) >= 3 and len(whole_numbers) >= 2:
                name, layer, head = place.rsplit(".", 2)
                heads.append(HeadFactor(name, int(layer), int(head), _factor(item, number)))
            else:
                raise _unread(item)
        if factors.get("temperature", 1.0) <= 0:
            raise BadInput("the temperature of attention must be above 0; 1 changes nothing")
        return cls(
            tuple(heads), tuple(layers), frames=tuple(frames), patches=tuple(patches), **factors
        )


def _number(factor: float) -> str:
    """A factor as it is written: all its digits, without a zero that says nothing."""
    return repr(float(factor)).removesuffix(".0")


def _factor(item: str, number: str) -> float:
    """The number of an item. Raises: BadInput if it is none, or not finite."""
    try:
        factor = float(number)
    except ValueError:
        raise _unread(item) from None
    if not math.isfinite(factor):
        raise _unread(item)
    return factor


def _unread(item: str) -> BadInput:
    return BadInput(
        f"the change {item!r} cannot be read; write it like space.3.2=0, layer.5=0.5, "
        "temperature=2, state=0, flow=0, frame.3 or patch.2.1.4"
    )


@dataclass(frozen=True)
class Parts:
    """What can be changed in a model."""

    heads: dict[str, dict[int, int]]
    """For each tap whose heads mix something, its layers, and how many heads each has."""
    layers: int
    has_softmax: bool
    has_state: bool
    has_flow: bool


def parts_of(model: Model, clip: Clip) -> Parts:
    """What can be changed in a model, from one pass on a clip. Raises: BadInput if it cannot."""
    heads: dict[str, dict[int, int]] = {}
    layers: set[int] = set()
    parts: set[Part] = set()

    def note(site: Site, value: Tensor) -> Tensor:
        parts.add(site.part)
        if site.part is Part.HEADS:
            heads.setdefault(site.name, {})[site.layer] = value.shape[1]
        if site.part is Part.STREAM and site.layer != EMBEDDED:
            layers.add(site.layer)
        return value

    with watching(note):
        observe(model, clip)
    mixing = {(name, layer) for name, own in heads.items() for layer in own}
    has_softmax = bool(mixing & softmax_places(model))
    return Parts(heads, len(layers), has_softmax, Part.STATE in parts, Part.FLOW in parts)


def softmax_places(model: Model) -> set[tuple[str, int]]:
    """The name and layer of each attention whose kernel is softmax."""
    taps = taps_of(model.net)
    return {(tap.name, tap.layer) for tap in taps if tap.kernel.kind == "softmax"}


@contextmanager
def intervening(
    model: Model, intervention: Intervention, grid: tuple[int, int, int] | None = None
) -> Iterator[None]:
    """Change every pass of `model` in this thread. An empty intervention changes no bit.

    `grid` is the model's own (T', h, w), which hidden frames and patches are counted in.

    Raises: BadInput if the model has no such part, at the latest when the block ends.
    """
    if (intervention.frames or intervention.patches) and grid is None:
        raise BadInput("hidden frames and patches are counted in a grid; give that of the trace")
    change = _Change(model, intervention, grid or (1, 1, 1))
    with watching(change):
        yield
    change.check_used()


def observe_changed(
    model: Model, clip: Clip, intervention: Intervention, grid: tuple[int, int, int] | None = None
) -> Trace:
    """What `core.observe.observe` shows of a changed model. Raises: BadInput as both."""
    with intervening(model, intervention, grid):
        return observe(model, clip)


class _Change:
    """Does what an intervention says, and knows in the end what had no place to act."""

    def __init__(
        self, model: Model, intervention: Intervention, grid: tuple[int, int, int]
    ) -> None:
        self.intervention, self.grid = intervention, grid
        self.softmax = softmax_places(model)
        self.heads = {(each.name, each.layer, each.head): each for each in intervention.heads}
        self.layers = {each.layer: each for each in intervention.layers}
        self.before: dict[tuple[Part, int], Tensor] = {}
        self.unused = {item for item in str(intervention).split(",") if item}

    def __call__(self, site: Site, value: Tensor) -> Tensor:
        changed = self.intervention
        match site.part:
            case Part.INPUT:
                return self._hidden(value)
            case Part.QUERIES if (site.name, site.layer) in self.softmax:
                return self._times(value, "temperature", changed.temperature, divide=True)
            case Part.HEADS:
                return self._weighed_heads(site, value)
            case Part.STATE:
                value = self._weighed(site, site.layer, value, is_start=site.frame == 0)
                if site.frame == 0 or site.is_end:
                    return value
                return self._times(value, "state", changed.state)
            case Part.FLOW:
                return self._times(value, "flow", changed.flow)
            case Part.STREAM | Part.CLASS:
                return self._weighed(site, 0, value, is_start=site.layer == EMBEDDED)
        return value

    def check_used(self) -> None:
        """Raises: BadInput for a part that did not act."""
        if self.unused:
            raise BadInput(
                f"this model has no place for {', '.join(sorted(self.unused))} here; choose one of "
                "its own layers, heads, frames and patches"
            )

    def _times(self, value: Tensor, name: str, factor: float, divide: bool = False) -> Tensor:
        self.unused.discard(f"{name}={_number(factor)}")
        if factor == 1:
            return value
        return value / factor if divide else value * factor

    def _hidden(self, video: Tensor) -> Tensor:
        """The video (B, 3, T, H, W) without the hidden frames and patches."""
        changed = self.intervention
        if not changed.frames and not changed.patches:
            return video
        video = video.clone()
        sizes = [pixels // cells for pixels, cells in zip(video.shape[2:], self.grid, strict=True)]
        for t in changed.frames:
            if t < self.grid[0]:
                video[:, :, t * sizes[0] : (t + 1) * sizes[0]] = HIDDEN
                self.unused.discard(f"frame.{t}")
        for place in changed.patches:
            if all(at < cells for at, cells in zip(place, self.grid, strict=True)):
                part = [
                    slice(at * size, (at + 1) * size) for at, size in zip(place, sizes, strict=True)
                ]
                video[:, :, part[0], part[1], part[2]] = HIDDEN
                self.unused.discard("patch.{}.{}.{}".format(*place))
        return video

    def _weighed_heads(self, site: Site, mixed: Tensor) -> Tensor:
        """What the heads mixed, (groups, heads, n, d), each by its factor."""
        factors = mixed.new_ones(mixed.shape[1])
        for head in range(mixed.shape[1]):
            if weighed := self.heads.get((site.name, site.layer, head)):
                factors[head] = weighed.factor
                self.unused.discard(str(weighed))
        return mixed if bool((factors == 1).all()) else mixed * factors[:, None, None]

    def _weighed(self, site: Site, of: int, value: Tensor, is_start: bool) -> Tensor:
        """before + factor (value - before): 1 keeps the bits, 0 gives what was before.

        Before is what passed this part last, or this layer's own state.
        """
        before = self.before.get((site.part, of))
        layer = self.layers.get(site.layer)
        if layer is not None and before is not None and not is_start:
            self.unused.discard(str(layer))
            if layer.factor != 1:
                value = before + layer.factor * (value - before)
        self.before[site.part, of] = value
        return value

"""The one place where a model meets a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32, Real, UInt8
from torch import Tensor

from core.errors import BadInput
from core.trace import Attention, Axis, record, record_batch
from core.video import Clip
from core.weights import Card, Model


@dataclass(frozen=True)
class Trace:
    """What one forward pass on one clip showed. Arrays and tensors are detached and on the CPU."""

    model: str
    card: Card
    clip: Clip
    frames: UInt8[np.ndarray, "T H W 3"]
    """What the model saw, cropped and scaled."""
    token_times: Float[np.ndarray, " steps"]
    """(T',) seconds: the middle of the frames that a temporal token covers."""
    logits: Float32[np.ndarray, " C"]
    """Empty for an image model, which names no class."""
    attentions: tuple[Attention, ...] = field(repr=False)

    @property
    def probabilities(self) -> Float[np.ndarray, " C"]:
        """Softmax of the logits, (C,), summing to 1; empty where there are none."""
        return softmax(self.logits)

    @property
    def grid(self) -> tuple[int, int, int]:
        """(T', h, w) in tokens, of the last layer where grids differ.

        Attention from frame to frame alone has no places: its grid counts where there is no other.
        """
        grids = [attention.grid for attention in self.attentions]
        of_places = [(T, h, w) for T, h, w in grids if h * w > 1]
        return (of_places or grids)[-1]

    def along(self, axis: Axis) -> list[Attention]:
        """The recorded attentions over this axis, first layer first."""
        return [a for a in self.attentions if a.axis is axis]


def softmax(logits: Real[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Softmax over the last axis, in float64, as float32; of no logits there is none."""
    largest = np.max(logits, -1, keepdims=True, initial=-np.inf)
    shifted = np.exp(np.asarray(logits, np.float64) - largest)
    return (shifted / shifted.sum(-1, keepdims=True)).astype(np.float32)


_BATCH = 8  # clips in one forward pass, of the size of the included models
_ON_GPU = 8  # times as many there
_PIXELS = _BATCH * 8 * 112 * 112
LEAST_FRAMES, MOST_FRAMES = 2, 64
"""Of any model; one that was trained on more takes as many as that."""


def check_fits(model: Model, frames: int) -> None:
    """Raises: BadInput if the model cannot take this number of frames."""
    unit = model.unit
    most = max(MOST_FRAMES, model.card.frames)
    if not LEAST_FRAMES * unit <= frames <= most or frames % unit:
        multiples = f" in multiples of {unit}" if unit > 1 else ""
        raise BadInput(
            f"{model.card.model} takes {LEAST_FRAMES * unit} to {most} frames{multiples}, "
            f"got {frames}; it was trained on {model.card.frames}"
        )


def to_input(
    card: Card, clip: Clip
) -> tuple[UInt8[np.ndarray, "T S S 3"], Float32[Tensor, "1 3 T S S"]]:
    """What the model sees, (T, S, S, 3) uint8, and the same normalised, (1, 3, T, S, S) float32."""
    seen = clip.seen(card.crop, card.size)
    video = torch.from_numpy(seen).float().div(255)
    video = (video - torch.tensor(card.mean)) / torch.tensor(card.std)
    return seen, video.permute(3, 0, 1, 2)[None].contiguous()


def observe(model: Model, clip: Clip, dtype: torch.dtype = torch.float32) -> Trace:
    """Run a model on a clip and record its attention. `dtype` is that of the recorded factors.

    Raises: BadInput if the clip does not fit the model, or what it computes is not finite.
    """
    check_fits(model, len(clip))
    frames, video = to_input(model.card, clip)
    with model.lock, torch.inference_mode(), record(model.net, dtype) as attentions:
        logits = model.net(video)
    return trace_of(model, clip, frames, logits[0], attentions)


def observe_batch(model: Model, clips: list[Clip]) -> list[Trace]:
    """The same for clips of one length in one forward pass, which is faster.

    The traces share memory: reduce them, do not keep them.

    Raises: BadInput if a clip does not fit the model, or their lengths differ.
    """
    given = batch_input(model, clips)
    device = next(model.net.parameters()).device
    with model.lock, torch.inference_mode(), record_batch(model.net, len(clips)) as attentions:
        logits = model.net(torch.cat([video for _, video in given]).to(device)).cpu()
    return [
        trace_of(model, clip, frames, *outputs)
        for clip, (frames, _), *outputs in zip(clips, given, logits, attentions, strict=True)
    ]


def batch_input(
    model: Model, clips: Sequence[Clip]
) -> list[tuple[UInt8[np.ndarray, "T S S 3"], Float32[Tensor, "1 3 T S S"]]]:
    """`to_input` of each clip. Raises: BadInput if one does not fit, or their lengths differ."""
    lengths = sorted({len(clip) for clip in clips})
    if len(lengths) > 1:
        raise BadInput(
            f"a batch takes clips of one length, got {lengths} frames; observe them one by one"
        )
    check_fits(model, lengths[0])
    return [to_input(model.card, clip) for clip in clips]


def at_once(model: Model) -> int:
    """Clips in one forward pass: fewer of a large model, whose factors take hundreds of MB each."""
    card = model.card
    is_on_gpu = next(model.net.parameters()).device.type == "cuda"
    pixels = _PIXELS * (_ON_GPU if is_on_gpu else 1)
    return max(1, min(pixels // (card.frames * card.size**2), _BATCH * _ON_GPU))


def trace_of(
    model: Model,
    clip: Clip,
    frames: UInt8[np.ndarray, "T H W 3"],
    logits: Float[Tensor, " C"],
    attentions: list[Attention],
) -> Trace:
    """The trace of a clip whose pass gave `logits` (C,), from the `frames` that the model saw."""
    _check_finite(model.card, logits if len(logits) else attentions[-1].q)
    token_times = clip.times[: len(clip) // model.unit * model.unit].reshape(-1, model.unit).mean(1)
    return Trace(
        model.card.model,
        model.card,
        clip,
        frames,
        token_times,
        logits.float().numpy(),
        tuple(attentions),
    )


def classify(model: Model, clip: Clip) -> Float32[np.ndarray, " C"]:
    """Class probabilities (C,) of a clip, without recording.

    Raises: BadInput for a model without classes, or a clip that does not fit.
    """
    model.card.check_names_classes()
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    with model.lock, torch.inference_mode():
        logits = model.net(video)[0]
    _check_finite(model.card, logits)
    return softmax(logits.float().numpy())


def _check_finite(card: Card, numbers: Tensor) -> None:
    """Raises: BadInput where a network's numbers ran over, so that no probability can be made.

    They are logits, or the last queries of a model that has none.
    """
    if not torch.isfinite(numbers).all():
        raise BadInput(
            f"the weights {card.hash} of {card.model} give NaN or infinite numbers for this clip; "
            "give weights from before training went wrong, or another clip"
        )

"""Everything that one forward pass on one clip shows, as maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from core.explain.am_flow import flow_maps, flow_of
from core.explain.gradcam import GradCam, from_cam, gradcam_at, gradcams_at, target_index
from core.explain.maps import spatial, temporal
from core.explain.taps import over_space_at
from core.models import Output
from core.observe import Trace, batch_input, check_fits, observe, to_input, trace_of
from core.trace import Attention, Head, record, record_batch
from core.video import Clip
from core.weights import Model


@dataclass(frozen=True)
class Explanation:
    """What one pass showed. Arrays are float32, T', h, w the model's own grid."""

    trace: Trace
    attention: Attention
    """The attention over space that `spatial` shows."""
    spatial: Float[np.ndarray, "T h w"]
    temporal: Float[np.ndarray, "T T"]  # [query frame, key frame]
    gradcam: GradCam | None
    """None for a model without classes."""
    am_flow: Float[np.ndarray, "pairs h w"] | None
    """(T - 1, h, w) of the last block, `static` for a frozen image model; None where it is not
    computed."""

    @property
    def probabilities(self) -> Float[np.ndarray, " C"]:
        """Of each class, (C,), summing to 1; empty for a model without classes."""
        return self.trace.probabilities


def explanation(
    model: Model,
    clip: Clip,
    *,
    layer: int | None = None,
    head: Head = "mean",
    label: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Explanation:
    """Run a model on a clip once, and keep its attention, its GradCAM and its AM flow.

    `layer` (None: the last) and `head` are those of the attention maps, `label` the class of
    GradCAM (None: the most probable), `dtype` that of the recorded factors.

    Raises: BadInput if the clip does not fit, or the layer, head or label is not there.
    """
    if not model.card.names_classes:
        return _without_classes(model, clip, layer, head, label, dtype)
    check_fits(model, len(clip))
    frames, video = to_input(model.card, clip)
    with model.lock, from_cam(model.net) as passed, record(model.net, dtype) as attentions:
        result = model.net(video, detail=model.spec.am_flow)
    output = result if isinstance(result, Output) else Output(result)
    logits = output.logits[0]
    trace = trace_of(model, clip, frames, logits.detach(), attentions)
    attention = over_space_at(trace, layer)
    flows = flow_maps(output)
    heat_over_space = spatial(trace, layer, head)
    frame_matrix = temporal(trace, layer, head)
    target = target_index(model.card, label, trace.probabilities)
    return Explanation(
        trace,
        attention,
        heat_over_space,
        frame_matrix,
        gradcam_at(passed[0], logits, target),
        flows[-1] if flows else None,
    )


def _without_classes(
    model: Model, clip: Clip, layer: int | None, head: Head, label: str | None, dtype: torch.dtype
) -> Explanation:
    """The same of a frozen image model, which has no class to follow."""
    if label is not None:
        model.card.check_names_classes()
    trace = observe(model, clip, dtype)
    return Explanation(
        trace,
        over_space_at(trace, layer),
        spatial(trace, layer, head),
        temporal(trace, layer, head),
        gradcam=None,
        am_flow=flow_of(trace, "static") if model.spec.am_flow else None,
    )


@dataclass(frozen=True)
class Seen:
    """What one pass of a batch showed of one of its clips."""

    trace: Trace
    gradcam: GradCam | None
    """Of the most probable class; None for a model without classes."""
    embedding: Float[np.ndarray, " D"]
    """The mean patch token where GradCAM reads."""


def seen_together(model: Model, clips: Sequence[Clip]) -> list[Seen]:
    """Attention, GradCAM of the most probable class and an embedding of clips, from one pass.

    The clips have one length. The traces share memory: reduce them, do not keep them.

    Raises: BadInput as `observe_batch`, also for the first clip whose numbers are not finite.
    """
    given = batch_input(model, clips)
    device = next(model.net.parameters()).device
    with (
        model.lock,
        from_cam(model.net) as passed,
        record_batch(model.net, len(clips)) as attentions,
    ):
        # a model without classes passes its patches on where it is asked for them
        result = model.net(
            torch.cat([video for _, video in given]).to(device),
            detail=not model.card.names_classes,
        )
    logits = result.logits if isinstance(result, Output) else result
    scores = logits.detach().cpu()
    traces = [
        trace_of(model, clip, frames, *outputs)
        for clip, (frames, _), *outputs in zip(clips, given, scores, attentions, strict=True)
    ]
    patches = passed[0]
    cams: Sequence[GradCam | None] = [None] * len(clips)
    if model.card.names_classes:
        cams = gradcams_at(patches, logits, scores.argmax(1).tolist())
    embeddings = patches.detach().mean((2, 3, 4)).float().cpu().numpy()
    return [Seen(*parts) for parts in zip(traces, cams, embeddings, strict=True)]

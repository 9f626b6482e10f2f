"""AM flow as maps: how much the attention map changes from one frame to the next (spec 2.2)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import BadInput
from core.explain.taps import over_space_at
from core.models import Output
from core.models.am_flow import AMFlow, Mode
from core.models.am_flow import am_flow as flow_between
from core.observe import Trace, check_fits, observe, to_input
from core.video import Clip
from core.weights import Model


def am_flow(model: Model, clip: Clip, layer: int | None = None) -> Float[np.ndarray, "pairs h w"]:
    """AM flow of each frame and the next in a block, float32 (T - 1, h, w), patches only.

    Spec 2.2. `layer` None is the last block that has one. A frozen image model has `static` flow
    in every block.

    Raises: BadInput for a model or a block without AM flow.
    """
    if not isinstance(model.net.network, AMFlow) and model.spec.am_flow:
        return flow_of(observe(model, clip), "static", layer)
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    with model.lock, torch.inference_mode():
        output = model.net(video, detail=True)
    net = model.net.network
    if not isinstance(net, AMFlow) or not output.am_flow:
        raise BadInput(f"{model.card.model} computes no AM flow; choose am_flow")
    blocks = list(net.am_blocks)
    if layer is not None and layer not in blocks:
        raise BadInput(
            f"block {layer} of {model.card.model} has no AM flow; choose one of "
            f"{', '.join(map(str, blocks))}"
        )
    return flow_maps(output)[-1 if layer is None else blocks.index(layer)]


def has_aligned_flow(model: Model, layer: int) -> bool:
    """Whether these weights have an aligning encoder, and this block AM flow."""
    net = model.net.network
    return isinstance(net, AMFlow) and net.aligning is not None and layer in net.am_blocks


def flow_maps(output: Output) -> list[Float[np.ndarray, "pairs h w"]]:
    """The AM flow of a clip in each AM block, first one first: float32 (T - 1, h, w)."""
    if not output.am_flow:
        return []
    assert output.patches is not None
    rows, columns = output.patches.shape[2:4]
    maps = []
    for flow in output.am_flow:
        # The class token comes first, where there is one, and has no place on the clip.
        tokens = flow[0, :, int(flow.shape[-1] == rows * columns + 1) :].detach().float()
        finer = round((tokens.shape[1] / (rows * columns)) ** 0.5)  # grids halve in a Hiera
        maps.append(tokens.unflatten(1, (rows * finer, columns * finer)).numpy())
    return maps


def flow_of(
    trace: Trace, mode: Mode | str, layer: int | None = None
) -> Float[np.ndarray, "pairs h w"]:
    """AM flow of a block from its recorded factors, without an aligning encoder.

    The shape is (T - 1, h, w), patches only (spec 2.2). The logits are the mean over heads.

    Raises: BadInput for a mode or a block that is not there.
    """
    attention = over_space_at(trace, layer)
    T, h, w = attention.grid
    left, right = attention.kernel.factors(attention.q.float(), attention.k.float())
    logits: Tensor = (left @ right.transpose(-2, -1)).mean(1)
    by_frame = logits.unflatten(0, (T, -1))  # windows of a frame have one map each
    flow = flow_between(by_frame[:-1], by_frame[1:], mode).flatten(1)
    keys = attention.layout.keys.unflatten(0, (T, -1))[0].flatten()
    patches = keys >= 0  # the class token has no place on the clip
    places = torch.empty(T - 1, h * w)
    places[:, keys[patches]] = flow[:, patches]
    return places.unflatten(1, (h, w)).numpy()


def displayed(flow: Float[np.ndarray, "pairs h w"], mode: Mode) -> Float[np.ndarray, "pairs h w"]:
    """AM flow as it is drawn: min-max over the clip, 0..1.

    Before that, `static`, which is 1 where nothing changes, is taken minus 1 and clipped at 0. Flow
    without any difference is 0 everywhere.
    """
    flow = np.clip(flow - 1, 0, None) if mode == "static" else flow
    span = float(flow.max() - flow.min())
    return ((flow - flow.min()) / span if span else np.zeros_like(flow)).astype(np.float32)

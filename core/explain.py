"""From a trace to heat maps: attention over space and over time, rollout, AM flow, GradCAM.

Attention is where a model looks from, not why it decides; GradCAM follows the gradient of a class
instead. Neither is an explanation by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from core.errors import BadInput
from core.models import spec
from core.observe import Trace, check_fits, held, observe, shuffled, softmax, to_input
from core.order import Order, recover_order, repeated_slots, sharpened
from core.trace import CLS, Attention, Axis, Head
from core.video import Clip, cropped
from core.weights import Card

SpatialQuery = tuple[int, int, int] | Literal["cls", "mean"]
View = Literal["joint", "space x time", "space", "time", "each frame separately"]
"""What one patch sees, in words that the figure shows."""


def over_space(trace: Trace, tap: str | None = None) -> list[Attention]:
    """The attentions that the spatial view shows, first layer first: those of `tap`, or of the
    model's first choice.
    """
    return _tapped(trace, spec(trace.model).spatial_taps, tap)


def over_time(trace: Trace, tap: str | None = None) -> list[Attention]:
    """The same for the temporal view; empty for a model whose frame matrix is no attention."""
    return _tapped(trace, spec(trace.model).temporal_taps, tap)


def _tapped(trace: Trace, taps: tuple[str, ...], tap: str | None) -> list[Attention]:
    """The attentions of one tap. Of several names the first that was recorded counts: settings
    decide which exist.
    """
    recorded = [a.name.split(".")[0] for a in trace.attentions]
    names = [name for name in taps if name in recorded]
    if tap is not None and tap not in names:
        raise BadInput(f"{trace.model} recorded no {tap!r}; choose one of {', '.join(names)}")
    chosen = tap or next(iter(names), None)
    return [a for a in trace.attentions if a.name.split(".")[0] == chosen]


def of_layer(found: list[Attention], layer: int | None) -> Attention:
    """The attention of one layer; None is the last. Raises: BadInput if it is not there."""
    if not found:
        raise BadInput("this model has no such attention")
    layers = [a.layer for a in found]
    if layer is None:
        return found[-1]
    if layer not in layers:
        raise BadInput(f"layer {layer} does not exist; choose {layers[0]} to {layers[-1]}")
    return found[len(layers) - 1 - layers[::-1].index(layer)]


def has_class_token(attention: Attention) -> bool:
    """Whether a class token asks in this attention."""
    return bool((attention.layout.queries == CLS).any())


def spatial(
    trace: Trace,
    layer: int | None = None,
    head: Head = "mean",
    query: SpatialQuery | None = None,
    tap: str | None = None,
) -> np.ndarray:
    """Attention over space as heat on the clip, float32 (T', h, w).

    `cls` is each frame's class-token row; `mean` what each patch gets from the patches that see it,
    on average; (t, row, col) the row of one patch (NaN where it cannot see). None is `cls` where
    there is a class token, else `mean`. Weights go to patches only, so a softmax row sums to less
    than 1 by what the class token keeps.
    """
    attention = of_layer(over_space(trace, tap), layer)
    if query is None:
        query = "cls" if has_class_token(attention) else "mean"
    if query != "mean":
        return attention.heat(query, head).numpy()
    return received(attention, attention.map(head)).numpy()


def received(attention: Attention, weights: Tensor) -> Tensor:
    """What each patch gets from the patches that see it, on average: weights (groups, queries,
    keys) -> (T', h, w).
    """
    T, h, w = attention.grid
    total, asked = torch.zeros(T * h * w), torch.zeros(T * h * w)
    for rows, queries, keys in _groups(attention, weights):
        patches = keys != CLS
        rows = rows[queries != CLS][:, patches]
        total.index_add_(0, keys[patches], rows.sum(0))
        asked.index_add_(0, keys[patches], torch.full((int(patches.sum()),), float(len(rows))))
    return (total / asked).view(T, h, w)


def views(trace: Trace, tap: str | None = None) -> tuple[View, ...]:
    """The ways in which a hovered patch can be shown, the first to open on: they follow from what
    each attention runs over.
    """
    attention = of_layer(over_space(trace, tap), None)
    if attention.axis is Axis.JOINT:
        return ("joint",)
    return (
        ("each frame separately",)
        if time_beside(trace, attention) is None
        else ("space x time", "space", "time")
    )


def time_beside(trace: Trace, attention: Attention) -> Attention | None:
    """The attention over time of the same layer in which every patch asks at its own location; None
    if there is none.

    Attention from frame to frame alone (rvit, am_flow) has no locations, and so is no such thing.
    """
    for other in over_time(trace):
        if (
            other.axis is Axis.TIME
            and other.layer == attention.layer
            and other.grid == attention.grid
        ):
            if len(other.layout.queries[other.layout.queries >= 0].unique()) == int(
                np.prod(other.grid)
            ):
                return other
    return None


def hover(
    trace: Trace,
    layer: int | None = None,
    head: Head = "mean",
    query: SpatialQuery = "cls",
    view: View | None = None,
    tap: str | None = None,
) -> np.ndarray:
    """What one patch sees over all frames, float32 (T', h, w), NaN where it cannot see. `view` None
    is the first of `views`.

    joint, space: its row. time: the T' weights of its location, each on its own frame. space x
    time: a_space[t; p -> p'] a_time[p'; t -> t'], signed where a kernel is signed; a head is taken
        of both, and
    mean and max are taken of each before they are multiplied. each frame separately: the same
    location asks in every frame. `cls` and `mean` have one view, that of `spatial`.

    Raises: BadInput for a view that this attention does not have, or a query that is not there.
    """
    offered = views(trace, tap)
    view = view or offered[0]
    if view not in offered:
        raise BadInput(f"{trace.model} has no view {view!r}; choose one of {', '.join(offered)}")
    if isinstance(query, str):
        return spatial(trace, layer, head, query, tap)
    attention = of_layer(over_space(trace, tap), layer)
    if view in ("joint", "space"):
        return attention.heat(query, head).numpy()
    (T, h, w), (t, row, col) = attention.grid, query
    if view == "each frame separately":
        attention.token(query)
        return torch.stack(
            [attention.heat((frame, row, col), head)[frame] for frame in range(T)]
        ).numpy()
    time = time_beside(trace, attention)
    assert time is not None
    if view == "time":
        return time.heat(query, head).numpy()
    places = attention.heat(query, head)[t]  # (h, w)
    onward = [[time.heat((t, r, c), head)[:, r, c] for c in range(w)] for r in range(h)]
    return (places * torch.stack([torch.stack(line, -1) for line in onward], 1)).numpy()


def temporal(
    trace: Trace, layer: int | None = None, head: Head = "mean", tap: str | None = None
) -> np.ndarray:
    """From frame to frame, float32 (T', T'), [query frame, key frame].

    Attention over time: the mean over locations; with the mean over heads of the last layer this is
    the matrix that order recovery uses (spec 3.5). Joint attention: what a frame's queries give to
    each frame, on average. Neither recorded (am_flow): minus the AM-flow magnitude between the two
    frames' attention maps (spec 2.2, `post`), an affinity that is blind to direction.
    """
    found = over_time(trace, tap)
    if not found:
        return _minus_flow(of_layer(over_space(trace), layer), head)
    attention = of_layer(found, layer)
    return between_frames(attention, attention.map(head)).numpy()


def between_frames(attention: Attention, weights: Tensor) -> Tensor:
    """What the queries of a frame give to each frame, on average: weights (groups, queries, keys)
    -> (T', T').
    """
    if attention.axis is Axis.TIME:
        return weights.mean(0)
    T, h, w = attention.grid
    total, asked = torch.zeros(T, T), torch.zeros(T)
    for rows, queries, keys in _groups(attention, weights):
        ask, answer = (one_hot(tokens // (h * w), T).float() for tokens in (queries, keys))
        total += ask.T @ rows @ answer
        asked += ask.sum(0)
    return total / asked[:, None]


def _groups(attention: Attention, weights: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Each group's weights (queries, keys) with the token ids of its rows and columns, without
    fillers.
    """
    for rows, queries, keys in zip(
        weights, attention.layout.queries, attention.layout.keys, strict=True
    ):
        asks, answers = queries >= CLS, keys >= CLS
        yield rows[asks][:, answers], queries[asks], keys[answers]


def _minus_flow(attention: Attention, head: Head) -> np.ndarray:
    """-sum_j |s_t - s_t'|[j], s = the attention that token j of a frame gets, from the logits of
    one head or their mean.
    """
    left, right = attention.kernel.factors(attention.q.float(), attention.k.float())
    logits = left @ right.transpose(-2, -1)  # (T, heads, N, N)
    logits = (
        logits[:, head]
        if isinstance(head, int)
        else logits.mean(1)
        if head == "mean"
        else logits.amax(1)
    )
    received = logits.softmax(-1).sum(-2)
    return -torch.cdist(received, received, p=1).numpy()


def time_is_signed(trace: Trace) -> bool:
    """Whether attention over time can be negative, and so must be drawn in diverging colours."""
    return any(a.kernel.signed for a in over_time(trace))


def _token_matrix(attentions: list[Attention], head: Head) -> Tensor:
    """One layer's weights among all tokens, class token first: (1 + n, 1 + n), each row summing to
    1.

    Heads that run over different groups (far) are averaged by their number. A token that does not
    ask keeps itself; a class token that asks in several frames is their mean, as in the model (spec
    3.2).
    """
    T, h, w = attentions[0].grid
    n = 1 + T * h * w
    total, asked = torch.zeros(n, n), torch.zeros(n)
    for attention in attentions:
        heads = attention.heads if not isinstance(head, int) else 1
        for weights, queries, keys in _groups(attention, attention.map(head)):
            rows, columns = queries + 1, keys + 1  # CLS = -1 comes first
            total[rows[:, None], columns[None]] += heads * weights
            asked[rows] += heads
    silent = asked == 0
    total[silent, silent] = 1.0
    return total / asked.clamp(min=1)[:, None]


def along_layers(
    trace: Trace,
    head: Head = "mean",
    query: SpatialQuery = "mean",
    view: View | None = None,
    tap: str | None = None,
) -> dict[int, np.ndarray]:
    """`hover` of one query in every layer, first layer first: layer -> (T', h, w)."""
    return {a.layer: hover(trace, a.layer, head, query, view, tap) for a in over_space(trace, tap)}


def view_is_signed(trace: Trace, view: View | None = None, tap: str | None = None) -> bool:
    """Whether what `hover` returns in this view can be negative; None stands for the maps of class
    token and mean.
    """
    attention = of_layer(over_space(trace, tap), None)
    time = time_beside(trace, attention)
    through_time = time is not None and time.kernel.signed
    return (
        through_time
        if view == "time"
        else attention.kernel.signed or (view == "space x time" and through_time)
    )


def rollout(
    trace: Trace, layer: int | None = None, head: Head = "mean", query: SpatialQuery | None = None
) -> np.ndarray:
    """Attention rollout up to a layer, None being the last: heat (T', h, w). The rest as in
    `rollouts`.
    """
    return list(rollouts(trace, head, query, layer).values())[-1]


def rollouts(
    trace: Trace, head: Head = "mean", query: SpatialQuery | None = None, until: int | None = None
) -> dict[int, np.ndarray]:
    """Attention rollout up to each layer: the product of (A + I) / 2 over the layers so far, layer
    -> heat (T', h, w).

    Abnar and Zuidema, ACL 2020. Attentions of one layer over different axes follow one another as
    in the model. `query` as in `spatial`, for a clip's one class token. `until` is the last layer
    that is wanted.

    Raises: BadInput where rows do not sum to 1 (signed or unnormalised attention), since the
    product then means nothing.
    """
    used = [a for a in trace.attentions if a.name in spec(trace.model).rollout_taps]
    wrong = next((a for a in used if not a.kernel.rows_sum_to_one), None)
    if wrong is not None:
        raise BadInput(
            f"rollout needs attention whose rows sum to 1; {trace.model}'s {wrong.name!r} "
            f"attention is {'signed' if wrong.kernel.signed else 'not normalised'}; choose a model "
            "with softmax attention"
        )
    last = of_layer(used, until).layer
    if query is None:
        query = "cls" if any(has_class_token(a) for a in used) else "mean"
    found: dict[int, np.ndarray] = {}
    product: Tensor | None = None
    for (layer, _), group in groupby(
        (a for a in used if a.layer <= last), key=lambda a: (a.layer, a.axis)
    ):
        weights = (_token_matrix(list(group), head) + torch.eye(1 + int(np.prod(trace.grid)))) / 2
        product = weights if product is None else weights @ product
        row = (
            product[0]
            if query == "cls"
            else product[1:].mean(0)
            if query == "mean"
            else product[1 + used[0].token(query)]
        )
        found[layer] = row[1:].view(trace.grid).numpy().copy()
    return found


def am_flow(model: nn.Module, card: Card, clip: Clip, layer: int | None = None) -> np.ndarray:
    """AM flow of each frame and the next in a block, float32 (T - 1, h, w), patches only (spec
    2.2); None is the last that has one.

    Raises: BadInput for a model or a block without AM flow.
    """
    check_fits(model, card, len(clip))
    with held(model), torch.inference_mode():
        out = model(to_input(card, clip)[1], detail=True)
    if not out.am_flow:
        raise BadInput(f"{card.model} computes no AM flow; choose am_flow")
    blocks = list(model.am_blocks)
    if layer is not None and layer not in blocks:
        raise BadInput(
            f"block {layer} of {card.model} has no AM flow; choose one of "
            f"{', '.join(map(str, blocks))}"
        )
    return (
        out.am_flow[-1 if layer is None else blocks.index(layer)][0, :, 1:]
        .float()
        .unflatten(1, out.patches.shape[2:4])
        .numpy()
    )


MOST_PASSES = 64


def order_matrix(
    model: nn.Module,
    card: Card,
    clip: Clip,
    passes: int = 1,
    layer: int | None = None,
    head: Head = "mean",
) -> np.ndarray:
    """The frame matrix of the last layer, mean over heads (spec 3.5), sharpened as the card says,
    (T', T').

    The slot of a shuffled frame says nothing, yet a model with a time embedding is not blind to it.
    So each pass after the first shuffles the temporal tokens once more, by its number as seed; what
    it finds is put back, and averaged before it is sharpened. The paper takes one pass.

    Raises: BadInput if the clip does not fit the model, the layer or head is not there, or `passes`
    is not 1 to MOST_PASSES.
    """
    if not 1 <= passes <= MOST_PASSES:
        raise BadInput(f"{passes} passes; choose 1 to {MOST_PASSES}")
    unit = getattr(model, "unit_frames", 1)
    found = [temporal(observe(model, card, clip), layer, head)]
    for seed in range(1, passes):
        order = np.random.default_rng(seed).permutation(len(clip) // unit)
        matrix = temporal(observe(model, card, shuffled(clip, order, unit)), layer, head)
        back = np.argsort(order)
        found.append(matrix[np.ix_(back, back)])
    return sharpened(np.mean(found, axis=0), card.sharpness)


def order_of(
    model: nn.Module,
    card: Card,
    clip: Clip,
    permutation: np.ndarray | tuple[int, ...],
    passes: int = 1,
) -> Order:
    """Shuffle the clip's temporal tokens and recover their order, from a matrix of so many
    passes.
    """
    unit = getattr(model, "unit_frames", 1)
    mixed = shuffled(clip, permutation, unit)
    repeated = repeated_slots(cropped(mixed.frames, card.crop, card.size), unit)
    return recover_order(
        order_matrix(model, card, mixed, passes),
        card.threshold(len(clip), passes=passes),
        repeated=repeated,
    )


@dataclass(frozen=True)
class GradCam:
    """Where the score of one class comes from."""

    heat: np.ndarray  # (T', h, w) float32, >= 0
    target: int
    probability: float


def gradcam(model: nn.Module, card: Card, clip: Clip, target: int) -> GradCam:
    """GradCAM of a class at the last block's first norm, patch tokens only (Captum).

    Captum weights each channel by its gradient averaged over (T', h, w), sums over channels and
    keeps what is positive.

    Raises: BadInput if the class does not exist or the clip does not fit.
    """
    from captum.attr import LayerGradCam

    check_fits(model, card, len(clip))
    if not 0 <= target < len(card.labels):
        raise BadInput(f"class {target} does not exist; choose 0 to {len(card.labels) - 1}")
    _, video = to_input(card, clip)
    with held(model), torch.enable_grad():
        attribution = LayerGradCam(model, model.cam).attribute(
            video, target=target, relu_attributions=True
        )
        with torch.no_grad():
            logits = model(video)[0].float().numpy()
    return GradCam(
        attribution[0, 0].detach().float().numpy(), target, float(softmax(logits)[target])
    )


def target_index(card: Card, label: str | None, probabilities: np.ndarray) -> int:
    """The index of a label, or of the most probable class for None. Raises: BadInput for an unknown
    label.
    """
    if label is None:
        return int(np.argmax(probabilities))
    if label not in card.labels:
        raise BadInput(f"label {label!r} is not known to {card.model}; choose one of {card.listed}")
    return card.labels.index(label)

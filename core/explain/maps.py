"""Attention as maps: over the clip's patches (T', h, w) and from frame to frame (T', T')."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from core.errors import BadInput
from core.explain.taps import (
    View,
    has_class_token,
    of_layer,
    over_space,
    over_space_at,
    over_time,
    time_beside,
    views,
)
from core.observe import Trace
from core.trace import CLS, PAD, Attention, Axis, Head

SpatialQuery = tuple[int, int, int] | Literal["cls", "mean"]


def spatial(
    trace: Trace,
    layer: int | None = None,
    head: Head = "mean",
    query: SpatialQuery | None = None,
    tap: str | None = None,
) -> Float[np.ndarray, "T h w"]:
    """Attention over space as heat on the clip, float32 (T', h, w).

    `cls` is each frame's class-token row; `mean` what each patch gets from the patches that see it,
    on average; (t, row, col) the row of one patch (NaN where it cannot see). None is `cls` where
    there is a class token, else `mean`. Weights go to patches only, so a softmax row sums to less
    than 1 by what the class token keeps.
    """
    attention = over_space_at(trace, layer, tap)
    if query is None:
        query = "cls" if has_class_token(attention) else "mean"
    if query != "mean":
        return attention.heat(query, head).numpy()
    return received(attention, attention.map(head)).numpy()


def received(
    attention: Attention, weights: Float[Tensor, "*maps groups queries keys"]
) -> Float[Tensor, "*maps T h w"]:
    """What each patch gets from the patches that see it, on average.

    Weights (..., groups, queries, keys) become (..., T', h, w).
    """
    T, h, w = attention.grid
    more = weights.shape[:-3]
    total, asked = torch.zeros(*more, T * h * w), torch.zeros(T * h * w)
    for rows, queries, keys in groups_of(attention, weights):
        patches, asks = keys != CLS, queries != CLS
        if not asks.all():
            rows = rows[..., asks, :]
        total.index_add_(-1, keys[patches], rows.sum(-2)[..., patches])
        asked.index_add_(0, keys[patches], torch.full((int(patches.sum()),), float(asks.sum())))
    return (total / asked).view(*more, T, h, w)


def hover(
    trace: Trace,
    layer: int | None = None,
    head: Head = "mean",
    query: SpatialQuery = "cls",
    view: View | None = None,
    tap: str | None = None,
) -> Float[np.ndarray, "T h w"]:
    """What one patch sees over all frames, float32 (T', h, w), NaN where it cannot see.

    `view` None is the first of `views`. `cls` and `mean` have one view, that of `spatial`. A patch
    has:

    - joint, space: its row.
    - time: the T' weights of its location, each on its own frame.
    - space x time: a_space[t; p -> p'] a_time[p'; t -> t'], signed where a kernel is signed; a head
      is taken of both, and mean and max are taken of each before they are multiplied.
    - each frame separately: the same location asks in every frame.

    Raises: BadInput for a view that this attention does not have, or a query that is not there.
    """
    offered = views(trace, tap)
    view = view or offered[0]
    if view not in offered:
        raise BadInput(f"{trace.model} has no view {view!r}; choose one of {', '.join(offered)}")
    if isinstance(query, str):
        return spatial(trace, layer, head, query, tap)
    attention = over_space_at(trace, layer, tap)
    if view in ("joint", "space"):
        return attention.heat(query, head).numpy()
    if view == "each frame separately":
        return _in_each_frame(attention, query, head).numpy()
    time = time_beside(trace, attention)
    assert time is not None  # else the two views that are left are not offered
    if view == "time":
        return time.heat(query, head).numpy()
    return _space_times_time(attention, time, query, head).numpy()


def _in_each_frame(attention: Attention, query: tuple[int, int, int], head: Head) -> Tensor:
    """What the query's location sees in each frame when it asks there, (T', h, w)."""
    attention.token(query)  # refuses a frame outside the grid, which is not looked at below
    _, row, col = query
    frames = range(attention.grid[0])
    return torch.stack([attention.heat((t, row, col), head)[t] for t in frames])


def _space_times_time(
    space: Attention, time: Attention, query: tuple[int, int, int], head: Head
) -> Tensor:
    """Where the query looks in its frame, and from there to each frame, (T', h, w)."""
    T, h, w = space.grid
    t = query[0]
    places = space.heat(query, head)[t]  # (h, w)
    heat = torch.empty(T, h, w)
    for row in range(h):
        for col in range(w):
            onward = time.heat((t, row, col), head)[:, row, col]  # (T',)
            heat[:, row, col] = places[row, col] * onward
    return heat


def temporal(
    trace: Trace, layer: int | None = None, head: Head = "mean", tap: str | None = None
) -> Float[np.ndarray, "T T"]:
    """From frame to frame, float32 (T', T'), [query frame, key frame].

    Attention over time: the mean over locations; with the mean over heads of the last layer this is
    the matrix that order recovery uses (spec 3.5). Joint attention: what a frame's queries give to
    each frame, on average. Neither recorded (am_flow): minus the AM-flow magnitude between the two
    frames' attention maps (spec 2.2, `post`), an affinity that is blind to direction.
    """
    attentions = over_time(trace, tap)
    if not attentions:
        return minus_flow(over_space_at(trace, layer), head)
    attention = of_layer(attentions, layer)
    return between_frames(attention, attention.map(head)).numpy()


def between_frames(
    attention: Attention, weights: Float[Tensor, "*maps groups queries keys"]
) -> Float[Tensor, "*maps T T"]:
    """What the queries of a frame give to each frame, on average.

    Weights (..., groups, queries, keys) become (..., T', T').
    """
    if attention.axis is Axis.TIME:
        return weights[..., attention.layout.keys[0] != CLS].mean(-3)
    T, h, w = attention.grid
    total, asked = torch.zeros(*weights.shape[:-3], T, T), torch.zeros(T)
    for rows, queries, keys in groups_of(attention, weights):
        asks_in = one_hot(queries // (h * w), T).float()  # (queries, T')
        answers_in = one_hot(keys // (h * w), T).float()  # (keys, T')
        total += asks_in.T @ (rows @ answers_in)
        asked += asks_in.sum(0)
    return total / asked[:, None]


def groups_of(
    attention: Attention, weights: Float[Tensor, "*maps groups queries keys"]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Each group's weights with the token ids of its rows and columns, without fillers.

    The weights of a group are (..., queries, keys), the ids (queries,) and (keys,).
    """
    layout = attention.layout
    has_fillers = bool((layout.keys == PAD).any() or (layout.queries == PAD).any())
    groups = zip(weights.unbind(-3), layout.queries, layout.keys, strict=True)
    for rows, queries, keys in groups:
        if not has_fillers:
            yield rows, queries, keys
            continue
        asks, answers = queries >= CLS, keys >= CLS
        yield rows[..., asks, :][..., answers], queries[asks], keys[answers]


def minus_flow(attention: Attention, head: Head) -> Float[np.ndarray, "T T"]:
    """Minus the AM-flow magnitude between each two frames: -sum_j |s_t - s_t'|[j].

    s is the attention that token j of a frame gets, from the logits of one head, or their mean or
    maximum over heads.
    """
    logits = _logits(attention)
    if isinstance(head, int):
        logits = logits[:, head]
    elif head == "mean":
        logits = logits.mean(1)
    else:
        logits = logits.amax(1)
    return _minus_flow_of(logits[:, None], attention.grid[0])[0]


def minus_flows(attention: Attention) -> Float[np.ndarray, "maps T T"]:
    """The same of each head, of their mean and of their maximum, (heads + 2, T', T')."""
    logits = _logits(attention)
    mean, largest = logits.mean(1, keepdim=True), logits.amax(1, keepdim=True)
    return _minus_flow_of(torch.cat([logits, mean, largest], 1), attention.grid[0])


def _logits(attention: Attention) -> Float[Tensor, "groups heads N N"]:
    left, right = attention.kernel.factors(attention.q.float(), attention.k.float())
    return left @ right.transpose(-2, -1)


def _minus_flow_of(
    logits: Float[Tensor, "groups maps N N"], frames: int
) -> Float[np.ndarray, "maps T T"]:
    """The windows of a frame, where attention has some, are groups one after another."""
    attended = logits.softmax(-1).sum(-2).unflatten(0, (frames, -1))  # (T, windows, maps, N)
    attended = attended.permute(2, 0, 1, 3).flatten(2)
    return -torch.cdist(attended, attended, p=1).numpy()


def along_layers(
    trace: Trace,
    head: Head = "mean",
    query: SpatialQuery = "mean",
    view: View | None = None,
    tap: str | None = None,
) -> dict[int, Float[np.ndarray, "T h w"]]:
    """`hover` of one query in every layer, first layer first: layer -> (T', h, w)."""
    return {a.layer: hover(trace, a.layer, head, query, view, tap) for a in over_space(trace, tap)}

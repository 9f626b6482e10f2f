"""Rollout: attention multiplied through the layers (Abnar and Zuidema, 2020)."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import BadInput
from core.explain.maps import SpatialQuery, groups_of
from core.explain.taps import has_class_token, of_layer
from core.models import spec
from core.observe import Trace
from core.trace import Attention, Head


def _token_matrix(attentions: list[Attention], head: Head) -> Tensor:
    """One layer's weights among all tokens, class token first, each row summing to 1.

    The shape is (1 + n, 1 + n). Heads that run over different groups (far) are averaged by their
    number. A token that does not ask keeps itself; a class token that asks in several frames is
    their mean, as in the model (spec 3.2).
    """
    T, h, w = attentions[0].grid
    n = 1 + T * h * w
    total, asked = torch.zeros(n, n), torch.zeros(n)
    for attention in attentions:
        heads = attention.heads if not isinstance(head, int) else 1
        for weights, queries, keys in groups_of(attention, attention.map(head)):
            rows, columns = queries + 1, keys + 1  # CLS = -1 comes first
            total[rows[:, None], columns[None]] += heads * weights
            asked[rows] += heads
    silent = asked == 0
    total[silent, silent] = 1.0
    return total / asked.clamp(min=1)[:, None]


def rollout(
    trace: Trace, layer: int | None = None, head: Head = "mean", query: SpatialQuery | None = None
) -> Float[np.ndarray, "T h w"]:
    """Attention rollout up to a layer, None being the last: heat (T', h, w).

    The rest is as in `rollouts`.
    """
    return list(rollouts(trace, head, query, layer).values())[-1]


def rollouts(
    trace: Trace, head: Head = "mean", query: SpatialQuery | None = None, until: int | None = None
) -> dict[int, Float[np.ndarray, "T h w"]]:
    """Attention rollout up to each layer: the product of (A + I) / 2 over the layers so far.

    Layer -> heat (T', h, w), by Abnar and Zuidema, ACL 2020. Attentions of one layer over different
    axes follow one another as in the model. `query` is as in `spatial`, for a clip's one class
    token. `until` is the last layer that is wanted.

    Raises: BadInput where rows do not sum to 1 (signed or unnormalised attention), since the
    product then means nothing.
    """
    attentions = _attentions(trace)
    last = of_layer(attentions, until).layer
    if query is None:
        query = "cls" if any(has_class_token(a) for a in attentions) else "mean"
    until_last = [a for a in attentions if a.layer <= last]
    identity = torch.eye(1 + int(np.prod(trace.grid)))
    heats: dict[int, np.ndarray] = {}
    product: Tensor | None = None
    for (layer, _), group in groupby(until_last, key=lambda a: (a.layer, a.axis)):
        weights = (_token_matrix(list(group), head) + identity) / 2
        product = weights if product is None else weights @ product
        if query == "cls":
            row = product[0]
        elif query == "mean":
            row = product[1:].mean(0)
        else:
            row = product[1 + attentions[0].token(query)]
        heats[layer] = row[1:].view(trace.grid).numpy().copy()
    return heats


def _attentions(trace: Trace) -> list[Attention]:
    """Those that are multiplied, first to last. Raises: BadInput if rows do not sum to 1."""
    attentions = [a for a in trace.attentions if a.name in spec(trace.model).rollout_taps]
    for attention in attentions:
        if not attention.kernel.rows_sum_to_one:
            kind = "signed" if attention.kernel.signed else "not normalised"
            raise BadInput(
                f"rollout needs attention whose rows sum to 1; {trace.model}'s {attention.name!r} "
                f"attention is {kind}; choose a model with softmax attention"
            )
    return attentions

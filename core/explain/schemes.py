"""FAR's three attention schemes (its Figure 2) asked of one query: global, temporal, sparse-dense.

The query and the keys are those of heads that see the whole clip. A scheme leaves keys out and
divides the rest anew by a softmax, so the three differ in what may be seen and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from core.errors import BadInput
from core.explain.taps import of_layer
from core.models.checkerboard import Groups, checkerboard, tubes, whole_clip
from core.observe import Trace
from core.trace import Head

SCHEMES: dict[str, Callable[[int, int, int], Groups]] = {
    "global": whole_clip,
    "temporal": tubes,
    "sparse-dense": checkerboard,
}
"""Title -> which tokens attend to one another: every token of the clip (Eq. 3); those of its own
place at every time (Eq. 4); those of its colour of the checkerboard (Eq. 5)."""
TAP = "global"


def has_schemes(trace: Trace) -> bool:
    """Whether heads of this model see the whole clip, so that a scheme can leave keys out."""
    return any(attention.name == TAP for attention in trace.attentions)


def schemes(
    trace: Trace,
    query: tuple[int, int, int],
    layer: int | None = None,
    head: Head = "mean",
) -> dict[str, Float32[np.ndarray, "T h w"]]:
    """What one patch (t, row, col) gives each patch under each scheme: title -> (T', h, w).

    Rows sum to 1 over what may be seen; NaN stands where it may not. `head` is a number among the
    global heads, or the mean or maximum over them.

    Raises: BadInput where no head sees the whole clip, or for a query, layer or head that is not
    there.
    """
    if not has_schemes(trace):
        raise BadInput(f"no head of {trace.model} sees the whole clip; choose far or videomae")
    attention = of_layer([a for a in trace.attentions if a.name == TAP], layer)
    token = attention.token(query)
    if isinstance(head, int) and not 0 <= head < attention.heads:
        raise BadInput(f"head {head} does not exist; choose 0 to {attention.heads - 1}")
    left, right = attention.kernel.factors(attention.q[0].float(), attention.k[0].float())
    logits = (left[:, token, None] @ right.transpose(-2, -1))[:, 0]  # (heads, T' h w)
    rows = {}
    for title, groups_of in SCHEMES.items():
        weights = logits.masked_fill(~_seen(groups_of(*attention.grid), token), -torch.inf)
        rows[title] = _reduced(weights.softmax(-1), head)
        rows[title][torch.isneginf(weights[0])] = torch.nan
    return {title: row.view(attention.grid).numpy() for title, row in rows.items()}


def _seen(groups: Groups, token: int) -> Tensor:
    """Which tokens a token attends to, (T' h w,) bool."""
    keys = groups.layout.keys
    group = int((keys == token).any(1).nonzero()[0])
    mask = torch.zeros(len(groups.back), dtype=torch.bool)
    own = keys[group]
    mask[own[own >= 0]] = True
    return mask


def _reduced(weights: Tensor, head: Head) -> Tensor:
    if isinstance(head, int):
        return weights[head].clone()
    return weights.mean(0) if head == "mean" else weights.amax(0)

"""FAR's three attention schemes of one query, against an explicit softmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.explain.schemes import SCHEMES, has_schemes, schemes
from core.observe import Trace, observe
from core.weights import load
from core.world.gestures import render, rendered_clip
from tests.core.tiny import random_model


@pytest.fixture(scope="module")
def trace() -> Trace:
    model = random_model("videomae")
    clip = rendered_clip(render("star", 3, frames=model.card.frames))
    return observe(model, clip)


def test_each_scheme_is_a_softmax_over_the_keys_that_it_leaves(trace: Trace) -> None:
    T, h, w = trace.grid
    query, head = (1, 2, 3), 1
    maps = schemes(trace, query, layer=0, head=head)
    attention = next(a for a in trace.attentions if a.name == "global" and a.layer == 0)
    token = (query[0] * h + query[1]) * w + query[2]
    q, k = attention.q[0, head, token], attention.k[0, head]
    logits = (k @ q * attention.kernel.scale).view(T, h, w)
    _, row, col = np.indices((T, h, w))
    seen = {
        "global": np.ones((T, h, w), bool),
        "temporal": (row == 2) & (col == 3),
        "sparse-dense": (row + col) % 2 == 1,
    }
    assert list(maps) == list(SCHEMES) == list(seen)
    for title, heat in maps.items():
        np.testing.assert_array_equal(np.isfinite(heat), seen[title])
        expected = torch.exp(logits).numpy() * seen[title]
        np.testing.assert_allclose(
            np.nan_to_num(heat), expected / expected.sum(), rtol=1e-4, atol=1e-6
        )
    assert np.isfinite(maps["temporal"]).sum() == T


def test_the_global_scheme_is_what_the_head_does(trace: Trace) -> None:
    attention = next(a for a in trace.attentions if a.name == "global" and a.layer == 0)
    for head in ("mean", "max", 0):
        heat = schemes(trace, (0, 1, 1), layer=0, head=head)["global"]
        np.testing.assert_allclose(heat, attention.heat((0, 1, 1), head).numpy(), atol=1e-6)


def test_what_is_not_there_is_refused(trace: Trace) -> None:
    with pytest.raises(BadInput, match="outside the grid"):
        schemes(trace, (0, 99, 0))
    with pytest.raises(BadInput, match="head 99 does not exist"):
        schemes(trace, (0, 0, 0), head=99)
    model = load("rvit")
    clip = rendered_clip(render("star", 3, frames=model.card.frames))
    other = observe(model, clip)
    assert not has_schemes(other) and has_schemes(trace)
    with pytest.raises(BadInput, match="choose far or videomae"):
        schemes(other, (0, 0, 0))

"""RViT's attention gate against hand values and the explicit map."""

from __future__ import annotations

import pytest
import torch

from core.models.gate import AttentionGate, frame_layout
from tests.core.models.nets import HEADS, WIDTH, clip, difference, randomised
from tests.core.models.rvit_nets import weights

GATES = ("linear", "linear_norm", "softmax")


@pytest.mark.parametrize(
    ("q", "k", "v", "linear", "normalised"),
    [
        (
            [[1, 0], [0, 1]],
            [[0, 0], [1, 0]],
            [[1, 0], [0, 1]],
            [[3, 5], [3, 4]],
            [[0.375, 0.625], [0.428571, 0.571429]],
        ),
        (
            [[1, 0], [-1, 2]],
            [[0, 1], [1, -1]],
            [[1, 2], [3, 4]],
            [[17.103637, 25.471518], [11.886071, 20.093348]],
            [[2.043963, 3.043963], [1.448236, 2.448236]],
        ),
    ],
)
def test_the_gate_has_the_hand_values(
    q: list, k: list, v: list, linear: list, normalised: list
) -> None:
    q, k, v = (torch.tensor(x, dtype=torch.float32)[None, None] for x in (q, k, v))
    for gate, expected in (("linear", linear), ("linear_norm", normalised)):
        out = AttentionGate(2, 1, gate, 0).attend(q, k, v)[0, 0]
        torch.testing.assert_close(
            out, torch.tensor(expected, dtype=torch.float32), atol=2e-6, rtol=1e-6
        )


def test_a_gate_of_equal_scores_takes_the_mean_or_the_sum() -> None:
    q, k = torch.zeros(1, 1, 3, 2), torch.zeros(1, 1, 3, 2)
    v = torch.tensor([[[[1.0], [2.0], [6.0]]]])
    for gate, expected in (("linear", 2 * 9.0), ("linear_norm", 3.0), ("softmax", 3.0)):
        torch.testing.assert_close(
            AttentionGate(2, 1, gate, 0).attend(q, k, v), torch.full_like(v, expected)
        )


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("n", [5, 131])
def test_both_orders_of_multiplication_give_one_answer(gate: str, n: int) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, HEADS, n, 6, generator=generator) for _ in range(3))
    layer = AttentionGate(WIDTH, HEADS, gate, 0)
    expected = weights(q, k, gate) @ v
    assert difference(layer.attend(q, k, v), expected) < 1e-5
    assert difference(layer.attend(q.clone().requires_grad_(), k, v), expected) < 1e-5


def test_the_gates_halves_are_added_before_the_heads_are_split() -> None:
    layer = randomised(AttentionGate(WIDTH, HEADS, "linear", 0))
    frame, state = clip(2, 1)[:, :, 0, 0, :10], clip(2, 1, seed=2)[:, :, 0, 0, :10]
    frame, state = (torch.cat([x] * 3, 2) for x in (frame, state))  # (2, 3, D)
    q, k, v = (
        x.unflatten(-1, (HEADS, 6)).transpose(1, 2)
        for x in (layer.qkv(frame) + layer.qkv_hidden(state)).chunk(3, -1)
    )
    expected = layer.proj((weights(q, k, "linear") @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(
        layer(layer.qkv(frame), layer.qkv_hidden(state), frame_layout(0, 1, 1, 2)), expected
    )

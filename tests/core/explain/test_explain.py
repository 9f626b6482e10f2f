"""Views of a trace, on a tiny seeded DirecFormer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core import explain
from core.errors import BadInput
from core.observe import Trace, observe, to_input
from core.order import order_matrix
from core.trace import CLS, Attention, Axis, Kernel, Layout
from core.video import Clip
from core.weights import Card, Model
from tests.core.models.nets import gradcam_by_hand
from tests.core.tiny import direcformer

T, H, W = 3, 5, 5  # frames, and patches of 7 pixels


@pytest.fixture(scope="module")
def seen() -> tuple[Model, Clip]:
    net = direcformer()
    card = Card(
        "direcformer",
        "tiny",
        ("a", "b", "c", "d"),
        (0.5,) * 3,
        (0.25,) * 3,
        35,
        T,
        "uniform",
        "fit",
        "nothing",
    )
    frames = np.random.default_rng(0).integers(0, 255, (T, 35, 35, 3), np.uint8)
    return Model(net, card), Clip(frames, np.arange(3.0), "noise", "0")


def test_the_spatial_view_is_each_frames_class_token_row(seen: tuple) -> None:
    trace = observe(*seen)
    attention = trace.along(Axis.SPACE)[1]
    expected = attention.kernel.weights(attention.q[:, 1], attention.k[:, 1])[:, 0, 1:].view(
        T, H, W
    )
    np.testing.assert_allclose(explain.spatial(trace, 1, 1), expected, atol=1e-6)
    assert (explain.spatial(trace).sum((1, 2)) < 1).all()  # the class token keeps the rest
    assert np.isnan(explain.spatial(trace, query=(1, 2, 3))[[0, 2]]).all()
    mean = trace.along(Axis.SPACE)[0].map(0)[:, 1:, 1:].mean(1).view(T, H, W)
    np.testing.assert_allclose(explain.spatial(trace, 0, 0, "mean"), mean, atol=1e-6)


def test_the_temporal_view_of_the_last_layer_is_the_matrix_that_order_recovery_uses(
    seen: tuple,
) -> None:
    trace = observe(*seen)
    np.testing.assert_allclose(explain.temporal(trace), order_matrix(*seen), atol=1e-6)
    assert (
        explain.time_is_signed(trace)
        and explain.temporal(trace).min() >= -1
        and explain.temporal(trace).max() <= 1
    )


def test_gradcam_is_the_positive_sum_of_gradient_weighted_channels(seen: tuple) -> None:
    model, clip = seen
    by_hand = gradcam_by_hand(model.net, to_input(model.card, clip)[1], 2).numpy()
    found = explain.gradcam(model, clip, 2)
    np.testing.assert_allclose(found.heat, by_hand, atol=1e-7)
    assert by_hand.max() > 0 and found.probability == pytest.approx(
        observe(model, clip).probabilities[2], abs=1e-6
    )
    assert all(p.grad is None for p in model.net.parameters()) and not model.net.cam._forward_hooks


def test_what_is_not_there_is_refused(seen: tuple) -> None:
    trace = observe(*seen)
    for wrong in (
        lambda: explain.spatial(trace, 2),
        lambda: explain.temporal(trace, -1),
        lambda: explain.spatial(trace, 0, 2),
        lambda: explain.gradcam(*seen, 4),
        lambda: explain.target_index(seen[0].card, "e", trace.probabilities),
    ):
        with pytest.raises(BadInput):
            wrong()


def hand(
    name: str,
    axis: Axis,
    kernel: Kernel,
    q: list,
    k: list,
    tokens: list,
    grid: tuple[int, int, int],
    layer: int = 0,
) -> Attention:
    """One attention by hand: q and k as [group][head][token][d]."""
    layout = Layout(torch.tensor(tokens), torch.tensor(tokens), grid)
    return Attention(
        name, layer, axis, kernel, torch.tensor(q).float(), torch.tensor(k).float(), layout
    )


def traced(model: str, *attentions: Attention) -> Trace:
    """A trace that holds these attentions alone."""
    middle = (0.5, 0.5, 0.5)
    card = Card(model, "tiny", ("a",), middle, middle, 1, 1, "uniform", "fit", "nothing")
    frames, times = np.zeros((1, 1, 1, 3), np.uint8), np.zeros(1)
    clip = Clip(frames, times, "black", "0")
    return Trace(model, card, clip, frames, times, np.zeros(1, np.float32), attentions)


LN3 = float(np.log(3))
TIMES = [[[[LN3], [0.0]]]], [[[[1.0], [0.0]]]]
"""Factors of two tokens: the first gives 3/4 to the first, the second half to each."""


def test_joint_attention_is_summed_into_what_each_frame_gives_each_frame() -> None:
    # two frames of two patches: every query gives its weights by key, so frame rows are the mean of
    # two rows' sums
    weights = np.array(
        [[0.1, 0.2, 0.3, 0.4], [0.4, 0.4, 0.1, 0.1], [0.25] * 4, [0.7, 0.1, 0.1, 0.1]]
    )
    found = traced(
        "far",
        hand(
            "global",
            Axis.JOINT,
            Kernel("softmax"),
            [[np.eye(4).tolist()]],
            [[np.log(weights).T.tolist()]],
            [[0, 1, 2, 3]],
            (2, 1, 2),
        ),
    )
    np.testing.assert_allclose(explain.temporal(found), [[0.55, 0.45], [0.65, 0.35]], rtol=1e-6)
    # No class token: the mean.
    np.testing.assert_allclose(
        explain.spatial(found)[:, 0], weights.mean(0).reshape(2, 2), rtol=1e-6
    )
    np.testing.assert_allclose(
        explain.spatial(found, query=(0, 0, 1))[:, 0], weights[1].reshape(2, 2), rtol=1e-6
    )


def test_groups_that_do_not_see_each_other_are_averaged_over_those_that_do() -> None:
    q, k = TIMES
    found = traced(
        "far",
        hand("local", Axis.JOINT, Kernel("softmax"), q * 2, k * 2, [[0, 3], [1, 2]], (2, 1, 2)),
    )
    # tokens 0 and 1 get (3/4 + 1/2) / 2, tokens 3 and 2 the rest
    np.testing.assert_allclose(
        explain.spatial(found)[:, 0], [[0.625, 0.625], [0.375, 0.375]], rtol=1e-6
    )
    np.testing.assert_allclose(explain.temporal(found), [[0.75, 0.25], [0.5, 0.5]], rtol=1e-6)


def test_without_attention_over_time_the_frame_matrix_is_minus_the_am_flow() -> None:
    # spec 8.7, the last example: one head, q = A, k = identity; `post` is the mean of |s_t - s_t+1|
    # over its two patches
    first, second = [[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [3.0, 2.0]]
    found = traced(
        "am_flow",
        hand(
            "vit",
            Axis.SPACE,
            Kernel("softmax"),
            [[first], [second]],
            [[np.eye(2).tolist()]] * 2,
            [[0, 1], [2, 3]],
            (2, 1, 2),
        ),
    )
    np.testing.assert_allclose(
        explain.temporal(found), [[0, -2 * 0.149738], [-2 * 0.149738, 0]], atol=1e-5
    )


def test_rollout_multiplies_half_the_attention_and_half_the_identity() -> None:
    q, k = TIMES
    layers = [
        hand("global", Axis.JOINT, Kernel("softmax"), q, k, [[0, 1]], (2, 1, 1), layer=i)
        for i in (0, 1)
    ]
    half = (np.array([[0.75, 0.25], [0.5, 0.5]]) + np.eye(2)) / 2
    one, two = traced("far", layers[0]), traced("far", *layers)
    np.testing.assert_allclose(explain.rollout(one, query=(0, 0, 0))[:, 0, 0], half[0], rtol=1e-6)
    np.testing.assert_allclose(
        explain.rollout(two, query=(1, 0, 0))[:, 0, 0], (half @ half)[1], rtol=1e-6
    )
    np.testing.assert_allclose(explain.rollout(two)[:, 0, 0], (half @ half).mean(0), rtol=1e-6)
    np.testing.assert_allclose(
        explain.rollout(two, layer=0, query=(1, 0, 0))[:, 0, 0], half[1], rtol=1e-6
    )


def test_one_query_is_followed_through_every_layer(seen: tuple) -> None:
    trace = observe(*seen)
    found = explain.along_layers(trace, 1, (1, 2, 3), "space x time")
    assert list(found) == [0, 1]
    for layer, heat in found.items():
        np.testing.assert_array_equal(
            heat, explain.hover(trace, layer, 1, (1, 2, 3), "space x time")
        )
    assert list(explain.along_layers(trace)) == [0, 1]
    np.testing.assert_array_equal(
        explain.along_layers(trace)[0], explain.spatial(trace, 0, "mean", "mean")
    )
    signs = {
        view: explain.view_is_signed(trace, view)
        for view in ("space", "time", "space x time", None)
    }
    assert signs == {"space": False, "time": True, "space x time": True, None: False}, (
        "the kernel over time is the cosine"
    )


def test_a_patch_looks_at_places_first_and_from_each_place_through_time(seen: tuple) -> None:
    trace, layer, head, (t, row, col) = observe(*seen), 0, 1, (1, 2, 3)
    heat = explain.hover(trace, layer, head, (t, row, col), "space x time")
    places = explain.hover(trace, layer, head, (t, row, col), "space")[t]
    for r, c in ((0, 4), (3, 1)):
        onward = explain.hover(trace, layer, head, (t, r, c), "time")[:, r, c]
        np.testing.assert_allclose(heat[:, r, c], places[r, c] * onward, rtol=1e-5)


def test_where_each_frame_is_alone_the_place_asks_in_every_frame(seen: tuple) -> None:
    trace = observe(*seen)
    space = tuple(a for a in trace.attentions if a.axis is Axis.SPACE)
    alone = replace(trace, attentions=space)
    assert explain.views(alone) == ("each frame separately",)
    heat = explain.hover(alone, 1, 0, (1, 2, 3))
    for t in range(T):
        own = explain.over_space(trace)[1].heat((t, 2, 3), 0)[t]
        np.testing.assert_allclose(heat[t], own, rtol=1e-6)


def test_an_explanation_is_that_of_the_layer_that_is_asked_for(seen: tuple) -> None:
    trace = observe(*seen)
    first = explain.explanation(*seen, layer=0)
    np.testing.assert_allclose(first.spatial, explain.spatial(trace, 0), rtol=1e-4)
    np.testing.assert_allclose(first.temporal, explain.temporal(trace, 0), rtol=1e-3, atol=1e-5)
    assert first.attention.layer == explain.over_space(trace)[0].layer
    assert not np.allclose(first.spatial, explain.spatial(trace, 1), rtol=1e-2)


def test_rollout_up_to_each_layer_is_that_of_the_layer(seen: tuple) -> None:
    q, k = [[[[1.0, 0.0], [0.0, 2.0]]]], [[[[1.0, 1.0], [0.5, -1.0]]]]
    layers = [
        hand("global", Axis.JOINT, Kernel("softmax", 0.5), q, k, [[0, 1]], (2, 1, 1), layer)
        for layer in range(3)
    ]
    trace = traced("far", *layers)
    found = explain.rollouts(trace, "mean", (1, 0, 0))
    assert list(found) == [0, 1, 2]
    for layer, heat in found.items():
        np.testing.assert_allclose(heat, explain.rollout(trace, layer, query=(1, 0, 0)), rtol=1e-6)
    assert not np.allclose(found[0], found[2])


def test_rollout_follows_divided_attention_over_time_then_space() -> None:
    q, k = TIMES
    time = hand("time", Axis.TIME, Kernel("softmax"), q, k, [[0, 1]], (2, 1, 1))
    space = hand(
        "space", Axis.SPACE, Kernel("softmax"), q * 2, k * 2, [[CLS, 0], [CLS, 1]], (2, 1, 1)
    )
    # Class token first: it does not ask over time.
    over_time = np.array([[1, 0, 0], [0, 0.75, 0.25], [0, 0.5, 0.5]])
    # Its two rows are averaged.
    over_space = np.array([[0.75, 0.125, 0.125], [0.5, 0.5, 0], [0.5, 0, 0.5]])
    product = (over_space + np.eye(3)) / 2 @ ((over_time + np.eye(3)) / 2)
    np.testing.assert_allclose(
        explain.rollout(traced("timesformer", time, space))[:, 0, 0], product[0, 1:], rtol=1e-6
    )
    np.testing.assert_allclose(product.sum(1), 1)


def test_rollout_of_signed_or_unnormalised_attention_is_refused(seen: tuple) -> None:
    with pytest.raises(BadInput, match=r"'time' attention is signed"):
        explain.rollout(observe(*seen))
    q, k = TIMES
    with pytest.raises(BadInput, match="not normalised"):
        explain.rollout(
            traced("rvit", hand("gate", Axis.SPACE, Kernel("linear"), q, k, [[0, 1]], (1, 1, 2)))
        )


def test_am_flow_of_a_model_without_it_is_refused(seen: tuple) -> None:
    with pytest.raises(BadInput, match="computes no AM flow"):
        explain.am_flow(*seen)

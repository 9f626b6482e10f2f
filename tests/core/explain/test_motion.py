"""Motion by hand.

A square moves by a known way, a camera moves, heat lies on and off a mask.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core import explain
from core.errors import BadInput
from core.explain.am_flow import displayed, flow_of
from core.explain.optical import magnitude, optical_flow
from core.explain.scores import (
    PairMap,
    by_chance,
    correlation,
    energy_inside,
    hand_scores,
    ranks,
    roc_auc,
)
from core.models import build
from core.models.am_flow import am_flow
from core.observe import observe
from core.video import Clip
from core.weights import Card, Model
from core.world.gestures import Gesture, render
from core.world.truth import truth_of


def test_optical_flow_finds_a_shift_of_the_whole_picture() -> None:
    rough = np.random.default_rng(0).integers(0, 255, (16, 20, 3), np.uint8)
    large = cv2.resize(rough, (160, 128), interpolation=cv2.INTER_CUBIC)
    # The window moves down and right: the picture up and left.
    frames = np.stack([large[:80, :96], large[2:82, 3:99]])
    flow = optical_flow(frames)
    assert flow.shape == (1, 80, 96, 2) and flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[0, 10:-10, 10:-10], (0, 1)), [-3, -2], atol=0.3)
    assert magnitude(np.array([[3.0, 4.0]])) == pytest.approx([5.0])
    assert np.median(magnitude(optical_flow(frames[[0, 0]]))) < 0.05
    with pytest.raises(BadInput, match="two frames"):
        optical_flow(frames[:1])


def test_the_true_motion_is_what_the_camera_does_not_explain() -> None:
    camera = np.float32([[[1, 0, 0], [0, 1, 0]], [[1, 0, 5], [0, 1, -2]], [[2, 0, 5], [0, 2, -2]]])
    # The camera alone would take it to (15, 8), then to (31, 26).
    tips = np.float32([[10, 10], [18, 12], [31, 26]])
    mask = np.zeros((3, 4, 5), bool)
    mask[0, 1, 2] = mask[1, 3, 0] = True
    gesture = Gesture(
        "tick", 0, np.zeros((3, 4, 5, 3), np.uint8), mask, tips, camera, np.float32([0.1, 0.2, 0.3])
    )
    found = truth_of(gesture, np.array([0.1, 0.2, 0.3]))
    expected = np.zeros((2, 4, 5))
    expected[0, 1, 2] = 5.0  # (3, 4) is left over
    np.testing.assert_allclose(found.motion, expected, atol=1e-4)
    later = truth_of(gesture, np.array([0.1, 0.29]))
    assert (later.mask == mask[[0, 2]]).all()


def test_a_score_is_computed_as_by_hand() -> None:
    heat, mask = np.array([[[1.0, 3.0], [2.0, 2.0]]]), np.array([[[False, True], [True, False]]])
    assert energy_inside(heat, mask) == pytest.approx(5 / 8)
    # 3 over 1 and 2, 2 over 1, 2 beside 2.
    assert roc_auc(heat, mask) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert np.isnan(roc_auc(heat, mask & False)) and np.isnan(energy_inside(0 * heat, mask))
    assert ranks(np.array([5.0, 1.0, 5.0])).tolist() == [2.5, 1.0, 2.5]


def test_the_hand_itself_scores_one() -> None:
    found = truth_of(gesture := render("carret", 19, frames=6, size=(60, 80)), gesture.times)
    moving = found.motion.max((1, 2)) > 0
    assert moving.any() and energy_inside(found.motion, found.mask[:-1]) == 1.0
    assert roc_auc(found.mask.astype(float), found.mask) == 1.0


def test_static_flow_is_drawn_above_one_and_stretched_over_the_clip() -> None:
    flow = np.array([[[0.5, 1.0]], [[1.5, 3.0]]])
    np.testing.assert_allclose(displayed(flow, "static"), [[[0, 0]], [[0.25, 1]]])
    np.testing.assert_allclose(displayed(flow, "post"), [[[0, 0.2]], [[0.4, 1]]])
    assert (displayed(np.ones((2, 1, 2)), "static") == 0).all()


@pytest.mark.parametrize("mode", ["static", "post"])
def test_the_flow_of_a_trace_is_that_of_the_model(mode: str) -> None:
    torch.manual_seed(0)
    net = build(
        "am_flow",
        classes=3,
        size=21,
        patch=7,
        frames=4,
        width=20,
        depth=2,
        heads=5,
        am_mode=mode,
        temporal_width=8,
        temporal_heads=2,
        temporal_hidden=8,
    )
    card = Card(
        "am_flow",
        "tiny",
        ("a", "b", "c"),
        (0.5,) * 3,
        (0.5,) * 3,
        21,
        4,
        "uniform",
        "fit",
        "nothing",
    )
    clip = Clip(
        np.random.default_rng(0).integers(0, 255, (4, 21, 21, 3), np.uint8),
        np.arange(4.0),
        "noise",
        "0",
    )
    model = Model(net, card)
    trace = observe(model, clip)
    for layer in (0, 1):
        np.testing.assert_allclose(
            flow_of(trace, mode, layer), explain.am_flow(model, clip, layer), atol=1e-5
        )
    assert not np.allclose(flow_of(trace, mode, 0), flow_of(trace, mode, 1))
    with pytest.raises(BadInput, match="no mode"):
        flow_of(trace, "none")
    assert am_flow(torch.eye(2), torch.eye(2), "post").max() == 0


def test_maps_are_scored_against_the_hand_of_their_own_frames() -> None:
    mask = np.zeros((3, 4, 6), bool)
    mask[0, :, :3] = mask[1, :, 3:] = True  # the hand jumps from left to right, then leaves
    left, right = np.zeros((2, 4, 6)), np.zeros((2, 4, 6))
    left[:, :, :3] = right[:, :, 3:] = 1.0
    maps = [
        PairMap("Attention A", left, "first"),
        PairMap("flow", left, "both"),
        PairMap("still", right, "both"),
    ]
    scores, covered = hand_scores(maps, mask)
    assert scores["energy inside"] == pytest.approx([0.5, 0.5, 1.0]), (
        "of a pair either frame counts, of attention the first"
    )
    assert (
        scores["ROC AUC"][0] == pytest.approx(0.5) and scores["ROC AUC"][2] > scores["ROC AUC"][1]
    )
    assert covered == pytest.approx(0.75)


def test_curves_are_correlated_as_by_hand_and_chance_depends_on_their_length() -> None:
    rising = np.array([0.0, 1.0, 2.0, 3.0])
    assert correlation(rising, 5 - 2 * rising) == pytest.approx(-1)
    assert correlation(rising, np.array([1.0, 0.0, 1.0, 4.0])) == pytest.approx(5 / 45**0.5)
    assert np.isnan(correlation(rising, np.ones(4)))
    assert by_chance(3) == 1 and by_chance(16) == 0.5
    curves = np.random.default_rng(0).normal(size=(4000, 2, 7))
    beyond = np.mean([abs(correlation(a, b)) > by_chance(7) for a, b in curves])
    assert beyond == pytest.approx(0.05, abs=0.01)

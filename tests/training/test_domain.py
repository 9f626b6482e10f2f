"""Calibrating the domain check: what is fitted, and where the threshold comes to lie."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from core.errors import BadInput
from core.video import Clip
from core.weights import UNCALIBRATED
from core.world.elsewhere import HAND_KINDS
from core.world.gestures import DIRECTED, LABELS
from tests.core.tiny import random_model
from training import domain
from training.domain import calibrate, fitted, gestures, least_threshold, logistic, others, worn
from training.publish import least_margin


def test_the_threshold_misses_twice_as_many_as_it_lets_in() -> None:
    scores = np.array([0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9])
    others = np.array([0.0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.55])
    as_many = least_threshold(scores, others, weight=1)
    assert as_many == 0.5, "one of ten is missed, one of ten let in"
    assert least_threshold(scores, others) == 0.6, "two are missed and none let in"
    assert least_threshold(np.array([0.8, 0.9]), np.array([0.1])) == 0.8


def test_what_is_fitted_tells_clips_apart_that_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    way = rng.standard_normal(30)
    inside = rng.standard_normal((60, 30)) + way
    outside = rng.standard_normal((90, 30)) - way
    check = fitted(inside[:40].astype(np.float32), outside[:60].astype(np.float32))
    scores = np.array([check.score(clip) for clip in inside[40:]])
    other = np.array([check.score(clip) for clip in outside[60:]])
    assert (scores >= check.threshold).mean() > 0.9 and (other >= check.threshold).mean() < 0.1
    assert scores.min() >= 0 and scores.max() <= 1 and check.weights.dtype == np.float32


def test_what_is_judged_alone_sets_the_threshold() -> None:
    """Gestures that are harder to tell do not lower the bar of the others."""
    rng = np.random.default_rng(2)
    way = rng.standard_normal(20)
    inside = rng.standard_normal((80, 20)) + way
    outside = rng.standard_normal((80, 20)) - way
    inside[40:] -= 0.8 * way  # nearly as the others
    alone = fitted(inside, outside, (40, 80))
    assert alone.threshold > fitted(inside, outside).threshold
    np.testing.assert_array_equal(alone.weights, fitted(inside, outside).weights)


def test_a_model_that_was_trained_on_both_views_is_calibrated_on_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, int]] = []

    def few(frames: int, count: int, view: str = "own") -> Iterator[tuple[str, Clip]]:
        seen.append((view, count))
        return gestures(frames, min(count, 10), view)  # type: ignore[arg-type]

    monkeypatch.setattr(domain, "gestures", few)
    monkeypatch.setattr(domain, "OTHERS", 11)
    monkeypatch.setattr(domain, "FRONT_OTHERS", 8)
    monkeypatch.setattr(domain, "SIZE", (24, 32))
    model = random_model("direcformer").changed(labels=LABELS)
    calibrate(model)
    assert seen == [("own", 400)]
    calibrate(model.changed(recipe={"stages": [{"front": 0.5}]}))
    assert seen == [("own", 400), ("own", 400), ("front", 200)]


def test_a_feature_that_never_changes_weighs_nothing() -> None:
    rng = np.random.default_rng(1)
    inside, outside = rng.standard_normal((2, 20, 9))
    inside[:, 3] = outside[:, 3] = 5.0
    assert logistic(inside, outside).weights[3] == pytest.approx(0, abs=1e-6)


def test_clips_of_the_calibration_are_the_same_each_time_and_take_turns() -> None:
    first, again = list(gestures(3, 11)), list(gestures(3, 11))
    assert [label for label, _ in first] == [*LABELS, LABELS[0]]
    for (_, clip), (_, same) in zip(first, again, strict=True):
        np.testing.assert_array_equal(clip.frames, same.frames)
    kinds = [kind for kind, _ in others(3, 12)]
    assert kinds[0] == kinds[11] != kinds[1] and len(set(kinds)) == 11
    from_front = list(others(3, 5, "front"))
    assert [kind for kind, _ in from_front] == [*HAND_KINDS, HAND_KINDS[0]]
    assert all(clip.source.endswith(":front") for _, clip in from_front)


def test_a_worn_clip_is_of_the_same_size_and_still_the_same_picture() -> None:
    frames = np.full((2, 24, 32, 3), 90, np.uint8)
    clip = Clip(frames, np.arange(2.0), "grey", "0")
    for seed in range(12):
        again = worn(clip, np.random.default_rng(seed))
        assert again.frames.shape == frames.shape and again.frames.dtype == np.uint8
        assert abs(again.frames.mean() - 90) < 40


def test_a_direction_that_no_margin_tells_is_never_known(monkeypatch: pytest.MonkeyPatch) -> None:
    margins = np.arange(80.0)
    coin = np.arange(80) % 2 == 0
    assert least_margin(margins, coin, 0.9) == float("inf")
    assert least_margin(margins, margins >= 20, 1.0) == 20
    model = random_model("direcformer")
    monkeypatch.setattr(domain, "SHUFFLES", 1)
    clips = [clip for _, clip in gestures(model.card.frames, 4)]
    thresholds = domain.direction_thresholds(model, clips)
    assert thresholds.tolist() == [UNCALIBRATED] * 10, "four clips are too few for any claim"


def test_of_a_stroke_that_is_another_one_backwards_no_direction_is_ever_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domain, "least_margin", lambda *_: 0.25)
    model = random_model("direcformer").changed(labels=LABELS)
    clips = [clip for _, clip in gestures(model.card.frames, 2)]
    thresholds = domain.direction_thresholds(model, clips)
    assert [t == 0.25 for t in thresholds] == [label in DIRECTED for label in LABELS]


def test_a_model_of_other_labels_cannot_be_calibrated() -> None:
    model = random_model("direcformer").changed(labels=tuple("abcdefghij"))
    with pytest.raises(BadInput, match="calibrated on the rendered gestures alone"):
        calibrate(model)

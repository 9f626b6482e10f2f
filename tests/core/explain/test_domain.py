"""Whether a clip looks like training: the features, the score and the file of the numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.explain import domain
from core.explain.domain import SURENESS, domain_features
from core.observe import Trace, observe
from core.video import Clip
from core.weights import Model
from core.weights import domain as checks
from core.weights.domain import DomainCheck, domain_check, save_domain
from tests.core.tiny import FRAMES, direcformer, random_model


@pytest.fixture(scope="module")
def trace() -> Trace:
    card = replace(
        random_model("direcformer").card,
        labels=tuple("abcd"),
        size=35,
        frames=FRAMES,
        hash="0123abcd",
    )
    frames = np.random.default_rng(3).integers(0, 256, (FRAMES, 35, 35, 3), np.uint8)
    clip = Clip(frames, np.arange(FRAMES) / 5, "noise", "0")
    return observe(Model(direcformer(), card), clip)


def shipped(folder: Path, monkeypatch: pytest.MonkeyPatch, check: DomainCheck) -> None:
    """Let this check be the one that is shipped for direcformer."""
    save_domain(folder / "direcformer.safetensors", check)
    monkeypatch.setattr(checks, "DOMAINS", folder)
    checks._shipped.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> object:
    yield
    checks._shipped.cache_clear()


def test_features_are_mean_queries_and_keys_and_how_sure_the_logits_are(trace: Trace) -> None:
    given = replace(trace, logits=np.log(np.array([1, 4, 2, 1], np.float32)))
    features = domain_features(given)
    first, count = trace.attentions[0], len(trace.attentions)
    groups, heads, tokens, depth = first.q.shape
    width = heads * depth
    assert features.shape == (count * 2 * width + SURENESS,)
    by_hand = first.q.numpy().transpose(0, 2, 1, 3).reshape(groups * tokens, width).mean(0)
    np.testing.assert_allclose(features[:width], by_hand, atol=1e-5)
    log4, log8 = math.log(4), math.log(8)
    np.testing.assert_allclose(features[-4:], [0.5, log4, log4 - math.log(2), log8], rtol=1e-5)


def test_a_clip_is_inside_from_the_threshold_on(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = domain_features(trace)
    weights = np.zeros(len(features), np.float32)
    weights[-4] = 1.0  # the highest probability alone
    score = 1 / (1 + math.exp(-(float(trace.probabilities.max()) - 0.2)))
    directions = np.array([1.0, 2.0, 3.0, 4.0])
    for threshold, inside in ((score - 1e-4, True), (score + 1e-4, False)):
        check = DomainCheck(weights, -0.2, threshold, directions, "0123abcd")
        shipped(tmp_path, monkeypatch, check)
        where = domain(trace)
        assert where is not None and where.inside is inside
        assert where.score == pytest.approx(score, abs=1e-5)
        best = int(trace.logits.argmax())
        assert where.label == "abcd"[best] and where.direction_threshold == directions[best]
        assert where.numbers == {
            "score": round(score, 4),
            "threshold": round(threshold, 4),
            "inside": inside,
        }


def test_other_weights_of_the_same_network_have_no_domain(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.zeros(len(domain_features(trace)), np.float32)
    shipped(tmp_path, monkeypatch, DomainCheck(weights, 0.0, 0.4, np.zeros(4), "0123abcd"))
    assert domain(trace) is not None
    assert domain(replace(trace, card=replace(trace.card, hash="ffffffff"))) is None
    assert domain_check(replace(trace.card, model="far")) is None


def test_a_check_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = replace(random_model("direcformer").card, hash="0123abcd")
    check = DomainCheck(
        np.array([0.5, -2.0], np.float32), 0.25, 0.4, np.array([1e9, 0.0]), card.hash
    )
    shipped(tmp_path, monkeypatch, check)
    again = domain_check(card)
    assert again is not None and vars(again).keys() == vars(check).keys()
    assert again.weights.tolist() == [0.5, -2.0] and again.directions.tolist() == [1e9, 0.0]
    assert (again.bias, again.threshold, again.hash) == (0.25, 0.4, "0123abcd")
    assert again.score(np.array([1.0, 0.5])) == pytest.approx(1 / (1 + math.exp(0.25)))


def test_a_variant_has_a_check_of_its_own_beside_that_of_its_model(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, other = (
        DomainCheck(np.ones(3, np.float32), bias, 0.5, np.ones(4, np.float32), hash)
        for bias, hash in ((1.0, "0123abcd"), (2.0, "4567cdef"))
    )
    shipped(tmp_path, monkeypatch, usual)
    save_domain(tmp_path / "direcformer_cc.safetensors", other)
    found = (domain_check(replace(trace.card, hash=h)) for h in ("0123abcd", "4567cdef", "0"))
    assert [check and check.bias for check in found] == [1.0, 2.0, None]

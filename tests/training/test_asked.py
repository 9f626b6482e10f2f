"""Questions to the shipped models about clips whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.video import Clip
from core.weights import Model, embedded, file_hash, untrained
from core.world.gestures import render
from training import asked
from training.asked import both_maps, flow_figures, map_figures, place_figures
from training.evaluate import camera_gestures
from training.reproduce import Budget, reproduce
from training.results import markdown


def test_a_camera_moves_a_lot_or_hardly() -> None:
    card = untrained("am_flow").card
    for moves, least, most in ((True, 0.08, 1.0), (False, 0.0, 0.03)):
        for gesture in camera_gestures(2, card, moves):
            across = np.linalg.norm(np.ptp(gesture.camera[:, :, 2], 0)) / 160
            assert least <= across <= most


def test_flow_is_held_against_the_true_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    model = untrained("am_flow", aligning=True)
    gesture = render("tick", 3, frames=8, size=(24, 32))
    on = (gesture.mask[:-1] | gesture.mask[1:]).astype(np.float32)
    monkeypatch.setattr(asked, "flow_of", lambda trace, mode: on if mode == "post" else 1 - on)
    monkeypatch.setattr(asked, "am_flow", lambda model, clip: np.zeros_like(on))
    found = flow_figures(model, [gesture, gesture])
    assert found == {"clips": 2, "auc_static": 50.0, "auc_post": 100.0, "auc_aligned": 50.0}


def test_maps_are_compared_with_another_clips_and_with_the_clip_frozen_and_backwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uniform = np.full((2, 2, 2), 0.5)
    step = np.array([[0.1, -0.1], [0.0, 0.0]])
    told = iter([step, 0 * step, -step, 3 * step, 3 * step, 3 * step])
    monkeypatch.setattr(asked, "both_maps", lambda *of: uniform + next(told))
    gestures = [render("tick", seed, frames=2, size=(24, 32)) for seed in (1, 2)]
    found = map_figures(untrained("rvit"), gestures, "linear")
    assert found["pictures_contrast"] == pytest.approx((10 + 30) / 2)
    assert found["pictures_other"] == pytest.approx(10.0)  # 20 in half of the entries
    assert found["pictures_frozen"] == pytest.approx((5 + 0) / 2)
    assert found["memory_reversed"] == pytest.approx((10 + 0) / 2)


def test_both_maps_are_rows_of_either_kernel() -> None:
    model: Model = untrained("rvit")
    clip = asked.rendered_clip(render("tick", 3, frames=8, size=(24, 32)))
    linear, softmax = (both_maps(model, clip, kernel) for kernel in ("linear", "softmax"))
    for maps in (linear, softmax):
        assert maps.shape == (2, 8, 8)
        np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-4)
    assert np.abs(linear - softmax).max() > 1e-4


@pytest.mark.parametrize("name", asked.TITLES)
def test_the_shipped_models_are_asked_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {model: file_hash(file) for model, file in embedded().items()}
    figures = dict.fromkeys(asked.SHOWN[name], 50.0) | {"clips": 1}
    data = "moving_camera" if name == asked.FLOW else "rendered"
    monkeypatch.setattr(
        asked,
        "answers",
        lambda _, row, clips: {"weights": weights[row.split(",")[0]], data: figures},
    )
    results = json.loads(reproduce(name, tmp_path, Budget(1, 1, 1)).read_text())
    assert [run["row"] for run in results["runs"]] == asked.rows(name)
    assert "50.0" in markdown(results)


def test_what_passes_is_the_mean_over_clips_each_held_against_one_of_another_stroke(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs: list[tuple[str, str]] = []
    shares = iter([[1.0, 0.5, 0.25, 0.25, 0.1], [0.8, 0.7, 0.35, 0.05, 0.3]])

    def played(model: Model, clip: Clip, other: Clip) -> np.ndarray:
        pairs.append((clip.source, other.source))
        return np.array(next(shares))

    monkeypatch.setattr(asked, "carried", played)
    gestures = [render(label, 3, frames=2, size=(24, 32)) for label in ("tick", "star")]
    found = place_figures(untrained("rvit"), gestures)
    assert pairs == [("render:tick:3", "render:star:3"), ("render:star:3", "render:tick:3")]
    assert found["places"] == [90.0, 60.0, 30.0, 15.0, 20.0]
    of_table = {"first": 90.0, "middle": 30.0, "last_but_one": 15.0, "norm": 20.0}
    assert found["rendered"] == pytest.approx({"clips": 2} | of_table)

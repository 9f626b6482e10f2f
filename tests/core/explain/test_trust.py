"""Scores of maps: by hand where the truth is known, and where each place weighs what it weighs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.cli import main
from core.draw import trust_report
from core.errors import BadInput
from core.explain.scores import average_precision
from core.explain.trust.alike import TRUTH, Alike
from core.explain.trust.every_map import BASELINES, baselines, every_map
from core.explain.trust.faithfulness import (
    Subsets,
    deletion,
    filled,
    infidelity,
    insertion,
    sensitivity_n,
    subsets,
)
from core.explain.trust.over_clips import (
    RANDOM,
    SET,
    Depth,
    Mean,
    Row,
    clip_row,
    mean_of,
    means,
    not_beaten,
    truth_seen,
)
from core.explain.trust.sanity import cascade
from core.explain.trust.truth_scores import hottest, truth_scores
from core.models.video_model import VideoModel
from core.observe import observe
from core.video import Clip
from core.weights import Card, Model, load
from core.world.gestures import LABELS
from tests.core.explain.test_intervene import clip_for, tiny
from tests.core.models.nets import net as direcformer_net

GRID = (1, 1, 3)


class ThreePatches(VideoModel):
    """Logits (3 a + 2 b + c, 0) of the brightness a, b, c of three patches of one frame's row."""

    def __init__(self) -> None:
        super().__init__()
        self.size, self.frames, self.cam = 3, 2, nn.Identity()

    def forward(self, video: Tensor, detail: bool = False) -> Tensor:
        bright = video[:, 0, 0, 0]  # (B, 3)
        score = bright @ torch.tensor([3.0, 2.0, 1.0])
        return torch.stack([score, torch.zeros_like(score)], 1)


def three() -> tuple[Model, Clip]:
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    card = Card("direcformer", "", ("a", "b"), zero, one, 3, 2, "uniform", "fit", "nothing")
    frames = np.full((2, 3, 3, 3), 255, np.uint8)
    return Model(ThreePatches(), card), Clip(frames, np.arange(2.0), "white", "white")


def probability(score: float) -> float:
    return 1 / (1 + np.exp(-score))


HEAT = np.array([[[3.0, 2.0, 1.0]]])


def test_deletion_takes_the_hottest_patch_first_and_its_area_is_that_of_trapezes() -> None:
    model, clip = three()
    curve = deletion(model, clip, 0, HEAT, "mean", steps=3)
    by_hand = [probability(score) for score in (6, 3, 1, 0)]
    assert curve.probabilities == pytest.approx(by_hand, abs=1e-6)
    assert curve.shares == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve.area == pytest.approx(
        (by_hand[0] / 2 + by_hand[1] + by_hand[2] + by_hand[3] / 2) / 3
    )
    backwards = deletion(model, clip, 0, -HEAT, "mean", steps=3)
    assert backwards.probabilities == pytest.approx(
        [probability(score) for score in (6, 5, 3, 0)], abs=1e-6
    )
    assert curve.area < backwards.area


def test_insertion_begins_with_the_fill_and_puts_the_hottest_patch_in_first() -> None:
    model, clip = three()
    curve = insertion(model, clip, 0, HEAT, "mean", steps=3)
    by_hand = [probability(score) for score in (0, 3, 5, 6)]
    assert curve.probabilities == pytest.approx(by_hand, abs=1e-6)


def test_a_blurred_clip_keeps_its_mean_and_the_other_fill_is_the_mean_colour() -> None:
    torch.manual_seed(0)
    video = torch.randn(1, 3, 2, 16, 16)
    assert filled(video, "mean").abs().max() == 0
    blurred = filled(video, "blur")
    assert blurred.shape == video.shape
    assert blurred.std() < video.std() / 2
    assert blurred.mean() == pytest.approx(float(video.mean()), abs=0.05)


def test_sensitivity_is_one_for_a_linear_models_weights_and_minus_one_for_the_opposite() -> None:
    model, clip = three()
    sets = subsets(model, clip, 0, GRID, "mean", size=2, sets=16)
    assert set(np.round(sets.falls, 5)) == {3.0, 4.0, 5.0}  # b + c, a + c, a + b
    assert sensitivity_n(HEAT, sets) == pytest.approx(1.0)
    assert sensitivity_n(-HEAT, sets) == pytest.approx(-1.0)
    assert np.isnan(sensitivity_n(np.ones(GRID), sets))
    assert infidelity(HEAT, sets) == pytest.approx(0, abs=1e-10)


def test_infidelity_is_the_error_that_the_best_factor_leaves() -> None:
    sets = Subsets(np.array([[True, False, False], [False, True, False]]), np.array([1.0, 3.0]))
    # sums 1 and 1, the best factor is 2, errors 1 and -1
    assert infidelity(np.ones(GRID), sets) == pytest.approx(1.0)


def test_pointing_is_asked_of_frames_that_show_the_hand_and_cells_that_tie_share_a_middle() -> None:
    heat = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])  # two cells, each 2 x 2 pixels
    assert hottest(heat, 2, 4).tolist() == [[1.0, 1.0], [3.0, 1.0]]
    assert hottest(np.ones((1, 1, 2)), 2, 4).tolist() == [[2.0, 1.0]]
    mask = np.ones((2, 2, 4), bool)
    mask[0, :, 2:], mask[1] = False, False  # the left half of frame 1, nothing of frame 2
    scores = truth_scores(heat, mask, np.array([[1.0, 1.0], [-9.0, 0.0]]))
    assert scores.hand == 1.0 and scores.fingertip == 1.0
    elsewhere = truth_scores(heat[::-1], mask, np.array([[1.0, 1.0], [-9.0, 0.0]]))
    assert elsewhere.hand == 0.0 and elsewhere.fingertip == 0.0
    nothing = truth_scores(heat, np.zeros_like(mask), np.full((2, 2), -1.0))
    assert np.isnan([nothing.hand, nothing.fingertip, nothing.auc, nothing.precision]).all()


def test_average_precision_is_the_one_worked_out_by_hand() -> None:
    heat, on = np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False])
    assert average_precision(heat, on) == pytest.approx((1 / 1 + 2 / 3) / 2)
    tied = np.array([1.0, 1.0, 0.0, 0.0])
    assert average_precision(tied, on) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 4)


def test_what_speaks_against_a_place_is_no_energy_and_ranks_below() -> None:
    heat = np.array([[[2.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    mask = np.zeros((1, 2, 4), bool)
    mask[0, 0, 0] = True
    scores = truth_scores(heat, mask, np.array([[0.5, 0.5]]))
    assert (scores.energy, scores.auc, scores.precision) == (1.0, 1.0, 1.0)
    mask[0, 0, 0], mask[0, 0, 1] = False, True
    assert truth_scores(heat, mask, np.array([[0.5, 0.5]])).auc == 0.0


def test_baselines_know_the_pixels_alone() -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    frames[1, :2, :2] = 255
    maps = {each.name: each.heat for each in baselines(frames, (2, 2, 2))}
    assert tuple(maps) == BASELINES
    assert (maps["uniform"] == 1).all()
    assert maps["frame difference"][0].tolist() == [[255, 0], [0, 0]]
    centre = baselines(np.zeros((2, 6, 6, 3), np.uint8), (2, 3, 3))[1].heat[0]
    assert centre[1, 1] == centre.max() and centre[0, 0] == centre.min()


def test_every_map_of_a_model_is_there_once_with_its_last_layer_as_attention() -> None:
    model = tiny("direcformer", direcformer_net())
    trace, maps = every_map(model, clip_for(model), ("saliency",))
    names = [each.name for each in maps]
    assert len(set(names)) == len(names)
    layers = [f"attention, layer {layer}" for layer in (1, 2)]
    heads = [f"attention, layer 2, head {head}" for head in range(1, 6)]
    assert names == [*layers, *heads, "attention", "GradCAM", "Saliency", *BASELINES]
    assert all(each.heat.shape == trace.grid for each in maps)
    by_name = {each.name: each.heat for each in maps}
    assert (by_name["attention"] == by_name["attention, layer 2"]).all()


def test_am_flow_has_a_map_for_each_mode() -> None:
    model = load("am_flow")
    _, maps = every_map(model, clip_for(model))
    names = [each.name for each in maps]
    assert {"AM flow, static", "AM flow, pre", "AM flow, post"} < set(names)


def test_a_map_of_the_weights_changes_with_them_and_one_of_the_pixels_does_not() -> None:
    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)
    before = [parameter.clone() for parameter in model.net.parameters()]

    def attention(changed: Model) -> np.ndarray:
        return observe(changed, clip).attentions[-1].heat("cls").numpy()

    learned = cascade(model, attention)
    assert learned.steps == ("head", "layer 2", "layer 1", "all")
    assert learned.correlations[0] == 1.0  # attention does not ask the head
    assert learned.depends_on_weights and "another map" in learned.words
    pixels = cascade(model, lambda changed: np.arange(12.0).reshape(3, 2, 2))
    assert (pixels.correlations == 1).all() and "does not depend" in pixels.words
    assert all(torch.equal(*pair) for pair in zip(before, model.net.parameters(), strict=True))


def test_an_interval_holds_the_mean_and_a_map_must_be_clear_of_a_baseline() -> None:
    mean = mean_of([0.0, 1.0] * 50)
    assert mean.mean == 0.5 and 0.38 < mean.low < 0.42 and 0.58 < mean.high < 0.62
    rows = [{"attention": {"auc": 0.9, "deletion": 0.2}, "uniform": {"auc": 0.5, "deletion": 0.1}}]
    results = means(rows * 3) | {"centre": {"auc": Mean(0.9, 0.9, 0.9, 3)}}
    assert list(not_beaten(results, "attention", "auc")) == ["centre"]
    assert list(not_beaten(results, "attention", "deletion")) == ["uniform"]
    assert list(not_beaten(results, "uniform", "auc")) == []


def fake_row(model: Model, number: int, depth: Depth) -> Row:
    scores = {"attention": {"auc": number % SET / 10}, "uniform": {"auc": 0.5}}
    matrix = np.array([[1.0, number % SET / 10], [number % SET / 10, 1.0]])
    kept = {"attention": {"all": 0.1}} if depth.randomised else {}
    return Row(scores, Alike(("attention", TRUTH), matrix), kept)


def test_a_run_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_report, "clip_row", fake_row)
    model = load("direcformer")
    whole = trust_report.trust(model, tmp_path / "whole", clips=7)
    trust_report.trust(model, tmp_path / "killed", clips=4)
    with open(tmp_path / "killed" / "rows.jsonl", "a") as file:
        file.write('{"attention": {"au')  # a kill cut it short
    assert trust_report.trust(model, tmp_path / "killed", clips=7) == whole
    rows = (tmp_path / "killed" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(row)["attention"]["auc"] for row in rows] == [i / 10 for i in range(7)]
    page = (tmp_path / "killed" / "report.html").read_text()
    assert "<script" not in page and "0.30<br>" in page
    with pytest.raises(BadInput, match="another model"):
        trust_report.trust(load("timesformer"), tmp_path / "whole", clips=7)


def test_a_model_of_other_classes_has_no_truth_here(tmp_path: Path) -> None:
    model = tiny("direcformer", direcformer_net())
    with pytest.raises(BadInput, match="ten rendered strokes"):
        trust_report.trust(model, tmp_path / "out")
    assert len(LABELS) == 10


def test_the_truth_is_cropped_and_scaled_as_the_model_sees_the_picture() -> None:
    mask = np.zeros((1, 3, 5), bool)
    mask[0, 0, 1] = True  # row 0, column 1 of 3 x 5
    tip = np.array([[1.5, 0.5]])  # the middle of that pixel, x first
    half = (0.5, 0.5, 0.5)
    card = Card("direcformer", "", ("a",), half, half, 15, 1, "uniform", "fit", "nothing")
    seen, tips = truth_seen(mask, tip, card)
    rows, columns = np.nonzero(seen[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 4, 3, 5)
    assert tips.tolist() == [[4.5, 2.5]]
    seen, tips = truth_seen(mask, tip, card.changed(crop="centre", size=6))  # columns 1 to 3
    rows, columns = np.nonzero(seen[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 1, 0, 1)
    assert tips.tolist() == [[1.0, 1.0]]


@pytest.mark.long
def test_a_clip_is_scored_whole_by_a_shipped_model() -> None:
    row = clip_row(load("direcformer"), 3, Depth(True, ("saliency",))).scores
    assert row["attention"]["auc"] > 0.8 > row["uniform"]["auc"]
    assert row["attention"]["deletion"] < row[RANDOM]["deletion"]
    assert "deletion" not in row["attention, layer 1"] and row["Saliency"].keys() >= {"insertion"}


def test_the_command_prints_the_scores_and_refuses_no_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trust_report, "clip_row", fake_row)
    out = str(tmp_path / "out")
    assert main(["trust", "--clips", "3", "--out", out, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "out" / "trust.json").read_text())
    assert result["maps"]["attention"]["auc"]["mean"] == 0.1
    assert result["maps"]["attention"]["auc"]["not beaten"] == ["uniform"]
    assert main(["trust", "--clips", "3", "--out", out]) == 0
    assert "attention" in capsys.readouterr().out
    assert main(["trust", "--clips", "0", "--out", out]) == 2
    assert "--clips must be 1 or more" in capsys.readouterr().err

"""A set of clips: what maps have in common, worked side by side, stopped and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.draw import trust_report
from core.explain.trust.alike import TRUTH, Alike, alike, mean_alike, share_of_cells
from core.explain.trust.cascades import (
    OTHER_CLASS,
    OTHER_CLIP,
    cascades,
    compared,
    mean_cascades,
    words,
)
from core.explain.trust.every_map import NamedMap, every_map
from core.explain.trust.faithfulness import deletion, deletions, insertion, insertions, subsets
from core.explain.trust.faithfulness import infidelity as own_infidelity
from core.explain.trust.over_clips import SET, Depth, clip_row, rendered, row_of
from core.explain.trust.sanity import cascade
from core.observe import to_input
from core.weights import Model
from core.world.gestures import LABELS
from tests.core.explain.test_intervene import clip_for, tiny
from tests.core.explain.test_trust import HEAT, three
from tests.core.models.nets import net as direcformer_net


def heat(*values: float) -> np.ndarray:
    return np.array([[values]], np.float32)


def of_strokes() -> Model:
    """A tiny network that tells the ten strokes apart, or would."""
    model = tiny("direcformer", direcformer_net(classes=len(LABELS)))
    return model.changed(labels=LABELS)


def test_rank_correlations_of_three_maps_are_those_worked_out_by_hand() -> None:
    maps = [
        NamedMap("a", heat(1, 2, 3)),
        NamedMap("b", heat(10, 30, 20)),
        NamedMap("c", heat(9, 5, 0)),
    ]
    mask = np.zeros((2, 1, 6), bool)
    mask[0, 0, 2:4], mask[:, 0, 4:] = True, True  # shares 0, 1/2 and 1 of the three cells
    result = alike(maps, mask)
    assert result.names == ("a", "b", "c", TRUTH)
    # 1 - 6 sum(d^2) / (n (n^2 - 1)), n = 3: ranks 123, 132, 321, and 123 of the truth
    a_b, a_c, b_c = 1 - 6 * 2 / 24, 1 - 6 * 8 / 24, 1 - 6 * 6 / 24
    by_hand = [[1, a_b, a_c, 1], [a_b, 1, b_c, a_b], [a_c, b_c, 1, a_c], [1, a_b, a_c, 1]]
    assert result.matrix == pytest.approx(np.array(by_hand))


def test_ties_share_their_mean_rank_and_an_even_map_ranks_nothing() -> None:
    maps = [NamedMap("tied", heat(1, 1, 2)), NamedMap("even", heat(3, 3, 3))]
    matrix = alike(maps, np.array([[[False, True, True]]])).matrix
    # ranks 1.5, 1.5, 3 against 1, 2.5, 2.5, less their mean 2: 0.75 / sqrt(1.5 * 1.5)
    assert matrix[0, 2] == pytest.approx(0.5)
    assert np.isnan(matrix[1]).all()


def test_the_truth_of_a_cell_is_the_share_that_the_hand_covers_in_all_its_frames() -> None:
    mask = np.zeros((4, 2, 6), bool)
    mask[0, 0, 0] = mask[3, :, 3:] = True
    by_hand = [[[1 / 12, 0]], [[0, 0.5]]]
    assert share_of_cells(mask, (2, 1, 2)) == pytest.approx(np.array(by_hand))


def test_a_mean_over_clips_counts_those_in_which_both_maps_rank() -> None:
    nan = float("nan")
    one = Alike(("a", "b"), np.array([[1.0, 0.2], [0.2, 1.0]]))
    more = Alike(("x", "a", "b"), np.array([[1.0, nan, 0.5], [nan, 1.0, 0.6], [0.5, 0.6, 1.0]]))
    mean = mean_alike([one, more])
    assert mean.names == ("x", "a", "b")
    assert mean.matrix[1, 2] == pytest.approx(0.4) and mean.matrix[0, 2] == 0.5
    assert np.isnan(mean.matrix[0, 1])


def test_orders_that_are_asked_together_give_each_its_own_curve_by_fewer_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, clip = three()
    passed: list[int] = []
    forward = model.net.forward

    def counted(video: Tensor, detail: bool = False) -> Any:
        passed.append(len(video))
        return forward(video, detail)

    monkeypatch.setattr(model.net, "forward", counted)
    heats = [HEAT, -HEAT, HEAT]
    together = deletions(model, clip, 0, heats, "mean", 3)
    # sets of none, a, ab, abc and none, c, bc, abc: six that differ, of twelve
    assert sum(passed) == 6
    for own, alone in zip(together, heats, strict=True):
        single = deletion(model, clip, 0, alone, "mean", 3)
        assert own.probabilities == pytest.approx(single.probabilities, abs=1e-7)
    for own, alone in zip(insertions(model, clip, 0, heats, "blur", 3), heats, strict=True):
        single = insertion(model, clip, 0, alone, "blur", 3)
        assert own.probabilities == pytest.approx(single.probabilities, abs=1e-7)


def test_all_maps_at_once_keep_with_random_weights_what_each_keeps_alone() -> None:
    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)

    def heats(changed: Any) -> dict[str, np.ndarray]:
        _, maps = every_map(changed, clip, (), 3)
        return {each.name: each.heat for each in maps}

    results = cascades(model, heats(model), heats, seed=7)
    alone = cascade(model, lambda changed: heats(changed)["GradCAM"], seed=7)
    assert tuple(results["GradCAM"]) == alone.steps
    assert list(results["GradCAM"].values()) == pytest.approx(alone.correlations, nan_ok=True)
    assert set(results["uniform"].values()) == {1.0}, "an even map did not change"
    assert results["attention"]["head"] == 1.0 > results["attention"]["all"]


def test_what_is_kept_is_the_mean_over_clips_and_the_verdict_is_of_all_weights_random() -> None:
    nan = float("nan")
    assert compared({"a": heat(1, 2, 3)}, {"a": heat(3, 2, 1)}) == {"a": -1.0}
    kept = mean_cascades([{"a": {"head": 1.0, "all": 0.9}}, {"a": {"head": nan, "all": 0.7}}])
    assert kept == {"a": {"head": 1.0, "all": pytest.approx(0.8)}}
    assert words(kept["a"]).startswith("does not depend on the weights")
    assert words({"head": 1.0, "all": 0.1, OTHER_CLIP: 1.0}).startswith("depends")
    assert words({"head": 1.0}).startswith("depends"), "of an even map nothing is left"


def test_a_clip_s_row_survives_its_line_and_is_asked_for_another_class_and_clip() -> None:
    row = clip_row(of_strokes(), 5, Depth(False, (), True))
    line = json.loads(json.dumps(row.line))
    again = row_of(line)
    assert again.scores == row.scores and again.kept == row.kept
    assert again.alike.names == row.alike.names and again.alike.names[-1] == TRUTH
    assert again.alike.matrix == pytest.approx(row.alike.matrix, abs=1e-4, nan_ok=True)
    assert row.kept["attention"][OTHER_CLASS] == 1.0 > row.kept["attention"][OTHER_CLIP]
    assert row.kept["Saliency"][OTHER_CLASS] < 1.0
    assert not {"uniform", "centre"} & row.kept.keys()


def test_sets_of_two_seeds_share_no_clip_and_have_the_same_labels_in_turn() -> None:
    model = of_strokes()
    (one, _), (other, _) = rendered(model, 3), rendered(model, SET + 3)
    assert one.label == other.label and one.seed + SET == other.seed
    assert (one.frames != other.frames).any()


def test_two_threads_measure_what_one_does(tmp_path: Path) -> None:
    model = of_strokes()
    texts = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = tmp_path / str(threads)
            trust_report.trust(model, out, clips=3, faithful=1, attributed=1, randomised=1)
            texts.append((out / "rows.jsonl").read_text())
    finally:
        torch.set_num_threads(before)
    assert texts[0] == texts[1]


@pytest.mark.long
def test_a_command_that_is_killed_goes_on_to_the_same_files(tmp_path: Path) -> None:
    flags = ["--model", "rvit", "--clips", "30", "--seed", "2"]
    flags += ["--faithful", "2", "--attributed", "0", "--randomised", "1"]
    command = [sys.executable, "-m", "core", "trust", *flags, "--out"]
    rows = tmp_path / "killed" / "rows.jsonl"
    with subprocess.Popen([*command, str(rows.parent)], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (rows.exists() and len(rows.read_text()) > 9000):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert 0 < len(rows.read_text().splitlines()) < 30
    for name in ("killed", "whole"):
        subprocess.run([*command, str(tmp_path / name)], check=True, stdout=subprocess.DEVNULL)
    for name in ("rows.jsonl", "trust.json", "report.html"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()


# --- beside Captum -------------------------------------------------------------------------------


def test_infidelity_is_captums_with_its_best_factor() -> None:
    from captum.metrics import infidelity

    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)
    trace, maps = every_map(model, clip, (), 3)
    grid = trace.grid
    sets = subsets(model, clip, 3, grid, "mean", size=5, sets=16, seed=1)
    _, video = to_input(model.card, clip)
    gone = torch.from_numpy(sets.gone).view(-1, 1, *grid)
    pixels = upsampled(gone.float(), video).expand(-1, 3, -1, -1, -1)

    def perturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
        assert len(inputs) == len(gone)
        return pixels, inputs * (1 - pixels)

    size = video[0, 0].numel() / np.prod(grid)
    for each in maps:
        if each.name == "uniform":
            continue
        # Captum adds up heat over pixels: a cell's own is spread over its pixels of one colour
        spread = upsampled(torch.from_numpy(each.heat)[None, None].double() / size, video)
        theirs = infidelity(
            lambda inputs: model.net(inputs.float()).double(),
            perturbed,
            video.double(),
            torch.cat([spread, torch.zeros_like(spread), torch.zeros_like(spread)], 1),
            target=3,
            n_perturb_samples=len(gone),
            normalize=True,
        )
        assert own_infidelity(each.heat, sets) == pytest.approx(float(theirs), rel=1e-4)


def upsampled(cells: Tensor, video: Tensor) -> Tensor:
    """Cells (n, 1, T', h, w) over the pixels of a video, (n, 1, T, H, W)."""
    return torch.nn.functional.interpolate(cells, size=video.shape[2:], mode="nearest")


@pytest.mark.parametrize("name", ["attention", "GradCAM", "frame difference"])
def test_deletion_and_insertion_are_captums_ablation_of_the_same_cells(name: str) -> None:
    from captum.attr import FeatureAblation

    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)
    trace, maps = every_map(model, clip, (), 3)
    own = next(each for each in maps if each.name == name)
    _, video = to_input(model.card, clip)
    ablation = FeatureAblation(lambda inputs: model.net(inputs).softmax(1))
    ranking = torch.from_numpy(own.heat).flatten().argsort(descending=True, stable=True)
    cells, steps = len(ranking), 6

    def without(cells_gone: Tensor) -> float:
        """The probability with these cells ablated: Captum's attribution is what that takes."""
        mask = torch.zeros(cells, dtype=torch.long)
        mask[cells_gone] = 1
        over = upsampled(mask.view(1, 1, *trace.grid).double(), video).long()
        if not len(cells_gone):
            return full
        taken = ablation.attribute(video, baselines=0.0, target=3, feature_mask=over)
        changed = taken[over.expand_as(taken) == 1]
        return full - float(changed[0])

    with torch.inference_mode():
        full = float(model.net(video).softmax(1)[0, 3])
    shares = [round(cells * step / steps) for step in range(steps + 1)]
    for measure in (deletion, insertion):
        heights = [without(ranking[:n] if measure is deletion else ranking[n:]) for n in shares]
        theirs = np.trapezoid(heights, np.array(shares) / cells)
        area = measure(model, clip, 3, own.heat, "mean", steps).area
        assert area == pytest.approx(theirs, abs=1e-5)

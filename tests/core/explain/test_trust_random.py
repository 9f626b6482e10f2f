"""Maps beside random orders, other weights, classes and clips; blur by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.draw.removed import removed_data
from core.draw.trust_figures import removal_figure
from core.errors import BadInput
from core.explain.trust.every_map import BASELINES, NamedMap, every_map, named_map
from core.explain.trust.faithfulness import (
    FILLS,
    Subsets,
    beside_random,
    blurred,
    curves,
    deletion,
    insertion,
    random_curves,
    random_heats,
    removal_order,
)
from core.explain.trust.one_clip import held_against_truth
from core.explain.trust.sanity import cascade, swaps
from core.video import Clip
from tests.core.explain.test_intervene import clip_for, tiny
from tests.core.explain.test_trust import GRID, HEAT, probability, three
from tests.core.models.nets import net as direcformer_net

SIDE = np.exp(-1 / (2 * (3 / 8) ** 2))
"""What a blur of an eighth of three pixels gives the neighbour, before it is divided by the sum."""


def one_bright_patch() -> Clip:
    frames = np.zeros((2, 3, 3, 3), np.uint8)
    frames[:, :, 1] = 255
    return Clip(frames, np.arange(2.0), "line", "line")


def test_blurred_cells_hold_the_mean_of_their_neighbours_worked_out_by_hand() -> None:
    model, _ = three()
    clip = one_bright_patch()
    middle, edge = 1 / (1 + 2 * SIDE), 2 * SIDE / (1 + 2 * SIDE)  # the edge mirrors the middle
    by_hand = [
        probability(score)
        for score in (2, 3 * edge + 2, 3 * edge + 2 * middle, 4 * edge + 2 * middle)
    ]
    curve = deletion(model, clip, 0, HEAT, "blur", steps=3)
    assert curve.probabilities == pytest.approx(by_hand, abs=1e-5)
    back = insertion(model, clip, 0, -HEAT, "blur", steps=3)
    assert back.probabilities == pytest.approx(by_hand[::-1], abs=1e-5)
    pictures = blurred(model, clip)
    assert pictures[0, 0, :, 0].tolist() == [round(255 * x) for x in (edge, middle, edge)]


def test_of_cells_that_tie_the_first_goes_first_and_one_without_a_value_counts_as_zero() -> None:
    heat = np.array([[[1.0, np.nan, 2.0], [1.0, -1.0, 0.0]]])
    assert removal_order(heat).tolist() == [2, 0, 3, 1, 5, 4]


def test_insertion_of_a_random_order_is_that_of_the_order_backwards() -> None:
    model, clip = three()
    told: list[float] = []
    results = random_curves(model, clip, 0, GRID, told.append, steps=3)
    assert len(results) == 5 and told[-1] == pytest.approx(1.0) and told == sorted(told)
    for heat, own in zip(random_heats(GRID), results, strict=True):
        for fill in FILLS:
            expected = insertion(model, clip, 0, -heat, fill, steps=3)
            curve = own["insertion", fill]
            assert curve.shares == pytest.approx(expected.shares)
            assert curve.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


def test_both_ways_with_both_fills_are_told_of_one_by_one_and_can_be_stopped() -> None:
    model, clip = three()
    told: list[float] = []
    own = curves(model, clip, 0, HEAT, told.append, steps=3)
    assert told == [0.25, 0.5, 0.75, 1.0] and len(own) == 4
    assert own["deletion", "mean"].area < own["insertion", "mean"].area
    assert own["deletion", "blur"].probabilities == pytest.approx(probability(6))  # white blurs

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curves(model, clip, 0, HEAT, stop, steps=3)


def test_the_weights_of_a_linear_model_beat_every_random_order_that_is_another() -> None:
    model, clip = three()
    sets = Subsets(np.eye(3, dtype=bool), np.array([3.0, 2.0, 1.0]))
    own, others = (
        curves(model, clip, 0, HEAT, steps=3),
        random_curves(model, clip, 0, GRID, steps=3),
    )
    scores = beside_random(HEAT, own, others, dict.fromkeys(FILLS, sets))
    same = sum(
        removal_order(heat).tolist() == [0, 1, 2] for heat in random_heats(GRID)
    )  # of the five
    assert scores["deletion", "mean"].beaten == 5 - same
    assert scores["deletion", "blur"].beaten == 0  # of a white clip blur takes nothing
    assert scores["sensitivity", "mean"].own == pytest.approx(1.0)
    assert scores["sensitivity", "mean"].beats_all and scores["infidelity", "mean"].beats_all
    worst = beside_random(-HEAT, own, others, dict.fromkeys(FILLS, sets))
    assert worst["sensitivity", "mean"].beaten == 0


def test_the_browser_gets_the_order_and_the_counts_that_the_curve_was_measured_with() -> None:
    model, clip = three()
    own, others = (
        curves(model, clip, 0, HEAT, steps=3),
        random_curves(model, clip, 0, GRID, steps=3),
    )
    data = removed_data(clip.frames, blurred(model, clip), (0.5, 0, 0), HEAT, own, others)
    assert data["grid"] == [1, 1, 3] and data["order"] == [0, 1, 2]
    assert data["counts"] == [0, 1, 2, 3]
    plain, blur = data["fills"]
    assert plain["plain"] == "rgb(128, 0, 0)" and blur["plain"] == "" and len(blur["frames"]) == 2
    by_hand = [round(100 * probability(score), 1) for score in (6, 3, 1, 0)]
    assert plain["deletion"]["own"] == by_hand
    figure = removal_figure(own, others, "a <b>")
    lines = [line for line in figure.data if line.mode == "lines+markers"]
    assert [round(y, 1) for y in lines[0].y] == by_hand
    assert figure.layout.yaxis.title.text == "a &lt;b&gt;"


def test_a_map_that_ties_with_a_baseline_does_not_beat_it() -> None:
    mask = np.zeros((1, 2, 4), bool)
    mask[0, :, :2] = True
    tip = np.array([[1.0, 1.0]])
    left, even = np.array([[[1.0, 0.0]]]), np.ones((1, 1, 2))
    maps = [
        NamedMap("left", left),
        NamedMap("even", even),
        NamedMap("uniform", even),
        NamedMap("centre", 1 - left),
    ]
    held = {each.name: each for each in held_against_truth(maps, mask, tip)}
    assert held["left"].beats_all and not any(held["left"].not_beaten.values())
    assert held["even"].not_beaten["auc"] == ("uniform",)
    assert not held["uniform"].beats_all and not any(held["uniform"].not_beaten.values())
    nothing = held_against_truth(maps, np.zeros_like(mask), np.array([[-9.0, 0.0]]))
    assert not any(any(each.not_beaten.values()) for each in nothing)


def test_one_map_by_its_name_is_that_of_all_maps() -> None:
    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)
    _, maps = every_map(model, clip, ("saliency",), 3)
    for name in ("GradCAM", "Saliency", "attention, layer 1", BASELINES[1]):
        expected = next(each for each in maps if each.name == name)
        assert np.allclose(named_map(model, clip, name, 3).heat, expected.heat, atol=1e-6)
    with pytest.raises(BadInput, match="no map 'rollout'"):
        named_map(model, clip, "rollout", 3)


def test_attention_is_asked_for_no_class_and_an_even_map_for_nothing() -> None:
    model = tiny("direcformer", direcformer_net())
    clip, other = clip_for(model, 1), clip_for(model, 2)

    def asked(name: str) -> tuple[float, float]:
        result = swaps(
            lambda clip, target: named_map(model, clip, name, target).heat, clip, 3, other, 5
        )
        return result.label, result.clip

    assert asked("attention")[0] == 1.0 and asked("attention")[1] < 0.7
    assert asked("uniform") == (1.0, 1.0)
    assert asked("GradCAM")[0] < 1.0
    even = cascade(model, lambda changed: np.ones(GRID))
    assert not even.depends_on_weights, "an even map that stays even does not change"
    told: list[float] = []
    cascade(model, lambda changed: np.ones(GRID), progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_verdicts_are_said_in_words() -> None:
    grid = np.arange(4.0).reshape(1, 2, 2)
    clip = one_bright_patch()
    fixed = swaps(lambda clip, target: grid, clip, 0, clip, 1)
    assert "does not depend on the class" in fixed.words[0]
    assert "does not depend on the clip" in fixed.words[1]
    turned = swaps(
        lambda clip, target: grid if target == 0 else grid.swapaxes(1, 2), clip, 0, clip, 1
    )
    assert turned.words[0].startswith("does not"), "0.8 is nearly the same"
    shuffled = np.array([[[1.0, 3.0], [0.0, 2.0]]])
    other = swaps(lambda clip, target: shuffled if target else grid, clip, 0, clip, 1)
    assert other.words[0].startswith("depends") and other.words[1].startswith("depends")

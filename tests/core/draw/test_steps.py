"""What the step-through draws is what core computes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.draw.steps import candidates, centred_scale, step_through, weight_scale
from core.explain import over_time, temporal, time_is_signed
from core.models import available
from core.observe import observe
from core.order import (
    Pixels,
    greedy_path,
    order_accuracy,
    order_matrix,
    path_weight,
    recover_order,
)
from core.video import subclip
from core.world.gestures import render, rendered_clip
from tests.core.order.test_recover import ALIKE, HAND, perfect_signs
from tests.core.tiny import random_model

ORDER = (2, 0, 3, 1)


def test_the_paths_are_those_of_core_with_their_running_weights() -> None:
    found = recover_order(HAND)
    data = step_through(HAND, found, ORDER, ["a", "b", "c", "d"], True)
    json.dumps(data)
    names = [path["name"] for path in data["paths"]]
    assert names == ["Exact optimum", "Runner-up", "Greedy path", "Best path backwards"]
    expected = [found.path, found.runner_up_path, greedy_path(HAND)[0], found.path[::-1]]
    for path, slots in zip(data["paths"], expected, strict=True):
        assert tuple(path["path"]) == slots and path["weight"] == pytest.approx(
            path_weight(HAND, slots)
        )
        assert path["running"][0] == 0 and path["running"][-1] == pytest.approx(path["weight"])
        assert path["accuracy"] == order_accuracy(slots, ORDER)
        assert path["places"] == [ORDER[slot] == place for place, slot in enumerate(slots)]
    assert (
        data["pictures"] == ["a", "b", "c", "d"]
        and data["permutation"] == list(ORDER)
        and data["exact"]
    )


def test_the_edges_are_the_whole_matrix_but_its_diagonal() -> None:
    matrix = np.random.default_rng(7).standard_normal((7, 7))
    data = step_through(matrix, recover_order(matrix), range(7), [""] * 7, True)
    drawn = np.diag(np.diag(matrix))
    for t, u, weight in data["edges"]:
        drawn[t, u] = weight
    np.testing.assert_array_equal(drawn, matrix)


def test_forbidden_edges_are_avoided_but_by_the_path_backwards() -> None:
    best = recover_order(HAND)
    edge = (best.path[-1], best.path[-2])
    found = recover_order(HAND, forbidden=[edge])
    data = step_through(HAND, found, ORDER, [""] * 4, True)
    assert data["forbidden"] == [list(edge)]
    uses = {
        path["name"]: edge in zip(path["path"][:-1], path["path"][1:], strict=True)
        for path in data["paths"]
    }
    assert uses == {
        "Exact optimum": False,
        "Runner-up": False,
        "Greedy path": False,
        "Best path backwards": True,
    }


def test_of_a_symmetric_matrix_the_path_and_its_reverse_stand_side_by_side() -> None:
    found = recover_order(ALIKE)
    paths = {c.name: c for c in candidates(ALIKE, found, (0, 1, 2, 3))}
    assert list(paths) == ["Exact optimum", "Best path backwards", "Runner-up", "Greedy path"]
    best, backwards = paths["Exact optimum"], paths["Best path backwards"]
    assert best.weight == backwards.weight and (best.accuracy, backwards.accuracy) == (100, 25)
    assert paths["Runner-up"].path == (0, 1, 3, 2), "the reverse is not its own runner-up"
    two = np.array([[0, 1.0], [1, 0]])
    names = [c.name for c in candidates(two, recover_order(two), (0, 1))]
    assert names == ["Exact optimum", "Best path backwards", "Greedy path"]


def test_a_greedy_path_in_a_dead_end_and_a_missing_runner_up_are_said() -> None:
    matrix = np.array([[0, 1.0, 2], [3, 0, 4], [5, 9, 0]])
    # 2 -> 0 -> 1 is left, but from 2 the heaviest edge goes to 1.
    found = recover_order(matrix, forbidden=[(1, 0), (1, 2), (0, 2)])
    assert {c.name: c.path for c in candidates(matrix, found, (0, 1, 2))} == {
        "Exact optimum": (2, 0, 1),
        "Greedy path": None,
        "Best path backwards": (1, 0, 2),
    }
    data = step_through(matrix, found, (0, 1, 2), [""] * 3, False)
    json.dumps(data, allow_nan=False)
    assert {"name": "Greedy path", "path": None} in data["paths"]


@pytest.mark.parametrize(
    ("matrix", "is_signed", "ends"),
    [
        (perfect_signs((0, 1, 2)), True, (-1, 1)),
        (np.array([[9, 0.2], [-0.6, 9]]), True, (-0.6, 0.6)),
        (np.array([[0, 0.2], [0.6, 0]]), True, (-0.6, 0.6)),
        (np.array([[9, 0.2], [0.6, 9]]), False, (0, 0.6)),
        (np.array([[0, -3.0], [-1, 0]]), False, (-3, 0)),
        (np.zeros((3, 3)), False, (0, 1)),
        (np.array([[4.0]]), True, (-1, 1)),
    ],
)
def test_zero_is_the_middle_of_a_signed_scale_and_an_end_of_any_other(
    matrix: np.ndarray, is_signed: bool, ends: tuple[float, float]
) -> None:
    scale = weight_scale(matrix, is_signed)
    assert (scale.low, scale.high) == ends and scale.is_one_sided != is_signed
    assert scale.neutral == (0 if is_signed else scale.low)


def test_a_one_sided_scale_holds_no_blue_and_begins_pale() -> None:
    data = step_through(0.1 + 0.2 * np.eye(4), recover_order(HAND), ORDER, [""] * 4, False)
    colours = np.array(data["scales"]["plain"]["colours"]).reshape(256, 3)
    assert colours[0].min() > 230 and (np.diff(colours.sum(1)) <= 0).all()
    assert (colours[:, 0] >= colours[:, 2]).all(), "red and never blue: that would say negative"


def test_colours_about_the_mean_say_so_and_are_offered_where_there_is_one_sign_only() -> None:
    matrix = np.array([[0, 0.1, 0.1], [0.1, 0, 0.1], [0.1, 0.7, 0]])
    scale = centred_scale(matrix)
    assert scale.is_centred and not weight_scale(matrix, False).is_centred
    assert (scale.low, scale.neutral, scale.high) == pytest.approx((0.1, 0.2, 0.7))
    colours = np.array(scale.data()["colours"]).reshape(256, 3)
    least, mean, greatest = colours[0], colours[round(255 / 6)], colours[-1]
    assert least[2] > least[0] and mean.min() > 225 and greatest.tolist() == [178, 24, 43]
    best = recover_order(HAND)
    assert step_through(HAND, best, ORDER, [""] * 4, True)["scales"]["centred"] is None
    assert step_through(HAND, best, ORDER, [""] * 4, False)["scales"]["centred"]["is_centred"]


@pytest.mark.parametrize("name", sorted(available()))
def test_every_one_sided_matrix_of_every_model_has_a_one_sided_scale(name: str) -> None:
    model = random_model(name)
    card = model.card
    clip = subclip(rendered_clip(render("carret", 13, frames=48)), frames=card.frames)
    trace = observe(model, clip)
    layers = [attention.layer for attention in over_time(trace)] or [None]
    is_signed = time_is_signed(trace)
    assert is_signed == (name == "direcformer")
    matrices = [temporal(trace, layer, head) for layer in layers for head in ("mean", "max", 0)]
    for matrix in matrices:
        scale = weight_scale(matrix, is_signed)
        assert scale.is_one_sided != is_signed
        if not is_signed:
            assert 0 in (scale.low, scale.high)
            off_diagonal = matrix[~np.eye(len(matrix), dtype=bool)]
            assert scale.low <= off_diagonal.min() and off_diagonal.max() <= scale.high
            assert off_diagonal.min() >= 0 or off_diagonal.max() <= 0, "a kernel of one sign"


def test_the_likeness_of_pixels_has_a_one_sided_scale_that_ends_at_no_difference() -> None:
    clip = subclip(rendered_clip(render("carret", 13, frames=48)), frames=8)
    scale = weight_scale(order_matrix(Pixels(), clip), False)
    assert scale.is_one_sided and scale.low < 0 == scale.high


def test_beyond_sixteen_slots_the_best_path_is_not_called_exact() -> None:
    matrix = perfect_signs(tuple(range(17)))
    data = step_through(matrix, recover_order(matrix), range(17), [""] * 17, True)
    assert not data["exact"] and data["paths"][0]["name"] == "Best path found"

"""Two matrices side by side: each in its own colours, with its own path."""

from __future__ import annotations

import numpy as np

from core.draw.lettering import number
from core.draw.order_pair import Panel, order_pair
from core.draw.steps import weight_scale
from core.order.facts import ranked_by_sums, row_sums
from tests.core.order.test_recover import HAND

PATH = (1, 3, 0, 2)


def test_each_matrix_has_its_own_scale_and_the_steps_of_its_own_path() -> None:
    softmax = np.abs(HAND)
    figure = order_pair(
        [
            Panel("signed", HAND, weight_scale(HAND, True), PATH),
            Panel("softmax", softmax, weight_scale(softmax, False), PATH[::-1]),
        ]
    )
    signed, one_sided = figure.data
    assert (signed.zmin, signed.zmax) == (-0.9, 0.9) and (one_sided.zmin, one_sided.zmax) == (
        0,
        0.9,
    )
    assert signed.colorscale[0][1] == "rgb(33,102,172)"
    assert one_sided.colorscale[0][1] == "rgb(247,247,247)", "nothing is blue that has no sign"
    assert list(one_sided.colorbar.ticktext) == ["0", "0.9"]
    assert list(signed.colorbar.ticktext) == ["−0.9", "0", "0.9"]
    np.testing.assert_array_equal(np.isnan(signed.z), np.eye(4, dtype=bool))
    steps = {}
    for cell in figure.layout.annotations:
        if cell.xref in ("x", "x2"):
            steps[cell.xref, cell.text] = (cell.y, cell.x)
    assert [steps["x", f"<b>{k}</b>"] for k in (1, 2, 3)] == [(1, 3), (3, 0), (0, 2)]
    assert [steps["x2", f"<b>{k}</b>"] for k in (1, 2, 3)] == [(2, 0), (0, 3), (3, 1)]


def test_row_sums_are_bars_in_their_order() -> None:
    sums, path = row_sums(HAND), ranked_by_sums(HAND)
    figure = order_pair([Panel("sums", HAND, weight_scale(HAND, True), path, sums)])
    (bars,) = figure.data
    assert list(bars.x) == sorted(sums, reverse=True)
    assert list(bars.y) == [f"slot {slot + 1}" for slot in path]


def test_a_negative_number_has_a_minus_sign() -> None:
    assert number(-0.08321, ".3g") == "−0.0832" and number(0.5, ".2f") == "0.50"

"""The numbers of a figure of lines, as its file holds them."""

from __future__ import annotations

import io

import numpy as np

from core.draw.curves import curves
from core.draw.export import npz
from core.draw.order_figures import lesson_curve
from pages.parts.export import of_lines


def test_the_numbers_of_curves_are_those_that_are_drawn() -> None:
    lines = {
        "one-run": ([24, 48, 72], [0.1, 0.25, 0.5], "#000000"),
        "one_run": ([24], [1.0], "#000000"),
    }
    figure = curves(lines, dashed={"one-run held out": ([48], [0.2], "#000000")}, percent=True)
    file = np.load(io.BytesIO(npz(of_lines(figure, "clips seen", "Top-1, percent"), "")))
    np.testing.assert_array_equal(file["one_run_x"], [24, 48, 72])
    np.testing.assert_allclose(file["one_run_y"], [10, 25, 50])
    # Names that differ in their marks alone stay apart.
    np.testing.assert_allclose(file["one_run_2_y"], [100])
    np.testing.assert_allclose(file["one_run_held_out_y"], [20])
    assert (
        "one_run_2_x: (n,) clips seen: one_run" in file["about"]
        and "one_run_y: (n,) Top-1, percent: one-run" in file["about"]
    )
    assert len(file["about"]) == 6


def test_the_numbers_of_a_lesson_hold_its_trials_and_what_they_are_measured_against() -> None:
    trials = [
        {"seconds": 0.0, "blocks": 50.0, "interleaved": 60.0},
        {"seconds": 12.0, "blocks": 70.0, "interleaved": 80.0},
    ]
    found = of_lines(lesson_curve(trials, 54.0, 47.125, 75), "seconds", "OrderAcc, percent")
    np.testing.assert_array_equal(found["held_out_blocks_x"][0], [0, 12])
    np.testing.assert_array_equal(found["held_out_blocks_y"][0], [50, 70])
    np.testing.assert_array_equal(found["chance_y"][0], [47.125] * 2)
    assert set(found) == {
        f"{line}_{axis}"
        for line in (
            "held_out_blocks",
            "between_learned_frames",
            "chance",
            "pixel_path_on_the_blocks",
        )
        for axis in "xy"
    }

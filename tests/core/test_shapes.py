"""Shapes and types of public functions are checked under pytest, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from core.draw.overlay import frame_rate
from core.errors import BadInput
from core.explain.optical import optical_flow
from core.explain.scores import roc_auc
from core.observe import softmax
from core.order import path_weight, pixel_affinity, recover_order

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "function", [softmax, optical_flow, pixel_affinity, frame_rate], ids=lambda one: one.__module__
)
def test_a_text_in_place_of_an_array_is_caught_in_every_package(
    function: Callable[[object], object],
) -> None:
    with pytest.raises(TypeCheckError):
        function("an array")


def test_a_matrix_that_is_not_square_is_caught() -> None:
    with pytest.raises(TypeCheckError):
        path_weight(np.zeros((3, 4)), (0, 1, 2))


def test_two_arrays_that_should_have_one_shape_are_caught_where_they_differ() -> None:
    with pytest.raises(TypeCheckError):
        roc_auc(np.zeros((2, 3, 4)), np.zeros((2, 3, 5), bool))


def test_frames_in_floating_point_are_caught() -> None:
    with pytest.raises(TypeCheckError):
        optical_flow(np.zeros((2, 8, 8, 3), np.float32))


def test_a_function_that_checks_a_shape_itself_still_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="square matrix"):
        recover_order(np.zeros((3, 4)))


@pytest.mark.long
def test_outside_of_the_tests_no_types_are_checked() -> None:
    program = (
        "import sys, core.order, core.explain, core.draw.overlay, core.observe; "
        "sys.exit('beartype' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)

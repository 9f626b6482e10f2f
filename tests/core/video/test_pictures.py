"""From a decoded frame to the picture that its file wants to be shown."""

from __future__ import annotations

import numpy as np
import pytest

from core.video.pictures import orientation, upright

TURNS_AND_MIRRORS = [
    (a, b, c, d)
    for a, b, c, d in np.ndindex(3, 3, 3, 3)
    if abs((a - 1) * (d - 1) - (b - 1) * (c - 1)) == 1
    and (a - 1) * (b - 1) == 0 == (c - 1) * (d - 1)
]
"""The eight display matrices that keep a rectangle one, each number plus 1."""


def display_matrix(a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    return np.array([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30], "=i4").tobytes()


@pytest.mark.parametrize("numbers", TURNS_AND_MIRRORS)
def test_every_pixel_is_shown_where_the_display_matrix_puts_it(numbers: tuple[int, ...]) -> None:
    a, b, c, d = (number - 1 for number in numbers)
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    put = {(a * x + c * y, b * x + d * y): image[y, x] for y in range(2) for x in range(3)}
    left, top = min(x for x, _ in put), min(y for _, y in put)
    shown = upright(image, orientation(display_matrix(a, b, c, d)))
    for (x, y), pixel in put.items():
        np.testing.assert_array_equal(shown[y - top, x - left], pixel)


def test_a_matrix_that_squeezes_the_picture_to_nothing_is_left_out() -> None:
    assert orientation(display_matrix(0, 0, 0, 0)) == (False, False, False)

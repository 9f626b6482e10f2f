"""Names of points: none covers another, on any width that is looked after."""

from __future__ import annotations

import numpy as np

from core.draw.labels import overlaps, places

ROOM = (400.0, 300.0)


def test_a_name_alone_touches_the_ring_around_its_point() -> None:
    ((x, y),) = places(np.array([[[200.0, 150.0]]]), np.array([[40.0, 10.0]]), [ROOM], radius=5)
    assert abs(x) == 20 + 5 + 3 or abs(y) == 5 + 5 + 3


def test_a_line_does_not_run_through_another_point() -> None:
    """The place right of the first point is taken by a row of points, with its name beyond."""
    row = [[100.0 + 20 * i, 100.0] for i in range(5)]
    sizes = np.array([[30.0, 12.0]] * 5)
    offsets = places(np.array([row]), sizes, [ROOM], radius=5)
    for (x, y), (dx, dy) in zip(row, offsets, strict=True):
        for share in np.linspace(0.1, 1, 10):
            ends = np.array([x + share * dx, y + share * dy])
            gaps = [np.hypot(*(ends - other)) for other in row if other != [x, y]]
            assert min(gaps) > 5


def test_a_name_at_the_edge_stays_inside() -> None:
    points = np.array([[[399.0, 150.0]]])
    offsets = places(points, np.array([[40.0, 10.0]]), [ROOM])
    assert (points[0] + offsets)[0, 0] + 20 <= 400


def test_names_of_points_at_one_place_do_not_cover_each_other() -> None:
    points = np.full((1, 7, 2), 150.0)
    sizes = np.full((7, 2), (60.0, 14.0))
    offsets = places(points, sizes, [ROOM])
    assert overlaps(points[0], sizes, offsets) == []
    assert overlaps(points[0], sizes, np.zeros((7, 2))) == [
        (i, j) for i in range(7) for j in range(i + 1, 7)
    ]


def test_a_place_is_good_for_every_width_at_once() -> None:
    """Side by side on the narrow screen, the right one's name would run into the other."""
    narrow = np.array([[100.0, 100.0], [160.0, 100.0]])
    wide = narrow * (2.0, 1.0)
    sizes = np.full((2, 2), (90.0, 14.0))
    offsets = places(np.stack([narrow, wide]), sizes, [ROOM, (800.0, 300.0)])
    assert overlaps(narrow, sizes, offsets) == overlaps(wide, sizes, offsets) == []

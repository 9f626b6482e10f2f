"""The stack in space and time."""

from __future__ import annotations

import numpy as np

from core.draw.tube import centres, tube
from core.draw.tube_film import tube_film

NAN = float("nan")


def test_the_middle_and_width_of_the_attention_by_hand() -> None:
    heat = np.zeros((3, 2, 5))
    heat[0, 1, 3] = -2.0  # one patch: at (3.5 / 5, 1.5 / 2), no wider than a point
    heat[1, 0, 0] = heat[1, 0, 4] = 1.0  # two at the ends of the upper row
    heat[2] = NAN
    np.testing.assert_allclose(
        centres(heat)[:2], [[0.7, 0.75, 0, 0, 0.5], [0.5, 0.25, 0.4, 0, 0.5]], atol=1e-12
    )
    assert np.isnan(centres(heat)[2]).any()


def test_the_tube_runs_through_the_steps_that_are_seen() -> None:
    heat = np.random.default_rng(0).random((5, 3, 7))
    heat[1] = NAN
    frames = np.zeros((5, 30, 42, 3), np.uint8)
    figure = tube(frames, heat, [f"{t} s" for t in range(5)], asks=(2, 1, 6))
    assert len(figure.layout.images) == 5
    middle = next(trace for trace in figure.data if trace.mode == "lines+markers")
    assert len(middle.x) == 4 and [int(x) for x in middle.x] == [0, 2, 3, 4], (
        "a frame of which nothing is seen is passed over"
    )
    assert sum(trace.fill == "toself" for trace in figure.data) == 3
    words = " ".join(note.text for note in figure.layout.annotations)
    assert "nan" not in words and all(f"{t} s" in words for t in range(5))
    asked = figure.data[-1]
    assert np.ptp(asked.x) > 0 and min(asked.x) > 2 and max(asked.x) < 3, (
        "the patch that asks is outlined on its own frame"
    )


def test_the_film_of_the_tube_is_the_tube_as_it_grows() -> None:
    frames = np.full((3, 12, 16, 3), 90, np.uint8)
    heat = np.zeros((3, 3, 4), np.float32)
    heat[:, 1, 2] = 1.0
    film = tube_film(frames, heat, ["0 s", "1 s", "2 s"], (0, 1, 2))
    assert film.shape == (3, 400, 960, 3) and film.dtype == np.uint8
    columns = (film != film[0, 0, 0]).any((1, 3))  # where something is drawn, (3, W)
    assert columns[0, :310].any() and not columns[0, 330:].any(), "one frame of three at first"
    assert columns[1, 340:600].any() and not columns[1, 650:].any()
    assert columns[2, 660:940].any()
    whole = tube(frames, heat, ["0 s", "1 s", "2 s"], (0, 1, 2))
    part = tube(frames, heat, ["0 s", "1 s", "2 s"], (0, 1, 2), until=2)
    assert len(whole.layout.images) == 3 and len(part.layout.images) == 2
    assert whole.layout.xaxis.range == part.layout.xaxis.range

"""Rendered gestures: the same bytes from the same seed, and a ground truth that is true."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from core.world import backgrounds, paint, sprites
from core.world.gestures import DIRECTED, LABELS, Gesture, Odds, render

ROOT = Path(__file__).parents[3]
SEEDS = range(24)
STROKES = {
    "left": [(1, 0), (-1, 0)],
    "right": [(-1, 0), (1, 0)],
    "up": [(0, 1), (0, -1)],
    "down": [(0, -1), (0, 1)],
    # counter-clockwise from two o'clock
    "circle": [(np.cos(a), -np.sin(a)) for a in np.pi / 6 + np.linspace(0, 2 * np.pi, 41)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)],  # clockwise from the top left
    # from the lower left up to the tip
    "star": [(-0.75, 1), (0, -1), (0.75, 1), (-1, -0.25), (1, -0.25), (-0.75, 1)],
    "tick": [(-1, -0.3), (-0.2, 1), (1, -1)],
    "delete": [(-1, -1), (1, 1), (-1, 1), (1, -1)],
    "carret": [(-1, 1), (0, -1), (1, 1)],
}
"""How the strokes run: x to the right, y down, each within -1..1."""


def fingerprint(gesture: Gesture) -> str:
    total = hashlib.sha256()
    for array in (gesture.frames, gesture.mask, gesture.fingertip, gesture.camera, gesture.times):
        total.update(array.tobytes())
    return total.hexdigest()


@cache
def small(label: str, seed: int) -> Gesture:
    return render(label, seed, frames=24, size=(30, 40))


def mean_path(label: str) -> np.ndarray:
    """The fingertip path (24, 2) averaged over seeds, scaled to -1..1 along its longer side."""
    path = np.mean([small(label, seed).fingertip / (40, 30) for seed in SEEDS], 0)
    low, high = path.min(0), path.max(0)
    return (path - (low + high) / 2) / ((high - low).max() / 2)


def template(label: str) -> np.ndarray:
    points = np.array(STROKES[label], float)
    length = np.r_[0, np.hypot(*np.diff(points, axis=0).T).cumsum()]
    distance = (np.arange(24) + 0.5) / 24 * length[-1]
    return np.stack([np.interp(distance, length, points[:, i]) for i in (0, 1)], 1)


def turning(path: np.ndarray) -> float:
    """Twice the enclosed area with y down: positive for clockwise on the screen."""
    x, y = path.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def test_the_ten_labels_are_those_of_the_data_set() -> None:
    assert set(LABELS) == set(STROKES) and len(LABELS) == 10
    assert set(DIRECTED) == set(LABELS) - {"left", "right", "up", "down"}


@pytest.mark.parametrize("label", LABELS)
def test_shapes_types_and_units(label: str) -> None:
    gesture = render(label, 3, frames=5, size=(35, 53), seconds=2.0)
    assert (gesture.label, gesture.seed) == (label, 3)
    assert gesture.frames.shape == (5, 35, 53, 3) and gesture.frames.dtype == np.uint8
    assert gesture.mask.shape == (5, 35, 53) and gesture.mask.dtype == bool
    assert gesture.fingertip.shape == (5, 2) and gesture.camera.shape == (5, 2, 3)
    np.testing.assert_allclose(gesture.times, [0.2, 0.6, 1.0, 1.4, 1.8], rtol=1e-6)


@pytest.mark.parametrize("label", LABELS)
def test_the_same_seed_gives_the_same_bytes_with_cold_caches(label: str) -> None:
    first = fingerprint(render(label, 11, frames=3, size=(24, 32)))
    for drawing in (backgrounds.background, sprites.hand, sprites.arm, paint.grain):
        drawing.cache_clear()
    assert fingerprint(render(label, 11, frames=3, size=(24, 32))) == first
    assert fingerprint(render(label, 12, frames=3, size=(24, 32))) != first


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, hashlib; from "
        "core.world.gestures import render\n"
        "for label in ('circle', 'left'):\n"
        "    g = render(label, 2**40 - 1, frames=3, size=(24, 32)); h = hashlib.sha256()\n"
        "    for a in (g.frames, g.mask, g.fingertip, g.camera, g.times): h.update(a.tobytes())\n"
        "    print(h.hexdigest())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [
        fingerprint(render(label, 2**40 - 1, frames=3, size=(24, 32)))
        for label in ("circle", "left")
    ]


def test_rendering_leaves_the_shared_scenery_as_it_was() -> None:
    for drawing, count in (
        (sprites.hand, sprites.HANDS),
        (backgrounds.background, backgrounds.BACKGROUNDS),
    ):
        drawing.cache_clear()
        for seed in range(6):
            render("tick", seed, frames=2, size=(24, 32))
        drawn = {i: drawing(i).copy() for i in range(min(count, 3))}
        for seed in range(6):
            render("star", seed, frames=2, size=(24, 32))
        assert all(np.array_equal(drawing(i), image) for i, image in drawn.items())


def test_labels_of_one_seed_differ() -> None:
    assert len({fingerprint(render(label, 5, frames=2, size=(24, 32))) for label in LABELS}) == 10


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.long
def test_strokes_run_as_people_draw_them(label: str) -> None:
    """Of all strokes, and of all strokes backwards, the mean path lies nearest to its own."""
    path = mean_path(label)
    apart = {}
    for other in LABELS:
        apart[other] = np.abs(path - template(other)).mean()
        apart[f"{other} backwards"] = np.abs(path - template(other)[::-1]).mean()
    # Left is right backwards.
    assert min(apart, key=apart.get) == label or (
        f"{min(apart, key=apart.get)}"
        in {f"{o} backwards" for o in ("left", "right", "up", "down")}
        and apart[label] == pytest.approx(min(apart.values()))
    )
    assert apart[label] < 0.35


@pytest.mark.parametrize(
    ("label", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)]
)
def test_straight_strokes_run_in_their_direction(label: str, axis: int, sign: int) -> None:
    mostly = []
    for seed in SEEDS:
        path = small(label, seed).fingertip / (40, 30)
        run = path[-1] - path[0]
        assert sign * run[axis] > 0.1, seed
        # A tilted arm may cross the diagonal now and then.
        mostly.append(abs(run[axis]) > abs(run[1 - axis]))
    assert np.mean(mostly) >= 0.9


def test_circles_run_counter_clockwise_and_squares_clockwise() -> None:
    for seed in SEEDS:
        assert turning(small("circle", seed).fingertip) < 0, seed
        assert turning(small("square", seed).fingertip) > 0, seed
    assert mean_path("circle")[0, 1] < -0.5  # from the top
    assert (mean_path("square")[0] < -0.5).all()  # from the top left


def test_square_and_delete_and_tick_pass_their_corners_in_order() -> None:
    square = mean_path("square")
    order = [int(np.abs(square - corner).sum(1).argmin()) for corner in ((1, -1), (1, 1), (-1, 1))]
    assert order == sorted(order)
    delete = mean_path("delete")
    assert (delete[0] < 0).all() and delete[-1, 0] > 0 > delete[-1, 1]
    bottom_right, bottom_left = ((delete - corner) ** 2 for corner in ((1, 1), (-1, 1)))
    assert bottom_right.sum(1).argmin() < bottom_left.sum(1).argmin()
    tick = mean_path("tick")
    assert 0 < tick[:, 1].argmax() < 14 and tick[-1, 1] < tick[0, 1] and tick[-1, 0] > 0.5


@pytest.mark.parametrize("label", LABELS)
def test_the_fingertip_lies_on_the_hand(label: str) -> None:
    """The truth for heat maps: where the tip is well inside the frame, hand pixels are close by.

    Close by only, since motion thins the tip.
    """
    apart = []
    for seed in SEEDS[:8]:
        gesture = small(label, seed)
        for (x, y), mask in zip(gesture.fingertip, gesture.mask, strict=True):
            if 0 <= x < 40 and 0 <= y < 0.75 * 30:  # lower, and the hand itself is below the frame
                rows, cols = mask.nonzero()
                assert len(rows), "a hand with its tip in the frame is in the frame"
                apart.append(np.hypot(cols - x, rows - y).min() / 40)
    assert len(apart) > 75
    assert np.mean(apart) < 0.025 and np.quantile(apart, 0.95) < 0.06 and max(apart) < 0.2


@pytest.mark.parametrize("label", LABELS)
def test_the_hand_is_below_its_fingertip(label: str) -> None:
    below = []
    for seed in SEEDS[:8]:
        gesture = small(label, seed)
        below += [
            m.nonzero()[0].mean() > y
            for (_, y), m in zip(gesture.fingertip, gesture.mask, strict=True)
            if m.any()
        ]
    assert np.mean(below) > 0.95


def test_the_hand_covers_a_plausible_part_of_the_frame() -> None:
    coverage = [small(label, seed).mask.mean() for label in LABELS for seed in SEEDS[:8]]
    assert 0.03 < np.mean(coverage) < 0.45
    assert all(small("tick", seed).mask.any((1, 2)).mean() > 0.9 for seed in SEEDS)


def test_more_frames_follow_the_same_stroke() -> None:
    few, many = (
        render("star", 4, frames=5, size=(24, 32)),
        render("star", 4, frames=15, size=(24, 32)),
    )
    np.testing.assert_allclose(few.fingertip, many.fingertip[1::3], atol=1e-3)


def test_the_path_does_not_depend_on_the_size_of_the_picture() -> None:
    a, b = render("star", 4, frames=5, size=(24, 32)), render("star", 4, frames=5, size=(48, 64))
    np.testing.assert_allclose(a.fingertip * 2, b.fingertip, atol=1e-3)


def test_one_frame_and_the_smallest_and_largest_picture_render() -> None:
    assert render("left", 0, frames=1, size=(8, 8)).frames.shape == (1, 8, 8, 3)
    assert render("left", 0, frames=1, size=(paint.GRAIN, 9)).frames.shape == (
        1,
        paint.GRAIN,
        9,
        3,
    )


def colours(clip: Gesture) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of the hand and of the background, each (3,)."""
    return clip.frames[clip.mask].mean(0), clip.frames[~clip.mask].mean(0)


def hue_change(clip: Gesture) -> float:
    red, green, blue = clip.frames.mean((1, 2)).T + 1
    return max(np.ptp(np.log(red / green)), np.ptp(np.log(blue / green)))


HARD_TO_SEE = {  # less of what makes a clip easy to see
    "same_colour": lambda clip: np.abs(np.subtract(*colours(clip))).sum(),
    "dim": lambda clip: clip.frames.mean(),
    "backlit": lambda clip: colours(clip)[0].mean(),
    "moving": lambda clip: -np.ptp(clip.camera[:, :, 2], 0).sum(),
    "recoloured": lambda clip: -hue_change(clip),
}


@pytest.mark.parametrize("name", HARD_TO_SEE)
def test_a_clip_is_harder_to_see_with_higher_odds_and_its_stroke_stays(name: str) -> None:
    visibility = {}
    for share in (0.0, 1.0):
        odds = Odds(**dict.fromkeys(HARD_TO_SEE, 0.0) | {name: share})
        clips = [render("tick", seed, frames=5, size=(24, 32), odds=odds) for seed in range(40)]
        visibility[share] = np.mean([HARD_TO_SEE[name](clip) for clip in clips])
    assert visibility[1.0] < visibility[0.0] - 0.1 * abs(visibility[0.0])
    np.testing.assert_array_equal(
        clips[3].fingertip, render("tick", 3, frames=5, size=(24, 32)).fingertip
    )


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_odds_are_shares(share: float) -> None:
    with pytest.raises(
        BadInput, match="for moving are no share of the clips; give a number from 0 to 1"
    ):
        Odds(moving=share)


@pytest.mark.parametrize("label", ["caret", "Left", "", "del"])
def test_an_unknown_label_is_refused_with_the_known_ones(label: str) -> None:
    with pytest.raises(BadInput, match="carret") as error:
        render(label, 0)
    assert "\n" not in str(error.value)


WRONG = [
    {"frames": 0},
    {"frames": -1},
    {"seed": -1},
    {"size": (7, 100)},
    {"size": (100, 0)},
    {"size": (2000, 100)},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_sizes_that_make_no_sense_are_refused_in_a_clear_line(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput) as error:
        render("left", **{"seed": 0, "frames": 3, "size": (24, 32)} | wrong)
    message = str(error.value)
    assert "\n" not in message
    assert f"8 to {paint.GRAIN} px" in message and "{" not in message

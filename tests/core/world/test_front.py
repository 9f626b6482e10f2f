"""Strokes seen from the front: the same truth, another world, and today's own view as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import BadInput
from core.video import decode
from core.world.front import Somebody
from core.world.gestures import LABELS, Gesture, render
from core.world.person import HEAD, PEOPLE, open_hand, person, tone
from core.world.render import moments_of
from core.world.sprites import HAND_ORIGIN

SIZE = (60, 80)


def front(label: str, seed: int, **how: object) -> Gesture:
    return render(label, seed, frames=5, size=SIZE, view="front", **how)  # type: ignore[arg-type]


def test_a_seed_decides_every_byte_and_the_views_differ() -> None:
    one, two = front("star", 3), front("star", 3)
    np.testing.assert_array_equal(one.frames, two.frames)
    assert not np.array_equal(one.frames, front("star", 4).frames)
    assert not np.array_equal(one.frames, render("star", 3, frames=5, size=SIZE).frames)
    np.testing.assert_array_equal(front("star", 3, only=[1, 4]).frames, one.frames[[1, 4]])


def test_the_mask_is_the_hand_with_its_arm_and_not_the_person() -> None:
    """It reaches the fingertip, and goes down out of the picture."""
    touched, shares = [], []
    for seed in range(12):
        gesture = front(LABELS[seed % 10], seed)
        for mask, (x, y) in zip(gesture.mask, gesture.fingertip, strict=True):
            rows, columns = np.nonzero(mask)
            if 2 < x < SIZE[1] - 3 and 2 < y < SIZE[0] - 8:
                touched.append(np.hypot(columns - x, rows - y).min() < 4)
                assert rows.max() >= SIZE[0] - 2, "the arm ends nowhere in the picture"
            shares.append(mask.mean())
    assert len(touched) > 40 and np.mean(touched) > 0.95
    assert np.mean(shares) < 0.3, "head and shoulders are no part of it"


def test_a_stroke_to_the_right_runs_to_the_right_in_the_picture() -> None:
    for label, sign in (("right", 1), ("left", -1)):
        for seed in range(4):
            x = front(label, seed).fingertip[:, 0]
            assert sign * (x[-1] - x[0]) > 0
            centre = [np.nonzero(mask)[1].mean() for mask in front(label, seed).mask[[0, -1]]]
            assert sign * (centre[1] - centre[0]) > 0


def test_somebody_is_in_the_picture_with_the_skin_of_their_own_hand() -> None:
    rng = np.random.default_rng(0)
    somebody = Somebody.draw(rng, moments_of(3), SIZE, 5)
    opaque = somebody.view(1, SIZE)[..., 3] > 127
    assert 0.1 < opaque.mean() < 0.9
    x, y = (somebody.chin * SIZE[::-1]).astype(int)
    assert opaque[y - 3, x], "above the chin is the face"
    picture = person(5).astype(float)
    face = picture[120 - int(0.35 * HEAD), 128, :3]
    face, skin = face / face.sum(), tone(5) / tone(5).sum()
    np.testing.assert_allclose(face, skin, atol=0.06)


def test_an_open_hand_has_five_fingers_and_its_tip_where_a_pointing_one_has_it() -> None:
    alpha = open_hand(4)[..., 3] > 127
    x, y = HAND_ORIGIN
    assert alpha[y + 2 : y + 6, x].any() and not alpha[: y - 10].any()
    across = alpha[y + 28].astype(int)
    assert (np.diff(across) == 1).sum() >= 4, "below the tips each finger stands alone"
    assert len({person(i).tobytes() for i in range(6)}) == 6 and PEOPLE > 100


def test_the_command_renders_the_front_and_refuses_other_views(tmp_path: Path) -> None:
    words = ["render", "--label", "circle", "--seed", "1", "--frames", "2", "--view", "front"]
    assert main([*words, "--out", str(tmp_path / "clip.mp4")]) == 0
    assert len(decode(tmp_path / "clip.mp4", frames=2)) == 2
    with pytest.raises(BadInput, match="view 'back' is not known; choose one of own, front"):
        render("circle", 1, view="back")  # type: ignore[arg-type]

"""Strokes seen from the front: the same truth, another world, and today's own view as it was."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cli import main
from core.errors import BadInput
from core.video import decode
from core.world.arm import Joints, Swing
from core.world.gestures import LABELS, USUAL, Gesture, render
from core.world.limbs import LIMB, LIMB_ORIGIN, POSES, hand_pose
from core.world.person import CHIN, HEAD, PEOPLE, person, tone
from core.world.phases import Phases
from core.world.render import moments_of
from core.world.rooms import ROOMS, room
from core.world.sprites import UNIT
from core.world.stroke import SAMPLES
from core.world.webcam import standing

SIZE = (60, 80)


def front(label: str, seed: int, frames: int = 5, **how: object) -> Gesture:
    how = {"frames": frames, "size": SIZE, "view": "front", **how}
    return render(label, seed, **how)  # type: ignore[arg-type]


def test_a_seed_decides_every_byte_and_the_views_differ() -> None:
    one, two = front("star", 3), front("star", 3)
    np.testing.assert_array_equal(one.frames, two.frames)
    assert not np.array_equal(one.frames, front("star", 4).frames)
    assert not np.array_equal(one.frames, render("star", 3, frames=5, size=SIZE).frames)
    np.testing.assert_array_equal(front("star", 3, only=[1, 4]).frames, one.frames[[1, 4]])


def test_the_mask_is_the_hand_with_its_forearm_and_not_the_person() -> None:
    """It reaches the fingertip, and is of one piece."""
    touched, shares, pieces = [], [], []
    for seed in range(16):
        gesture = front(LABELS[seed % 10], seed)
        for mask, (x, y) in zip(gesture.mask, gesture.fingertip, strict=True):
            rows, columns = np.nonzero(mask)
            shares.append(mask.mean())
            if 2 < x < SIZE[1] - 3 and 2 < y < SIZE[0] - 8:
                touched.append(np.hypot(columns - x, rows - y).min(initial=99) < 4)
                pieces.append(cv2.connectedComponents(mask.astype(np.uint8))[0] - 1)
    assert len(touched) > 50 and np.mean(touched) > 0.9
    assert np.mean(np.array(pieces) == 1) > 0.9
    assert 0.01 < np.mean(shares) < 0.2, "head and body are no part of it"


def test_a_stroke_takes_its_part_of_a_clip_between_two_rests() -> None:
    line = np.linspace((0.2, 0.5), (0.8, 0.5), SAMPLES)
    rng = np.random.default_rng(0)
    tip = Phases(0.25, 0.5, 0.0, 0.0).run(line, rng)
    moments = (np.array([0, 0.2, 0.375, 0.55, 1]) * (SAMPLES - 1)).astype(int)
    np.testing.assert_allclose(tip[moments, 0], [0.2, 0.2, 0.5, 0.8, 0.8], atol=0.04)
    both = Phases(0.4, 0.6, 0.2, 0.2).run(line, rng)
    moments = (np.array([0, 0.38, 0.5, 0.62, 1]) * (SAMPLES - 1)).astype(int)
    assert both[0, 1] > 0.57 and both[-1, 1] > 0.57, "the hand comes from below and goes back"
    np.testing.assert_allclose(both[moments[1:4], 0], [0.2, 0.5, 0.8], atol=0.04)


def test_straight_strokes_can_be_quick_and_the_others_keep_most_of_the_clip() -> None:
    rng = np.random.default_rng(1)
    quick, whole = ([Phases.draw(rng, label) for _ in range(300)] for label in ("right", "square"))
    shares = np.array([each.end - each.begin for each in quick])
    assert 0.2 < (shares < 0.25).mean() < 0.6 and shares.min() > 0.1
    assert min(each.end - each.begin for each in whole) >= 0.68
    for each in quick + whole:
        assert each.raising <= max(each.begin - 0.05, 0)
        assert each.leaving <= max(0.95 - each.end, 0)


def test_a_stroke_to_the_right_runs_to_the_right_in_the_picture() -> None:
    for label, sign in (("right", 1), ("left", -1)):
        for seed in range(5):
            gesture = front(label, seed, frames=12)
            steps = np.diff(gesture.fingertip[:, 0])
            quickest = int(np.abs(steps).argmax())
            assert sign * steps[quickest] > 0
            before, after = (np.nonzero(mask)[1] for mask in gesture.mask[[quickest, quickest + 1]])
            if len(before) and len(after):
                assert sign * (after.mean() - before.mean()) > 0


def test_an_arm_joins_the_fingertip_to_the_elbow_and_the_elbow_to_the_shoulder() -> None:
    """A hand that points straight up: its wrist is below the tip, the elbow below the wrist."""
    tip, elbow = np.array([[0.5, 0.3]]), np.array([[0.5, 0.9]])
    zero, one = np.zeros(1), np.ones(1)
    swing = Swing(tip, elbow, zero, one, zero, 0.1, 1.0)
    pose = hand_pose(0)
    joints = Joints.of(swing, pose, np.array([[0.2, 0.8]]), 0.1)
    np.testing.assert_allclose(joints.hand[0] @ [*pose.tip, 1], tip[0])
    wrist = joints.hand[0] @ [*pose.wrist, 1]
    down = (pose.wrist[1] - pose.tip[1]) * 0.1 / UNIT
    np.testing.assert_allclose(wrist[1] - tip[0, 1], down)
    np.testing.assert_allclose(joints.forearm[0] @ [*LIMB_ORIGIN, 1], wrist)
    end = (LIMB_ORIGIN[0], LIMB_ORIGIN[1] + LIMB * UNIT, 1)
    elbow_at = joints.forearm[0] @ end
    reached = min(1.15 * LIMB * 0.1, float(np.hypot(*(elbow[0] - wrist))))
    np.testing.assert_allclose(np.hypot(*(elbow_at - wrist)), reached)
    np.testing.assert_allclose(joints.upper[0] @ [*LIMB_ORIGIN, 1], elbow_at)
    np.testing.assert_allclose(joints.upper[0] @ end, [0.2, 0.8])
    assert joints.is_palm[0]


def test_a_hand_turns_with_the_arm_that_swings_about_its_elbow() -> None:
    """The tip goes from beside the elbow over it to its other side: a half turn to the right."""
    t = np.linspace(-np.pi / 2, np.pi / 2, SAMPLES)
    tip = np.array([0.7, 0.6]) + 0.3 * np.stack([np.sin(t), -np.cos(t)], 1)
    turned = []
    for seed in range(40):
        swing = Swing.draw(np.random.default_rng(seed), tip, 0.1, tip)
        turned.append(swing.angle[-1] - swing.angle[0])
    assert np.mean(np.array(turned) > 0.3) > 0.55 > 0.3 > np.mean(np.array(turned) < -0.3)


def test_a_person_has_the_skin_of_their_own_hand() -> None:
    picture = person(5).astype(float)
    x, y = CHIN
    assert (picture[y - HEAD // 2 : y, x, 3] > 250).all(), "above the chin is the face"
    assert 0.2 < (picture[..., 3] > 127).mean() < 0.7
    cheek = picture[y - int(0.33 * HEAD), x + int(0.2 * HEAD), :3]
    np.testing.assert_allclose(cheek / cheek.sum(), tone(5) / tone(5).sum(), atol=0.06)
    assert len({person(i).tobytes() for i in range(4)}) == 4 and PEOPLE > 100


def test_a_hand_is_open_or_holds_out_some_fingers_and_shows_palm_or_back() -> None:
    fingers = []
    for index in range(24):
        pose = hand_pose(index)
        x, y = (int(v) for v in pose.tip)
        alpha = pose.palm[..., 3] > 127
        assert alpha[y + 2 : y + 8, x - 3 : x + 4].any() and not alpha[: max(y - 12, 0)].any()
        across = alpha[y + 14].astype(int)
        fingers.append(int((np.diff(across) == 1).sum()))
        assert not np.array_equal(pose.palm, pose.back)
    assert {1, 2} <= set(fingers) and max(fingers) >= 4 and POSES > 100


def test_rooms_are_light_and_a_camera_before_them_mostly_stands_still() -> None:
    rooms = [room(i) for i in range(12)]
    assert np.median([each.mean() for each in rooms]) > 100
    assert len({each.tobytes() for each in rooms}) == 12 and ROOMS > 100
    rng, moments = np.random.default_rng(0), moments_of(6)
    cameras = [standing(rng, moments, SIZE, USUAL).matrices for _ in range(60)]
    still = np.mean([bool((each == each[0]).all()) for each in cameras])
    assert 0.5 < still < 0.85


def test_the_command_renders_the_front_and_refuses_other_views(tmp_path: Path) -> None:
    words = ["render", "--label", "circle", "--seed", "1", "--frames", "2", "--view", "front"]
    assert main([*words, "--out", str(tmp_path / "clip.mp4")]) == 0
    assert len(decode(tmp_path / "clip.mp4", frames=2)) == 2
    with pytest.raises(BadInput, match="view 'back' is not known; choose one of own, front"):
        render("circle", 1, view="back")  # type: ignore[arg-type]

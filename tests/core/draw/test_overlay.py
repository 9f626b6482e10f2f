"""Overlays and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.draw.overlay import (
    coloured,
    diverging_lut,
    enlarged,
    frame_rate,
    normalised,
    outlined,
    overlay,
    write_mp4,
)
from core.errors import BadInput
from core.video import decode, probe


def test_what_cannot_be_seen_is_not_painted() -> None:
    frames = np.full((2, 12, 16, 3), 100, np.uint8)
    heat = np.array([[[1.0, np.nan]], [[np.nan, 1.0]]])
    painted = overlay(frames, heat, opacity=1.0, smooth=False)
    assert (painted[0, :, 8:] == 100).all() and (painted[1, :, :8] == 100).all()
    assert (painted[0, :, :8] != 100).any(-1).all() and (painted[1, :, 8:] != 100).any(-1).all()


def test_scales_run_from_zero_to_the_maximum_of_the_clip_or_of_each_frame() -> None:
    heat = np.array([[[0.0, 1.0]], [[2.0, 4.0]]])
    np.testing.assert_allclose(normalised(heat, signed=False), [[[0, 0.25]], [[0.5, 1]]])
    np.testing.assert_allclose(
        normalised(heat, signed=False, scale="frame"), [[[0, 1]], [[0.5, 1]]]
    )


def test_signed_scales_keep_zero_in_the_middle() -> None:
    heat = np.array([[[-1.0, 0.0, 0.5, np.nan]]])
    np.testing.assert_allclose(normalised(heat, signed=True), [[[0, 0.5, 0.75, 0.5]]])
    assert (
        coloured(np.array(0.5), signed=True).tolist() == diverging_lut()[128].tolist()
        and diverging_lut()[128].min() > 230
    )


def test_no_attention_leaves_little_colour_and_the_outside_of_the_box_alone() -> None:
    frames = np.full((4, 12, 16, 3), 100, np.uint8)
    heat = np.zeros((2, 3, 3))
    heat[1, 1, 1] = 1
    out = overlay(frames, heat, opacity=0.5, box=(2, 3, 9, 9), smooth=False)
    assert (
        (out[:, :2] == 100).all() and (out[:, :, :3] == 100).all() and (out[:, :, 12:] == 100).all()
    )
    # A step covers two frames.
    assert (out[0] == out[1]).all() and (out[2] == out[3]).all() and (out[2] != out[0]).any()
    assert (overlay(frames, heat, opacity=0.0) == frames).all()
    with pytest.raises(BadInput):
        overlay(frames, np.zeros((3, 2, 2)))


def test_a_written_file_plays_in_true_time_and_odd_sizes_are_padded(tmp_path: Path) -> None:
    times = np.array([0.5, 1.0, 1.5, 2.0])
    assert frame_rate(times) == 2 and frame_rate(np.array([1.0])) == 8
    frames = np.random.default_rng(0).integers(0, 255, (4, 21, 33, 3), np.uint8)
    write_mp4(tmp_path / "a.mp4", frames, frame_rate(times))
    found = probe(tmp_path / "a.mp4")
    assert (found.width, found.height, found.frames, found.fps) == (34, 22, 4, 2)
    np.testing.assert_allclose(decode(tmp_path / "a.mp4", frames=4).times, times - 0.5)


def test_small_frames_grow_and_the_box_is_drawn() -> None:
    frames = np.full((2, 10, 20, 3), 200, np.uint8)
    assert enlarged(frames, 30).shape == (2, 30, 60, 3) and enlarged(frames, 5) is frames
    drawn = outlined(frames, (0, 5, 10, 10))
    assert (
        (drawn[0, 5, 0] == 70).all()
        and (drawn[0, 5, 10] == 200).all()
        and (drawn[0, 5, 5] == [255, 200, 60]).all()
    )

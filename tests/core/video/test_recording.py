"""What a camera took is chosen from as a file is, and never becomes one unasked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import BadInput, EmptyVideo, NotAVideo, TooFewFrames
from core.video import Recording, decode, recorded

TIMES = (20.0, 20.1, 20.25, 20.3, 20.9, 21.5, 21.7)


def shots(count: int = len(TIMES)) -> list[bytes]:
    """Pictures of 22 x 38 pixels, dark left and bright right, ever brighter, as lossless PNG."""
    ramp = np.linspace(0, 100, 38)[None, :, None]
    frames = [np.tile(ramp + 20 * i, (22, 1, 3)).astype(np.uint8) for i in range(count)]
    return [cv2.imencode(".png", frame)[1].tobytes() for frame in frames]


def recording(mirrored: bool = False) -> Recording:
    return recorded("recording 1", shots(), TIMES, mirrored=mirrored)


def test_frames_are_chosen_by_their_true_times() -> None:
    clip = recording().clip(frames=3)
    np.testing.assert_allclose(clip.times, [0.1, 0.3, 1.5])  # the middles of seven by thirds
    assert clip.frames[:, 0, 0, 0].tolist() == [20, 60, 100] and clip.size == (22, 38)
    part = recording().clip(frames=2, start=0.2, end=1.0)
    np.testing.assert_allclose(part.times, [0.25, 0.9])
    assert clip.source == "recording 1" and clip.id != part.id


def test_a_mirror_exchanges_left_and_right_and_says_so() -> None:
    plain, mirror = recording().clip(frames=2), recording(mirrored=True).clip(frames=2)
    assert plain.frames[0, 0, 0, 0] < plain.frames[0, 0, -1, 0]
    np.testing.assert_array_equal(mirror.frames, plain.frames[:, :, ::-1])
    assert mirror.source == "recording 1, as in a mirror" and mirror.id != plain.id


def test_a_phone_that_is_turned_meanwhile_keeps_the_size_of_the_first_picture() -> None:
    turned = cv2.imencode(".png", np.zeros((38, 22, 3), np.uint8))[1].tobytes()
    clip = recorded("recording 1", [*shots(2), turned], TIMES[:3]).clip(frames=3)
    assert clip.size == (22, 38)


def test_written_for_a_lesson_it_keeps_times_pictures_and_mirror(tmp_path: Path) -> None:
    path, ours = tmp_path / "lesson.mkv", recording(mirrored=True)
    ours.write(path)
    clip = decode(path, frames=len(TIMES))
    np.testing.assert_allclose(clip.times, ours.seconds, atol=1e-3)
    difference = clip.frames.astype(int) - ours.clip(frames=len(TIMES)).frames
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize(
    ("pictures", "seconds", "error", "words"),
    [
        (shots(1), [0.0], TooFewFrames, "1 picture, at least 2 needed"),
        ([], [], TooFewFrames, "0 pictures"),
        (shots(2), [0.0], NotAVideo, "2 pictures and 1 times"),
        (shots(2), [0.5, 0.5], NotAVideo, "do not rise"),
        (shots(2), [0.0, np.nan], NotAVideo, "do not rise"),
        ([b"no picture", b"neither"], [0.0, 0.1], EmptyVideo, "cannot be read; record it again"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_line(
    pictures: list[bytes], seconds: list[float], error: type[BadInput], words: str
) -> None:
    with pytest.raises(error, match=words) as refusal:
        recorded("recording 1", pictures, seconds)
    assert "\n" not in str(refusal.value)

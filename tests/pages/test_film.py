"""The lab's step-through as a video, of the frames that a browser drew."""

from __future__ import annotations

import base64
import io

import av
import cv2
import numpy as np
import pytest

from core.errors import BadInput
from pages.parts.film import MOST_FRAMES, film


def address(grey: int, width: int = 64) -> str:
    _, data = cv2.imencode(".jpg", np.full((48, width, 3), grey, np.uint8))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


FRAMES = [address(grey) for grey in (20, 120, 220)]


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_the_frames_become_a_film_of_that_kind_in_their_order(kind: str) -> None:
    made = film({"kind": kind, "frames": FRAMES, "rate": 8, "n": 7}, [])
    assert made["name"] == f"shuffle-lab.{kind}" and made["n"] == 7
    with av.open(io.BytesIO(base64.b64decode(str(made["content"])))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        rate = float(container.streams.video[0].average_rate)
    assert [round(frame.mean(), -1) for frame in frames] == [20, 120, 220]
    assert rate == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"kind": "exe", "frames": FRAMES}, "choose one of mp4, gif"),
        ({"kind": "mp4", "frames": "FRAMES"}, "is no film"),
        ({"kind": "mp4", "frames": []}, "1 to 600 frames"),
        ({"kind": "mp4", "frames": FRAMES * (MOST_FRAMES // 3 + 1)}, "not 603"),
        ({"kind": "mp4", "frames": ["data:image/jpeg;base64,AAAA"]}, "is no picture"),
        ({"kind": "mp4", "frames": ["data:image/jpeg;base64,???"]}, "is no picture"),
        ({"kind": "mp4", "frames": [*FRAMES, address(9, 66)]}, "need one size"),
    ],
)
def test_what_a_browser_must_not_ask_for_is_refused_in_a_line(wanted: dict, line: str) -> None:
    with pytest.raises(BadInput, match=line):
        film(wanted, [])

"""A film as it runs, of a file or of a pipe, picture by picture."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from core.errors import MissingVideo, NotAVideo
from core.video import decode
from core.video.running import running, thinned
from core.world.gestures import render

FRAMES = 7


def written(path: Path) -> Path:
    """A rendered gesture at 10 pictures a second, in a container that a pipe can carry."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for frame in render("right", 3, frames=FRAMES).frames:
            picture = np.ascontiguousarray(frame[:96, :96])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("film") / "right.mkv")


def test_a_file_and_a_pipe_give_the_pictures_of_the_clip_with_their_times(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = decode(file, frames=FRAMES)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(file.read_bytes())))
    for source in (str(file), "-"):
        times, pictures = zip(*running(source), strict=True)
        np.testing.assert_allclose(times, np.arange(FRAMES) / 10, atol=2e-3)
        np.testing.assert_array_equal(np.stack(pictures), clip.frames)


@pytest.mark.parametrize(
    ("rate", "kept"), [(0, [0, 1, 2, 3, 4, 5, 6]), (10, [0, 1, 2, 3, 4, 5, 6]), (4, [0, 3, 5])]
)
def test_at_most_so_many_pictures_a_second_are_kept_evenly(rate: float, kept: list[int]) -> None:
    pictures = [(t / 10, np.full((1, 1, 3), t)) for t in range(FRAMES)]
    assert [int(picture[0, 0, 0]) for _, picture in thinned(pictures, rate)] == kept


def test_what_is_no_film_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"nothing of the sort")))
    with pytest.raises(NotAVideo, match=r"standard input: not a video.*send webm"):
        next(running("-"))
    with pytest.raises(MissingVideo, match=r"camera:front: there is no such camera; give camera:0"):
        next(running("camera:front"))
    with pytest.raises(MissingVideo, match="no such file"):
        next(running("none.mp4"))

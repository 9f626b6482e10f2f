"""The text of a source is read back as the source: links and sessions hold it."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.models import available
from core.weights import hub
from core.world.gestures import LABELS, VIEWS, View
from pages.parts.sources import ClipSource, ModelSource, Rendered, VideoFile

PATHS = st.text(string.printable, min_size=1).filter(lambda text: "\0" not in text).map(Path)


@given(st.sampled_from(LABELS), st.integers(0, 10**18), st.sampled_from(VIEWS))
def test_a_rendered_gesture_is_read_back_from_its_text(label: str, seed: int, view: View) -> None:
    assert ClipSource.parse(str(Rendered(label, seed, view))) == Rendered(label, seed, view)


@given(PATHS, st.booleans())
def test_a_video_file_is_read_back_from_its_text(path: Path, is_upload: bool) -> None:
    assert ClipSource.parse(str(VideoFile(path, is_upload))) == VideoFile(path, is_upload)


@given(
    st.one_of(
        st.builds(ModelSource, st.sampled_from(["shipped", "random"]), st.from_regex(r"\A\w+\Z")),
        st.builds(ModelSource, st.just("public"), st.sampled_from(sorted(hub.NAMED))),
        st.builds(ModelSource, st.just("file"), PATHS.map(str)),
    )
)
def test_a_models_source_is_read_back_from_its_text(source: ModelSource) -> None:
    assert ModelSource.parse(str(source)) == source


def test_the_texts_are_those_that_links_and_sessions_hold() -> None:
    assert str(Rendered("circle", 3)) == "render:circle:3"
    assert str(Rendered("circle", 3, "front")) == "render:circle:3:front"
    assert str(VideoFile(Path("/a/b:c.mp4"), is_upload=False)) == "folder:/a/b:c.mp4"
    assert str(VideoFile(Path("/a/b.mp4"), is_upload=True)) == "upload:/a/b.mp4"
    assert [str(ModelSource("shipped", name)) for name in available()] == list(available())
    assert str(ModelSource("file", "/x/model.safetensors")) == "file:/x/model.safetensors"
    assert str(ModelSource("random", "far")) == "random:far"
    assert str(ModelSource("public", "TimeSformer K400")) == "public:TimeSformer K400"


@pytest.mark.parametrize(
    "text", ["", "circle", "render:circle", "render:circle:-1", "render:circle:1:back", "http://x"]
)
def test_another_text_is_no_clip_and_the_error_says_what_is(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"use render:LABEL:SEED\[:front\], folder:PATH or upload:PATH"
    ):
        ClipSource.parse(text)


def test_a_file_has_another_version_once_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    source = VideoFile(path, is_upload=False)
    assert source.version == 0 == Rendered("tick", 1).version
    path.touch()
    assert source.version > 0

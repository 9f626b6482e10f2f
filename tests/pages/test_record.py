"""The recorder's side of Python: what comes over the page's connection becomes a session's clip."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from core.video import Recording
from pages.parts import record, session
from pages.parts.sources import ClipSource, Recorded


def sent(count: int = 9, mirrored: bool = True) -> dict[str, object]:
    """As assets/camera/camera.js packs `count` pictures of 24 x 32 pixels, ever brighter."""
    files = [
        cv2.imencode(".png", np.full((24, 32, 3), 20 * i, np.uint8))[1].tobytes()
        for i in range(count)
    ]
    return {
        "pictures": base64.b64encode(b"".join(files)).decode(),
        "bytes": [len(file) for file in files],
        "seconds": [70.0 + i / 10 + 0.01 * (i % 2) for i in range(count)],
        "mirrored": mirrored,
    }


def recording(mirrored: bool = True) -> Recording:
    return record.unpacked(sent(mirrored=mirrored), "recording 1")


def test_what_was_packed_is_unpacked_picture_by_picture_with_its_own_times() -> None:
    ours = recording()
    assert len(ours) == 9 and ours.mirrored
    np.testing.assert_allclose(ours.seconds[:4], [0.0, 0.11, 0.2, 0.31])
    assert [int(frame[0, 0, 0]) for frame in ours.read(range(9))] == list(range(0, 180, 20))


@pytest.mark.parametrize(
    "damage",
    [
        {"bytes": [3]},
        {"bytes": [-1, 1]},
        {"bytes": None},
        {"pictures": "no base 64!"},
        {"seconds": ["soon"]},
        {"seconds": [1.0]},
        {"pictures": "", "bytes": [], "seconds": []},
    ],
)
def test_what_came_damaged_is_refused_in_a_line(damage: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r"recording 1: .*record") as refusal:
        record.unpacked(sent() | damage, "recording 1")
    assert "\n" not in str(refusal.value)


def test_a_message_of_the_largest_size_is_one_that_the_server_takes() -> None:
    most = record.most_bytes()
    assert 4 * most / 3 < 25_000_000 - 400_000, "Streamlit's own limit is 25 MB"
    assert most > 10 * 30 * 40_000, "ten seconds of 30 pictures of 40 kB each"


@pytest.fixture
def app() -> AppTest:
    def page() -> None:
        import streamlit as st

        from pages.parts.choose import sidebar

        choice = sidebar()
        st.text(f"{choice.source}|{choice.clip.source}|{len(choice.clip)}|{choice.is_upload}")

    return AppTest.from_function(page, default_timeout=60)


def with_recordings(app: AppTest, *recordings: Recording) -> AppTest:
    app.query_params["source"] = "Record"
    app.session_state[session.RECORDINGS] = {ours.id: ours for ours in recordings}
    return app.run()


def test_a_recording_is_the_clip_of_its_session_and_says_that_it_is_a_mirror(app: AppTest) -> None:
    ours = recording()
    with_recordings(app, ours)
    assert not app.exception and not app.error
    assert app.text[0].value == f"record:{ours.id}|recording 1, as in a mirror|8|True"
    assert "0.8 s, 9 pictures, as in a mirror: your right is right" in app.caption[0].value
    assert app.query_params["recording"] == ours.id
    assert app.slider(key="frames").max == 9


def test_a_recording_of_few_pictures_is_told_to_be_taken_again(app: AppTest) -> None:
    pictures = sent(count=9)
    slow = pictures | {"seconds": [70.0 + i / 3 for i in range(9)]}
    with_recordings(app, record.unpacked(slow, "recording 1"))
    assert "Only 9 pictures came from the camera" in app.warning[0].value
    with_recordings(app, recording())
    assert not app.warning


def test_of_several_recordings_the_newest_is_shown_and_any_can_be_chosen(app: AppTest) -> None:
    first, second = recording(), recording(mirrored=False)
    with_recordings(app, first, second)
    assert f"record:{second.id}|recording 1|" in app.text[0].value
    app.selectbox(key=session.RECORDED).set_value(first.id).run()
    assert f"record:{first.id}|" in app.text[0].value


def test_a_link_to_a_recording_says_that_it_is_gone_and_shows_a_rendered_clip(
    app: AppTest,
) -> None:
    app.query_params["recording"] = recording().id
    with_recordings(app)
    assert app.info[0].value == record.GONE and "record again" in record.GONE
    assert app.text[0].value == "render:carret:13|render:carret:13|8|False"


def test_nothing_brings_a_recording_back_but_its_session() -> None:
    with pytest.raises(BadInput, match="no source of a clip"):
        ClipSource.parse(str(Recorded(recording())))


def test_kept_recordings_have_numbers_and_the_oldest_goes_where_they_are_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def page() -> None:
        import streamlit as st

        from pages.parts import record
        from tests.pages.test_record import sent

        for count in (9, 8, 7):
            record.keep(sent(count))
        titles = [kept.title for kept in st.session_state["recordings"].values()]
        st.text(f"{titles} {st.session_state['shown_recording'][:0]}")

    room = sum(map(len, recording().pictures)) * 2
    monkeypatch.setattr(record, "MOST_BYTES", room)
    app = AppTest.from_function(page).run()
    assert not app.exception
    assert app.text[0].value.strip() == "['recording 2', 'recording 3']"


@pytest.mark.parametrize(("elsewhere", "taken"), [("gestures", "(1, "), ("explore", "None")])
def test_a_recording_begun_for_a_gesture_and_taken_on_another_page_is_for_none(
    elsewhere: str, taken: str
) -> None:
    def page(elsewhere: str) -> None:
        import streamlit as st

        from pages.parts import record
        from tests.pages.test_record import sent

        record.record_for(1)
        record.forget_gesture(elsewhere)
        st.session_state["recorder"] = {"clip": sent()}
        record._take()
        st.text(str(st.session_state.get("recorded_for")))

    app = AppTest.from_function(page, kwargs={"elsewhere": elsewhere}).run()
    assert not app.exception
    assert app.text[0].value.startswith(taken)

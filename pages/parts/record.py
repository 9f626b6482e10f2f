"""A clip from the visitor's own camera: taken in the browser, kept in the session, never on a disk.

The pictures come over the page's own connection, as any click does, so that whatever lets the page
through lets them through.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import streamlit as st
from streamlit import config

from core.errors import BadInput, NotAVideo
from core.video import Recording, recorded
from core.world.gestures import LABELS
from pages.parts import links, session
from pages.parts.component import component
from pages.parts.sources import Recorded
from pages.parts.words import message

MOST_BYTES = 80_000_000
"""Of the pictures of all recordings of a session: beyond it the oldest goes."""
ENVELOPE = 500_000
"""Bytes of a message that are left for what is not pictures."""
ABOUT = (
    f"The included models know {', '.join(LABELS[:-1])} and {LABELS[-1]} (^): draw one of them in "
    "the air, once, with a clear beginning and end. It stays in this session: nothing of it is "
    "written to a disk."
)
FEW = 8.0
"""Pictures a second below which a recording shows less than a model can use."""
HELP = {
    "seconds": "How long is recorded; Stop ends it earlier. Rendered clips last 3 seconds.",
    "mirror": "On: left and right are exchanged, as in a mirror, so that what goes to your right "
    "is “right” for the model too. It holds for the clip as well as for the picture.",
}
WAY = """
1. **Record** a gesture: draw a circle in the air, once.
2. **Shuffle its frames**, and look whether you could tell their order.
3. **Put in order**: the model tries, from its attention alone.
4. **Hand out** makes one file of it that opens in any browser.
"""
GONE = (
    "The link shows a recording. Recordings stay in the session of their owner, and this one is "
    "gone: record again."
)


def most_bytes() -> int:
    """Bytes of pictures that one message may bring: they come as base 64, four for three."""
    limit = int(config.get_option("server.maxWidgetStateSize")) * 1_000_000
    return (limit - ENVELOPE) * 3 // 4


def unpacked(sent: dict[str, Any], title: str) -> Recording:
    """The recording that a browser sent: as `packShots` of assets/camera packs it.

    Raises: BadInput for what is no recording.
    """
    try:
        data = base64.b64decode(sent["pictures"], validate=True)
        sizes = [int(size) for size in sent["bytes"]]
        seconds = [float(second) for second in sent["seconds"]]
    except (KeyError, TypeError, ValueError, binascii.Error):
        sizes, data, seconds = [-1], b"", []
    if min(sizes, default=0) < 0 or sum(sizes) != len(data):
        raise NotAVideo(f"{title}: it came damaged; record it again")
    pictures, start = [], 0
    for size in sizes:
        pictures.append(data[start : start + size])
        start += size
    return recorded(title, pictures, seconds, mirrored=bool(sent.get("mirrored")))


def keep(sent: dict[str, Any]) -> Recording:
    """Keep what a browser sent as this session's newest recording, and show it from now on.

    Raises: BadInput for what is no recording.
    """
    recordings = _recordings()
    count: int = st.session_state.get(session.RECORDED_COUNT, 0) + 1
    recording = unpacked(sent, f"recording {count}")
    st.session_state[session.RECORDED_COUNT] = count
    recordings[recording.id] = recording
    while len(recordings) > 1 and sum(map(_bytes, recordings.values())) > MOST_BYTES:
        del recordings[next(iter(recordings))]
    st.session_state[session.SHOWN_RECORDING] = recording.id
    return recording


def _bytes(recording: Recording) -> int:
    return sum(map(len, recording.pictures))


def _recordings() -> dict[str, Recording]:
    recordings: dict[str, Recording] = st.session_state.setdefault(session.RECORDINGS, {})
    return recordings


def _take() -> None:
    """Take over what the recorder sent, before the page is drawn."""
    sent = (st.session_state[session.RECORDER] or {}).get("clip")
    if not sent:
        return
    try:
        recording = keep(sent)
    except BadInput as error:
        st.session_state[session.NOT_RECORDED] = str(error)
        return
    gesture = st.session_state.pop(session.RECORD_FOR, None)
    if gesture is not None:
        st.session_state[session.RECORDED_FOR] = gesture, recording.id


def _show_chosen() -> None:
    st.session_state[session.SHOWN_RECORDING] = st.session_state[session.RECORDED]


def record_for(gesture: int) -> None:
    """Open the recorder in the sidebar, for one of the gestures of one's own, by its number.

    Call it as a button is pressed: a browser opens a camera for nobody else.
    """
    st.session_state[session.RECORD_FOR] = gesture
    open_recorder()


def forget_gesture(page: str) -> None:
    """What is recorded on another page than that of one's own gestures is for none of them."""
    if page != "gestures":
        st.session_state.pop(session.RECORD_FOR, None)


def open_recorder() -> None:
    """Open the recorder in the sidebar. Call it as a button is pressed, as `record_for`."""
    st.session_state[session.CLIP] = "record"
    asked: int = st.session_state.get(session.RECORDER_ASKED, 0)
    st.session_state[session.RECORDER_ASKED] = asked + 1


def from_your_own_hand() -> None:
    """The way from a camera to a page that is taken home, and its first step."""
    st.subheader("From your own hand")
    st.markdown(WAY)
    st.button(
        "Record a gesture",
        icon=":material/videocam:",
        key="record-a-gesture",
        on_click=open_recorder,
    )


def recording_source() -> Recorded | None:
    """Draw the recorder, and the choice among what it took. Returns what is chosen, if any."""
    component("recorder", "recorder/recorder")(
        key=session.RECORDER,
        data={
            "most": most_bytes(),
            "about": ABOUT,
            "help": HELP,
            "first": not st.session_state.get(session.RECORDINGS),
            "asked": st.session_state.get(session.RECORDER_ASKED, 0),
        },
        on_clip_change=_take,
    )
    error = st.session_state.pop(session.NOT_RECORDED, None)
    if error:
        st.error(message(error), icon=":material/error:")
    recordings = _recordings()
    linked = st.session_state.setdefault(session.LINKED_RECORDING, st.query_params.get("recording"))
    if not recordings:
        if linked:
            st.info(GONE)
        return None
    newest = list(recordings)[-1]
    if st.session_state.get(session.SHOWN_RECORDING) not in recordings:
        st.session_state[session.SHOWN_RECORDING] = newest
    name: str = st.session_state[session.SHOWN_RECORDING]
    if len(recordings) > 1:
        # on another page it is another widget, in which Streamlit brings an older choice back
        st.session_state[session.RECORDED] = name
        st.selectbox(
            "Recorded",
            list(reversed(recordings)),
            key=session.RECORDED,
            format_func=lambda name: _in_words(recordings[name]) if name in recordings else "",
            on_change=_show_chosen,
        )
    recording = recordings[name]
    st.query_params["recording"] = name
    side = "as in a mirror: your right is right" if recording.mirrored else "as the camera saw it"
    st.caption(f"{_in_words(recording)}, {side}.", help=HELP["mirror"])
    if len(recording) < FEW * recording.seconds[-1]:
        st.warning(
            f"Only {len(recording)} pictures came from the camera; this computer may be busy. "
            "Record again: the models see more of a stroke in more of them.",
            icon=":material/slow_motion_video:",
        )
    if st.button(
        "Shuffle its frames",
        icon=":material/shuffle:",
        key="shuffle-recording",
        width="stretch",
    ):
        links.go_to("frame_order")
    return Recorded(recording)


def _in_words(recording: Recording) -> str:
    title = recording.title[0].upper() + recording.title[1:]
    return f"{title}, {recording.seconds[-1]:.1f} s, {len(recording)} pictures"

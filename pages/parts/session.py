"""What a visitor's session keeps between two runs of a page: the one place that names its keys.

A widget's key has a name here too where another part than the widget reads or sets its value.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts.sources import ModelSource

CHOICE = "choice"
"""What the sidebar chose, for the page: a Choice."""
STORE = "store"
"""What was made of this session's uploads: a Store."""
UPLOADS = "uploads"
"""The folder of this session's uploads, which ends with it: a TemporaryDirectory."""
RECORDINGS = "recordings"
"""What this session's camera took: a Recording by its id, the newest last."""
RECORDED_COUNT, NOT_RECORDED = "recorded_count", "not_recorded"
"""How many recordings it took so far, and why the last could not be kept, in words."""
SHOWN_RECORDING = "shown_recording"
"""The id of the one that is shown, while the clip is one."""
RECORDER_ASKED = "recorder_asked"
"""How often a button beside the sidebar has asked for the recorder."""
RECORD_FOR, RECORDED_FOR = "record_for", "recorded_for"
"""The number of the gesture of one's own that the next recording is for; and that number with the
recording's id, until it is added.
"""
FILM, ANSWER, FROZEN = "film", "answer", "frozen"
"""Of the live view: its Film, the answer to its last picture, and whether it has just become a
clip.
"""
OWN_CHECKPOINT = "own_checkpoint"
"""The path of the visitor's own checkpoint, which the model chooser offers last."""
TAUGHT = "taught"
"""The models that were taught a clip in this session: path of the checkpoint to title."""
LINKED_MODEL, LINKED_UPLOAD = "linked_model", "linked_upload"
LINKED_RECORDING = "linked_recording"
"""What the link that opened the app asked for, None where it asked for none.

It is a model's title, the name of an upload's folder, and the id of a recording.
"""
LOOKED_AT, NOT_HERE, SHOWN_INSTEAD = "looked_at", "not_here", "shown_instead"
SAID_ON = "said_on"
"""Of that link: the parameters that were looked at; by parameter, what of it is not here, in words,
what is shown in its place, and the page that says it, nothing for the sidebar and the viewer.
"""
OPEN_PUBLIC = "open_public"
"""Whether the list of public checkpoints is to be open."""
SWITCH_TO = "switch_to"
"""The model to show from the next run on: a ModelSource."""
MODEL_CHANGED = "model_changed"
"""Whether the sidebar is to start from the frames and the crop of another model."""
FIRST_FOLLOWED = "first_followed"
"""The clip and the model of the figures below the viewer that were drawn first, as a digest."""
SHOWN_ORDER = "shown_order"
"""The frame in each slot of the shuffle lab."""
HAND_OUT_PLACE = "hand_out_place"
"""Where in the sidebar of this run the button *Hand out* goes: a container."""
LESSON_HANDED_OUT = "lesson_handed_out"
"""The number of the guided lesson whose file is offered."""
LESSON, LESSON_ROOM = "lesson", "lessons"
"""The folder of the last lesson, and the room that holds the folders of all."""
FIGURES = "figures"
"""The figures of the page that was drawn last, by the keys of their charts: see pages.parts.slides.
"""
GESTURES, OWN_HEAD, OWN_RUN = "gestures", "own_head", "own_run"
"""The gestures of one's own: a Collection; what was learned of them: an OwnHead; and the folder of
the last run in which the whole network learned them.
"""
LECTURER, USED = "lecturer", "used"
"""On a server: the lecturer who signed in, and what the visitor used of their share."""
OWN_CLIP, OWN_SOURCE = "own_clip", "own_source"
"""The path of the visitor's own video, and the way to the clip of their own that was shown last.

A lesson may leave both and come back.
"""
SHOW_RUN = "show-run"
"""The name of a run that was just started, which the Training page shows first."""

# widgets
CLIP, MODEL, FRAMES, SAMPLING, CROP = "source", "model", "frames", "sampling", "crop"
LABEL, SEED, SEEN = "label", "seed", "seen"
"""Of a rendered clip."""
HOW, ORDER, WITHOUT, LAB = "how", "order", "without", "lab"
SHOWN_RUNS = "shown-runs"
VIEWER, FOLLOWER = "viewer", "follower"
RECORDER, RECORDED, LIVE = "recorder", "recorded", "live"
PRESENTER, STRIP, UPLOADER = "presenter", "lesson-strip", "uploader"
TRUST_MAP = "trust_map"


def switch_to(model: ModelSource) -> None:
    """Let the sidebar show this model from the next run on."""
    st.session_state[SWITCH_TO] = model


def leave_if_asked() -> None:
    """End this visitor's run if they have left the page, or clicked on something else.

    Outside a page this does nothing.

    Raises: the exception by which Streamlit ends a run, as any of its calls does then.
    """
    if get_script_run_ctx(suppress_warning=True) is not None:
        _ = CHOICE in st.session_state  # any look at the session is such a call

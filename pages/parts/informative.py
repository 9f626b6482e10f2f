"""Which frames the sampling `motion` takes of the clip, and why: a bar for each candidate."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.draw.state_curves import score_bars_over_time
from core.video.apart import informative_apart
from core.video.informative import Informative, informative, informative_of_file
from pages.parts.exhibit import Exhibit
from pages.parts.once import made_once
from pages.parts.session import leave_if_asked
from pages.parts.sources import Recorded, Rendered, VideoFile
from pages.parts.subject import Choice

ABOUT = (
    "The paper takes five frames a second and keeps those whose grey levels differ from the frame "
    "before by more than 30 of 255, on average over the picture. A hand that draws changes a small "
    "part of the picture, so few frames reach that: where too few do, those that change most are "
    "taken, and this says so. The first candidate has none before it, and scores 0."
)


def informative_frames(choice: Choice) -> None:
    """The score of each candidate, where the frames were chosen by it."""
    if choice.sampling != "motion":
        return
    st.subheader("Informative frames", help=ABOUT)
    shown = scores_of(choice)
    st.markdown(f"**{shown.in_words}**")
    times, scores = np.array(shown.times), np.array(shown.scores)
    Exhibit(
        score_bars_over_time(times, scores, shown.taken, shown.threshold),
        "informative",
        f"How much each of {len(scores)} candidate frames differs from the one before",
        [(choice, f"{len(shown.taken)} frames taken, the largest change {scores.max():.1f}")],
        numbers={
            "times": (times, "(n,) seconds of each candidate"),
            "scores": (scores, "(n,) mean absolute difference of grey, 0..255"),
            "taken": (np.array(shown.taken), "(T,) which are taken, from 0"),
        },
    ).draw()


@made_once(size=lambda shown: 24 * len(shown.scores))
def scores_of(choice: Choice) -> Informative:
    """The candidates of the choice's clip, of which as many are taken as it has frames."""
    source, frames, (start, end) = choice.source, len(choice.clip), choice.part
    if isinstance(source, VideoFile):
        if source.is_upload:
            return informative_apart(source.path, frames, start, end, leave_if_asked)
        return informative_of_file(source.path, frames, start, end)
    if isinstance(source, Rendered):
        times, uncut = source.uncut.times, source.uncut
        return informative(
            times, _rate(times), frames, lambda some: uncut.drawn(some.tolist()).frames, start, end
        )
    assert isinstance(source, Recorded)
    times = source.recording.seconds
    return informative(times, _rate(times), frames, source.recording.read, start, end)


def _rate(times: np.ndarray) -> float:
    """Mean frames a second; 0 where the times do not say."""
    span = float(times[-1] - times[0])
    return (len(times) - 1) / span if span > 0 else 0.0

"""One lesson on the screen: how far it is, how well the frames are ordered, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core.draw.order_figures import KINDS, lesson_curve
from core.draw.style import COOL
from core.models import spec
from core.order.chance import chance_accuracy
from core.order.learned import WINDOWS, LessonVerdict, lesson_verdict
from pages.parts.choose_model import taught
from pages.parts.export import downloads, of_lines
from pages.parts.loaded import loaded
from pages.parts.run_card import lasting
from pages.parts.runs import Run
from pages.parts.session import switch_to
from pages.parts.show import HELP, chart
from pages.parts.sources import ModelSource
from pages.parts.words import message

BASE = "direcformer"
"""The model that is taught."""
PARTS = {
    "t": ("learned from", COOL),
    "b": KINDS["blocks"][:2],
    "i": KINDS["interleaved"][:2],
    "-": ("gap, never seen", "rgba(128,128,128,0.35)"),
}
"""What a frame is used for, by its letter in the recipe: name and colour."""
Trial = dict[str, Any]
"""A row of metrics.jsonl: OrderAcc in percent for each of KINDS that was tried."""


@dataclass(frozen=True)
class Lesson:
    """A lesson that was measured at least once."""

    run: Run

    @property
    def first(self) -> Trial:
        """Before the model learned anything, with what the pixels get."""
        return self.run.reports[0]

    @property
    def kept(self) -> Trial | None:
        """The trial whose weights are the result, once it is finished."""
        kept = [trial for trial in self.run.reports if trial.get("kept")]
        return kept[-1] if kept and self.run.state == "finished" else None

    @property
    def shown(self) -> Trial:
        """The trial of the result, or the last one."""
        return self.kept or self.run.reports[-1]

    @property
    def windows(self) -> int:
        """How many windows were learned from so far."""
        windows: int = self.run.reports[-1]["clips"]
        return windows

    @property
    def asked(self) -> int:
        """How many windows it is to learn from."""
        windows: int = self.run.recipe.get("windows", WINDOWS)
        return windows

    @property
    def verdict(self) -> LessonVerdict:
        """What came of it, or what has come of it so far."""
        return lesson_verdict(self.first, self.shown, self.run.recipe["window"], self.windows)

    @property
    def seconds(self) -> float:
        """How long it learned, or will have learned at this speed."""
        last = self.run.reports[-1]
        done = last.get("done", 0.0)
        if self.run.state != "running" or not done:
            return float(last["seconds"])
        return float(last["seconds"] / done)

    @property
    def clips(self) -> list[dict[str, Any]]:
        """Name, frames and use of the frames of each clip."""
        clips: list[dict[str, Any]] = self.run.recipe["clips"]
        return clips

    @property
    def names(self) -> str:
        """The clips' names."""
        return ", ".join(clip["name"] for clip in self.clips)

    @property
    def chance(self) -> float:
        """OrderAcc of guessing, in percent."""
        return chance_accuracy(self.run.recipe["window"])


def lesson_result(run: Run) -> None:
    """Draw how far the lesson is, and once it was measured everything that is known of it."""
    if run.state == "failed":
        st.error(message(run.failure), icon=":material/error:")
        return
    _state(run)
    if not run.reports:
        return
    lesson = Lesson(run)
    if lesson.kept:
        _verdict(lesson.verdict)
    left, right = st.columns([3, 7], gap="large")
    with left:
        _figures(lesson)
    with right:
        figure = _curve(lesson)
    st.html(_timelines(lesson))
    result = _offer(lesson) if run.state == "finished" else ""
    _files(lesson, figure, result)


def _state(run: Run) -> None:
    """How far a lesson is that runs, or why there is nothing of one that was stopped."""
    if run.state == "running":
        text, done = "Reading the clip and measuring the model as it is", 0.0
        if run.reports:
            last = run.reports[-1]
            lesson = Lesson(run)
            windows = run.progress.clips if run.progress else lesson.windows
            text = f"{lesson.names}: {windows:,} of {lesson.asked:,} windows learned"
            if run.seconds_left is not None:
                text += f", about {lasting(run.seconds_left)} left on this computer"
            done = last.get("done", 0.0)
        st.progress(done, text=text)
    elif run.state == "stopped":
        st.warning(
            "The lesson was stopped before its first measurement, so nothing of it was kept.",
            icon=":material/info:",
        )


def _verdict(verdict: LessonVerdict) -> None:
    """Draw whether it learned."""
    if verdict.is_learned:
        st.success(verdict.sentence, icon=":material/check:")
    else:
        st.warning(verdict.sentence, icon=":material/close:")


def _figures(lesson: Lesson) -> None:
    """OrderAcc on each kind of frames, and that of the pixels."""
    first, last = lesson.first, lesson.shown
    when = "after" if lesson.kept else "now"
    for kind, (name, _, _) in KINDS.items():
        if kind not in last:
            continue
        gain = last[kind] - first[kind]
        st.metric(
            f"{name}, {when}",
            f"{last[kind]:.1f} %",
            f"{gain:+.1f} points, from {first[kind]:.1f} %",
            delta_color="normal" if gain and lesson.verdict.is_learned else "off",
            help=f"{HELP['order_accuracy']} Read either way: "
            f"{last[f'{kind}_either_way']:.1f} %. "
            f"The pixel path gets {first[f'pixels_{kind}']:.1f} % "
            f"({first[f'pixels_{kind}_either_way']:.1f} % either way) on the same shuffles.",
        )
    st.metric(
        "pixel path, blocks",
        f"{first['pixels_blocks']:.1f} %",
        help="The path through the most similar frames, on the same "
        "shuffles: it knows no direction and learns nothing.",
    )


def _curve(lesson: Lesson) -> go.Figure:
    """Draw OrderAcc over the seconds of the lesson; returns the figure."""
    first = lesson.first
    figure = lesson_curve(
        list(lesson.run.reports),
        first["pixels_blocks"],
        lesson.chance,
        lesson.seconds,
    )
    chart(
        figure,
        "lesson",
        f"OrderAcc on held-out blocks of {lesson.names}: {first['blocks']:.0f} percent before, "
        f"{lesson.shown['blocks']:.0f} now",
    )
    return figure


def _offer(lesson: Lesson) -> str:
    """Put the taught model into the sidebar, and draw the button that shows it.

    Returns: which weights it has, for the line below the figure.
    """
    run, models = lesson.run, taught()
    path = str(run.checkpoint)
    if path not in models:
        models[path] = _title(lesson)
        st.rerun()  # the sidebar, drawn before, offers it
    source = ModelSource("file", path)
    is_early = run.reports[-1].get("done", 0.0) < 1
    early = " (stopped early: the best so far)" if is_early else ""
    is_learned = lesson.verdict.is_learned
    row = st.columns([2.4, 7.6], vertical_alignment="center")
    if row[0].button(
        "Use it on every page" if is_learned else "Use it all the same",
        icon=":material/visibility:",
        key="use-lesson",
        width="stretch",
    ):
        switch_to(source)
        st.rerun(scope="app")
    row[1].markdown(
        f"**{models[path]}** is now under *Model* in the sidebar, for this session{early}. "
        + ("It orders frames; its" if is_learned else "It **did not learn** to order frames; its")
        + " classes are no longer to be trusted."
    )
    return f", result **{loaded(source).card.hash}**"


def _title(lesson: Lesson) -> str:
    """A title that no other model of this session has, and that says where it did not learn."""
    title = f"{spec(BASE).title}, taught {lesson.names}"
    if not lesson.verdict.is_learned:
        title += ", not learned"
    same = sum(other == title or other.startswith(f"{title} (") for other in taught().values())
    return f"{title} ({same + 1})" if same else title


def _files(lesson: Lesson, figure: go.Figure, result: str) -> None:
    """Draw the line below the figure, and the button with its files."""
    recipe = lesson.run.recipe
    clips = ", ".join(f"{clip['name']} ({clip['frames']} frames)" for clip in lesson.clips)
    line = (
        f"{spec(BASE).title}, weights {recipe['checkpoint']}{result} · taught {clips} · "
        f"{lesson.shown['clips']:,} windows, lesson seed {recipe['seed']} · last layer, mean over "
        f"heads and places · chance {lesson.chance:.1f} %"
    )
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(gap="xsmall"):
            st.caption(line)
        downloads(
            "lesson", [line], numbers=of_lines(figure, "seconds of learning", "OrderAcc, percent")
        )


def _timelines(lesson: Lesson) -> str:
    """The frames of each clip by what they are used for, and what the colours mean."""
    used = "".join(clip["parts"] for clip in lesson.clips)
    return "".join(map(_timeline, lesson.clips)) + _legend(used)


def _timeline(clip: dict[str, Any]) -> str:
    """The clip's frames in a row, coloured by what they are used for."""
    stretches = [(letter, len(list(frames))) for letter, frames in groupby(clip["parts"])]
    cells = "".join(
        f'<span title="{escape(PARTS[letter][0])}" '
        f'style="flex:{count};background:{PARTS[letter][1]}"></span>'
        for letter, count in stretches
    )
    words = (
        f"{clip['name']}: {clip['frames']} frames, {clip['parts'].count('b')} of them in "
        "held-out blocks"
    )
    return (
        f'<div role="img" aria-label="{escape(words)}" data-testid="lesson-frames" '
        'style="display:flex;height:1.5rem;border-radius:6px;'
        f'overflow:hidden;margin:0.3rem 0">{cells}</div>'
    )


def _legend(letters: str) -> str:
    """What the colours of these letters mean."""
    entries = "".join(
        '<span style="margin-right:1.4rem;white-space:nowrap"><span '
        'style="display:inline-block;width:1rem;height:1rem;border-radius:3px;'
        f'vertical-align:-0.1rem;margin-right:0.4rem;background:{colour}"></span>'
        f"{escape(name)}</span>"
        for letter, (name, colour) in PARTS.items()
        if letter in letters
    )
    return f'<div style="font-size:1rem">{entries}</div>'

"""Teach it this clip: a lesson as a child process, followed live, whose result is kept for this
session.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from html import escape
from itertools import groupby
from pathlib import Path

import streamlit as st

from core.draw.order_figures import KINDS, lesson_curve
from core.draw.overlay import frame_rate, write_mp4
from core.draw.style import COOL
from core.errors import BadInput
from core.models import spec
from core.order.chance import chance_accuracy
from core.world.gestures import render
from pages.parts import cached, runs
from pages.parts.choose import Choice, taught
from pages.parts.export import downloads, of_lines
from pages.parts.runs import Run
from pages.parts.show import HELP, chart

BASE = "direcformer"
ABOUT = (
    "The right order of a clip's frames is known without anybody writing it down, so the model can "
    "learn from the clip itself. It sees windows of 8 frames, shuffled, and its attention from "
    "each frame to each other one is moved towards the right sign. It is tried on frames that it "
    "never learns from: **held-out blocks**, 8 frames in a row with a gap of 4 on each side, and, "
    "far easier, single frames **between learned ones**. Where the end of a clip looks like its "
    "beginning no lesson can help."
)
PARTS = {
    "t": ("learned from", COOL),
    "b": KINDS["blocks"][:2],
    "i": KINDS["interleaved"][:2],
    "-": ("gap, never seen", "rgba(128,128,128,0.35)"),
}


class Room:
    """The folder of this session's lessons. When the session is over, what runs there is ended, and
    all of it is removed.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="aim-lessons-")).resolve()
        weakref.finalize(self, _clear, self.path)


def _clear(path: Path) -> None:
    for lesson in path.glob("lesson-*"):
        runs.stop(lesson)
    shutil.rmtree(path, ignore_errors=True)


def teach(choice: Choice) -> None:
    """The whole section: a row of controls, and the last lesson of this session."""
    st.subheader("Teach it this clip", help=ABOUT)
    lesson: Path | None = st.session_state.get("lesson")
    run = runs.read(lesson) if lesson else None
    lesson, going = (lesson, run.state == "running") if run else (None, False)
    row = st.columns([2, 1.4, 1.4, 4], vertical_alignment="bottom")
    seconds = row[1].selectbox(
        "Seconds",
        (30, 75, 150, 300),
        index=1,
        key="lesson-seconds",
        disabled=going,
        help="How long it learns. On two CPU cores a minute gives a clear result on a clip with "
        "an arrow of time.",
    )
    seed = row[2].number_input(
        "Lesson seed",
        0,
        10**6,
        0,
        key="lesson-seed",
        disabled=going,
        help="Decides which blocks are held out and every window that is learned from.",
    )
    if going:
        if row[0].button(
            "Stop, keep the best so far", icon=":material/stop:", key="stop-lesson", width="stretch"
        ):
            with st.spinner("Stopping"):
                runs.stop(run.path)
            st.rerun()
    elif row[0].button(
        "Teach it this clip",
        icon=":material/school:",
        type="primary",
        key="start-lesson",
        width="stretch",
    ):
        try:
            st.session_state["lesson"] = _start(choice, seconds, int(seed))
        except BadInput as error:
            st.error(str(error), icon=":material/error:")
        else:
            st.rerun()
    row[3].caption(
        f"The shipped {spec(BASE).title} learns the order of the frames of {choice.clip.source}: "
        "of the whole file, whatever part of it and whichever model are chosen. What it learns is "
        "kept for this session only."
    )
    if lesson is None:
        st.info(
            "Nothing taught yet. A clip with an arrow of time, such as a flower that opens or "
            "coffee that is poured, takes about a minute.",
            icon=":material/school:",
        )
        return
    _follow(lesson, going)


def _start(choice: Choice, seconds: int, seed: int) -> Path:
    """Raises: BadInput if it cannot be started."""
    if "lessons" not in st.session_state:
        st.session_state["lessons"] = Room()
    room = st.session_state["lessons"].path
    path = room / f"lesson-{sum(1 for _ in room.glob('lesson-*'))}"
    runs.teach(path, [_file(choice, room)], seconds=seconds, seed=seed, crop=choice.crop)
    return path


def _file(choice: Choice, room: Path) -> Path:
    """The clip's file; a rendered gesture is written to one."""
    if not choice.key.startswith("render:"):
        return cached.path_of(choice.key)
    _, label, seed = choice.key.split(":")
    path = room / f"{label}-{seed}.mp4"
    if not path.exists():
        gesture = render(label, int(seed), frames=cached.RENDERED_FRAMES)
        write_mp4(path, gesture.frames, frame_rate(gesture.times))
    return path


def _follow(lesson: Path, going: bool) -> None:
    @st.fragment(run_every="1s" if going else None)
    def live() -> None:
        run = runs.read(lesson)
        if run is None or (run.state == "running") != going:
            st.rerun()  # it began or ended: the sidebar offers what was taught
        _draw(run)

    live()


def _draw(run: Run) -> None:
    names = ", ".join(clip["name"] for clip in run.recipe.get("clips", []))
    done = run.reports[-1].get("done", 0.0) if run.reports else 0.0
    if run.state == "failed":
        st.error(run.failure, icon=":material/error:")
        return
    if run.state == "running":
        st.progress(
            done,
            text=f"{names}: {run.reports[-1]['clips']:,} windows learned"
            if run.reports
            else "Reading the clip and measuring the model as it is",
        )
    elif run.state == "stopped":
        st.warning(
            "The lesson was stopped before its first measurement, so nothing of it was kept.",
            icon=":material/info:",
        )
    if not run.reports:
        return
    first, chance = run.reports[0], chance_accuracy(run.recipe["window"])
    kept = [row for row in run.reports if row.get("kept")]
    when, last = (
        ("after", kept[-1]) if kept and run.state == "finished" else ("now", run.reports[-1])
    )
    left, right = st.columns([3, 7], gap="large")
    with left:
        for kind, (name, _, _) in KINDS.items():
            if kind in last:
                pixels = (
                    f"{first[f'pixels_{kind}']:.1f} % "
                    f"({first[f'pixels_{kind}_either_way']:.1f} % either way)"
                )
                gain = last[kind] - first[kind]
                st.metric(
                    f"{name}, {when}",
                    f"{last[kind]:.1f} %",
                    f"{gain:+.1f} points, from {first[kind]:.1f} %",
                    delta_color="normal" if gain else "off",
                    help=f"{HELP['order_accuracy']} Read either way: "
                    f"{last[f'{kind}_either_way']:.1f} %. "
                    f"The pixel path gets {pixels} on the same shuffles.",
                )
        st.metric(
            "pixel path, blocks",
            f"{first['pixels_blocks']:.1f} %",
            help="The path through the most similar frames, on the same "
            "shuffles: it knows no direction and learns nothing.",
        )
    figure = lesson_curve(list(run.reports), first["pixels_blocks"], chance, run.recipe["seconds"])
    with right:
        chart(
            figure,
            "lesson",
            f"OrderAcc on held-out blocks of {names}: {first['blocks']:.0f} percent before, "
            f"{last['blocks']:.0f} now",
        )
    st.html(
        "".join(map(_timeline, run.recipe["clips"]))
        + _key("".join(clip["parts"] for clip in run.recipe["clips"]))
    )
    result = ""
    if run.state == "finished":
        if str(run.checkpoint) not in taught():
            taught()[str(run.checkpoint)] = _title(names)
            st.rerun()  # the sidebar, drawn before, offers it
        title = taught()[str(run.checkpoint)]
        result = f", result **{cached.model(f'file:{run.checkpoint}').card.hash}**"
        early = "" if done >= 1 else " (stopped early: the best so far)"
        row = st.columns([2.4, 7.6], vertical_alignment="center")
        if row[0].button(
            "Use it on every page", icon=":material/visibility:", key="use-lesson", width="stretch"
        ):
            st.session_state["downloaded"] = f"file:{run.checkpoint}"
            st.rerun(scope="app")
        row[1].markdown(
            f"**{title}** is now under *Model* in the sidebar, for this session{early}. "
            "It orders frames; its classes are no longer to be trusted."
        )
    clips = ", ".join(f"{clip['name']} ({clip['frames']} frames)" for clip in run.recipe["clips"])
    line = (
        f"{spec(BASE).title}, weights {run.recipe['checkpoint']}{result} · taught {clips} · "
        f"{last['clips']:,} windows, lesson seed "
        f"{run.recipe['seed']} · last layer, mean over heads and places · chance {chance:.1f} %"
    )
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(gap="xsmall"):
            st.caption(line)
        downloads(
            "lesson", [line], numbers=of_lines(figure, "seconds of learning", "OrderAcc, percent")
        )


def _title(names: str) -> str:
    title = f"{spec(BASE).title}, taught {names}"
    same = sum(other == title or other.startswith(f"{title} (") for other in taught().values())
    return f"{title} ({same + 1})" if same else title


def _timeline(clip: dict) -> str:
    """The clip's frames in a row, coloured by what they are used for."""
    runs_of = [(letter, len(list(group))) for letter, group in groupby(clip["parts"])]
    cells = "".join(
        f'<span title="{escape(PARTS[letter][0])}" '
        f'style="flex:{count};background:{PARTS[letter][1]}"></span>'
        for letter, count in runs_of
    )
    said = (
        f"{clip['name']}: {clip['frames']} frames, {clip['parts'].count('b')} of them in "
        "held-out blocks"
    )
    return (
        f'<div role="img" aria-label="{escape(said)}" data-testid="lesson-frames" '
        'style="display:flex;height:1.5rem;border-radius:6px;'
        f'overflow:hidden;margin:0.3rem 0">{cells}</div>'
    )


def _key(parts: str) -> str:
    """What the colours of these parts mean."""
    return (
        '<div style="font-size:1rem">'
        + "".join(
            '<span style="margin-right:1.4rem;white-space:nowrap"><span '
            'style="display:inline-block;width:1rem;height:1rem;border-radius:3px;'
            f'vertical-align:-0.1rem;margin-right:0.4rem;background:{colour}"></span>{escape(name)}</span>'
            for letter, (name, colour) in PARTS.items()
            if letter in parts
        )
        + "</div>"
    )

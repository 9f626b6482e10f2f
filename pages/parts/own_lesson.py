"""Learning gestures of one's own: the head here and now, the whole network as a child process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.draw.curves import held_out_curve
from core.draw.matrices import confusion_map
from core.errors import BadInput
from core.explain.few_shot import Head, learned_head
from core.models import spec
from core.observe import classify
from core.weights import Model, save_checkpoint
from core.weights.taught import with_head
from pages.parts import runs, session
from pages.parts.choose_model import taught
from pages.parts.exhibit import Exhibit, class_exhibit
from pages.parts.export import downloads
from pages.parts.loaded import loaded
from pages.parts.own_gestures import Collection, features_of, folder_of
from pages.parts.room import new_folder
from pages.parts.runs import Run
from pages.parts.session import switch_to
from pages.parts.show import chart, weights_line
from pages.parts.sources import ModelSource
from pages.parts.subject import Choice
from pages.parts.words import message

SECONDS = 90
"""That the whole network learns at most."""
ABOUT = (
    "**Learn** fits a linear layer on what the open model makes of each clip anyway (ridge "
    "regression on frozen features): seconds. **Learn longer** goes on with the whole network for "
    f"up to {SECONDS} seconds, on your clips varied anew each time; one clip of each gesture is "
    "held out and shows live how well it does."
)
LEAVE_ONE_OUT = (
    "**Leave-one-out accuracy**: each clip is named by a classifier that was learned without it, "
    "which decided neither its weights nor how strongly they are held back. The interval is "
    "Wilson's, 95 %: with few clips it is wide. Clips of one person in one room say little of "
    "other people and rooms."
)


@dataclass(frozen=True, eq=False)
class OwnHead:
    """A head that was learned in this session."""

    source: ModelSource
    names: tuple[str, ...]
    clips: tuple[str, ...]
    """Titles of the clips that it was learned from."""
    head: Head
    seconds: float


def lesson(choice: Choice, own: Collection) -> None:
    """The buttons that learn, and what came of it."""
    run = _run()
    is_running = run is not None and run.state == "running"
    try:
        own.check()
        missing = ""
    except BadInput as error:
        missing = str(error)
    _buttons(choice, own, missing, is_running)
    head: OwnHead | None = st.session_state.get(session.OWN_HEAD)
    if head is not None:
        _head(choice, head)
    if run is not None:
        _follow(run.path, is_running=is_running)


def _run() -> Run | None:
    path: Path | None = st.session_state.get(session.OWN_RUN)
    return runs.read(path) if path else None


def _buttons(choice: Choice, own: Collection, missing: str, is_running: bool) -> None:
    """Learn, and Learn longer or Stop; beside them what is missing, or which model learns."""
    row = st.columns([1.2, 1.6, 5], vertical_alignment="center")
    is_random = not choice.card.trained_on
    if row[0].button(
        "Learn",
        type="secondary" if missing else "primary",
        icon=":material/school:",
        key="learn",
        width="stretch",
        disabled=bool(missing),
    ):
        st.session_state[session.OWN_HEAD] = learn(choice, own)
        st.session_state.pop(session.OWN_RUN, None)
        st.rerun()  # the sidebar, drawn before, offers it
    if is_running:
        if row[1].button("Stop, keep this", icon=":material/stop:", key="stop-own"):
            with st.spinner("Stopping"):
                runs.stop(st.session_state[session.OWN_RUN])
            st.rerun()
    elif row[1].button(
        "Learn longer",
        icon=":material/timer:",
        key="learn-longer",
        width="stretch",
        disabled=bool(missing) or is_random,
    ):
        try:
            st.session_state[session.OWN_RUN] = learn_longer(choice, own)
        except BadInput as error:
            st.error(message(error), icon=":material/error:")
        else:
            st.rerun()
    row[2].caption(
        f"Still missing: {message(missing)}."
        if missing
        else f"{spec(choice.card.model).title} learns to tell {_listed(own.names)} apart."
    )


def learn(choice: Choice, own: Collection) -> OwnHead:
    """Learn a head for the open model, and offer the result under *Model* for this session."""
    features, model = features_of(own, choice.loaded), choice.loaded
    truth = [label for label, gesture in enumerate(own.gestures) for _ in gesture.clips]
    began = time.monotonic()
    head = learned_head(features, truth, len(own.gestures))
    about = {"clips": len(truth), "head": head.numbers}
    path = new_folder("own") / "model.safetensors"
    path.parent.mkdir()
    _keep(path, with_head(model, own.names, head.weight, head.bias, about))
    titles = tuple(clip.title for gesture in own.gestures for clip in gesture.clips)
    source = offered(path, model.card.model, own.names)
    return OwnHead(source, tuple(own.names), titles, head, time.monotonic() - began)


def _keep(path: Path, model: Model) -> None:
    weights = {key: value.clone() for key, value in model.net.state_dict().items()}
    save_checkpoint(path, weights, model.card)


def learn_longer(choice: Choice, own: Collection) -> Path:
    """Start a process in which the whole network learns; returns its folder.

    Raises: BadInput if it cannot be started.
    """
    path = new_folder("tuned")
    source = choice.model
    which = {"model": source.name} if source.kind == "shipped" else {"checkpoint": source.name}
    runs.few(path, folder_of(own), seconds=SECONDS, **which)
    return path


def offered(path: Path, network: str, names: Sequence[str], longer: str = "") -> ModelSource:
    """The checkpoint as a model of this session, under a title that no other has."""
    models = taught()
    title = f"{spec(network).title}, taught {_listed(names)}{longer}"
    same = sum(other == title or other.startswith(f"{title} (") for other in models.values())
    models.setdefault(str(path), f"{title} ({same + 1})" if same else title)
    return ModelSource("file", str(path))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _head(choice: Choice, own: OwnHead) -> None:
    """Draw how well the head does, which clips it confuses, and what it makes of the open clip."""
    numbers = own.head.numbers
    left, middle, right = st.columns([2.4, 3, 3.8], gap="medium")
    with left:
        st.metric("Leave-one-out", f"{numbers['accuracy']:.0f} %", help=LEAVE_ONE_OUT)
        low, high = numbers["interval"]
        st.markdown(
            f"{numbers['right']} of {numbers['clips']} clips right, 95 % interval {low:.0f} to "
            f"{high:.0f} %; guessing gets {numbers['chance']:.0f} %. Learned in "
            f"{max(own.seconds, 0.1):.1f} s."
        )
        _use(own.source, "own")
    with middle:
        st.markdown("**Which gesture is taken for which**, each clip left out once")
        _confusion(choice, own)
    with right:
        st.markdown("**The open clip**, by what was just learned")
        _tried(choice, own.source).draw()


def _tried(choice: Choice, source: ModelSource) -> Exhibit:
    """What a taught model makes of the open clip."""
    pupil = replace(choice, model=source)
    return class_exhibit(pupil, classify(pupil.seeing, choice.clip), "own-classes")


def _confusion(choice: Choice, own: OwnHead) -> None:
    """Draw how often each gesture is taken for which, by heads learned without the clip."""
    answers = own.head.held_out.argmax(1)
    counts = np.zeros((len(own.names), len(own.names)))
    np.add.at(counts, (own.head.truth, answers), 1)
    wrong = [
        f"{own.clips[clip]} ({own.names[own.head.truth[clip]]}) for {own.names[answers[clip]]}"
        for clip in np.flatnonzero(answers != own.head.truth)
    ]
    more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    taken = f"taken wrongly: {'; '.join(wrong[:4])}{more}" if wrong else "none taken wrongly"
    chart(
        confusion_map(counts, list(own.names)),
        "own-confusion",
        f"Clips of each gesture (rows) by the gesture they are taken for: {own.head.right} of "
        f"{len(own.clips)} right; {taken}",
    )
    line = f"{weights_line(replace(choice, model=own.source))} · {len(own.clips)} clips, {taken}"
    st.caption(line)
    numbers = {
        "counts": (counts, "(C, C) clips: row the true gesture, column the answer"),
        "held_out": (own.head.held_out, "(n, C) probabilities of each clip, left out"),
        "names": (np.array(own.names), "(C,) gestures"),
    }
    downloads("own-confusion", [line], numbers=numbers, of_attention=False)


def _use(source: ModelSource, key: str) -> None:
    """The buttons that show a taught model on every page, and that keep it."""
    if st.button(
        "Use it on every page", icon=":material/visibility:", key=f"use-{key}", width="stretch"
    ):
        switch_to(source)
        st.rerun(scope="app")
    path = Path(source.name)
    st.download_button(
        "Download it",
        path.read_bytes,
        file_name="own_gestures.safetensors",
        mime="application/octet-stream",
        icon=":material/download:",
        key=f"keep-{key}",
        width="stretch",
        help="The weights with their card. *Own checkpoint* in the sidebar opens them again; "
        "otherwise they are gone with this session.",
    )
    st.caption(f"Weights **{loaded(source).card.hash}**, under *Model* in the sidebar.")


def _follow(path: Path, *, is_running: bool) -> None:
    """Draw the run, again each second while it learns."""

    @st.fragment(run_every="1s" if is_running else None)
    def live() -> None:
        run = runs.read(path)
        if run is None or (run.state == "running") != is_running:
            st.rerun()  # it began or ended: the sidebar offers what was taught
        _longer(run)

    live()


def _longer(run: Run) -> None:
    """How far the whole network is, and how well it does on the held-out clips."""
    if run.state == "failed":
        st.error(run.failure, icon=":material/error:")
        return
    trials: list[dict[str, Any]] = [row for row in run.reports if row.get("held_out")]
    if run.state == "running":
        text, done = "The model reads the clips, and learns a head without the held-out ones", 0.0
        if run.progress is not None:
            done = min(1.0, run.progress.clips / max(run.progress.total, 1))
            text = f"The whole network learns: {run.progress.clips:,} varied clips seen"
        st.progress(done, text=text)
    if not trials:
        return
    first, last = trials[0]["held_out"], trials[-1]["held_out"]
    left, right = st.columns([2.7, 6.5], gap="medium")
    with left:
        st.metric(
            "On held-out clips",
            f"{last['accuracy']:.0f} %",
            f"{last['accuracy'] - first['accuracy']:+.0f} points, from {first['accuracy']:.0f} %",
            delta_color="normal" if last["right"] != first["right"] else "off",
            help="One clip of each gesture, which neither the head nor the network learned from. "
            "So few clips say little: the interval is 95 %, Wilson's.",
        )
        low, high = last["interval"]
        st.markdown(
            f"{last['right']} of {last['clips']} right, 95 % interval {low:.0f} to "
            f"{high:.0f} %; guessing gets {100 / last['clips']:.0f} %."
        )
        if run.state == "finished":
            names = run.recipe["gestures"]
            network = loaded(ModelSource("file", str(run.checkpoint))).card.model
            is_new = str(run.checkpoint) not in taught()
            source = offered(run.checkpoint, network, names, " longer")
            if is_new:
                st.rerun(scope="app")
            _use(source, "tuned")
    with right:
        chart(
            held_out_curve(trials, 100 / last["clips"]),
            "own-held-out",
            f"Accuracy on the held-out clips over the seconds of learning: "
            f"{first['accuracy']:.0f} percent at first, {last['accuracy']:.0f} now",
        )

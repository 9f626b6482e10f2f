"""The button on every page that makes a file to take home of what is seen."""

from __future__ import annotations

import shlex

import streamlit as st

from core.draw import handout
from core.draw.handout import Sheet
from core.errors import BadInput
from pages.parts import cached, session
from pages.parts.controls import by_title
from pages.parts.export import slug
from pages.parts.once import made_once
from pages.parts.seen import otherwise
from pages.parts.several import fitting, options
from pages.parts.show import clip_name
from pages.parts.slides import slides
from pages.parts.sources import Rendered, VideoFile
from pages.parts.subject import Choice
from pages.parts.words import message

WHAT = (
    "One HTML file that opens in any browser, without this app and without a network: the viewer, "
    "the shuffled clip and its order step by step, the classes, and where it all comes from."
)
PEOPLE = "**Your clip is in the file.** Whoever has the file can see it, and everybody in it."
FIGURES = (
    "Every figure of this page as it stands: a picture (PNG), a drawing (SVG) and its numbers "
    "(NPZ), with a text that says what each shows, in one ZIP."
)


def hand_out(choice: Choice) -> None:
    """The button, in the place that the sidebar has kept for it."""
    place = st.session_state.get(session.HAND_OUT_PLACE, st.sidebar)
    if place.button(
        "Hand out",
        icon=":material/ios_share:",
        key="hand-out",
        width="stretch",
        help="A file to take home: this clip and what models see in it, for any browser.",
    ):
        _dialog(choice)


@st.dialog("Hand out", width="medium")
def _dialog(choice: Choice) -> None:
    kinds = {"page": "A page to take home", "figures": "Figures for slides"}
    kind = st.segmented_control(
        "What",
        list(kinds),
        format_func=by_title(kinds),
        default="page",
        required=True,
        key="hand-out-what",
        label_visibility="collapsed",
    )
    if kind == "page":
        _page(choice)
    else:
        st.markdown(FIGURES)
        slides(file_name(choice))


def _page(choice: Choice) -> None:
    """What the page is, of which models it is, and the file."""
    st.markdown(WHAT)
    titles = options()
    names = st.multiselect(
        "Models",
        list(titles),
        default=[str(choice.model)],
        format_func=by_title(titles),
        key="hand-out-models",
        help="Each is a tab of the page. The included ones share 5 MB: beside others each shows "
        "smaller pictures, or fewer layers.",
    )
    if choice.is_upload:
        st.warning(PEOPLE, icon=":material/person_alert:")
    if names:
        _file(choice, names)


def _file(choice: Choice, names: list[str]) -> None:
    """Make the page, and offer it."""
    try:
        with st.spinner("Making the file"):
            choices = fitting(choice, names)
            order = tuple(st.session_state.get(session.SHOWN_ORDER, ()))
            page = handout.document(
                [sheet(each, order, len(choices) - 1) for each in choices], again=again(choices)
            )
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
        return
    content = page.encode()
    st.download_button(
        f"Download, {len(content) / 1e6:.1f} MB",
        content,
        f"attention_in_{file_name(choice)}.html",
        "text/html",
        icon=":material/download:",
        key="hand-out-file",
        type="primary",
        on_click="ignore",
    )


@made_once(size=lambda sheet: len(sheet.payload))
def sheet(choice: Choice, own_order: tuple[int, ...], beside: int) -> Sheet:
    """What the model of a choice shows in a file of so many more, `own_order` among the shuffles.

    Raises: BadInput for a model that is too large for a file.
    """
    trace = cached.trace(choice)
    return handout.sheet(
        choice.seeing,
        choice.clip,
        clip_name(choice),
        title=choice.title,
        trace=trace,
        cams=[cached.gradcam(choice, target) for target in handout.targets(trace)],
        own_order=own_order,
        beside=beside,
    )


def file_name(choice: Choice) -> str:
    """The clip's name as that of a file, without an ending."""
    return slug(clip_name(choice)) or "clip"


def again(choices: list[Choice]) -> str:
    """The command that makes the same file, empty where none does."""
    first = choices[0]
    is_plain = all(
        each.model.kind == "shipped" and each.part == (None, None) and not otherwise(each)
        for each in choices
    )
    if not is_plain or not isinstance(first.source, Rendered | VideoFile):
        return ""
    file, before = first.clip.source, ""
    if isinstance(first.source, Rendered):
        label, seed = first.source.label, first.source.seed
        file = f"{label}.mp4"
        view = "" if first.source.view == "own" else f" --view {first.source.view}"
        before = f"python -m core render --label {label} --seed {seed}{view} --out {file} && "
    models = " ".join(each.model.name for each in choices)
    return f"{before}python -m core handout {shlex.quote(file)} --models {models} --out page.html"

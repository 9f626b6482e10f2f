"""Which layer, frame and head carries what tells a clip from its twin, by activation patching."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.lettering import number
from core.draw.matrices import share_map
from core.explain.patching import Patching
from pages.parts import cached, links
from pages.parts.another_clip import another_clip
from pages.parts.controls import by_title
from pages.parts.exhibit import Exhibit
from pages.parts.intervening import TAPS, head_name, switch_off
from pages.parts.subject import Choice
from pages.parts.words import as_text

ANOTHER = "another"
TWINS = {
    **{"reversed": "backwards", "shuffled": "shuffled", "frozen": "frozen"},
    ANOTHER: "another clip",
}
ABOUT = (
    "The clip and a twin of it run through the model. Then the twin runs again with one "
    "activation of the clip put back at one place, and the cell says how much of the difference "
    "returns: 0 % nothing, 100 % all of it. It is a difference of two scores: the clip's class "
    "minus the twin's (where both have one class, minus the mean of all others). What a place "
    "carries is not what it alone does: shares of several places need not add up to 100 %."
)


def what_carries_it(choice: Choice) -> None:
    """The section: a twin, a button, and the maps once they are here."""
    st.subheader("Trace: which part carries it?", help=ABOUT)
    left, right = st.columns([5, 6], vertical_alignment="bottom")
    links.meant("twin", TWINS)
    twin = left.segmented_control(
        "Twin of the clip",
        list(TWINS),
        format_func=by_title(TWINS),
        default="reversed",
        required=True,
        key="twin",
        bind="query-params",
        help="The same frames backwards or shuffled, the middle frame alone, repeated, or a "
        "rendered clip of another stroke.",
    )
    place = right.empty()
    result = cached.patching.here(choice, twin)
    if result is None and place.button("Trace", icon=":material/play_arrow:", key="trace"):
        bar = place.progress(0.0, text="Trace")
        result = cached.patching(
            choice,
            twin,
            other=another_clip(choice).clip if twin == ANOTHER else None,
            progress=lambda share: bar.progress(share, text=f"Trace: {100 * share:.0f} %"),
        )
        place.empty()
    if result is None:
        st.info(
            f"Every frame of every layer and every head of {choice.title} is put back once: a few "
            "seconds for the included models."
        )
        return
    _say(choice, twin, result)
    for exhibit in _exhibits(choice, twin, result):
        exhibit.draw()


def _say(choice: Choice, twin: str, result: Patching) -> None:
    """The strongest head in a sentence, and a button that switches it off."""
    labels = choice.card.labels
    heads = {
        f"{name}.{layers[row]}.{head}": share
        for name, layers in result.head_layers.items()
        for (row, head), share in np.ndenumerate(result.heads[name])
    }
    text = max(heads, key=lambda each: heads[each])
    target = as_text(labels[result.target])
    against = "the mean of all others"
    if result.against is not None:
        against = as_text(labels[result.against])
    st.markdown(
        f"**Put back into the twin ({TWINS[twin]}), {head_name(text)} alone brings back "
        f"{100 * heads[text]:.0f} % of the difference between *{target}* and "
        f"*{against}*, more than any other head.**",
        help=f"Scores: {number(result.clean, '.2f')} for the clip, "
        f"{number(result.corrupted, '.2f')} for the twin.",
    )
    st.button(
        f"Switch off {head_name(text)}",
        icon=":material/toggle_off:",
        key="switch_off",
        on_click=switch_off,
        args=[text],
    )


def _exhibits(choice: Choice, twin: str, result: Patching) -> Iterator[Exhibit]:
    """One map for the frames, one for the state, and one for the heads of each tap."""
    T = result.stream.shape[1]
    frames = [f"frame {t + 1}" for t in range(T)]
    layers = [f"layer {layer}" if layer else "pixels" for layer in range(len(result.stream))]
    stream, columns = result.stream, frames
    if result.class_token is not None:
        stream = np.concatenate([stream, result.class_token[:, None]], 1)
        columns = [*frames, "class token"]
    yield _exhibit(
        choice,
        twin,
        "stream",
        "The tokens of a frame, after a layer",
        share_map(stream, layers, columns),
        stream,
    )
    if result.state is not None:
        moments = [f"before {t + 1}" for t in range(T)] + ["at the end"]
        rows = [f"layer {layer + 1}" for layer in range(len(result.state))]
        figure = share_map(result.state, rows, moments)
        yield _exhibit(
            choice, twin, "state", "The hidden state, before a frame", figure, result.state
        )
    for name, shares in result.heads.items():
        rows = [f"layer {layer + 1}" for layer in result.head_layers[name]]
        heads = [f"head {head + 1}" for head in range(shares.shape[1])]
        title = f"Heads of the attention: {TAPS.get(name, name)}"
        yield _exhibit(choice, twin, name, title, share_map(shares, rows, heads), shares)


def _exhibit(
    choice: Choice, twin: str, key: str, title: str, figure: go.Figure, shares: np.ndarray
) -> Exhibit:
    st.markdown(f"**{title}**")
    return Exhibit(
        figure,
        f"trace-{key}".replace(".", "-"),
        f"{title}: shares of the difference that return, {number(float(shares.min()), '.2f')} to "
        f"{number(float(shares.max()), '.2f')}",
        [(choice, f"twin: {TWINS[twin]} · {number(100 * float(shares.max()), '.0f')} % at most")],
        numbers={key.replace(".", "_"): (shares, "(rows, columns) shares of the difference")},
    )

"""What is changed in a model, and what it then sees, answers and orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import explain
from core.draw.bars import class_bars
from core.draw.lettering import number
from core.draw.overlay import overlay
from core.draw.panels import panels
from core.draw.timeline import Timeline
from core.explain.intervene import HeadFactor, Intervention, LayerFactor, Parts, Place
from core.order import Reading
from pages.parts import cached, links
from pages.parts.domain import classes_heading, closest, is_outside
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen
from pages.parts.show import pictures, raw_range, titled
from pages.parts.subject import Choice
from pages.parts.words import as_figure_text, as_text

HEIGHT = 410
"""Pixels of both pictures with their slider, so that a projector shows them whole."""
UNTOUCHED = Intervention()
HEADS, LAYERS, HIDDEN = "heads_off", "layers_off", "frames_hidden"
FACTOR, PATCHES = "factor", "patches_hidden"
TEMPERATURE, STATE, FLOW = "temperature", "state_kept", "flow_given"
OPENS_ON: dict[str, Any] = {
    **{HEADS: [], LAYERS: [], HIDDEN: [], PATCHES: []},
    **{FACTOR: 0.0, TEMPERATURE: 1.0, STATE: 1.0, FLOW: 1.0},
}
"""Every widget's key in the session and in the address, and what it opens on."""
DONE = "interventions_done"
"""The session's list of what the widgets held before each change, for Undo."""
TAPS = {
    **{"space": "space", "time": "time", "global": "global", "local": "sparse-dense"},
    **{"gate": "gate", "vit": "image model"},
}
"""What the attention of a tap is called on the screen."""


def controls(choice: Choice) -> Intervention:
    """Draw the controls; what they ask for."""
    parts = cached.parts(choice)
    grid = cached.trace(choice).grid
    _forget_what_is_not_there(parts, grid)
    has_more = parts.has_state or parts.has_flow
    widths = [2, 1.7, 2.1, 2, *([2.1] if has_more else []), 2, 1.9]  # no title breaks at 1280
    columns = st.columns(widths, gap="xsmall", vertical_alignment="bottom")
    heads_off = _several(
        columns[0],
        HEADS,
        "Heads",
        _heads(parts),
        head_name,
        "A layer looks in several ways at once, called heads. What a head has gathered is "
        "multiplied by the factor before the heads are joined: by 0, which switches it off, unless "
        "*More* says otherwise.",
    )
    layers_off = _several(
        columns[1],
        LAYERS,
        "Layers",
        list(range(parts.layers)),
        lambda layer: f"layer {layer + 1}",
        "What a layer adds to its tokens is multiplied by the factor: by 0, so that they leave it "
        "as they came, unless *More* says otherwise.",
    )
    hidden = _several(
        columns[2],
        HIDDEN,
        "Frames hidden",
        list(range(grid[0])),
        lambda frame: f"frame {frame + 1}",
        "A hidden frame is painted in the mean colour of the training clips.",
    )
    links.within(TEMPERATURE, 0.1, 10)
    temperature = columns[3].slider(
        "Temperature",
        0.1,
        10.0,
        1.0,
        0.1,
        key=TEMPERATURE,
        bind="query-params",
        on_change=_remember,
        disabled=not parts.has_softmax,
        help=r"Softmax scores are divided by it: $\mathrm{softmax}(q\cdot k/(\tau\sqrt d))$. "
        "Above 1 attention is flatter, below 1 sharper. Signed and linear attention have none.",
    )
    state, flow = 1.0, 1.0
    if parts.has_state:
        state = _share(
            columns[4],
            STATE,
            "Memory kept",
            "What the hidden state is multiplied by between two frames: 0 forgets all that was.",
        )
    elif parts.has_flow:
        flow = _share(
            columns[4],
            FLOW,
            "AM flow given",
            "What AM flow is multiplied by before it enters the adapters: 0 leaves it out.",
        )
    factor, patches = _more(columns[-2], grid)
    with columns[-1]:
        _undo_and_reset()
    return Intervention(
        tuple(_head(text, factor) for text in heads_off),
        tuple(LayerFactor(layer, factor) for layer in layers_off),
        temperature if parts.has_softmax else 1.0,
        state,
        flow,
        tuple(hidden),
        tuple(patches),
    )


def _more(column: Any, grid: tuple[int, int, int]) -> tuple[float, list[Place]]:
    """Draw what is needed less often: the factor of heads and layers, and hidden patches."""
    T, h, w = grid
    with column.popover("More", icon=":material/tune:", width="stretch"):
        factor = _share(
            st,
            FACTOR,
            "Factor of heads and layers",
            "What the chosen heads and layers are multiplied by: 0 switches them off, 1 changes "
            "nothing, 2 makes them twice as strong.",
        )
        texts = _several(
            st,
            PATCHES,
            "Patches hidden",
            [f"{t}.{row}.{col}" for t in range(T) for row in range(h) for col in range(w)],
            patch_name,
            "A hidden patch is painted in the mean colour of the training clips. Rows are counted "
            "from the top, columns from the left.",
        )
    return factor, [_place(text) for text in texts]


def patch_name(text: str) -> str:
    """A patch's name on the screen, from how it is written in an intervention: `2.1.4`."""
    t, row, column = _place(text)
    return f"frame {t + 1}, row {row + 1}, column {column + 1}"


def _place(text: str) -> Place:
    t, row, column = map(int, text.split("."))
    return t, row, column


def _heads(parts: Parts) -> list[str]:
    """Every head, as it is written in a link."""
    return [
        f"{name}.{layer}.{head}"
        for name, layers in parts.heads.items()
        for layer, count in layers.items()
        for head in range(count)
    ]


def head_name(text: str) -> str:
    """A head's name on the screen, from how it is written in a link: `time.5.1`."""
    name, layer, head = text.rsplit(".", 2)
    return f"{TAPS.get(name, name)}, layer {int(layer) + 1}, head {int(head) + 1}"


def _head(text: str, factor: float) -> HeadFactor:
    name, layer, head = text.rsplit(".", 2)
    return HeadFactor(name, int(layer), int(head), factor)


def _several(
    column: Any,
    key: str,
    label: str,
    options: list[Any],
    name: Callable[[Any], str],
    meaning: str,
) -> list[Any]:
    """Draw a choice of any number of parts."""
    links.among(key, {option: name(option) for option in options})
    parts: list[Any] = column.multiselect(
        label,
        options,
        format_func=name,
        key=key,
        bind="query-params",
        on_change=_remember,
        placeholder="none",
        help=meaning,
    )
    return parts


def _share(column: Any, key: str, label: str, meaning: str) -> float:
    links.within(key, 0, 2)
    share: float = column.slider(
        label,
        0.0,
        2.0,
        OPENS_ON[key],
        0.1,
        key=key,
        bind="query-params",
        on_change=_remember,
        help=meaning,
    )
    return share


def _forget_what_is_not_there(parts: Parts, grid: Place) -> None:
    """Another model has other heads: take those away that it does not have."""
    has: dict[str, Callable[[Any], bool]] = {
        HEADS: lambda text: _is_there(parts, text),
        LAYERS: lambda layer: layer < parts.layers,
        HIDDEN: lambda frame: frame < grid[0],
        PATCHES: lambda text: all(at < cells for at, cells in zip(_place(text), grid, strict=True)),
    }
    for key, is_there in has.items():
        if key in st.session_state:
            st.session_state[key] = [each for each in st.session_state[key] if is_there(each)]


def _is_there(parts: Parts, text: str) -> bool:
    name, layer, head = text.rsplit(".", 2)
    return int(head) < parts.heads.get(name, {}).get(int(layer), 0)


def _values() -> dict[str, Any]:
    return {key: st.session_state.get(key, value) for key, value in OPENS_ON.items()}


def _remember() -> None:
    """Keep what the widgets held before this change."""
    st.session_state[DONE].append(_values())


def _undo() -> None:
    done = st.session_state[DONE]
    done.pop()
    st.session_state.update(done[-1])


def set_to(values: dict[str, Any]) -> None:
    """Put values into the widgets, as one step that can be undone."""
    st.session_state.update(values)
    _remember()


def switch_off(text: str) -> None:
    """Switch one head off too, written as in a link."""
    off = st.session_state.get(HEADS, [])
    set_to({HEADS: [*off, *([] if text in off else [text])], FACTOR: 0.0})


def _undo_and_reset() -> None:
    done = st.session_state.setdefault(DONE, [_values()])  # a link may open on a change
    with st.container(horizontal=True):
        st.button(
            "",
            icon=":material/undo:",
            key="undo",
            on_click=_undo,
            disabled=len(done) < 2,
            help="Undo the last change.",
        )
        st.button(
            "",
            icon=":material/restart_alt:",
            key="untouched",
            on_click=set_to,
            args=[OPENS_ON],
            disabled=_values() == OPENS_ON,
            help="The model as it is: nothing is changed.",
        )


def say_what_changed(choice: Choice, intervention: Intervention) -> None:
    """The page's sentence: the class and the order, untouched and changed."""
    before, after = cached.trace(choice), cached.changed_trace(choice, intervention)
    order_before = cached.changed_order(choice, UNTOUCHED)
    about = (
        "The order is that of the frames shuffled once (seed 0), read from the model's matrix as "
        "on Frame order. OrderAcc: most frames that stand in the right order, over all frames."
    )
    sees = "takes the clip for" if is_outside(choice) else "sees"
    if intervention == UNTOUCHED:
        st.markdown(
            f"**Untouched, {choice.title} {sees} {_class(choice, before.probabilities)}, and puts "
            f"{order_before.accuracy:.1f} % of the shuffled frames in order. Switch something "
            "off.**",
            help=f"{about} Its order: {in_order(order_before)}.",
        )
        return
    order_after = cached.changed_order(choice, intervention)
    st.markdown(
        f"**Changed, {choice.title} {sees} {_class(choice, after.probabilities)} "
        f"(untouched: {_class(choice, before.probabilities)}), and puts "
        f"{order_after.accuracy:.1f} % of the shuffled frames in order (untouched: "
        f"{order_before.accuracy:.1f} %): {in_order(order_after)} (untouched: "
        f"{in_order(order_before)}).**",
        help=about,
    )


def in_order(reading: Reading) -> str:
    """The true numbers of the frames, from 1, in the order that was read."""
    return " ".join(str(reading.permutation[slot] + 1) for slot in reading.order.path)


def _class(choice: Choice, probabilities: np.ndarray) -> str:
    if not len(probabilities):
        return "no class"
    best = int(probabilities.argmax())
    return f"*{as_text(choice.card.labels[best])}* with {100 * probabilities[best]:.1f} %"


def changed_maps(choice: Choice, intervention: Intervention) -> Exhibit:
    """The attention of the last layer, untouched and changed, on one scale."""
    st.subheader(
        "What it looks at",
        help="Attention over space of the last layer, mean over heads: of the class token, or "
        "where there is none of all patches on average. Both pictures share one scale.",
    )
    traces = [cached.trace(choice), cached.changed_trace(choice, intervention)]
    heats = [explain.spatial(trace) for trace in traces]
    attention = explain.over_space(traces[0])[-1]
    top = max(float(np.nanmax(np.abs(heat))) for heat in heats)
    large, box = pictures(choice, 360)
    frames = [
        overlay(large, heat, signed=attention.kernel.signed, box=box, top=top) for heat in heats
    ]
    difference = float(np.nanmax(np.abs(heats[1] - heats[0])))
    titles = [
        f"{titled(choice)}  {state}{_plain_class(choice, trace.probabilities)}"
        for state, trace in zip(("untouched", "changed"), traces, strict=True)
    ]
    opens_on = Timeline.of([choice.clip.times] * 2).strongest(heats)

    def figure(page: Seen) -> go.Figure:
        return panels(
            frames,
            choice.clip.times,
            titles,
            height=page.room(HEIGHT),
            opens_on=opens_on,
            width=page.across(2),
        )

    return Exhibit(
        figure,
        "changed-maps",
        f"The clip with attention of {choice.title}, untouched and changed",
        [
            (
                choice,
                f"attention of layer {attention.layer + 1} · untouched {raw_range(heats[0])} · "
                f"changed {raw_range(heats[1])} · largest difference {number(difference, '.2g')} · "
                f"change: {str(intervention) or 'none'}",
            )
        ],
        numbers={
            "untouched": (heats[0], "(T', h, w) attention weights"),
            "changed": (heats[1], "(T', h, w) the same of the changed model"),
        },
        film=Film(frames, choice.clip.times, titles),
    )


def _plain_class(choice: Choice, probabilities: np.ndarray) -> str:
    if not len(probabilities):
        return ""
    best = int(probabilities.argmax())
    label = as_figure_text(choice.card.labels[best])
    return f", {closest(choice)}{label}, {100 * probabilities[best]:.1f} %"


def classes_before_and_after(choice: Choice, intervention: Intervention) -> Exhibit:
    """Class probabilities, untouched and changed."""
    classes_heading(
        choice, "What it answers", "The five most probable classes of the untouched model."
    )
    before, after = cached.trace(choice), cached.changed_trace(choice, intervention)
    return Exhibit(
        class_bars(
            list(choice.card.labels),
            before.probabilities,
            after.probabilities,
            height=330,
            names=("untouched", "changed"),
        ),
        "changed-classes",
        "Class probabilities, untouched and changed",
        [(choice, f"softmax of the scores · change: {str(intervention) or 'none'}")],
        numbers={
            "untouched": (before.logits, "(C,) scores"),
            "changed": (after.logits, "(C,) scores of the changed model"),
            "labels": (np.array(list(choice.card.labels)), "(C,) class names"),
        },
    )

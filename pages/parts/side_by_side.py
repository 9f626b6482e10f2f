"""Several models on one clip: their maps, whether they read motion, and how far they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import explain
from core.draw.export import Numbers
from core.draw.lettering import number
from core.draw.matrices import agreement_map, probe_maps
from core.draw.overlay import overlay
from core.draw.panels import SEVERAL, panels
from core.draw.timeline import Timeline
from core.explain.compare import PROBES, agreement, farthest_apart
from core.observe import Trace
from pages.parts import cached, links
from pages.parts.controls import by_title, colours_box, offer_own_scales, opacity_slider
from pages.parts.domain import closest, known_classes, say_no_classes
from pages.parts.exhibit import Exhibit, Film
from pages.parts.export import slug
from pages.parts.follower import Seen
from pages.parts.opening import what_changes_its_class
from pages.parts.several import fitting, options, partner, say_what_each_sees
from pages.parts.show import HELP, pictures, raw_range, titled
from pages.parts.subject import Choice
from pages.parts.words import as_text

MOST = 4
HEIGHTS = {1: 480, 2: 460, 3: 390, 4: 760}
"""Pixels of the figure, by the number of models in it."""
VIEWS = {"attention": "Attention", "gradcam": "GradCAM"}
SHOWN = tuple("backwards" if probe == "reversed" else probe for probe in PROBES)
"""The probes, as every page calls them."""
View = Literal["attention", "gradcam"]


@dataclass(frozen=True)
class ModelMap:
    """What one model sees in the clip."""

    choice: Choice
    trace: Trace
    heat: np.ndarray
    """(T', h, w) weights."""
    words: str
    """What the map is."""
    signed: bool

    def note(self, view: View) -> str:
        """What the map is, where it is not of this view."""
        is_other = view == "gradcam" and not self.choice.card.names_classes
        return ", its attention" if is_other else ""

    @property
    def best(self) -> int:
        """The most probable class."""
        return int(self.trace.probabilities.argmax())

    @property
    def title(self) -> str:
        """The model, its class if it has any and how probable that is, in Plotly's HTML."""
        if not self.choice.card.names_classes:
            return titled(self.choice)
        label, probability = self.choice.card.labels[self.best], self.trace.probabilities[self.best]
        return f"{titled(self.choice)}  {closest(self.choice)}{label}, {100 * probability:.1f} %"


@dataclass(frozen=True)
class Drawing:
    """How the maps are drawn."""

    view: View
    one_scale: bool
    opacity: float
    colours: str


def asked(choice: Choice) -> tuple[list[Choice], Drawing]:
    """Draw the controls; returns the models that can take the clip, and how to draw their maps."""
    titles = options()
    opens_on = list(dict.fromkeys([str(choice.model), partner(choice), *titles]))[:3]
    columns = st.columns([5.4, 2.4, 1.3], vertical_alignment="bottom")
    links.among(f"models-{choice.model}", titles)
    links.meant("compare_map", VIEWS)
    names = columns[0].multiselect(
        "Models",
        list(titles),
        default=opens_on,
        format_func=by_title(titles),
        max_selections=MOST,
        bind="query-params",
        key=f"models-{choice.model}",
        help=f"Up to {MOST} models on the clip of the sidebar. Each sees it with the frames, "
        "sampling and crop that it was trained with; those of the sidebar are for the sidebar's "
        "model alone.",
    )
    view = columns[1].segmented_control(
        "Map",
        list(VIEWS),
        format_func=by_title(VIEWS),
        default="attention",
        required=True,
        key="compare_map",
        bind="query-params",
        help=f"**Attention**: {HELP['spatial']}  \n"
        f"**GradCAM**: {HELP['gradcam']} Of each model's most probable class.",
    )
    more = columns[2].popover("More", icon=":material/tune:", width="stretch")
    one_scale = more.toggle(
        "One scale",
        value=True,
        key="compare_scale",
        bind="query-params",
        help=HELP["one_scale"].replace("both", "all"),
    )
    drawing = Drawing(
        "gradcam" if view == "gradcam" else "attention",
        one_scale,
        opacity_slider(more, "compare_opacity", 0.65),
        colours_box(more, "compare_colours"),
    )
    return fitting(choice, names or [str(choice.model)]), drawing


def map_of(choice: Choice, view: View) -> ModelMap:
    """The map of one model; of one without classes, which has no GradCAM, it is attention."""
    trace = cached.trace(choice)
    if view == "gradcam" and not say_no_classes(choice):
        best = int(trace.probabilities.argmax())
        heat = cached.gradcam(choice, best).heat
        return ModelMap(
            choice, trace, heat, f"GradCAM of {as_text(choice.card.labels[best])}", signed=False
        )
    attention = explain.over_space(trace)[-1]
    who = "the summary (class token)" if explain.has_class_token(attention) else "all patches"
    words = f"attention of {who}, layer {attention.layer + 1}"
    return ModelMap(choice, trace, explain.spatial(trace), words, attention.kernel.signed)


def same_clip(choice: Choice, drawing: Drawing, maps: list[ModelMap]) -> Exhibit:
    """The clip once for each model."""
    st.subheader(
        "The same clip, several models",
        help=HELP["gradcam" if drawing.view == "gradcam" else "spatial"],
    )
    say_what_each_sees([each.choice for each in maps])
    highest = max(float(abs(each.heat).max()) for each in maps)
    if drawing.one_scale:
        peaks = {each.choice.title: float(abs(each.heat).max()) for each in maps}
        offer_own_scales("compare_scale", peaks)
    signed = any(each.signed for each in maps)
    overlays = []
    for each in maps:
        large, box = pictures(each.choice, 300, SEVERAL)
        overlays.append(
            overlay(
                large,
                each.heat,
                opacity=drawing.opacity,
                signed=signed,
                colour_map=drawing.colours,
                box=box,
                top=highest if drawing.one_scale else None,
            )
        )
    timeline = Timeline.of(each.choice.clip.times for each in maps)
    clips = timeline.laid(overlays)
    titles = [each.title for each in maps]
    columns = 2 if len(maps) == 4 else None
    opens_on = timeline.strongest([each.heat for each in maps], one_scale=drawing.one_scale)

    def figure(page: Seen) -> go.Figure:
        return panels(
            clips,
            timeline.times,
            titles,
            steps=timeline.names,
            columns=columns,
            height=page.room(HEIGHTS[len(maps)]),
            opens_on=opens_on,
            width=page.across(columns or len(maps)),
        )

    return Exhibit(
        figure,
        "tiles",
        f"The clip with {VIEWS[drawing.view]} of {_names(maps)}",
        [(each.choice, _what_is_drawn(each, drawing)) for each in maps],
        numbers=_numbers(maps, drawing.view),
        film=Film(clips, timeline.times, titles, columns),
    )


def _what_is_drawn(each: ModelMap, drawing: Drawing) -> str:
    steps, rows, cells = each.heat.shape
    scale = "one scale for all" if drawing.one_scale else "own scale"
    return f"{each.words}, {steps} × {rows} × {cells} cells · {raw_range(each.heat)}, {scale}"


def _numbers(maps: list[ModelMap], view: View) -> Numbers:
    numbers = {}
    for each in maps:
        name = slug(str(each.choice.model))
        numbers[f"{view}_{name}"] = (each.heat, "(T', h, w) weights")
        numbers[f"token_times_{name}"] = (each.trace.token_times, "(T',) seconds")
    return numbers


def do_they_read_motion(every: list[ModelMap]) -> Exhibit | None:
    """Class probabilities of the clip as it is, backwards, shuffled and frozen.

    None where no model names classes.
    """
    maps = [each for each in every if each.choice.card.names_classes]
    if not maps:
        st.subheader("Do they read motion?", help=HELP["probe"])
        say_no_classes(every[0].choice)
        return None
    cards = {each.choice.card.labels: each.choice.card for each in maps}
    known = "  \n".join(known_classes(card) for card in cards.values())
    st.subheader("Do they read motion?", help=f"{HELP['probe']} In percent.  \n{known}")
    probabilities = [cached.motion_probe(each.choice) for each in maps]
    labels = [list(each.choice.card.labels) for each in maps]
    classes = [
        [names[int(best)] for best in table.argmax(1)]
        for names, table in zip(labels, probabilities, strict=True)
    ]
    what_changes_its_class(_titles(maps), classes)
    for each in every:
        say_no_classes(each.choice)
    shown = []
    for each, of in zip(maps, classes, strict=True):
        verdicts = [f"{probe}: *{as_text(name)}*" for probe, name in zip(SHOWN, of, strict=True)]
        shown.append((each.choice, f"probabilities in %, most probable {', '.join(verdicts)}"))
    return Exhibit(
        probe_maps(probabilities, labels, _titles(maps), SHOWN, height=400),
        "probe",
        "Class probabilities for the clip as it is, backwards, shuffled and frozen, for "
        + _names(maps),
        shown,
        numbers={
            f"probabilities_{slug(str(each.choice.model))}": (table, f"(4, C): {', '.join(PROBES)}")
            for each, table in zip(maps, probabilities, strict=True)
        },
    )


def do_they_look_at_the_same_places(maps: list[ModelMap]) -> None:
    """How far each two maps agree, and which two do most and least."""
    st.subheader("Do they look at the same places?", help=HELP["spearman"])
    times = [each.trace.token_times for each in maps]
    matrix = agreement([each.heat for each in maps], times)
    if len(maps) > 1:
        gap = farthest_apart(times)
        st.markdown(
            "Two maps are compared step by step at the "
            + (f"nearest times, at most {gap:.2f} s apart" if gap >= 0.005 else "same times")
            + ", on the finer grid of the two."
        )
    left, right = st.columns([5, 4], gap="large", vertical_alignment="center")
    with left:
        _agreement(maps, matrix).draw()
    with right:
        pairs = _pairs(maps, matrix)
        extremes = pairs[:: max(1, len(pairs) - 1)]
        for title, (correlation, names) in zip(
            ("Most alike", "Least alike"), extremes, strict=False
        ):
            st.metric(f"{title}: {names}", number(correlation, ".2f"), help=HELP["spearman"])


def _agreement(maps: list[ModelMap], matrix: np.ndarray) -> Exhibit:
    return Exhibit(
        agreement_map(matrix, _titles(maps), height=400),
        "agreement",
        "Rank correlation of the maps of each two models",
        [(each.choice, f"{each.words}, rank correlation at the nearest times") for each in maps],
        numbers={
            "agreement": (matrix, "(n, n) Spearman's rank correlation"),
            "models": (np.array(_titles(maps)), "(n,) names"),
        },
    )


def _pairs(maps: list[ModelMap], matrix: np.ndarray) -> list[tuple[float, str]]:
    """The rank correlation of each two models with their names, the most alike first.

    Pairs that have none are left out.
    """
    titles = _titles(maps)
    pairs = [
        (float(matrix[i, j]), f"{titles[i]} and {titles[j]}")
        for i in range(len(maps))
        for j in range(i)
        if not np.isnan(matrix[i, j])
    ]
    return sorted(pairs, reverse=True)


def _titles(maps: list[ModelMap]) -> list[str]:
    return [each.choice.title for each in maps]


def _names(maps: list[ModelMap]) -> str:
    return ", ".join(_titles(maps))

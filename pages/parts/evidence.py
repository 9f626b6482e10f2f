"""GradCAM of one class: where its evidence is, of one model or of two side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.export import Numbers
from core.draw.lettering import number
from core.draw.overlay import outlined, overlay
from core.draw.panels import panels
from core.draw.timeline import Timeline
from core.explain import GradCam
from pages.parts import cached, links
from pages.parts.controls import by_title, colours_box, offer_own_scales, opacity_slider
from pages.parts.domain import CLOSEST, classes_heading, closest, is_outside, say_no_classes
from pages.parts.exhibit import Exhibit, Film, class_exhibit
from pages.parts.export import slug
from pages.parts.follower import Seen
from pages.parts.history import measured
from pages.parts.seen import mark_other_length
from pages.parts.several import fitting, may_name_classes, options, partner, say_what_each_sees
from pages.parts.show import HELP, pictures, strip, titled
from pages.parts.subject import Choice
from pages.parts.words import as_figure_text, as_text

NORM = "norm"
PLACES_HELP = (
    "Where in the network GradCAM is read. Usually it is the last block's first norm, by which "
    "little of the answer may pass: the residual stream runs beside it, and a class token may have "
    "gathered it before. How much passes was measured on rendered clips: another stroke's patches "
    "stand in at this place, and the scores move by so much of the way to that stroke's own "
    "(`python -m training reproduce gradcam_places`)."
)


@dataclass(frozen=True)
class Question:
    """What is asked of the clip, and how the answer is drawn."""

    label: str
    """The class whose evidence is shown."""
    second: str
    """The model beside the chosen one, as the text of its source; empty for none."""
    layer: int | None
    """After which layer it is read; None for the last block's first norm."""
    one_scale: bool
    opacity: float
    colours: str


def what_it_shows_instead() -> None:
    """The ways to what a model without classes shows."""
    ways = {
        "explore": ("Explore: where it looks", ":material/visibility:"),
        "am_flow": ("AM flow: how that changes", ":material/waves:"),
    }
    with st.container(horizontal=True):
        for page, (title, icon) in ways.items():
            if st.button(title, icon=icon, key=f"to-{page}"):
                links.go_to(page)


@dataclass(frozen=True)
class Answer:
    """The evidence that one model sees."""

    choice: Choice
    target: int
    layer: int | None
    """After which layer it is read: one that the model has."""
    cam: GradCam
    frames: np.ndarray
    """(T, H, W, 3) uint8: the clip with the evidence on it."""
    top: float
    """Where the colours' scale ends."""

    @property
    def label(self) -> str:
        """The class that was asked for."""
        return self.choice.card.labels[self.target]

    def note(self, question: Question) -> str:
        """What the evidence is for, where the model has no class of the name that was asked for."""
        return "" if self.label == question.label else f", for {as_text(self.label)}"

    @property
    def closest(self) -> str:
        """What stands before its name, where it is the model's own."""
        own = int(cached.trace(self.choice).probabilities.argmax())
        return closest(self.choice) if self.target == own else ""


def question(choice: Choice) -> Question:
    """Draw the controls."""
    labels = list(choice.card.labels)
    probabilities = cached.trace(choice).probabilities
    columns = st.columns([3, 3, 1.3], vertical_alignment="bottom")
    which, partner_key = f"class-{choice.clip.id}-{choice.model}", f"beside-{choice.model}"
    links.meant(which, {label: label for label in labels})
    label = columns[0].selectbox(
        "Class",
        labels,
        index=int(probabilities.argmax()),
        key=which,
        bind="query-params",
        help="GradCAM asks where the evidence for this class is. It opens on the most probable "
        "one.",
    )
    others = {
        text: title
        for text, title in options().items()
        if text != str(choice.model) and may_name_classes(text)
    }
    titles = {"": "nothing"} | others
    links.meant(partner_key, titles)
    second = columns[1].selectbox(
        "Beside",
        list(titles),
        index=list(titles).index(partner(choice)),
        format_func=by_title(titles),
        key=partner_key,
        bind="query-params",
        help="A second model on the same clip: first the paper's own baseline.",
    )
    more = columns[2].popover("More", icon=":material/tune:", width="stretch")
    places = places_of(choice)
    links.meant("cam_place", places)
    place = more.selectbox(
        "Read",
        list(places),
        format_func=by_title(places),
        key="cam_place",
        bind="query-params",
        help=PLACES_HELP,
    )
    if passing := passes_in_words(choice):
        more.caption(passing)
    one_scale = more.toggle(
        "One scale",
        value=True,
        disabled=not second,
        key="one_scale",
        bind="query-params",
        help=HELP["one_scale"],
    )
    opacity = opacity_slider(more, "cam_opacity", 0.6)
    colours = colours_box(more, "cam_colours")
    layer = None if place == NORM else int(place)
    return Question(label, second, layer, one_scale, opacity, colours)


def places_of(choice: Choice) -> dict[str, str]:
    """Where GradCAM can be read, in words that stay the same for all weights."""
    after = {str(layer): f"after layer {layer + 1}" for layer in range(_layers(choice) - 1)}
    return {NORM: "at the last block's first norm"} | after


def passes_in_words(choice: Choice) -> str:
    """What share of the answer passes at each place; empty where that was not measured."""
    shares = shares_of(choice)
    if not shares:
        return ""
    layers = ", ".join(f"{share:.0f} %" for share in shares[:-1])
    return (
        f"Of {choice.title}'s answer passes, after layers 1 to {len(shares) - 1}: {layers}; at the "
        f"norm: {shares[-1]:.0f} %."
    )


def shares_of(choice: Choice) -> list[float]:
    """What share of the answer passes at each place, in percent; empty where none was measured."""
    results = measured("gradcam_places")
    runs = results["runs"] if results else []
    own = (run["places"] for run in runs if run["weights"] == choice.card.hash)
    return next(own, [])


def _nearest(choice: Choice, layer: int | None) -> int | None:
    """After which layer a model is read, where another is read after `layer`."""
    last = _layers(choice) - 2
    return None if layer is None or last < 0 else min(layer, last)


def _layers(choice: Choice) -> int:
    return 1 + max(attention.layer for attention in cached.trace(choice).attentions)


def _read_at(choice: Choice, layer: int | None) -> str:
    """Where GradCAM of a model was read, and what passes there."""
    place = "at the last block's first norm" if layer is None else f"after layer {layer + 1}"
    shares = shares_of(choice)
    if not shares:
        return place
    share = shares[-1 if layer is None else layer]
    return f"{place}, where {share:.0f} % of the answer passes"


def answers(choice: Choice, question: Question) -> list[Answer]:
    """GradCAM of the class, of each model."""
    beside = fitting(choice, [question.second]) if question.second else []
    named = [other for other in beside if not say_no_classes(other)]
    choices = [choice, *(other for other in named if other.model != choice.model)]
    targets = [_target(each, question.label) for each in choices]
    layers = [_nearest(each, question.layer) for each in choices]
    asked = list(zip(choices, targets, layers, strict=True))
    cams = [cached.gradcam(*each) for each in asked]
    highest = [float(cam.heat.max()) for cam in cams]
    shared_top = max(highest) if question.one_scale else None
    shown = []
    for (each, target, layer), cam, own_top in zip(asked, cams, highest, strict=True):
        large, box = pictures(each, 360)
        frames = overlay(
            large,
            cam.heat,
            opacity=question.opacity,
            colour_map=question.colours,
            box=box,
            top=shared_top,
        )
        if each.crop == "centre":
            frames = outlined(frames, box)
        shown.append(Answer(each, target, layer, cam, frames, shared_top or own_top))
    return shown


def _target(choice: Choice, label: str) -> int:
    """The class that a model is asked for: `label`, or its own most probable class.

    Its own is taken where it has none of this name.
    """
    labels = choice.card.labels
    if label in labels:
        return labels.index(label)
    return int(cached.trace(choice).probabilities.argmax())


def where_the_evidence_is(question: Question, answers: list[Answer]) -> Exhibit:
    """The clip with the evidence, once for each model."""
    where = f"where the evidence for {as_text(question.label)} is"
    st.subheader(
        f"{CLOSEST}: {where}" if is_outside(answers[0].choice) else f"W{where[1:]}",
        help=f"{HELP['probability']}  \n{HELP['gradcam']}"
        r" $\mathrm{ReLU}\left(\sum_c\bar g_c\,x_c\right)$, $\bar g_c$ the mean gradient of the "
        r"score in channel $c$.",
    )
    say_what_each_sees([answer.choice for answer in answers])
    if question.one_scale:
        highest = {answer.choice.title: float(answer.cam.heat.max()) for answer in answers}
        offer_own_scales("one_scale", highest)
    timeline = Timeline.of(answer.choice.clip.times for answer in answers)
    frames = timeline.laid([answer.frames for answer in answers])
    titles = [
        f"{titled(answer.choice)}  {answer.closest}{as_figure_text(answer.label)}, "
        f"{100 * answer.cam.probability:.1f} %"
        for answer in answers
    ]
    for_both = ", one for both" if question.one_scale and len(answers) > 1 else ""
    shown = [
        (
            answer.choice,
            f"GradCAM of *{as_text(answer.label)}* {_read_at(answer.choice, answer.layer)}, "
            f"probability {answer.cam.probability:.2f} · own range 0 to "
            f"{number(float(answer.cam.heat.max()), '.2g')}, scale 0 to "
            f"{number(answer.top, '.2g')}{for_both}{_seen_of(answer)}",
        )
        for answer in answers
    ]
    models = "; ".join(
        f"{answer.choice.title}, {100 * answer.cam.probability:.1f} %" for answer in answers
    )
    opens_on = timeline.strongest(
        [answer.cam.heat for answer in answers], one_scale=question.one_scale
    )

    def figure(page: Seen) -> go.Figure:
        return panels(
            frames,
            timeline.times,
            titles,
            steps=timeline.names,
            height=page.room(540),
            opens_on=opens_on,
            width=page.across(len(frames)),
        )

    return Exhibit(
        figure,
        "cam",
        f"The clip with GradCAM of {question.label}: {models}",
        shown,
        numbers=_numbers(answers),
        film=Film(frames, timeline.times, titles),
    )


def _seen_of(answer: Answer) -> str:
    """What GradCAM cannot see of a model whose score is a mean of several outputs."""
    outputs = cached.cam_outputs(answer.choice)
    if outputs is None or answer.layer is not None:
        return ""
    return (
        f" · sees {outputs[0]} of the {outputs[1]} outputs that are averaged into the score: those "
        "of earlier blocks are made before it"
    )


def _numbers(answers: list[Answer]) -> Numbers:
    numbers = {}
    for answer in answers:
        name, times = slug(str(answer.choice.model)), cached.trace(answer.choice).token_times
        numbers[f"gradcam_{name}"] = (answer.cam.heat, "(T', h, w) evidence, at least 0")
        numbers[f"token_times_{name}"] = (times, "(T',) seconds")
    return numbers


def frame_by_frame(answer: Answer) -> None:
    """The first frame of each token in a row."""
    unit = len(answer.frames) // len(answer.cam.heat)
    st.markdown(f"**{answer.choice.title}**, frame by frame")
    strip(
        answer.frames[::unit],
        [f"{time:.1f} s" for time in answer.choice.clip.times[::unit]],
        name=f"gradcam {answer.choice.title}",
    )


def what_it_sees(choice: Choice) -> Exhibit:
    """The most probable classes of one model."""
    about = "The five most probable classes, from the softmax of the scores."
    classes_heading(choice, f"What {choice.title} sees", about)
    mark_other_length(choice)
    key = f"classes-{slug(str(choice.model))}"
    return class_exhibit(choice, cached.trace(choice).probabilities, key)

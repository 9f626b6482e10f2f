"""Whether the answer hangs on what a map shows: deletion and insertion, measured when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.draw.lettering import number
from core.draw.removed import removed_data
from core.draw.trust_figures import FILL_TITLES, removal_figure
from core.explain.attribute import METHODS, Progress
from core.explain.trust.faithfulness import (
    FILLS,
    WAYS,
    Beside,
    Curves,
    Fill,
    Score,
    beside_random,
    blurred,
)
from pages.parts import cached, links, session
from pages.parts.component import component
from pages.parts.exhibit import Exhibit
from pages.parts.export import slug
from pages.parts.opening import say
from pages.parts.show import pictures
from pages.parts.subject import Choice
from pages.parts.trust_scores import named, predicted
from pages.parts.words import as_text

ABOUT = (
    "Deletion takes the cells of the model's own grid away, the hottest first, in all frames at "
    "once; insertion begins with nothing and puts them in. What is taken away is painted in the "
    "mean colour of the training clips, or stands there blurred: a model has met neither, so both "
    "are shown. The bands are five random orders. Where a map is no better than they are, the "
    "answer does not hang on what it shows."
)
CHART = "removal"
SCORES: dict[Score, tuple[str, str]] = {
    "deletion": ("deletion, area", "low: the class falls at once without the hottest cells"),
    "insertion": ("insertion, area", "high: the hottest cells alone bring the class back"),
    "sensitivity": (
        "sensitivity-n",
        "1: the heat of a tenth of the clip says how far the score falls without it; 0: nothing",
    ),
    "infidelity": (
        "infidelity",
        "0: it says exactly how far, up to one factor; high: it does not",
    ),
}
"""Of each score its title, and what a high and a low value mean."""


@dataclass(frozen=True)
class Question:
    """What is asked: one map, and the class."""

    map: str
    target: int


def what_the_answer_hangs_on(choice: Choice) -> Question:
    """The section: a map, a button, and the curves once they are here."""
    st.subheader("Does the answer hang on it?", help=ABOUT)
    target = predicted(choice)
    left, right = st.columns([3, 5], vertical_alignment="bottom")
    with left:
        question = Question(_map(choice), target)
    label = as_text(named(choice))
    with right:
        is_here = _measure_when_asked(choice, question)
    own = cached.removal.here(choice, question.map, target)
    others = cached.random_removal.here(choice, target)
    if not is_here or own is None or others is None:
        st.info(
            f"Cells of the clip are taken away in the order of this map, and *{label}* is asked "
            "for again each time. For the first map of a clip random orders are measured too, "
            "which takes longest."
        )
        return question
    heat = cached.heat_of(choice, question.map, target)
    say(in_a_sentence(question.map, label, own, others), ABOUT)
    _exhibit(choice, question, heat, own, others).draw()
    sets = {fill: cached.subsets(choice, target, fill) for fill in FILLS}
    _table(beside_random(heat, own, others, sets))
    return question


def _map(choice: Choice) -> str:
    """Draw the chooser of a map: what this model has; another model's is let go."""
    names = [each.name for each in cached.maps(choice)]
    first = names.index("attention")
    ours = [*names[first:], *(each.title for each in METHODS.values()), *names[:first]]
    if st.session_state.get(session.TRUST_MAP) not in (None, *ours):
        del st.session_state[session.TRUST_MAP]
    links.meant(session.TRUST_MAP, {name: name for name in ours})
    name: str = st.selectbox(
        "Map",
        ours,
        key=session.TRUST_MAP,
        bind="query-params",
        help="*attention* is that of the last layer, mean over heads. The last four before the "
        "layers know nothing of the model.",
    )
    return name


def _measure_when_asked(choice: Choice, question: Question) -> bool:
    """Draw the button, and measure if it is clicked; any other click ends that. Is it here?"""
    name, target = question.map, question.target
    is_here = all(
        each is not None
        for each in (
            cached.removal.here(choice, name, target),
            cached.random_removal.here(choice, target),
            *(cached.subsets.here(choice, target, fill) for fill in FILLS),
        )
    )
    if is_here:
        return True
    place, bar = st.empty(), st.empty()
    if not place.button("Take away, and ask again", icon=":material/play_arrow:", key="remove"):
        return False
    place.button("Stop", icon=":material/stop:", key="stop-remove")

    def told(start: float, end: float, words: str) -> Progress:
        return lambda share: bar.progress(start + share * (end - start), text=words)

    told(0, 0, name)(0)
    cached.heat_of(choice, name, target, progress=told(0, 0.1, name))
    cached.removal(choice, name, target, progress=told(0.1, 0.35, name))
    cached.random_removal(choice, target, progress=told(0.35, 0.85, "random orders"))
    for i, fill in enumerate(FILLS):
        told(0.85 + 0.07 * i, 1, "random tenths of the clip")(0)
        cached.subsets(choice, target, fill)
    place.empty()
    bar.empty()
    return True


def in_a_sentence(name: str, label: str, own: Curves, others: Sequence[Curves]) -> str:
    """How far the class falls without the hottest third, beside a random third."""
    curve = own["deletion", "mean"]
    step = int(np.abs(curve.shares - 1 / 3).argmin())
    left = [100 * own["deletion", fill].probabilities[step] for fill in FILLS]
    random = [
        100 * float(np.mean([each["deletion", fill].probabilities[step] for each in others]))
        for fill in FILLS
    ]
    return (
        f"Without the {100 * curve.shares[step]:.0f} % that *{as_text(name)}* calls hottest, "
        f"*{label}* is at {left[0]:.0f} % ({FILL_TITLES[FILLS[0]]}) and {left[1]:.0f} % "
        f"({FILL_TITLES[FILLS[1]]}); without as much at random at {random[0]:.0f} % and "
        f"{random[1]:.0f} %. Point at the curves."
    )


def _exhibit(
    choice: Choice, question: Question, heat: np.ndarray, own: Curves, others: Sequence[Curves]
) -> Exhibit:
    label = named(choice)
    numbers: dict[str, tuple[np.ndarray, str]] = {"heat": (heat, "(T', h, w) the map")}
    for (way, fill), curve in own.items():
        name = f"{way}_{fill}"
        random = np.stack([each[way, fill].probabilities for each in others])
        numbers[f"{name}_shares"] = (curve.shares, "(n,) share of the cells")
        numbers[name] = (curve.probabilities, "(n,) probability of the class")
        numbers[f"{name}_random"] = (random, "(orders, n) the same of random orders")
    areas = ", ".join(f"{way} {number(own[way, 'mean'].area, '.2f')}" for way in WAYS)
    return Exhibit(
        removal_figure(own, others, label),
        CHART,
        f"Probability of {label} while cells are taken away or put in, hottest first",
        [
            (
                choice,
                f"{slug(question.map).replace('_', ' ')} · areas with the mean colour: {areas} · "
                f"{len(others)} random orders",
            )
        ],
        numbers=numbers,
        below=lambda: _clip(choice, heat, own, others),
    )


def _clip(choice: Choice, heat: np.ndarray, own: Curves, others: Sequence[Curves]) -> None:
    """The clip's frames without the share that is pointed at."""
    large, (top, left, height, width) = pictures(choice, 240)
    frames = large[:, top : top + height, left : left + width]
    data = removed_data(
        frames, blurred(choice.seeing, choice.clip), choice.card.mean, heat, own, others
    )
    component("removed_clip", "removed/removed")(
        key="removed",
        data=data | {"chart": CHART, "label": named(choice)},
    )


def _table(scores: dict[tuple[Score, Fill], Beside]) -> None:
    """Each score with each fill, beside random orders, and what it means."""
    head = ["score", *(FILL_TITLES[fill] for fill in FILLS), "what it means"]
    rows = ["|".join(head), "|".join("---" for _ in head)]
    for score, (title, meaning) in SCORES.items():
        cells = [_cell(scores[score, fill]) for fill in FILLS]
        rows.append("|".join([title, *cells, meaning]))
    st.markdown("\n".join(f"|{row}|" for row in rows))
    st.caption("**Bold**: better than every random order, whose lowest and highest follow.")


def _cell(beside: Beside) -> str:
    """The map's score, and those of random orders."""
    low, high = (number(bound(beside.others), ".2g") for bound in (min, max))
    own = "–" if np.isnan(beside.own) else number(beside.own, ".2g")
    return f"{f'**{own}**' if beside.beats_all else own} (random: {low} to {high})"

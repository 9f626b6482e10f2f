"""What maps are worth over a set of clips, as Plotly figures and in sentences.

All of it reads what `core.draw.trust_report.trust` returns, of one model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.draw.lettering import number, wrapped
from core.draw.matrices import correlation_map
from core.draw.style import ACCENT, FONT, GREY, GRID, LINE, bare, named_ticks, numbered
from core.draw.trust_figures import PALE, is_head, plain_name
from core.draw.trust_figures import TITLES as OF_TRUTH_TITLES
from core.explain.trust.alike import TRUTH
from core.explain.trust.every_map import BASELINES, PART
from core.explain.trust.over_clips import HIGHER_IS_BETTER, RANDOM
from core.explain.trust.truth_scores import NAMES

Result = Mapping[str, Any]
"""The scores of a model's maps over a set of clips."""
OF_TRUTH = NAMES
OF_ANSWER = tuple(name for name in HIGHER_IS_BETTER if name not in NAMES)
"""Scores against the truth, and those that hold a map against the model's own answer."""
TITLES = OF_TRUTH_TITLES | {
    **{"deletion": "deletion (low)", "insertion": "insertion"},
    **{"sensitivity": "sensitivity-n", "infidelity": "infidelity (low)"},
}
SAID = {
    **{"hand": "pointing at the hand", "fingertip": "pointing at the fingertip"},
    **{"energy": "energy on the hand", "auc": "ROC AUC", "precision": "average precision"},
}
"""Scores against the truth in a sentence."""
ROW, NAME = 25, 200
"""Pixels of a map, and of its name."""


def short(name: str) -> str:
    """A map's name as a figure has room for."""
    return "the hand" if name == TRUTH else plain_name(name)


def score_panels(result: Result, scores: Sequence[str]) -> go.Figure:
    """A panel for each score: a dot for each map, with its interval, without single heads.

    Full: better than every baseline; pale: not; grey: a baseline. The dotted line is the best of
    the baselines.
    """
    maps = {
        name: own
        for name, own in result["maps"].items()
        if not is_head(name) and any(score in own for score in scores)
    }
    figure = go.Figure()
    for i, score in enumerate(scores):
        _panel(figure, i, len(scores), score, maps)
    names = [wrapped(short(name), NAME, FONT - 1, most=1) for name in maps]
    figure.update_yaxes(
        range=[len(maps) - 0.5, -0.5],
        gridcolor=GRID,
        zeroline=False,
        showticklabels=False,
        tickfont={"size": FONT - 1},
        **named_ticks(names),
    )
    figure.update_layout(yaxis={"showticklabels": True, "automargin": True})
    bare(figure, ROW * len(maps) + 70)
    return figure.update_layout(
        margin={"l": 8, "r": 8, "t": round(LINE * FONT) + 12, "b": 30}, meta={"columns": 5}
    )


def _panel(figure: go.Figure, i: int, panels: int, score: str, maps: Mapping[str, Any]) -> None:
    x, y = numbered("x", i), numbered("y", i)
    for kind, colour in (("won", ACCENT), ("lost", PALE), ("baseline", GREY)):
        rows = [
            (place, name, own[score])
            for place, (name, own) in enumerate(maps.items())
            if score in own and kind_of(name, own[score]) == kind
        ]
        figure.add_scatter(
            x=[own["mean"] for _, _, own in rows],
            y=[place for place, _, _ in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [own["high"] - own["mean"] for _, _, own in rows],
                "arrayminus": [own["mean"] - own["low"] for _, _, own in rows],
                "thickness": 2.5,
                "width": 0,
            },
            mode="markers",
            marker={"size": 11, "color": colour},
            xaxis=x,
            yaxis=y,
            customdata=[[name, _words(own)] for _, name, own in rows],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
        )
    best = best_baseline(score, maps)
    if best is not None:
        figure.add_shape(
            type="line",
            x0=best,
            x1=best,
            y0=0,
            y1=1,
            xref=x,
            yref=f"{y} domain",
            line={"color": GREY, "width": 2, "dash": "dot"},
        )
    width = 1 / panels
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": [i * width + 0.012, (i + 1) * width - 0.012],
                "tickfont": {"size": FONT - 3},
                "nticks": 4,
                "rangemode": "tozero",
                "anchor": y,
                "gridcolor": GRID,
                "zeroline": False,
            },
            numbered("yaxis", i): {"anchor": x},
        }
    )
    figure.add_annotation(
        text=TITLES[score],
        x=0,
        y=1.0,
        xref=f"{x} domain",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": FONT - 1},
    )


def kind_of(name: str, own: Mapping[str, Any]) -> str:
    """A map by its score: `baseline`, `won` where it beats every one of them, else `lost`."""
    if name in (*BASELINES, RANDOM):
        return "baseline"
    return "lost" if own["not beaten"] else "won"


def _words(own: Mapping[str, Any]) -> str:
    """A score with its interval, and what it does not beat."""
    text = ", ".join(own["not beaten"])
    interval = f"{number(own['low'], '.3f')} to {number(own['high'], '.3f')}"
    lost = f"<br>does not beat {text}" if text else ""
    return f"{number(own['mean'], '.3f')} ({interval}), {own['clips']} clips{lost}"


def best_baseline(score: str, maps: Mapping[str, Any]) -> float | None:
    """The best mean of the baselines, None where none has the score."""
    means = [
        maps[name][score]["mean"]
        for name in (*BASELINES, RANDOM)
        if name in maps and score in maps[name]
    ]
    if not means:
        return None
    return max(means) if HIGHER_IS_BETTER[score] else min(means)


def alike_names(result: Result) -> list[str]:
    """The maps of the figure: the last layer for all layers and heads, and no even map."""
    return [
        name
        for name in result["rank correlations"]["maps"]
        if not name.startswith(PART) and name != "uniform"
    ]


def alike_matrix(result: Result, names: Sequence[str]) -> np.ndarray:
    """The rank correlation of each two of these maps, (n, n); NaN where there is none."""
    places = [result["rank correlations"]["maps"].index(name) for name in names]
    matrix = np.array(result["rank correlations"]["matrix"], float)
    return matrix[np.ix_(places, places)]


def alike_map(result: Result) -> go.Figure:
    """Rank correlations of the maps with each other and with the truth, which stands last."""
    names = alike_names(result)
    titles = [short(name) for name in names]
    return correlation_map(alike_matrix(result, names), titles, titles)


def kept_rows(result: Result) -> tuple[list[str], list[str], np.ndarray]:
    """The maps, what was changed, and what each map keeps of itself (maps, changes)."""
    maps: dict[str, dict[str, float]] = {
        name: each["kept"]
        for name, each in result["sanity"].items()
        if not name.startswith(PART)  # the last layer for all layers and heads
    }
    longest = max(maps, key=lambda name: len(maps[name]))
    steps = list(maps[longest])
    matrix = [[kept.get(step, np.nan) for step in steps] for kept in maps.values()]
    return [short(name) for name in maps], steps, np.array(matrix, float)


def kept_map(result: Result) -> go.Figure:
    """What each map keeps while the weights become random, for another class, of another clip."""
    rows, steps, matrix = kept_rows(result)
    return correlation_map(matrix, rows, steps)


def in_words(result: Result) -> list[str]:
    """What came out of a model's maps, a sentence each."""
    return [
        _finds_the_hand(result),
        *_names_the_answer(result),
        *_like_the_truth(result),
        *_depends(result),
    ]


def _finds_the_hand(result: Result) -> str:
    own = result["maps"]["attention"]
    won = [SAID[score] for score in OF_TRUTH if score in own and not own[score]["not beaten"]]
    lost = {
        SAID[score]: own[score]["not beaten"]
        for score in OF_TRUTH
        if score in own and own[score]["not beaten"]
    }
    best = max(
        (
            each
            for each in result["maps"]
            if each not in BASELINES and "auc" in result["maps"][each]
        ),
        key=lambda name: result["maps"][name]["auc"]["mean"],
    )
    parts = []
    if won:
        parts.append(f"beats every baseline by {_listed(won)}")
    if lost:
        rivals = sorted({name for names in lost.values() for name in names}, key=BASELINES.index)
        parts.append(f"does not beat {_listed(rivals)} by {_listed(list(lost))}")
    return (
        f"Attention of the last layer {', and '.join(parts)}; the best map by ROC AUC is "
        f"{best} ({result['maps'][best]['auc']['mean']:.2f})."
    )


def _names_the_answer(result: Result) -> list[str]:
    own = result["maps"]["attention"]
    if "deletion" not in own:
        return []
    random = result["maps"][RANDOM]
    parts = []
    for score in ("deletion", "insertion"):
        beats = RANDOM not in own[score]["not beaten"]
        verb = "better than" if beats else "no better than"
        parts.append(
            f"{score} {own[score]['mean']:.2f}, {verb} random order ({random[score]['mean']:.2f})"
        )
    clips = own["deletion"]["clips"]
    return [f"Held against the model's own answer on {clips} clips: {'; '.join(parts)}."]


def _like_the_truth(result: Result) -> list[str]:
    names = alike_names(result)
    with_truth = dict(zip(names, alike_matrix(result, names)[-1], strict=True))
    del with_truth[TRUTH]
    known = {name: value for name, value in with_truth.items() if not np.isnan(value)}
    if "attention" not in known:
        return []
    best = max(known, key=lambda name: known[name])
    return [
        f"Its rank correlation with the hand is {number(known['attention'], '.2f')}; "
        f"of all maps and baselines {best} has most, {number(known[best], '.2f')}."
    ]


def _depends(result: Result) -> list[str]:
    if not result["sanity"]:
        return []
    fixed = [
        short(name)
        for name, each in result["sanity"].items()
        if each["words"].startswith("does not") and not is_head(name)
    ]
    if not fixed:
        return ["With random weights every map is another map."]
    return [f"With random weights nearly the same map: {_listed(fixed)}."]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

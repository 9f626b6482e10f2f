"""Maps over a set of clips: figures, sentences and the page, on figures made up by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.draw.lettering import text_width
from core.draw.matrices import correlation_map
from core.draw.style import FONT, WIDTH
from core.draw.trust_html import page
from core.draw.trust_set import (
    OF_ANSWER,
    OF_TRUTH,
    alike_map,
    alike_matrix,
    alike_names,
    in_words,
    kept_map,
    score_panels,
)
from core.explain.trust.alike import TRUTH


def score(mean: float, *lost: str, clips: int = 7) -> dict[str, Any]:
    return {
        "mean": mean,
        "low": mean - 0.05,
        "high": mean + 0.1,
        "clips": clips,
        "not beaten": list(lost),
    }


def result(**changes: Any) -> dict[str, Any]:
    maps = ["attention, layer 3", "attention", "GradCAM", "uniform", "centre", TRUTH]
    matrix = np.eye(len(maps))
    matrix[1, 2] = matrix[2, 1] = -0.25
    matrix[5, 1:3] = matrix[1:3, 5] = 0.5, 0.125
    matrix[3] = matrix[:, 3] = np.nan
    return {
        "model": "direcformer",
        "weights": "0123abcd",
        "clips": 7,
        "maps": {
            "attention, layer 3": {"auc": score(0.8)},
            "attention, layer 3, head 2": {"auc": score(0.7)},
            "attention": {
                "hand": score(0.5, "centre"),
                "auc": score(0.8),
                "deletion": score(0.3),
                "insertion": score(0.4, "random order"),
            },
            "GradCAM": {"hand": score(0.2, "uniform", "centre"), "auc": score(0.9)},
            "uniform": {"hand": score(0.1), "auc": score(0.5)},
            "centre": {"hand": score(0.6), "auc": score(0.6)},
            "random order": {"deletion": score(0.4), "insertion": score(0.5)},
        },
        "rank correlations": {
            "maps": maps,
            "matrix": [[None if np.isnan(v) else v for v in row] for row in matrix.tolist()],
        },
        "sanity": {
            "attention": {"kept": {"head": 1.0, "all": 0.1}, "words": "depends on the weights"},
            "GradCAM": {"kept": {"head": 0.9, "all": 0.8}, "words": "does not depend on them"},
        },
        **changes,
    }


def test_a_dot_is_full_where_it_beats_every_baseline_and_the_line_is_the_best_of_them() -> None:
    figure = score_panels(result(), OF_TRUTH)
    shown = {
        (trace.xaxis, name): (x, trace.marker.color, trace.error_x.array[i])
        for trace in figure.data
        for i, (x, (name, _)) in enumerate(zip(trace.x, trace.customdata or (), strict=True))
    }
    full, pale, grey = (
        shown["x", "GradCAM"][1],
        shown["x4", "GradCAM"][1],
        shown["x", "centre"][1],
    )
    assert len({full, pale, grey}) == 3
    assert shown["x4", "attention"][:2] == (0.8, pale) and shown["x", "attention"][1] == full
    assert round(shown["x4", "attention"][2], 6) == 0.1
    assert not any("head" in name for _, name in shown)
    assert {line.xref: line.x0 for line in figure.layout.shapes} == {"x": 0.6, "x4": 0.6}
    answer = score_panels(result(), OF_ANSWER)
    lines = {line.xref: line.x0 for line in answer.layout.shapes}
    assert lines == {"x": 0.4, "x2": 0.5}, "low is good for deletion"


def test_the_matrix_has_the_last_layer_for_all_and_no_even_map_and_ends_with_the_truth() -> None:
    names = alike_names(result())
    assert names == ["attention", "GradCAM", "centre", TRUTH]
    matrix = alike_matrix(result(), names)
    assert matrix[0].tolist() == [1.0, -0.25, 0.0, 0.5] and matrix[3, 1] == 0.125
    figure = alike_map(result())
    assert [note.text for note in figure.layout.annotations[:4]] == [
        "1.00",
        "−0.25",
        "0.00",
        "0.50",
    ]
    assert list(figure.layout.yaxis.ticktext)[-1].strip() == "the hand"
    assert figure.layout.meta["columns"] == 4, "on a phone it scrolls"


def test_the_last_name_of_a_crowded_matrix_is_drawn_within_the_figure() -> None:
    names = ["a"] * 11 + ["a name of some length"]
    figure = correlation_map(np.eye(12), names, names)
    width = text_width(names[-1], FONT - 1)
    cell = (WIDTH - 200) / 12
    assert figure.layout.xaxis.tickangle == -40
    assert figure.layout.xaxis.ticklabeloverflow == "allow"
    assert figure.layout.margin.r >= np.cos(np.radians(40)) * width - cell / 2


def test_what_is_kept_has_a_row_a_map_and_a_column_a_change() -> None:
    figure = kept_map(result())
    assert np.array(figure.data[0].z).tolist() == [[1.0, 0.1], [0.9, 0.8]]
    assert [tick.strip() for tick in figure.layout.xaxis.ticktext] == ["head", "all"]


def test_sentences_say_what_was_beaten_and_what_was_not() -> None:
    assert in_words(result()) == [
        "Attention of the last layer beats every baseline by ROC AUC, and does not beat centre by "
        "pointing at the hand; the best map by ROC AUC is GradCAM (0.90).",
        "Held against the model's own answer on 7 clips: deletion 0.30, better than random order "
        "(0.40); insertion 0.40, no better than random order (0.50).",
        "Its rank correlation with the hand is 0.50; of all maps and baselines attention has most, "
        "0.50.",
        "With random weights nearly the same map: GradCAM.",
    ]
    assert len(in_words(result(sanity={}))) == 3


def test_the_page_has_the_matrix_the_plots_and_the_sentences_and_needs_nothing_else() -> None:
    text = page(result())
    assert "<script" not in text and "http" not in text
    assert text.count("<svg") == 4 and "−0.25" in text
    assert "With random weights nearly the same map: GradCAM." in text
    assert "What random weights leave" in text
    assert "What random weights leave" not in page(result(sanity={}))

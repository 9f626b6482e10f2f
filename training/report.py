"""An evaluation on paper: JSON, a table of clips, the RViT paper's text report, and a page."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from html import escape
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput
from core.runs import write_text
from training.evaluate import Row

if TYPE_CHECKING:
    import plotly.graph_objects as go

ACCENT, COOL = "#E4572E", "#2E86AB"
TOP = 3  # labels a clip in the text report

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 1100px;
  margin: 0 auto; padding: 24px; }}
h1, h2 {{ line-height: 1.2; }} h2 {{ margin-top: 40px; }}
.right {{ font-weight: 700; }} figure {{ margin: 0; }}
.numbers {{ display: flex; flex-wrap: wrap; gap: 12px 40px; }} .numbers b {{ display: block;
  font-size: 30px; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ text-align: left;
  padding: 4px 12px 4px 0; vertical-align: top; }}
tr {{ border-bottom: 1px solid #ddd; }} th {{ font-weight: 600; }} .about th {{ width: 12em; }}
</style></head><body>
<h1>{title}</h1>
<div class="numbers">{numbers}</div>
<h2>What was measured</h2><table class="about">{about}</table>
{figures}
<h2>Clips</h2><table><tr><th>Video</th><th>True label</th><th>Predictions with probabilities</th>
<th>OrderAcc</th></tr>{clips}</table>
</body></html>
"""


def make_folder(folder: Path) -> None:
    """Make sure that a report can be written, before the long work. Raises: BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BadInput(
            f"the report cannot be written to {folder} ({error.strerror}); choose another --report"
        ) from None


def write_report(
    folder: Path, rows: Sequence[Row], result: dict[str, Any], about: dict[str, Any]
) -> None:
    """Write evaluation.json, evaluation.tsv, report.txt and report.html.

    Args:
        folder: is made if need be.
        result: `summarise` of the rows.
        about: what the page says of the model and the data, in order.
    """
    make_folder(folder)
    lines = StringIO()
    csv.writer(lines, "excel-tab", lineterminator="\n").writerows(table(rows))
    write_text(folder / "evaluation.json", json.dumps(result, indent=1) + "\n")
    write_text(folder / "evaluation.tsv", lines.getvalue())
    write_text(folder / "report.txt", text_report(rows))
    write_text(folder / "report.html", page(rows, result, about))


def table(rows: Sequence[Row]) -> list[list[str]]:
    """One line a clip under a line of names; percentages as in the paper."""
    names = [
        "clip",
        "label",
        "predicted",
        "probability",
        "rank_of_label",
        "order_accuracy",
        "reversal_accuracy",
        "direction_margin",
    ]
    return [names, *(_line(row) for row in rows)]


def _line(row: Row) -> list[str]:
    return [
        row.name,
        row.label,
        row.ranking[0],
        f"{row.probabilities[0]:.4f}",
        str(1 + row.ranking.index(row.label)),
        f"{row.order_accuracy:.2f}",
        f"{row.reversal_accuracy:.2f}",
        f"{row.direction_margin:.4f}",
    ]


def text_report(rows: Sequence[Row]) -> str:
    """The table of the RViT paper: a line a clip.

    class_dir/video.mp4, true label, and the three most probable labels, falling.
    """
    lines = ["Video Name\tTrue Label\tPredictions with Probabilities"]
    for row in rows:
        predictions = ", ".join(f"{label} ({p:.4f})" for label, p in _top(row))
        lines.append(f"{row.name}\t{row.label}\t{predictions}")
    return "\n".join(lines) + "\n"


def _top(row: Row) -> list[tuple[str, float]]:
    return list(zip(row.ranking, row.probabilities, strict=True))[:TOP]


def page(rows: Sequence[Row], result: dict[str, Any], about: dict[str, Any]) -> str:
    """One HTML page that needs no other file: numbers, provenance, plots and every clip."""
    numbers = {
        "clips": str(result["clips"]),
        "top-1": f"{100 * result['top1']:.1f} %",
        "top-5": f"{100 * result['top5']:.1f} %",
        "OrderAcc": f"{result['order_accuracy']:.1f} %",
        "reversal-invariant": f"{result['reversal_accuracy']:.1f} %",
    }
    if result.get("skipped"):
        numbers["skipped"] = str(result["skipped"])
    figures = {
        "Confusion: true label by row, predicted by column": confusion(result),
        "Top-1 and OrderAcc of each class": per_class(result),
        "OrderAcc of the clips": order_histogram(rows),
    }
    sections: list[str] = []
    for title, figure in figures.items():  # the first brings Plotly along
        html = figure.to_html(
            full_html=False, include_plotlyjs=not sections, config={"displaylogo": False}
        )
        sections.append(
            f'<h2>{escape(title)}</h2><figure aria-label="{escape(title)}">{html}</figure>'
        )
    return _PAGE.format(
        title=escape(f"Evaluation of {about.get('model', 'a model')}"),
        figures="\n".join(sections),
        clips="".join(map(_clip, rows)),
        numbers="".join(f"<span><b>{value}</b>{name}</span>" for name, value in numbers.items()),
        about="".join(
            f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in about.items()
        ),
    )


def _clip(row: Row) -> str:
    """A clip's line of the page; the right label is bold."""
    predictions = []
    for label, p in _top(row):
        mark = " class=right" if label == row.label else ""
        predictions.append(f"<span{mark}>{escape(label)} ({p:.4f})</span>")
    return (
        f"<tr><td>{escape(row.name)}</td><td>{escape(row.label)}</td>"
        f"<td>{', '.join(predictions)}</td><td>{row.order_accuracy:.1f} %</td></tr>"
    )


def confusion(result: dict[str, Any]) -> go.Figure:
    """Each true label's predictions as shares of its clips, with the counts."""
    import plotly.graph_objects as go

    labels, counts = result["confusion"]["labels"], np.array(result["confusion"]["counts"])
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(labels) <= 30
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=labels,
            y=labels,
            zmin=0,
            zmax=1,
            colorscale="Blues",
            customdata=counts,
            text=counts if few else None,
            texttemplate="%{text}" if few else None,
            colorbar={"title": "share"},
            hovertemplate=(
                "true: %{y}<br>predicted: %{x}<br>%{customdata} clips, %{z:.1%}<extra></extra>"
            ),
        )
    )
    figure.update_yaxes(autorange="reversed", title="true label", automargin=True, type="category")
    figure.update_xaxes(title="predicted label", automargin=True, type="category")
    return _plain(figure, min(900, 260 + 34 * len(labels)))


def per_class(result: dict[str, Any]) -> go.Figure:
    """Top-1, OrderAcc and its reversal-invariant companion in percent, a group of bars a class."""
    import plotly.graph_objects as go

    classes = result["per_class"]
    figure = go.Figure()
    for key, name, colour, scale in (
        ("top1", "top-1", COOL, 100),
        ("order_accuracy", "OrderAcc", ACCENT, 1),
        ("reversal_accuracy", "reversal-invariant", "#F3B49F", 1),
    ):
        figure.add_bar(
            x=list(classes),
            y=[scale * row[key] for row in classes.values()],
            name=name,
            marker={"color": colour},
            customdata=[row["clips"] for row in classes.values()],
            hovertemplate="%{x}: %{y:.1f} % of %{customdata} clips<extra>" + name + "</extra>",
        )
    figure.update_xaxes(automargin=True, type="category")
    figure.update_yaxes(range=[0, 100], ticksuffix=" %")
    return _plain(figure, 420)


def order_histogram(rows: Sequence[Row]) -> go.Figure:
    """How many clips got each OrderAcc."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for values, name, colour in (
        ([r.order_accuracy for r in rows], "OrderAcc", ACCENT),
        ([r.reversal_accuracy for r in rows], "reversal-invariant", "#F3B49F"),
    ):
        level, count = np.unique(np.round(values, 2), return_counts=True)
        figure.add_bar(
            x=level,
            y=count,
            name=name,
            marker={"color": colour},
            hovertemplate="%{x} %: %{y} clips<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title="OrderAcc", ticksuffix=" %", range=[-5, 107])
    figure.update_yaxes(title="clips")
    return _plain(figure, 380)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        template="plotly_white",
        font={"size": 15},
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.1},
    )
    return figure

"""What a reproduced table leaves: results.json with every run, its summary, and that in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from core.errors import BadInput
from core.explain.compare import PROBES
from core.runs import write_atomically
from training import asked
from training.few_table import COUNTS
from training.tables import FEW_SHOT, PROBE, TABLES

Figures = dict[str, float]
DATA = ("rendered", "steady_camera", "moving_camera", "real")
"""What a run is measured on, as far as it was."""
_NAMES = {
    "top1": "top-1",
    "order_accuracy": "OrderAcc",
    "order_accuracy_sharpened": "sharpened",
    "order_accuracy_directed_sharpened": "sharpened, directed strokes",
    "hand_auc": "attention finds the hand",
    **{f"few_{count}": f"{count} of each" for count in COUNTS},
}


class Spread(TypedDict):
    """A figure over seeds."""

    mean: float
    sd: float | None  # None for one seed


class Results:
    """The file of one table, which holds the runs that are done."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        """Raises: BadInput if its runs had another budget, start, recipe or set of clips."""
        self.path, self.about = path, about
        self.runs = _runs(path, about)

    def holds(self, row: str, seed: int) -> bool:
        return any((run["row"], run["seed"]) == (row, seed) for run in self.runs)

    def add(self, row: str, seed: int, figures: dict[str, Any]) -> None:
        """Write the file anew with one run more."""
        self.runs.append({"row": row, "seed": seed, **figures})
        titles = _titles(self.about["table"])
        results = self.about | titles | {"runs": self.runs, "summary": summary(self.runs)}
        text = json.dumps(results, indent=1) + "\n"
        write_atomically(self.path, lambda temporary: temporary.write_text(text))


def _runs(path: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of an earlier start. Raises: BadInput if they had another budget."""
    if not path.exists():
        return []
    try:
        results = json.loads(path.read_text())
        runs = results["runs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is no results file of this command; choose another --out") from None
    # What a results file does not say, it was written before that was kept.
    results = {"renderer": "an earlier one"} | results
    other = [
        f"{key} {results[key]}, not {value}"
        for key, value in about.items()
        if results.get(key, value) != value
    ]
    if other:
        raise BadInput(f"{path} holds results for {'; '.join(other)}; choose another --out")
    return runs


def _titles(name: str) -> dict[str, str]:
    if name == PROBE:
        return {"title": "Does the class change with the order of the frames?", "paper": ""}
    if name == FEW_SHOT:
        return {"title": "Six new strokes from a few clips of each", "paper": ""}
    if name in asked.TITLES:
        return {"title": asked.TITLES[name], "paper": ""}
    return {"title": TABLES[name].title, "paper": TABLES[name].paper}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per row: the number of seeds, and each figure's mean and sample standard deviation."""
    lines = []
    for row in dict.fromkeys(run["row"] for run in runs):
        own = [run for run in runs if run["row"] == row]
        line: dict[str, Any] = {"row": row, "seeds": len(own)}
        for data in ("rendered", "real", "steady_camera", "moving_camera"):
            if data in own[0]:
                keys = [key for key in own[0][data] if key != "clips"]
                line[data] = {key: _spread([run[data][key] for run in own]) for key in keys}
        lines.append(line)
    return lines


def _spread(values: list[float]) -> Spread:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd}


def markdown(results: dict[str, Any]) -> str:
    """The summary as a Markdown table, in percent.

    A figure is its mean over seeds, and the standard deviation where there are several.
    """
    lines, shown = results["summary"], _shown(results["table"])
    columns = [(data, key) for data in DATA for key in shown if key in lines[0].get(data, {})]
    rows = [["row", "seeds", *(_head(data, key) for data, key in columns)]]
    rows.append(["---"] * len(rows[0]))
    for line in lines:
        cells = [_cell(line[data][key], key) for data, key in columns]
        rows.append([line["row"], str(line["seeds"]), *cells])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _shown(name: str) -> tuple[str, ...]:
    if name == PROBE:
        return tuple(f"top1_{probe.replace(' ', '_')}" for probe in PROBES)
    if name == FEW_SHOT:
        return tuple(f"few_{count}" for count in COUNTS)
    if name in asked.SHOWN:
        return asked.SHOWN[name]
    return TABLES[name].shown


def _head(data: str, key: str) -> str:
    name = _NAMES.get(key) or key.removeprefix("top1_").replace("_", " ")
    return f"{data.replace('_', ' ')}: {name}"


def _cell(spread: Spread, key: str) -> str:
    scale = 100 if key.startswith("top1") else 1
    mean = f"{scale * spread['mean']:.1f}"
    return mean if spread["sd"] is None else f"{mean} ± {scale * spread['sd']:.1f}"

"""The tables in docs/: each cell is that of a file in assets/results, made with today's weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets import ASSETS
from core.weights import embedded, file_hash, load, shipped
from training.results import markdown, summary
from training.tables import TABLES
from training.trusted import answer_table, table

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ASSETS / "results").glob("*.json"))
}
REPRODUCED = [name for name, results in RESULTS.items() if "summary" in results]


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPRODUCED)
def test_a_reproduced_table_stands_in_experiments_as_its_file_has_it(name: str) -> None:
    results = RESULTS[name]
    assert markdown(results) in text("experiments.md")
    assert results["summary"] == summary(results["runs"])


@pytest.mark.parametrize("name", [name for name in TABLES if "rows" in RESULTS.get(name, {})])
def test_the_rows_of_a_table_are_still_trained_as_they_were(name: str) -> None:
    """The first results did not keep what their rows trained."""
    assert RESULTS[name]["rows"] == TABLES[name].fingerprint(), "make it again"


@pytest.mark.parametrize("name", [name for name in TABLES if name not in RESULTS])
def test_a_table_that_was_not_made_is_said_not_to_be(name: str) -> None:
    assert f"`{name}`: not run" in text("experiments.md")


def test_the_tables_of_trust_stand_in_results_as_their_file_has_them() -> None:
    lines = [*table(RESULTS["trust"]), *answer_table(RESULTS["trust"])]
    written = text("results.md").splitlines()
    assert len(lines) == 2 * (2 + len(embedded()))
    assert [line for line in lines if line not in written] == []


@pytest.mark.parametrize("name", [name for name in REPRODUCED if name not in TABLES])
def test_what_is_asked_of_shipped_weights_was_asked_of_those_that_ship(name: str) -> None:
    now = {model: file_hash(file) for model, file in embedded().items()}
    for run in RESULTS[name]["runs"]:
        assert run["weights"] == now[run["row"].split(",")[0]], f"{run['row']}: make it again"


@pytest.mark.parametrize("name", [name for name, one in TABLES.items() if one.trunk])
def test_a_table_from_a_shipped_trunk_started_from_the_one_that_ships(name: str) -> None:
    trunk = TABLES[name].trunk
    assert RESULTS[name]["start"] == f"{trunk} {file_hash(embedded()[trunk])}", "make it again"


@pytest.mark.parametrize("name", shipped())
def test_the_row_of_shipped_weights_stands_in_results_as_their_card_has_it(name: str) -> None:
    measured = load(name).card.measured
    shares = [measured[key]["top1"] for key in ("rendered", "real", "real_odd_backgrounds")]
    keys = ("order_accuracy", "order_accuracy_directed", "reversal_accuracy")
    cells = [f"{100 * share:.1f} %" for share in shares]
    cells += [f"{measured['real'][key]:.1f}" for key in keys]
    assert f"| `{name}` | {' | '.join(cells)} |" in text("results.md")

"""Every equation that the code cites is the one that its paper prints under this number.

EQUATIONS says what each is, and which words a line that cites it cannot do without.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Equation(NamedTuple):
    """A numbered equation of a paper."""

    what: str
    words: tuple[str, ...]
    """One of them stands in the sentence that cites it."""


EQUATIONS = {
    "AM Flow": {
        1: Equation("attention logits q k / sqrt(d), before any softmax", ("before any softmax",)),
        4: Equation("AM flow, |X_t - X_t+1|", ("flow", "change")),
        5: Equation("the adapter's embedding E, a ReLU of the tokens beside the flow", ("W_down",)),
    },
    "DirecFormer": {
        1: Equation("the objective: class and order", ("objective",)),
        2: Equation("class of the ordered clip, order of the shuffled one", ("two passes",)),
        3: Equation("patch embedding with positions", ("embedding",)),
        4: Equation("keys, values and queries", ("key",)),
        5: Equation("directed attention, a cosine", ("cosine", "q.k")),
        6: Equation("directed attention over time", ("time attention",)),
        7: Equation("its sum over values, with a residual", ("residual", "value")),
        8: Equation("keys, values and queries over space", ("key",)),
        9: Equation("directed attention over space", ("space attention", "over space")),
        10: Equation("its sum over values, with a residual", ("residual", "value")),
        11: Equation("the MLP, with a residual", ("MLP",)),
        12: Equation("the heads of class and of order", ("head",)),
        13: Equation("L_self", ("L_self", "sgn")),
        14: Equation("the sum of the losses", ("lambda", "weights of the losses")),
        15: Equation("OrderAcc", ("OrderAcc", "LCS")),
    },
    "FAR": {
        1: Equation("patch embedding with positions", ("embedding",)),
        2: Equation("a block: attention and MLP, each with a residual", ("residual",)),
        3: Equation("attention of several heads over all tokens", ("every token",)),
        4: Equation("temporal attention, at one place", ("every time",)),
        5: Equation("sparse-dense attention, within a group", ("checkerboard",)),
        6: Equation("HSDA: global and sparse-dense heads side by side", ("SparseDenseHead",)),
    },
}
PAPERS = {
    "core/explain/outputs.py": "AM Flow",
    "core/explain/schemes.py": "FAR",
    "core/models/am_flow.py": "AM Flow",
    "core/models/adapters.py": "AM Flow",
    "core/models/checkerboard.py": "FAR",
    "core/models/far.py": "FAR",
}
"""Whose numbers a file cites; all others cite DirecFormer's."""
HEADERS = {"core/models/am_flow.py": {2, 3}, "core/models/checkerboard.py": {3, 4, 5}}
"""Numbers that a file's first lines only list."""
CITED = re.compile(r"\bEqs?\. (\d+)(?:(?:,| and| to) (\d+))*")


class Citation(NamedTuple):
    """One number, and the sentence that it stands in."""

    file: str
    number: int
    sentence: str


def citations() -> list[Citation]:
    places = []
    for folder in ("core", "training"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            file, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            for match in CITED.finditer(text):
                numbers = {int(number) for number in re.findall(r"\d+", match[0])}
                if " to " in match[0]:
                    numbers = set(range(min(numbers), max(numbers) + 1))
                if numbers <= HEADERS.get(file, set()) and match.start() < 700:
                    continue
                before = re.split(r"(?<=\.)\s|\n\n|\"{3}|;", text[: match.start()])[-1]
                after = re.split(r"[.;]\s|\"{3}", text[match.end() :])[0]
                sentence = " ".join((before + match[0] + after).split())
                places += [Citation(file, number, sentence) for number in numbers]
    return places


@pytest.mark.parametrize("cited", citations(), ids=lambda c: f"{c.file}: Eq. {c.number}")
def test_a_cited_equation_is_the_papers(cited: Citation) -> None:
    equation = EQUATIONS[PAPERS.get(cited.file, "DirecFormer")].get(cited.number)
    assert equation is not None, f"the paper prints no Eq. {cited.number}"
    assert any(word.lower() in cited.sentence.lower() for word in equation.words), (
        f"Eq. {cited.number} is {equation.what}, and the code says: {cited.sentence}"
    )


def test_citations_are_found() -> None:
    """The list would be empty, and the test above silent, if the pattern were wrong."""
    cited = {(c.file, c.number) for c in citations()}
    assert {
        ("core/models/direcformer.py", 6),
        ("core/models/direcformer.py", 12),
        ("core/trace.py", 5),
        ("core/models/far.py", 6),
    } <= cited

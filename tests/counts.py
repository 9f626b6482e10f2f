"""Count what keeps the house easy to read: python -m tests.counts.

Each figure stands beside its target, with the places that miss it; then the exit code is 1.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import networkx

ROOT = Path(__file__).parents[1]
CODE = ("app.py", "core", "training", "pages")
SKIPPED = {".git", ".venv", "venv", "build", "node_modules", "runs", "screenshots", ".mypy_cache"}
WIDTH, FILE, FUNCTION, PAGE, ENTRIES = 100, 450, 80, 50, 12
NO_NOUNS = {"found", "whole", "chosen", "got", "said"}
WHERE = {"part", "left", "seen", "at"}


class Count(NamedTuple):
    """One figure: it meets its target if it is not above it."""

    what: str
    figure: int
    target: int
    places: list[str]


def files(*endings: str, among: tuple[str, ...] = ("",)) -> list[Path]:
    """Every file of the project with one of these endings, below the named files and folders."""
    paths: set[Path] = set()
    for name in among:
        start = ROOT / name
        paths |= {start} if start.is_file() else set(start.rglob("*"))
    return sorted(
        path
        for path in paths
        if path.suffix in endings
        and path.is_file()
        and not SKIPPED & set(path.relative_to(ROOT).parts)
    )


def short(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}" if line else str(path.relative_to(ROOT))


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    """The nodes of these kinds in the code that users run, not in the tests."""
    for path in files(".py", among=CODE):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds):
                yield path, node


def listed(what: str, places: list[str], target: int = 0) -> Count:
    return Count(what, len(places), target, places)


def wide_lines() -> Count:
    """Lines over 100 columns; in Markdown tables and lines that hold a link may be longer."""
    places = []
    for path in files(".py", ".js", ".css", ".html", ".md"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            unbreakable = path.suffix == ".md" and (line.startswith("|") or "](" in line)
            if len(line) > WIDTH and not unbreakable:
                places.append(short(path, number))
    return listed(f"lines over {WIDTH} columns", places)


def rooms() -> Count:
    """Entries of core/ beside `__init__.py` and `__main__.py`, which only calls cli.py."""
    fixed = ("__init__.py", "__main__.py", "__pycache__")
    places = sorted(path.name for path in (ROOT / "core").iterdir() if path.name not in fixed)
    return listed("entries of core", places, ENTRIES)


def longest_file() -> Count:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files(".py", ".js")}
    places = [f"{short(path)} {n}" for path, n in lengths.items() if n > FILE]
    return Count("lines of the longest file", max(lengths.values()), FILE, places)


def long_functions() -> Count:
    places = []
    for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        lines = node.end_lineno - node.lineno + 1
        if lines > FUNCTION:
            places.append(f"{short(path, node.lineno)} {node.name} {lines}")
    return listed(f"functions over {FUNCTION} lines", places)


def statements_of_pages() -> Count:
    sizes = {}
    for path in sorted((ROOT / "pages").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        sizes[path] = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    places = [f"{short(path)} {n}" for path, n in sizes.items() if n > PAGE]
    return Count("statements of the largest page", max(sizes.values()), PAGE, places)


def pairs() -> Count:
    """`model, card` side by side: in signatures, in calls and where a pair is unpacked."""
    places = []
    for path, node in nodes(ast.FunctionDef, ast.Call, ast.Tuple):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
        elif isinstance(node, ast.Call):
            names = [getattr(argument, "id", "") for argument in node.args]
        else:
            assert isinstance(node, ast.Tuple)
            names = [getattr(element, "id", "") for element in node.elts]
        if any(pair == ("model", "card") for pair in pairwise(names)):
            places.append(short(path, getattr(node, "lineno", 0)))
    return listed("pairs of (model, card)", places)


def guessed_units() -> Count:
    places = [
        short(path, number)
        for path in files(".py", among=CODE)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"getattr\([^)]*\"unit_frames\"", line)
    ]
    return listed('getattr(model, "unit_frames"', places)


def subjects_taken_apart() -> Count:
    """Calls in the pages that are given two or more parts of one choice or subject."""
    places = []
    for path, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        owners = [
            argument.value.id
            for argument in node.args
            if isinstance(argument, ast.Attribute)
            and isinstance(argument.value, ast.Name)
            and argument.attr in ("key", "model", "crop", "clip", "card")
        ]
        if "pages" in path.parts and len(owners) > len(set(owners)):
            places.append(short(path, node.lineno))
    return listed("subjects taken apart in pages", places)


def bars_read() -> Count:
    """Regular expressions in the pages that name what tqdm prints: its bar, or its rate."""
    places = []
    for path, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        reads = ast.unparse(node.func).startswith("re.") and "pages" in path.parts
        if reads and re.search(r"clip/s|tqdm|it/s", ast.unparse(node)):
            places.append(short(path, node.lineno))
    return listed("regular expressions over tqdm's bar in pages", places)


def imported(tree: ast.AST) -> Iterator[str]:
    """What is imported anywhere in a tree, also in functions and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circles() -> Count:
    """Groups of modules of training that import each other, by whatever way round."""
    modules = {}
    for path in files(".py", among=("training",)):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(part for part in parts if part != "__init__")] = path
    graph = networkx.DiGraph()
    for name, path in modules.items():
        for other in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if other in modules and other != name:
                graph.add_edge(name, other)
    groups = [group for group in networkx.strongly_connected_components(graph) if len(group) > 1]
    return listed("circles of imports in training", [", ".join(sorted(g)) for g in groups])


def vague_names() -> Count:
    """Functions that name a value by no noun, or return one that says where it is, not what."""
    places = []
    for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        names = set()
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Name):
                names |= {inner.value.id} & (NO_NOUNS | WHERE)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                names |= {inner.id} & NO_NOUNS
        places += [f"{short(path, getattr(node, 'lineno', 0))} {name}" for name in sorted(names)]
    return listed(f"values named {', '.join(sorted(NO_NOUNS))}", places)


COUNTS: tuple[Callable[[], Count], ...] = (
    wide_lines,
    rooms,
    longest_file,
    long_functions,
    statements_of_pages,
    pairs,
    guessed_units,
    subjects_taken_apart,
    bars_read,
    circles,
    vague_names,
)


def main() -> int:
    met = True
    for count in (make() for make in COUNTS):
        is_met = count.figure <= count.target
        met &= is_met
        verdict = "met" if is_met else "MISSED"
        print(f"{count.figure:6}  at most {count.target:<4} {verdict:7} {count.what}")
        if not is_met:
            print("\n".join(f"{'':27}{place}" for place in count.places[:40]))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

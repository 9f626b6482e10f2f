"""The rules of the house: who may import whom, what loads late, how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "core": {"streamlit", "training", "pages", "app"},
    "training": {"streamlit", "pages", "app"},
    "pages": {"training"},
}
LATE = {"captum", "kornia", "matplotlib", "huggingface_hub", "networkx", "plotly"}
"""Imported where they are used: torch alone takes two seconds."""
DRAWS = {
    (f"core/draw/{name}.py", "plotly")
    for name in (
        "style",
        "panels",
        "bars",
        "matrices",
        "curves",
        "order_figures",
        "order_pair",
        "tube",
        "tube_film",
        "backbones",
        "results",
        "state_curves",
        "trust_figures",
        "trust_set",
        "data_set/figures",
    )
}
"""All of these files is Plotly.

They are themselves imported where they are used, which the subprocess test checks.
"""


def sources(folder: str = "") -> list[Path]:
    skip = {".git", ".venv", "venv", "build", "node_modules"}
    return sorted(
        p for p in (ROOT / folder).rglob("*.py") if not skip & set(p.relative_to(ROOT).parts)
    )


def imports(tree: ast.AST, file: Path) -> Iterator[tuple[str, ast.stmt]]:
    """The top name of every module that is imported anywhere in this tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = (node.module or "").split(".")[0]
            if node.level:  # relative: its top is that of the file itself
                name = next(iter(file.relative_to(ROOT).parent.parts), "")
            yield name, node
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value).split(".")[0], node


def while_importing(tree: ast.AST) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported.

    They are those neither in functions nor under TYPE_CHECKING.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from (
                inner for child in node.orelse for inner in [child, *while_importing(child)]
            )
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from while_importing(node)


def test_there_is_something_to_check() -> None:
    assert {"paths.py", "trace.py", "decoder.py"} <= {p.name for p in sources("core")}
    assert {"fit.py", "losses.py"} <= {p.name for p in sources("training")}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno} imports {name}"
        for file in sources(folder)
        for name, node in imports(ast.parse(file.read_text()), file)
        if name in FORBIDDEN[folder]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["core", "training"])
def test_heavy_libraries_are_imported_where_they_are_used(folder: str) -> None:
    wrong = []
    for file in sources(folder):
        for statement in while_importing(ast.parse(file.read_text())):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                wrong += [
                    f"{file.relative_to(ROOT)}:{statement.lineno} imports {name}"
                    for name, _ in imports(ast.Module([statement], []), file)
                    if name in LATE and (str(file.relative_to(ROOT)), name) not in DRAWS
                ]
    assert wrong == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            [
                "-c",
                "import core.observe, core.order, core.weights, core.models; "
                "core.models.available(); core.weights.load('direcformer')",
            ],
            id="import core.observe",
        ),
        pytest.param(["-m", "core", "order", "--help"], id="core order --help"),
    ],
)
def test_nothing_heavy_is_loaded_at_the_start(command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    names = [
        line.rsplit("|", 1)[1].strip()
        for line in ran.stderr.splitlines()
        if line.startswith("import time:")
    ]
    loaded = {name.split(".")[0] for name in names}
    assert "argparse" in loaded or "numpy" in loaded, "the list of imports was read"
    assert not loaded & (LATE | {"streamlit", "training", "pages", "transformers", "pytest"})
    assert "torch._dynamo" not in names, "a compiler that takes a second and a half"


FLOORS = (
    ("__main__", "cli"),
    ("draw",),
    ("order",),
    ("explain",),
    ("observe",),
    ("weights",),
    ("models",),
    ("world",),
    ("trace",),
    ("video",),
    ("runs",),
    ("errors",),
)
"""The rooms of core, top floor first: a room may import those below it."""


def test_core_has_no_other_rooms_than_its_floors() -> None:
    rooms = {
        p.stem for p in (ROOT / "core").iterdir() if p.name not in ("__init__.py", "__pycache__")
    }
    assert rooms == {room for floor in FLOORS for room in floor}
    assert len(rooms - {"__main__"}) <= 12


def test_imports_in_core_only_go_down() -> None:
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    wrong = []
    for file in sources("core"):
        own = file.relative_to(ROOT / "core").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("core"):
                continue
            parts = node.module.split(".")
            rooms = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            wrong += [
                f"{file.relative_to(ROOT)}:{node.lineno} goes up to {room}"
                for room in rooms
                if own != "__init__" and floor_of[room] < floor_of[own]
            ]
    assert wrong == []


def test_modules_of_training_import_each_other_without_circles() -> None:
    """A circle that is hidden in a function, or only for types, is one too."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sources("training")
    }
    imported: dict[str, set[str]] = {name: set() for name in files}
    for name, file in files.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                imported[name] |= files.keys() & {node.module, *inner} - {name}
    try:
        order = list(TopologicalSorter(imported).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
    assert len(order) == len(files) > 30


def test_no_file_is_longer_than_450_lines() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in sources()
        if (n := len(p.read_text().splitlines())) > 450
    }
    assert long == {}


LONG_FUNCTIONS = {
    ("core/cli.py", "_parser"),
    ("tests/benchmarks/viewer.py", "viewer_large"),
}
"""Still to be split."""


def test_no_function_is_longer_than_80_lines() -> None:
    long = {
        (str(file.relative_to(ROOT)), node.name)
        for file in sources()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 80
    }
    assert long - LONG_FUNCTIONS == set()


def test_a_page_lists_its_sections_in_at_most_50_statements() -> None:
    statements = {
        page.name: sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(page.read_text())))
        for page in (ROOT / "pages").glob("*.py")
    }
    assert len(statements) >= 6
    assert {page: n for page, n in statements.items() if n > 50} == {}


def test_one_module_names_the_keys_of_a_session() -> None:
    """No key of the session is written out where it is used."""
    written = []
    for file in [ROOT / "app.py", *sources("pages")]:
        for node in ast.walk(ast.parse(file.read_text())):
            keys: list[ast.expr] = []
            if isinstance(node, ast.Subscript) and _is_session(node.value):
                keys = [node.slice]
            elif isinstance(node, ast.Call) and _is_session(getattr(node.func, "value", None)):
                keys = node.args[:1]
            elif isinstance(node, ast.Compare) and _is_session(node.comparators[0]):
                keys = [node.left]
            written += [
                f"{file.relative_to(ROOT)}:{node.lineno} {key.value!r}"
                for key in keys
                if isinstance(key, ast.Constant)
            ]
    assert written == []


def _is_session(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "session_state"


def test_javascript_css_and_html_keep_to_the_same_lengths() -> None:
    files = [p for kind in ("js", "css", "html") for p in (ROOT / "assets").rglob(f"*.{kind}")]
    lines = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8").splitlines() for p in files}
    assert "assets/viewer/maths.js" in lines
    assert {name: len(text) for name, text in lines.items() if len(text) > 450} == {}
    assert [
        f"{name}:{number}"
        for name, text in lines.items()
        for number, line in enumerate(text, 1)
        if len(line) > 100
    ] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for folder in ("core", "training", "pages", "tests")
        for p in sources(folder)
        if p.stat().st_size and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert silent == []


def test_nothing_is_named_utils_or_helpers() -> None:
    assert [
        str(p.relative_to(ROOT))
        for p in sources()
        if p.stem in ("utils", "helpers", "manager", "common", "misc")
    ] == []

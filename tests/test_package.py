"""The package: what a wheel holds, that it runs from another folder, and what it depends on."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages.parts.start import arguments
from tests.test_architecture import imports, sources

pytestmark = pytest.mark.xdist_group("package")  # the wheel is built once
ROOT = Path(__file__).parents[1]
PARTS = ("core", "training", "pages", "assets", ".streamlit")
FILES = ("app.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a wheel of this tree is installed, without its dependencies."""
    work = tmp_path_factory.mktemp("package")
    tree = work / "tree"
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, tree / file)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(work)]
    run([*pip, "wheel", *options, str(tree)], work)
    (wheel,) = work.glob("*.whl")
    target = work / "target"
    run([*pip, "install", "--no-deps", "--no-compile", "--target", str(target), str(wheel)], work)
    return target


def run(command: list[str], folder: Path, path: Path | None = None) -> str:
    """What a command prints when run in a folder that is not the project's."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


def tracked(folder: str) -> Iterator[Path]:
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT)


def test_a_wheel_holds_every_file_of_the_app(installed: Path) -> None:
    wanted = [Path("app.py"), *(path for part in PARTS for path in tracked(part))]
    assert [str(path) for path in wanted if not (installed / path).is_file()] == []
    assert not (installed / "tests").exists()


def test_the_installed_commands_find_their_assets(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core", "models", "--json"]
    models = json.loads(run(command, tmp_path, installed))
    assert len(models) >= 6
    assert all(model["checkpoint"] for model in models)
    command = [sys.executable, "-m", "training", "recipes", "--json"]
    recipes = json.loads(run(command, tmp_path, installed))
    assert "direcformer_gesture" in {recipe["name"] for recipe in recipes}


@pytest.mark.parametrize(
    ("script", "flags", "printed"),
    [
        ("aim", ["models"], "direcformer"),
        pytest.param("aim-train", ["recipes"], "direcformer_gesture", marks=pytest.mark.long),
        pytest.param("aim-app", ["--help"], "--clips", marks=pytest.mark.long),
    ],
)
def test_console_scripts_start(
    installed: Path, tmp_path: Path, script: str, flags: list[str], printed: str
) -> None:
    command = [sys.executable, str(installed / "bin" / script), *flags]
    assert printed in run(command, tmp_path, installed)


@pytest.mark.long
def test_the_installed_app_shows_its_first_page(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from streamlit.testing.v1 import AppTest\n"
        "import assets; from pages.parts.start import APP\n"
        "assert APP.is_file() and assets.ASSETS.parent == APP.parent, APP\n"
        "app = AppTest.from_file(str(APP), default_timeout=240).run()\n"
        "assert not app.exception and not app.error, (app.exception, app.error)\n"
        "print(APP)"
    )
    printed = run([sys.executable, "-c", code], tmp_path, installed)
    assert Path(printed.strip().splitlines()[-1]) == installed / "app.py"


def test_aim_app_gives_streamlit_its_flags_and_the_app_its_own() -> None:
    given = arguments(["--server.port", "8502", "--clips", "videos"])
    before, after = given[: given.index("--")], given[given.index("--") + 1 :]
    assert before[:2] == ["streamlit", "run"]
    assert before[3:] == ["--server.port", "8502"]
    assert after == ["--runs", "runs", "--clips", "videos"]
    assert arguments(["--", "--runs", "mine"])[-2:] == ["--runs", "mine"]


NOT_HERE = {"umap": "umap-learn"}
"""Packages of an extra, which need not be installed, by what is imported."""


def named() -> set[str]:
    """The distributions of requirements.txt and of the extras, in the index's spelling."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    names = [re.split("[=><]=", line)[0] for line in lines if re.match("[a-z]", line)]
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def test_every_imported_package_is_named_in_the_requirements() -> None:
    own = {"core", "training", "pages", "assets", "app", "tests"}
    distributions = importlib.metadata.packages_distributions()
    used: dict[str, str] = {}
    for file in [ROOT / "app.py", *(f for part in PARTS[:4] for f in sources(part))]:
        for name, _ in imports(ast.parse(file.read_text()), file):
            if name not in own | set(sys.stdlib_module_names):
                used[name] = str(file.relative_to(ROOT))
    assert {"torch", "streamlit", "cv2"} <= set(used)
    unnamed = {}
    for name, file in used.items():
        offers = distributions.get(name, [NOT_HERE.get(name, name)])
        spelled = {re.sub(r"[-_.]+", "-", offer).lower() for offer in offers}
        # `make app` takes the build without windows where their libraries are missing.
        spelled |= {offer.removesuffix("-headless") for offer in spelled}
        if not spelled & named():
            unnamed[name] = file
    assert unnamed == {}

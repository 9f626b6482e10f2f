"""The documents: commands run, flags exist, Python runs, links lead somewhere, lines are short.

A fenced block of `sh` holds commands. A comment in the block marks what is not run here: `# needs a
network`, and `# long` for what trains or measures for minutes. Their flags are parsed all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

import core.cli
import core.models
import training.__main__
from core import explain
from core.observe import observe
from core.video import subclip
from core.weights import Model, untrained
from core.world.gestures import render, rendered_clip
from pages.parts import lecturers
from pages.parts.start import arguments
from training.recipes import recipes

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
MARKS = ("needs a network", "long")
WIDTH, WORDS = 100, 900


@dataclass(frozen=True)
class Command:
    """One command of a document; `marks` are those of its block."""

    file: str
    line: int
    text: str
    marks: frozenset[str]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def blocks(path: Path, language: str) -> Iterator[tuple[int, list[str]]]:
    """The fenced blocks of a language: the number of the first line, and the lines."""
    first, lines = 0, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if lines is not None and line == "```":
            yield first, lines
            lines = None
        elif lines is not None:
            lines.append(line)
        elif line == f"```{language}":
            first, lines = number + 1, []


def commands() -> Iterator[Command]:
    for path in DOCUMENTS:
        for first, lines in blocks(path, "sh"):
            comments = [line.partition("# ")[2] for line in lines if "# " in line]
            marks = frozenset(m for m in MARKS if any(c.startswith(m) for c in comments))
            number = first
            for line in "\n".join(lines).replace("\\\n", "\0").splitlines():
                text = line.replace("\0", " ")
                if shlex.split(text, comments=True):
                    yield Command(str(path.relative_to(ROOT)), number, text, marks)
                number += 1 + line.count("\0")


class Parsed(Exception):
    """Ends a command once its flags are read."""

    def __init__(self, flags: argparse.Namespace) -> None:
        super().__init__(flags)
        self.flags = flags


@pytest.fixture
def only_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *given: object) -> argparse.Namespace:
        raise Parsed(parse(self, *given))  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the documents' commands name."""
    folder = tmp_path_factory.mktemp("documents")
    for label, seed in (("circle", 3), ("star", 4)):
        out = folder / f"{label}.mp4"
        assert (
            core.cli.main(["render", "--label", label, "--seed", str(seed), "--out", str(out)]) == 0
        )
        out.with_suffix(".json").unlink()
    shutil.copy(folder / "circle.mp4", folder / "clip.mp4")
    return folder


def is_there(module: str) -> bool:
    """Whether a module of this tree can be run by `python -m`."""
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def what_is_called(words: list[str]) -> list[str]:
    """The words from `python -m` on, whatever starts it; settings of the environment left out."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    scripts = {"aim": "core", "aim-train": "training"}
    if words[0] in scripts:
        return ["python", "-m", scripts[words[0]], *words[1:]]
    if words[0] in ("torchrun", "accelerate"):
        return ["python", *words[words.index("-m") :]]
    if words[0].endswith(".venv/bin/python"):
        return ["python", *words[1:]]
    return words


ALL = list(commands())


@pytest.mark.parametrize("command", [c for c in ALL if not c.marks], ids=str)
def test_every_command_runs(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    words = what_is_called(command.words)
    monkeypatch.chdir(place)
    if words[0] == "make":
        dry = ["make", "--dry-run", "--directory", str(ROOT), *words[1:]]
        ran = subprocess.run(dry, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    elif words[0] == "aim-app":
        assert "--" in arguments(words[1:])
    elif words[:2] == ["python", "-m"] and words[2] in ("core", "training"):
        main = core.cli.main if words[2] == "core" else training.__main__.main
        flags = [name for word in words[3:] for name in sorted(_matching(place, word))]
        if "--checkpoint" in flags:  # the file is not here: it must be what is refused
            assert main(flags) == 2
            assert flags[flags.index("--checkpoint") + 1].rstrip("/") in capsys.readouterr().err
        elif "--help" in flags:
            with pytest.raises(SystemExit) as ended:
                main(flags)
            assert ended.value.code == 0
        else:
            assert main(flags) == 0
            if "--json" in flags:
                json.loads(capsys.readouterr().out)
    elif words[:2] == ["python", "-m"] and words[2].startswith("tests."):
        assert is_there(words[2])
    else:
        pytest.fail(f"{command}: no test knows how to run {command.text!r}: mark it or add a way")


def _matching(place: Path, word: str) -> list[str]:
    return [str(path.relative_to(place)) for path in place.glob(word)] if "*" in word else [word]


@pytest.mark.parametrize("command", [c for c in ALL if c.marks], ids=str)
@pytest.mark.usefixtures("only_parsed")
def test_the_flags_of_what_is_not_run_are_read(command: Command) -> None:
    words = what_is_called(command.words)
    if words[:2] == ["python", "-m"] and words[2] in ("core", "training"):
        main = core.cli.main if words[2] == "core" else training.__main__.main
        with pytest.raises(Parsed) as parsed:
            main(words[3:])
        recipe = getattr(parsed.value.flags, "recipe", None)
        assert recipe is None or recipe in recipes()
    elif words[:3] == ["python", "-m", "pytest"]:
        assert all((ROOT / word).exists() for word in words[3:] if word != "-q")
    elif words[:2] == ["python", "-m"] and words[2].startswith("tests."):
        assert is_there(words[2])
    elif words[:3] == ["python", "-m", "pages.parts.lecturers"]:
        with pytest.raises(Parsed):
            lecturers.main(words[3:])
    elif words[0] in (".venv/bin/ruff", ".venv/bin/mypy"):
        assert (Path(sys.executable).parent / Path(words[0]).name).exists()
    elif words[0] == "aim-app":
        assert "--" in arguments(words[1:])
    else:
        assert "needs a network" in command.marks, f"{command} is long, and nothing checks it"
        assert words[0] in ("pip", "git", "docker", "python", "ray"), command.text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_python_in_the_documents_runs(
    path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for first, lines in blocks(path, "python"):
        if not lines[0].startswith("# core/"):  # a new file, which other tests add
            exec(compile("\n" * (first - 1) + "\n".join(lines), str(path), "exec"), names)


def new_file(name: str) -> str:
    """The file of this name that CONTRIBUTING.md writes out."""
    (text,) = (
        "\n".join(lines)
        for _, lines in blocks(ROOT / "CONTRIBUTING.md", "python")
        if lines[0] == f"# {name}"
    )
    return text


@pytest.fixture
def written_toy(tmp_path: Path) -> Iterator[Model]:
    """CONTRIBUTING.md's model, in a folder that core.models also scans."""
    (tmp_path / "toy_of_the_document.py").write_text(new_file("core/models/toy.py"))
    core.models.__path__.append(str(tmp_path))
    core.models.available.cache_clear()
    yield untrained("toy")
    core.models.__path__.remove(str(tmp_path))
    core.models.available.cache_clear()


def test_the_model_and_the_view_that_contributing_adds_work(written_toy: Model) -> None:
    clip = subclip(rendered_clip(render("star", 1, frames=24)), frames=8)
    trace = observe(written_toy, clip)
    assert trace.grid == (8, 7, 7)
    names: dict[str, Any] = {}
    exec(new_file("core/explain/focus.py"), names)
    share = names["focus"](trace)
    (space,) = (attention for attention in trace.attentions if attention.name == "space")
    rows = space.map()[:, 0, 1:]  # of the class token, to the patches
    torch.testing.assert_close(torch.tensor(share), rows.amax(1) / rows.sum(1))
    assert explain.gradcam(written_toy, clip, 3).heat.shape == (8, 7, 7)
    two = torch.rand(2, 3, 8, 112, 112)
    alone = torch.cat([written_toy.net(video[None]) for video in two])
    torch.testing.assert_close(written_toy.net(two), alone)


NAMED = re.compile(r"`((?:core|training|pages|assets|tests)[./][\w./]*)`")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_what_the_documents_name_is_there(name: str) -> None:
    lost = []
    for target in NAMED.findall((ROOT / name).read_text(encoding="utf-8")):
        if target in ("tests/core/models/test_toy.py", "core/models/toy.py"):
            continue
        if "/" in target:
            if not (ROOT / target).exists():
                lost.append(target)
        elif not named(target):
            lost.append(target)
    assert lost == []


def named(dotted: str) -> bool:
    """Whether `a.b.c` is a module, or something that a module holds."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
@pytest.mark.long
def test_the_notebook_runs(path: Path, place: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell["outputs"] = [] if cell.cell_type == "code" else cell.get("outputs")
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs") or []
    )
    assert "star" in printed
    assert "100 % stand right; direction: known" in printed


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (anchor and anchor not in headings(file)):
            lost.append(target)
    assert lost == []


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made for the web."""
    lines = path.read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_lines_are_short_but_for_tables_and_links(path: Path) -> None:
    long, in_code = [], False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        in_code ^= line.startswith("```")
        unbreakable = line.startswith("|") or ("](" in line and not in_code)
        if len(line) > WIDTH and not unbreakable:
            long.append(f"{path.name}:{number}")
    assert long == []


def test_the_readme_is_short_and_its_pictures_are_small() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= WORDS
    pictures = [ROOT / name for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
    assert len(pictures) == 6
    for picture in pictures:
        with Image.open(picture) as image:
            moves = getattr(image, "n_frames", 1) > 1
        assert moves == (picture == pictures[0])
        assert picture.stat().st_size < (1_000_000 if moves else 150_000), picture.name


def test_documents_name_no_machine_and_no_host() -> None:
    wrong = [
        f"{path.name}: {match}"
        for path in [*DOCUMENTS, *NOTEBOOKS, ROOT / "Dockerfile", ROOT / "Makefile"]
        for match in re.findall(
            r"https?://(?!127\.0\.0\.1|localhost|www\.w3\.org)\S+|/(?:home|root|work)/\w+",
            path.read_text(encoding="utf-8"),
        )
        if match != "/home/aim"
    ]
    assert wrong == []

"""The app's JavaScript outside a browser: its numbers by hand, whether bundles can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assets import ASSETS
from core.draw.bundle import bundle, styles
from core.draw.packing import pack
from core.trace import Axis
from tests.core.draw.payloads import opened, recorded

FOLDER = Path(__file__).parent
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None,
    reason="NO NODE: the tests of JavaScript did not run; install the package 'nodejs'",
)
BUNDLES = (
    "viewer/viewer",
    "follower/follower",
    "lab/lab",
    "download/figure",
    "slides/slides",
    "recorder/recorder",
    "designs/designs",
    "table/table",
    "live/live",
    "removed/removed",
    "guide/gallery",
    "guide/presenter",
    "guide/strip",
)


def node(*arguments: str | Path, stdin: bytes | None = None) -> str:
    """What node prints. Fails with all of it if node does."""
    command = [str(NODE), *map(str, arguments)]
    run = subprocess.run(command, cwd=FOLDER, input=stdin, capture_output=True, timeout=120)
    output = run.stdout.decode() + run.stderr.decode()
    assert run.returncode == 0, output[-4000:]
    return run.stdout.decode()


@needs_node
def test_numbers_and_keys_are_right_by_hand() -> None:
    output = node("--test", *sorted(FOLDER.glob("*.test.js")))
    passed = re.search(r"^\S+ pass (\d+)$", output, re.MULTILINE)
    assert passed
    assert int(passed[1]) >= 15


@needs_node
@pytest.mark.parametrize("page", BUNDLES)
def test_a_bundle_is_one_module_without_imports(page: str, tmp_path: Path) -> None:
    """Names at the top of its modules share one scope: node finds two that are alike."""
    source = bundle(ASSETS / f"{page}.js")
    file = tmp_path / "bundle.mjs"
    file.write_text(source, encoding="utf-8")
    node("--check", file)
    lines = source.splitlines()
    assert [line for line in lines if line.startswith("import ")] == []
    assert sum(line.startswith("export ") for line in lines) == 1


def test_a_bundle_holds_each_module_once_behind_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "base.js").write_text("export const base = 1;\n")
    (tmp_path / "folder/left.js").write_text(
        'import { base } from "../base.js";\nexport const left = base;\n'
    )
    (tmp_path / "right.js").write_text(
        'import {\n  base,\n} from "./base.js";\nexport function right() {}\n'
    )
    entry = tmp_path / "entry.js"
    entry.write_text(
        'import { left } from "./folder/left.js";\nimport { right } from "./right.js";\n'
        "/** @import {Base} from './types.js' */\nexport default function mount() {}\n"
    )
    assert [line for line in bundle(entry).splitlines() if line] == [
        "const base = 1;",
        "const left = base;",
        "function right() {}",
        "/** @import {Base} from './types.js' */",
        "export default function mount() {}",
    ]


def test_a_style_sheet_holds_what_it_imports_in_its_place_and_then_those_of_its_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "tips.css").write_text("p {\n}\n")
    (tmp_path / "lab/lab.css").write_text('@import "../tips.css";\nq {\n}\n')
    (tmp_path / "lab/extra.css").write_text("b {\n}\n")
    sheet = styles(tmp_path / "lab/lab.css")
    assert "".join(sheet.split()) == "p{}q{}b{}"
    for page in BUNDLES:
        assert "@import" not in styles(ASSETS / f"{page}.css"), "a browser would look for the file"


READ = """
import { load } from "./module.js";
const { parse } = await load("viewer/maths.js");
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const plain = (key, value) => {
  if (ArrayBuffer.isView(value)) return [...value];
  return value instanceof Map ? undefined : value;
};
console.log(JSON.stringify(parse(new Uint8Array(Buffer.concat(chunks))), plain));
"""


@needs_node
def test_the_browser_reads_every_number_that_python_packed() -> None:
    trace = recorded("direcformer", {"space": Axis.SPACE, "time": Axis.TIME}, layers=2)
    payload = pack(trace)
    read = json.loads(node("--input-type=module", "--eval", READ, stdin=payload))
    compared = 0

    def compare(ours: object, theirs: object) -> None:
        nonlocal compared
        if isinstance(ours, np.ndarray):
            assert isinstance(theirs, dict)
            assert theirs["shape"] == list(ours.shape)
            np.testing.assert_array_equal(np.reshape(theirs["array"], ours.shape), ours)
            compared += 1
        elif isinstance(ours, dict):
            assert isinstance(theirs, dict)
            for key, value in ours.items():
                if key != "layout":  # a number here, what it stands for there
                    compare(value, theirs[key])
        elif isinstance(ours, list):
            assert isinstance(theirs, list)
            for one, other in zip(ours, theirs, strict=True):
                compare(one, other)
        else:
            assert ours == theirs

    compare(opened(payload), read)
    assert compared > 20

"""Golden files: what was seen before, and how far what is seen now may differ.

Names, whole numbers and text must be equal. Other processors round floats otherwise, so they agree
within a share; of a large array only its type, shape, mean, spread and a few values are kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

HERE = Path(__file__).parent
WIDTH = 140  # of a line of JSON
SHARE, WITHIN = 1e-3, 1e-4
STEPS = 2.0
"""By how much a float, quantised to whole numbers, may differ."""
_QUANTISED = ("u8", "i8", "i16", "uint8", "int8", "int16")
_UNSURE = {
    *("rounding", "bytes", "at", "length", "jpeg", "body", "about"),
    *("top", "path", "runner_up_path", "verdict", "confusion"),
}
"""Keys whose values follow from single bits of pixels."""
SAMPLES = 3
BRIEF = 100  # letters of a value in a message


def fingerprint(array: np.ndarray, kind: str = "") -> dict[str, Any]:
    """Type and shape of an array, then its mean, spread and a few values; `kind` names its type."""
    flat = np.asarray(array, np.float64).ravel()
    places = np.linspace(0, flat.size - 1, SAMPLES + 2)[1:-1].astype(int)
    return {
        "type": kind or array.dtype.name,
        "shape": list(array.shape),
        "about": [short(number) for number in (flat.mean(), flat.std(), *flat[places])],
    }


def short(number: float) -> float:
    """A number of five digits."""
    return float(f"{number:.5g}")


def shortened(value: Any) -> Any:
    """JSON whose floats have five digits."""
    if isinstance(value, float):
        return short(value)
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """The value as it comes back from a JSON file: tuples are lists, floats are short."""
    return shortened(json.loads(json.dumps(value)))


def text(value: Any, depth: int = 0) -> str:
    """JSON with one space a level, where whatever fits into a line is one."""
    line = json.dumps(value)
    if not isinstance(value, dict | list) or not value or len(line) + depth <= WIDTH:
        return line
    margin = " " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {text(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + margin + f",\n{margin}".join(items) + f"\n{' ' * depth}}}"
    if not any(isinstance(item, dict | list | str) for item in value):
        numbers = fill(line[1:-1], WIDTH, initial_indent=margin, subsequent_indent=margin)
        return f"[\n{numbers}\n{' ' * depth}]"
    items = [text(item, depth + 1) for item in value]
    return "[\n" + margin + f",\n{margin}".join(items) + f"\n{' ' * depth}]"


def write(name: str, value: Any) -> Path:
    """Replace a golden file."""
    path = HERE / f"{name}.json"
    path.write_text(text(plain(value)) + "\n")
    return path


def read(name: str) -> Any:
    """A golden file."""
    return json.loads((HERE / f"{name}.json").read_text())


def differences(expected: Any, got: Any, where: str = "", within: float = WITHIN) -> Iterator[str]:
    """A line for each value that is not what it was."""
    if type(expected) is not type(got):
        yield f"{where}: expected {_brief(expected)}, got {_brief(got)}"
    elif isinstance(expected, dict):
        if "about" in expected and "type" in expected:
            mean, spread = expected["about"][:2]
            within = STEPS if expected["type"] in _QUANTISED else SHARE * max(abs(mean), spread)
        for key in expected.keys() - got.keys():
            yield f"{where}/{key}: expected {_brief(expected[key])}, got no such key"
        for key in got.keys() - expected.keys():
            yield f"{where}/{key}: expected no such key, got {_brief(got[key])}"
        for key in expected:
            if key in got:
                yield from differences(expected[key], got[key], f"{where}/{key}", within)
    elif isinstance(expected, list):
        if len(expected) != len(got):
            yield f"{where}: expected {len(expected)} items, got {len(got)}"
            missing = [item for item in expected if item not in got]
            added = [item for item in got if item not in expected]
            yield f"{where}: gone are {_brief(missing)}, new are {_brief(added)}"
            return
        for number, (before, now) in enumerate(zip(expected, got, strict=True)):
            yield from differences(before, now, f"{where}/{number}", within)
    elif isinstance(expected, float):
        if not math.isclose(expected, got, rel_tol=SHARE, abs_tol=within):
            yield f"{where}: expected {expected}, got {got}"
    elif expected != got:
        yield f"{where}: expected {_brief(expected)}, got {_brief(got)}"


def outline(value: Any) -> Any:
    """Names, types and shapes: all there is to compare where a model sees other pixels."""
    if isinstance(value, float):
        return 0.0
    if isinstance(value, list):
        return [outline(item) for item in value]
    if isinstance(value, dict):
        return {key: outline(item) for key, item in value.items() if key not in _UNSURE}
    return value


def _brief(value: Any) -> str:
    line = json.dumps(value)
    return line if len(line) <= BRIEF else f"{line[:BRIEF]}..."

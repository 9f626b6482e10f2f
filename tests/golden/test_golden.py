"""What the project did before it was rearranged, it does after.

`python -m tests.golden [NAME...]` writes the files anew, on purpose.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.everything import GOLDEN
from tests.golden.files import WITHIN, differences, outline, plain, read

MOST_LINES = 20


def check(name: str, folder: Path, within: float = WITHIN) -> None:
    """Compare with a golden file, numbers within so much, and show the first differences."""
    expected, got = read(name), plain(GOLDEN[name](folder))
    same_pixels = "rounding" not in expected or expected["rounding"] == got["rounding"]
    if not same_pixels:
        expected, got = outline(expected), outline(got)
    found = list(differences(expected, got, within=within))
    if found:
        more = [f"... and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else []
        lines = [f"{name}.json: {len(found)} differences", *found[:MOST_LINES], *more]
        pytest.fail("\n".join(lines), pytrace=False)
    if not same_pixels:
        pytest.skip("OpenCV rounds otherwise on this processor: only names, types and shapes agree")


def test_every_command_prints_what_it_printed_before(tmp_path: Path) -> None:
    check("commands", tmp_path)


def test_bad_input_is_refused_with_the_same_line_and_exit_code(tmp_path: Path) -> None:
    check("bad_input", tmp_path)


def test_every_command_takes_the_flags_it_took_before(tmp_path: Path) -> None:
    check("flags", tmp_path)


def test_every_recipe_is_what_it_was(tmp_path: Path) -> None:
    check("recipes", tmp_path)


def test_rendered_strokes_are_the_same_to_the_byte(tmp_path: Path) -> None:
    check("strokes", tmp_path)


def test_the_viewer_gets_the_payload_it_got_before(tmp_path: Path) -> None:
    check("payloads", tmp_path)


def test_links_to_the_app_keep_their_parameters(tmp_path: Path) -> None:
    check("links", tmp_path)


def test_parts_of_the_app_keep_the_names_by_which_they_are_found(tmp_path: Path) -> None:
    check("parts", tmp_path)


def test_a_run_that_was_stopped_and_went_on_leaves_the_same_files(tmp_path: Path) -> None:
    # processors sum otherwise, and each step of training makes more of it
    check("resumed_run", tmp_path, within=2e-3)


def test_a_difference_is_told_by_its_place_and_rounding_is_none() -> None:
    steps = {"type": "i16", "about": [100.0, 9.0, 70.0]}
    heat = {"type": "float32", "about": [1e-6, 2e-6, 3e-6]}
    before = {"a": [1, 0.5, "x"], "steps": steps, "heat": heat, "gone": 1}
    after = {
        "a": [2, 0.50001, "x"],
        "steps": steps | {"about": [100.0, 9.0, 72.0]},
        "heat": heat | {"about": [1e-6, 2e-6, 4e-6]},
        "new": True,
    }
    assert list(differences(before, after)) == [
        "/gone: expected 1, got no such key",
        "/new: expected no such key, got true",
        "/a/0: expected 1, got 2",
        "/heat/about/2: expected 3e-06, got 4e-06",
    ]
    assert list(differences({"a": 0.5}, {"a": 0.51})) == ["/a: expected 0.5, got 0.51"]
    assert list(differences(["a"], ["a", "b"])) == [
        ": expected 1 items, got 2",
        ': gone are [], new are ["b"]',
    ]

"""Each wrong edit of tests/mutants.py has its place, and tests that could notice it."""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant, applied


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_edit_still_has_its_place_and_its_tests(mutant: Mutant) -> None:
    assert applied(mutant, ROOT) != (ROOT / mutant.file).read_text(encoding="utf-8")
    assert all((ROOT / path).is_file() for path in mutant.tests)

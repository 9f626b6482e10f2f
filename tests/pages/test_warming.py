"""The server answers at once, and is warm when the first visitor is there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.pages.test_pages import ROOT

SCRIPT = """
import gc
import os
import sys
import threading

import app
from pages.parts import warming

heavy = {"torch", "pandas", "cv2", "av", "safetensors"}
print("before", sorted(heavy & sys.modules.keys()))
warming.wait()  # of what was not begun
warming.begin()
print("waiting threads are", os.environ["OMP_WAIT_POLICY"])
warming.wait()
print("frozen", gc.get_freeze_count() > 100_000)
print("missing", sorted(heavy - sys.modules.keys()))
for thread in threading.enumerate():
    if thread.name == "warming":
        thread.join()

from pages.parts import cached
from pages.parts.choose import opening_choice
from pages.parts.show import provenance_line
from core.draw.words import plain

choice = opening_choice()
payload = cached.payload.here(choice, None, None, plain(provenance_line(choice)))
print("payload", len(payload) > 10_000)
"""


@pytest.mark.long
def test_nothing_heavy_is_imported_before_the_server_answers_and_all_of_it_after() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout.splitlines() == [
        "before []",
        "waiting threads are PASSIVE",
        "frozen True",
        "missing []",
        "payload True",
    ], ran.stderr

"""A running app and a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app looks for training runs: empty at first."""
    return tmp_path_factory.mktemp("app") / "runs"


@pytest.fixture(scope="session")
def address(runs_folder: Path) -> Iterator[str]:
    """The address of a running app that all tests share."""
    with started(runs_folder) as url:
        yield url


@contextmanager
def started(runs: Path) -> Iterator[str]:
    """The app, started as a user would start it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
        "--server.headless",
        "true",
        "--",
        "--runs",
        str(runs),
    ]
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        else:
            pytest.fail("the app did not start within a minute")
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # in the middle of a page, on a busy machine
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def launcher() -> Iterator[Any]:
    """What starts a Chromium: there can be only one of it in a thread."""
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: the browser tests did not run; install the package 'chromium'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def chromium(launcher: Any) -> Iterator[Patient]:
    """One Chromium for all browser tests."""
    browser = launcher.launch(executable_path=CHROMIUM, args=FLAGS)
    yield Patient(browser)
    browser.close()


class Patient:
    """A browser whose pages wait a minute for what they expect.

    The tests must hold on a busy machine.
    """

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def new_page(self, **settings: object) -> Any:
        return self._patient(self.browser.new_page(**settings))

    def new_context(self, **settings: object) -> Any:
        return self._patient(self.browser.new_context(**settings))

    @staticmethod
    def _patient(opened: Any) -> Any:
        opened.set_default_timeout(60_000)
        return opened


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of every page go: SCREENSHOTS, or screenshots/ in the project.

    The latter is not tracked.
    """
    folder = Path(os.environ.get("SCREENSHOTS", ROOT / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""`aim-app`: open the app from anywhere, where the package is installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

APP = Path(__file__).parents[2] / "app.py"


def arguments(argv: list[str]) -> list[str]:
    """What `streamlit` is called with: its own flags, `--`, and those of the app.

    Runs go into `runs/` of the folder that the app is started in, not beside the installed code.
    """
    parser = argparse.ArgumentParser(
        prog="aim-app",
        description="Open Attention in Motion in a browser.",
        epilog="Every other flag goes to Streamlit, such as --server.port 8502.",
        allow_abbrev=False,
    )
    parser.add_argument("--clips", help="a folder of videos for the clip picker")
    parser.add_argument("--runs", default="runs", help="the folder of training runs (runs/)")
    parser.add_argument("--results", help="a folder of results of `explain-set`, for Data set")
    own, streamlit_flags = parser.parse_known_args([flag for flag in argv if flag != "--"])
    app_flags = ["--runs", own.runs]
    if own.clips is not None:
        app_flags += ["--clips", own.clips]
    if own.results is not None:
        app_flags += ["--results", own.results]
    return ["streamlit", "run", str(APP), *streamlit_flags, "--", *app_flags]


def main() -> None:
    from streamlit.web.cli import main as streamlit

    sys.argv = arguments(sys.argv[1:])
    streamlit()

"""The panel *About*: what runs here, what it may use and uses, and under which licences."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata, version

import streamlit as st

from core.errors import BadInput
from core.video.limits import limits_here, work_here
from core.weights import shipped
from core.weights.files import shipped_card
from pages.parts import budget, visitors
from pages.parts.words import as_text

LIBRARIES = (
    *("streamlit", "torch", "plotly", "av", "opencv-python", "opencv-python-headless", "numpy"),
    *("networkx", "captum", "kornia", "safetensors"),
)
"""Those whose version says what a figure was made with."""


def about() -> None:
    """Draw the panel at the end of the sidebar; it is filled when it is opened."""
    with st.expander("About", icon=":material/info:", on_change="rerun", key="about") as panel:
        if panel.open:
            st.markdown("  \n".join(lines()))


def lines() -> list[str]:
    """What the panel says, as Markdown."""
    return [*_uses(), *_limits(), *_licences(), *_versions()]


def _uses() -> list[str]:
    """Memory: what is taken of the budget, and what of it is kept to be shown again."""
    held, count = budget.kept()
    return [
        f"**Memory** {budget.used() / 1e6:,.0f} of {budget.budget() / 1e6:,.0f} MB; "
        f"{held / 1e6:,.0f} MB of it are {count} results kept to be shown again"
    ]


def _limits() -> list[str]:
    limits, work = limits_here(), work_here()
    rows = [
        f"**A video** up to {limits.megabytes:,.0f} MB, {limits.seconds:,.0f} s, "
        f"{limits.frames:,} frames of {limits.pixels / 1e6:.1f} million pixels",
        f"**An upload** is decoded apart, in up to {work.cpu_seconds:,.0f} s and "
        f"{work.memory_megabytes:,.0f} MB",
    ]
    if visitors.is_server():
        share = visitors.share()
        rows.append(
            f"**A visitor** uploads up to {share.uploads} files and {share.megabytes:,} MB, and "
            f"has {share.seconds:,} s of computing"
        )
    return rows


def _licences() -> list[str]:
    by_licence: dict[str, list[str]] = {}
    for path in shipped().values():
        with suppress(BadInput):  # a damaged card, which the Training page names
            card = shipped_card(path.with_suffix(".json"))
            by_licence.setdefault(card.license or "not said", []).append(path.stem)
    weights = "; ".join(
        f"{as_text(licence)}: {', '.join(map(as_text, models))}"
        for licence, models in by_licence.items()
    )
    return [
        "**Licence** of the app: Apache-2.0",
        f"**Weights** that are included. {weights}. Public ones have their authors' own.",
    ]


def _versions() -> list[str]:
    """Python and the libraries, each with its licence."""
    libraries = []
    for name in LIBRARIES:
        try:
            libraries.append(f"{name} {version(name)} ({_licence(name)})")
        except PackageNotFoundError:  # one of the two builds of OpenCV
            continue
    return [f"**Python** {platform.python_version()}", f"**Libraries** {', '.join(libraries)}"]


def _licence(name: str) -> str:
    """A library's licence in a few words, from what it says of itself."""
    about = metadata(name)
    words = "see its files"
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    if classifiers:
        words = classifiers[0].rpartition(" :: ")[2]
    for key in ("License", "License-Expression"):
        texts = about.get_all(key)  # one, or none
        if texts and (key != "License" or not classifiers):
            words = texts[0].splitlines()[0]
    first, _, others = words.removesuffix(" License").partition(" AND ")
    return as_text(f"{first[:40]} and others" if others else first[:40])

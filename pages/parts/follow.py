"""Runs that are followed: their cards and curves, drawn again while one of them goes on."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.runs import STAGES, VIDEO
from pages.parts import curves, runs
from pages.parts.run_card import ALIVE, card
from pages.parts.runs import Run


def follow(folder: Path, names: list[str], before: dict[str, Run]) -> None:
    """The cards and curves of these runs, drawn again and again while one of them goes on."""
    goes_on = any(run.state in ALIVE for run in before.values())

    @st.fragment(run_every="2s" if goes_on else None)
    def live() -> None:
        shown = [run for run in (runs.read(folder / name) for name in names) if run is not None]
        for run, colour in zip(shown, curves.colours(shown).values(), strict=True):
            card(run, colour)
        if any(run.name not in before or before[run.name].state != run.state for run in shown):
            st.rerun()  # a run began or ended: the whole page follows faster, or no longer
        draw_curves(shown)

    live()


def draw_curves(shown: list[Run]) -> None:
    """The curves of a stage; where runs reported two, one is chosen."""
    reported = {row["stage"] for run in shown for row in run.reports}
    stages = [stage for stage in STAGES if stage in reported]
    if not stages:
        return
    stage = stages[0]
    if len(stages) > 1:
        stage = st.segmented_control(
            "Curves of the",
            stages,
            format_func=lambda stage: curves.TITLES[stage],
            default=VIDEO,
            required=True,
            key="stage",
            help="First the part of the model that sees single images is trained, then the "
            "whole model on clips.",
        )
    curves.legend(curves.colours(shown), stage)
    curves.draw(shown, stage)

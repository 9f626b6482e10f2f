"""Controls that several pages have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streamlit.delta_generator import DeltaGenerator

from core.draw.overlay import COLOUR_MAPS
from pages.parts.show import HELP


def by_title(titles: Mapping[Any, str]) -> Callable[[Any], str]:
    """How a widget writes its options: each by its title.

    An option that is no longer offered is written as nothing.
    """
    return lambda option: titles.get(option, "")


def opacity_slider(column: DeltaGenerator, key: str, opens_on: float) -> float:
    """How strongly the colours cover the picture, 0..1."""
    return column.slider(
        "Opacity", 0.0, 1.0, opens_on, key=key, bind="query-params", help=HELP["opacity"]
    )


def colours_box(column: DeltaGenerator, key: str) -> str:
    """The colours of weights that are never negative: a key of COLOUR_MAPS."""
    return column.selectbox(
        "Colours", list(COLOUR_MAPS), key=key, bind="query-params", help=HELP["colours"]
    )

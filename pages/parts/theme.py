"""The style of the app around its components."""

from __future__ import annotations

from string import Template

from assets import ASSETS
from core.draw.style import TEXT


def style() -> str:
    """assets/app.css with the colours of the palette, as HTML."""
    colours = {}
    for theme, text in TEXT.items():
        channels = [int(text[at : at + 2], 16) for at in (1, 3, 5)]
        colours[f"{theme}_text"] = text
        colours[f"{theme}_text_rgb"] = ", ".join(map(str, channels))
    css = (ASSETS / "app.css").read_text(encoding="utf-8")
    return f"<style>{Template(css).substitute(colours)}</style>"

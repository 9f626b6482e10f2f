"""Small pieces that pages put on the screen: strips of frames, provenance, help texts."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.figures import picture
from pages.parts.choose import Choice

NOT_AN_EXPLANATION = "Attention shows where the model looks from, not why it decides. It is not an explanation."
VIEWER_KEYS = """
- **Point** at a patch of any frame: every frame shows at once what that patch sees. **Click** keeps it, **Esc** lets it go.
- **← →** step through the frames, **Home** and **End** go to the first and last, **Space** plays at the clip's own speed.
- **Shift + arrows** move the patch that is kept. Dotted words explain themselves when you point at them.
- The percentage under a frame is the part of all attention in view that falls on it.
"""
HELP = {
    "temporal": r"How much each frame (row) looks at each other frame (column), averaged over all places. "
                r"Signed attention is $a=\cos(q,k)\in[-1,1]$: red attracts, blue repels.",
    "order_accuracy": r"Most frames that stand in the right order, others left out, over all frames: "
                      r"$\mathrm{LCS}(\pi,\mathrm{argsort}\,o)/T$. Guessing gives 47.1 % for 8 frames.",
    "reversal_accuracy": "The same, but a clip put together backwards counts as right: left and right, up and down are the same "
                         "frames backwards. Guessing gives 54.4 % for 8 frames.",
    "margin": "Weight of the best path minus that of the runner-up, in units of (T − 1) standard deviations of the matrix.",
    "direction_margin": "Weight of the best path minus that of the same path backwards, in the same units.",
    "sharpened": r"Uses $\tanh(s\,(W-W^\top)/2)$ instead of the attention $W$ itself. Attention is weak between neighbours, so the "
                 "heaviest path on it leaps ahead and comes back. Off: exactly as in the paper.",
    "path": "The order is the heaviest path that visits every frame once (a Hamiltonian path), found exactly by Held-Karp.",
}
VERDICTS = {
    "known": ("Order known", "The best path clearly beats every other path and its own reverse."),
    "up_to_direction": ("Known up to direction", "The frames form a chain; which end comes first is too unsure to call."),
    "unknown": ("Not identifiable", "Other orders fit as well: the frames are too alike, or the attention says nothing about order."),
}


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """A Plotly figure in the page's own text colour, which Plotly's default grey is too faint for."""
    figure.update_layout(font_color="#F2F4F8" if st.context.theme.type == "dark" else "#15181E")
    st.plotly_chart(figure, key=key, theme=None, alt=alt, config={"displayModeBar": False})


def provenance(choice: Choice, detail: str = "") -> None:
    """One line under a figure: which weights, which clip, what was drawn."""
    card = choice.card
    weights = f"weights {card.hash}" if card.trained_on else ":red-badge[random weights]"
    st.caption(f"{choice.title}, {weights} · {choice.clip.source}, {len(choice.clip)} frames{f' · {detail}' if detail else ''}")


def strip(frames: np.ndarray, captions: list[str], marks: list[str] | None = None, name: str = "frames") -> None:
    """Frames side by side with captions; a mark is '', 'good' or 'bad' and draws a coloured edge."""
    colours = {"": "transparent", "good": "#2E9E5B", "bad": "#D64545"}
    marks = marks or [""] * len(frames)
    cells = "".join(
        f'<figure style="margin:0;flex:1 1 0;min-width:0"><img src="{picture(frame, 240)}" alt="{escape(name)}: {escape(caption)}" '
        f'style="width:100%;display:block;border-radius:6px;border:4px solid {colours[mark]}">'
        f'<figcaption style="text-align:center;font-size:1rem">{escape(caption)}</figcaption></figure>'
        for frame, caption, mark in zip(frames, captions, marks, strict=True))
    st.html(f'<div data-testid="strip-{escape(name)}" style="display:flex;gap:6px">{cells}</div>')

"""Small pieces that pages put on the screen: strips of frames, provenance, help texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from html import escape
from urllib.parse import quote

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.lettering import number
from core.draw.overlay import Box, fitted
from core.draw.panels import SINGLE
from core.draw.style import TEXT, picture
from core.draw.words import NOT_AN_EXPLANATION as NOT_AN_EXPLANATION  # pages take it from here
from core.draw.words import SHARED_HELP
from core.draw.words import VERDICTS as VERDICTS
from core.draw.words import plain as plain
from core.video import crop_box
from core.weights import Card
from pages.parts.seen import shown_frames
from pages.parts.sources import Rendered
from pages.parts.subject import Choice
from pages.parts.words import as_figure_text, as_text

VIEWER_KEYS = """
- **Point** at a patch of any frame: every frame shows at once what that patch sees.
  **Click** keeps it, **Esc** lets it go.
- **← →** step through the frames, **Home** and **End** go to the first and last,
  **Space** plays at the clip's own speed.
- **Shift + arrows** move the patch that is kept. Dotted words explain themselves when you
  point at them.
- The percentage under a frame is the part of all attention in view that falls on it. Where each
  frame looks within itself alone, as when none of it is weighed over time, every frame has nearly
  the same, 1/T: then it tells nothing.
- *From pixels to a weight* takes one weight apart, *All heads at a glance* draws every head.
"""
HELP = SHARED_HELP | {
    "spatial": (
        r"Where the class token looks; where a model has none, where all patches look on average: "
        r"$a_{ij}=\mathrm{kernel}(q_i,k_j)$, softmax in all but RViT, whose kernel is linear "
        r"(normalised in the shipped weights), and DirecFormer's C-C, whose is the signed cosine. "
        r"Last layer, mean over heads."
    ),
    "followed": "**Summary**: the class token, which the network keeps of a frame or of the clip, "
    "and decides by. **Mean over heads**: the average of all its ways of looking in a layer. Both "
    "are chosen in the viewer above.",
    "layers": r"One query in every layer: layer $l$ weighs what the layers before it made by "
    r"$a^{(l)}_{ij}=\mathrm{kernel}(q^{(l)}_i,k^{(l)}_j)$.",
    "rollout": r"$R_l=\tfrac12(A_l+I)\,R_{l-1}$: what reaches the query from each patch through "
    r"all layers so far, if attention alone "
    "carried it and half of each token went past it unchanged (Abnar and Zuidema, 2020).",
    "scale": (
        "What the brightest colour means. **clip**: the largest weight of each picture's whole "
        "clip. **frame**: the largest of each frame, so frames cannot be compared. **shared**: the "
        "largest of all layers, so layers can be compared. The raw range stands above each."
    ),
    "tube": (
        r"Each frame stands in its place in time. The line runs through the mean place of the "
        r"weights, $\bar x_t=\sum_p |a_{tp}|x_p/\sum_p|a_{tp}|$, the tube is one standard "
        r"deviation wide to each side; the percentage is the frame's share of all weight, "
        r"which is nearly $1/T$ where each frame looks within itself alone."
    ),
    "gradcam": (
        "Which channels of the last block speak for a class, and where they are active: each "
        "channel's activation is weighed by the mean gradient of the score over all its places, "
        "summed over channels, and what is below 0 left out. The gradient at the place itself is "
        "not used. It shows a part of what decides; how much of the answer passes where it is "
        "read stands below the maps of *GradCAM*, whose *More* has other places."
    ),
    "probability": r"$P$, the softmax of the scores: what the model itself gives this class.",
    "one_scale": (
        "On: the same colour means the same value in both models. Off: each model has a scale of "
        "its own, so only places compare, not strengths."
    ),
    "am_flow": (
        r"How much a patch's part in the attention map changes to the next frame, from the logits "
        r"$A_t=QK^\top/\sqrt{d}$. **static**: $\sum_i\mathrm{softmax}_j|A_t-A_{t+1}|$, drawn minus "
        r"1, clipped at 0. **pre**: "
        r"$\sum_i|\mathrm{softmax}_j(A_t)-\mathrm{softmax}_j(A_{t+1})|$, nowhere less than "
        r"**post**: $|s_t-s_{t+1}|$ with $s_t=\sum_i\mathrm{softmax}_j(A_t)$. "
        r"**aligned**: the same after an encoder that is meant to undo the camera's motion."
    ),
    "energy": r"Energy inside: $\sum_{p\in\mathrm{hand}}h_p/\sum_p h_p$, the part of the heat "
    r"that lies on the hand. "
    "Dotted: the part of the picture that the hand covers, which evenly spread heat would get.",
    "auc": r"ROC AUC: the chance that a pixel on the hand is hotter than one off it, "
    r"$(R-n(n+1)/2)/(nm)$ with $R$ the sum of the ranks "
    r"of the $n$ pixels on the hand, $m$ those off it. Dotted: 0.5, chance.",
    "spearman": r"Spearman's rank correlation of two maps on one grid, "
    r"$\rho=\mathrm{cov}(r_a,r_b)/(\sigma_{r_a}\sigma_{r_b})$ with $r$ "
    "the ranks of the cells: 1 the same order of places, 0 none, −1 the opposite.",
    "probe": (
        r"$P(\mathrm{class})=\mathrm{softmax}(\mathrm{scores})$ for the same frames in order, "
        r"backwards, in random order, and the middle frame alone, repeated. A model that reads "
        r"motion changes its mind, unless the movement backwards is of the same class (a circle) "
        r"or it was trained on shuffled clips (DirecFormer); one that reads single frames does not."
    ),
    "order_accuracy": (
        r"**OrderAcc**: most frames that stand in the right order, others left out, over all "
        r"frames: $\mathrm{LCS}(\pi,\mathrm{argsort}\,o)/T$. Guessing gives 47.1 % for 8 frames."
    ),
    "reversal_accuracy": (
        "The same, but a clip put together backwards counts as right: left and right, up and down "
        "are the same frames backwards. Guessing gives 54.4 % for 8 frames."
    ),
    "margin": (
        "**Margin**: weight of the best path minus that of the next, in units of (T − 1) standard "
        "deviations of the matrix. Its own reverse is left out: that is what the direction margin "
        "says. Below 0.001 two orders tie, and the order is not identifiable."
    ),
    "direction_margin": (
        "**Direction margin**: weight of the best path minus that of the same path backwards, in "
        "the same units. Its threshold was calibrated on rendered clips of the class that the "
        "model sees: above it at least 95 % of the directions were right. It holds for the matrix "
        "that it was measured with (last layer, mean over heads, sharpened or not); any other has "
        "no threshold, nor has pixel likeness, and their direction is never called known."
    ),
    "shuffle": "**Seed**: any order, drawn by a seed. **Swaps**: from the true order, so many "
    "times two frames change places. "
    "**Reversed**: backwards. **By hand**: drag the frames, or write their order.",
    "forbidden": (
        "No path may use these edges, and the order is found again without them. Remove one here "
        "to allow it again. 5→1 is the edge from slot 5 to slot 1."
    ),
    "sharpened": (
        r"Uses $\tanh(s\,(W-W^\top)/2)+(W+W^\top)/2$ with $s=8$ instead of the attention $W$ "
        r"itself: how surely a frame comes before another, and how alike they are. Attention is "
        r"weak between neighbours, so the heaviest path on $W$ leaps ahead and comes back. Off: "
        r"exactly as in the paper."
    ),
}


def chart(
    figure: go.Figure, key: str, alt: str, on_select: Callable[[], None] | None = None
) -> None:
    """A Plotly figure in the page's own text colour: Plotly's default grey is too faint.

    `on_select` runs when points are clicked or ringed, which the session then holds under `key`.
    """
    is_dark = st.context.theme.type == "dark"
    figure.update_layout(font_color=TEXT["dark" if is_dark else "light"])
    columns = min(4, (figure.layout.meta or {}).get("columns", 1))
    # its style sheet lets pictures side by side scroll where they would be too small
    with st.container(key=f"wide-{columns}-{key}") if columns > 1 else nullcontext():
        st.plotly_chart(
            figure,
            key=key,
            theme=None,
            alt=alt,
            config={"displayModeBar": False},
            on_select=on_select or "ignore",
            selection_mode=("points", "box", "lasso"),
        )


def pictures(choice: Choice, least: int, most: int = SINGLE) -> tuple[np.ndarray, Box]:
    """The clip's frames, and the part of them that the model sees.

    Their shorter side has at least `least` pixels, unless the width then passes `most`, which a
    figure shows no more of.
    """
    frames = fitted(choice.clip.frames, least, most)
    height, width = frames.shape[1:3]
    return frames, crop_box(height, width, choice.crop)


def titled(choice: Choice) -> str:
    """A model's name above its picture, in Plotly's HTML."""
    note = "" if choice.card.trained_on else " (random weights)"
    return f"<b>{as_figure_text(choice.title)}</b>{note}"


def weights_line(choice: Choice) -> str:
    """A model's name and which weights it has, as Markdown."""
    card = choice.card
    weights = f"weights {card.hash}" if card.trained_on else ":red-badge[random weights]"
    return f"{choice.title}, {weights}"


def clip_name(choice: Choice) -> str:
    """The clip for people, as Markdown.

    Its name in links, files and on the command line is `clip.source`.
    """
    if isinstance(choice.source, Rendered):
        words = f"rendered {choice.source.label}, seed {choice.source.seed}"
        return words + (", from the front" if choice.source.view == "front" else "")
    return as_text(choice.clip.source)


def provenance_line(choice: Choice, detail: str = "", by: str = "") -> str:
    """Which weights, which clip, what was drawn, as one line of Markdown.

    `by` names what has no weights in the model's place.
    """
    frames = f"{len(choice.clip)} frames" if by else shown_frames(choice)
    clip = f"{as_text(choice.clip.source)}, {frames}"
    return " · ".join(filter(None, [by or weights_line(choice), clip, detail]))


def on_screen(line: str, choice: Choice) -> str:
    """A line of provenance with the clip's name for people, and the model's name as a link.

    It leads to the page Other models, where the model stands among others.
    """
    line = line.replace(as_text(choice.clip.source), clip_name(choice), 1)
    if not line.startswith(choice.title):
        return line
    is_shipped = choice.model.kind == "shipped"
    page = f"backbones?model={quote(choice.title)}" if is_shipped else "backbones"
    return f"[{choice.title}]({page}){line.removeprefix(choice.title)}"


def provenance(choice: Choice, detail: str = "") -> None:
    """The same under a figure."""
    st.caption(on_screen(provenance_line(choice, detail), choice))


def training_in_words(card: Card) -> str:
    """What a model was trained on, as Markdown, without the module that draws it."""
    return as_text(re.sub(r" \(core\.[\w.]+\)", "", card.trained_on))


def raw_range(heat: np.ndarray) -> str:
    """The least and greatest weight in words, and whether they are nearly even.

    They are if they are so alike that colours would show nothing but noise.
    """
    low, high = float(np.nanmin(heat)), float(np.nanmax(heat))
    is_even = high - low < 0.15 * max(abs(low), abs(high))
    note = ", nearly even" if is_even else ""
    return f"{number(low, '.2g')} to {number(high, '.2g')}{note}"


def strip(frames: np.ndarray, captions: list[str], name: str = "frames", least: int = 56) -> None:
    """Frames side by side with captions, each at least so many pixels wide."""
    cells = "".join(
        f'<figure style="margin:0;min-width:0"><img src="{picture(frame, 240)}" '
        f'alt="{escape(name)}: {escape(caption)}" '
        f'style="width:100%;display:block;border-radius:6px;border:4px solid transparent">'
        "<figcaption "
        f'style="text-align:center;font-size:1rem">{escape(caption)}</figcaption></figure>'
        for frame, caption in zip(frames, captions, strict=True)
    )
    st.html(
        f'<div data-testid="strip-{escape(name)}" style="display:grid;gap:6px;'
        f'grid-template-columns:repeat(auto-fit,minmax({least}px,1fr))">{cells}</div>'
    )

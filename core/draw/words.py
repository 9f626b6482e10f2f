"""Words that the app and a page to take home say alike."""

from __future__ import annotations

import re

NOT_AN_EXPLANATION = (
    "Attention shows where the model looks from, not why it decides. It is not an explanation."
)
TAP_HELP = (
    "Which part of each layer is followed. **whole clip** (global): the heads that see all of it. "
    "**checkerboard** (local): the heads that see one colour of a checkerboard. **image model** "
    "(vit): the frozen one. **after the aligning encoder** (aligned): an encoder on top of it that "
    "is meant to undo the camera's motion. **stage 1** (stage1): the finest of Hiera's four grids. "
    "**stage 2** (stage2): a grid of half as many rows and columns. **stage 3** (stage3): a "
    "quarter of them. **stage 4** (stage4): the coarsest, from which the network decides."
)
SHARED_HELP = {
    "layer": "The network looks at the clip in several layers, one after the other; the last "
    "feeds the decision.",
    "head": "Each layer looks in several ways at once, called heads. **mean** (average) averages "
    "them, **max** (strongest) takes the strongest.",
    "opacity": "How strongly the colours cover the picture.",
    "colours": "The colours of weights that are never negative. Signed attention is always blue "
    "(repels), grey (0), red (attracts).",
}
"""Help texts of what both have, as Markdown."""
VERDICTS = {
    "known": (
        "Direction known",
        "No other path ties with the best one, and it beats its own reverse by the margin above "
        "which 95 % of "
        "directions were right on rendered clips. Single frames may still stand in the wrong "
        "place.",
    ),
    "up_to_direction": (
        "Known up to direction",
        "No other path ties with the best one; which of its ends comes first is too unsure to "
        "call.",
    ),
    "unknown": (
        "Not identifiable",
        "Other orders fit as well: the frames are too alike, or the attention says nothing about "
        "order.",
    ),
}
"""Of each verdict of core.order: its title, and what it means."""


def plain(line: str) -> str:
    """A line without its Markdown, for files: without badges and stars, nothing escaped."""
    line = re.sub(r":red-badge\[(.*?)\]", r"\1", line)
    line = re.sub(r"(?<!\\)\*", "", line)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line)

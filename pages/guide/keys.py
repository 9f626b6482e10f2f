"""What every key does, for the list that `?` opens."""

from __future__ import annotations

KEYS = {
    "Presenting": {
        "P": "presenter view: what a lesson rings, or the page's picture, alone and enlarged",
        "↑  ↓": "in the presenter view: the page's other figures",
        "B or .": "black screen, and back",
        "?": "this list",
        "Escape": "leave the list, the black screen, the presenter view",
    },
    "A lesson": {
        "→  Page Down": "reveal the answer, then the next step",
        "←  Page Up": "the step before",
        "1 2 3 …": "guess",
        "Escape": "leave the lesson, from its strip",
    },
    "The attention viewer": {
        "←  →": "step through the frames",
        "Home  End": "the first and the last frame",
        "Space": "play, pause",
        "Enter": "let a patch look (with the picture in focus)",
        "Shift + arrows": "move the patch",
        "Escape": "let the patch go",
    },
    "The shuffle lab (with its picture in focus)": {
        "←  →": "step back and forward; on a frame of the strip: move it",
        "Home  End": "to the matrix, to the end",
        "Space": "play, pause",
    },
}
"""By where they work."""

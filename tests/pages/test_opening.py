"""The sentence on top of a page says what the maps hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.video import Clip
from core.world.gestures import rendered_clip
from pages.parts.opening import (
    Count,
    Target,
    counts_in_words,
    frames_in_words,
    layers_in_words,
    pairs_in_words,
    probes_in_words,
    target,
)
from pages.parts.order_reading import span_of_edges
from pages.parts.sources import ModelSource, Rendered, VideoFile
from pages.parts.subject import Choice

HAND = Target("the hand", np.eye(4, dtype=bool)[None].repeat(4, 0))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            [1, 3, 4],
            "From layer 2 on FAR looks at the hand in at least 3 of 4 frames (chance: 1.0).",
        ),
        ([3, 3], "In every layer FAR looks at the hand in 3 of 4 frames (chance: 1.0)."),
        ([0, 4], "In its last layer FAR looks at the hand in 4 of 4 frames (chance: 1.0)."),
        (
            [0, 3, 1],
            "FAR looks at the hand most in layer 2: in 3 of 4 frames, in its last layer in 1 "
            "(chance: 1.0).",
        ),
        ([1, 0, 1], "FAR looks at the hand in at most 1 of 4 frames (chance: 1.0)."),
    ],
)
def test_the_layers_are_told_in_a_sentence(counts: list[int], sentence: str) -> None:
    hits = {layer: np.arange(4) < count for layer, count in enumerate(counts)}
    assert layers_in_words("FAR", HAND, hits) == sentence
    of_pairs = sentence.replace(" frames", " pairs of frames")
    assert layers_in_words("FAR", HAND, hits, frames_in_words(2)) == of_pairs


def test_pairs_of_frames_are_told_in_a_sentence() -> None:
    assert pairs_in_words("FAR", 20, 0, 28, "these shuffled frames") == (
        "Of the 28 pairs of these shuffled frames FAR says of 20 rightly which came first "
        "(guessing: 14)."
    )
    assert "of 3 it says nothing" in pairs_in_words("FAR", 20, 3, 28, "slots")
    assert pairs_in_words("Pixel likeness", 0, 28, 28, "slots") == (
        "Pixel likeness is the same both ways: of no two frames it says which came first."
    )


def test_frames_are_counted_out_of_what_is_said_once_where_it_is_the_same() -> None:
    first, second = Count("A", 3, 8, "0.3"), Count("B", 1, 8, "0.3")
    assert counts_in_words([first, second]) == "in 3 (A) and 1 (B) of 8 frames (chance: 0.3)"
    third = Count("C", 9, 16, "0.6")
    assert counts_in_words([first, second, third]) == (
        "in 3 of 8 frames (A), 1 of 8 frames (B) and 9 of 16 frames (C) (chance: 0.3, 0.3, 0.6)"
    )
    pairs = Count("D", 2, 8, "0.3", "pairs of frames")
    assert counts_in_words([first, pairs]) == (
        "in 3 of 8 frames (A) and 2 of 8 pairs of frames (D) (chance: 0.3)"
    )
    assert counts_in_words([first]) == "in 3 (A) of 8 frames (chance: 0.3)"


def test_the_motion_probe_is_told_in_sentences() -> None:
    nobody, everybody, one = [False] * 3, [True] * 3, [False, True, False]
    assert probes_in_words("ABC", {"backwards": everybody, "shuffled": one, "frozen": nobody}) == (
        "Backwards, all of them change their class. Shuffled, B changes its class; A and C keep "
        "their class. Frozen, all of them keep their class."
    )
    assert probes_in_words("ABC", {"backwards": one, "shuffled": one, "frozen": one}) == (
        "Backwards, shuffled and frozen, B changes its class; A and C keep their class."
    )
    assert probes_in_words(["A"], {"backwards": [True], "shuffled": [False]}) == (
        "Backwards, A changes its class. Shuffled, A keeps its class."
    )


def test_the_hand_is_the_target_where_its_truth_is_known_else_what_moves(tmp_path: Path) -> None:
    rendered = Rendered("circle", 3)
    whole = rendered_clip(rendered.uncut.whole())
    clip = Clip(whole.frames[:24:6], whole.times[:24:6], "circle", "0" * 16)
    model = ModelSource("shipped", "direcformer")
    known = target(Choice(rendered, clip, model, "centre"), (4, 7, 7))
    assert known.name == "the hand" and known.patches.any() and not known.patches.all()
    upload = VideoFile(tmp_path / "mine.mp4", is_upload=True)
    moving = target(Choice(upload, clip, model, "centre"), (4, 7, 7))
    assert moving.name == "what moves" and (moving.patches.sum((1, 2)) == 5).all()
    assert moving.chance == "0.4"  # 5 of 49 patches in each of four frames


def test_a_matrix_is_said_to_go_as_far_as_its_edges_which_no_slot_has_to_itself() -> None:
    assert span_of_edges(np.array([[9.0, 0.2], [-0.1, -9.0]])) == "−0.100 to 0.200"
    assert span_of_edges(np.array([[0.5]])) == "0.500 to 0.500"

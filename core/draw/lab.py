"""What the shuffle lab shows of a reading: its data, its words, and how sure the order is."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.draw import export
from core.draw.lettering import number
from core.draw.overlay import enlarged
from core.draw.steps import step_through
from core.draw.style import LAB, picture
from core.draw.words import VERDICTS
from core.explain import OUTSIDE
from core.order import EXACT_FRAMES, UNKNOWN_MARGIN, Edge, Reading
from core.order.chance import MOST_FRAMES, chance_accuracy
from core.video import Clip

WORDS = {
    "signed": {
        "matrix": "The matrix. Row t, column u: how surely slot t comes before slot u.",
        "weight": "red: before, blue: after",
    },
    "attention": {
        "matrix": "The matrix. Row t, column u: how much t looks at u. Never negative, it hardly "
        "tells before from after.",
        "weight": "attention",
    },
    "alike": {
        "matrix": "The matrix. Row t, column u: how alike slots t and u are. The same both ways: "
        "blind to direction.",
        "weight": "minus the difference",
    },
}
"""What the steps say, by what the matrix holds."""
BESIDE = (
    "How much slot t (row) looks at slot u (column), computed beside the network, which never "
    "looks ahead."
)
"""The same of a matrix that is no step of its network (RViT), on one line of a projector."""
PATHS = {
    "Exact optimum": (
        "The heaviest of all paths that visit every slot once, found exactly (Held-Karp)."
    ),
    "Best path found": (
        f"More than {EXACT_FRAMES} slots: the best that a local search finds from greedy paths and "
        "from a ranking of the slots. Perhaps not the optimum."
    ),
    "Runner-up": "The second heaviest path; the third where the second is the best one backwards, "
    "which weighs the same. What it lacks is the margin.",
    "Greedy path": "Always the heaviest edge to a slot not yet visited, from each slot in turn; "
    "the heaviest of these paths.",
    "Best path backwards": "The best path the other way round, over forbidden edges too. What it "
    "lacks is the direction margin.",
}
TIE = "This matrix is symmetric: the path and its reverse weigh exactly the same; both are shown."
TIE_HELP = (
    "The same path backwards. The two weigh the same, so either could have been drawn first: it is "
    "the one that is less right, as a tie proves nothing."
)
LAB_HELP = {
    "shuffled": (
        "What the model is given: the frames in this order. A slot is a place in the shuffled "
        "clip; the frame is the one of the clip as it was filmed."
    ),
    "lecture": "From the matrix to the frames in order, slowly, with a rest at each step",
    "path": "Choose the path that the steps show.",
    "slots": "Slots in the order in which the path visits them.",
    "weight": "Sum of the edges along the path.",
    "behind": "How much less than the best path.",
    "accuracy": (
        "Most frames that stand in the right order, others left out, over all frames. Not given "
        "where the order is not identifiable."
    ),
    "reveal": (
        "Shows the true number of each frame, how right each path is, and below the lab how sure. "
        "Played to the end, the lab shows them by itself. A link keeps what is shown."
    ),
    "centre": (
        "Draws the colours about the mean of the weights instead of from 0, so that small "
        "differences are seen. Blue is then less than the mean, not less than 0."
    ),
    "png": (
        "The step, its scale and the paths as a picture for slides, twice as fine as on the page"
    ),
    "mp4": "All steps as they play, as a video for slides. It takes some seconds",
    "gif": "The same as an animation that repeats for ever",
    "svg": "The same as a drawing for print, which can be edited",
    "npz": "The numbers, for numpy.load. The key about says what each array is",
}
"""What the lab explains of itself, by the data-help of a node of assets/lab/lab.html."""


def lab_data(
    reading: Reading,
    mixed: Clip,
    *,
    is_signed: bool,
    beside: bool,
    forbidden: Sequence[Edge],
    lines: Sequence[str],
) -> dict[str, Any]:
    """All that assets/lab is sent of a shuffled clip, but what an answer to the visitor needs.

    `mixed` is the clip in the order that was read. `is_signed` says whether the matrix tells before
    from after by its sign, `beside` whether it is no step of its network. `forbidden` is what was
    asked for, even if no path is left without these edges. `lines` stand below every file.
    """
    unit = len(mixed) // len(reading.permutation)
    data = step_through(
        reading.matrix,
        reading.order,
        reading.permutation,
        [picture(frame, 240) for frame in enlarged(mixed.frames[::unit], 120)],
        is_signed,
    )
    numbers = export.npz(_numbers(reading, data["paths"], forbidden), "\n".join(lines))
    return data | {
        "lines": list(lines),
        "numbers": base64.b64encode(numbers).decode(),
        "forbidden": [list(edge) for edge in forbidden],
        "words": _words(reading, is_signed, beside),
        "word": "frame" if unit == 1 else "pair",
        "identifiable": reading.order.verdict != "unknown",
        "palette": LAB,
    }


def _words(reading: Reading, is_signed: bool, beside: bool) -> dict[str, Any]:
    """What the steps say."""
    kind = "attention" if reading.matrix.min() >= 0 else "alike"
    if is_signed:
        kind = "signed"
    how = f"beyond {EXACT_FRAMES} slots by a local search, perhaps not the best"
    if reading.order.exact:
        how = "found exactly"
    goal = f"Wanted: the heaviest path through all slots, {how}."
    words = dict(WORDS[kind])
    if beside:
        words["matrix"] = BESIDE
    tie = TIE if reading.order.ties_backwards else ""
    return {**words, "goal": goal, "tie": tie, "paths": PATHS, "help": LAB_HELP}


def _numbers(
    reading: Reading, paths: list[dict[str, Any]], forbidden: Sequence[Edge]
) -> export.Numbers:
    """What the lab shows, for an NPZ. Slots and frames count from 0, as in core."""
    order, permutation = reading.order, reading.permutation
    none = [-1] * len(permutation)
    return {
        "matrix": (reading.matrix, "(T, T) weight of the edge from slot (row) to slot (column)"),
        "permutation": (np.array(permutation), "(T,) the frame in each slot, from 0"),
        "path": (np.array(order.path), "(T,) slots in recovered order, from 0"),
        "paths": (
            np.array([path["path"] or none for path in paths]),
            "(P, T) the paths compared, -1 where there is none",
        ),
        "path_names": (np.array([path["name"] for path in paths]), "(P,) how each was found"),
        "path_weights": (
            np.array([path.get("weight", np.nan) for path in paths]),
            "(P,) sum of the edges along each",
        ),
        "path_order_accuracy": (
            np.array([path.get("accuracy", np.nan) for path in paths]),
            "(P,) OrderAcc in percent; says nothing where the verdict is unknown",
        ),
        "forbidden": (
            np.array(forbidden, int).reshape(-1, 2),
            "(n, 2) forbidden edges, from slot to slot",
        ),
        "verdict": (np.array(order.verdict), "known, up_to_direction or unknown"),
    }


def verdict_meaning(reading: Reading) -> str:
    """The verdict in a sentence, with its reason where that is known."""
    order, repeated = reading.order, reading.repeated
    meaning = VERDICTS[order.verdict][1]
    if order.ties_backwards and order.verdict != "unknown":
        meaning = f"{TIE} Nothing in it says which of the two comes first in time."
    if repeated:
        t, u = repeated[0]
        others = f", and {len(repeated) - 1} more pairs do" if len(repeated) > 1 else ""
        meaning = (
            f"Slots {t + 1} and {u + 1} show the same picture{others}: nothing can tell "
            "which of them came first."
        )
    elif order.verdict == "up_to_direction" and reading.domain and not reading.domain.inside:
        meaning = (
            f"{OUTSIDE[0].upper()}{OUTSIDE[1:]}, so which of the order's ends comes first is not "
            "called known, whatever the margin."
        )
    elif order.verdict == "up_to_direction" and reading.is_reversible:
        assert reading.domain is not None
        meaning = (
            f"It sees the stroke *{reading.domain.label}*, which is another stroke backwards: of "
            "such clips no margin told which end comes first."
        )
    elif order.runner_up_path == order.path:
        meaning = "One path alone is left: there is no other to compare it with."
    if order.forbidden:
        edges = "edge" if len(order.forbidden) == 1 else "edges"
        meaning += f" This is the order without {len(order.forbidden)} forbidden {edges}."
    return meaning


def verdict_figures(reading: Reading) -> list[tuple[str, str]]:
    """How right the order is, one way and the other, and the two margins: names and values."""
    order = reading.order
    one_way, other_way, other = "frames in order", "either direction", reading.either_way
    frames = len(reading.permutation)
    if frames <= MOST_FRAMES:
        one_way += f" (guessing {chance_accuracy(frames):.1f})"
        other_way += f" (guessing {chance_accuracy(frames, either_way=True):.1f})"
    if order.ties_backwards:
        one_way, other_way, other = "in order one way", "the other way", reading.backwards
    is_known = order.verdict != "unknown"
    least = "not calibrated"
    if reading.calibrated:
        least = f"at least {max(reading.threshold, UNKNOWN_MARGIN):.3f}"
    elif reading.is_reversible or (reading.domain and not reading.domain.inside):
        least = "no margin is enough here"
    return [
        (one_way, f"{reading.accuracy:.1f} %" if is_known else "—"),
        (other_way, f"{other:.1f} %" if is_known else "—"),
        (f"lead (at least {UNKNOWN_MARGIN})", f"{order.order_margin:.4f}"),
        (f"lead over its reverse ({least})", number(order.direction_margin, ".3f")),
    ]

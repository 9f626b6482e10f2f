"""The shuffle lab: the ways to shuffle, the step-through component, and the edges that are
forbidden. All of it is in the address.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import streamlit as st

from assets import ASSETS
from core.draw import export
from core.draw.steps import step_through
from core.draw.style import picture
from core.errors import BadInput
from core.order import EXACT_FRAMES, UNKNOWN_MARGIN, Edge, Order, order_accuracy, reversal_accuracy
from core.order.shuffle import HOW, How, order_text, parse_order, permutation
from pages.parts.show import HELP, NOT_AN_EXPLANATION, VERDICTS, plain
from pages.parts.viewer import bundle

FOLDER = ASSETS / "lab"
MODULES = (
    "../download/save",
    "../download/vector",
    "geometry",
    "paint",
    "strip",
    "keep",
    "lab",
)  # in the order of their imports
TITLES: dict[How, str] = {
    "seed": "Seed",
    "swaps": "Swaps",
    "reversed": "Reversed",
    "hand": "By hand",
}
MOST_SWAPS = 99
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
PATHS = {
    "Exact optimum": (
        "The heaviest of all paths that visit every slot once, found exactly (Held-Karp)."
    ),
    "Best path found": (
        f"More than {EXACT_FRAMES} slots: the best that a local search finds from greedy paths and "
        "from a ranking of the slots. Perhaps not the optimum."
    ),
    "Runner-up": "The second heaviest path. What it lacks is the margin.",
    "Greedy path": "Always the heaviest edge to a slot not yet visited, from each slot in turn; "
    "the heaviest of these paths.",
    "Best path backwards": "The best path the other way round, over forbidden edges too. What it "
    "lacks is the direction margin.",
}


def mixing(frames: int) -> tuple[int, ...]:
    """Draw the controls that say how the frames are shuffled. Returns the frame in each slot."""
    row = st.columns(
        [3.4, 1.5, 1.5, 2.62], vertical_alignment="bottom"
    )  # the edges of the row below, which has one gap more
    how: How = row[0].segmented_control(
        "Shuffle",
        HOW,
        format_func=TITLES.get,
        default="seed",
        required=True,
        key="how",
        on_change=_by_hand,
        bind="query-params",
        help=HELP["shuffle"],
    )
    seed = row[1].number_input(
        "Shuffle seed",
        0,
        10**9,
        0,
        key="shuffle",
        bind="query-params",
        disabled=how not in ("seed", "swaps"),
        help="The same seed always gives the same order.",
    )
    swaps = row[2].number_input(
        "Swaps",
        0,
        MOST_SWAPS,
        2,
        key="swaps",
        bind="query-params",
        disabled=how != "swaps",
        help="So many times two frames, drawn by the seed, change places.",
    )
    written = row[3].text_input(
        "Order by hand (from 0)",
        key="order",
        bind="query-params",
        disabled=how != "hand",
        placeholder="3,1,0,2",
        help=(
            "The frame in each slot, counted from 0, as in a link and on the command line; the "
            "strip counts from 1. Dragging frames in the strip writes it here."
        ),
    )
    try:
        order = permutation(
            frames,
            how,
            seed=int(seed),
            swaps=int(swaps),
            order=parse_order(written) if how == "hand" else (),
        )
    except BadInput as error:
        st.warning(
            f"{error}. The order of seed {int(seed)} is shown instead.", icon=":material/shuffle:"
        )
        order = permutation(frames, seed=int(seed))
    st.session_state["shown_order"] = order
    return order


def _by_hand() -> None:
    """An order made by hand begins as the one that is shown."""
    if st.session_state["how"] == "hand" and not st.session_state["order"]:
        st.session_state["order"] = order_text(st.session_state["shown_order"])


def _edge_text(edge: Edge) -> str:
    """An edge as it is shown and linked to, slots counted from 1: `5→1`."""
    return f"{edge[0] + 1}→{edge[1] + 1}"


def forbidding(slots: int) -> tuple[Edge, ...]:
    """Draw the list of forbidden edges, to which any can be added. Returns them."""
    edges = {_edge_text((t, u)): (t, u) for t in range(slots) for u in range(slots) if t != u}
    wanted = st.session_state.get("without", [])
    if any(edge not in edges for edge in wanted):  # the clip had more frames before
        st.session_state["without"] = [edge for edge in wanted if edge in edges]
    chosen = st.multiselect(
        "Forbidden edges",
        list(edges),
        key="without",
        bind="query-params",
        help=HELP["forbidden"],
        placeholder="none: choose one, or click it above",
    )
    return tuple(edges[edge] for edge in chosen)


def _wanted() -> None:
    """Take what was done in the component: a new order, or other forbidden edges."""
    wanted = st.session_state["lab"].get("wanted") or {}
    if wanted.get("order"):
        st.session_state.update(
            how="hand", order=order_text([int(frame) for frame in wanted["order"]])
        )
    if "forbidden" in wanted:
        st.session_state["without"] = [_edge_text((int(t), int(u))) for t, u in wanted["forbidden"]]


@cache
def _component():
    page, style = ((FOLDER / name).read_text(encoding="utf-8") for name in ("lab.html", "lab.css"))
    return st.components.v2.component(
        "shuffle_lab", html=page, css=style, js=bundle(MODULES, FOLDER), isolate_styles=False
    )


def lab(
    matrix: np.ndarray,
    found: Order,
    order: Sequence[int],
    frames: np.ndarray,
    forbidden: Sequence[Edge],
    kind: str,
    unit: int,
    source: str,
) -> None:
    """The strip, the step-through, the paths compared, and files of it. `frames` are (T, H, W, 3),
    one a slot; `kind` is a key of WORDS; `source` is the line that says of which weights and which
    clip this is.

    `forbidden` is what was asked for, also where no path is left and `found` had to use these edges
    all the same.
    """
    data: dict[str, Any] = step_through(
        matrix, found, order, [picture(frame, 240) for frame in frames]
    )
    how = (
        "found exactly"
        if found.exact
        else f"beyond {EXACT_FRAMES} slots by a local search, perhaps not the best"
    )
    words = WORDS[kind] | {
        "goal": f"Wanted: the heaviest path through all slots, {how}.",
        "paths": PATHS,
    }
    answers = ((st.session_state.get("lab") or {}).get("wanted") or {}).get("n", 0)
    lines = [plain(source), NOT_AN_EXPLANATION]
    numbers = export.npz(_numbers(matrix, found, order, forbidden, data), "\n".join(lines))
    data |= {"lines": lines, "numbers": base64.b64encode(numbers).decode()}
    data |= {
        "forbidden": [list(edge) for edge in forbidden],
        "words": words,
        "word": "frame" if unit == 1 else "pair",
        "identifiable": found.verdict != "unknown",
        "answers": answers,
    }
    _component()(key="lab", data=data, on_wanted_change=_wanted)


def _numbers(
    matrix: np.ndarray,
    found: Order,
    order: Sequence[int],
    forbidden: Sequence[Edge],
    data: dict[str, Any],
) -> dict[str, tuple[np.ndarray, str]]:
    """What the lab shows, for an NPZ. Slots and frames count from 0, as in core."""
    paths = data["paths"]
    none = [-1] * len(order)
    return {
        "matrix": (matrix, "(T, T) weight of the edge from slot (row) to slot (column)"),
        "permutation": (np.array(order), "(T,) the frame in each slot, from 0"),
        "path": (np.array(found.path), "(T,) slots in recovered order, from 0"),
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
        "verdict": (np.array(found.verdict), "known, up_to_direction or unknown"),
    }


def verdict(
    found: Order, order: Sequence[int], threshold: float | None, repeated: Sequence[Edge]
) -> None:
    """How sure the order is, as a sentence; how right, and the margins with what they are judged by
    (None: nobody calibrated it).
    """
    title, meaning = VERDICTS[found.verdict]
    if repeated:
        t, u = repeated[0]
        others = f", and {len(repeated) - 1} more pairs do" if len(repeated) > 1 else ""
        meaning = (
            f"Slots {t + 1} and {u + 1} show the same picture{others}: nothing can tell "
            "which of them came first."
        )
    elif found.runner_up_path == found.path:
        meaning = "One path alone is left: there is no other to compare it with."
    if found.forbidden:
        meaning += (
            f" This is the order without {len(found.forbidden)} forbidden "
            f"edge{'s' * (len(found.forbidden) > 1)}."
        )
    st.info(f"**{title}.** {meaning}", icon=":material/gavel:")
    accuracy, either_way, margin, direction = st.columns([1, 1, 1.2, 1.6])
    known = found.verdict != "unknown"
    accuracy.metric(
        "OrderAcc",
        f"{order_accuracy(found.path, order):.1f} %" if known else "—",
        help=HELP["order_accuracy"],
    )
    either_way.metric(
        "either direction",
        f"{reversal_accuracy(found.path, order):.1f} %" if known else "—",
        help=HELP["reversal_accuracy"],
    )
    margin.metric(f"margin (at least {UNKNOWN_MARGIN})", f"{found.margin:.4f}", help=HELP["margin"])
    least = (
        "not calibrated" if threshold is None else f"at least {max(threshold, UNKNOWN_MARGIN):.3f}"
    )
    direction.metric(
        f"direction margin ({least})",
        f"{found.direction_margin:.3f}",
        help=HELP["direction_margin"],
    )

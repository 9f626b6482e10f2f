"""How the shipped checkpoints were trained and what was measured of them, from their cards."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from core.models import spec
from core.runs import METRICS
from core.weights import CHECKPOINTS
from pages.parts.show import HELP

_COLUMN = st.column_config
_MEASURED = {
    "rendered": "rendered clips",
    "real": "real clips",
    "real_odd_backgrounds": "real clips, held-out backgrounds",
    "real_raw": "real clips, attention not sharpened",
    "real_passes": "real clips, order from 16 passes",
}
_WEIGHTS = tuple(dict.fromkeys(metric.weight for metric in METRICS.values() if metric.weight))
_OF_SHUFFLED = tuple(metric.weight for metric in METRICS.values() if metric.shuffled)


def cards() -> dict[str, dict[str, Any]]:
    """The card of each shipped checkpoint, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(CHECKPOINTS.glob("*.json"))}


def draw() -> None:
    """Two tables: figures, and stages."""
    found = cards()
    if not found:
        st.info("No checkpoint is shipped yet; the one that you train first appears above.")
        return
    st.subheader(
        "What the shipped models reached",
        help=(
            "Measured when a checkpoint was shipped. AM Flow and VideoMAE were measured, trained "
            "further and measured again; DirecFormer's settings were chosen while looking at "
            "figures of real clips. No real clip was trained on."
        ),
    )
    st.dataframe(
        _figures(found),
        hide_index=True,
        width="stretch",
        key="measured",
        column_config={
            "Top-1": _COLUMN.NumberColumn(
                format="%.1f %%",
                help="Share of clips whose most probable class is the right one. Guessing: 10 %.",
            ),
            "OrderAcc": _COLUMN.NumberColumn(format="%.1f %%", help=HELP["order_accuracy"]),
            "either direction": _COLUMN.NumberColumn(
                format="%.1f %%", help=HELP["reversal_accuracy"]
            ),
            "directed strokes": _COLUMN.NumberColumn(
                format="%.1f %%",
                help="OrderAcc over the strokes that differ from their reverse: "
                "circle, square, star, tick, delete and carret.",
            ),
            "measured on": _COLUMN.TextColumn(
                help=(
                    "Real clips show other hands and rooms than any rendered one. *Held-out "
                    "backgrounds*: those with odd numbers, set aside while choices were to be made "
                    "on the others. DirecFormer's were made while looking at figures of both. *Not "
                    "sharpened*: the order is read from the attention itself, exactly as in the "
                    "paper."
                )
            ),
            "hours": _COLUMN.NumberColumn(
                format="%.1f", help="Training time on one or two CPU cores, as its card says."
            ),
        },
    )
    name = st.pills(
        "Stages of",
        list(found),
        format_func=lambda n: spec(found[n]["model"]).title,
        default=next(iter(found)),
        required=True,
        key="history",
        help="A checkpoint is trained in stages, each starting from the weights of the one before.",
    )
    st.dataframe(
        _stages(found[name]),
        hide_index=True,
        width="stretch",
        key="stages",
        column_config={
            "clips": _COLUMN.NumberColumn(
                format="localized", help="Rendered clips that the stage trained on."
            ),
            "learning rate": _COLUMN.NumberColumn(
                format="%.0e", help="Largest step of the optimiser."
            ),
            "shuffled": _COLUMN.NumberColumn(
                format="percent",
                help="Share of the clips that were also seen shuffled, to learn their order.",
            ),
            "losses and their weights": _COLUMN.TextColumn(
                width="large",
                help="**classify**: the gesture. **order**: the permutation. "
                "**directed**: the attention tells before from after. **rank**, **pairs**, "
                "**fingertip**: side tasks.",
            ),
            "drawn more often": _COLUMN.TextColumn(
                help="Strokes that are hard to put in order are shown more often than the others."
            ),
            "hard to see": _COLUMN.TextColumn(
                help="Share of the clips with a hand of the background's colour, a dim room, "
                "light from behind, "
                "a moving camera or colours that change, where it is not the usual one."
            ),
            "in any order": _COLUMN.NumberColumn(
                format="percent",
                help="Share of the shuffled clips whose order is none of the set that "
                "**order** names, so that no set is learned by heart.",
            ),
            "starts from": _COLUMN.TextColumn(
                width="medium", help="Weights that the stage began with."
            ),
        },
    )


def _figures(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for card in found.values():
        measured = card.get("measured", {})
        for key, kind in _MEASURED.items():
            if key in measured and (key != "real_raw" or card.get("sharpness")):
                m = measured[key]
                rows.append(
                    {
                        "model": spec(card["model"]).title,
                        "measured on": f"{m['clips']} {kind}",
                        "Top-1": 100 * m["top1"],
                        "OrderAcc": m["order_accuracy"],
                        "either direction": m["reversal_accuracy"],
                        "directed strokes": m.get("order_accuracy_directed"),
                        "hours": measured.get("training_hours"),
                    }
                )
    return rows


def _stages(card: dict[str, Any]) -> list[dict[str, Any]]:
    stages = card.get("recipe", {}).get("stages", [])
    emphasis, odds, any_order = (
        any(s.get(key) for s in stages) for key in ("emphasis", "odds", "any_order")
    )
    return [
        {
            "stage": i,
            "recipe": s.get("name"),
            "clips": s.get("clips"),
            "learning rate": s.get("lr"),
            "shuffled": s.get("shuffled")
            if any(s.get(k) for k in _OF_SHUFFLED)
            else 0.0,  # no loss, no shuffled clip
            "losses and their weights": ", ".join(f"{k} {s[k]:g}" for k in _WEIGHTS if s.get(k)),
            **(
                {"drawn more often": s.get("emphasis", "").replace("=", " x ").replace(",", ", ")}
                if emphasis
                else {}
            ),
            **(
                {
                    "hard to see": s.get("odds", "")
                    .replace("_", " ")
                    .replace("=", " ")
                    .replace(",", ", ")
                }
                if odds
                else {}
            ),
            **({"in any order": s.get("any_order", 0.0)} if any_order else {}),
            "starts from": _start(s, i),
            "seed": s.get("seed"),
        }
        for i, s in enumerate(stages, 1)
    ]


def _start(stage: dict[str, Any], number: int) -> str:
    """What a stage began with: a later one with the weights of the one before, whatever their file
    was called.
    """
    init = stage.get("init") or ""
    if init.endswith(".safetensors"):
        init = (
            "the still stage"
            if init == "stills.safetensors"
            else "the stage before"
            if number > 1
            else init
        )
    if not init:
        init = (
            f"a still stage of {stage['stills_clips']:,} clips"
            if stage.get("stills_clips")
            else "random weights"
        )
    return f"{init}; {stage['after']}" if stage.get("after") else init

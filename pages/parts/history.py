"""How the shipped checkpoints were trained and what was measured of them, from their cards."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from assets import ASSETS
from core.errors import BadInput
from core.runs import METRICS, VIDEO, State
from core.weights import CHECKPOINTS, shipped_title
from core.weights.files import listed_sums, shipped_card
from pages.parts import curves
from pages.parts.runs import Run
from pages.parts.show import HELP
from pages.parts.words import message

RESULTS = ASSETS / "results"
METRICS_FOLDER = ASSETS / "metrics"
"""The reports of the shipped models' last runs, thinned, as `publish` keeps them."""
_COLUMN = st.column_config
_MEASURED = {
    "rendered": "rendered clips",
    "rendered_front": "rendered clips, seen from the front",
    "real": "real clips",
    "real_odd_backgrounds": "real clips, held-out backgrounds",
    "real_raw": "real clips, attention not sharpened",
    "real_passes": "real clips, order from 16 passes",
    "real_front": "real clips, seen from the front",
}
_ASKED = ("real", "rendered")  # clips whose verdicts `training readings` counts
_WEIGHTS = tuple(dict.fromkeys(metric.weight for metric in METRICS.values() if metric.weight))
_OF_SHUFFLED = tuple(metric.weight for metric in METRICS.values() if metric.shuffled)
_FIGURES = {
    "Top-1": _COLUMN.NumberColumn(
        format="%.1f %%",
        help="Share of clips whose most probable class is the right one. Guessing: 10 %.",
    ),
    "OrderAcc": _COLUMN.NumberColumn(format="%.1f %%", help=HELP["order_accuracy"]),
    "either direction": _COLUMN.NumberColumn(format="%.1f %%", help=HELP["reversal_accuracy"]),
    "directed strokes": _COLUMN.NumberColumn(
        format="%.1f %%",
        help="OrderAcc over the strokes that differ from their reverse: "
        "circle, square, star, tick, delete and carret.",
    ),
    "measured on": _COLUMN.TextColumn(
        help="Real clips show other hands and rooms than any rendered one. *Held-out "
        "backgrounds*: those with odd numbers, set aside while choices were to be made on the "
        "others; but the renderer, and DirecFormer's settings, were chosen while looking at both. "
        "*Not sharpened*: the order is read from the attention itself, exactly as in the paper."
    ),
    "hours": _COLUMN.NumberColumn(
        format="%.1f", help="Training time on one or two CPU cores, as its card says."
    ),
}
_STAGES = {
    "clips": _COLUMN.NumberColumn(
        format="localized", help="Rendered clips that the stage trained on."
    ),
    "learning rate": _COLUMN.NumberColumn(format="%.0e", help="Largest step of the optimiser."),
    "shuffled": _COLUMN.NumberColumn(
        format="percent",
        help="Share of the clips that were also seen shuffled, to learn their order.",
    ),
    "losses and their weights": _COLUMN.TextColumn(
        width="large",
        help="**classify**: the gesture. **order**: the permutation. **directed**: the attention "
        "tells before from after. **rank**, **pairs**, **fingertip**: side tasks.",
    ),
    "drawn more often": _COLUMN.TextColumn(
        help="Strokes that are hard to put in order are shown more often than the others."
    ),
    "hard to see": _COLUMN.TextColumn(
        help="Share of the clips with a hand of the background's colour, a dim room, light from "
        "behind, a moving camera or colours that change, where it is not the usual one."
    ),
    "from the front": _COLUMN.NumberColumn(
        format="percent",
        help="Share of the clips that are seen as a webcam sees a person who faces it.",
    ),
    "in any order": _COLUMN.NumberColumn(
        format="percent",
        help="Share of the shuffled clips whose order is none of the set that **order** names, so "
        "that no set is learned by heart.",
    ),
    "starts from": _COLUMN.TextColumn(width="medium", help="Weights that the stage began with."),
}
_VERDICTS = {
    "called": _COLUMN.NumberColumn(
        width="small",
        help="Shuffles whose order was called *Direction known*: it beats its own reverse by the "
        "card’s margin, the clip looks like training, and its stroke is not another one backwards.",
    ),
    "right": _COLUMN.NumberColumn(
        width="small",
        help="Of these, those whose order fits the truth at least as well as its reverse does.",
    ),
}
Row = dict[str, Any]


@cache
def measured(name: str) -> dict[str, Any] | None:
    """A file of assets/results, or None where it was not made."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def cards() -> dict[str, dict[str, Any]]:
    """The card of each shipped checkpoint by name, but for those that are damaged."""
    return intact_and_damaged()[0]


def intact_and_damaged() -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The card of each shipped checkpoint by name, and a line for each that is damaged."""
    intact, damaged = {}, []
    for path in sorted(CHECKPOINTS.glob("*.json")):
        try:
            intact[path.stem] = asdict(shipped_card(path))
        except BadInput as error:
            damaged.append(str(error))
    return intact, damaged


def draw() -> None:
    """Two tables: figures, and stages."""
    shipped, damaged = intact_and_damaged()
    for line in damaged:
        st.warning(message(line), icon=":material/error:")
    if not shipped:
        st.info("No checkpoint is shipped yet; the one that you train first appears above.")
        return
    st.subheader(
        "What the shipped models reached",
        help="Measured when a checkpoint was shipped. All were measured, trained "
        "further and measured again but DirecFormer C-C, which was trained from DirecFormer once; "
        "DirecFormer's settings were chosen while looking at figures "
        "of real clips. No real clip was trained on.",
    )
    st.dataframe(
        _figures(shipped),
        hide_index=True,
        width="stretch",
        key="measured",
        column_config=_FIGURES,
    )
    name = st.pills(
        "Stages of",
        list(shipped),
        format_func=shipped_title,
        default=next(iter(shipped)),
        required=True,
        key="history",
        help="A checkpoint is trained in stages, each starting from the weights of the one before.",
    )
    st.dataframe(
        _stages(shipped[name]),
        hide_index=True,
        width="stretch",
        key="stages",
        column_config=_STAGES,
    )
    _reliability(name)
    _curves(name)


def _reliability(name: str) -> None:
    """How often the verdict on an order was called and right, where these weights were asked."""
    rows = verdicts(name)
    if rows:
        st.markdown("**How often “Direction known” was called, and right**")
        columns = {f"{data}: {key}": _VERDICTS[key] for data in _ASKED for key in _VERDICTS}
        st.dataframe(rows, hide_index=True, width="stretch", key="verdicts", column_config=columns)


def verdicts(name: str) -> list[Row]:
    """A row a stroke: shuffles, and how many of them were called known and rightly so.

    Empty for weights that `training readings` was not made with, or that never call it known.
    """
    weights = listed_sums(CHECKPOINTS).get(f"{name}.safetensors", "")[:8]
    models = (measured("readings") or {"models": []})["models"]
    asked: Row = next((each for each in models if each["weights"] == weights), {})
    data = [key for key in _ASKED if key in asked]
    if not any(asked[key]["verdict"]["all"]["called"] for key in data):
        return []
    rows = []
    for stroke in asked[data[0]]["verdict"]:
        row: Row = {"stroke": stroke}
        for key in data:
            counts = asked[key]["verdict"][stroke]
            row |= {f"{key}: {what}": counts[what] for what in ("shuffles", *_VERDICTS)}
        rows.append(row)
    return rows


def metrics_file(name: str) -> Path:
    """Where the rows of a shipped model's last stage are, if they were kept."""
    return METRICS_FOLDER / f"{name}.jsonl"


def _curves(name: str) -> None:
    """What the run of a shipped model reported, where that was kept."""
    file = metrics_file(name)
    if not file.exists():
        st.caption(
            "The curves of this model’s training were not kept. They are kept from now on, when a "
            "run is published."
        )
        return
    rows = tuple(json.loads(line) for line in file.read_text().splitlines())
    run = Run(file.with_suffix(""), {"name": name}, State.FINISHED, rows, None, "")
    curves.legend(curves.colours([run]), VIDEO)
    curves.draw([run], VIDEO, named="shipped")


def _figures(shipped: dict[str, dict[str, Any]]) -> list[Row]:
    """A row for each kind of clips that a model was measured on."""
    rows = []
    for name, card in shipped.items():
        measured = card.get("measured", {})
        for key, kind in _MEASURED.items():
            is_another = key != "real_raw" or card.get("sharpness")  # than the row above
            if key in measured and is_another:
                figures = measured[key]
                rows.append(
                    {
                        "model": shipped_title(name),
                        "measured on": f"{figures['clips']} {kind}",
                        "Top-1": 100 * figures["top1"],
                        "OrderAcc": figures["order_accuracy"],
                        "either direction": figures["reversal_accuracy"],
                        "directed strokes": figures.get("order_accuracy_directed"),
                        "hours": measured.get("training_hours"),
                    }
                )
    return rows


def _stages(card: dict[str, Any]) -> list[Row]:
    """A row for each stage; columns that no stage of the model needs are left out."""
    stages = card.get("recipe", {}).get("stages", [])
    rows = []
    for number, stage in enumerate(stages, 1):
        sees_shuffled = any(stage.get(key) for key in _OF_SHUFFLED)  # no loss, no shuffled clip
        row: Row = {
            "stage": number,
            "recipe": stage.get("name"),
            "clips": stage.get("clips"),
            "learning rate": stage.get("lr"),
            "shuffled": stage.get("shuffled") if sees_shuffled else 0.0,
            "losses and their weights": _weights(stage),
        }
        if any(other.get("emphasis") for other in stages):
            emphasis = stage.get("emphasis", "")
            row["drawn more often"] = emphasis.replace("=", " x ").replace(",", ", ")
        if any(other.get("odds") for other in stages):
            odds = stage.get("odds", "").replace("_", " ")
            row["hard to see"] = odds.replace("=", " ").replace(",", ", ")
        if any(other.get("front") for other in stages):
            row["from the front"] = stage.get("front", 0.0)
        if any(other.get("any_order") for other in stages):
            row["in any order"] = stage.get("any_order", 0.0)
        rows.append(row | {"starts from": _start(stage, number), "seed": stage.get("seed")})
    return rows


def _weights(stage: dict[str, Any]) -> str:
    """The losses of a stage and their weights."""
    return ", ".join(f"{key} {stage[key]:g}" for key in _WEIGHTS if stage.get(key))


def _start(stage: dict[str, Any], number: int) -> str:
    """What a stage began with, and what was done by hand.

    A later one began with the weights of the one before, whatever their file was called.
    """
    init = stage.get("init") or ""
    if not init:
        stills = stage.get("stills_clips")
        words = f"a still stage of {stills:,} clips" if stills else "random weights"
    elif init == "stills.safetensors":
        words = "the still stage"
    elif init.endswith(".safetensors") and number > 1:
        words = "the stage before"
    else:
        words = init
    return f"{words}; {stage['after']}" if stage.get("after") else words

"""The papers' tables in miniature: which rows they have, and what each row trains.

What each row says is a difference between settings, so all rows of a table share model size
(MINIATURE, and for DirecFormer's more blocks), start, clips, batch and learning rate.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.errors import BadInput
from core.video import digest
from training.recipes import Recipe, recipe


@dataclass(frozen=True)
class Table:
    """One table: its rows are changes of one recipe."""

    title: str
    paper: str
    base: str  # name of a recipe
    # fields of the recipe; `settings` are added to the recipe's own
    rows: dict[str, dict[str, Any]]
    camera: bool = False  # measure clips under a moving and under a steady camera apart
    # read the order from the sharpened matrix too, as the app may (core.order.sharpened)
    sharpened: bool = False
    also: dict[str, Any] = field(default_factory=dict)  # for every row
    # shares of the clips; each stage begins where the last one ended, its learning rate anew
    stages: tuple[float, ...] = (1.0,)
    shown: tuple[str, ...] = ("top1",)  # figures that the table has in words

    def base_recipe(self) -> Recipe:
        """What all rows share: a model small enough for a laptop."""
        base = recipe(self.base)
        settings = base.settings | MINIATURE | self.also.get("settings", {})
        return replace(base, **self.also | {"settings": settings})

    def recipe(self, row: str, clips: int, seed: int, init: str, threads: int) -> Recipe:
        """What a row trains. With the same seed every row sees the same clips."""
        base, changes = self.base_recipe(), self.rows[row]
        settings = base.settings | changes.get("settings", {})
        run = {"clips": clips, "seed": seed, "init": init, "threads": threads}
        return replace(base, **changes | {"settings": settings} | run)

    def fingerprint(self) -> str:
        """16 hex digits that change with what any row trains."""
        usual = asdict(Recipe(model=""))
        rows = {}
        for row in self.rows:
            values = asdict(self.recipe(row, 1, 0, "", 1))
            rows[row] = {name: value for name, value in values.items() if value != usual[name]}
        stages = {"stages": self.stages} if len(self.stages) > 1 else {}
        return digest(rows | stages)


MINIATURE = {"size": 64, "width": 96, "depth": 5}
# Of DirecFormer's rows: finding the fingertip takes the first blocks, and order is learned in those
# after them.
_DEPTH = 8
_ORDER = {"order": 0.05, "permutations": "greedy_max"}
_SELF = {"directed": 6.0, "directed_from": _DEPTH - 1}
_NO_LOSS = {
    "order": 0.0,
    "directed": 0.0,
    "directed_from": 0,
    "pairs": 0.0,
    "rank": 0.0,
    "frozen": 0,
}
TABLES: dict[str, Table] = {
    "direcformer_table2": Table(
        "Order correction: kernel of the time attention and losses",
        "DirecFormer, Table 2",
        "direcformer_gesture",
        {
            "S-S": {"settings": {"time": "softmax"}},
            "S-S + L_ord": {"settings": {"time": "softmax"}} | _ORDER,
            "C-S": {},
            "C-S + L_ord": _ORDER,
            "C-S + L_ord + L_self": _ORDER | _SELF,
        },
        also=_NO_LOSS
        | {
            # L_self can ask nothing of the four strokes that are each other backwards, so they are
            # drawn a quarter as often.
            "emphasis": "left=0.25,right=0.25,up=0.25,down=0.25",
            "stills_clips": 320_000,
            "ordered": 0.34,
            "shuffled": 1.0,
            "any_order": 0.5,
            "lr": 4e-4,
            "settings": {"heads": 3, "depth": _DEPTH, "drop_path": 0.0},
        },
        sharpened=True,
        stages=(0.5, 0.2, 0.3),
        shown=(
            "top1",
            "order_accuracy",
            "order_accuracy_sharpened",
            "order_accuracy_directed_sharpened",
        ),
    ),
    "am_flow_table4": Table(
        "AM flow and the aligning encoder under camera motion",
        "AM Flow, Table 4",
        "am_flow_gesture",
        {
            "no AM flow": {"settings": {"flow": False}},
            "AM flow": {},
            "AM flow, aligned": {"settings": {"aligning": True}},
        },
        camera=True,
        also={"settings": {"heads": 3}},
    ),
    "far_table2": Table(
        "Attention patterns",
        "FAR, Table 2",
        "far_gesture",
        {
            name: {"settings": {"attention": name, "interaction": "none", "classifier": "mean"}}
            for name in ("global", "sd", "temporal", "hst", "hsda")
        },
        also={"settings": {"heads": 4}},
    ),
}
PROBE, FEW_SHOT = "motion_probe", "few_shot"
ASKED = ("am_flow_camera", "rvit_frame_maps")
"""No tables of the papers: all but FEW_SHOT, which teaches them new strokes, ask the shipped
models; ASKED are those of `training.asked`.
"""


def check_name(name: str) -> None:
    """Raises: BadInput for what is none of the tables."""
    names = [*TABLES, PROBE, FEW_SHOT, *ASKED]
    if name not in names:
        raise BadInput(f"table {name!r} is not known; choose one of {', '.join(names)}")

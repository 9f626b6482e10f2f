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
    stills: bool = True  # the rows' common start knows the fingertip, from a still stage
    # shipped weights whose trunk all rows start from, in their size, without their classifier
    trunk: str = ""
    part: str = ""  # of the trunk, what the names of its tensors begin with
    hand: bool = False  # measure how well attention finds the hand

    def base_recipe(self) -> Recipe:
        """What all rows share: a model small enough for a laptop, or that of the trunk."""
        base = recipe(self.base)
        small = {} if self.trunk else MINIATURE
        settings = base.settings | small | self.also.get("settings", {})
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
        start = {} if self.stills else {"start": [False, 0]}  # as the first files have it
        trunk = {"trunk": self.trunk + self.part} if self.trunk else {}
        return digest(rows | stages | start | trunk)


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
_SHUFFLED = {"ordered": 0.5, "shuffled": 1.0}
# What begins with a trained trunk needs fewer clips, and as large a rate as trained it.
_FROM_TRUNK: dict[str, Any] = {"stills_clips": 0, "lr": 5e-4, "warmup": 50, "workers": 0}
# From random weights: a small network, clips that are easy to see (they are measured on clips as
# hard as usual), and AM flow, which sees that something moves before anything is learned.
_FROM_NOTHING: dict[str, Any] = {
    "stills_clips": 0,
    "lr": 1e-3,
    "batch": 32,
    "warmup": 50,
    "odds": "same_colour=0,dim=0,backlit=0,moving=0",
    "settings": {"from_scratch": True, "depth": 3, "heads": 3},
}
# L_self can ask nothing of the four strokes that are each other backwards, so they are drawn a
# quarter as often.
_DIRECTED_STROKES = "left=0.25,right=0.25,up=0.25,down=0.25"
_OF_ORDER = (
    "top1",
    "order_accuracy",
    "order_accuracy_sharpened",
    "order_accuracy_directed_sharpened",
)
_PLAIN = {"interaction": "none", "classifier": "mean"}
_PATTERNS: dict[str, dict[str, Any]] = {
    name: {"settings": {"attention": name} | _PLAIN}
    for name in ("global", "sd", "temporal", "hst", "hsda")
}
_SIDE = {"pairs": 3.0, "rank": 1.0}


def _losses(kernels: str) -> dict[str, dict[str, Any]]:
    """Rows of DirecFormer by kernels, time first, as C-S: no loss of order, L_ord, and both."""
    names = {"S": "softmax", "C": "cosine"}
    time, space = (names[letter] for letter in kernels.split("-"))
    settings = {"settings": {"time": time, "space": space}}
    rows = {"": {}, " + L_ord": _ORDER, " + L_ord + L_self": _ORDER | _SELF}
    return {f"{kernels}{name}": settings | losses for name, losses in rows.items()}


def _kernels_and_losses() -> dict[str, dict[str, Any]]:
    """The rows of DirecFormer's Tables 1 and 2; no softmax is below 0 as L_self wants."""
    rows = {
        name: row
        for kernels in ("S-S", "S-C", "C-S", "C-C")
        for name, row in _losses(kernels).items()
    }
    return {name: row for name, row in rows.items() if name[0] == "C" or "L_self" not in name}


def _hsda(**settings: Any) -> dict[str, Any]:
    return {"settings": {"classifier": "group"} | settings}


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
            "emphasis": _DIRECTED_STROKES,
            "stills_clips": 320_000,
            "ordered": 0.34,
            "shuffled": 1.0,
            "any_order": 0.5,
            "lr": 4e-4,
            "settings": {"heads": 3, "depth": _DEPTH, "drop_path": 0.0},
        },
        sharpened=True,
        stages=(0.5, 0.2, 0.3),
        shown=_OF_ORDER,
    ),
    "direcformer_table1": Table(
        "Kernels and losses",
        "DirecFormer, Tables 1 and 2",
        "direcformer_gesture",
        _kernels_and_losses(),
        also=_NO_LOSS
        | _FROM_TRUNK
        | _SHUFFLED
        | {"emphasis": _DIRECTED_STROKES, "settings": {"drop_path": 0.0}},
        sharpened=True,
        shown=_OF_ORDER,
        stills=False,
        trunk="timesformer",
    ),
    "order_side_tasks": Table(
        "Order from the side tasks alone",
        "DirecFormer, beside its tables",
        "direcformer_gesture",
        {
            "TimeSformer + pairs + rank": {"model": "timesformer"} | _SIDE,
            "DirecFormer + pairs + rank": _SIDE,
            "TimeSformer": {"model": "timesformer"},
            "DirecFormer": {},
        },
        also=_NO_LOSS | _FROM_TRUNK | _SHUFFLED | {"settings": {"drop_path": 0.0}},
        sharpened=True,
        shown=_OF_ORDER,
        stills=False,
        trunk="timesformer",
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
    "am_flow_adapters": Table(
        "Adapters with weights of their own, or made by a shared hypernetwork",
        "AM Flow, Table 4",
        "am_flow_gesture",
        {
            "AM flow, aligned": {},
            "AM flow, aligned, hyperformer": {"settings": {"adapter": "hyperformer"}},
        },
        also={"stills_clips": 0, "warmup": 50, "workers": 0, "settings": {"aligning": True}},
        stills=False,
        trunk="am_flow",
        part="vit.",  # the frozen image model: adapters are new, and so is all behind them
    ),
    "far_table2": Table(
        "Attention patterns, from a model of still pictures",
        "FAR, Table 2",
        "far_gesture",
        _PATTERNS,
        also={"settings": {"heads": 4}},
    ),
    "far_tables": Table(
        "Attention patterns, interaction, classifier and ratio, from trained global attention",
        "FAR, Tables 2 to 6",
        "far_gesture",
        _PATTERNS
        | {
            "interaction": _hsda(classifier="mean"),
            "interaction, one group": _hsda(classifier="mean", interaction_groups=False),
            "FAR": _hsda(),
            # as near to the paper's ratios as four heads can be split
            "3:1 for 2:1": _hsda(ratio="3:1"),
            "1:3 for 1:2": _hsda(ratio="1:3"),
            "after attention": _hsda(interaction="after"),
            "after the MLP": _hsda(interaction="mlp"),
        },
        also=_FROM_TRUNK,
        stills=False,
        trunk="videomae",
    ),
    "supervision": Table(
        "With and without being told where the hand is",
        "AM Flow, beside its tables",
        "am_flow_gesture",
        {"told where the hand is": {}, "never told": {"fingertip": 0.0}},
        also=_FROM_NOTHING,
        stills=False,
        hand=True,
        shown=("top1", "hand_auc"),
    ),
}
PROBE, FEW_SHOT = "motion_probe", "few_shot"
ASKED = ("am_flow_camera", "rvit_frame_maps", "gradcam_places")
"""No tables of the papers: all but FEW_SHOT, which teaches them new strokes, ask the shipped
models; ASKED are those of `training.asked`.
"""


def check_name(name: str) -> None:
    """Raises: BadInput for what is none of the tables."""
    names = [*TABLES, PROBE, FEW_SHOT, *ASKED]
    if name not in names:
        raise BadInput(f"table {name!r} is not known; choose one of {', '.join(names)}")

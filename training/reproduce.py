"""The papers' tables in miniature: every row trained with the same budget on rendered clips, with
several seeds.

    python -m training reproduce direcformer_table2 --out runs/table2

What each row says is a difference between settings, so all rows of a table share model size
(MINIATURE, and for DirecFormer's more blocks), start, clips, batch and learning rate.
`motion_probe` trains nothing: it asks the shipped models. Results go to OUT/results.json as they
come; a row that is there is not trained again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from core.errors import BadInput
from core.explain.compare import PROBES, motion_probe
from core.runs import write_atomically
from core.video import digest
from core.weights import Card, Model, embedded, file_hash, load, load_checkpoint
from core.world.gestures import LABELS, render, rendered_clip
from training.evaluate import Sample, check_folder, folder_clips, measure, rendered_clips, summarise
from training.fit import fit
from training.losses import SHARPNESS
from training.recipes import Recipe, recipe

Figures = dict[str, float]
_OF_ORDER = ("order_accuracy", "reversal_accuracy", "order_accuracy_directed")
_FIGURES = ("top1", *_OF_ORDER)
_CAMERA_SEED = 930_000_000_000_000
_OTHER_CLIPS = 1000  # from one stage's seed to the next
_FAST, _STEADY = (
    0.08,
    0.03,
)  # how far the camera moves, in widths of the frame: a tenth and a half of all clips


@dataclass(frozen=True)
class Table:
    """One table: its rows are changes of one recipe."""

    title: str
    paper: str
    base: str  # name of a recipe
    rows: dict[
        str, dict[str, Any]
    ]  # fields of the recipe; `settings` are added to the recipe's own
    camera: bool = False  # measure clips under a moving and under a steady camera apart
    sharpened: bool = (
        False  # read the order from the sharpened matrix too, as the app may (core.order.sharpened)
    )
    also: dict[str, Any] = field(default_factory=dict)  # for every row
    stages: tuple[float, ...] = (
        1.0,
    )  # shares of the clips; each stage begins where the last one ended, its learning rate anew

    def base_recipe(self) -> Recipe:
        """What all rows share: a model small enough for a laptop."""
        base = recipe(self.base)
        also = self.also | {"settings": base.settings | MINIATURE | self.also.get("settings", {})}
        return replace(base, **also)

    def recipe(self, row: str, clips: int, seed: int, init: str, threads: int) -> Recipe:
        """What a row trains. With the same seed every row sees the same clips."""
        base, changes = self.base_recipe(), self.rows[row]
        settings = base.settings | changes.get("settings", {})
        return replace(
            base,
            **changes
            | {
                "settings": settings,
                "clips": clips,
                "seed": seed,
                "init": init,
                "threads": threads,
            },
        )

    def fingerprint(self) -> str:
        """16 hex digits that change with what any row trains."""
        usual = asdict(Recipe(model=""))
        made = {row: asdict(self.recipe(row, 1, 0, "", 1)) for row in self.rows}
        rows = {
            row: {k: v for k, v in fields.items() if v != usual[k]} for row, fields in made.items()
        }
        return digest(rows | ({"stages": self.stages} if len(self.stages) > 1 else {}))


MINIATURE = {"size": 64, "width": 96, "depth": 5}
# of DirecFormer's rows: finding the fingertip takes the first blocks, and order is learned in those
# after them
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
PROBE = "motion_probe"


def reproduce(
    name: str,
    out: Path,
    *,
    seeds: int,
    clips: int,
    test_clips: int,
    init: str = "",
    real: Path | None = None,
    threads: int = 2,
) -> Path:
    """Train and measure what OUT/results.json does not hold yet; returns its path.

    Args:
        seeds: runs of each row, seeds 0, 1, ...
        clips: rendered clips that each run sees.
        test_clips: rendered clips, and their seeds the same for all, that each run is measured on.
        init: a still stage's weights that every run starts from; "" trains one for the table first.
        real: a folder DIR/<label>/<clip> of real clips to report on beside.

    Raises: BadInput for an unknown table, a budget that is not positive, a start that is not there,
    or a folder that holds results of another budget, start, recipe or set of real clips.
    """
    if name != PROBE and name not in TABLES:
        raise BadInput(f"table {name!r} is not known; choose one of {', '.join([*TABLES, PROBE])}")
    if min(seeds, clips, test_clips) < 1:
        raise BadInput("--seeds, --clips and --test-clips must be 1 or more")
    path = out / "results.json"
    if real is not None:
        check_folder(real)
    about: dict[str, Any] = {
        "table": name,
        "test_clips": test_clips,
        "real": real is not None,
        "renderer": renderer(),
    }
    if real is not None:
        about["real_clips"] = _files(real)
    if name != PROBE:
        about |= {"clips": clips, "start": _start(init), "rows": TABLES[name].fingerprint()}
    done = _read(path, about)
    if name == PROBE:  # of weights that have changed since, it asks again
        now = {model: file_hash(file) for model, file in embedded().items()}
        done = [run for run in done if run.get("weights") == now.get(run["row"])]
    runs = (
        _probed(test_clips, real)
        if name == PROBE
        else _trained(TABLES[name], out, seeds, clips, test_clips, init, real, threads)
    )
    out.mkdir(parents=True, exist_ok=True)
    for key, figures in runs:
        if key not in [(run["row"], run["seed"]) for run in done]:
            done.append({"row": key[0], "seed": key[1], **figures()})
            whole = about | _titles(name) | {"runs": done, "summary": summary(done)}
            text = json.dumps(whole, indent=1) + "\n"
            write_atomically(path, lambda temporary, text=text: temporary.write_text(text))
    return path


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per row: each figure's mean over seeds, its sample standard deviation (None for one seed),
    and the number of seeds.
    """
    found = []
    for row in dict.fromkeys(run["row"] for run in runs):
        mine = [run for run in runs if run["row"] == row]
        line: dict[str, Any] = {"row": row, "seeds": len(mine)}
        for data in ("rendered", "real", "steady_camera", "moving_camera"):
            if data in mine[0]:
                line[data] = {
                    key: _spread([run[data][key] for run in mine])
                    for key in mine[0][data]
                    if key != "clips"
                }
        found.append(line)
    return found


_SHOWN = {
    "direcformer_table2": (
        "top1",
        "order_accuracy",
        "order_accuracy_sharpened",
        "order_accuracy_directed_sharpened",
    ),
    "am_flow_table4": ("top1",),
    "far_table2": ("top1",),
    PROBE: tuple(f"top1_{name.replace(' ', '_')}" for name in PROBES),
}
_NAMES = {
    "top1": "top-1",
    "order_accuracy": "OrderAcc",
    "order_accuracy_sharpened": "sharpened",
    "order_accuracy_directed_sharpened": "sharpened, directed strokes",
}


def markdown(results: dict[str, Any]) -> str:
    """The summary as a Markdown table, in percent: mean over seeds, and the standard deviation
    where there are several.
    """
    lines, shown = results["summary"], _SHOWN[results["table"]]
    columns = [
        (data, key)
        for data in ("rendered", "steady_camera", "moving_camera", "real")
        for key in shown
        if key in lines[0].get(data, {})
    ]
    heads = [
        f"{data.replace('_', ' ')}: "
        f"{_NAMES.get(key) or key.removeprefix('top1_').replace('_', ' ')}"
        for data, key in columns
    ]

    def cell(found: dict[str, float | None], key: str) -> str:
        scale = 100 if key.startswith("top1") else 1
        return f"{scale * found['mean']:.1f}" + (
            "" if found["sd"] is None else f" ± {scale * found['sd']:.1f}"
        )

    rows = [
        [line["row"], str(line["seeds"]), *(cell(line[data][key], key) for data, key in columns)]
        for line in lines
    ]
    return (
        "\n".join(
            "| " + " | ".join(cells) + " |"
            for cells in [["row", "seeds", *heads], ["---"] * (2 + len(heads)), *rows]
        )
        + "\n"
    )


def _spread(values: list[float]) -> dict[str, float | None]:
    return {
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    }


def _read(path: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of an earlier start. Raises: BadInput if they had another budget."""
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text())
        runs = found["runs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is no results file of this command; choose another --out") from None
    # What a results file does not say, it was written before that was kept.
    found = {"renderer": "an earlier one"} | found
    other = [
        f"{key} {found[key]}, not {value}"
        for key, value in about.items()
        if found.get(key, value) != value
    ]
    if other:
        raise BadInput(f"{path} holds results for {'; '.join(other)}; choose another --out")
    return runs


def renderer() -> str:
    """16 hex digits that change with what is rendered."""
    return digest([render(label, 0, frames=3, size=(24, 32)).frames.tolist() for label in LABELS])


def _files(folder: Path) -> str:
    """16 hex digits that change with the names and sizes of its files."""
    return digest(
        sorted(
            (file.relative_to(folder).as_posix(), file.stat().st_size)
            for file in folder.rglob("*")
            if file.is_file()
        )
    )


def _start(init: str) -> str:
    if init and not Path(init).is_file():
        raise BadInput(f"{init} does not exist; --init takes a run's stills.safetensors")
    return file_hash(Path(init)) if init else "a still stage of its own"


def _titles(name: str) -> dict[str, str]:
    if name == PROBE:
        return {"title": "Does the class change with the order of the frames?", "paper": ""}
    return {"title": TABLES[name].title, "paper": TABLES[name].paper}


def _trained(
    table: Table,
    out: Path,
    seeds: int,
    clips: int,
    test_clips: int,
    init: str,
    real: Path | None,
    threads: int,
) -> Iterator[tuple[tuple[str, int], Callable[[], dict[str, Figures]]]]:
    """Each row and seed, with the work that gives its figures; seeds outermost, so that an early
    end leaves whole tables.
    """
    for seed in range(seeds):
        for number, row in enumerate(table.rows):

            def figures(
                seed: int = seed, number: int = number, row: str = row
            ) -> dict[str, Figures]:
                start, folder = init or _stills(table, out, threads), out / f"{number}-{seed}"
                for stage, share in enumerate(table.stages):
                    todo = table.recipe(
                        row,
                        max(1, round(share * clips)),
                        seed + _OTHER_CLIPS * stage,
                        start,
                        threads,
                    )
                    checkpoint = fit(todo, f"{table.base}: {row}", folder)
                    start, folder = str(folder / "video.safetensors"), folder / "next"
                return measured(
                    load_checkpoint(checkpoint), test_clips, real, table.camera, table.sharpened
                )

            yield (row, seed), figures


def _stills(table: Table, out: Path, threads: int) -> str:
    """The still stage that all rows start from, of all strokes alike."""
    file = out / "stills" / "stills.safetensors"
    if not file.exists():
        base = table.base_recipe()
        fit(replace(base, emphasis="", clips=base.batch, threads=threads), table.base, file.parent)
    return str(file)


def measured(
    model: Model,
    test_clips: int,
    real: Path | None,
    camera: bool = False,
    sharpened: bool = False,
) -> dict[str, Figures]:
    """Figures of one model on rendered clips, on real ones if given, and under a steady and a
    moving camera if asked for.

    With `sharpened` those of order come twice: from the attention as it is, and from the sharpened
    matrix.
    """
    card = model.card
    found = {"rendered": _figures(model, rendered_clips(test_clips, card))}
    if camera:
        for data, moves in (("steady_camera", False), ("moving_camera", True)):
            found[data] = _figures(model, camera_clips(test_clips, card, moves))
    if real:
        found["real"] = _figures(model, folder_clips(real, card))
    if sharpened:
        sharp = replace(model, card=replace(card, sharpness=SHARPNESS))
        again = {"rendered": rendered_clips(test_clips, card)} | (
            {"real": folder_clips(real, card)} if real else {}
        )
        for data, samples in again.items():
            found[data] |= {
                f"{key}_sharpened": v
                for key, v in _figures(sharp, samples).items()
                if key in _OF_ORDER
            }
    return found


def _figures(model: Model, samples: Iterable[Sample]) -> Figures:
    rows = measure(model, tqdm(samples, disable=None, leave=False))
    found = summarise(rows, model.card.labels)
    return {"clips": found["clips"]} | {
        key: found[key] for key in _FIGURES if found[key] is not None
    }


def camera_clips(count: int, card: Card, moves: bool) -> Iterator[Sample]:
    """Rendered clips, labels in turn, whose camera moves by more than _FAST or less than _STEADY of
    the frame's width.
    """
    found, seed = 0, _CAMERA_SEED
    while found < count:
        gesture = render(
            label := LABELS[found % len(LABELS)], seed, frames=card.frames, size=(120, 160)
        )
        shift = gesture.camera[:, :, 2]
        share = float(np.linalg.norm(np.ptp(shift, 0))) / gesture.frames.shape[2]
        if share > _FAST if moves else share < _STEADY:
            yield Sample(label, rendered_clip(gesture), f"{label}:{seed}")
            found += 1
        seed += 1


def _probed(
    test_clips: int, real: Path | None
) -> Iterator[tuple[tuple[str, int], Callable[[], dict[str, Figures]]]]:
    for name in embedded():

        def figures(name: str = name) -> dict[str, Any]:
            model = load(name)
            card = model.card
            found = {
                "weights": card.hash,
                "rendered": probe_accuracy(model, rendered_clips(test_clips, card)),
            }
            if real:
                found["real"] = probe_accuracy(model, folder_clips(real, card))
            return found

        yield (name, 0), figures


def probe_accuracy(model: Model, samples: Iterable[Sample]) -> Figures:
    """Top-1 (0..1) against the label of the clip as it is, for each of PROBES, and how often each
    keeps that clip's class.
    """
    right, same = np.zeros(len(PROBES)), np.zeros(len(PROBES))
    count = 0
    for sample in tqdm(samples, disable=None, leave=False):
        classes = motion_probe(model, sample.clip, seed=count).argmax(1)
        right += classes == model.card.labels.index(sample.label)
        same += classes == classes[0]
        count += 1
    if not count:
        raise BadInput("not one clip could be read; nothing was measured")
    keys = [name.replace(" ", "_") for name in PROBES]
    return (
        {"clips": count}
        | {f"top1_{key}": float(r) / count for key, r in zip(keys, right, strict=True)}
        | {
            f"same_class_{key}": float(s) / count
            for key, s in list(zip(keys, same, strict=True))[1:]
        }
    )

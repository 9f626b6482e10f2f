"""Checkpoints: safetensors with a model card inside, the shipped ones, and public ones.

Public ones come from a file or the hub.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import pickle
import re
import threading
import warnings
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from assets import ASSETS
from core.errors import BadInput
from core.models import VideoModel, build, spec
from core.models.taught import Taught
from core.weights.card import UNCALIBRATED, Card
from core.weights.hub import Files, fetch
from core.weights.model import Model
from core.weights.public import LoadReport, load_public, unwrapped
from core.weights.public_card import public_card
from core.world.gestures import LABELS

__all__ = [
    "Card",
    "LoadReport",
    "embedded",
    "file_hash",
    "load",
    "load_checkpoint",
    "load_public",
    "save_checkpoint",
    "untrained",
]

DEFAULT = "direcformer"  # what the app opens on, and what commands take where no model is named
CHECKPOINTS = ASSETS / "checkpoints"
PICKLED = (".pth", ".pyth", ".pt", ".bin")
_UNPICKLING = threading.Lock()  # what torch lets through is one list for all threads


def save_checkpoint(path: Path, weights: dict[str, Tensor], card: Card) -> None:
    """Half-precision safetensors whose metadata holds the card as JSON.

    Counters stay whole numbers.
    """
    halves = {
        k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in weights.items()
    }
    save_file(halves, path, metadata={"card": json.dumps(asdict(card))})


def load_checkpoint(source: str | Path) -> Model:
    """Load a checkpoint with its card; the network is float32 and in eval mode.

    Args:
        source: a .safetensors file of this project; a public checkpoint's file (.safetensors, .pth,
            .pyth, .pt, .bin) or folder (with config.json, as the hub lays it out);
            hf://OWNER/NAME[@REVISION]; or a name of core.weights.hub.NAMED.

    Raises: BadInput if the source is missing or out of reach, holds more than tensors, is in no
    known layout, has no classification head, or does not fit the model in full.
    """
    files = fetch(source)
    read = _pickled if files.weights.suffix.lower() in PICKLED else _safetensors
    weights, written = read(files.weights)
    if written is None:
        net, card = _public(files, weights)
    else:
        net, card = _own(files.weights.name, weights, written)
    return Model(net.eval(), replace(card, hash=file_hash(files.weights)))


def _safetensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a file and the card in it."""
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()  # the file is no dict: it cannot be walked through
            weights = {name: file.get_tensor(name).float() for name in names}
            return weights, (file.metadata() or {}).get("card")
    except SafetensorError as error:
        raise BadInput(
            f"{path.name} is not a safetensors file ({error}); give a checkpoint of this project"
        ) from None


def _pickled(path: Path) -> tuple[dict[str, Tensor], None]:
    """The tensors of a file of torch.save, of which nothing is run.

    A file that holds code is refused.
    """
    try:
        # VideoMAE's files keep their training arguments; a pickle of another age draws a warning
        # beside the error.
        with (
            _UNPICKLING,
            torch.serialization.safe_globals([argparse.Namespace]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)
            state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict):
            return {k: v.float() for k, v in unwrapped(state).items()}, None
    except pickle.UnpicklingError:
        raise BadInput(
            f"{path.name} holds more than tensors, perhaps code, or is damaged; nothing of it was "
            "run: give a .safetensors file, or one saved with torch.save(model.state_dict())"
        ) from None
    except OSError:
        raise
    except Exception:
        # A damaged file fails in a dozen ways, struct.error and AssertionError among them.
        raise BadInput(
            f"{path.name} is no checkpoint that can be read, or is damaged; get it again"
        ) from None
    raise BadInput(
        f"{path.name} holds a {type(state).__name__}; expected the tensors of a model by name"
    )


def _build(card: Card) -> VideoModel:
    takes_eps = "norm_eps" in inspect.signature(spec(card.model).make).parameters
    eps = {"norm_eps": card.norm_eps} if takes_eps else {}
    net = build(card.model, card.preset, **{"classes": len(card.labels)} | eps | card.settings)
    return Taught(net, len(card.labels)).eval() if card.taught else net


_MOVED = ("core.gestures", "core.world")
"""The module that older cards name as what drew their clips, and where it is today."""


def _own(name: str, weights: dict[str, Tensor], written: str) -> tuple[VideoModel, Card]:
    """A checkpoint of this project."""
    try:
        fields: dict[str, Any] = json.loads(written)
        tuples = {k: tuple(v) for k, v in fields.items() if k in ("labels", "mean", "std")}
        card = Card(**fields | tuples)
        card = replace(card, trained_on=card.trained_on.replace(*_MOVED))
        net = _build(card)
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(
            f"{name} has a card that cannot be read ({error}); write it again with `python -m "
            "training fit`"
        ) from None
    try:
        net.load_state_dict(weights)
    except RuntimeError:
        raise BadInput(
            f"{name} does not fit {card.model} {card.preset}: its tensors have other names or "
            "shapes"
        ) from None
    return net, card


def _public(files: Files, weights: dict[str, Tensor]) -> tuple[VideoModel, Card]:
    """A public checkpoint, every tensor of the model filled from it."""
    config, preprocessor = _json(files, "config.json"), _json(files, "preprocessor_config.json")
    data, license = (files.named.data, files.named.license) if files.named else ("", "")
    state = unwrapped(weights)
    card = public_card(
        files.name, state, config, preprocessor, data=data, license=_license(files) or license
    )
    net = _build(card)
    report = load_public(net, state)
    parts = {name.split(".")[0] for name in net.state_dict()}
    extra = tuple(k for k in report.unexpected if k.split(".")[0] in parts)
    for what, names in {
        "lacks": report.missing,
        "has other shapes of": report.mismatched,
        "has no place for": extra,
    }.items():
        if names:
            who = f"{card.model} {card.preset}" if names is extra else files.name
            raise BadInput(
                f"{files.name} does not fit {card.model} {card.preset}: {who} {what} "
                f"{_listed(names)}; "
                "give the whole fine-tuned checkpoint with its own config.json"
            )
    recipe: dict[str, Any] = {"source": files.source}
    trained_on = card.trained_on
    if report.unexpected:
        recipe["unused"] = list(report.unexpected)
        trained_on += f"; not used of the file: {_listed(report.unexpected)}"
    return net, replace(card, recipe=recipe, trained_on=trained_on)


def _listed(names: tuple[str, ...]) -> str:
    """The first three, and how many more there are."""
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{others}"


def _json(files: Files, name: str) -> dict[str, Any]:
    if name not in files.beside:
        return {}
    try:
        fields = json.loads(files.beside[name].read_text(encoding="utf-8"))
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise BadInput(
            f"{files.name}: {name} is not a JSON object; get it again from where the checkpoint "
            "came from"
        )
    return fields


def _license(files: Files) -> str:
    """What the hub's README says in its head, empty if nothing."""
    text = (
        files.beside["README.md"].read_text(encoding="utf-8", errors="replace")
        if "README.md" in files.beside
        else ""
    )
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    match = head and re.search(r"^license:\s*[\"']?([\w.+-]+)", head[1], re.MULTILINE)
    return match[1] if match else ""


def file_hash(path: Path) -> str:
    """The first eight hex digits of a file's sha256: names the weights in every figure."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]


@cache
def embedded() -> dict[str, Path]:
    """The shipped checkpoints by model name, DEFAULT first."""
    return {
        p.stem: p
        for p in sorted(
            CHECKPOINTS.glob("*.safetensors"), key=lambda p: (p.stem != DEFAULT, p.stem)
        )
    }


def load(model: str) -> Model:
    """The shipped checkpoint of a model. Raises: BadInput if there is none."""
    if model not in embedded():
        raise BadInput(
            f"there is no shipped checkpoint for {model!r}; choose one of "
            f"{', '.join(embedded()) or 'none yet'}, or give --checkpoint"
        )
    return load_checkpoint(embedded()[model])


def untrained(name: str, **settings: Any) -> Model:
    """A model with random weights, always the same ones, where no checkpoint of it is shipped.

    Its `trained_on` is empty. `settings` are those of `build`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(name, **settings)
    card = Card(
        name,
        "gesture",
        LABELS,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        size=net.size,
        frames=net.frames,
        sampling="uniform",
        crop="fit",
        trained_on="",
        settings=settings,
        direction_threshold=UNCALIBRATED,
    )
    return Model(net, card)

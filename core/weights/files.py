"""Checkpoints: safetensors with a model card inside, the shipped ones, and public ones.

Public ones come from a file or the hub.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from assets import ASSETS
from core.errors import BadInput, brief
from core.models import VideoModel, build, spec
from core.runs import write_text
from core.weights.card import UNCALIBRATED, Card
from core.weights.card_check import build_for, check_card, check_network, read_card
from core.weights.hub import Files, fetch
from core.weights.image_card import check_unused, image_card
from core.weights.model import Model
from core.weights.public import LoadReport, layout_of, load_public
from core.weights.public_card import public_card
from core.weights.tensors import files_of, read_tensors
from core.world.gestures import LABELS

__all__ = [
    "Card",
    "LoadReport",
    "Variant",
    "embedded",
    "file_hash",
    "load",
    "load_checkpoint",
    "load_public",
    "model_of",
    "save_checkpoint",
    "shipped",
    "shipped_as",
    "shipped_title",
    "shipped_with",
    "untrained",
    "weights_sha256",
]

DEFAULT = "direcformer"  # what the app opens on, and what commands take where no model is named
CHECKPOINTS = ASSETS / "checkpoints"


@dataclass(frozen=True)
class Variant:
    """A second shipped checkpoint of a model, with other settings."""

    model: str
    settings: dict[str, Any]
    title: str
    summary: str


VARIANTS = {
    "direcformer_cc": Variant(
        "direcformer",
        {"space": "cosine"},
        "DirecFormer C-C",
        "DirecFormer with the signed cosine over space too, which its paper calls C-C and finds "
        "best; the other is C-S",
    )
}
"""By the name of the file."""
SUMS = "SHA256SUMS"
"""In CHECKPOINTS: `sha256sum --check SHA256SUMS` checks the same by hand."""


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
        source: a file of this project; a public checkpoint's file or folder (with config.json, as
            the hub lays it out); hf://OWNER/NAME[@REVISION]; or a name of core.weights.hub.NAMED.
            What a file is, is told by its content.

    Raises: BadInput if the source is missing or out of reach, holds more than tensors, is in no
    known layout, has no classification head, or does not fit the model in full; if its card says
    what cannot be; and if it is shipped and not as it was.
    """
    files = fetch(source)
    hash = _verified(files.weights, files_of(files.weights))
    weights, written = read_tensors(files.weights)
    if written is None:
        net, card = _public(files, weights)
    else:
        net, card = _own(files.weights, weights, written)
    return Model(net.eval(), replace(card, hash=hash))


_MOVED = ("core.gestures", "core.world")
"""The module that older cards name as what drew their clips, and where it is today."""


def _own(path: Path, weights: dict[str, Tensor], written: str) -> tuple[VideoModel, Card]:
    """A checkpoint of this project."""
    card = read_card(path.name, written)
    card = replace(card, trained_on=card.trained_on.replace(*_MOVED))
    if _shipped_sum(path) is None:
        # Shipped ones work, and are what they were. The pass without memory would import torch's
        # compiler, for which the first visitor would wait a second and a half.
        check_network(path.name, card, weights)
    net = build_for(card)
    net.load_state_dict(weights)
    return net, card


def _public(files: Files, weights: dict[str, Tensor]) -> tuple[VideoModel, Card]:
    """A public checkpoint, every tensor of the model filled from it."""
    config, preprocessor = _json(files, "config.json"), _json(files, "preprocessor_config.json")
    data, license = (files.named.data, files.named.license) if files.named else ("", "")
    about = {"data": data, "license": _license(files) or license}
    layout = layout_of(weights)
    if layout is not None and layout.is_image:
        card = image_card(files.name, layout, weights, config, preprocessor, **about)
    else:
        card = public_card(files.name, weights, config, preprocessor, **about)
    check_card(files.name, card)
    check_network(files.name, card)
    net = build_for(card)
    report = load_public(net, weights)
    if not card.names_classes:
        check_unused(files.name, card, report.unexpected)
    parts = {name.split(".")[0] for name in net.state_dict()}
    extra = tuple(k for k in report.unexpected if k.split(".")[0] in parts)
    for what, names in {
        "lacks": report.missing,
        "has other shapes of": report.mismatched,
        "has no place for": extra,
    }.items():
        if names:
            who = f"{card.model} {card.preset}" if names is extra else files.name
            kind = "fine-tuned checkpoint" if card.names_classes else "checkpoint"
            raise BadInput(
                f"{files.name} does not fit {card.model} {card.preset}: {who} {what} "
                f"{_listed(names)}; "
                f"give the whole {kind} with its own config.json"
            )
    recipe: dict[str, Any] = {"source": files.source}
    trained_on = card.trained_on
    if report.unexpected:
        recipe["unused"] = list(report.unexpected)
        if trained_on:  # nothing is said of random weights
            trained_on += f"; not used of the file: {_listed(report.unexpected)}"
    return net, replace(card, recipe=recipe, trained_on=trained_on)


def _listed(names: tuple[str, ...]) -> str:
    """The first three, and how many more there are."""
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(map(brief, names[:3]))}{others}"


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
    """The first eight hex digits of a checkpoint's sha256: names the weights in every figure.

    Of an index it is that of all its files, one after another.
    """
    return _sha256(files_of(path))[:8]


def weights_sha256(source: str | Path) -> str:
    """The whole sha256 of what `load_checkpoint` reads of a source. Raises: BadInput as it does."""
    return _sha256(files_of(fetch(source).weights))


def _sha256(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _verified(path: Path, paths: list[Path]) -> str:
    """The hash of a checkpoint that consists of `paths`.

    Raises: BadInput for a shipped one whose bytes are not those that SUMS lists.
    """
    sums, listed = _sha256(paths), _shipped_sum(path)
    if listed is not None and listed != sums:
        raise BadInput(
            f"{path.name} is damaged: its sha256 is not the one that {SUMS} lists; install the app "
            "again, or give another model"
        )
    return sums[:8]


def _shipped_sum(path: Path) -> str | None:
    """The sha256 that SUMS lists of a shipped checkpoint; None of any other file."""
    return listed_sums(CHECKPOINTS).get(path.name) if path.parent == CHECKPOINTS else None


def shipped_card(path: Path) -> Card:
    """The card that lies as JSON beside a shipped checkpoint, with what was measured of it.

    Raises: BadInput for one that is damaged.
    """
    try:
        _verified(path, [path])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} cannot be read ({brief(error)}); install again") from None
    return read_card(path.name, text)


def listed_sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file that SUMS lists, by its name; empty where there is no such list."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {row[1]: row[0] for row in rows if len(row) == 2}


def write_sums(*paths: Path) -> None:
    """Put files of one folder into its list of sha256, which is as `sha256sum` writes it."""
    folder = paths[0].parent
    sums = listed_sums(folder) | {path.name: _sha256([path]) for path in paths}
    text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    write_text(folder / SUMS, text)


@cache
def shipped() -> dict[str, Path]:
    """Every shipped checkpoint by name: DEFAULT, the other models, then VARIANTS."""
    return {
        p.stem: p
        for p in sorted(
            CHECKPOINTS.glob("*.safetensors"),
            key=lambda p: (p.stem in VARIANTS, p.stem != DEFAULT, p.stem),
        )
    }


def embedded() -> dict[str, Path]:
    """The shipped checkpoint of each model, by the model's name, DEFAULT first."""
    return {name: path for name, path in shipped().items() if name not in VARIANTS}


def model_of(name: str) -> str:
    """The model of a shipped checkpoint."""
    return VARIANTS[name].model if name in VARIANTS else name


def shipped_with(model: str, settings: dict[str, Any]) -> str:
    """The shipped checkpoint of a model with these settings; without one that of the model."""
    fitting = (
        name
        for name, about in VARIANTS.items()
        if about.model == model and about.settings == settings and name in shipped()
    )
    return next(fitting, model)


def shipped_as(sha256: str, model: str) -> str:
    """The shipped checkpoint whose file has this sha256; of any other the one of the model."""
    sums = listed_sums(CHECKPOINTS)
    return next((name for name, path in shipped().items() if sums.get(path.name) == sha256), model)


def shipped_title(name: str) -> str:
    """What a shipped checkpoint is called on the screen."""
    return VARIANTS[name].title if name in VARIANTS else spec(name).title


def load(name: str) -> Model:
    """The shipped checkpoint of a model, or a variant. Raises: BadInput if there is none."""
    if name not in shipped():
        raise BadInput(
            f"there is no shipped checkpoint for {name!r}; choose one of "
            f"{', '.join(shipped()) or 'none yet'}, or give --checkpoint"
        )
    return load_checkpoint(shipped()[name])


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

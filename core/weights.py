"""Checkpoints: safetensors with a model card inside, the shipped ones, and public layouts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import BadInput
from core.models import build
from core.public import LoadReport, load_public

__all__ = ["Card", "LoadReport", "embedded", "file_hash", "load", "load_checkpoint", "load_public", "save_checkpoint"]

CHECKPOINTS = Path(__file__).parent.parent / "assets" / "checkpoints"


@dataclass(frozen=True)
class Card:
    """What must be known to use a checkpoint, and what was measured of it."""

    model: str
    preset: str
    labels: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int  # pixels, height = width of the model's input
    frames: int
    sampling: str  # uniform | dense | motion
    crop: str  # centre | fit
    trained_on: str
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    direction_threshold: float = 0.0  # direction margin above which a direction is called known
    sharpness: float = 0.0  # of the order matrix (core.order.sharpened); 0 is the paper's own
    license: str = ""
    hash: str = ""  # first eight hex digits of the file's sha256; filled in on loading


def save_checkpoint(path: Path, weights: dict[str, Tensor], card: Card) -> None:
    """Half-precision safetensors whose metadata holds the card as JSON. Counters stay whole numbers."""
    halves = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in weights.items()}
    save_file(halves, path, metadata={"card": json.dumps(asdict(card))})


def load_checkpoint(source: str | Path) -> tuple[nn.Module, Card]:
    """Load a checkpoint file with its card; the model is float32 and in eval mode.

    Raises: BadInput if the file is missing, is no safetensors file of this project, or does not fit its card.
    """
    path = Path(source)
    if not path.is_file():
        raise BadInput(f"{path} does not exist; give a .safetensors checkpoint of this project")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {k: file.get_tensor(k).float() for k in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise BadInput(f"{path.name} is not a safetensors file ({error}); give a checkpoint of this project") from None
    if "card" not in metadata:
        raise BadInput(f"{path.name} holds no model card, so its labels and input size are unknown; "
                       "give a checkpoint written by `python -m training fit`")
    try:
        fields = json.loads(metadata["card"])
        card = Card(**{k: tuple(v) if k in ("labels", "mean", "std") else v for k, v in fields.items()})
        model = build(card.model, card.preset, classes=len(card.labels), **card.settings)
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"{path.name} has a card that cannot be read ({error}); write it again with `python -m training fit`") from None
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        raise BadInput(f"{path.name} does not fit {card.model} {card.preset}: its tensors have other names or shapes") from None
    return model.eval(), replace(card, hash=file_hash(path))


def file_hash(path: Path) -> str:
    """The first eight hex digits of a file's sha256: names the weights in every figure."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


@cache
def embedded() -> dict[str, Path]:
    """The shipped checkpoints by model name."""
    return {p.stem: p for p in sorted(CHECKPOINTS.glob("*.safetensors"))}


def load(model: str) -> tuple[nn.Module, Card]:
    """The shipped checkpoint of a model. Raises: BadInput if there is none."""
    if model not in embedded():
        raise BadInput(f"there is no shipped checkpoint for {model!r}; choose one of {', '.join(embedded()) or 'none yet'}, "
                       "or give --checkpoint FILE")
    return load_checkpoint(embedded()[model])

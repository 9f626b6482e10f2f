"""Checkpoints: safetensors with a model card inside, the shipped ones, and public layouts."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import BadInput
from core.models import build

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
    """Half-precision safetensors whose metadata holds the card as JSON."""
    save_file({k: v.half().contiguous() for k, v in weights.items()}, path, metadata={"card": json.dumps(asdict(card))})


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


@dataclass(frozen=True)
class LoadReport:
    """What became of each tensor name: loaded and missing are ours, unexpected theirs; mismatched have another shape."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


# transformers' TimeSformer -> the original names, which ours are (spec 6.2). Applied in order.
_TIMESFORMER = (
    (r"^timesformer\.", ""),
    (r"^(?:encoder\.)?layer\.(\d+)\.", r"blocks.\1."),
    (r"^encoder\.blocks", "blocks"),
    (r"^embeddings\.cls_token", "cls_token"),
    (r"^embeddings\.position_embeddings", "pos_embed"),
    (r"^embeddings\.time_embeddings", "time_embed"),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"\.temporal_layernorm\.", ".temporal_norm1."),
    (r"\.temporal_attention\.attention\.qkv\.", ".temporal_attn.qkv."),
    (r"\.temporal_attention\.output\.dense\.", ".temporal_attn.proj."),
    (r"\.temporal_dense\.", ".temporal_fc."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.attention\.qkv\.", ".attn.qkv."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"^layernorm\.", "norm."),
    (r"^classifier\.", "head."),
    (r"^model\.", ""),  # the authors' own files
)


def load_public(model: nn.Module, state_dict: dict[str, Tensor]) -> LoadReport:
    """Copy a public TimeSformer state dict (the authors' or transformers') into `model`, and say what fitted.

    A time embedding for another number of frames is resized by nearest neighbour, as the authors do.
    """
    for key in ("model_state", "state_dict", "model", "module"):
        if isinstance(state_dict.get(key), dict):
            state_dict = state_dict[key]
    ours = model.state_dict()
    loaded, unexpected, mismatched = {}, [], []
    for key, value in state_dict.items():
        name = key
        for pattern, replacement in _TIMESFORMER:
            name = re.sub(pattern, replacement, name)
        if name == "time_embed" and name in ours and value.shape[1] != ours[name].shape[1]:
            value = nn.functional.interpolate(value.transpose(1, 2), size=ours[name].shape[1], mode="nearest").transpose(1, 2)
        if name not in ours:
            unexpected.append(key)
        elif ours[name].shape != value.shape:
            mismatched.append(name)
        else:
            loaded[name] = value
    model.load_state_dict(loaded, strict=False)
    missing = tuple(name for name in ours if name not in loaded and name not in mismatched)
    return LoadReport(tuple(loaded), missing, tuple(unexpected), tuple(mismatched))

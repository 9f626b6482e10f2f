"""Where weights come from, and what must be known to use them."""

from core.weights.card import UNCALIBRATED, Card
from core.weights.files import (
    CHECKPOINTS,
    DEFAULT,
    VARIANTS,
    embedded,
    file_hash,
    load,
    load_checkpoint,
    model_of,
    save_checkpoint,
    shipped,
    shipped_as,
    shipped_title,
    shipped_with,
    untrained,
    weights_sha256,
)
from core.weights.model import Model

__all__ = [
    "CHECKPOINTS",
    "DEFAULT",
    "UNCALIBRATED",
    "VARIANTS",
    "Card",
    "Model",
    "embedded",
    "file_hash",
    "load",
    "load_checkpoint",
    "model_of",
    "save_checkpoint",
    "shipped",
    "shipped_as",
    "shipped_title",
    "shipped_with",
    "untrained",
    "weights_sha256",
]

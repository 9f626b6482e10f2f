"""Where weights come from, and what must be known to use them."""

from core.weights.card import UNCALIBRATED, Card
from core.weights.files import (
    CHECKPOINTS,
    DEFAULT,
    embedded,
    file_hash,
    load,
    load_checkpoint,
    save_checkpoint,
    untrained,
    weights_sha256,
)
from core.weights.model import Model

__all__ = [
    "CHECKPOINTS",
    "DEFAULT",
    "UNCALIBRATED",
    "Card",
    "Model",
    "embedded",
    "file_hash",
    "load",
    "load_checkpoint",
    "save_checkpoint",
    "untrained",
    "weights_sha256",
]

"""The two stages of a run as modules: what they see of a batch, and their losses.

A stage first makes a `Plan` from its part of a batch, which says how much each of its means
averages over; its forward pass then weighs each mean by its share of the whole step's. So the same
batch gives the same gradient however it is shared among processes.
"""

from __future__ import annotations

from training.stages.losses import FIGURES, LOSSES, UNNAMED, Means
from training.stages.stage import Plan, Stage, model_settings
from training.stages.start import Kind, Taken, kind_of
from training.stages.still import Still
from training.stages.video import Video, freeze

__all__ = [
    "FIGURES",
    "LOSSES",
    "UNNAMED",
    "Kind",
    "Means",
    "Plan",
    "Stage",
    "Still",
    "Taken",
    "Video",
    "freeze",
    "kind_of",
    "model_settings",
]

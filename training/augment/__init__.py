"""Augmentation, always the same for all frames of a clip, and the crops of multi-view evaluation.

A clip is float (T, 3, H, W), 0..1, on any device; a batch (B, 3, T, H, W). All chance comes from
the generator passed in (a CPU one), so a sample can be made again. Operations over levels see the
clip as one tall picture: their statistics are those of the clip, not of each frame.
"""

from __future__ import annotations

from training.augment.check import check_augment
from training.augment.crops import multi_view, resized_crop
from training.augment.lists import CROPPING, usual_numbers
from training.augment.mixing import mix, random_erasing
from training.augment.transform import ClipTransform, clip_transform

__all__ = [
    "CROPPING",
    "ClipTransform",
    "check_augment",
    "clip_transform",
    "mix",
    "multi_view",
    "random_erasing",
    "resized_crop",
    "usual_numbers",
]

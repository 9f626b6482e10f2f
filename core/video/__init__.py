"""A file becomes a `Clip`: probing, sampling, decoding, cropping, every refusal of bad input."""

from core.video.clip import (
    CROPS,
    Clip,
    Crop,
    View,
    crop_box,
    cropped,
    digest,
    random_order,
    shrunk,
    shuffled,
)
from core.video.container import KINDS, SUFFIXES
from core.video.decoder import Probe, decode, decode_at, probe, subclip
from core.video.limits import Limits, limits_here
from core.video.recording import Recording, recorded
from core.video.sampling import (
    MOTION_RATE,
    MOTION_THRESHOLD,
    SAMPLINGS,
    Sampling,
    choose,
    choose_of,
    dense_indices,
    motion_indices,
    motion_scores,
    too_few,
    uniform_indices,
)

__all__ = [
    "CROPS",
    "KINDS",
    "MOTION_RATE",
    "MOTION_THRESHOLD",
    "SAMPLINGS",
    "SUFFIXES",
    "Clip",
    "Crop",
    "Limits",
    "Probe",
    "Recording",
    "Sampling",
    "View",
    "choose",
    "choose_of",
    "crop_box",
    "cropped",
    "decode",
    "decode_at",
    "dense_indices",
    "digest",
    "limits_here",
    "motion_indices",
    "motion_scores",
    "probe",
    "random_order",
    "recorded",
    "shrunk",
    "shuffled",
    "subclip",
    "too_few",
    "uniform_indices",
]

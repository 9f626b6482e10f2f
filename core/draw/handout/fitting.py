"""A payload of the viewer that fits into a file: smaller pictures first, then fewer layers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np

from core.draw import packing
from core.draw.packing import Room
from core.draw.payload import Header, joined
from core.draw.viewer_help import VIEWER_HELP
from core.errors import BadInput
from core.explain import GradCam
from core.observe import Trace

LIMIT = 5_000_000
"""Bytes of a file, of any of the included models."""
REST = 1_000_000
"""Of these, what is kept for all but the viewer's payload."""
BESIDE = 100_000
"""What each further model brings besides its payload: shuffles, maps and words."""
LEAST = 640_000
"""Bytes below which a payload shows too little of a model."""
PICTURES = (960, 720, 540, 400)
"""Pixels: the longest side of a frame, of which the first is taken that leaves room for layers."""
FOR_PICTURES = 900_000  # bytes
MOST_CLASSES, FIRST_CLASSES = 12, 5
"""With more classes than these, GradCAM is there for the most probable ones alone."""


def encoded(size: int) -> int:
    """Bytes that so many take in base 64."""
    return 4 * ((size + 2) // 3)


def room_for(models: int) -> int:
    """Bytes in base 64 that each payload of a file of so many models may take."""
    return max(LEAST, (LIMIT - REST - BESIDE * (models - 1)) // models)


def targets(trace: Trace) -> list[int]:
    """The classes whose evidence goes into the file: all, or the most probable of many."""
    classes = len(trace.card.labels)
    if classes <= MOST_CLASSES:
        return list(range(classes))
    return np.argsort(-trace.logits)[:FIRST_CLASSES].tolist()


def fitted(
    trace: Trace,
    cams: Sequence[GradCam],
    source: str,
    most: int | None = None,
    needed: Collection[int] = (),
) -> tuple[bytes, list[str]]:
    """A payload that takes at most `most` bytes in base 64, and what was left out of it.

    None is what a single model may take, LIMIT - REST.

    `cams` are of `targets`, in their order; `source` is a line that a picture of the view carries.
    Of the layers that do not fit those go first that are not `needed`, the lowest first.

    Raises: BadInput where not even the last layer fits.
    """
    most = LIMIT - REST if most is None else most
    picture = _picture_that_fits(trace)
    sizes = packing.layer_sizes(trace)
    layers = list(sizes)
    while encoded(sum(sizes[layer] for layer in layers)) > most and len(layers) > 1:
        layers = _fewer(layers, needed)
    for room in (Room(picture), Room(PICTURES[-1], layer=0)):
        while True:
            payload = packing.pack(trace, layers, cams, source, VIEWER_HELP, room=room)
            if encoded(len(payload)) <= most:
                return _trimmed(payload, trace, layers, cams), _left_out(trace, layers, cams)
            if len(layers) == 1:
                break
            layers = _fewer(layers, needed)
    raise BadInput(
        f"{trace.card.model} ({trace.card.preset}) is too large to be handed out: its last layer "
        f"alone takes {encoded(len(payload)) / 1e6:.1f} MB of the {most / 1e6:.1f} MB that there "
        "are in a file; choose a smaller model or fewer frames"
    )


def _fewer(layers: list[int], needed: Collection[int]) -> list[int]:
    """Without the lowest layer that is not needed, else without the lowest."""
    goes = next((layer for layer in layers if layer not in needed), layers[0])
    return [layer for layer in layers if layer != goes]


def _picture_that_fits(trace: Trace) -> int:
    """The longest side of a frame in pixels."""
    frames = trace.clip.frames
    for longest in PICTURES[:-1]:
        if packing.jpeg(frames[len(frames) // 2], longest).size * len(frames) <= FOR_PICTURES:
            return longest
    return PICTURES[-1]


def _trimmed(payload: bytes, trace: Trace, layers: Sequence[int], cams: Sequence[GradCam]) -> bytes:
    """The payload with nothing in its header that would have to be asked for.

    A file has nobody to ask: the viewer offers the layers that are there, and for GradCAM the
    classes that are there.
    """
    length = int.from_bytes(payload[:4], "little")
    header: Header = json.loads(payload[4 : 4 + length])
    for tap in header["taps"]:
        tap["layers"] = [layer for layer in tap["layers"] if layer in layers]
    classes = [cam.target for cam in cams]
    header["labels"] = [trace.card.labels[target] for target in classes]
    header["best"] = classes.index(header["best"]) if classes else packing.NO_CLASS
    for number, cam in enumerate(header["gradcams"]):
        cam["target"] = number
    return joined(header, [payload[4 + length :]])


def _left_out(trace: Trace, layers: Sequence[int], cams: Sequence[GradCam]) -> list[str]:
    """What is not in the file, in sentences."""
    notes, every = [], packing.layers_of(trace)
    if len(layers) < len(every):
        which = f"Layers {layers[0] + 1} to {layers[-1] + 1}"
        if len(layers) == 1:
            which = f"Layer {layers[0] + 1} alone"
        notes.append(
            f"{which} of {len(every)} in this file: with the others it would be larger than "
            f"{LIMIT // 1_000_000} MB."
        )
    if len(cams) < len(trace.card.labels):
        notes.append(
            f"GradCAM is in this file for the {len(cams)} most probable of "
            f"{len(trace.card.labels)} classes."
        )
    return notes

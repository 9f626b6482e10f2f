"""What is drawn: rendered strokes, byte by byte, and the payloads that the viewer draws from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.draw.packing import pack
from core.draw.payload import with_file
from core.explain import gradcam
from core.observe import observe
from core.weights import load
from core.world.gestures import LABELS, render, rendered_clip
from tests.golden.files import fingerprint

MODELS = ("direcformer", "am_flow", "far", "rvit", "timesformer", "videomae")
TYPES = {"f32": np.float32, "i32": np.int32, "i16": np.int16, "i8": np.int8, "u8": np.uint8}


def sha(data: bytes) -> str:
    """Enough of a hash to tell two files apart."""
    return hashlib.sha256(data).hexdigest()[:24]


def rounding() -> str:
    """A hash of what OpenCV makes of noise: on a processor of another kind it rounds otherwise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (240, 320, 4), np.uint8)
    made = [
        cv2.imencode(".jpg", noise[..., :3])[1],
        cv2.resize(noise, (96, 96), interpolation=cv2.INTER_AREA),
    ]
    for step in range(8):
        turn = np.array([[1, 0, 0], [0, 1, 0]]) + rng.normal(0, (0.3, 0.3, 9), (2, 3))
        kernel = rng.random((3 + 2 * step, 3 + 2 * step), np.float32)
        warped = cv2.warpAffine(
            noise, turn, (160, 120), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        blurred = cv2.GaussianBlur(warped[..., :3].copy(), (3, 3), 0.3 + step / 10)
        scaled = cv2.multiply(blurred, (0.1 + step / 64,) * 3)
        made += [warped, blurred, scaled, cv2.filter2D(warped, -1, kernel / kernel.sum())]
        made += [cv2.blur(warped, (5, 5)), cv2.convertScaleAbs(warped, alpha=-0.1 * step)]
        made += [cv2.multiply(warped, np.flip(warped).copy(), scale=1 / 255)]
    return sha(b"".join(np.ascontiguousarray(picture).tobytes() for picture in made))


def strokes(folder: Path) -> dict[str, Any]:
    """Three frames of each stroke: hashes of pixels and masks, fingertip and camera as numbers."""
    results: dict[str, Any] = {"rounding": rounding()}
    for seed, label in enumerate(LABELS):
        gesture = render(label, seed, frames=3, size=(120, 160))
        results[label] = {
            "bytes": sha(gesture.frames.tobytes()),
            "mask": sha(np.packbits(gesture.mask).tobytes()),
            "inside": gesture.mask.sum((1, 2)).tolist(),
            "fingertip": gesture.fingertip.tolist(),
            "camera": gesture.camera.tolist(),
            "times": gesture.times.tolist(),
        }
    return results


def payloads(folder: Path) -> dict[str, Any]:
    """The payload of each shipped model for one rendered clip."""
    results: dict[str, Any] = {"rounding": rounding()}
    for name in MODELS:
        model = load(name)
        clip = rendered_clip(render("circle", 3, frames=model.card.frames))
        trace = observe(model, clip)
        cam = gradcam(model, clip, int(np.argmax(trace.logits)))
        results[name] = opened(pack(trace, gradcams=[cam], source="golden"))
        if name == MODELS[0]:
            layer = opened(with_file(pack(trace, [0]), "heat.npz", b"content"))
            results["one layer with a file"] = {
                key: layer[key] for key in sorted(layer) if key != "layers"
            }
    return results


def opened(payload: bytes) -> dict[str, Any]:
    """The header of a payload, each array beside its place.

    The identifier hashes logits, which differ from processor to processor: its length is kept.
    Pictures are JPEGs, of which a hash is kept.
    """
    length = int.from_bytes(payload[:4], "little")
    header = json.loads(payload[4 : 4 + length])
    body = payload[4 + length :]

    def array(place: dict[str, Any]) -> np.ndarray:
        count = int(np.prod(place["shape"]))
        flat = np.frombuffer(body, TYPES[place["type"]], count, place["at"])
        return flat.reshape(place["shape"])

    def look(value: Any) -> Any:
        if isinstance(value, list):
            return [look(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"at", "type", "shape"}:
            return {"at": value["at"], **fingerprint(array(value), value["type"])}
        return {key: look(item) for key, item in value.items()}

    header.pop("format", None)
    frames = [
        {
            "at": place["at"],
            "type": place["type"],
            "length": place["shape"],
            "jpeg": sha(array(place).tobytes()),
        }
        for place in header.pop("frames")
    ]
    lengths = {"id": len(header.pop("id")), "header": length % 4, "body": len(body)}
    return {"lengths": lengths, "frames": frames, **look(header)}

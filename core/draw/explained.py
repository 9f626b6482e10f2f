"""An explanation as files: its arrays, and the clip with attention over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.draw.overlay import enlarged, frame_rate, overlay, write_mp4
from core.explain import Explanation
from core.runs import write_arrays
from core.video import crop_box


def write_arrays_and_overlay(folder: Path, shown: Explanation) -> None:
    """Write explanation.npz and overlay.mp4 into a folder, which is made if it is not there."""
    trace, clip = shown.trace, shown.trace.clip
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "frames": trace.frames,
        "times": clip.times,
        "token_times": trace.token_times,
        "spatial": shown.spatial,
        "temporal": shown.temporal,
        "gradcam": shown.gradcam.heat,
        "probabilities": shown.probabilities,
    }
    if shown.am_flow is not None:
        arrays["am_flow"] = shown.am_flow
    write_arrays(folder / "explanation.npz", arrays)
    pictures = enlarged(clip.frames, 360)
    height, width = pictures.shape[1:3]
    box = crop_box(height, width, trace.card.crop)
    write_mp4(
        folder / "overlay.mp4",
        overlay(pictures, shown.spatial, signed=shown.attention.kernel.signed, box=box),
        frame_rate(clip.times),
    )

"""A Chromium whose camera plays a film of ours, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from core.draw.overlay import enlarged
from core.world.gestures import render
from tests.browser.conftest import CHROMIUM, FLAGS, Patient

RATE = 16
FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def film(path: Path, frames: np.ndarray, rate: int = RATE) -> Path:
    """Write frames (T, H, W, 3) as raw video, whose rate Chromium's fake camera keeps."""
    with av.open(str(path), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(image.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return path


def stroke(label: str, seed: int, *, faces_camera: bool, begins: float = 0.0) -> np.ndarray:
    """A rendered stroke of 1.5 seconds in RATE frames a second, (T, 240, 320, 3).

    It begins after so many seconds of stillness, and is followed by as many. Of a person who faces
    the camera it sees the other side: what goes to their right goes left.
    """
    frames = enlarged(render(label, seed, frames=24).frames, 240)
    still = round(begins * RATE)
    frames = np.concatenate([frames[:1].repeat(still, 0), frames, frames[-1:].repeat(still, 0)])
    return frames[:, :, ::-1] if faces_camera else frames


@contextmanager
def with_camera(launcher: Any, path: Path | None, *flags: str) -> Iterator[Patient]:
    """A Chromium whose only camera plays this file; without one it has no camera at all."""
    camera = [*FAKE, f"--use-file-for-fake-video-capture={path}"] if path else []
    browser = launcher.launch(executable_path=CHROMIUM, args=[*FLAGS, *camera, *flags])
    yield Patient(browser)
    browser.close()

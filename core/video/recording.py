"""What a camera has taken: its pictures in memory, with the times at which they were taken.

A recording is chosen from as a file is (`decode`), and is never one: nothing of it touches the
disk unless somebody asks for `write`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from core.errors import EmptyVideo, NotAVideo, TooFewFrames
from core.video.clip import Clip, digest
from core.video.container import too_many_frames
from core.video.limits import Limits, limits_here
from core.video.sampling import Sampling, choose_of
from core.video.stills import picture

LEAST_PICTURES = 2
_MILLISECOND = Fraction(1, 1000)
_WRITTEN_QUALITY = "2"
"""FFmpeg's scale for a JPEG, 2 to 31: the finest."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Pictures of one camera; make one with `recorded`, which checks them."""

    title: str
    """What it is called, such as "recording 1"."""
    pictures: tuple[bytes, ...] = field(repr=False)
    """Each the file of one picture: JPEG, WebP or PNG."""
    seconds: np.ndarray = field(repr=False)
    """(n,) when each was taken, from the first, ascending."""
    mirrored: bool
    """Whether left and right are exchanged in what is shown and in what a model sees."""

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def source(self) -> str:
        """Its name under every figure, which says that it is a mirror where it is one."""
        return f"{self.title}, as in a mirror" if self.mirrored else self.title

    @property
    def id(self) -> str:
        """16 hex digits: pictures, times and mirror."""
        return digest(b"".join(self.pictures), self.seconds.tolist(), self.mirrored)

    def read(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """The pictures at these indices, uint8 RGB (n, H, W, 3), all of the size of the first.

        Raises: EmptyVideo, OverLimit for what is no picture, or too large a one.
        """
        import cv2

        images: list[np.ndarray] = []
        for index in indices:
            image = picture(self.pictures[index], f"{self.title}/{index}", limits_here())
            if images and image.shape != images[0].shape:  # a phone that was turned
                height, width = images[0].shape[:2]
                image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            images.append(image)
        frames = np.stack(images)
        return np.ascontiguousarray(frames[:, :, ::-1]) if self.mirrored else frames

    def clip(
        self,
        *,
        frames: int = 8,
        sampling: Sampling = "uniform",
        stride: int = 4,
        rate: float = 0.0,
        start: float | None = None,
        end: float | None = None,
    ) -> Clip:
        """`frames` of its pictures, chosen as `decode` chooses those of a file.

        Raises: TooFewFrames; BadInput for settings that make no sense.
        """
        indices = choose_of(
            self.title,
            self.seconds,
            self.read,
            frames=frames,
            sampling=sampling,
            stride=stride,
            rate=rate,
            start=start,
            end=end,
        )
        identity = digest(self.id, indices.tolist())
        return Clip(self.read(indices), self.seconds[indices], self.source, identity)

    def write(self, path: Path) -> None:
        """Write it as Matroska of JPEG pictures at their own times, to the millisecond."""
        height, width = self.read([0]).shape[1:3]
        with av.open(str(path.absolute()), "w", format="matroska") as container:
            options = {"qmin": _WRITTEN_QUALITY, "qmax": _WRITTEN_QUALITY}
            stream = container.add_stream("mjpeg", rate=1000, options=options)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuvj444p"
            stream.codec_context.time_base = _MILLISECOND
            for index, second in enumerate(self.seconds):
                image = av.VideoFrame.from_ndarray(self.read([index])[0], format="rgb24")
                image.pts, image.time_base = round(1000 * float(second)), _MILLISECOND
                container.mux(stream.encode(image))
            container.mux(stream.encode())


def recorded(
    title: str,
    pictures: Sequence[bytes],
    seconds: Sequence[float] | np.ndarray,
    *,
    mirrored: bool = False,
    limits: Limits | None = None,
) -> Recording:
    """A recording of these pictures, taken at these times.

    Args:
        seconds: when each was taken, by any clock that rises; it is counted from the first.
        mirrored: whether left and right are to be exchanged.

    Raises: TooFewFrames for fewer than two pictures; NotAVideo for times that do not rise or are
        not one a picture; OverLimit for too many; EmptyVideo if the first is no picture.
    """
    times, within = np.asarray(seconds, np.float64), limits or limits_here()
    if len(pictures) > within.frames:
        raise too_many_frames(title, within)
    if times.shape != (len(pictures),):
        raise NotAVideo(
            f"{title}: {len(pictures)} pictures and {times.size} times; each needs one: record "
            "it again"
        )
    if len(pictures) < LEAST_PICTURES:
        count = f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'}"
        raise TooFewFrames(f"{title}: {count}, at least {LEAST_PICTURES} needed; record for longer")
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise NotAVideo(f"{title}: its times do not rise from picture to picture; record it again")
    recording = Recording(title, tuple(pictures), times - times[0], mirrored)
    try:
        recording.read([0])
    except EmptyVideo:
        raise EmptyVideo(f"{title}: its pictures cannot be read; record it again") from None
    return recording

"""Clips that are no film: folders and archives of pictures, and animated pictures.

Pictures are uint8 RGB (H, W, 3), times are seconds from the first.
"""

from __future__ import annotations

import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from core.errors import EmptyVideo, NotAVideo, OverLimit
from core.video.container import check_size, too_many_frames
from core.video.limits import Limits
from core.video.timeline import Timeline

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
PICTURE_RATE = 12.0
"""Frames a second of a folder of pictures: Jester's."""


def stills_of(path: Path, limits: Limits) -> Timeline | None:
    """The timeline of a clip that is no film; None for any other file.

    Raises: VideoError, by the reason.
    """
    if path.is_dir():
        return _folder(path, limits)
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        head = file.read(512)
    if head[:4] == b"PK\x03\x04":
        return _archive(path, limits)
    if head[257:262] == b"ustar" or head[:2] == b"\x1f\x8b":
        return _tape(path, limits)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _animation(path, limits)
    return None


def is_animation(path: Path) -> bool:
    """Whether a file is an animated WebP, and no picture."""
    if path.suffix.lower() != ".webp" or not path.is_file():
        return False
    with open(path, "rb") as file:
        return b"ANIM" in file.read(64)


def in_order(names: list[str]) -> list[str]:
    """Names of pictures by the numbers in them: 2.jpg comes before 10.jpg."""

    def numbers(name: str) -> list[tuple[int, str]]:
        """Each as its length and digits, which compare as the number does, however long it is."""
        digits = [number.lstrip("0") for number in re.findall(r"[0-9]+", name)]
        return [(len(number), number) for number in digits]

    return sorted(names, key=lambda name: (numbers(name), name))


def _evenly(names: list[str], data: Callable[[str], bytes], path: Path, limits: Limits) -> Timeline:
    """Pictures at the usual rate, each read when it is asked for."""
    if len(names) > limits.frames:
        raise too_many_frames(path.name, limits)
    ordered = in_order(names)

    def read(index: int) -> np.ndarray:
        return picture(data(ordered[index]), f"{path.name}/{ordered[index]}", limits)

    return Timeline(np.arange(len(ordered)) / PICTURE_RATE, read=read)


def _folder(path: Path, limits: Limits) -> Timeline | None:
    names = [file.name for file in path.iterdir() if _is_picture(file.name)]
    if not names:
        return None
    return _evenly(names, lambda name: (path / name).read_bytes(), path, limits)


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURES and not Path(name).name.startswith(".")


def _archive(path: Path, limits: Limits) -> Timeline:
    """The pictures of a zip file; nothing of it is unpacked to the disk."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
        # ValueError: names that are no UTF-8
        raise NotAVideo(f"{path.name}: a damaged archive; pack or copy it again") from None
    with archive:
        names = [item.filename for item in archive.infolist() if _is_picture(item.filename)]
    if not names:
        raise _no_pictures(path)

    def data(name: str) -> bytes:
        with zipfile.ZipFile(path) as opened, opened.open(name) as file:
            return _bounded(file, f"{path.name}/{name}", limits)

    return _evenly(names, data, path, limits)


def _tape(path: Path, limits: Limits) -> Timeline:
    """The pictures of a tar file, packed or not, which are held: it can be read only in a row."""
    pictures: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(path) as archive:
            for count, item in enumerate(archive):
                if count > 2 * limits.frames:
                    raise too_many_frames(path.name, limits)
                file = archive.extractfile(item) if item.isreg() else None
                if file is None or not _is_picture(item.name):
                    continue
                pictures[item.name] = _bounded(file, f"{path.name}/{item.name}", limits)
                size += len(pictures[item.name])
                if size > limits.megabytes * 1e6:
                    raise OverLimit(
                        f"{path.name}: its pictures are over the limit of "
                        f"{limits.megabytes:.0f} MB; pack fewer"
                    )
    except (tarfile.TarError, EOFError, OSError, zlib.error, struct.error):
        raise NotAVideo(f"{path.name}: a damaged archive; pack or copy it again") from None
    if not pictures:
        raise _no_pictures(path)
    return _evenly(list(pictures), pictures.__getitem__, path, limits)


def _no_pictures(path: Path) -> EmptyVideo:
    return EmptyVideo(
        f"{path.name}: holds no pictures; expected an archive of the frames of one clip "
        f"({', '.join(PICTURES)})"
    )


def _bounded(file: IO[bytes], name: str, limits: Limits) -> bytes:
    """What a picture's file holds. Raises: OverLimit for more than any picture takes."""
    most = 4 * limits.pixels
    content = file.read(most + 1)
    if len(content) > most:
        raise OverLimit(f"{name}: a picture of over {most / 1e6:.0f} MB")
    return content


def picture(data: bytes, name: str, limits: Limits) -> np.ndarray:
    """A picture file, transparency over white. Raises: EmptyVideo, OverLimit."""
    import cv2

    _check_header(data, name, limits)
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_ANYCOLOR
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise EmptyVideo(f"{name}: not a picture that can be read; copy it again")
    check_size(name, image.shape[1], image.shape[0], limits)
    if image.ndim == 2:
        image = image[..., None].repeat(3, 2)
    if image.dtype == np.uint16:
        image = image // 256
    return _over_white(image.astype(np.uint8))


def _check_header(data: bytes, name: str, limits: Limits) -> None:
    """Raises: OverLimit for a size that is too large, before the picture is unpacked."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are checked here
            width, height = Image.open(BytesIO(data)).size
    except Image.DecompressionBombError:
        raise OverLimit(
            f"{name}: a picture far over the limit of {limits.pixels / 1e6:.1f} million pixels; "
            "scale it down"
        ) from None
    except Exception:  # damaged, or of a kind that it does not know
        return
    check_size(name, width, height, limits)


def _over_white(image: np.ndarray) -> np.ndarray:
    """From OpenCV's BGR or BGRA to RGB."""
    colour = image[..., 2::-1]
    if image.shape[-1] == 4:
        alpha = image[..., 3:].astype(np.uint16)
        colour = ((colour * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return np.ascontiguousarray(colour)


_HELD_PIXELS = 4e8
"""An animated picture is decoded whole: it may have at most this many pixels in all frames."""


def _animation(path: Path, limits: Limits) -> Timeline:
    """An animated WebP. Raises: VideoError, by the reason."""
    import cv2

    content = path.read_bytes()
    count = content.count(b"ANMF")
    if content[12:16] == b"VP8X" and count:
        width, height = (1 + int.from_bytes(content[i : i + 3], "little") for i in (24, 27))
        check_size(path.name, width, height, limits)
        if width * height * count > _HELD_PIXELS:
            raise OverLimit(f"{path.name}: too large to be read whole; convert it to mp4 first")
        can_be_read, animation = cv2.imdecodeanimation(np.frombuffer(content, np.uint8))
        if can_be_read:
            frames = [_over_white(frame) for frame in animation.frames]
            pauses = np.maximum(np.array(animation.durations, float), 1) / 1000
            seconds = np.r_[0.0, np.cumsum(pauses)[:-1]]
            return Timeline(seconds, read=frames.__getitem__)
    raise NotAVideo(f"{path.name}: a still or damaged picture; choose a video")

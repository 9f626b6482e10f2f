"""What an mp4 or mov claims in its boxes, read before anything believes it.

A box is four bytes of length, four of kind, then what it holds (ISO/IEC 14496-12).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import NotAVideo, OverLimit

_KINDS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof", b"styp", b"pnot")
_HOLD_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_ENCRYPTED = (b"encv", b"drmi")
_MOST_BOXES = 100_000


class Claims(NamedTuple):
    """The largest number of samples that a table claims, and whether pictures are encrypted."""

    samples: int
    encrypted: bool


def check_boxes(path: Path, most_samples: int) -> None:
    """Refuse what would cost much before it is found to be untrue, and what needs a key.

    Raises: OverLimit, NotAVideo.
    """
    claims = _claims(path)
    if claims.samples > most_samples:
        raise OverLimit(
            f"{path.name}: it claims {claims.samples} samples, over the limit of {most_samples}; "
            "cut it shorter or record it again"
        )
    if claims.encrypted:
        raise NotAVideo(
            f"{path.name}: its pictures are encrypted (a copy-protected film); choose a file "
            "without protection"
        )


def _claims(path: Path) -> Claims:
    size = path.stat().st_size
    samples, encrypted = 0, False
    with open(path, "rb") as file:
        if file.read(8)[4:] not in _KINDS:
            return Claims(0, False)
        for kind, start, end in _boxes(file, 0, size):
            if kind in (b"stsz", b"stz2", b"trun", b"stts", b"ctts"):
                samples = max(samples, _samples(file, kind, start, end, size))
            elif kind == b"stsd":
                file.seek(start + 12)
                encrypted = encrypted or file.read(4) in _ENCRYPTED
    return Claims(samples, encrypted)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the boxes inside, and of those inside them, however they are nested."""
    open_ranges = [(start, end)]
    for _ in range(_MOST_BOXES):
        if not open_ranges:
            return
        at, stop = open_ranges.pop()
        if stop - at < 8:
            continue
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            continue
        length, inside = int.from_bytes(header[:4], "big"), at + 8
        if length == 1 and len(header) == 16:
            length, inside = int.from_bytes(header[8:], "big"), at + 16
        box_end = stop if length == 0 else min(stop, at + length)
        if length and length < 8:
            continue
        open_ranges.append((box_end, stop))
        kind = header[4:8]
        yield kind, inside, box_end
        if kind in _HOLD_BOXES:
            open_ranges.append((inside, box_end))


def _samples(file: BinaryIO, kind: bytes, start: int, end: int, size: int) -> int:
    """The samples that a table claims to hold or to describe."""
    file.seek(start)
    head = file.read(12)
    if len(head) < 12:
        return 0
    first, second = struct.unpack(">II", head[4:])
    if kind == b"trun":
        return first  # FFmpeg makes room for all of them before it looks for them
    if kind == b"stsz":
        # sound of one size may have millions of samples, as many as the file has room for
        if first:
            return 0 if second * first <= size else second
        return min(second, (end - start) // 4)
    if kind == b"stz2":
        return min(second, 2 * (end - start))
    # runs of (count, time): the sum is what is made of them
    file.seek(start + 8)
    runs = file.read(min(8 * first, end - start - 8, 8 * _MOST_BOXES))
    counts = struct.unpack(f">{len(runs) // 4}I", runs[: len(runs) // 4 * 4])[::2]
    return sum(counts) if kind == b"ctts" else 0

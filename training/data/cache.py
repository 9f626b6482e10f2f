"""Decoded clips on disk, so that later epochs need no decoder.

Safe with several workers and processes.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from core.errors import BadInput

# Length and checksum of the header: JSON, before the frames, each compressed on its own.
_HEAD = struct.Struct("<II")
_STALE = 3600.0  # seconds after which a half-written file belongs to a process that died


class Cache:
    """A folder of compressed arrays, one file a clip, of at most about `gigabytes`.

    When it is full, files that nothing has read since this cache was opened make room; those of the
    present run stay and newcomers are not kept: an epoch reads every clip once, and under
    least-recently-used each would be thrown out just before its next turn.
    """

    def __init__(self, folder: str | Path, gigabytes: float = 20.0) -> None:
        if gigabytes <= 0:
            raise BadInput(f"the cache's size must be positive, got {gigabytes} GB")
        self.folder, self.limit = Path(folder), int(gigabytes * 1e9)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"the cache folder {folder} cannot be made ({error.strerror}); choose another"
            ) from None
        self._opened = time.time()
        self._held, self._written = self._measure(), 0

    def load(
        self, key: str, take: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Frames at the positions that `take` chooses of the stored views, and their times.

        Position -1 is a black frame. None if they are not here, or the file is damaged.
        """
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                length, check = _HEAD.unpack(file.read(_HEAD.size))
                header = file.read(length)
                if zlib.crc32(header) != check:
                    return None
                about = json.loads(header)
                places, times = take(np.array(about["views"])), np.array(about["times"])
                used = np.unique(places[places >= 0])
                ends = [0, *about["ends"]]
                pool = np.empty((len(used), *about["shape"]), np.uint8)
                for frame, number in zip(pool, used, strict=True):
                    file.seek(_HEAD.size + length + ends[number])
                    data = zlib.decompress(file.read(ends[number + 1] - ends[number]))
                    differences = np.frombuffer(data, np.uint8).reshape(frame.shape)
                    np.cumsum(differences, axis=1, dtype=np.uint8, out=frame)
        except (OSError, ValueError, struct.error, zlib.error):  # not there, or damaged
            return None
        with suppress(OSError):  # another process may have removed it
            os.utime(path)
        frames = pool[np.searchsorted(used, places).clip(0, len(used) - 1)]
        frames[places < 0] = 0
        return frames, times[places]

    def store(self, key: str, frames: np.ndarray, times: np.ndarray, views: np.ndarray) -> bool:
        """Keep a pool of frames; False if there is no room.

        Args:
            frames: (P, h, w, 3) uint8.
            times: (P,) seconds.
            views: (V, T) positions.
        """
        if not self.limit:
            return False
        path = self._path(key)
        temporary = path.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}")
        try:
            packed = [zlib.compress(_differences(frame).tobytes(), 1) for frame in frames]
            about = {
                "shape": frames.shape[1:],
                "views": views.tolist(),
                "times": times.tolist(),
                "ends": np.cumsum([len(data) for data in packed]).tolist(),
            }
            header = json.dumps(about).encode()
            temporary.write_bytes(
                b"".join([_HEAD.pack(len(header), zlib.crc32(header)), header, *packed])
            )
            size = temporary.stat().st_size
            if not self._room(size):
                temporary.unlink()
                return False
            os.replace(temporary, path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            print(
                f"the cache {self.folder} takes no more clips ({error.strerror}); going on without",
                file=sys.stderr,
            )
            self.limit = 0
            return False
        self._written += size
        return True

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.clip"

    def _room(self, size: int) -> bool:
        if self._written + size > self.limit / 256:  # others write too: look again
            self._held, self._written = self._measure(), 0
        if self._held + self._written + size <= self.limit:
            return True
        if size > self.limit:
            return False
        for used, path, bytes_ in sorted(self._entries()):
            if used >= self._opened:
                break
            with suppress(OSError):
                path.unlink()
                self._held -= bytes_
            if self._held + self._written + size <= self.limit:
                return True
        return False

    def _entries(self) -> list[tuple[float, Path, int]]:
        """Time of last use, path and size of every file.

        What a killed process left half-written is removed.
        """
        entries = []
        with os.scandir(self.folder) as folder:
            files = list(folder)
        for entry in files:
            with suppress(OSError):
                state = entry.stat()
                if entry.name.startswith("."):
                    if time.time() - state.st_mtime > _STALE:
                        os.unlink(entry.path)
                elif entry.name.endswith(".clip"):
                    entries.append((state.st_mtime, Path(entry.path), state.st_size))
        return entries

    def _measure(self) -> int:
        return sum(size for _, _, size in self._entries())


def _differences(frame: np.ndarray) -> np.ndarray:
    """Each pixel less its left neighbour, modulo 256.

    A fifth smaller when compressed, at little cost in time.
    """
    differences = frame.copy()
    differences[:, 1:] -= frame[:, :-1]
    return differences

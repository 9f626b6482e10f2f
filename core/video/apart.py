"""A file of a stranger is decoded in a process of its own: it can end that one and no other.

The process takes one request on its input, answers on its output and ends. It has a bound on its
processor time and on its memory, and writes no file. One is started ahead, so that nobody waits for
its imports; it ends with the process that started it, whose end closes its input.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

import numpy as np

from core import errors
from core.errors import BadInput, NotAVideo, OverLimit, OverLimitNow, VideoError
from core.video.clip import Clip
from core.video.decoder import Probe, decode, probe
from core.video.informative import Informative, informative_of_file
from core.video.limits import Limits, Work, limits_here, work_here
from core.video.progress import Progress, silent

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

CAN_DO = resource is not None
"""Whether this system bounds a process; where it does not, files are decoded in this one."""
Leave = Callable[[], object]
"""Called again and again while the other process works; what it raises ends the work."""
_ROOT = Path(__file__).parents[2]
_GLANCE = 0.2
"""Seconds between two calls of Leave, and between two words on how far it is."""
_DONE = "done"
"""In the place of an answer: the part of the work that is done."""
_LONGEST_HEADER = 4_000_000
"""Bytes: the times of 120,000 frames."""
_WAITS = 4
"""The time on the clock that a file may take, in its processor time: others compute too."""
_spares: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()


def probe_apart(path: str | Path, leave: Leave = lambda: None, **how: Any) -> Probe:
    """`core.video.probe` in a process of its own.

    Raises: VideoError by the reason, also where that process used more than it may, or crashed.
    """
    if not CAN_DO:
        return probe(path, **how)
    header, _ = _asked("probe", Path(path), how, leave)
    return Probe(**header | {"changed": tuple(header["changed"])})


def decode_apart(
    path: str | Path, leave: Leave = lambda: None, progress: Progress = silent, **how: Any
) -> Clip:
    """`core.video.decode` in a process of its own; `how` are its settings.

    Raises: VideoError by the reason, also where that process used more than it may, or crashed;
    BadInput for settings that make no sense.
    """
    if not CAN_DO:
        return decode(path, progress=progress, **how)
    header, (frames, *seen) = _asked("decode", Path(path), how, leave, progress)
    views = {
        (crop, size): pixels for (crop, size), pixels in zip(header["views"], seen, strict=True)
    }
    return Clip(frames, np.array(header["times"]), header["source"], header["id"], views)


def informative_apart(
    path: str | Path,
    frames: int,
    start: float | None,
    end: float | None,
    leave: Leave = lambda: None,
) -> Informative:
    """`core.video.informative.informative_of_file` in a process of its own.

    Raises: VideoError by the reason, also where that process used more than it may, or crashed.
    """
    if not CAN_DO:
        return informative_of_file(path, frames, start, end)
    how = {"frames": frames, "start": start, "end": end}
    header, _ = _asked("informative", Path(path), how, leave)
    return Informative(tuple(header["times"]), tuple(header["scores"]), tuple(header["taken"]))


def keep_ready() -> None:
    """Start a process ahead, if none waits."""
    if CAN_DO and _spares.empty():
        _spares.put(_started())


def _started() -> subprocess.Popen[bytes]:
    inherited = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(_ROOT), *filter(None, [inherited])])
    return subprocess.Popen(
        [sys.executable, "-m", "core.video.apart"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C in the terminal is for the server, which ends its children
    )


def _asked(
    task: str, path: Path, how: dict[str, Any], leave: Leave, progress: Progress = silent
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What another process answers: a header, and the uint8 arrays whose shapes it announces."""
    limits, work = limits_here(), work_here()
    request = {
        "task": task,
        "path": str(path.absolute()),
        "how": how,
        "limits": asdict(limits),
        "work": asdict(work),
    }
    process = _sent(json.dumps(request).encode() + b"\n")
    until = time.monotonic() + _WAITS * work.cpu_seconds
    try:
        header, arrays = _answer(process, leave, until, work, progress)
    except TimeoutError:
        raise OverLimitNow(_too_long(path.name, work)) from None
    except ValueError:
        raise _crashed(path.name) from None
    except EOFError:
        raise _ended(path.name, _code(process), work) from None
    finally:
        _discard(process)
    if "error" in header:
        raise getattr(errors, header["error"])(header["message"])
    return header, arrays


def _sent(request: bytes) -> subprocess.Popen[bytes]:
    """A process that has the request; another one is started for whoever comes next."""
    while True:
        try:
            process = _spares.get_nowait()
        except Empty:
            process = _started()
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except OSError:  # it was ended while it waited
            _discard(process)
            continue
        keep_ready()
        return process


def _answer(
    process: subprocess.Popen[bytes], leave: Leave, until: float, work: Work, progress: Progress
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What a process answers, after it has said how far it is as often as it likes.

    Raises: EOFError where it ends before, TimeoutError, ValueError for what is no answer."""
    assert process.stdout is not None
    output = process.stdout.fileno()

    def more(buffer: memoryview) -> int:
        """Fill some of a buffer; returns how many bytes."""
        while not select.select([output], [], [], _GLANCE)[0]:
            leave()
            if time.monotonic() > until:
                raise TimeoutError
        count = os.readv(output, [buffer])
        if not count:
            raise EOFError
        return count

    block, rest = bytearray(2**16), b""
    header: dict[str, Any] = {_DONE: 0.0}
    while _DONE in header:
        progress(min(max(float(header[_DONE]), 0.0), 1.0))
        leave()
        if time.monotonic() > until:
            raise TimeoutError
        while b"\n" not in rest:
            rest += block[: more(memoryview(block))]
            if len(rest) > _LONGEST_HEADER:
                raise ValueError("no answer")
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
    shapes = header.get("shapes", [])
    sizes = [int(np.prod(shape, dtype=float)) for shape in shapes]
    if not len(rest) <= sum(sizes) <= work.memory_megabytes * 1e6 or min(sizes, default=0) < 0:
        raise ValueError("no answer")
    data = np.empty(sum(sizes), np.uint8)
    data[: len(rest)] = np.frombuffer(rest, np.uint8)
    count, view = len(rest), data.data
    while count < len(data):
        leave()
        count += more(view[count:])
    pieces = np.split(data, np.cumsum(sizes)[:-1]) if sizes else []
    return header, [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _code(process: subprocess.Popen[bytes]) -> int:
    """How a process ended that closed its output; one that stays for all that is ended."""
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        return 0


def _discard(process: subprocess.Popen[bytes]) -> None:
    """End a process, whatever it does."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _ended(name: str, code: int, work: Work) -> VideoError:
    """Why a process gave no answer, by how it ended."""
    if code == -signal.SIGXCPU:
        return OverLimit(_too_long(name, work))
    if code == -signal.SIGKILL:  # by the system, which has none left
        return OverLimitNow(_too_large(name, work))
    return _crashed(name)


def _too_long(name: str, work: Work) -> str:
    return (
        f"{name}: decoding it takes more than {work.cpu_seconds:.0f} seconds of work; cut it "
        "shorter or scale it down"
    )


def _too_large(name: str, work: Work) -> str:
    return (
        f"{name}: decoding it takes more than {work.memory_megabytes:.0f} MB of memory; ask for "
        "fewer frames, or scale it down"
    )


def _crashed(name: str) -> NotAVideo:
    return NotAVideo(
        f"{name}: its pictures cannot be decoded (they end the decoder); convert it to mp4 (H.264)"
    )


def _bound(work: Work) -> None:
    """Bound what this process may use from here on; it writes no file, and leaves no core."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime + work.cpu_seconds) + 1
    _lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    memory = Path("/proc/self/statm")
    if memory.exists():
        pages = int(memory.read_text().split()[0])
        taken = pages * resource.getpagesize()
        _lower(resource.RLIMIT_AS, taken + int(work.memory_megabytes * 1e6))


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a bound that cannot be lifted again; one that is lower already stays."""
    _, before = resource.getrlimit(kind)
    most = soft if hard is None else hard
    most = most if before == resource.RLIM_INFINITY else min(most, before)
    resource.setrlimit(kind, (min(soft, most), most))


class _Telling:
    """Tells the process that asked how far this one is, now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, share: float) -> None:
        if time.monotonic() - self._last > _GLANCE:
            self._last = time.monotonic()
            sys.stdout.buffer.write(json.dumps({_DONE: share}).encode() + b"\n")
            sys.stdout.buffer.flush()


def _done(request: dict[str, Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header of the answer, and the arrays that follow it."""
    limits, how = Limits(**request["limits"]), request["how"]
    if request["task"] == "probe":
        return asdict(probe(request["path"], limits, **how)), []
    if request["task"] == "informative":
        shown = informative_of_file(request["path"], limits=limits, **how)
        return {"times": shown.times, "scores": shown.scores, "taken": shown.taken}, []
    how["views"] = [tuple(view) for view in how.get("views", [])]
    clip = decode(request["path"], limits=limits, progress=_Telling(), **how)
    arrays = [clip.frames, *clip.views.values()]
    header = {
        "shapes": [array.shape for array in arrays],
        "views": list(clip.views),
        "times": clip.times.tolist(),
        "source": clip.source,
        "id": clip.id,
    }
    return header, arrays


def _main() -> NoReturn:
    """One request, one answer."""
    import cv2  # noqa: F401  # before the request, and before the bounds

    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    request = json.loads(line)
    work = Work(**request["work"])
    _bound(work)
    name = Path(request["path"]).name
    arrays: list[np.ndarray] = []
    try:
        header, arrays = _done(request)
    except BadInput as error:
        header = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        header = {"error": OverLimit.__name__, "message": _too_large(name, work)}
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
        for array in arrays:
            sys.stdout.buffer.write(np.ascontiguousarray(array).data.cast("B"))
        sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()

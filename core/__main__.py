"""`python -m core`: the command line of core/cli.py."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def end_at_once() -> None:
    """Let Ctrl-C end the process while a command is still being read, when nothing is written yet.

    numpy would take an interrupt of its import for a fault of its own.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os._exit(130)


def interrupt() -> None:
    """From here on let Ctrl-C raise a KeyboardInterrupt, also where Python would forget it.

    That is in a callback of its own, such as those of imports.
    """
    import threading
    from typing import Any

    def again() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def passed_over(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, again).start()  # in here it would be forgotten again
        else:
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = passed_over
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def read_enough(main: Callable[[], int]) -> int:
    """The exit code of a command line whose reader may leave before its end, such as `head`."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again when it ends, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code


def run() -> int:
    """The command line's exit code; Ctrl-C gives no traceback while it is read, or ends, either."""
    end_at_once()
    from core.cli import main

    try:
        interrupt()
        return read_enough(main)
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(run())

"""`python -m core`: the command line of core/cli.py."""

from __future__ import annotations

import signal
import sys


def run() -> int:
    """The command line's exit code; Ctrl-C gives no traceback while it is read, or ends, either."""
    try:
        from core.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(run())

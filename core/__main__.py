"""`python -m core`: the command line of core/cli.py."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from core.cli import main
    except KeyboardInterrupt:  # while it was still being read
        sys.exit(130)
    sys.exit(main())

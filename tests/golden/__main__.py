"""Write the golden files anew, on purpose: python -m tests.golden [NAME...]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.golden.everything import GOLDEN
from tests.golden.files import write


def main(names: list[str]) -> int:
    """Write those that are named, or all."""
    unknown = [name for name in names if name not in GOLDEN]
    if unknown:
        print(
            f"no golden file {', '.join(unknown)}; there are {', '.join(GOLDEN)}", file=sys.stderr
        )
        return 2
    for name in names or GOLDEN:
        with tempfile.TemporaryDirectory() as folder:
            path = write(name, GOLDEN[name](Path(folder).resolve()))
        print(f"{path}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Who is a lecturer on a server: names with passwords in a file, or addresses known by OIDC.

The file has a line for each: `NAME:scrypt:SALT:HASH`, which this command writes, or a bare address
of one who signs in with the identity provider of `[auth]` in .streamlit/secrets.toml.

    python -m pages.parts.lecturers FILE NAME
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import hmac
import os
import re
import secrets
import sys
from pathlib import Path

from core.errors import BadInput
from core.runs import write_text

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_ADDRESS = re.compile(r"[^\s:@]+@[^\s:@]+")
_LEAST_LETTERS = 10
"""Of a password."""
_COST = {"n": 2**14, "r": 8, "p": 1}
"""Of scrypt: 16 MB and about 50 ms a try."""


def hashed(password: str, salt: bytes) -> str:
    """The scrypt hash of a password, as hex digits."""
    return hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()


def entry(name: str, password: str) -> str:
    """The line of a lecturer.

    Raises: BadInput for a name that is none, or a password that is too short.
    """
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name[:40]!r} cannot name a lecturer; use 1 to 31 small letters, digits, - and _, "
            "beginning with a letter"
        )
    if len(password) < _LEAST_LETTERS:
        raise BadInput(f"the password is too short; take {_LEAST_LETTERS} letters or more")
    salt = secrets.token_bytes(16)
    return f"{name}:scrypt:{salt.hex()}:{hashed(password, salt)}"


def read(file: Path) -> tuple[dict[str, tuple[bytes, str]], frozenset[str]]:
    """Salt and hash of each name, and the addresses; both empty where there is no file.

    Raises: BadInput for a file that cannot be read, or a line that is no entry.
    """
    if not file.exists():
        return {}, frozenset()
    names, addresses = {}, set()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{file} cannot be read; look at its permissions") from None
    for number, line in enumerate(lines, 1):
        match = re.fullmatch(rf"({NAME.pattern}):scrypt:([0-9a-f]{{32}}):([0-9a-f]{{128}})", line)
        if match:
            names[match[1]] = (bytes.fromhex(match[2]), match[3])
        elif _ADDRESS.fullmatch(line):
            addresses.add(line.lower())
        elif line.strip() and not line.startswith("#"):
            raise BadInput(
                f"line {number} of {file} is no lecturer; write `python -m pages.parts.lecturers "
                f"{file} NAME`, or an address such as name@example.org"
            )
    return names, frozenset(addresses)


def is_right(file: Path, name: str, password: str) -> bool:
    """Whether the file has this name with this password; a name that it lacks takes as long."""
    names, _ = read(file)
    salt, expected = names.get(name, (b"0" * 16, ""))
    return hmac.compare_digest(hashed(password, salt), expected)


def add(file: Path, name: str, password: str) -> None:
    """Write a lecturer into the file, in place of one of the same name; only its owner reads it."""
    line = entry(name, password)
    read(file)  # a file of another kind is not written over
    others = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    others = [other for other in others if not other.startswith(f"{name}:")]
    write_text(file, "\n".join([*others, line]) + "\n")
    os.chmod(file, 0o600)


def main(argv: list[str] | None = None) -> int:
    """Ask for a password and write the lecturer."""
    parser = argparse.ArgumentParser(
        prog="python -m pages.parts.lecturers",
        description="Add a lecturer, who may train on a server, or give one another password.",
    )
    parser.add_argument("file", type=Path, help="that AIM_LECTURERS names")
    parser.add_argument("name")
    args = parser.parse_args(argv)
    try:
        if not NAME.fullmatch(args.name):
            entry(args.name, "x" * _LEAST_LETTERS)
        add(args.file, args.name, getpass.getpass(f"Password of {args.name}: "))
    except (BadInput, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, EOFError):
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    print(f"{args.name} may sign in; start the app with AIM_SERVER=1 AIM_LECTURERS={args.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

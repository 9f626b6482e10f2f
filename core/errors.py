"""The one error type that users see: what was given, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unicodedata import category


class BadInput(ValueError):
    """Input that cannot be used. The message is one clear line, fit to be shown as it is.

    It stays one line whatever a name in it holds.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class VideoError(BadInput):
    """A video that cannot be used."""


class MissingVideo(VideoError):
    """No such file, or a folder."""


class EmptyVideo(VideoError):
    """A file of zero bytes, or no frame that can be decoded."""


class NotAVideo(VideoError):
    """Not one of the known containers, or damaged beyond reading."""


class NoVideoStream(VideoError):
    """Sound without pictures."""


class TooFewFrames(VideoError):
    """Fewer frames than were asked for."""


class OverLimit(VideoError):
    """Larger or longer than the limits allow."""


class OverLimitNow(OverLimit):
    """More than the computer had to give just then: another time it may be enough."""


_NO_MEMORY = ("allocate memory", "not enough memory", "out of memory", "nsufficient memory")
"""How torch and OpenCV say it, which raise no MemoryError."""


@contextmanager
def enough_memory(lower: str = "ask for fewer frames, or choose a smaller model") -> Iterator[None]:
    """Raises: BadInput where what is done inside takes more memory than there is; it says `lower`.

    Any other error passes.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        says_so = any(words in str(error) for words in _NO_MEMORY)
        if not isinstance(error, MemoryError) and not says_so:
            raise
        raise BadInput(f"this takes more memory than the computer has; {lower}") from None


def located(error: BadInput, path: str) -> str:
    """The message, the file in it called by its whole path: two folders may hold one name."""
    message = str(error)
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return path + message.removeprefix(name) if message.startswith(f"{name}:") else message


def brief(value: object, most: int = 80) -> str:
    """What somebody else wrote, fit for one line of a message: no more than `most` characters.

    What would break the line is written as in Python.
    """
    text = one_line(str(value)[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."


def one_line(text: str) -> str:
    """A text whose control characters, line breaks and halves of characters are escaped."""
    if text.isprintable():
        return text
    return "".join(c if category(c) not in _UNPRINTED else ascii(c)[1:-1] for c in text)


_UNPRINTED = ("Cc", "Cs", "Zl", "Zp")

"""The one error type that users see: what was given, what was expected, what to do."""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be used. The message is one clear line, fit to be shown as it is."""


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


def located(error: BadInput, path: str) -> str:
    """The message, the file in it called by its whole path: two folders may hold one name."""
    message = str(error)
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return path + message.removeprefix(name) if message.startswith(f"{name}:") else message


def brief(value: object, most: int = 80) -> str:
    """What somebody else wrote, fit for one line of a message: no more than `most` characters.

    Whatever would not print, a line break among it, is written as in Python.
    """
    text = str(value)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."

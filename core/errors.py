"""The one error type that users see: what was given, what was expected, what to do."""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be used. The message is one clear line, fit to be shown as it is."""

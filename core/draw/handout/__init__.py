"""A page to take home: what models show of a clip, as one file that opens from disk."""

from core.draw.handout.document import document
from core.draw.handout.fitting import LIMIT, targets
from core.draw.handout.lesson_page import lesson_document
from core.draw.handout.sheet import Sheet, Shuffle, sheet, shuffles_of

__all__ = [
    "LIMIT",
    "Sheet",
    "Shuffle",
    "document",
    "lesson_document",
    "sheet",
    "shuffles_of",
    "targets",
]

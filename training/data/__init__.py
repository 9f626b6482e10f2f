"""Training data: labelled clips from the field's data sets, and rendered gestures without end.

`open_dataset(kind, root, split, plan)` is the front door; its items are (clip uint8 (T, H, W, 3),
label index, name).
"""

from __future__ import annotations

from core.video.sets.folders import has_splits
from core.video.sets.labelled import Labelled, Listing
from core.video.sets.listing import KINDS, listing
from core.video.sets.reading import Plan, read, view_indices
from training.data.batches import Batch, Stream, collated, loaded, stacked
from training.data.cache import Cache
from training.data.clips import Clips, Item, Selection, open_dataset, report_missing, share_of
from training.data.rendered import Gestures

__all__ = [
    "KINDS",
    "Batch",
    "Cache",
    "Clips",
    "Gestures",
    "Item",
    "Labelled",
    "Listing",
    "Plan",
    "Selection",
    "Stream",
    "collated",
    "has_splits",
    "listing",
    "loaded",
    "open_dataset",
    "read",
    "report_missing",
    "share_of",
    "stacked",
    "view_indices",
]

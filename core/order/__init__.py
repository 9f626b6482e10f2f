"""A matrix becomes an order of frames, and how sure it is."""

from core.order.accuracy import lcs_length, order_accuracy, reversal_accuracy
from core.order.edges import Edge, Path, path_weight, running_weights
from core.order.held_karp import EXACT_FRAMES
from core.order.matrix import MOST_PASSES, Affinity, Pixels, order_matrix
from core.order.paths import greedy_path, hamiltonian_path, heaviest_paths
from core.order.reading import Reading, read, reading_of
from core.order.recover import (
    REPEATED,
    UNKNOWN_MARGIN,
    Order,
    Verdict,
    frame_graph,
    pixel_affinity,
    recover_order,
    repeated_slots,
    sharpened,
)

__all__ = [
    "EXACT_FRAMES",
    "MOST_PASSES",
    "REPEATED",
    "UNKNOWN_MARGIN",
    "Affinity",
    "Edge",
    "Order",
    "Path",
    "Pixels",
    "Reading",
    "Verdict",
    "frame_graph",
    "greedy_path",
    "hamiltonian_path",
    "heaviest_paths",
    "lcs_length",
    "order_accuracy",
    "order_matrix",
    "path_weight",
    "pixel_affinity",
    "read",
    "reading_of",
    "recover_order",
    "repeated_slots",
    "reversal_accuracy",
    "running_weights",
    "sharpened",
]

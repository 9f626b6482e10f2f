"""The columns of a table of results: a row a clip.

A clip that cannot be used has its number, name, path, label and `error`, and null elsewhere; what
follows from a class is null for a model that names none. Shapes
of lists and pictures are those of the row: C classes of the manifest's `labels`, L layers, k the
manifest's `settings.shuffles`, and T', h, w the row's `grid_t`, `grid_h`, `grid_w`. Lists of
several axes are flat, the last axis running fastest. Places are parts of the picture that the model
saw: x from its left edge, y from its top, 0..1.
"""

from __future__ import annotations

import pyarrow as pa

TEXT, REAL, WHOLE, FLAG, BYTES = (
    pa.string(),
    pa.float32(),
    pa.int32(),
    pa.bool_(),
    pa.binary(),
)
REALS, WHOLES, TEXTS = pa.list_(REAL), pa.list_(pa.int16()), pa.list_(TEXT)

_WHAT = {
    "number": (pa.int64(), "place in the data set, from 0"),
    "clip": (TEXT, "name, unique in the data set; the same for every model"),
    "path": (TEXT, "the file, absolute; render:LABEL:SEED of a rendered clip"),
    "start": (pa.float64(), "seconds: where in the file the clip begins; null: at its beginning"),
    "end": (pa.float64(), "seconds: where it ends; null: at its end"),
    "label": (TEXT, "the class it has; null where the data set says none"),
    "error": (TEXT, "one line: why the clip cannot be used; null where it can"),
    "frames": (WHOLE, "T, how many the model saw"),
    "duration": (REAL, "seconds from the first frame that the model saw to the last"),
}
_PREDICTION = {
    "prediction": (TEXT, "the most probable class"),
    "correct": (FLAG, "whether it is the label; null where the model does not know the label"),
    "probability": (REAL, "of the prediction, 0..1"),
    "second": (TEXT, "the second most probable class"),
    "margin": (REAL, "probability of the prediction minus that of the second, 0..1"),
    "label_probability": (REAL, "of the label, 0..1; null where the model does not know it"),
    "probabilities": (REALS, "(C,) of each class, summing to 1"),
    "domain_score": (REAL, "how much the clip looks like training, 0..1; null: not calibrated"),
    "domain_inside": (FLAG, "whether it looks like training; null: not calibrated"),
}
_ATTENTION = {
    "entropy": (REAL, "of attention over a frame's patches in the last layer: 0 one, 1 all alike"),
    "entropy_drift": (REAL, "entropy of the last layer minus that of the first, -1..1"),
    "entropy_by_layer": (REALS, "(L,) first layer first, 0..1"),
    "centre_x": (REAL, "centre of mass of attention in the last layer, mean over time"),
    "centre_y": (REAL, "the same from the top"),
    "spread": (REAL, "root mean square distance from the centre of each step, in picture sides"),
    "on_motion": (REAL, "the share of attention on pixels that move; null where none does"),
    "motion": (REAL, "the share of pixels that move: what attention alike everywhere would give"),
    "frame_matrix": (REALS, "(T', T') attention from frame to frame, [query, key], unsharpened"),
}
_ORDER = {
    "order_verdict": (TEXT, "the commonest of k shuffles: known, up_to_direction, unknown"),
    "order_accuracy": (REAL, "OrderAcc, percent, mean over k shuffles"),
    "order_either_way": (REAL, "the same of the path or its reverse, whichever is better"),
    "direction_margin": (REAL, "weight of the path minus that backwards, mean over k shuffles"),
    "order_verdicts": (TEXTS, "(k,) of each shuffle"),
    "order_accuracies": (REALS, "(k,) percent"),
    "order_permutations": (WHOLES, "(k, T') the unit of frames shown in each slot"),
    "order_paths": (WHOLES, "(k, T') slots in the order that was recovered"),
}
_GRADCAM = {
    "gradcam_centre_x": (REAL, "of GradCAM of the prediction, as of attention"),
    "gradcam_centre_y": (REAL, "as of attention"),
    "gradcam_spread": (REAL, "as of attention"),
    "gradcam_on_motion": (REAL, "as of attention"),
    "gradcam_agreement": (REAL, "correlation of GradCAM and attention over all patches, -1..1"),
}
_TRUTH = {
    "truth_hand": (REAL, "share of frames whose hottest place lies on the hand, 0..1"),
    "truth_fingertip": (REAL, "share of frames whose hottest place is at the fingertip, 0..1"),
    "truth_energy": (REAL, "share of attention on the hand, 0..1"),
    "truth_auc": (REAL, "chance that a pixel on the hand is hotter than one off it, 0..1"),
    "truth_precision": (REAL, "average precision of the pixels, 0..1"),
}
"""Of attention in the last layer; null but for rendered clips, whose truth is known."""
_PICTURES = {
    "grid_t": (WHOLE, "T', temporal tokens"),
    "grid_h": (WHOLE, "h, rows of patches"),
    "grid_w": (WHOLE, "w, columns of patches"),
    "attention_map": (BYTES, "(T', h, w) uint8; weight = low + (high - low) * value / 255"),
    "attention_low": (REAL, "its low; below 0 only where a kernel is signed"),
    "attention_high": (REAL, "its high"),
    "gradcam_map": (BYTES, "(T', h, w) uint8; heat = high * value / 255"),
    "gradcam_high": (REAL, "its high"),
    "embedding": (REALS, "(D,) mean patch token where GradCAM reads: after the last block"),
    "thumbnail": (BYTES, "JPEG of the frame in the middle, as the model saw it"),
    "thumbnail_step": (WHOLE, "the step of the maps, 0..T' - 1, that covers this frame"),
}
_SECONDS = {
    "seconds_decode": (REAL, "to read the file"),
    "seconds_model": (REAL, "of the passes on the clip: its share of a batch's"),
    "seconds_order": (REAL, "of the passes on its shuffles, and of finding their paths"),
    "seconds_rest": (REAL, "to reduce what the passes showed"),
}

WHAT_IT_IS = ("number", "clip", "path", "start", "end", "label", "error")
"""What a clip has that cannot be used."""
SECONDS = tuple(_SECONDS)
"""The columns that differ from run to run."""
TRUTH = tuple(_TRUTH)
SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=name not in ("number", "clip", "path"), metadata={"is": text})
        for group in (_WHAT, _PREDICTION, _ATTENTION, _ORDER, _GRADCAM, _TRUTH, _PICTURES, _SECONDS)
        for name, (kind, text) in group.items()
    ]
)
"""Every column, in the order of the files; the metadata `is` of a field says what it holds."""

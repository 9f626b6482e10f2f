"""A model without classes explains a data set too: what follows from a class is null."""

from __future__ import annotations

import torch

from core.draw.data_set.explainer import Clips, rows
from core.draw.data_set.shards import table_of
from core.draw.data_set.wanted import wanted_set
from core.models import build
from core.weights import Card, Model


def test_a_frozen_image_model_has_rows_without_classes() -> None:
    torch.manual_seed(0)
    net = build("vit", "b", size=28, patch=7, frames=4, width=12, depth=2, heads=3).eval()
    half = (0.5, 0.5, 0.5)
    model = Model(net, Card("vit", "b", (), half, half, 28, 4, "uniform", "fit", "nothing"))
    every = table_of(rows(model, wanted_set("gestures", 2).clips, Clips(1, 0))).to_pylist()
    for row in every:
        assert row["error"] is None
        assert (row["grid_t"], row["grid_h"], row["grid_w"]) == (4, 4, 4)
        assert len(row["embedding"]) == 12
        assert row["attention_map"] is not None
        assert row["order_verdict"] is not None
        assert {row[name] for name in ("prediction", "correct", "margin", "gradcam_map")} == {None}

"""`python -m training outputs`: each of AM Flow's outputs alone over clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assets import ASSETS
from core.errors import BadInput
from core.weights import load
from training import outputs as module
from training.__main__ import main
from training.evaluate import Sample, rendered_clips


def test_an_output_is_right_where_its_own_largest_probability_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = load("am_flow")
    count = 2 * len(model.net.am_blocks) + 1
    (sample,) = rendered_clips(1, model.card)
    truth = model.card.labels.index(sample.label)

    def said(model, clip) -> np.ndarray:
        table = np.zeros((count, len(model.card.labels)))
        table[:, (truth + 1) % len(model.card.labels)] = 0.5
        table[0, truth] = 0.75
        return table

    monkeypatch.setattr(module, "output_probabilities", said)
    result = module.measured(model, [sample, sample])
    assert [row["top1"] for row in result["outputs"]] == [1.0] + [0.0] * (count - 1)
    assert result["clips"] == 2 and result["outputs"][-1] == {
        "block": None,
        "place": "image",
        "top1": 0.0,
    }
    with pytest.raises(BadInput, match="not one clip"):
        module.measured(model, [])


def test_the_command_writes_what_the_page_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sample] = []

    def few(model, samples) -> dict[str, object]:
        seen.extend(samples)
        return {"clips": len(seen), "top1": 1.0, "outputs": []}

    monkeypatch.setattr(module, "measured", few)
    out = tmp_path / "new" / "outputs.json"
    assert main(["outputs", "--out", str(out), "--test-clips", "2"]) == 0
    written = json.loads(out.read_text())
    assert written["weights"] == load("am_flow").card.hash and written["rendered"]["clips"] == 2
    assert main(["outputs", "--out", str(out), "--test-clips", "0"]) == 2


def test_what_is_shipped_was_measured_of_the_shipped_weights() -> None:
    shipped = json.loads((ASSETS / "results" / "am_flow_outputs.json").read_text())
    model = load("am_flow")
    assert shipped["weights"] == model.card.hash
    rows = shipped["rendered"]["outputs"]
    assert len(rows) == 2 * len(model.net.am_blocks) + 1
    assert shipped["rendered"]["top1"] > max(row["top1"] for row in rows[:2])

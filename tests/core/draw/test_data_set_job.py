"""A whole data set explained: what a row says, what is broken, and a job that was stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch

from core.cli import main
from core.draw.data_set import job, manifest
from core.draw.data_set.columns import SCHEMA, TRUTH
from core.draw.data_set.explainer import Clips, rows
from core.draw.data_set.job import Pool, Weights, shard_size
from core.draw.data_set.shards import table_of
from core.draw.data_set.wanted import Wanted, read_wanted, wanted_set
from core.errors import BadInput
from core.explain import gradcam, spatial, temporal
from core.explain.trust.over_clips import truth_seen
from core.explain.trust.truth_scores import truth_scores
from core.explain.where import entropy
from core.observe import observe
from core.order import Affinity, read
from core.order.trials import permutation_of
from core.weights import load_checkpoint
from tests.core.draw.data_sets import checkpoint, differences, table, write_clip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def explained(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any, str]:
    """Exit code, JSON (None where there is none) and stderr of the command."""
    code = main(["explain-set", *argv, "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out else None, printed.err


def test_a_row_says_what_the_model_shows_of_the_clip_by_itself(weights: Path) -> None:
    torch.manual_seed(0)
    model = load_checkpoint(weights)
    wanted = wanted_set("gestures", 3).clips
    every = rows(model, wanted, Clips(shuffles=2, seed=5))
    assert [row["number"] for row in every] == [0, 1, 2]
    row, (clip, gesture) = every[1], read_wanted(wanted[1], model.card)
    trace = observe(model, clip)
    assert row["clip"] == f"{row['label']}/{row['path'].split(':')[2]}"
    np.testing.assert_allclose(row["probabilities"], trace.probabilities, atol=1e-5)
    assert row["prediction"] == model.card.labels[int(trace.probabilities.argmax())]
    first, second = np.sort(trace.probabilities)[::-1][:2]
    assert row["margin"] == pytest.approx(first - second, abs=1e-5)
    assert row["correct"] == (row["prediction"] == row["label"])
    heat = spatial(trace)
    expected = [entropy(spatial(trace, 0)), entropy(heat)]
    np.testing.assert_allclose(row["entropy_by_layer"], expected, atol=1e-5)
    assert row["entropy_drift"] == pytest.approx(expected[1] - expected[0], abs=1e-5)
    np.testing.assert_allclose(row["frame_matrix"], temporal(trace).ravel(), atol=1e-5)
    cam = gradcam(model, clip, int(trace.probabilities.argmax()))
    np.testing.assert_allclose(_map(row, "gradcam", cam.heat.shape), cam.heat, atol=2e-2)
    step = (row["attention_high"] - row["attention_low"]) / 255
    np.testing.assert_allclose(_map(row, "attention", heat.shape), heat, atol=0.51 * step + 1e-6)
    assert gesture is not None
    hand, tips = truth_seen(gesture.mask, gesture.fingertip, model.card)
    for name, value in truth_scores(heat, hand, tips).numbers.items():
        assert row[f"truth_{name}"] == pytest.approx(value, abs=1e-4)
    thumbnail = cv2.imdecode(np.frombuffer(row["thumbnail"], np.uint8), cv2.IMREAD_COLOR)
    near = np.abs(thumbnail[:, :, ::-1].astype(int) - trace.frames[4]).mean()
    assert near < np.abs(thumbnail[:, :, ::-1].astype(int) - trace.frames[0]).mean()
    assert row["thumbnail_step"] == 4
    assert table_of(every).schema.equals(SCHEMA)


def _map(row: dict[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.frombuffer(row[f"{name}_map"], np.uint8).reshape(shape)
    low = row.get(f"{name}_low", 0.0)
    return low + (row[f"{name}_high"] - low) * values / 255


def test_each_shuffle_is_read_as_the_command_order_reads_it(weights: Path) -> None:
    model = load_checkpoint(weights)
    (wanted,) = wanted_set("gestures", 1).clips
    (row,) = rows(model, [wanted], Clips(shuffles=3, seed=7))
    clip, _ = read_wanted(wanted, model.card)
    readings = [
        read(model, clip, permutation_of(wanted.name, 8, 7 + i), Affinity.of(model.card))
        for i in range(3)
    ]
    assert row["order_verdicts"] == [reading.order.verdict for reading in readings]
    assert row["order_accuracies"].tolist() == pytest.approx([r.accuracy for r in readings])
    assert row["order_paths"].tolist() == [p for r in readings for p in r.order.path]
    assert row["order_permutations"].tolist() == [p for r in readings for p in r.permutation]


def test_without_shuffles_there_is_no_order_and_elsewhere_no_truth(
    weights: Path, tmp_path: Path
) -> None:
    write_clip(tmp_path / "a.mp4", 3)
    (row,) = rows(load_checkpoint(weights), wanted_set(str(tmp_path)).clips, Clips(0, 0))
    (read_back,) = table_of([row]).to_pylist()
    empty = {name for name, value in read_back.items() if value is None}
    assert empty == {
        *TRUTH,
        *(name for name in SCHEMA.names if name.startswith(("order_", "direction_", "domain_"))),
        *("start", "end", "label", "correct", "label_probability", "error"),
    }


def test_a_job_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("gestures", "--clips", "29", "--checkpoint", str(weights), "--shuffles", "1")
    _, at_once, _ = explained(capsys, *arguments, "--out", str(tmp_path / "at_once"))
    assert at_once["shards"] == 4
    out, write, made = tmp_path / "out", job.write_shard, []

    def stopped(path: Path, part: pa.Table) -> None:
        if len(made) % 2:
            made.append(0)
            path.with_name(f".{path.name}.1").write_bytes(b"half")
            raise KeyboardInterrupt
        made.append(len(part))
        write(path, part)

    monkeypatch.setattr(job, "write_shard", stopped)
    codes = [explained(capsys, *arguments, "--out", str(out))[0] for _ in range(4)]
    assert codes == [130, 130, 130, 0]
    assert sum(made) == 29
    assert differences(table(tmp_path / "at_once"), table(out)) == []
    assert {path.suffix for path in (out / "clips").iterdir()} == {".parquet"}
    monkeypatch.setattr(job, "write_shard", None)
    again = explained(capsys, *arguments, "--out", str(out))[1]
    assert again["clips_now"] == 0
    assert again["clips"] == 29


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (["--shuffles", "2"], "settings.shuffles differs"),
        (["--clips", "4"], "data differs"),
        (["--seed", "1"], "settings.seed differs"),
        (["--model", "far"], "is a direcformer checkpoint, not far"),
    ],
)
def test_a_folder_of_another_job_is_refused_in_a_line(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: list[str],
    reason: str,
) -> None:
    argv = ["gestures", "--clips", "3", "--checkpoint", str(weights), "--shuffles", "0"]
    argv += ["--out", str(tmp_path / "out")]
    assert explained(capsys, *argv)[0] == 0
    before = table(tmp_path / "out")
    code, _, err = explained(capsys, *argv, *changes)
    assert code == 2
    assert reason in err
    assert err.count("\n") == 1
    assert table(tmp_path / "out").equals(before)


def test_other_weights_of_the_same_model_are_another_job(tmp_path: Path) -> None:
    model = load_checkpoint(checkpoint(tmp_path / "one"))
    about = job.about(
        Weights(None, str(tmp_path / "one")), model, wanted_set("gestures", 1), Clips(0, 0)
    )
    job.begin(tmp_path / "out", about)
    with pytest.raises(BadInput, match="weights_sha256 differs"):
        job.begin(tmp_path / "out", manifest.Manifest(**{**about, "weights_sha256": "0" * 64}))


def test_more_than_one_process_without_ray_says_what_to_install(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    argv = ["gestures", "--clips", "1", "--checkpoint", str(weights), "--out", str(tmp_path)]
    code, _, err = explained(capsys, *argv, "--workers", "2")
    assert code == 2
    assert "pip install 'attention-in-motion[scale]'" in err
    assert err.count("\n") == 1


def test_clips_that_lie_in_a_folder_have_no_label_and_those_of_its_folders_do(
    tmp_path: Path,
) -> None:
    for name in ("b.mp4", "a.webm", "notes.txt", ".hidden.mp4", "jump/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    clips = wanted_set(str(tmp_path)).clips
    assert [(c.number, c.name, c.label) for c in clips] == [
        (0, "a.webm", None),
        (1, "b.mp4", None),
        (2, "jump/c.mp4", "jump"),
    ]
    assert all(Path(c.path).is_absolute() for c in clips)


@pytest.mark.parametrize(
    ("source", "rendered", "reason"),
    [
        ("nowhere", None, "is not a folder"),
        ("gestures", 0, "renders nothing"),
        (".", 3, "says how many gestures"),
        ("jester:.", None, "holds no"),
    ],
)
def test_what_is_no_data_set_is_refused(source: str, rendered: int | None, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        wanted_set(source, rendered)


def test_few_clips_part_into_small_shards_and_many_into_few() -> None:
    assert [shard_size(n) for n in (1, 512, 2000, 1_000_000)] == [8, 8, 32, 512]


def test_a_clip_whose_numbers_are_not_finite_does_not_spoil_its_batch(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_checkpoint(weights)
    wanted = wanted_set("gestures", 3).clips
    plain = rows(model, wanted, Clips(0, 0))
    forward = model.net.forward
    bad = read_wanted(wanted[1], model.card)[0].seen("fit", 24)[0, :2, :2, 0] / 127.5 - 1

    def spoiled(video: torch.Tensor, detail: bool = False) -> Any:
        logits = forward(video, detail)
        is_bad = (video[:, 0, 0, :2, :2] - torch.tensor(bad)).abs().amax((1, 2)) < 1e-4
        return torch.where(is_bad[:, None], torch.nan, logits)

    monkeypatch.setattr(model.net, "forward", spoiled)
    every = rows(model, wanted, Clips(0, 0))
    assert [bool(row.get("error")) for row in every] == [False, True, False]
    assert "NaN or infinite" in every[1]["error"]
    np.testing.assert_allclose(every[2]["probabilities"], plain[2]["probabilities"], atol=1e-5)


def test_one_process_is_asked_for_unless_more_are() -> None:
    assert [Pool(*given).is_ray for given in ((None, None), (1, None), (2, None), (1, "auto"))] == [
        False,
        False,
        True,
        True,
    ]
    assert Wanted(0, "a", "/a", None).identity["clip"] == "a"

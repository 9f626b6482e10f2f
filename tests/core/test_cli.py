"""The command line: JSON keys, exit codes, one-line errors."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.order import order_accuracy, recover_order
from core.video import probe
from core.weights import load
from core.world.gestures import LABELS
from core.world.truth import run_lengths


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("render") / "star.mp4"
    assert (
        main(["render", "--label", "star", "--seed", "5", "--out", str(path), "--frames", "20"])
        == 0
    )
    return path


def run(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> object:
    """What a command prints as JSON, which must be all that it prints."""
    capsys.readouterr()
    assert main([*argv, "--json"]) == code
    out, err = capsys.readouterr()
    assert not err or code
    return json.loads(out)


@pytest.mark.parametrize(
    "command", [["core", "models", "--json"], ["training", "recipes", "--json"]], ids="-".join
)
def test_a_reader_who_leaves_early_gets_no_traceback(command: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert said == "" and process.returncode == 128 + signal.SIGPIPE


def test_render_writes_a_video_and_its_truth(clip: Path) -> None:
    truth = json.loads(clip.with_suffix(".json").read_text())
    found = probe(clip)
    assert (truth["label"], truth["seed"], truth["frames"]) == ("star", 5, 20)
    assert (found.width, found.height, found.frames, found.codec) == (320, 240, 20, "h264")
    assert np.array(truth["fingertip"]).shape == (20, 2) and np.array(truth["camera"]).shape == (
        20,
        2,
        3,
    )
    assert all(sum(runs) == 320 * 240 for runs in truth["mask_run_lengths"])


def test_help_names_the_strokes_and_the_baseline_without_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command, words in (("render", LABELS), ("order", ("pixels",))):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0 and set(words) <= set(
            re.findall(r"\w+", capsys.readouterr().out)
        )


def test_run_lengths_start_outside_the_mask_and_add_up() -> None:
    assert run_lengths(np.array([[0, 1, 1], [0, 0, 1]], bool)) == [1, 2, 2, 1]
    assert run_lengths(np.array([[1, 0, 0]], bool)) == [0, 1, 2]
    assert run_lengths(np.zeros((2, 2), bool)) == [4] and run_lengths(np.ones((2, 2), bool)) == [
        0,
        4,
    ]


def test_models_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    models = {m["name"]: m for m in run(capsys, "models")}
    assert {"direcformer", "timesformer"} <= set(models)
    assert models["direcformer"]["checkpoint"] and set(models["direcformer"]["presets"]) == {
        "gesture",
        "b",
    }


def test_count_gives_parameters_and_multiply_accumulates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run(
        capsys,
        "count",
        "far",
        "--preset",
        "s",
        "--set",
        "classes=174",
        "--set",
        "ratio=2:1",
        "--set",
        "interaction_groups=true",
    )
    assert (
        result["params"] == 23_426_862
        and result["gflops"] == pytest.approx(55.399, abs=0.001)
        and "trainable" not in result
    )
    assert result["settings"] == {"classes": 174, "ratio": "2:1", "interaction_groups": True}
    assert run(capsys, "count", "far", "--set", "norm_eps=1e-5")["settings"] == {"norm_eps": 1e-5}
    assert (
        run(capsys, "count", "timesformer", "--preset", "b", "--set", "classes=174")["params"]
        == 121_392_558
    )
    assert main(["count", "videomae"]) == 0
    assert "params: " in capsys.readouterr().out


def test_probe_describes_each_file_and_fails_if_one_is_bad(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    good, folder, missing = run(capsys, "probe", str(clip), str(tmp_path), "none.mp4", code=2)
    described = {"clip", "ok", "width", "height", "frames", "seconds", "fps", "codec", "changed"}
    assert set(good) == described and good["ok"] and good["changed"] == []
    assert not folder["ok"] and "folder" in folder["error"] and not missing["ok"]
    assert run(capsys, "probe", str(clip))[0]["clip"] == str(clip)


def test_a_variant_is_named_like_a_model(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    models = {each["name"]: each["variants"] for each in run(capsys, "models")}
    assert models.pop("direcformer") == ["direcformer_cc"] and not any(models.values())
    for name in ("direcformer", "direcformer_cc"):
        made = run(capsys, "order", str(clip), "--model", name, "--seed", "1")
        assert made["weights"] == load(name).card.hash


def test_classify_gives_five_labels_by_falling_probability(
    capsys: pytest.CaptureFixture[str], clip: Path
) -> None:
    first, second = run(capsys, "classify", str(clip), str(clip), "--model", "direcformer")
    p = [t["p"] for t in first["top"]]
    assert (
        len(p) == 5
        and p == sorted(p, reverse=True)
        and sum(p) <= 1.00001
        and {t["label"] for t in first["top"]} <= set(LABELS)
    )
    assert first == second


def test_frames_chosen_by_motion_say_what_the_papers_threshold_decided(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(clip), "--model", "rvit", "--sampling", "motion"]) == 0
    assert (
        "the threshold decides nothing here, and the 8 that change most" in capsys.readouterr().err
    )
    assert main(["classify", str(clip), "--model", "rvit"]) == 0
    assert "threshold" not in capsys.readouterr().err


def test_order_reports_a_path_that_follows_from_its_matrix(
    capsys: pytest.CaptureFixture[str], clip: Path
) -> None:
    result = run(capsys, "order", str(clip), "--model", "direcformer", "--seed", "3")
    assert result["permutation"] == np.random.default_rng(3).permutation(8).tolist()
    found = recover_order(np.array(result["matrix"]))
    assert tuple(result["path"]) == found.path and result["weight"] == pytest.approx(found.weight)
    assert result["margin"] == pytest.approx(found.margin) and result["runner_up"] == pytest.approx(
        found.runner_up
    )
    assert (
        result["order_accuracy"]
        == order_accuracy(found.path, result["permutation"])
        <= result["reversal_accuracy"]
    )
    assert result["unit_frames"] == 1 and result["verdict"] in (
        "known",
        "up_to_direction",
        "unknown",
    )
    given = run(
        capsys, "order", str(clip), "--permutation", ",".join(map(str, result["permutation"]))
    )
    assert given["path"] == result["path"] and given["passes"] == 1
    more = run(capsys, "order", str(clip), "--seed", "3", "--passes", "3")
    assert (
        more["passes"] == 3 and more["matrix"] != result["matrix"] and more["verdict"] != "known"
    ), "calibrated for one pass"
    assert run(capsys, "order", str(clip), "--model", "pixels")["verdict"] in (
        "up_to_direction",
        "unknown",
    )


def test_explain_writes_arrays_video_and_report(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "heat"
    report = run(
        capsys,
        "explain",
        str(clip),
        "--model",
        "direcformer",
        "--out",
        str(out),
        "--target",
        "circle",
        "--head",
        "1",
    )
    assert report == json.loads((out / "report.json").read_text()) and report["target"] == "circle"
    with np.load(out / "explanation.npz") as arrays:
        assert arrays["frames"].shape == (8, 96, 96, 3) and arrays["frames"].dtype == np.uint8
        assert arrays["times"].shape == arrays["token_times"].shape == (8,)
        assert arrays["spatial"].shape == arrays["gradcam"].shape == (8, 6, 6) and arrays[
            "temporal"
        ].shape == (8, 8)
        assert np.isfinite(arrays["spatial"]).all() and (arrays["gradcam"] >= 0).all()
        assert arrays["probabilities"].sum() == pytest.approx(1, abs=1e-5)
        assert report["target_p"] == pytest.approx(
            arrays["probabilities"][LABELS.index("circle")], abs=1e-5
        )
    assert probe(out / "overlay.mp4").codec == "h264"


BAD = [
    ["order", "CLIP", "--frames", "400"],
    ["order", "CLIP", "--permutation", "0,1,2"],
    ["order", "CLIP", "--permutation", "a,b"],
    ["order", "CLIP", "--seed", "-1"],
    ["order", "CLIP", "--model", "nothing"],
    ["order", "CLIP", "--checkpoint", "CLIP"],
    ["order", "CLIP", "--passes", "0"],
    ["order", "CLIP", "--model", "pixels", "--passes", "4"],
    ["order", "CLIP", "--start", "9"],
    ["classify", "none.mp4"],
    ["explain", "CLIP", "--out", "OUT", "--layer", "99"],
    ["explain", "CLIP", "--out", "OUT", "--head", "first"],
    ["explain", "CLIP", "--out", "OUT", "--target", "wave"],
    ["render", "--label", "wave", "--seed", "1", "--out", "OUT.mp4"],
    ["render", "--label", "up", "--seed", "1", "--out", "OUT.avi"],
    ["count", "nothing"],
    ["count", "far", "--preset", "huge"],
    ["count", "far", "--set", "tempo=3"],
    ["count", "far", "--set", "ratio=4:1"],
    ["count", "far", "--set", "ratio"],
    ["count", "far", "--set", "heads=0"],
    ["count", "far", "--set", "depth=deep"],
    ["count"],
    ["nothing"],
    ["order"],
    [],
]


@pytest.mark.parametrize("argv", BAD, ids=" ".join)
def test_bad_input_ends_with_exit_code_2_and_one_line(
    capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path, argv: list[str]
) -> None:
    capsys.readouterr()
    assert (
        main([a.replace("CLIP", str(clip)).replace("OUT", str(tmp_path / "out")) for a in argv])
        == 2
    )
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err

"""Files that chance has damaged: each is read, or refused in one line, soon and in little memory.

A file follows from its seed. 60 videos and 60 of each kind of other file by default;
AIM_FUZZ_VIDEOS=10000 and AIM_FUZZ_FILES=2000 make more.
"""

from __future__ import annotations

import json
import os
import resource
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core import runs as run_files
from core.errors import BadInput
from core.models import build
from core.video import decode, probe
from core.weights import Card, load_checkpoint
from core.weights.card_check import check_network, read_card
from pages.parts import runs
from pages.parts.look import from_text
from pages.parts.sources import ClipSource, ModelSource
from tests.core.video.test_video import ramp, write

VIDEOS = int(os.environ.get("AIM_FUZZ_VIDEOS", "60"))
FILES = int(os.environ.get("AIM_FUZZ_FILES", "60"))
SECONDS, KILOBYTES = 10.0, 1_000_000  # of processor time, and of memory
"""What one file may take."""
LONGEST = 800
"""Characters of a refusal."""


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A few wounds: bytes and numbers of another value, pieces cut out, doubled or moved."""
    wounds = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if len(wounds) < 16:
            break
        # headers stand at either end, and what is in between is mostly pictures
        end = len(wounds) if rng.random() < 0.5 else min(len(wounds), 600)
        at = int(rng.integers(0, end))
        if rng.random() < 0.3:
            at = len(wounds) - 1 - at % min(len(wounds), 3000)
        length = int(rng.integers(1, 200))
        match rng.integers(6):
            case 0:
                wounds[at] ^= 1 << int(rng.integers(8))
            case 1:
                wounds[at : at + 4] = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 65536])).to_bytes(
                    4, rng.choice(["big", "little"])
                )
            case 2:
                del wounds[at : at + length]
            case 3:
                wounds[at:at] = wounds[at : at + length] * int(rng.integers(1, 4))
            case 4:
                wounds[at : at + length] = rng.bytes(length)
            case _:
                del wounds[int(rng.integers(len(wounds) // 8, len(wounds))) :]
    return bytes(wounds)


@contextmanager
def bounded(what: object) -> Iterator[None]:
    """Whatever happens inside is soon, small, and at worst a refusal in one line."""
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        yield
    except BadInput as error:
        line = str(error)
    else:
        line = ""
    seconds = time.process_time() - begin
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert "\n" not in line and len(line) < LONGEST, (what, line)
    assert seconds < SECONDS and grown < KILOBYTES, (what, seconds, grown)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sound_clips(tmp_path_factory.mktemp("videos"))


def sound_clips(folder: Path) -> list[Path]:
    """A clip of each container."""
    frames = ramp(12)
    clips = [
        write(folder / "a.mp4", frames, g="4", bf="2"),
        write(folder / "a.mkv", frames),
        write(folder / "a.ts", frames),
        write(folder / "a.webm", frames, "libvpx-vp9"),
        write(folder / "a.avi", frames, "mpeg4"),
        write(folder / "a.mov", frames, "mjpeg", "yuvj420p"),
        write(folder / "a.gif", frames, "gif", "rgb8"),
    ]
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(folder / "a.webp", save_all=True, append_images=pictures[1:], duration=80)
    pictures[0].save(folder / "a.apng", save_all=True, append_images=pictures[1:], duration=80)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for i, picture in enumerate(pictures):
            stream = BytesIO()
            picture.save(stream, "png")
            archive.writestr(f"{i}.png", stream.getvalue())
    return [*clips, folder / "a.webp", folder / "a.apng", folder / "a.zip"]


def test_a_damaged_video_is_read_or_refused(originals: list[Path], tmp_path: Path) -> None:
    read = 0
    for seed in range(VIDEOS):
        rng = np.random.default_rng(seed)
        original = originals[seed % len(originals)]
        path = tmp_path / f"damaged{original.suffix}"
        path.write_bytes(damaged(original.read_bytes(), rng))
        with bounded(f"video {seed}"):
            probe(path)
        with bounded(f"video {seed}"):
            clip = decode(path, frames=4, sampling=("uniform", "dense", "motion")[seed % 3])
            assert len(clip) == 4 and np.isfinite(clip.times).all()
            read += 1
    assert 0 < read < VIDEOS, "some wounds are deep and some are not"


SETTINGS = {"size": 35, "patch": 7, "frames": 3, "width": 22, "depth": 1, "heads": 2}
CARD = Card(
    model="direcformer",
    preset="gesture",
    labels=("left", "right", "up"),
    mean=(0.5, 0.4, 0.3),
    std=(0.1, 0.2, 0.3),
    size=35,
    frames=3,
    sampling="uniform",
    crop="fit",
    trained_on="nothing",
    settings=SETTINGS,
    recipe={"stages": [{"name": "tiny", "clips": 3}], "taught": {"clips": ["a.mp4"]}},
)


def sound_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build("direcformer", classes=3, **SETTINGS).state_dict()


weights = pytest.fixture(sound_weights, scope="module", name="weights")


def sound_checkpoints(folder: Path) -> list[Path]:
    """The same weights in each kind of file."""
    weights = sound_weights()
    public = {key: tensor for key, tensor in weights.items() if "order" not in key}
    files = [folder / f"a.{ending}" for ending in ("safetensors", "pth", "pt", "json")]
    save_file(weights, files[0], metadata={"card": json.dumps(asdict(CARD))})
    torch.save({"state_dict": public}, files[1])
    torch.save(public, files[2], _use_new_zipfile_serialization=False)
    shards = {"weight_map": dict.fromkeys(public, "a.safetensors")}
    files[3].write_text(json.dumps(shards))
    return files


def test_a_damaged_checkpoint_is_loaded_or_refused(tmp_path: Path) -> None:
    originals = {path.suffix: path.read_bytes() for path in sound_checkpoints(tmp_path)}
    for seed in range(FILES):
        rng = np.random.default_rng(seed)
        suffix = sorted(originals)[seed % len(originals)]
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(damaged(originals[suffix], rng))
        with bounded(f"checkpoint {seed}"):
            load_checkpoint(path)


def test_a_damaged_card_is_read_or_refused(weights: dict[str, torch.Tensor]) -> None:
    text = json.dumps(asdict(CARD)).encode()
    for seed in range(FILES):
        rng = np.random.default_rng(seed)
        wounds = damaged(text, rng).decode("utf-8", "replace")
        with bounded(f"card {seed}"):
            check_network("a", read_card("a", wounds), weights)


def test_any_state_of_the_address_is_a_look() -> None:
    state = b"layer:last,head:mean,query:1-2-3,frame:4,opacity:0.65,colours:turbo,scale:clip"
    for seed in range(FILES):
        rng = np.random.default_rng(seed)
        text = damaged(state, rng).decode("utf-8", "replace")
        with bounded(f"state {seed}"):
            assert isinstance(from_text(text), dict)

        for parse in (ClipSource.parse, ModelSource.parse):
            with bounded(f"state {seed}"):
                assert parse(text)


READERS: dict[str, Callable[[Path], object]] = {
    run_files.File.PROGRESS: run_files.read_progress,
    run_files.File.END: run_files.read_end,
    run_files.File.METRICS: run_files.read_rows,
    run_files.File.RECIPE: runs.read,
}


def test_a_damaged_run_folder_is_read(tmp_path: Path) -> None:
    """The files of a run or a lesson, which an older version or a full disk may have left."""
    row = {"stage": "video", "step": 3, "clips": 72, "loss": 1.5, "of": 100}
    originals = {
        run_files.File.PROGRESS: json.dumps(
            {"stage": "video", "clips": 3, "total": 9, "clips_per_second": 1.5}
        ),
        run_files.File.END: json.dumps({"state": "failed", "error": "x"}),
        run_files.File.METRICS: "\n".join([json.dumps(row)] * 4),
        run_files.File.RECIPE: json.dumps({"name": "teach", "clips": 100, "batch": 8, "seed": 1}),
    }
    for name, text in originals.items():
        (tmp_path / name).write_text(text)
    assert all(reader(tmp_path) is not None for reader in READERS.values())
    for seed in range(FILES):
        rng = np.random.default_rng(seed)
        name = sorted(originals)[seed % len(originals)]
        (tmp_path / name).write_bytes(damaged(originals[name].encode(), rng))
        with bounded(f"run {seed}"):
            for reader in READERS.values():
                reader(tmp_path)
            run = runs.read(tmp_path)
            assert run is None or (run.name and run.share >= 0)
        (tmp_path / name).write_text(originals[name])


def test_wounds_follow_from_their_seed_and_are_wounds() -> None:
    data = bytes(range(256)) * 20
    again = [damaged(data, np.random.default_rng(seed)) for seed in range(20)]
    assert again == [damaged(data, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(again)) == 20 and data not in again

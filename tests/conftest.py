"""Fixtures that more than one test file uses."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import core.models
from core.models import available

# Types of these packages, shapes included, are checked in every test. They must not be imported
# before. As for mypy, a whole number may stand where a float is asked for.
install_import_hook(
    ["core.observe", "core.explain", "core.order", "core.draw"],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

CLIPS = Path(
    os.environ.get("AIM_CLIPS") or Path(__file__).parent.parent / ".." / "shared" / "clips"
).resolve()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a comparison with another library that is skipped for want of it is an error."""
    report = yield
    skip = call.excinfo if report.skipped else None
    is_import = skip is not None and skip.traceback[-1].name == "importorskip"
    if is_import and skip is not None and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{skip.value}: CI must not skip this test"
    return report


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; tests that need it are skipped where it is missing."""
    if not CLIPS.is_dir():
        pytest.skip(f"no folder of real clips at {CLIPS}: set AIM_CLIPS to it")
    return CLIPS


@pytest.fixture(scope="session")
def timesformer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random TimeSformer for three classes, laid out as the hub does it."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    names = ("jump", "run", "swim")
    config = transformers.TimesformerConfig(
        image_size=28,
        patch_size=7,
        num_frames=3,
        hidden_size=30,
        num_hidden_layers=2,
        num_attention_heads=5,
        intermediate_size=120,
        layer_norm_eps=0.02,
        id2label=dict(enumerate(names)),
        label2id={n: i for i, n in enumerate(names)},
    )
    folder = tmp_path_factory.mktemp("hub") / "tiny-timesformer"
    transformers.TimesformerForVideoClassification(config).save_pretrained(folder)
    return folder


TOY = '''
"""A model that averages the clip, with one attention over space and one over time."""
import torch
from torch import nn
from core.models.blocks import SelfAttention, frames_layout, locations_layout
from core.models.video_model import Output, Spec, VideoModel
from core.trace import Axis


class Toy(VideoModel):
    def __init__(self, classes, size=24, patch=8, frames=4, width=6):
        super().__init__()
        self.size, self.frames = size, frames
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.space = SelfAttention(width, 2, "softmax", "space", 0, Axis.SPACE)
        self.time = SelfAttention(width, 2, "softmax", "time", 0, Axis.TIME)
        self.cam = nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, video, detail=False):
        logits = torch.cat([self.of_clip(clip) for clip in video])
        return Output(logits) if detail else logits

    def of_clip(self, clip):
        x = self.patch(clip.transpose(0, 1))
        T, d, h, w = x.shape
        x = self.cam(x.transpose(0, 1)[None])[0].flatten(2)
        layout = frames_layout(T, h, w)
        frames = torch.cat([x.mean(2)[..., None], x], 2).permute(1, 2, 0)
        frames = frames + self.space(frames, layout)[0]
        x = frames[:, 1:].transpose(0, 1)
        x = x + self.time(x, locations_layout(T, h, w))[0]
        return self.head(x.mean((0, 1)))[None]


SPECS = [Spec("toy", "Toy", "nobody, nowhere", Toy, {"gesture": {"classes": 10}}, "averages")]
'''


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[str]:
    """A fifth paper: one new file in a folder that core.models also scans."""
    (tmp_path / "toy_model_for_the_test.py").write_text(TOY)
    core.models.__path__.append(str(tmp_path))
    available.cache_clear()
    yield "toy"
    core.models.__path__.remove(str(tmp_path))
    available.cache_clear()

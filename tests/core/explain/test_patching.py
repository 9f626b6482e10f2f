"""Activation patching, by hand on a toy, and its two ends on every model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.explain.patching import patching
from core.models import available
from core.models.sites import Part, Site, passed, watching
from core.models.video_model import VideoModel
from core.observe import to_input
from core.video import Clip
from core.weights import Card, Model, load
from tests.core.explain.test_intervene import clip_for, tiny
from tests.core.models.nets import net as direcformer_net
from tests.core.models.rvit_nets import rvit


class Weighed(VideoModel):
    """Logits (w . x, 0) of the brightness x of three frames, with one block that doubles it."""

    def __init__(self) -> None:
        super().__init__()
        self.size, self.frames, self.cam = 2, 3, nn.Identity()
        self.weights = torch.tensor([1.0, 2.0, 5.0])

    def forward(self, video: Tensor, detail: bool = False) -> Tensor:
        stream = video.mean((1, 3, 4))[:, :, None, None]  # (B, T, 1, 1)
        stream = passed(Site(Part.STREAM), stream)
        heads = stream.flatten(2)[:, None].expand(-1, 2, -1, -1)  # two heads that see the same
        mixed = passed(Site(Part.HEADS, 0, "time"), heads)
        stream = passed(Site(Part.STREAM, 0), stream + mixed.sum(1)[..., None] / 2)
        score = (stream.flatten(1) * self.weights).sum(1)
        return torch.stack([score, torch.zeros_like(score)], 1)


def grey(*levels: int) -> Clip:
    frames = np.repeat(np.array(levels, np.uint8), 12).reshape(3, 2, 2, 3)
    return Clip(frames, np.arange(3.0), "grey", str(levels))


def test_shares_of_a_linear_model_are_those_worked_out_by_hand() -> None:
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    net = Weighed()
    card = Card("direcformer", "", ("a", "b"), zero, one, 2, 3, "uniform", "fit", "nothing")
    result = patching(Model(net, card), grey(51, 102, 255), grey(255, 102, 51))
    # w . 2x: 1 * .4 + 2 * .8 + 5 * 2 = 12, and 1 * 2 + 2 * .8 + 5 * .4 = 5.6
    assert (result.clean, result.corrupted) == (pytest.approx(12.0), pytest.approx(5.6))
    assert result.target == 0 and result.against is None
    # frame 1 gives 1 * (.4 - 2), frame 3 gives 5 * (2 - .4), of 6.4 in all
    by_hand = [-1.6 / 6.4, 0.0, 8 / 6.4]
    assert result.stream == pytest.approx(np.array([by_hand, by_hand]), abs=1e-6)
    # a head carries half of what the block adds, which is half of all
    assert result.heads["time"] == pytest.approx(np.array([[0.25, 0.25]]), abs=1e-6)
    assert result.head_layers == {"time": (0,)}
    assert result.class_token is None and result.state is None


@pytest.mark.parametrize("name", sorted(available()))
def test_all_put_back_gives_the_clip_s_logits_and_nothing_those_of_the_twin(name: str) -> None:
    model = load(name)
    (_, video), (_, twin) = (to_input(model.card, clip_for(model, seed)) for seed in (1, 2))
    kept: dict[Site, Tensor] = {}

    def keep(site: Site, value: Tensor) -> Tensor:
        kept[site] = value
        return value

    def put_back(parts: set[Part]) -> Tensor:
        with watching(lambda site, value: kept[site] if site.part in parts else value):
            return model.net(twin)

    with torch.inference_mode():
        with watching(keep):
            clean = model.net(video)
        streams = {Part.STREAM, Part.CLASS, Part.STATE, Part.FLOW}
        assert put_back(streams) == pytest.approx(clean, abs=1e-5)
        assert put_back({Part.INPUT}) == pytest.approx(clean, abs=1e-5)
        assert torch.equal(put_back(set()), model.net(twin))
        assert not torch.allclose(clean, model.net(twin), atol=0.1)


def test_a_frame_of_the_embedding_put_back_is_the_frame_itself() -> None:
    """Of DirecFormer, whose embedding is each frame's own; a twin of other pixels."""
    model = tiny("direcformer", direcformer_net())
    clip, twin = clip_for(model, 1), clip_for(model, 2)
    result = patching(model, clip, twin)
    logits = []
    for t in range(3):
        mixed = twin.frames.copy()
        mixed[t] = clip.frames[t]
        _, video = to_input(model.card, replace(twin, frames=mixed))
        with torch.inference_mode():
            logits.append(model.net(video)[0].numpy())
    for t, each in enumerate(logits):
        held_against = (
            each[result.against]
            if result.against is not None
            else (each.sum() - each[result.target]) / (len(each) - 1)
        )
        share = (each[result.target] - held_against - result.corrupted) / (
            result.clean - result.corrupted
        )
        assert result.stream[0, t] == pytest.approx(share, abs=1e-4)
    assert result.class_token is not None
    assert result.class_token[0] == pytest.approx(0, abs=1e-4)  # alike for all clips
    assert {name: rows.shape for name, rows in result.heads.items()} == {
        "time": (2, 5),
        "space": (2, 5),
    }


def test_a_recurrent_network_is_asked_for_its_state_before_every_frame_and_in_the_end() -> None:
    model = tiny("rvit", rvit())
    result = patching(model, clip_for(model, 1), clip_for(model, 2))
    assert result.state is not None and result.state.shape == (2, 4)
    assert result.state[:, 0] == pytest.approx([0, 0], abs=1e-4)  # nothing has been met yet
    assert np.abs(result.state[:, 1:]).max() > 1e-3


class Silent(Weighed):
    """The same, and nobody is told what goes by."""

    def forward(self, video: Tensor, detail: bool = False) -> Tensor:
        score = (2 * video.mean((1, 3, 4)) * self.weights).sum(1)
        return torch.stack([score, torch.zeros_like(score)], 1)


def test_a_network_that_names_no_sites_is_refused_with_what_to_do() -> None:
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    card = Card("direcformer", "", ("a", "b"), zero, one, 2, 3, "uniform", "fit", "nothing")
    with pytest.raises(BadInput, match="Silent does not say what leaves its blocks; call"):
        patching(Model(Silent(), card), grey(51, 102, 255), grey(255, 102, 51))


def test_progress_goes_up_to_one_and_can_end_the_work() -> None:
    model = tiny("direcformer", direcformer_net())
    steps: list[float] = []
    patching(model, clip_for(model, 1), clip_for(model, 2), steps.append)
    assert steps == sorted(steps) and steps[-1] == 1

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patching(model, clip_for(model, 1), clip_for(model, 2), stop)


def test_a_twin_that_is_answered_alike_and_one_of_another_length_are_refused() -> None:
    model = tiny("direcformer", direcformer_net())
    with pytest.raises(BadInput, match="alike"):
        patching(model, clip_for(model), clip_for(model))
    with pytest.raises(BadInput, match="as many"):
        patching(model, clip_for(model), clip_for(model, frames=2))

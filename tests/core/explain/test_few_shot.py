"""A head from a few clips: what it is by hand, and that the count of its errors is honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core import explain
from core.errors import BadInput
from core.explain import few_shot
from core.explain.few_shot import chance, example_features, learned_head, wilson
from core.models import Output, VideoModel
from core.models.taught import Taught
from core.observe import classify, observe
from core.video import Clip
from core.video.varied import Variation, middles, varied
from core.weights import UNCALIBRATED, Card, Model, load_checkpoint, save_checkpoint
from core.weights.own_gestures import check_gestures
from core.weights.taught import with_head
from tests.core.tiny import FRAMES, direcformer, random_model

NAMES = ("Z", "S", "wave")
HALF = (0.5, 0.5, 0.5)


def model() -> Model:
    card = Card(
        "direcformer",
        "gesture",
        ("a", "b", "c", "d"),
        HALF,
        HALF,
        35,
        FRAMES,
        "uniform",
        "fit",
        "four things",
        {"size": 35, "patch": 7, "frames": FRAMES, "width": 22, "depth": 2, "heads": 2},
        direction_threshold=0.5,
        hash="01234567",
    )
    return Model(direcformer(), card)


def clip(seed: int, frames: int = FRAMES) -> Clip:
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 35, 35, 3), np.uint8)
    return Clip(pixels, np.arange(frames) / 10, f"clip {seed}", f"{seed}")


def rows(seed: int, n: int, *widths: int, variations: int = 2) -> list[few_shot.Features]:
    """Random blocks of features of n clips."""
    rng = np.random.default_rng(seed)
    return [tuple(rng.normal(size=(variations, width)) for width in widths) for _ in range(n)]


def shifted(clips: list[few_shot.Features], truth: list[int], by: float) -> list[few_shot.Features]:
    """The same, one feature of the first block moved: that of the clip's class."""
    for (first, *_), label in zip(clips, truth, strict=True):
        first[:, label] += by
    return clips


def taught(base: Model) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model with a random head for NAMES."""
    rng = np.random.default_rng(3)
    width = Taught(base.net, 1).head.weight.shape[1]
    weight, bias = rng.normal(size=(3, width)).astype(np.float32), np.float32([0.5, -0.25, 0])
    return with_head(base, NAMES, weight, bias, {"clips": 9}), weight, bias


def test_leaving_a_clip_out_by_algebra_is_leaving_it_out() -> None:
    """Against a regression that is solved again without the clip's two rows."""
    x = np.random.default_rng(0).normal(size=(10, 7))  # five clips of two rows
    target = np.random.default_rng(1).normal(size=(10, 3))
    kernel = x @ x.T + 100
    inverse = np.linalg.inv(kernel + 0.3 * np.eye(10))
    errors = few_shot._left_out(inverse, inverse @ target, 2)
    others = np.arange(10) // 2 != 3
    dual = np.linalg.solve(kernel[np.ix_(others, others)] + 0.3 * np.eye(8), target[others])
    np.testing.assert_allclose(target[6] - errors[3], kernel[6, others] @ dual, rtol=1e-6)


def test_a_head_names_clips_that_differ_in_a_feature_and_counts_each_left_out() -> None:
    truth = [0, 1, 2] * 5
    head = learned_head(shifted(rows(2, 15, 4, 3), truth, 12.0), truth, 3)
    assert head.weight.shape == (3, 7) and head.right == 15
    assert head.numbers["accuracy"] == 100 and head.numbers["chance"] == 33.33
    tried = shifted(rows(9, 15, 4, 3), truth, 12.0)
    logits = np.stack([np.concatenate(blocks, 1)[0] for blocks in tried]) @ head.weight.T
    assert ((logits + head.bias).argmax(1) == truth).all()
    np.testing.assert_allclose(head.held_out.sum(1), 1, rtol=1e-5)


def test_nothing_is_claimed_where_nothing_is_to_be_learned() -> None:
    """Of 12 clips of noise, 40 numbers each, the head knows all by heart, but not left out."""
    truth = [0, 1] * 6
    heads = [learned_head(rows(seed, 12, 40), truth, 2) for seed in range(6)]
    right = sum(head.right for head in heads)
    assert right / 72 < 0.62, "chance is a half"


def test_a_gesture_of_few_clips_counts_as_much_as_one_of_many() -> None:
    """Two clips against ten between which the two classes overlap: the middle is the border."""
    truth = [0] * 10 + [1] * 2
    clips = [(np.full((1, 1), -1.0 if label == 0 else 1.0),) for label in truth]
    head = learned_head(clips, truth, 2)
    at_middle = head.bias[0] - head.bias[1]
    at_class = (head.weight[1] - head.weight[0])[0]
    assert abs(at_middle) < 0.1 * at_class


def test_chance_and_the_interval_of_a_share_by_hand() -> None:
    assert chance(np.array([0, 0, 0, 1])) == 0.75
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # as in any table
    assert wilson(5, 5)[1] == 1 and wilson(0, 7)[0] == 0


def test_a_taught_model_is_its_network_with_a_linear_head() -> None:
    base = model()
    new, weight, bias = taught(base)
    frames = clip(0).frames
    blocks = example_features(base, frames, 0)
    expected = weight @ np.concatenate(blocks, 1)[0] + bias
    np.testing.assert_allclose(observe(new, clip(0)).logits, expected, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        new.net.base.cls_token.add_(1)
    assert not torch.equal(new.net.base.cls_token, base.net.cls_token), "the network is a copy"


def test_the_second_block_is_the_mean_of_each_frames_patches() -> None:
    base = model()
    video = torch.randn(2, 3, FRAMES, 35, 35)
    with torch.no_grad():
        (features, means), output = Taught(base.net, 2).blocks(video)
    assert features.shape == (2, 22) and means.shape == (2, FRAMES * 22)
    torch.testing.assert_close(means[1, 22:44], output.patches[1, 1].mean((0, 1)))


def test_a_taught_model_takes_clips_of_other_lengths() -> None:
    assert observe(taught(model())[0], clip(0, 5)).logits.shape == (3,)


def test_a_taught_model_is_kept_in_a_file_and_every_view_works_on_it(tmp_path: Path) -> None:
    new, _, _ = taught(model())
    save_checkpoint(tmp_path / "own.safetensors", dict(new.net.state_dict()), new.card)
    again = load_checkpoint(tmp_path / "own.safetensors")
    assert again.card.labels == NAMES and again.card.taught and again.card.hash
    assert again.card.direction_threshold == UNCALIBRATED
    assert again.card.recipe["few"]["from"] == "01234567"
    np.testing.assert_allclose(classify(again, clip(0)), classify(new, clip(0)), atol=0.02)
    shown = explain.explanation(again, clip(0), label="wave")
    assert shown.temporal.shape == (FRAMES, FRAMES) and shown.gradcam.heat.any()
    base = observe(model(), clip(0)).attentions[0].map(0)
    np.testing.assert_allclose(shown.trace.attentions[0].map(0), base, atol=1e-2)


def test_a_taught_model_can_be_taught_again_from_its_network() -> None:
    once, weight, bias = taught(model())
    twice = with_head(once, NAMES, weight, bias, {"clips": 12})
    assert isinstance(twice.net, Taught) and not isinstance(twice.net.base, Taught)
    assert twice.card.settings["classes"] == 4, "its own classifier is what it was"
    assert twice.card.trained_on == "four things; then Z, S, wave from 12 clips"


def test_a_taught_am_flow_still_shows_its_flow() -> None:
    base = random_model("am_flow")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 35, 35, 3), np.uint8)
    shown = Clip(pixels, np.arange(3) / 10, "clip", "id")
    new, _, _ = taught(base)
    np.testing.assert_allclose(
        explain.am_flow(new, shown), explain.am_flow(base, shown), rtol=1e-3, atol=1e-5
    )


def test_a_network_that_does_not_say_what_it_reads_is_refused() -> None:
    class Silent(VideoModel):
        size, frames = 35, FRAMES
        cam = torch.nn.Identity()

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, video: torch.Tensor, detail: bool = False) -> Output:
            return Output(torch.zeros(len(video), 4))

    with pytest.raises(BadInput, match="Silent does not say what its classifier reads"):
        Taught(Silent(), 2)


def test_frames_are_the_middles_of_equal_parts_and_variations_keep_their_order() -> None:
    frames = (
        np.zeros((12, 8, 8, 3), np.uint8)
        + np.arange(0, 240, 20, dtype=np.uint8)[:, None, None, None]
    )
    assert middles(frames, 3)[:, 0, 0, 0].tolist() == [40, 120, 200]
    one, two = (varied(frames, 4, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.shape == (4, 8, 8, 3) and not np.array_equal(one, two)
    assert (np.diff(one[:, 4, 4, 1].astype(int)) >= 0).all(), "never backwards"
    none = Variation(trim=0, haste=0, shift=0, zoom=0, turn=0, light=0)
    same = varied(frames, 12, np.random.default_rng(0), none)
    np.testing.assert_array_equal(same, frames)


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ({}, "got no name; give 2 to 6 gestures"),
        ({"Z": 5}, r"got one name \(Z\); give 2 to 6"),
        ({str(i): 3 for i in range(7)}, "got 7 names"),
        ({"Z": 3, "S": 2}, "'S' has 2 clips that can be used; give at least 3"),
        ({"Z": 3, "z": 3}, "two gestures are named 'z'"),
        ({"Z": 3, "a" * 25: 3}, "cannot name a gesture; use 1 to 24 letters"),
        ({"Z": 3, "../S": 3}, r"'../S' cannot name a gesture"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_one_line(clips: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_gestures(clips)

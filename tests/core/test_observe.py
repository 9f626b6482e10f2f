"""The one place where a model meets a clip."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models.direcformer import DirecFormer
from core.models.video_model import VideoModel
from core.observe import check_fits, classify, observe, softmax, to_input
from core.order import Affinity, order_matrix, read
from core.trace import Axis, Kernel, Layout, Tap
from core.video import Clip, shuffled
from core.weights import Card, Model
from core.world.gestures import render, rendered_clip

T = 5
CARD = Card(
    model="direcformer",
    preset="gesture",
    labels=tuple("abcdefg"),
    mean=(0.5, 0.25, 0.0),
    std=(0.5, 0.25, 1.0),
    size=21,
    frames=T,
    sampling="uniform",
    crop="fit",
    trained_on="nothing",
)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    net = DirecFormer(
        classes=7, size=21, patch=7, frames=T, width=14, depth=2, heads=2, order_classes=11
    ).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return Model(net, CARD)


def clip(frames: int = T, height: int = 35, width: int = 53) -> Clip:
    pixels = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), np.uint8)
    return Clip(pixels, np.arange(frames) * 0.5 + 0.25, "some.mp4", "0123456789abcdef")


def test_softmax_sums_to_one_and_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([0.0, np.log(3)])), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4], np.float32)), [0.5, 0.5])
    assert softmax(np.zeros((3, 5))).dtype == np.float32
    np.testing.assert_allclose(softmax(np.zeros((3, 5))).sum(-1), 1, rtol=1e-6)


def test_the_input_is_normalised_by_channel_with_time_after_channels() -> None:
    pixels = np.zeros((T, 21, 21, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[3, ..., 2] = 255, 51, 255
    seen, video = to_input(CARD, Clip(pixels, np.arange(T, dtype=float), "x", "y"))
    assert video.shape == (1, 3, T, 21, 21) and video.dtype == torch.float32
    np.testing.assert_array_equal(seen, pixels)
    torch.testing.assert_close(video[0, 0], torch.full((T, 21, 21), 1.0))  # (1 - .5) / .5
    torch.testing.assert_close(video[0, 1], torch.full((T, 21, 21), -0.2))  # (.2 - .25) / .25
    assert video[0, 2].amax((1, 2)).tolist() == [0, 0, 0, 1, 0]


def test_a_trace_holds_what_one_pass_showed(model: Model) -> None:
    given = clip()
    trace = observe(model, given)
    assert trace.frames.shape == (T, 21, 21, 3) and trace.frames.dtype == np.uint8
    assert trace.clip is given and trace.grid == (T, 3, 3)
    np.testing.assert_array_equal(trace.token_times, given.times)
    assert (
        [a.layer for a in trace.along(Axis.TIME)]
        == [0, 1]
        == [a.layer for a in trace.along(Axis.SPACE)]
    )
    assert trace.probabilities.sum() == pytest.approx(1, abs=1e-6)
    with torch.no_grad():
        expected = model.net(to_input(CARD, given)[1])[0]
    np.testing.assert_array_equal(trace.logits, expected.numpy())
    np.testing.assert_array_equal(classify(model, given), trace.probabilities)


def test_a_trace_recorded_in_half_precision_has_the_same_logits(model: Model) -> None:
    full, half = observe(model, clip()), observe(model, clip(), torch.float16)
    np.testing.assert_array_equal(full.logits, half.logits)
    assert half.attentions[0].q.dtype == torch.float16


def test_the_order_matrix_is_the_last_layers_time_attention(model: Model) -> None:
    recorded = observe(model, clip()).along(Axis.TIME)[-1].map().mean(0)
    matrix = order_matrix(model, clip())
    assert matrix.shape == (T, T)
    np.testing.assert_allclose(matrix, recorded.numpy(), atol=1e-6)


def test_shuffling_shows_frame_o_t_in_slot_t_at_the_slots_time() -> None:
    given, order = clip(), (3, 0, 4, 1, 2)
    mixed = shuffled(given, order)
    for slot, frame in enumerate(order):
        np.testing.assert_array_equal(mixed.frames[slot], given.frames[frame])
    np.testing.assert_array_equal(mixed.times, given.times)
    assert mixed.id != given.id and shuffled(given, np.array(order)).id == mixed.id
    np.testing.assert_array_equal(shuffled(mixed, np.argsort(order)).frames, given.frames)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 2, 3, 3), (1, 2, 3, 4, 5), ()])
def test_shuffling_by_what_is_no_permutation_is_refused(order: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="must hold 0 to 4 once, for 5 frames"):
        shuffled(clip(), order)


class Reads(VideoModel):
    """Stands in for a perfect model: each frame's brightness is its place in time."""

    def __init__(self) -> None:
        super().__init__()
        self.tap = Tap("time", 0, Axis.TIME, Kernel("cosine"))

    def forward(self, video: Tensor) -> Tensor:
        place = video.mean((1, 3, 4))[0] * 5
        q, k = (
            torch.stack([-place.sin(), place.cos()], 1),
            torch.stack([place.cos(), place.sin()], 1),
        )
        # The product of q and k is sin(later - earlier).
        self.tap(
            q[None, None],
            k[None, None],
            Layout(torch.arange(T)[None], torch.arange(T)[None], (T, 1, 1)),
        )
        return place[None]


def test_the_order_of_a_shuffled_clip_is_found_from_a_perfect_model() -> None:
    pixels = np.zeros((T, 21, 21, 3), np.uint8)
    pixels += np.arange(0, 10 * T, 10, dtype=np.uint8)[:, None, None, None]
    card = Card(
        **{
            **vars(CARD),
            "mean": (0.0,) * 3,
            "std": (1.0,) * 3,
            "sharpness": 50.0,
            "direction_threshold": 0.0,
        }
    )
    order = (3, 0, 4, 1, 2)
    found = read(
        Model(Reads(), card), Clip(pixels, np.arange(T, dtype=float), "x", "y"), order
    ).order
    assert (
        found.path == tuple(np.argsort(order))
        and found.weight == pytest.approx(T - 1, rel=1e-3)
        and found.verdict == "known"
    )
    sure = Card(**{**vars(card), "direction_threshold": found.direction_margin * 2})
    given = Clip(pixels, np.arange(T, dtype=float), "x", "y")
    assert read(Model(Reads(), sure), given, order).order.verdict == "up_to_direction"


def test_passes_put_each_frame_back_into_its_slot_and_take_the_mean(model: Model) -> None:
    given = clip()
    order = np.random.default_rng(1).permutation(T)
    again = order_matrix(model, shuffled(given, order))
    expected = order_matrix(model, given)
    for i in range(T):
        for j in range(T):
            expected[order[i], order[j]] += again[i, j]
    np.testing.assert_allclose(
        order_matrix(model, given, Affinity(passes=2)), expected / 2, atol=1e-6
    )
    assert not np.allclose(expected / 2, order_matrix(model, given), atol=1e-4), (
        "slots leave a trace in this net"
    )


def test_passes_are_the_same_for_a_model_that_is_blind_to_slots() -> None:
    pixels = np.arange(0, 10 * T, 10, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 21, 21, 3), np.uint8
    )
    given = Clip(pixels, np.arange(T, dtype=float), "x", "y")
    np.testing.assert_allclose(
        order_matrix(Model(Reads(), CARD), given, Affinity(passes=5)),
        order_matrix(Model(Reads(), CARD), given),
        atol=1e-5,
    )


@pytest.mark.parametrize("passes", [0, -1, 65])
def test_a_number_of_passes_out_of_range_is_refused(model: Model, passes: int) -> None:
    with pytest.raises(BadInput, match=f"{passes} passes; choose 1 to 64"):
        order_matrix(model, clip(), Affinity(passes=passes))


def test_pairs_of_frames_are_shuffled_where_a_token_covers_two() -> None:
    given = clip(6)
    mixed = shuffled(given, (2, 0, 1), unit=2)
    np.testing.assert_array_equal(mixed.frames, given.frames[[4, 5, 0, 1, 2, 3]])
    with pytest.raises(BadInput, match="0 to 2 once, for 6 frames in groups of 2"):
        shuffled(given, (0, 1, 2, 3, 4, 5), unit=2)


def test_a_clip_that_does_not_fit_is_refused_in_one_line(model: Model) -> None:
    for function in (observe, classify, order_matrix):
        with pytest.raises(BadInput) as error:
            function(model, clip(1))
        assert "\n" not in str(error.value) and "got 1" in str(error.value)


def test_a_rendered_clip_is_named_by_label_and_seed() -> None:
    gesture = render("tick", 7, frames=3, size=(24, 32))
    made = rendered_clip(gesture)
    assert made.source == "render:tick:7" and made.times.dtype == np.float64
    assert made.id == rendered_clip(render("tick", 7, frames=3, size=(24, 32))).id
    others = [
        render(label, seed, frames=frames, size=(24, 32))
        for label, seed, frames in (("tick", 8, 3), ("star", 7, 3), ("tick", 7, 4))
    ]
    assert len({made.id, *(rendered_clip(g).id for g in others)}) == 4


def test_a_models_lock_is_its_own_and_may_be_taken_again_by_its_holder() -> None:
    first, second = Model(Reads(), CARD), Model(Reads(), CARD)
    entered = threading.Event()

    def enter(model: Model) -> None:
        with model.lock:
            entered.set()

    with first.lock:
        with first.changed(crop="centre").lock:
            pass
        other = threading.Thread(target=enter, args=(second,))
        other.start()
        assert entered.wait(10), "another model is free"
        other.join(10)
        entered.clear()
        same = threading.Thread(target=enter, args=(first,))
        same.start()
        assert not entered.wait(0.2), "the same model is held"
    assert entered.wait(10)
    same.join(10)


def test_a_failing_pass_gives_the_lock_back(model: Model) -> None:
    with pytest.raises(RuntimeError), model.lock:
        raise RuntimeError
    done = threading.Event()

    def work() -> None:
        observe(model, clip())
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert done.wait(20)
    thread.join(10)


def test_a_model_takes_64_frames_or_as_many_as_it_was_trained_on(model: Model) -> None:
    """TimeSformer-L was trained on 96."""
    large = replace(model, card=replace(CARD, frames=96))
    for given, most in ((model, 64), (large, 96)):
        check_fits(given, most)
        with pytest.raises(BadInput, match=f"takes 2 to {most} frames, got {most + 1}"):
            check_fits(given, most + 1)

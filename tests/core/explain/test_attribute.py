"""Attributions on tiny nets whose answers are known."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from einops import reduce
from torch import Tensor

from core.errors import BadInput
from core.explain.attribute import (
    METHODS,
    attribute,
    integrated_gradients,
    occlusion,
    own_network,
    saliency,
    seconds,
    side_by_side,
)
from core.models import build
from core.models.video_model import VideoModel
from core.observe import to_input
from core.video import Clip
from core.weights import Card, Model
from tests.core import tiny

GRID = (3, 2, 5)  # cells of 1 frame, 2 x 3 pixels
SHAPE = (1, 3, 3, 4, 15)


class Weighted(VideoModel):
    """Class c scores w_c . x + curve (u . x)^2."""

    def __init__(self, curve: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w = torch.randn(2, *SHAPE[1:], generator=generator)
        self.u, self.curve = torch.randn(SHAPE[1:], generator=generator), curve

    def forward(self, video: Tensor) -> Tensor:
        return (
            torch.einsum("bcthw,kcthw->bk", video, self.w)
            + self.curve * torch.einsum("bcthw,cthw->b", video, self.u)[:, None] ** 2
        )


@pytest.fixture
def video() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def cells(pixels: Tensor) -> np.ndarray:
    """Sum over the colours and pixels of each cell, by slices."""
    return np.array(
        [
            [
                [pixels[:, t, 2 * y : 2 * y + 2, 3 * x : 3 * x + 3].sum() for x in range(5)]
                for y in range(2)
            ]
            for t in range(3)
        ]
    )


CARD = Card(
    "weighted", "tiny", ("a", "b"), (0.5,) * 3, (0.5,) * 3, 30, 3, "uniform", "fit", "nothing"
)


def loaded(net: Weighted) -> Model:
    return Model(net, CARD)


def silent(done: float) -> None:
    pass


def test_on_a_linear_net_gradients_and_occlusion_give_each_cells_part_of_the_score(
    video: Tensor,
) -> None:
    model = Weighted()
    by_hand = cells(model.w[1] * video[0])
    np.testing.assert_allclose(
        integrated_gradients(loaded(model), video, 1, GRID, silent), by_hand, atol=1e-4
    )
    np.testing.assert_allclose(occlusion(loaded(model), video, 1, GRID, silent), by_hand, atol=1e-4)
    np.testing.assert_allclose(
        saliency(loaded(model), video, 1, GRID, silent), cells(model.w[1].abs()) / 18, atol=1e-5
    )


def test_integrated_gradients_sum_to_the_difference_of_the_scores(video: Tensor) -> None:
    model = Weighted(curve=0.3)
    difference = float(model(video)[0, 0] - model(torch.zeros_like(video))[0, 0])
    assert integrated_gradients(loaded(model), video, 0, GRID, silent).sum() == pytest.approx(
        difference, rel=1e-4
    )
    gradient_times_input = cells(
        video[0] * (model.w[0] + 2 * 0.3 * (model.u * video[0]).sum() * model.u)
    ).sum()
    assert abs(gradient_times_input - difference) > 0.1 * abs(difference), (
        "a net on which one gradient is not enough"
    )


def test_hiding_the_one_cell_that_matters_shows(video: Tensor) -> None:
    model = Weighted()
    model.w = torch.zeros_like(model.w)
    model.w[0, :, 2, 0:2, 6:9] = video[0, :, 2, 0:2, 6:9]
    heat = occlusion(loaded(model), video, 0, GRID, silent)
    # Not exactly 0 elsewhere: on some processors a clip's score is rounded otherwise in a batch
    # than alone.
    assert np.argwhere(np.abs(heat) > 1e-4).tolist() == [[2, 0, 2]] and heat[2, 0, 2] > 1


def test_occlusion_is_that_of_captum(video: Tensor) -> None:
    from captum.attr import Occlusion

    model = Weighted(curve=0.3)
    theirs = Occlusion(model).attribute(
        video, sliding_window_shapes=(3, 1, 2, 3), strides=(3, 1, 2, 3), target=1
    )
    np.testing.assert_allclose(
        occlusion(loaded(model), video, 1, GRID, silent), theirs[0, 0, :, ::2, ::3], atol=1e-3
    )


def test_integrated_gradients_are_those_of_captum_with_many_steps() -> None:
    from captum.attr import IntegratedGradients

    net = tiny.direcformer()
    assert any(weight.requires_grad for weight in net.parameters())
    video = torch.randn(1, 3, 3, 35, 35, generator=torch.Generator().manual_seed(2))
    ours = integrated_gradients(Model(net, CARD), video, 1, (3, 5, 5), silent)
    theirs = IntegratedGradients(net).attribute(video, video * 0, target=1, n_steps=200)
    by_cell = reduce(theirs.detach(), "1 c t (h b) (w d) -> t h w", "sum", b=7, d=7)
    np.testing.assert_allclose(ours, by_cell, atol=1e-2 * np.abs(ours).max())
    assert np.abs(ours).max() > 1e-3


def test_occlusion_of_a_recurrent_net_reads_the_frames_before_a_cell_once() -> None:
    from captum.attr import Occlusion

    torch.manual_seed(0)
    net = build("rvit", classes=3, size=22, patch=11, frames=3, width=14, depth=2, heads=2).eval()
    video = torch.randn(1, 3, 3, 22, 22)
    read: list[int] = []
    net.patch_embed["proj"].register_forward_hook(lambda *given: read.append(len(given[2])))
    ours = occlusion(Model(net, CARD), video, 2, (3, 2, 2), silent)
    theirs = Occlusion(net.train(False)).attribute(
        video, sliding_window_shapes=(3, 1, 11, 11), strides=(3, 1, 11, 11), target=2
    )
    np.testing.assert_allclose(
        ours, theirs[0, 0, :, ::11, ::11], atol=1e-3 * np.abs(ours).max() + 1e-7
    )
    assert np.abs(ours).max() > 1e-4
    frames_of_ours = 3 + 4 * 3 + (1 + 4 * 2) + (2 + 4 * 1)  # the clip, then cells of each frame
    assert sum(read[: len(read) - 13]) == frames_of_ours, "Captum reads 13 whole clips after it"


def test_attributions_work_on_another_network_over_the_same_weights() -> None:
    net = tiny.direcformer()
    own = own_network(Model(net, CARD))
    assert own is not net and not any(weight.requires_grad for weight in own.parameters())
    assert all(weight.requires_grad for weight in net.parameters()), "nobody else notices"
    pairs = zip(own.parameters(), net.parameters(), strict=True)
    assert all(mine.data_ptr() == theirs.data_ptr() for mine, theirs in pairs)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_passes_side_by_side_keep_their_order_and_take_a_thread_each(threads: None) -> None:
    torch.set_num_threads(3)
    together = threading.Barrier(3)
    seen: list[int] = []

    def run(number: int) -> int:
        seen.append(torch.get_num_threads())
        together.wait(20)  # passed only where three are worked on at once
        return number * number

    assert list(side_by_side(run, range(6))) == [0, 1, 4, 9, 16, 25]
    assert set(seen) == {1} and torch.get_num_threads() == 3
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3], "threads that begin later have all cores"


def test_what_is_closed_begins_nothing_else(threads: None) -> None:
    torch.set_num_threads(2)
    begun: list[int] = []
    going_on = threading.Event()

    def run(number: int) -> int:
        begun.append(number)
        if number > 0:
            going_on.wait(20)
        return number

    parts = side_by_side(run, range(50))
    assert next(parts) == 0
    threading.Timer(0.2, going_on.set).start()
    parts.close()
    assert len(begun) <= 3, "those that had begun: two, and one after the first"


@pytest.mark.parametrize("method", METHODS)
def test_the_time_is_told_from_the_first_piece_alone(
    method: str, seen: tuple, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    clock, passes = [0.0], [0]
    known = Weighted.forward

    def slow(net: Weighted, video: Tensor) -> Tensor:
        passes[0] += 1
        clock[0] += len(video)  # a clip takes a second
        return known(net, video)

    monkeypatch.setattr(Weighted, "forward", slow)
    monkeypatch.setattr("core.explain.attribute.time.perf_counter", lambda: clock[0])
    told = seconds(method, *seen, (3, 5, 5))
    assert passes[0] <= 2, "the whole and one piece at most"
    clock[0] = 0.0
    attribute(method, *seen, 0, (3, 5, 5))
    assert told == pytest.approx(clock[0], rel=0.25)


@pytest.fixture
def seen() -> tuple[Model, Clip]:
    frames = np.random.default_rng(0).integers(0, 255, (3, 30, 30, 3), np.uint8)
    model = Weighted()
    model.w, model.u = torch.randn(2, 3, 3, 30, 30), torch.randn(3, 3, 30, 30)
    return loaded(model), Clip(frames, np.arange(3.0), "noise", "0")


@pytest.mark.parametrize("method", METHODS)
def test_progress_rises_to_one_without_the_lock_and_what_it_raises_ends_the_work(
    method: str, seen: tuple
) -> None:
    calls: list[float] = []

    def hear(done: float) -> None:
        def use() -> None:
            with seen[0].lock:
                calls.append(done)

        other = threading.Thread(target=use, daemon=True)
        other.start()
        other.join(5)
        assert calls[-1:] == [done], "the model can be used between two pieces"

    class Stopped(Exception):
        pass

    def stop(done: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        attribute(method, *seen, 0, (3, 5, 5), stop)
    heat = attribute(method, *seen, 0, (3, 5, 5), hear)
    assert heat.shape == (3, 5, 5) and heat.dtype == np.float32 and np.isfinite(heat).all()
    assert calls == sorted(calls) and calls[-1] == 1.0
    assert METHODS[method].signed == bool((heat < 0).any())
    assert all(p.grad is None for p in seen[0].net.parameters())
    assert to_input(CARD, seen[1])[1].grad is None


def test_what_cannot_be_attributed_is_refused(seen: tuple) -> None:
    for wrong, says in (
        (("saliency", 2, (3, 5, 5)), "class 2"),
        (("magic", 0, (3, 5, 5)), "not known"),
        (("saliency", 0, (3, 7, 5)), "does not divide"),
    ):
        with pytest.raises(BadInput, match=says):
            attribute(wrong[0], *seen, *wrong[1:])

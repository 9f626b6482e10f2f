"""Recording attention: kernels by hand, each weight on its cell, nothing changed or left behind."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models.blocks import frames_layout, locations_layout
from core.models.direcformer import DirecFormer
from core.trace import CLS, Attention, Axis, Kernel, Layout, Tap, record

T, SIDE, HEADS = 5, 3, 2
GRID = (T, SIDE, SIDE)


@pytest.fixture
def model() -> DirecFormer:
    """Random everywhere, so that no branch is silent."""
    return tiny(0)


def tiny(seed: int) -> DirecFormer:
    torch.manual_seed(seed)
    net = DirecFormer(
        classes=7,
        size=21,
        patch=7,
        frames=T,
        width=14,
        depth=2,
        heads=HEADS,
        order_classes=11,
        drop_path=0.0,
    ).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net


def video(seed: int = 0, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, T, 21, 21, generator=torch.Generator().manual_seed(seed))


def attention(
    layout: Layout, kind: str = "softmax", heads: int = 3, d: int = 5, seed: int = 0
) -> Attention:
    generator = torch.Generator().manual_seed(seed)
    groups = layout.queries.shape[0]
    q = torch.randn(groups, heads, layout.queries.shape[1], d, generator=generator)
    k = torch.randn(groups, heads, layout.keys.shape[1], d, generator=generator)
    return Attention("here", 0, Axis.SPACE, Kernel(kind, scale=d**-0.5), q, k, layout)


# -- kernels by hand


def test_the_linear_kernel_has_hand_values_a() -> None:
    q, k = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[0.0, 0], [1, 0]])
    weights = Kernel("linear").weights(q, k)
    torch.testing.assert_close(weights, torch.tensor([[3.0, 5], [3, 4]]))
    normalised = Kernel("linear", normalised=True).weights(q, k)
    torch.testing.assert_close(
        normalised, torch.tensor([[0.375, 0.625], [0.428571, 0.571429]]), atol=1e-6, rtol=0
    )


def test_the_linear_kernel_has_hand_values_b_in_both_orders_of_multiplication() -> None:
    q, k = torch.tensor([[1.0, 0], [-1, 2]]), torch.tensor([[0.0, 1], [1, -1]])
    v = torch.tensor([[1.0, 2], [3, 4]])
    weights = Kernel("linear").weights(q, k)
    torch.testing.assert_close(weights, torch.tensor([[4.0, 4.367879], [6.367879, 1.839397]]))
    out = torch.tensor([[17.103637, 25.471518], [11.886071, 20.093348]])
    torch.testing.assert_close(weights @ v, out)
    left, right = Kernel("linear").factors(q, k)
    torch.testing.assert_close(left @ (right.T @ v), out)
    normalised = Kernel("linear", normalised=True).weights(q, k) @ v
    torch.testing.assert_close(
        normalised, torch.tensor([[2.043963, 3.043963], [1.448236, 2.448236]]), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("key", "cosine"), [((30.0, 40.0), 1.0), ((4.0, -3.0), 0.0), ((-6.0, -8.0), -1.0)]
)
def test_the_cosine_kernel_is_signed_and_blind_to_length(
    key: tuple[float, float], cosine: float
) -> None:
    q, k = torch.tensor([[3.0, 4.0]]), torch.tensor([key])
    assert Kernel("cosine").weights(q, k).item() == pytest.approx(cosine, abs=1e-6)
    assert Kernel("cosine", scale=0.1).weights(q, k).item() == pytest.approx(cosine, abs=1e-6)
    assert Kernel("cosine").weights(q / math.sqrt(768), k).item() == pytest.approx(cosine, abs=1e-4)


def test_cosine_weights_sum_values_with_their_signs() -> None:
    weights = Kernel("cosine").weights(
        torch.tensor([[3.0, 4.0]]), torch.tensor([[30.0, 40.0], [-6.0, -8.0]])
    )
    # Softmax could never be negative.
    assert (weights @ torch.tensor([[1.0], [10.0]])).item() == pytest.approx(-9, abs=1e-4)


def test_the_cosine_of_a_zero_vector_is_zero_not_nan() -> None:
    assert Kernel("cosine").weights(torch.zeros(1, 3), torch.ones(1, 3)).item() == 0


def test_the_softmax_kernel_scales_before_the_softmax() -> None:
    q, k = torch.tensor([[2.0]]), torch.tensor([[0.0], [math.log(3)]])
    torch.testing.assert_close(
        Kernel("softmax", scale=0.5).weights(q, k), torch.tensor([[0.25, 0.75]])
    )
    torch.testing.assert_close(Kernel("softmax").weights(q, k), torch.tensor([[0.1, 0.9]]))


def test_kernels_say_whether_they_are_signed_and_sum_to_one() -> None:
    assert [Kernel(k).signed for k in ("softmax", "cosine", "linear")] == [False, True, False]
    assert [Kernel(k).rows_sum_to_one for k in ("softmax", "cosine", "linear")] == [
        True,
        False,
        False,
    ]
    assert Kernel("linear", normalised=True).rows_sum_to_one


# -- rows, maps and heat


@pytest.mark.parametrize("kind", ["softmax", "cosine", "linear"])
@pytest.mark.parametrize("head", [0, 2, "mean", "max"])
@pytest.mark.parametrize(
    "layout", [frames_layout(5, 3, 7), locations_layout(5, 3, 7)], ids=["frames", "locations"]
)
def test_rows_equal_the_rows_of_the_map(kind: str, head: int | str, layout: Layout) -> None:
    recorded = attention(layout, kind)
    full = recorded.map(head)
    assert (
        full.shape == (layout.queries.shape[0], layout.queries.shape[1], layout.keys.shape[1])
        and full.dtype == torch.float32
    )
    for query in ((0, 0, 0), (4, 2, 6), (3, 1, 5)):
        token = query[0] * 21 + query[1] * 7 + query[2]
        group, index = (layout.queries == token).nonzero()[0].tolist()
        weights, keys = recorded.rows(query, head)
        torch.testing.assert_close(weights, full[group, index][None])
        assert torch.equal(keys, layout.keys[group][None])


def test_head_reductions_are_over_weights_not_over_factors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = attention(frames_layout(3, 5, 7))
    every = torch.stack([recorded.map(i) for i in range(3)])
    torch.testing.assert_close(recorded.map("mean"), every.mean(0))
    torch.testing.assert_close(recorded.map("max"), every.amax(0))
    monkeypatch.setattr("core.trace._LARGE", 0)  # as of a large model: a few rows at a time
    monkeypatch.setattr("core.trace._CACHED", 800)
    torch.testing.assert_close(recorded.map("mean"), every.mean(0))


def test_heat_over_space_fills_one_frame_and_leaves_the_others_nan() -> None:
    recorded = attention(frames_layout(5, 3, 7))
    heat = recorded.heat((3, 1, 5), 2)
    assert heat.shape == (5, 3, 7)
    full = recorded.map(2)[3, 1 + 1 * 7 + 5]  # group = frame, row 0 is the class token
    for row in range(3):
        for col in range(7):
            assert heat[3, row, col] == pytest.approx(full[1 + row * 7 + col].item())
    assert heat[[0, 1, 2, 4]].isnan().all() and not heat[3].isnan().any()


def test_heat_over_time_fills_one_cell_of_every_frame() -> None:
    recorded = attention(locations_layout(5, 3, 7), "cosine")
    heat = recorded.heat((3, 1, 5), 0)
    full = recorded.map(0)[1 * 7 + 5, 3]  # group = location, row = frame
    torch.testing.assert_close(heat[:, 1, 5], full)
    heat[:, 1, 5] = float("nan")
    assert heat.isnan().all()


def test_heat_of_a_joint_layout_finds_shuffled_tokens() -> None:
    tokens = torch.randperm(3 * 5 * 7, generator=torch.Generator().manual_seed(1)).view(7, 15)
    recorded = attention(Layout(tokens, tokens, (3, 5, 7)))
    heat = recorded.heat((2, 4, 1), 1)
    token = 2 * 35 + 4 * 7 + 1
    group, index = (tokens == token).nonzero()[0].tolist()
    full = recorded.map(1)[group, index]
    for key, weight in zip(tokens[group].tolist(), full.tolist(), strict=True):
        assert heat.flatten()[key] == pytest.approx(weight)
    assert heat.isfinite().sum() == 15


def test_the_class_token_query_gives_a_row_in_each_frame() -> None:
    recorded = attention(frames_layout(5, 3, 7))
    weights, keys = recorded.rows("cls", 1)
    assert weights.shape == keys.shape == (5, 22)
    torch.testing.assert_close(weights, recorded.map(1)[:, 0])
    assert (keys[:, 0] == CLS).all()
    heat = recorded.heat("cls", 1)
    assert heat.isfinite().all()
    # The weight on itself has no cell.
    torch.testing.assert_close(heat.flatten(1), recorded.map(1)[:, 0, 1:])


@pytest.mark.parametrize("head", [3, -1, 99, "median", None, 1.0])
def test_a_head_that_does_not_exist_is_refused(head: object) -> None:
    recorded = attention(frames_layout(2, 3, 5))
    for ask in (
        lambda: recorded.map(head),
        lambda: recorded.rows((0, 0, 0), head),
        lambda: recorded.heat("cls", head),
    ):
        with pytest.raises(BadInput, match="0 to 2"):
            ask()


@pytest.mark.parametrize("query", [(2, 0, 0), (0, 3, 0), (0, 0, 5), (-1, 0, 0), (0, -1, 0)])
def test_a_query_outside_the_grid_is_refused(query: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput, match="2 frames x 3 rows x 5 columns"):
        attention(frames_layout(2, 3, 5)).rows(query)


def test_a_query_that_the_layout_does_not_hold_is_refused() -> None:
    with pytest.raises(BadInput, match="no query cls"):
        attention(locations_layout(2, 3, 5)).rows("cls")


# -- recording a model


def test_recording_collects_both_taps_of_every_layer_in_order(model: DirecFormer) -> None:
    with record(model) as attentions, torch.no_grad():
        model(video())
    assert [(a.name, a.layer, a.axis) for a in attentions] == [
        ("time", 0, Axis.TIME),
        ("space", 0, Axis.SPACE),
        ("time", 1, Axis.TIME),
        ("space", 1, Axis.SPACE),
    ]
    assert all(a.grid == GRID and a.heads == HEADS for a in attentions)
    assert attentions[0].q.shape == (SIDE * SIDE, HEADS, T, 7) and attentions[1].q.shape == (
        T,
        HEADS,
        1 + SIDE * SIDE,
        7,
    )
    assert all(
        not x.requires_grad and x.device.type == "cpu" for a in attentions for x in (a.q, a.k)
    )


def test_recorded_time_attention_equals_what_the_model_returns(model: DirecFormer) -> None:
    with record(model) as attentions, torch.no_grad():
        returned = model(video(), detail=True).time_attention
    for layer, attention in enumerate(a for a in attentions if a.axis is Axis.TIME):
        torch.testing.assert_close(attention.map().mean(0), returned[layer][0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_recording_changes_no_logit(model: DirecFormer, dtype: torch.dtype) -> None:
    with torch.no_grad():
        before = model(video())
        with record(model, dtype):
            during = model(video())
        after = model(video())
    assert torch.equal(before, during) and torch.equal(before, after)


def test_recording_keeps_no_graph_and_lets_gradients_through(model: DirecFormer) -> None:
    with record(model) as attentions:
        model(video()).sum().backward()
    assert model.blocks[0].temporal_attn.qkv.weight.grad.abs().sum() > 0
    assert all(not a.q.requires_grad and not a.k.requires_grad for a in attentions)


def test_recorded_factors_do_not_keep_the_fused_projection_alive(model: DirecFormer) -> None:
    for dtype in (torch.float32, torch.float16):
        with record(model, dtype) as attentions, torch.no_grad():
            model(video())
        for a in attentions:
            for x in (a.q, a.k):
                assert x.untyped_storage().nbytes() == x.numel() * x.element_size()


def test_half_precision_recording_is_half_the_size_and_nearly_as_exact(model: DirecFormer) -> None:
    by_dtype = {}
    for dtype in (torch.float32, torch.float16):
        with record(model, dtype) as by_dtype[dtype], torch.no_grad():
            model(video())
    for full, half in zip(by_dtype[torch.float32], by_dtype[torch.float16], strict=True):
        assert half.q.dtype == half.k.dtype == torch.float16
        assert half.map().dtype == torch.float32
        torch.testing.assert_close(half.map(), full.map(), atol=0.01, rtol=0)
        assert not torch.equal(half.map(), full.map())


def test_nothing_is_left_behind(model: DirecFormer) -> None:
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    stored = [set(vars(m)) for m in model.modules()]
    with record(model) as attentions, torch.no_grad():
        model(video())
    kept = [weakref.ref(x) for a in attentions for x in (a.q, a.k)]
    attentions.clear()
    del attentions
    gc.collect()
    assert all(ref() is None for ref in kept)
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()] == hooks
    assert [set(vars(m)) for m in model.modules()] == stored
    assert not any(isinstance(v, Tensor) for m in model.modules() for v in vars(m).values())
    with torch.no_grad():
        model(video(batch=2))  # a batch would be refused if a recorder were still active


def test_nothing_is_left_behind_after_an_exception(model: DirecFormer) -> None:
    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="boom"),
        record(model) as attentions,
        torch.no_grad(),
    ):
        model(video())
        raise RuntimeError("boom")
    assert attentions == []
    with torch.no_grad():
        model(video(batch=2))
        with record(model) as again:
            model(video())
    assert len(again) == 4 and again[1].q.shape[0] == T  # not stacked on the broken pass


def test_a_batch_of_two_is_refused(model: DirecFormer) -> None:
    with pytest.raises(BadInput, match="one clip at a time"), record(model), torch.no_grad():
        model(video(batch=2))


def test_recording_nothing_is_refused(model: DirecFormer) -> None:
    with pytest.raises(BadInput, match="DirecFormer"), record(model):
        pass
    with (
        pytest.raises(BadInput, match="nothing was recorded"),
        record(nn.Linear(3, 5)),
        torch.no_grad(),
    ):
        model(video())


def test_taps_of_another_model_are_ignored(model: DirecFormer) -> None:
    other = tiny(1)
    with torch.no_grad():
        with record(model) as alone:
            model(video())
        with record(model) as both:
            other(video(1))
            model(video())
            other(video(2, batch=2))
    assert len(alone) == len(both) == 4
    for a, b in zip(alone, both, strict=True):
        assert torch.equal(a.q, b.q) and torch.equal(a.k, b.k)


def test_recordings_nest(model: DirecFormer) -> None:
    other = tiny(1)
    with torch.no_grad(), record(model) as outer:
        with record(other) as inner:
            other(video(1))
        model(video())
    assert len(outer) == len(inner) == 4 and not torch.equal(outer[0].q, inner[0].q)


def test_two_threads_record_apart(model: DirecFormer) -> None:
    with torch.no_grad():
        expected = []
        for seed in (0, 1):
            with record(model) as attentions:
                model(video(seed))
            expected.append(attentions)
    turns = threading.Barrier(2, timeout=20)
    results: dict[int, list[Attention]] = {}
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            with torch.no_grad(), record(model) as attentions:
                turns.wait()  # both are recording the same model now
                model(video(seed))
                turns.wait()
            results[seed] = attentions
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    for seed in (0, 1):
        assert len(results[seed]) == 4
        for a, b in zip(results[seed], expected[seed], strict=True):
            assert torch.equal(a.q, b.q) and torch.equal(a.k, b.k)


def test_a_thread_does_not_record_what_another_runs(model: DirecFormer) -> None:
    def run_elsewhere() -> None:
        with torch.no_grad():
            model(video(batch=2))

    with torch.no_grad(), record(model) as attentions:
        thread = threading.Thread(target=run_elsewhere)
        thread.start()
        thread.join(30)
        model(video())
    assert len(attentions) == 4


class Recurrent(nn.Module):
    """Taps once a frame, as a recurrent model does."""

    def __init__(self) -> None:
        super().__init__()
        self.tap = Tap("frame", 0, Axis.SPACE, Kernel("linear"))

    def forward(self, frames: Tensor) -> None:
        for t, frame in enumerate(self.each(frames)):
            tokens = torch.arange(6)[None] + 6 * t
            self.tap(frame, frame, Layout(tokens, tokens, (len(frames), 2, 3)))

    @staticmethod
    def each(frames: Tensor) -> Iterator[Tensor]:
        yield from frames.split(1)


def test_a_tap_called_once_a_frame_stacks_along_groups() -> None:
    net, frames = Recurrent(), torch.randn(5, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    with record(net) as attentions:
        net(frames)
    assert len(attentions) == 1 and torch.equal(attentions[0].q, frames)
    heat = attentions[0].heat((4, 1, 2))
    assert heat[4].isfinite().all() and heat[:4].isnan().all()
    torch.testing.assert_close(heat[4].flatten(), attentions[0].map()[4, 5])

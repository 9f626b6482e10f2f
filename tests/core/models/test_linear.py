"""The linear layer gives torch's values and gradients, whichever library multiplies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.models import linear as module
from core.models.linear import Linear, linear

needs_onednn = pytest.mark.skipif(
    module._OPERATION is None, reason="this build of torch multiplies with one library only"
)


@pytest.fixture(autouse=True)
def onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it multiplies is right on every processor, also where MKL is as fast."""
    monkeypatch.setattr(module, "_GAINS", True)


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what oneDNN is asked to multiply, in order."""
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        module,
        "_OPERATION",
        lambda x, weight, bias, *_: (
            asked.append(tuple(x.shape)) or functional.linear(x, weight, bias)
        ),
    )
    return asked


def some(*sizes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, generator=generator) for size in sizes]


def gradients(layer: Callable[..., Tensor], *tensors: Tensor) -> tuple[Tensor, ...]:
    """The value of a layer, and the gradients of its sum weighted by 1, 2, 3, ..."""
    tensors = [t.detach().requires_grad_() for t in tensors]
    out = layer(*tensors)
    return out.detach(), *torch.autograd.grad(
        (out * torch.arange(out.numel()).view(out.shape).to(out.dtype)).sum(), tensors
    )


def assert_as_in_torch(*tensors: Tensor) -> None:
    for ours, theirs in zip(
        gradients(linear, *tensors), gradients(functional.linear, *tensors), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "shape", [(7, 5), (2, 7, 5), (2, 3, 7, 5), (1, 5), (5,), (0, 5), (2, 0, 5)]
)
@pytest.mark.parametrize("wide", [0, 3, 11])  # the copied side of the weights' gradient differs
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], wide: int) -> None:
    assert_as_in_torch(*some(shape, (wide, 5), (wide,)))


def test_a_hand_computed_product() -> None:
    x, weight, bias = (
        torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        torch.tensor([[1.0, -1.0]]),
        torch.tensor([0.5]),
    )
    # Weighted by 0 and 1: only the second row counts.
    value, of_x, of_weight, of_bias = gradients(linear, x, weight, bias)
    assert value.tolist() == [[-0.5], [-0.5]]
    assert (
        of_x.tolist() == [[0, 0], [1, -1]]
        and of_weight.tolist() == [[3, 4]]
        and of_bias.tolist() == [1]
    )


def test_slices_steps_and_copies_without_memory_are_multiplied_as_in_torch() -> None:
    wide, tall, row = some((7, 2, 13), (3, 11), (6,))
    x, weight = wide[:, 1, 2:7], tall[:, 5:10]
    for bias in (row[:3], row[::2], row[0].expand(3), row[:1]):
        assert_as_in_torch(x, weight, bias)
    assert_as_in_torch(x, weight)
    assert_as_in_torch(x[:1].expand(7, 5), weight.t().contiguous().t())


def test_a_sum_of_the_output_has_a_gradient_without_memory_of_its_own() -> None:
    x, weight = some((2, 7, 5), (3, 5))
    layers = [layer(x, weight.requires_grad_()).sum() for layer in (linear, functional.linear)]
    torch.testing.assert_close(*(torch.autograd.grad(total, weight)[0] for total in layers))


def test_an_output_can_be_changed_in_place() -> None:
    x, weight = some((2, 7, 5), (3, 5))
    changed = linear(x, weight.requires_grad_()).add_(1)
    torch.testing.assert_close(changed, functional.linear(x, weight) + 1)


@pytest.mark.parametrize(
    ("processor", "gains"),
    [("AMD EPYC", True), ("Intel Xeon", False), ("Intel(R) Core(TM) i7", False), ("", True)],
)
def test_onednn_multiplies_where_mkl_is_slow(processor: str, gains: bool) -> None:
    assert module._gains(processor) == gains


@needs_onednn
def test_on_an_intel_processor_torch_multiplies(
    products: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GAINS", False)
    assert linear(*some((7, 5), (3, 5))).shape == (7, 3) and products == []


@needs_onednn
def test_float32_goes_to_onednn_unless_it_is_disabled(products: list[tuple[int, ...]]) -> None:
    layer, x = Linear(5, 3), torch.ones(7, 5)
    with torch.no_grad():
        layer(x)
    assert products == [(7, 5)]
    layer(x).sum().backward()
    # The value, and the gradient of the weights; x asks for none.
    assert products[1:] == [(7, 5), (3, 7)]
    products.clear()
    torch.backends.mkldnn.set_flags(False)
    try:
        layer(x)
    finally:
        torch.backends.mkldnn.set_flags(True)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert layer(x).dtype == torch.bfloat16
    layer.double()(x.double())
    assert not products


@needs_onednn
def test_a_frozen_layer_is_neither_multiplied_for_a_gradient_nor_keeps_its_input(
    products: list[tuple[int, ...]],
) -> None:
    layer, x, kept = Linear(5, 3).requires_grad_(False), torch.ones(7, 5, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(tuple(t.shape)) or t, lambda t: t
    ):
        out = layer(x)
    out.sum().backward()
    assert kept == [(3, 5)] and products == [(7, 5), (7, 3)] and layer.weight.grad is None
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(7, 5))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
def test_a_layer_can_be_traced_and_counted() -> None:
    layer, x = Linear(5, 3), torch.ones(2, 5)
    torch.testing.assert_close(torch.jit.trace(layer, x)(x), layer(x))
    assert layer.to("meta")(x.to("meta")).shape == (2, 3)


@needs_onednn
def test_some_columns_of_a_wider_matrix_are_multiplied_as_a_dense_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, *_: object) -> Tensor:
        asked.append(weight.is_contiguous() or weight.t().is_contiguous())
        return functional.linear(x, weight, bias)

    monkeypatch.setattr(module, "_OPERATION", multiply)
    x, wide = some((5, 7), (3, 11))
    torch.testing.assert_close(linear(x, wide[:, :7]), x @ wide[:, :7].t())
    gradients(linear, x, wide[:, :7])
    assert len(asked) > 2 and all(asked), "oneDNN is many times slower on a matrix with gaps"

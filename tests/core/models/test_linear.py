"""The linear layer gives torch's values and gradients, whichever library multiplies."""

import pytest
import torch
from torch.nn import functional

from core.models import linear as module
from core.models.linear import Linear, linear

needs_onednn = pytest.mark.skipif(module._OPERATION is None, reason="this build of torch multiplies with one library only")


def gradients(layer, *tensors):
    """The value of a layer, and the gradients of its sum weighted by 1, 2, 3, ..."""
    tensors = [t.detach().clone().requires_grad_() for t in tensors]
    out = layer(*tensors)
    (out * torch.arange(out.numel()).view(out.shape).to(out.dtype)).sum().backward()
    return out.detach(), *(t.grad for t in tensors)


@pytest.mark.parametrize("shape", [(7, 5), (2, 7, 5), (2, 3, 7, 5), (1, 5), (0, 5)])
@pytest.mark.parametrize("wide", [3, 11])  # the copied side of the weights' gradient differs
def test_values_and_gradients_are_those_of_torch(shape, wide):
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(size, generator=generator) for size in (shape, (wide, 5), (wide,)))
    for ours, theirs in zip(gradients(linear, x, weight, bias), gradients(functional.linear, x, weight, bias), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


def test_slices_of_tensors_and_no_bias_are_multiplied_as_in_torch():
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(7, 2, 13, generator=generator)[:, 1, 2:7], torch.randn(3, 11, generator=generator)[:, 5:10]
    for ours, theirs in zip(gradients(linear, x, weight), gradients(functional.linear, x, weight), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@needs_onednn
def test_float32_goes_to_onednn_unless_it_is_disabled(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "_OPERATION", lambda x, weight, bias, *rest: calls.append(x.shape) or functional.linear(x, weight, bias))
    layer = Linear(5, 3)
    with torch.no_grad():
        layer(torch.ones(7, 5))
    assert calls == [(7, 5)]
    layer(torch.ones(7, 5)).sum().backward()
    assert calls[1:] == [(7, 5), (3, 7)]  # the value, and the gradient of the weights; x asks for none
    calls.clear()
    torch.backends.mkldnn.set_flags(False)
    try:
        layer(torch.ones(7, 5))
    finally:
        torch.backends.mkldnn.set_flags(True)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert layer(torch.ones(7, 5)).dtype == torch.bfloat16
    with torch.no_grad():
        layer.double()(torch.ones(7, 5).double())
    assert not calls


@needs_onednn
def test_a_frozen_weight_gets_no_gradient_and_is_not_multiplied_for_one(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "_OPERATION", lambda x, weight, bias, *rest: calls.append(x.shape) or functional.linear(x, weight, bias))
    layer, x = Linear(5, 3).requires_grad_(False), torch.ones(7, 5, requires_grad=True)
    layer(x).sum().backward()
    assert calls == [(7, 5), (7, 3)] and layer.weight.grad is None and layer.bias.grad is None
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(7, 5))


def test_a_model_that_is_counted_or_exported_still_has_layers_of_torch():
    assert isinstance(Linear(5, 3), torch.nn.Linear)
    assert linear(torch.ones(2, 5, device="meta"), torch.ones(3, 5, device="meta")).shape == (2, 3)

"""The linear layer of every model, multiplied by oneDNN on x86 processors that are not Intel's.

torch multiplies float32 matrices on x86 with MKL, which on AMD leaves AVX-512 unused. oneDNN, which
torch brings along for convolutions, does not: on an EPYC with AVX-512 it is 2.2 times as fast. On a
Xeon with AVX-512 both are as fast, and MKL saves the copies that oneDNN makes: training takes 15 %
less. torch has no switch between them, so oneDNN's operation is called by name; where it is
missing, or torch.backends.mkldnn is disabled, everything is as in torch.nn. The same holds under
torch.jit.trace, which cannot trace that operation.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_X86 = platform.machine().lower() in ("x86_64", "amd64")
_OPERATION: Callable[..., Tensor] | None = None
if _X86 and torch.backends.mkldnn.is_available():
    _OPERATION = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def _gains(processor: str) -> bool:
    """Whether oneDNN is faster than MKL on a processor of this name.

    Such as "Intel Xeon" or "AMD EPYC".
    """
    return "intel" not in processor.lower()


_GAINS = _gains(str(torch.cpu.get_capabilities().get("cpu_name", "")))


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., K) and weight (N, K), both of any strides -> x weight^T + bias, (..., N)."""
    assert _OPERATION is not None
    if not (weight.is_contiguous() or weight.t().is_contiguous()):
        # oneDNN multiplies some columns of a wider matrix without its fast kernels: on an EPYC the
        # adapters of am_flow took five times as long as all the rest of the network.
        weight = weight.contiguous()
    return _OPERATION(x, weight, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    """x weight^T + bias with its derivative, each product by oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (M, K), weight (N, K) and bias (N,) -> (M, N)."""
        needs_x_grad, needs_weight_grad, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if needs_weight_grad else None, weight if needs_x_grad else None)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """grad (M, N) for x (M, K)."""
        x, weight = ctx.saved_tensors
        x_grad = weight_grad = bias_grad = None
        # A transposed first factor is copied, so the narrower one goes first.
        if x is not None and grad.shape[1] <= x.shape[1]:
            weight_grad = _product(grad.t(), x.t())
        elif x is not None:
            weight_grad = _product(x.t(), grad.t()).t()
        if weight is not None:
            x_grad = _product(grad, weight.t())
        if ctx.needs_input_grad[2]:
            bias_grad = grad.sum(0)
        return x_grad, weight_grad, bias_grad


def _suits(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether oneDNN gives what torch gives.

    It does not see the strides of a bias, and knows no empty tensors.
    """
    plain = (
        x.dtype == weight.dtype == torch.float32
        and x.is_cpu
        and x.ndim > 1
        and weight.ndim == 2
        and x.shape[-1] == weight.shape[1]
    )
    added = bias is None or (
        bias.dtype == torch.float32 and bias.is_contiguous() and bias.shape == weight.shape[:1]
    )
    return plain and added and x.numel() > 0 and weight.numel() > 0


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """torch.nn.functional.linear, x (..., K) -> (..., N).

    Values and first derivatives are the same but for rounding.
    """
    usable = (
        _GAINS
        and _OPERATION is not None
        and torch.backends.mkldnn.enabled
        and not torch.is_autocast_enabled("cpu")
    )
    if not usable or torch.jit.is_tracing() or not _suits(x, weight, bias):
        return functional.linear(x, weight, bias)
    if not torch.is_grad_enabled():
        return _product(x, weight, bias)
    return _Linear.apply(x.flatten(0, -2), weight, bias).unflatten(0, x.shape[:-1])


class Linear(nn.Linear):
    """torch.nn.Linear through `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """x (..., K) -> (..., N)."""
        return linear(x, self.weight, self.bias)

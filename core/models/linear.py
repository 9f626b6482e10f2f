"""The linear layer of every model, multiplied by oneDNN on x86.

torch multiplies float32 matrices on such a CPU with MKL, which on AMD leaves AVX-512 unused. oneDNN, which torch
brings along for convolutions, does not: it is 2.2 times as fast there. torch has no switch for it, so its operation is
called by name; where it is missing, or torch.backends.mkldnn is disabled, everything is as in torch.nn.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_X86 = platform.machine().lower() in ("x86_64", "amd64")
_OPERATION = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if _X86 and torch.backends.mkldnn.is_available() else None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., K) and weight (N, K), of any strides -> x weight^T + bias, (..., N)."""
    return _OPERATION(x, weight, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows, of = grad.flatten(0, -2), x.flatten(0, -2)
        to_x, to_weight, to_bias = ctx.needs_input_grad
        of_weight = None
        if to_weight:  # a transposed first factor is copied, so the narrower one goes first
            narrow = rows.shape[1] <= of.shape[1]
            of_weight = _product(rows.t(), of.t()) if narrow else _product(of.t(), rows.t()).t()
        return _product(grad, weight.t()) if to_x else None, of_weight, rows.sum(0) if to_bias else None



def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """torch.nn.functional.linear, whose values and gradients it gives but for rounding; x (..., K) -> (..., N)."""
    float32 = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if _OPERATION is None or not (float32 and x.is_cpu and x.ndim > 1 and x.numel() and torch.backends.mkldnn.enabled):
        return functional.linear(x, weight, bias)
    return _Linear.apply(x, weight, bias) if torch.is_grad_enabled() else _product(x, weight, bias)


class Linear(nn.Linear):
    """torch.nn.Linear through `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """x (..., K) -> (..., N)."""
        return linear(x, self.weight, self.bias)

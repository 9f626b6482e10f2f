"""Parameters and multiply-accumulates of a model, in the convention of the papers.

Their "GFLOPs" are multiply-accumulates: 1 for each in a convolution, linear layer or matrix
product, 5 an element of a LayerNorm and 2 of a BatchNorm at evaluation; softmax, GELU, sums and
biases are free. The forward pass runs on the meta device, which computes shapes and no numbers, and
every operation that reaches it is counted, whichever module it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import BadInput
from core.models import build

aten = torch.ops.aten


@dataclass(frozen=True)
class Count:
    """What a model costs for one clip."""

    parameters: int
    trainable: int
    macs: int


def _product(left: Tensor, right: Tensor) -> int:
    """(..., n, k) times (..., k, m), or a vector of k."""
    return left.numel() * (right.shape[-1] if right.ndim > 1 else 1)


def _convolution(args: tuple[Any, ...]) -> Callable[[Tensor], int]:
    x, weight, transposed = args[0], args[1], args[6]
    return lambda out: (x if transposed else out).numel() * prod(weight.shape[1:])


_RULES: dict[Any, Callable[[tuple[Any, ...], Tensor], int]] = {
    aten.mm: lambda args, out: _product(args[0], args[1]),
    aten.bmm: lambda args, out: _product(args[0], args[1]),
    aten.mv: lambda args, out: _product(args[0], args[1]),
    aten.dot: lambda args, out: _product(args[0], args[1]),
    aten.addmm: lambda args, out: _product(args[1], args[2]),
    aten.baddbmm: lambda args, out: _product(args[1], args[2]),
    aten.addmv: lambda args, out: _product(args[1], args[2]),
    aten.convolution: lambda args, out: _convolution(args)(out),
    aten.native_layer_norm: lambda args, out: args[0].numel() * (4 if args[2] is None else 5),
    aten.native_batch_norm: lambda args, out: args[0].numel() * (1 if args[1] is None else 2),
}


class _Counter(TorchDispatchMode):
    """Adds up what the operations under it cost.

    On the meta device fused attention comes as its products.
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        rule = _RULES.get(function.overloadpacket)
        if rule is not None:
            self.macs += rule(args, out)
        return out


def count_model(model: nn.Module, video: Tensor) -> Count:
    """Count a model on the meta device, at evaluation, for a meta video (1, 3, T, H, W)."""
    with torch.no_grad(), _Counter() as counter:
        model.eval()(video)
    parameters = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Count(parameters, trainable, counter.macs)


def count(name: str, preset: str = "gesture", **settings: Any) -> Count:
    """Count a model by name, for one clip of the size that it is built for.

    Raises: BadInput for an unknown model, preset or setting, or settings that give no working
    model.
    """
    try:
        with torch.device("meta"):
            model = build(name, preset, **settings)
        # Outside: what a forward pass caches must not be made on the meta device.
        video = torch.empty(1, 3, model.frames, model.size, model.size, device="meta")
        return count_model(model, video)
    except BadInput:
        raise
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        if not settings:
            raise
        given = " ".join(f"{key}={value}" for key, value in settings.items())
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadInput(
            f"{name} {preset} does not work with {given} ({reason[0]}); choose other values"
        ) from None

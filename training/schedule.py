"""Learning rates over the steps and over the layers (spec 8.11); averages, and number formats."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import BadInput
from training.recipes import Recipe

KINDS = ("cosine", "restarts", "steps", "constant")
_FIRST = ("patch_embed", "cls_token", "state_token", "pos_embed", "time_embed", "norm_pre")
_UNDECAYED = ("cls_token", "state_token", "pos_embed", "time_embed", "block_embed", "place_embed")


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each step: a linear warm-up, then one of four curves.

    cosine falls to floor * peak at the last step; restarts does so every `restart` epochs and
    begins again at the peak (Loshchilov and Hutter, ICLR 2017); steps multiplies by gamma at each
    milestone; constant stays. Epochs count from the first step, the warm-up included, except for
    restarts, whose clock starts after it.
    """

    kind: str
    peak: float
    steps: int  # of the whole run
    warmup: int = 0  # steps
    warmup_from: float = 0.0  # share of the peak
    floor: float = 0.0  # share of the peak
    epoch: float = 1.0  # steps
    restart: float = 5.0  # epochs
    milestones: tuple[float, ...] = ()  # epochs
    gamma: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(f"schedule {self.kind!r} is not known; choose one of {', '.join(KINDS)}")

    def rate(self, step: int) -> float:
        """Of step 0, 1, ... steps - 1."""
        if step < self.warmup:
            return self.peak * (
                self.warmup_from + (1 - self.warmup_from) * (step + 1) / self.warmup
            )
        if self.kind == "constant":
            return self.peak
        if self.kind == "steps":
            return self.peak * self.gamma ** sum(step >= m * self.epoch for m in self.milestones)
        after = step - self.warmup
        if self.kind == "restarts":
            done = after / self.epoch % self.restart / self.restart
        else:
            done = after / max(1, self.steps - self.warmup)
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done)))


def schedule_of(recipe: Recipe, peak: float, steps: int, epoch: float) -> Schedule:
    """The schedule of a stage of `steps` steps, with `epoch` steps a pass over the data."""
    scale = recipe.batch / recipe.lr_batch if recipe.lr_batch else 1.0
    warmup = round(recipe.warmup_epochs * epoch) if recipe.warmup_epochs else recipe.warmup
    return Schedule(
        recipe.schedule,
        peak * scale,
        steps,
        warmup,
        recipe.warmup_from,
        recipe.floor,
        epoch,
        recipe.restart_epochs,
        recipe.milestones,
        recipe.gamma,
    )


def layer_of(name: str, depth: int) -> int:
    """Which layer a parameter belongs to.

    0 for the embeddings, i + 1 for block i, depth + 1 for all that comes after.
    """
    block = re.search(r"(?:^|\.)blocks\.(\d+)\.", name)
    if block:
        return int(block[1]) + 1
    return 0 if any(part in name.split(".") for part in _FIRST) else depth + 1


def layer_scales(names: list[str], decay: float) -> dict[str, float]:
    """decay ** (depth + 1 - layer) for each parameter (spec 8.11).

    1 for the head, the least for the embeddings.
    """
    depth = max((layer_of(name, -1) for name in names), default=0)
    return {name: decay ** (depth + 1 - layer_of(name, depth)) for name in names}


def parameter_groups(
    module: nn.Module, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Optimiser groups of the parameters that learn, each with the `scale` of its learning rate.

    Biases, gains, class tokens and position tables are not decayed.
    """
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, scale in layer_scales(list(named), layer_decay).items():
        free = named[name].ndim <= 1 or name.rsplit(".", 1)[-1] in _UNDECAYED
        groups.setdefault((0.0 if free else weight_decay, scale), []).append(named[name])
    return [
        {"params": parameters, "weight_decay": decay, "scale": scale}
        for (decay, scale), parameters in groups.items()
    ]


def make_optimiser(recipe: Recipe, module: nn.Module) -> torch.optim.Optimizer:
    """Raises: BadInput where nothing is left to learn."""
    groups = parameter_groups(module, recipe.weight_decay, recipe.layer_decay)
    if not groups:
        raise BadInput(f"nothing of {recipe.model} is left to train; choose a smaller --frozen")
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, betas=(recipe.momentum, recipe.beta2))
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )


def bfloat16_is_fast() -> bool:
    """Whether this machine multiplies bfloat16 in hardware.

    Elsewhere autocast only slows it down.
    """
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(
        getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
        or getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    )


def fastest_threads(run: Callable[[], object], most: int) -> int:
    """How many of torch's threads `run` is fastest with now: one, or `most`.

    Threads that share a product of matrices wait for the slowest of them. On a busy computer that
    takes several times as long as one thread alone.
    """
    before = torch.get_num_threads()
    seconds = {}
    try:
        for threads in (1, most):
            torch.set_num_threads(threads)
            began = time.perf_counter()
            run()
            seconds[threads] = time.perf_counter() - began
    finally:
        torch.set_num_threads(before)
    return min(seconds, key=lambda threads: seconds[threads])


class Average:
    """Exponential moving average of a module's weights, slower as training goes on.

    A decay of 0 gives the last weights.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - decay)
            else:  # a batch norm's count of batches
                self.weights[key].copy_(value)

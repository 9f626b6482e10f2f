"""Attribution of one class score to the clip's pixels: gradients and occlusion.

The result is one value for each of the model's own cells: gradients are pooled over a cell's
pixels, occlusion covers a whole cell.

Each works in short pieces. The model is held for one piece at a time, so that others may use it in
between, and after each piece `progress(part done, 0..1)` is called; whatever that raises ends the
work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from core.errors import BadInput
from core.explain.gradcam import check_class
from core.observe import check_fits, to_input
from core.video import Clip
from core.weights import Model

Grid = tuple[int, int, int]
Progress = Callable[[float], object]
GREY = 0.0
"""The baseline: the mean colour of the training data, which normalised video calls 0."""
STEPS, PIECE, BATCH = 32, 4, 4


@dataclass(frozen=True)
class Method:
    """One attribution: `run(model, video, target, grid, progress)` -> heat (T', h, w) float32."""

    title: str
    signed: bool
    run: Callable[[Model, Tensor, int, Grid, Progress], np.ndarray]
    help: str


def attribute(
    method: str,
    model: Model,
    clip: Clip,
    target: int,
    grid: Grid,
    progress: Progress = lambda done: None,
) -> Float[np.ndarray, "T h w"]:
    """Heat of a class on a clip, by a method of METHODS.

    The heat is (T', h, w) float32; `grid` is the model's (T', h, w).

    Raises: BadInput for an unknown method or class, for a clip that does not fit, or a grid that
    does not divide it.
    """
    if method not in METHODS:
        raise BadInput(f"attribution {method!r} is not known; choose one of {', '.join(METHODS)}")
    check_class(model.card, target)
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    if any(pixels % cells for pixels, cells in zip(video.shape[2:], grid, strict=True)):
        raise BadInput(
            f"a grid of {grid} cells does not divide {tuple(video.shape[2:])} frames and pixels; "
            "take that of the model's trace"
        )
    return METHODS[method].run(model, video, target, grid, progress)


def _pooled(pixels: Tensor, grid: Grid, how: str) -> np.ndarray:
    """(1, 3, T, H, W) to cells (T', h, w)."""
    T, h, w = grid
    values = pixels.detach().float()
    return reduce(values, "1 c (T a) (h b) (w d) -> T h w", how, T=T, h=h, w=w).numpy()


def saliency(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
) -> Float[np.ndarray, "T h w"]:
    """|d score / d pixel|, the mean over a cell's pixels and colours (Simonyan et al., 2014)."""
    from captum.attr import Saliency

    with model.lock, torch.enable_grad():
        gradient = Saliency(model.net).attribute(video.clone().requires_grad_(), target=target)
    progress(1.0)
    return _pooled(gradient, grid, "mean")


def integrated_gradients(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
    steps: int = STEPS,
) -> Float[np.ndarray, "T h w"]:
    """Gradients along the straight way from grey to the clip, times the way, summed over a cell.

    Sundararajan et al., ICML 2017. The sum over all cells is the score of the clip minus that of
    grey, up to the error of the quadrature. The integral over the whole way is the sum of those
    over its pieces, which Captum takes one after another.
    """
    from captum.attr import IntegratedGradients

    pieces = max(1, steps // PIECE)
    method = IntegratedGradients(model.net)
    way = video - GREY
    total = torch.zeros_like(video)
    for i in range(pieces):
        start = GREY + way * i / pieces
        end = GREY + way * (i + 1) / pieces
        with model.lock, torch.enable_grad():
            piece = method.attribute(
                end, start, target=target, n_steps=PIECE, internal_batch_size=1
            )
        total += piece.detach()
        progress((i + 1) / pieces)
    return _pooled(total, grid, "sum")


def occlusion(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
) -> Float[np.ndarray, "T h w"]:
    """How far the score falls when one cell, over all frames that it covers, is painted grey.

    Zeiler and Fergus, ECCV 2014.
    """
    cells = list(np.ndindex(grid))
    falls: list[float] = []
    with model.lock, torch.inference_mode():
        score = float(model.net(video)[0, target])
    for start in range(0, len(cells), BATCH):
        batch = cells[start : start + BATCH]
        hidden = torch.cat([_without(video, cell, grid) for cell in batch])
        with model.lock, torch.inference_mode():
            falls += (score - model.net(hidden)[:, target]).tolist()
        progress(len(falls) / len(cells))
    return np.array(falls, np.float32).reshape(grid)


def _without(video: Tensor, cell: Sequence[int], grid: Grid) -> Tensor:
    """The video (1, 3, T, H, W) with one cell painted grey."""
    hidden = video.clone()
    sizes = [pixels // cells for pixels, cells in zip(video.shape[2:], grid, strict=True)]
    frames, rows, columns = (
        slice(i * size, (i + 1) * size) for i, size in zip(cell, sizes, strict=True)
    )
    hidden[:, :, frames, rows, columns] = GREY
    return hidden


METHODS = {
    "integrated_gradients": Method(
        "Integrated gradients",
        True,
        integrated_gradients,
        r"$\mathrm{IG}=(x-x_0)\int_0^1\nabla f(x_0+\alpha(x-x_0))\,d\alpha$, $x_0$ grey, summed "
        r"over each cell. Red raises the score, "
        r"blue lowers it; all cells together give $f(x)-f(x_0)$.",
    ),
    "occlusion": Method(
        "Occlusion",
        True,
        occlusion,
        r"$f(x)-f(x\text{ with one cell painted grey})$ for each cell. Red: hiding it lowers the "
        r"score.",
    ),
    "saliency": Method(
        "Saliency",
        False,
        saliency,
        r"$|\partial f/\partial x|$, the mean over each cell: where a small change of the "
        "pixels changes the score.",
    ),
}

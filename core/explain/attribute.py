"""Attribution of one class score to the clip's pixels: gradients and occlusion.

The result is one value for each of the model's own cells: gradients are pooled over a cell's
pixels, occlusion covers a whole cell.

Each works in short pieces, on a network of its own over the same weights, so that others may use
the model meanwhile. After each piece `progress(part done, 0..1)` is called; whatever that raises
ends the work.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import BadInput
from core.explain.gradcam import check_class
from core.explain.way import FIRST, MOST, Point, integrated
from core.models.video_model import VideoModel
from core.observe import check_fits, to_input
from core.video import Clip
from core.weights import Model

Grid = tuple[int, int, int]
Given = TypeVar("Given")
Part = TypeVar("Part")
Progress = Callable[[float], object]
GREY = 0.0
"""The baseline: the mean colour of the training data, which normalised video calls 0."""
AT_ONCE, GRADIENTS_AT_ONCE = 4, 4
"""Clips of one pass: on a CPU more of them leave its cache and take longer each."""
PIXELS_OF_GRADIENTS = 2 * 16 * 112 * 112
"""Pixels up to which clips are differentiated together: a network keeps all that it computed."""


@dataclass(frozen=True)
class Method:
    """One attribution: `run(model, video, target, grid, progress)` -> heat (T', h, w) float32."""

    title: str
    signed: bool
    run: Callable[[Model, Tensor, int, Grid, Progress], np.ndarray]
    help: str
    adds_up: bool = False
    """Whether all cells together give `score_change`."""
    at_most: float = 1.0
    """How many times as long as `seconds` says it can take."""


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
    video = _checked(method, model, clip, target, grid)
    return METHODS[method].run(model, video, target, grid, progress)


def _checked(method: str, model: Model, clip: Clip, target: int, grid: Grid) -> Tensor:
    """What the model sees, (1, 3, T, S, S). Raises: BadInput as `attribute`."""
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
    return video


def _pooled(pixels: Tensor, grid: Grid, how: str) -> np.ndarray:
    """(1, 3, T, H, W) to cells (T', h, w)."""
    T, h, w = grid
    values = pixels.detach().float()
    return reduce(values, "1 c (T a) (h b) (w d) -> T h w", how, T=T, h=h, w=w).numpy()


def seconds(method: str, model: Model, clip: Clip, grid: Grid) -> float:
    """How long `attribute` will take on this computer, from its first pieces.

    Raises: BadInput as `attribute`.
    """
    video = _checked(method, model, clip, 0, grid)
    pieces = 0
    began = time.perf_counter()

    def count(done: float) -> None:
        nonlocal pieces
        pieces += 1
        if pieces == torch.get_num_threads():  # so many are worked on side by side
            raise _Measured((time.perf_counter() - began) / done)

    try:
        METHODS[method].run(model, video, 0, grid, count)
    except _Measured as measured:
        return measured.seconds
    return time.perf_counter() - began


class _Measured(Exception):
    """Ends an attribution whose first pieces are done."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def own_network(model: Model) -> VideoModel:
    """Another network over the same weights, of which it computes no gradients."""
    with model.lock:
        weights: dict[int, object] = {
            id(weight): nn.Parameter(weight.detach(), requires_grad=False)
            for weight in model.net.parameters()
        }
        return copy.deepcopy(model.net, weights)


def side_by_side(
    run: Callable[[Given], Part], given: Sequence[Given]
) -> Generator[Part, None, None]:
    """What `run` makes of each, in order: one at a time on each of torch's threads.

    Where a pass is shared by all threads, each product of matrices waits for the slowest: on two
    cores with other work, passes side by side are five times as fast. When it is closed,
    what has begun is ended and nothing else begins.
    """
    count = torch.get_num_threads()
    if count == 1:
        yield from map(run, given)
        return
    started = threading.Barrier(count + 1)
    with ThreadPoolExecutor(count, initializer=_use_one_core) as pool:
        for _ in range(count):
            pool.submit(started.wait)
        started.wait()
        torch.set_num_threads(count)  # torch gives the last number to threads that come later
        yield from pool.map(run, given)


def _use_one_core() -> None:
    """Let this thread's passes use one core."""
    torch.get_num_threads()  # a new thread asks torch once, which would undo the next line
    torch.set_num_threads(1)


def saliency(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
) -> Float[np.ndarray, "T h w"]:
    """|d score / d pixel|, the mean over a cell's pixels and colours (Simonyan et al., 2014)."""
    from captum.attr import Saliency

    method = Saliency(own_network(model))
    with torch.enable_grad():
        gradient = method.attribute(video.clone().requires_grad_(), target=target)
    progress(1.0)
    return _pooled(gradient, grid, "mean")


def integrated_gradients(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
) -> Float[np.ndarray, "T h w"]:
    """Gradients along the straight way from grey to the clip, times the way, summed over a cell.

    Sundararajan et al., ICML 2017. The sum over all cells is the score of the clip minus that of
    grey, but for the error of the quadrature (`core.explain.way`): the way is cut into pieces, and
    again where the parts of a piece do not add up to what the score changes in it.
    """
    network, way = own_network(model), video - GREY
    at_once = max(1, min(GRADIENTS_AT_ONCE, PIXELS_OF_GRADIENTS // video[0, 0].numel()))

    def gradient(shares: tuple[float, ...]) -> list[Point]:
        along = torch.tensor(shares).view(-1, 1, 1, 1, 1)
        clips = (GREY + way * along).requires_grad_()
        with torch.enable_grad():
            scores = network(clips)[:, target]
        (gradients,) = torch.autograd.grad(scores.sum(), clips)
        return [
            Point(score, _pooled(way * each[None], grid, "sum"))
            for score, each in zip(scores.tolist(), gradients, strict=True)
        ]

    taken = 0
    reached = 0.0

    def measure(shares: list[float]) -> dict[float, Point]:
        nonlocal taken, reached
        total = taken + len(shares)
        points: list[Point] = []
        some = [tuple(shares[i : i + at_once]) for i in range(0, len(shares), at_once)]
        with closing(side_by_side(gradient, some)) as parts:
            for part in parts:
                points += part
                taken += len(part)
                reached = max(reached, taken / total)  # more may follow
                progress(reached)
        return dict(zip(shares, points, strict=True))

    return integrated(measure)


def score_change(model: Model, clip: Clip, target: int) -> float:
    """The score of a class on the clip minus that on grey: what integrated gradients add up to.

    Raises: BadInput for an unknown class or a clip that does not fit.
    """
    video = _checked("integrated_gradients", model, clip, target, (1, 1, 1))
    with model.lock, torch.inference_mode():
        clip_score, grey_score = (model.net(given)[0, target] for given in (video, grey(video)))
    return float(clip_score - grey_score)


def grey(video: Tensor) -> Tensor:
    """A clip of the same shape that shows nothing."""
    return torch.full_like(video, GREY)


def occlusion(
    model: Model,
    video: Float[Tensor, "1 3 frames H W"],
    target: int,
    grid: Grid,
    progress: Progress,
) -> Float[np.ndarray, "T h w"]:
    """How far the score falls when one cell, over all frames that it covers, is painted grey.

    Zeiler and Fergus, ECCV 2014. What a recurrent network makes of the frames before the cell is
    computed once. All in float32: one cell changes the score of a shipped model by 0.005 to 0.09,
    and bfloat16 missed the largest change by 27 to 300 %, float16 by 4 to 75 %.
    """
    network = own_network(model)
    with torch.inference_mode():
        score = float(network(video)[0, target])
    hidings = _hidings(network, grid)
    unit = video.shape[2] // grid[0]

    @lru_cache(maxsize=1)
    def goes_on(frame: int) -> Callable[[Tensor], Tensor]:
        return network.continued(video[:, :, :frame])

    def scores(hiding: Hiding) -> list[float]:
        frame = hiding.step * unit
        cells = (grid[0] - hiding.step, *grid[1:])
        hidden = [_without(video[:, :, frame:], (0, *at), cells) for at in hiding.places]
        with torch.inference_mode():
            return goes_on(frame)(torch.cat(hidden))[:, target].tolist()

    falls: list[float] = []
    read, total = 0, sum(hiding.frames for hiding in hidings)
    with closing(side_by_side(scores, hidings)) as scores_without:
        for hiding, without in zip(hidings, scores_without, strict=True):
            falls += [score - each for each in without]
            read += hiding.frames
            progress(read / total)
    return np.array(falls, np.float32).reshape(grid)


@dataclass(frozen=True)
class Hiding:
    """Some cells of one time step, each of which is hidden in a clip of its own."""

    step: int
    places: list[tuple[int, ...]]
    """(row, column) of each."""
    frames: int
    """How many temporal tokens the network reads for them."""


def _hidings(network: VideoModel, grid: Grid) -> list[Hiding]:
    """All cells, first step first, as many at once as AT_ONCE whole clips cost."""
    T, h, w = grid
    places = list(np.ndindex(h, w))
    hidings = []
    for step in range(T):
        rest = T - step if network.is_recurrent else T
        at_once = AT_ONCE * T // rest
        for start in range(0, len(places), at_once):
            some = places[start : start + at_once]
            hidings.append(Hiding(step, some, rest * len(some)))
    return hidings


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
        r"blue lowers it; all cells together give $f(x)-f(x_0)$, but for the error of the "
        "integral, which the line below the figure says. Where the score changes abruptly more "
        f"gradients are taken, up to {MOST} in all.",
        adds_up=True,
        at_most=MOST / FIRST,
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

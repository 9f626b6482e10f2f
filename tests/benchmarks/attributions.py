"""How long attributions take, beside the plain way: Captum's gradients one by one, and whole clips.

The two take turns within one run, each for a part of its work, since other load changes by the
minute.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from torch import Tensor

from core.models.video_model import VideoModel

TURN = float(os.environ.get("AIM_TURN", "3"))
"""Seconds after which a turn ends with the next piece."""
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
STEPS, PIECE = 32, 4
"""Gradients of the plain way, and those of one of its equal pieces."""
MOST_STEPS = 128
"""Even steps that are not tried: as many are needed, or more."""
Progress = Callable[[float], object]


class _Over(Exception):
    """Ends a turn."""


def whole(run: Callable[[Progress], object]) -> float:
    """Seconds of the whole work, from the part of it that a turn does."""
    began, part = time.perf_counter(), 0.0

    def progress(done: float) -> None:
        nonlocal part
        part = done
        if time.perf_counter() - began > TURN:
            raise _Over

    with suppress(_Over):
        run(progress)
    return (time.perf_counter() - began) / part


def gradients_one_by_one(
    net: VideoModel, video: Tensor, progress: Progress, steps: int = STEPS
) -> float:
    """Captum's integrated gradients, one piece of the way after another; what they add up to."""
    from captum.attr import IntegratedGradients

    pieces, total = steps // PIECE, 0.0
    for i in range(pieces):
        start, end = video * i / pieces, video * (i + 1) / pieces
        piece = IntegratedGradients(net).attribute(
            end, start, target=0, n_steps=PIECE, internal_batch_size=1
        )
        total += float(piece.sum())
        progress((i + 1) / pieces)
    return total


def even_steps(net: VideoModel, video: Tensor, change: float, most: float) -> int:
    """Gradients of the plain way that add up to the score's change but for `most`, at most.

    Tried from STEPS on, twice as many each time; MOST_STEPS where fewer are not enough.
    """
    steps = STEPS
    while steps < MOST_STEPS:
        total = gradients_one_by_one(net, video, lambda done: None, steps)
        if abs(total - change) <= most:
            break
        steps *= 2
    return steps


def whole_clips(net: VideoModel, video: Tensor, cells: int, progress: Progress) -> None:
    """The passes of an occlusion that reads each clip from its first frame, four at a time."""
    import torch

    hidden = video.repeat(4, 1, 1, 1, 1)
    with torch.inference_mode():
        for done in range(4, cells + 1, 4):
            net(hidden)
            progress(done / cells)


def attributions() -> Iterator[tuple[str, float, str]]:
    """Seconds of integrated gradients and of occlusion, and how much faster than the plain way."""
    import numpy as np
    import torch

    from core.explain.attribute import METHODS, attribute, score_change
    from core.explain.way import TOLERANCE
    from core.observe import observe, to_input
    from core.weights import embedded, load
    from core.world.gestures import render, rendered_clip

    torch.set_num_threads(THREADS)
    for name in embedded():
        model = load(name)
        clip = rendered_clip(render("circle", 13, frames=model.card.frames))
        grid = observe(model, clip).grid
        _, video = to_input(model.card, clip)
        plain_ways = {
            "integrated_gradients": partial(gradients_one_by_one, model.net, video),
            "occlusion": partial(whole_clips, model.net, video, int(np.prod(grid))),
        }
        for method, plain_way in plain_ways.items():
            before = whole(plain_way)
            began = time.perf_counter()
            heat = attribute(method, model, clip, 0, grid)  # all: it may need more than expected
            after = time.perf_counter() - began
            yield f"{name}, {method}", after, "s"
            yield f"{name}, {method}, the plain way / ours", before / after, "x"
            if METHODS[method].adds_up:
                change = score_change(model, clip, 0)
                most = max(abs(float(heat.sum()) - change), TOLERANCE * abs(change))
                steps = even_steps(model.net, video, change, most)
                yield f"{name}, even steps that add up as closely", steps, "gradients"
                ratio = before * steps / STEPS / after
                yield f"{name}, {method}, as close / ours", ratio, "x"

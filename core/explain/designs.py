"""Which tokens see which: families of backbones and designs of attention, each on a tiny clip.

Nothing is drawn from memory. Attention is built and run, and its recorded layouts say who sees whom
(`core.trace.Layout`); what no layout holds, the hidden state and the difference of maps, is asked
of the network: each token's pixels are changed in turn, and what changes with them depends on it.
The convolutions are asked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import conv2d, conv3d

from core.models import Output, VideoModel, build, spec
from core.trace import Attention, record, record_batch

GRID = (4, 5, 5)
"""Frames, rows and columns of tokens."""
TOKENS = 100
PATCH = 4
"""Pixels of a token's side."""
SAME = 1e-9
"""What rounding may change, in double precision."""


@dataclass(frozen=True)
class Sight:
    """One way in which tokens see tokens."""

    title: str
    sees: Bool[np.ndarray, "N N"]
    """[query, key]; a token is t*h*w + row*w + col."""
    signed: bool = False
    """Whether what is seen can be taken away, too: weights below 0."""


@dataclass(frozen=True)
class Design:
    """A family of backbones, or a design of attention."""

    title: str
    words: str
    sights: tuple[Sight, ...]
    model: str = ""
    """The model of `core.models` that it was asked of; empty for none."""


@cache
def families() -> tuple[Design, ...]:
    """The three families of the survey: one step of each."""
    return (
        Design(
            "Two-stream",
            "Two networks: one looks at a frame, one at the optical flow of all frames, stacked as "
            "channels. They meet at the end.",
            (
                Sight("spatial stream: 3 × 3 on a frame", _convolved(_on_a_frame)),
                Sight("temporal stream: 3 × 3 on the stack", _convolved(_on_the_stack)),
            ),
        ),
        Design(
            "3D CNN",
            "A filter over space and time. It sees its neighbours; what is further away takes more "
            "layers.",
            (
                Sight(
                    "3 × 3 × 3 (C3D, I3D)",
                    _convolved(lambda x: conv3d(x, _ones(3, 3, 3), padding=1)),
                ),
                Sight(
                    "3 × 1 × 1, after 1 × 3 × 3 (P3D, R(2+1)D)",
                    _convolved(lambda x: conv3d(x, _ones(3, 1, 1), padding=(1, 0, 0))),
                ),
            ),
        ),
        Design(
            "Transformer",
            "Every token weighs every other, near or far, by what they hold. Designs differ in "
            "which they leave out: see below.",
            (Sight("attention over the clip", _seen(_recorded("videomae")["global"])),),
            "videomae",
        ),
    )


@cache
def attentions() -> tuple[Design, ...]:
    """The designs of attention that the models here have, in one layer of each."""
    divided, signed = _recorded("timesformer"), _recorded("direcformer")
    split, maps = _recorded("far"), _recorded("am_flow")
    return (
        Design(
            "Joint",
            "All tokens of the clip in one softmax: nothing is left out, at the highest price.",
            (Sight("every head", _seen(_recorded("videomae")["global"])),),
            "videomae",
        ),
        Design(
            "Divided",
            "First over time at one place, then over space within one frame; both are softmax.",
            (
                Sight("time, first", _seen(divided["time"])),
                Sight("space, then", _seen(divided["space"])),
            ),
            "timesformer",
        ),
        Design(
            "Recurrent linear",
            "One frame at a time, by a linear kernel; a hidden state carries what came before. No "
            "later frame is ever seen.",
            (
                Sight("attention gate", _seen(_recorded("rvit")["gate"])),
                Sight("by the hidden state", through_the_state()),
            ),
            "rvit",
        ),
        Design(
            "Signed",
            "Divided too, but over time the weight is a cosine: what is seen attracts (red) or "
            "repels (blue), so before and after can differ in sign.",
            (
                Sight("time, first: signed", _seen(signed["time"]), signed["time"].kernel.signed),
                Sight("space, then", _seen(signed["space"]), signed["space"].kernel.signed),
            ),
            "direcformer",
        ),
        Design(
            "Sparse-dense",
            "Half of the heads see the clip, half see one colour of a checkerboard, which is the "
            "same in all frames.",
            (
                Sight("global heads", _seen(split["global"])),
                Sight("sparse-dense heads", _seen(split["local"])),
            ),
            "far",
        ),
        Design(
            "Difference of maps",
            "A frozen image model attends within a frame. How its map changes to the next frame, "
            "AM flow, is one more input.",
            (
                Sight("attention of the image model", _seen(maps["vit"])),
                Sight("AM flow: two frames' maps", through_the_flow()),
            ),
            "am_flow",
        ),
    )


@cache
def schemes() -> tuple[Design, ...]:
    """FAR's three schemes of attention, its Figure 2, each in all heads of a layer."""
    told = {
        "Global": ("global", "global", "Every token of the clip."),
        "Temporal": ("temporal", "local", "Its own place in every frame, a tube."),
        "Sparse-dense": (
            "sd",
            "local",
            "Its colour of the checkerboard: sparse in space, dense in time.",
        ),
    }
    return tuple(
        Design(title, words, (Sight("every head", _seen(_recorded("far", attention=name)[tap])),))
        for title, (name, tap, words) in told.items()
    )


@cache
def tiny(name: str, **more: Any) -> VideoModel:
    """A model of one layer on a clip of GRID tokens, in double precision, with random weights.

    `more` are settings of its own.
    """
    frames = GRID[0] * spec(name).unit_frames
    settings: dict[str, Any] = {"size": GRID[1] * PATCH, "patch": PATCH, "frames": frames}
    settings |= {"classes": 2, "width": 16, "depth": 1, "heads": 2, **more}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(name, **settings).double()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)  # no branch starts as zero and hides itself
    return model


def _recorded(name: str, **more: Any) -> dict[str, Attention]:
    """The attentions of a tiny model, by the name of their tap."""
    model = tiny(name, **more)
    with torch.inference_mode(), record(model, torch.float64) as recorded:
        model(_clips(model)[:1])
    return {attention.name.split(".")[0]: attention for attention in recorded}


def _seen(attention: Attention) -> Bool[np.ndarray, "N N"]:
    """Who sees whom by an attention's layout: [query, key], without class tokens and fillers."""
    sees = np.zeros((TOKENS, TOKENS), bool)
    layout = attention.layout
    for queries, keys in zip(layout.queries.numpy(), layout.keys.numpy(), strict=True):
        sees[np.ix_(queries[queries >= 0], keys[keys >= 0])] = True
    return sees


def _clips(model: VideoModel) -> Tensor:
    """A random clip, and behind it that clip with one token's pixels changed, for each token.

    (1 + N, 3, T, H, W) float64.
    """
    T, h, w = GRID
    generator = torch.Generator().manual_seed(0)
    shape = (3, T, model.unit_frames, h, PATCH, w, PATCH)
    clip = torch.randn(shape, generator=generator, dtype=torch.float64)
    clips = clip.repeat(1 + TOKENS, *[1] * len(shape))
    for token in range(TOKENS):
        t, row, col = np.unravel_index(token, GRID)
        clips[1 + token, :, t, :, row, :, col] += 1
    return clips.reshape(1 + TOKENS, 3, T * model.unit_frames, h * PATCH, w * PATCH)


def _changed(values: Tensor) -> Bool[np.ndarray, "queries N"]:
    """[value, token]: whether a value changes with a token; `values` (1 + N, queries, ...)."""
    change = (values[1:] - values[:1]).abs().flatten(2).amax(2)
    return (change > SAME * values[0].abs().max()).T.numpy()


def through_the_state() -> Bool[np.ndarray, "N N"]:
    """Tokens on which the key depends that RViT makes of a token: itself, and earlier frames'."""
    model = tiny("rvit")
    clips = _clips(model)
    with torch.inference_mode(), record_batch(model, len(clips)) as recorded:
        model(clips)
    gates = [next(a for a in attentions if a.name == "gate") for attentions in recorded]
    keys = torch.stack([gate.k[:, :, 1:].transpose(1, 2) for gate in gates])  # without T_s
    return _changed(keys.double().flatten(1, 2))


def through_the_flow() -> Bool[np.ndarray, "N N"]:
    """Tokens on which the AM flow of a patch depends; the last frame repeats the pair before it."""
    model = tiny("am_flow")
    with torch.inference_mode():
        output = model(_clips(model), detail=True)
    assert isinstance(output, Output)
    flow = output.am_flow[0][:, :, 1:]  # without the class token
    return _changed(torch.cat([flow, flow[:, -1:]], 1).flatten(1, 2)[..., None])


def _ones(*shape: int) -> Tensor:
    return torch.ones(1, 1, *shape, dtype=torch.float64)


def _convolved(step: Callable[[Tensor], Tensor]) -> Bool[np.ndarray, "N N"]:
    """Who sees whom in a step from (N, 1, T, h, w) to the same shape: [query, key]."""
    each_alone = torch.eye(TOKENS, dtype=torch.float64).view(TOKENS, 1, *GRID)
    return (step(each_alone).reshape(TOKENS, TOKENS) != 0).T.numpy()


def _on_a_frame(x: Tensor) -> Tensor:
    """Each frame for itself through a 3 x 3 filter."""
    return conv2d(x.flatten(0, 2)[:, None], _ones(3, 3), padding=1).view(x.shape)


def _on_the_stack(x: Tensor) -> Tensor:
    """The flow of each two frames as a channel, through a 3 x 3 filter over all channels.

    Which frames a flow field is made of is all that counts here, so it is their difference, with
    weights that do not cancel.
    """
    flow = x[:, 0, 1:] - x[:, 0, :-1]
    weights = _ones(3, 3) * torch.arange(1, GRID[0], dtype=torch.float64).view(1, -1, 1, 1) ** 2
    mixed = conv2d(flow, weights, padding=1)
    return mixed[:, :, None].expand(-1, -1, GRID[0], -1, -1)

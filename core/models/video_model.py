"""The contract of every network that `core.models` offers: what it is, takes, returns and shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import BadInput


@dataclass(frozen=True)
class Output:
    """What a forward pass returns with `detail=True`, with gradients.

    A field that a model does not have is empty.
    """

    logits: Tensor
    """(B, C)."""
    order_logits: Tensor | None = None
    """(B, number of permutations + 1): which permutation the clip was shuffled by."""
    time_attention: tuple[Tensor, ...] = ()
    """For each layer the mean over heads and positions, (B, T, T)."""
    outputs: tuple[Tensor, ...] = ()
    """am_flow: the logits that are averaged, each (B, C)."""
    frame_maps: tuple[Tensor, ...] = ()
    """rvit: attention from frame to frame, spatial and temporal, each (B, T, T)."""
    am_flow: tuple[Tensor, ...] = ()
    """am_flow: for each AM block the flow of each frame pair, (B, T - 1, tokens)."""
    features: Tensor | None = None
    """(B, F): what the classifier reads of a clip, before its linear layer."""
    patches: Tensor | None = None
    """(B, T, h, w, D): the last layer's patch tokens, for dense side tasks."""


class VideoModel(nn.Module):
    """A network that names the action in a clip, and offers its attention to whoever records.

    A subclass sets `size`, `frames` and `cam` when it is made, and its attentions hand their
    queries and keys to a `core.trace.Tap`. A forward pass keeps nothing on the module, so that
    threads can share it.
    """

    size: int
    """Pixels, height = width of the input."""
    frames: int
    """Frames of the clips that it is made for; other numbers are taken too."""
    unit_frames: int = 1
    """Frames that one temporal token covers: the unit that is shuffled. T' is frames by this."""
    is_recurrent: bool = False
    """Whether what it makes of a frame does not depend on later ones."""
    cam: nn.Module
    """An identity on the last block's normed patch tokens, as (B, D, T', h, w).

    GradCAM follows the gradient there.
    """

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward pass")

    def continued(self, beginning: Tensor) -> Callable[[Tensor], Tensor]:
        """What gives the logits of clips that begin alike, from how each of them goes on.

        `beginning` is (1, 3, t, H, W), 0 <= t < T; the function takes (B, 3, T - t, H, W) to logits
        (B, C). Where `is_recurrent`, the beginning is run through the network once.
        """

        def logits(rest: Tensor) -> Tensor:
            clips = torch.cat([beginning.expand(len(rest), -1, -1, -1, -1), rest], 2)
            return self(clips)

        return logits

    def start(self, batch: int) -> Any:
        """The state before the first frame of `batch` clips, of a model that `is_recurrent`."""
        raise NotImplementedError(f"{type(self).__name__} carries no state")

    def step(self, frame: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next frame (B, 3, H, W) of clips, for a model that `is_recurrent`.

        Returns the logits (B, C) of the clips that end here, and the state to go on with, whose
        `hidden` is (B, n, D) for each layer.
        """
        raise NotImplementedError(f"{type(self).__name__} carries no state")

    @property
    def network(self) -> VideoModel:
        """The paper's network: itself, or what a taught classifier stands on."""
        return self

    @property
    def trunk(self) -> nn.ModuleList:
        """The blocks of its own that training may freeze, first one first; empty for none."""
        return nn.ModuleList()

    def start_as_identity(self, first: int) -> None:
        """Make the blocks of `trunk` from `first` on add nothing.

        So a network can be deepened without forgetting.
        """

    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from the tensors of an image ViT, `core.models.vit.ViT`, by their names.

        Raises: BadInput if they have no place here, or are of another shape.
        """
        raise BadInput(f"{type(self).__name__} cannot start from an image model; leave it out")


@dataclass(frozen=True)
class Spec:
    """One model that `core.models` offers. A model file ends in a list of these, SPECS."""

    name: str
    title: str
    paper: str
    make: Callable[..., VideoModel]
    """The class; its keyword arguments are the settings."""
    presets: dict[str, dict[str, Any]]
    """Settings by the name of the preset; every model has `gesture`, the size that is shipped."""
    summary: str
    settings: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """The choices of those settings that have a few."""
    open: tuple[str, ...] = ()
    """Those among them that take other values too, which the model checks itself."""
    unit_frames: int = 1
    """Frames that one temporal token covers: the unit that is shuffled."""
    spatial_taps: tuple[str, ...] = ("space",)
    """Names of the taps that show attention over space, the one to open on first."""
    temporal_taps: tuple[str, ...] = ("time",)
    """The same over time; empty for a model whose frame matrix is not an attention (am_flow)."""
    frames_beside: bool = False
    """Whether attention from frame to frame is computed beside the network, after the clip (rvit).

    A frame's row then holds later frames too, which the network has not met when it reads that one.
    """
    rollout_taps: tuple[str, ...] = ("time", "space")
    """Names of the taps that the tokens run through, which rollout multiplies; empty for none."""
    am_flow: bool = False
    """Whether it computes AM flow, and so has that view."""
    names_classes: bool = True
    """Whether it names actions; a frozen image model does not, and has no logits."""

"""The contract of every network that `core.models` offers."""

from __future__ import annotations

from torch import Tensor, nn

from core.errors import BadInput
from core.models.blocks import Output


class VideoModel(nn.Module):
    """A network that names the action in a clip, and offers its attention to whoever records.

    A subclass sets `size`, `frames` and `cam` when it is made, and its attentions hand their
    queries and keys to a `core.trace.Tap`.
    """

    size: int
    """Pixels, height = width of the input."""
    frames: int
    """Frames of the clips that it is made for; other numbers are taken too."""
    unit_frames: int = 1
    """Frames that one temporal token covers: the unit that is shuffled."""
    cam: nn.Module
    """An identity that the last block's normed patch tokens pass through as (B, D, T', h, w): where
    GradCAM follows them."""

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward pass")

    @property
    def trunk(self) -> nn.ModuleList:
        """The blocks of its own that training may freeze, first one first; empty for none."""
        return nn.ModuleList()

    def start_as_identity(self, first: int) -> None:
        """Make the blocks of `trunk` from `first` on add nothing: a network can be deepened."""

    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from the tensors of an image ViT. Raises: BadInput if they have no place here."""
        raise BadInput(f"{type(self).__name__} cannot start from an image model; leave it out")

"""Masked pre-training: hide places of a clip, and let the network fill in what was there.

As VideoMAE (Tong et al., NeurIPS 2022) it hides tubes, the same places in all frames, and asks for
pixels less their patch's mean, by its standard deviation. As SimMIM (Xie et al., CVPR 2022), and
unlike VideoMAE, the network sees the hidden patches as grey ones, and one linear layer draws: no
encoder that leaves tokens out, no decoder, so it is one loss more of any model that returns its
patch tokens.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

_EPS = 1e-6


class Filling(nn.Module):
    """The linear layer that draws patches.

    Args:
        width: D of the patch tokens.
        unit: frames that a token covers.
        patch: pixels of its side.
    """

    def __init__(self, width: int, unit: int, patch: int) -> None:
        super().__init__()
        self.unit, self.patch = unit, patch
        self.pixels = nn.Linear(width, 3 * unit * patch * patch)

    def grey(self, video: Tensor, hidden: Tensor) -> Tensor:
        """Normalised video (B, 3, T, H, W) with the hidden places (B, h, w) at its zero."""
        p = self.patch
        return video.masked_fill(repeat(hidden, "b h w -> b 1 1 (h p) (w q)", p=p, q=p), 0.0)

    def drawn(self, patches: Tensor, video: Tensor, hidden: Tensor) -> Tensor:
        """The hidden patches as they are drawn, and as they were: (2, n, pixels).

        Args:
            patches: the network's tokens of the greyed video, (B, T, h, w, D).
            video: as it was, (B, 3, T * unit, h * patch, w * patch).
            hidden: places, (B, h, w) bool.
        """
        pixels = rearrange(
            video,
            "b c (t u) (h p) (w q) -> b h w t (u p q c)",
            u=self.unit,
            p=self.patch,
            q=self.patch,
        )[hidden]
        mean, spread = pixels.mean(-1, keepdim=True), pixels.std(-1, keepdim=True)
        truth = ((pixels - mean) / (spread + _EPS)).flatten(0, 1)
        tokens = rearrange(patches, "b t h w d -> b h w t d")[hidden].flatten(0, 1)
        return torch.stack([self.pixels(tokens).float(), truth])


def hidden_places(rng: np.random.Generator, clips: int, h: int, w: int, share: float) -> np.ndarray:
    """Which places are hidden of each clip, (clips, h, w) bool: `share` of them, at least one."""
    count = min(h * w - 1, max(1, round(share * h * w)))
    ranks = rng.random((clips, h * w)).argsort(1).argsort(1)
    return (ranks < count).reshape(clips, h, w)

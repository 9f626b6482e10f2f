"""What am_flow asks of a frozen image model: how large each block is that it puts adapters beside.

`core.models.vit.ViT` and `core.models.hiera.Hiera` answer alike, so that one network serves both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BlockSize:
    """What goes into one block of an image model, and what leaves it."""

    tokens: int
    """Of one frame, that come in; AM flow says something of each, because they are the keys."""
    width: int
    out_tokens: int
    out_width: int
    heads: int
    windows: int = 1
    """Parts of a frame that attention runs within."""

    @property
    def stride(self) -> int:
        """Tokens that come in for each that leaves: above 1 where queries are pooled."""
        return self.tokens // self.out_tokens

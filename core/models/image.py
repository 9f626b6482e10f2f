"""An image model on a clip: it sees every frame by itself, and nothing of it is trained here.

AM flow needs no more than the attention maps of such a network (Agrawal et al., AVSS 2025, section
3.1): DINOv2, CLIP and ImageNet ViTs as their authors released them show where they look on any
clip, and how that changes from frame to frame. They know no actions, so there are no classes.
"""

from __future__ import annotations

from typing import Any

from einops import rearrange
from torch import Tensor, nn

from core.models.blocks import frames_layout, through_cam
from core.models.sites import EMBEDDED, Part, Site, passed, passed_stream
from core.models.video_model import Output, Spec, VideoModel
from core.models.vit import Activation, ViT


class ImageModel(VideoModel):
    """An image ViT that meets the frames of a clip one by one.

    Args:
        size, patch, frames, width, depth, heads: input pixels, patch pixels, frames of a clip
            unless told otherwise, D, L, attention heads.
        positions: pixels for which the position table was learned, if not `size`; it is
            interpolated.
        layer_scale, pre_norm, activation, eps: see `ViT`.

    Raises: BadInput as `ViT`.
    """

    def __init__(
        self,
        *,
        size: int = 224,
        patch: int = 16,
        frames: int = 8,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        positions: int | None = None,
        layer_scale: bool = False,
        pre_norm: bool = False,
        activation: Activation = "gelu",
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.size, self.frames = size, frames
        self.vit = ViT(
            size=positions or size,
            patch=patch,
            width=width,
            depth=depth,
            heads=heads,
            layer_scale=layer_scale,
            pre_norm=pre_norm,
            activation=activation,
            eps=eps,
        ).requires_grad_(False)
        self.cam = nn.Identity()

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, 0): it names no class.

        With `detail=True` they come with the tokens after the final norm: each frame's class token
        as `features` (B, T D), and its patches.
        """
        video = passed(Site(Part.INPUT), video)
        B, _, T = video.shape[:3]
        x, (h, w) = self.vit.embed(rearrange(video, "b c t h w -> (b t) c h w"))
        layout = frames_layout(T, h, w)
        x = passed_stream(x, "(b t) n d", EMBEDDED, t=T)
        for i, block in enumerate(self.vit.blocks):
            x = passed_stream(block(x, layout), "(b t) n d", i, t=T)
        logits = video.new_zeros(B, 0)
        if not detail:
            return logits
        x = rearrange(self.vit.norm(x), "(b t) n d -> b t n d", t=T)
        patches = rearrange(through_cam(self.cam, x[:, :, 1:], h), "b t (h w) d -> b t h w d", h=h)
        return Output(logits, features=x[:, :, 0].flatten(1), patches=patches)


def _spec(name: str, title: str, paper: str, presets: dict[str, dict[str, Any]], what: str) -> Spec:
    """A frozen image model, of which every view follows from its attention within frames."""
    return Spec(
        name,
        title,
        paper,
        ImageModel,
        presets,
        f"{what}; it sees each frame by itself, and names no classes",
        spatial_taps=("vit",),
        temporal_taps=(),
        rollout_taps=("vit",),
        am_flow=True,
        names_classes=False,
    )


_DINOV2: dict[str, Any] = {"patch": 14, "positions": 518, "layer_scale": True}
_CLIP: dict[str, Any] = {"pre_norm": True, "activation": "quick_gelu", "eps": 1e-5}

SPECS = [
    _spec(
        "dinov2",
        "DINOv2",
        "Oquab et al., TMLR 2024",
        {"b": _DINOV2, "s": _DINOV2 | {"width": 384, "heads": 6}},
        "frozen image model, taught by itself on images without labels",
    ),
    _spec(
        "clip",
        "CLIP",
        "Radford et al., ICML 2021",
        {"b": _CLIP},
        "frozen image model, taught by the captions of images",
    ),
    _spec(
        "vit",
        "ViT",
        "Dosovitskiy et al., ICLR 2021",
        {"b": {}},
        "frozen image model, as it is taught on ImageNet",
    ),
]

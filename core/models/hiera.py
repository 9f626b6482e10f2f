"""Hiera: an image transformer in stages, on grids that halve (Ryali et al., ICML 2023).

AM Flow names it as a backbone (section 4.2). Its early blocks look within windows ("mask units"),
and the first block of a stage pools its queries: keys are on the grid before, and there are four
times as many. A pooled query stands for the four patches that it was pooled from, so that what is
tapped has as many queries as keys. Two frames then share windows, queries and keys, and AM flow is
defined on them as on any map: all ones, or zeros, where nothing changes.

Tokens run in the order in which every pooling takes whole quarters of them ("unrolled").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from core.errors import BadInput
from core.models.backbone import BlockSize
from core.models.blocks import Mlp, Stack, init_vit, pooled, through_cam
from core.models.linear import Linear, linear
from core.models.sites import Part, Site, passed
from core.models.video_model import Output, Spec, VideoModel
from core.models.vit import resized_positions
from core.trace import Axis, Kernel, Layout, Tap

STAGES = ("stage4", "stage3", "stage2", "stage1")
"""Taps of the keys' grids, the last stage first."""
POOLED = 4
"""Patches that one pooled query stands for: 2 x 2."""


@dataclass(frozen=True)
class Shape:
    """What one block works on."""

    layer: int
    stage: int
    """On whose grid its keys are; from 0."""
    width: int
    """Of the tokens that come in."""
    out: int
    """Of those that leave."""
    heads: int
    stride: int
    """POOLED where it pools its queries, else 1."""
    window: int
    """Keys that look at one another; 0 for all of the frame."""

    @property
    def tap(self) -> str:
        return f"stage{self.stage + 1}"


def shapes(
    width: int, depths: Sequence[int], heads: Sequence[int], windowed: Sequence[bool], unit: int
) -> list[Shape]:
    """The blocks of a Hiera whose first stage has tokens of `width` in units of unit x unit.

    `windowed` says which stages look within units. The first block of a stage looks as the stage
    before does: its keys are still there.
    """
    every: list[Shape] = []
    for stage, depth in enumerate(depths):
        for place in range(depth):
            enters = place == 0 and stage > 0
            keys_in = stage - enters
            area = unit * unit // POOLED**keys_in
            every.append(
                Shape(
                    layer=len(every),
                    stage=keys_in,
                    width=width * 2**keys_in,
                    out=width * 2**stage,
                    heads=heads[stage],
                    stride=POOLED if enters else 1,
                    window=area if windowed[stage] or (enters and windowed[stage - 1]) else 0,
                )
            )
    return every


def unrolled(x: Tensor, times: int) -> Tensor:
    """Tokens (B, h, w, D) -> (B, h w, D), so that each of `times` poolings takes quarters."""
    batch = len(x)
    for _ in range(times):
        x = rearrange(x, "b (h i) (w j) d -> (b i j) h w d", i=2, j=2)
    return x.reshape(batch, -1, x.shape[-1])


@lru_cache(maxsize=64)
def places(h: int, w: int, stage: int, stages: int) -> Tensor:
    """Which patch of its own grid each token of a stage is, (n,) of row * columns + column."""
    h, w = h // 2**stage, w // 2**stage
    # Without inference mode, else a first call that only looks would make it unfit for training.
    with torch.inference_mode(False):
        ids = torch.arange(h * w).view(1, h, w, 1)
        return unrolled(ids, stages - 1 - stage).flatten()


@lru_cache(maxsize=64)
def layout_of(shape: Shape, T: int, h: int, w: int, stages: int) -> Layout:
    """One group a window of a frame, on the grid of the block's keys."""
    ids = places(h, w, shape.stage, stages)
    window = shape.window or len(ids)
    of_frame = ids.view(window, -1).T  # (windows, keys)
    grid = (T, h // 2**shape.stage, w // 2**shape.stage)
    tokens = (torch.arange(T)[:, None, None] * len(ids) + of_frame).flatten(0, 1)
    return Layout(tokens, tokens, grid)


class WindowAttention(nn.Module):
    """Softmax attention within windows, whose queries may be pooled."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.qkv = Linear(shape.width, 3 * shape.out)
        self.proj = Linear(shape.out, shape.out)
        kernel = Kernel("softmax", scale=(shape.out // shape.heads) ** -0.5)
        self.tap = Tap(shape.tap, shape.layer, Axis.SPACE, kernel)
        self.queries = Site(Part.QUERIES, shape.layer, shape.tap)
        self.mixed_heads = Site(Part.HEADS, shape.layer, shape.tap)

    def with_queries_and_keys(
        self, x: Tensor, layout: Layout | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (frames, n, D) -> (frames, n / stride, D'), and q and k as they are tapped.

        Both are (frames * windows, heads, keys, d): a pooled query as often as it stands for a
        patch. Without a layout nothing is tapped.
        """
        frames, n, _ = x.shape
        window = self.shape.window or n
        q, k, v = rearrange(
            self.qkv(x), "f (n w) (s h d) -> s (f w) h n d", n=window, s=3, h=self.shape.heads
        )
        q = pooled(q, self.shape.stride)
        if layout is not None:
            q = passed(self.queries, q)
        mixed = scaled_dot_product_attention(q, k, v, scale=self.tap.kernel.scale)
        q = q.repeat(1, 1, self.shape.stride, 1)
        if layout is not None:
            self.tap(q, k, layout)
            mixed = passed(self.mixed_heads, mixed)
        return self.proj(rearrange(mixed, "(f w) h n d -> f (n w) (h d)", f=frames)), q, k

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q and k of other tokens x (groups, n, D), (groups, heads, n, d), without windows."""
        columns = 2 * self.shape.out
        q, k = rearrange(
            linear(x, self.qkv.weight[:columns], self.qkv.bias[:columns]),
            "g n (s h d) -> s g h n d",
            s=2,
            h=self.shape.heads,
        )
        return q, k


class HieraBlock(nn.Module):
    """Pre-norm attention and MLP; where a stage begins, the residual is projected and pooled."""

    def __init__(self, shape: Shape, eps: float) -> None:
        super().__init__()
        self.shape = shape
        self.norm1 = nn.LayerNorm(shape.width, eps=eps)
        self.attn = WindowAttention(shape)
        self.norm2 = nn.LayerNorm(shape.out, eps=eps)
        self.mlp = Mlp(shape.out, 4 * shape.out)
        self.ls1 = self.ls2 = nn.Identity()  # as a block of a ViT, which may weigh its branches
        if shape.width != shape.out:
            self.proj = Linear(shape.width, shape.out)

    def residual(self, x: Tensor, normed: Tensor) -> Tensor:
        """What attention is added to: x itself, or where a stage begins its normed tokens pooled.

        x and `normed` are (frames, n, D), the result (frames, n / stride, D').
        """
        if self.shape.width == self.shape.out:
            return x
        return pooled(self.proj(normed), self.shape.stride)

    def forward(self, x: Tensor, layout: Layout | None) -> Tensor:
        """x (frames, n, D) -> (frames, n / stride, D')."""
        normed = self.norm1(x)
        x = self.residual(x, normed) + self.attn.with_queries_and_keys(normed, layout)[0]
        return x + self.mlp(self.norm2(x))


class Hiera(nn.Module):
    """Images (B, 3, H, W), normalised -> tokens (B, n, D) that leave the last block.

    Args:
        size: pixels (height = width) for which the position table was learned; other sizes
            interpolate it.
        patch: stride of the patch projection, whose kernel is 2 * patch - 1 wide, so that patches
            overlap.
        width: D of the first stage; each stage doubles it.
        depths, heads: blocks and attention heads of each stage.
        windowed: which stages look within units of unit x unit patches of the first stage.
        eps: of every LayerNorm.

    Raises: BadInput for lists of other lengths, or sizes that do not divide.
    """

    def __init__(
        self,
        *,
        size: int = 224,
        patch: int = 4,
        width: int = 96,
        depths: Sequence[int] = (2, 3, 16, 3),
        heads: Sequence[int] = (1, 2, 4, 8),
        windowed: Sequence[bool] = (True, True, False, False),
        unit: int = 8,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.patch, self.unit, self.stages = patch, unit, len(depths)
        _check(patch, size, width, depths, heads, windowed, unit)
        side = size // patch
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, width, 2 * patch - 1, patch, patch - 1)}
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side, width))
        self.shapes = shapes(width, depths, heads, windowed, unit)
        self.blocks: Stack[HieraBlock] = Stack(HieraBlock(shape, eps) for shape in self.shapes)
        self.norm = nn.LayerNorm(self.shapes[-1].out, eps=eps)
        self.apply(init_vit)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def embed(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Images (B, 3, H, W) -> what enters the first block, (B, h w, D), and its grid (h, w).

        Raises: BadInput for a picture that is not made of whole units.
        """
        x = self.patch_embed["proj"](images)
        h, w = x.shape[-2:]
        if h % self.unit or w % self.unit:
            raise BadInput(
                f"Hiera takes pictures of whole units of {self.patch * self.unit} pixels, got "
                f"{images.shape[-2]} x {images.shape[-1]}"
            )
        x = rearrange(x, "b d h w -> b h w d")
        without_class = torch.cat([self.pos_embed[:, :1], self.pos_embed], 1)
        x = x + resized_positions(without_class, h, w)[:, 1:].view(1, h, w, -1)
        return unrolled(x, self.stages - 1), (h, w)

    def layout(self, layer: int, T: int, grid: tuple[int, int]) -> Layout:
        """What a block's attention runs over in T frames whose first grid is (h, w)."""
        return layout_of(self.shapes[layer], T, *grid, self.stages)

    class_tokens = 0
    """That stand before the patches of a frame."""

    def block_sizes(self, size: int) -> list[BlockSize]:
        """What each block works on in pictures of `size` pixels."""
        sizes = []
        for shape in self.shapes:
            tokens = (size // self.patch // 2**shape.stage) ** 2
            windows = tokens // (shape.window or tokens)
            after = tokens // shape.stride
            sizes.append(BlockSize(tokens, shape.width, after, shape.out, shape.heads, windows))
        return sizes

    def last_grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """The grid of the last block in pictures whose first grid is (h, w)."""
        return grid[0] // 2 ** (self.stages - 1), grid[1] // 2 ** (self.stages - 1)

    def by_row(self, layer: int, values: Tensor, grid: tuple[int, int]) -> Tensor:
        """Values (..., tokens) of a block's keys, row by row."""
        return values[..., places(*grid, self.shapes[layer].stage, self.stages).argsort()]

    def summary(self, tokens: Tensor) -> Tensor:
        """What it says of each picture, (B, D), of the last block's tokens: their mean."""
        return self.norm(tokens.mean(1))

    def untouched_summary(self, images: Tensor) -> Tensor:
        """The same of images (B, 3, H, W), with nothing beside it and nothing tapped."""
        return self.summary(self(images, tapped=False))

    def forward(self, images: Tensor, frames: int | None = None, tapped: bool = True) -> Tensor:
        """Images (B, 3, H, W) -> tokens (B, n, D) of the last stage, row by row.

        `frames` of them make a clip (None: all), which is what is tapped.
        """
        x, grid = self.embed(images)
        T = frames or len(images)
        for layer, block in enumerate(self.blocks):
            x = block(x, self.layout(layer, T, grid) if tapped else None)
        return x


def _check(
    patch: int,
    size: int,
    width: int,
    depths: Sequence[int],
    heads: Sequence[int],
    windowed: Sequence[bool],
    unit: int,
) -> None:
    """Raises: BadInput for sizes that make no Hiera."""
    stages = len(depths)
    if not stages == len(heads) == len(windowed) or min(depths) < 1:
        raise BadInput(
            f"Hiera's depths {tuple(depths)}, heads {tuple(heads)} and windowed {tuple(windowed)} "
            "must say something of each stage"
        )
    if unit % 2 ** (stages - 1) or size % (patch * unit):
        raise BadInput(
            f"Hiera's unit={unit} must halve {stages - 1} times, and size={size} hold whole units "
            f"of {patch * unit} pixels"
        )
    for stage, count in enumerate(heads):
        if (width * 2**stage) % count:
            raise BadInput(f"heads={count} does not divide width={width * 2**stage} of a stage")


class HieraImage(VideoModel):
    """A Hiera that meets the frames of a clip one by one.

    Args:
        frames: of a clip, unless told otherwise.
        positions: pixels for which the position table was learned, if not `size`.
        size, patch, width, depths, heads, windowed, unit, eps: see `Hiera`.
    """

    def __init__(
        self,
        *,
        size: int = 224,
        patch: int = 4,
        frames: int = 8,
        positions: int | None = None,
        width: int = 96,
        depths: Sequence[int] = (2, 3, 16, 3),
        heads: Sequence[int] = (1, 2, 4, 8),
        windowed: Sequence[bool] = (True, True, False, False),
        unit: int = 8,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.size, self.frames = size, frames
        self.vit = Hiera(
            size=positions or size,
            patch=patch,
            width=width,
            depths=depths,
            heads=heads,
            windowed=windowed,
            unit=unit,
            eps=eps,
        ).requires_grad_(False)
        self.cam = nn.Identity()

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, 0): it names no class.

        With `detail=True` they come with the last block's tokens after the final norm: each
        frame's mean as `features` (B, T D), and its patches.
        """
        video = passed(Site(Part.INPUT), video)
        B, _, T = video.shape[:3]
        x = self.vit(rearrange(video, "b c t h w -> (b t) c h w"), T)
        logits = video.new_zeros(B, 0)
        if not detail:
            return logits
        rows = self.vit.last_grid((video.shape[-2] // self.vit.patch, 0))[0]
        x = rearrange(x, "(b t) (h w) d -> b t h w d", t=T, h=rows)
        patches = through_cam(self.cam, self.vit.norm(x).flatten(2, 3), rows)
        features = self.vit.norm(x.mean((2, 3))).flatten(1)
        return Output(
            logits,
            features=features,
            patches=rearrange(patches, "b t (h w) d -> b t h w d", h=rows),
        )


SPECS = [
    Spec(
        "hiera",
        "Hiera",
        "Ryali et al., ICML 2023",
        HieraImage,
        {"b": {}},
        "frozen image model whose grids halve from stage to stage; it sees each frame by itself, "
        "and names no classes",
        spatial_taps=STAGES,
        temporal_taps=(),
        rollout_taps=(),
        am_flow=True,
        names_classes=False,
    )
]

"""FAR and its VideoMAE baseline: attention heads split into global and sparse-dense ones.

Kim and Choi, "Fusion Attention for Action Recognition: Integrating Sparse-Dense and Global
Attention for Video Action Recognition", Sensors 2024, 24, 6842, fine-tuned from VideoMAE (Tong et
al., NeurIPS 2022) or MVD (Wang et al., CVPR 2023). Equation numbers are those of FAR. VideoMAE is
the same network with global attention in every head, no interaction and the mean of all tokens in
the classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from einops import rearrange, reduce, repeat
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad, scaled_dot_product_attention

from core.errors import BadInput
from core.models.blocks import DropPath, Mlp, Output, Spec, init_vit, queries_keys_values
from core.models.linear import Linear
from core.models.video_model import VideoModel
from core.trace import PAD, Axis, Kernel, Layout, Tap

Pattern = Literal["global", "sd", "temporal", "hst", "hsda"]
Place = Literal["before", "after", "mlp", "none"]
Positions = Literal["videomae", "mvd"]
Grid = tuple[int, int, int]

TUBE = 2  # frames that a token covers
HIDDEN = -1e4
"""What a filler key adds to q.k: its weight is exactly 0, and the number still fits half
precision.
"""


def check_positions(kind: Positions, width: int) -> None:
    """Raises: BadInput if this table does not divide into the width."""
    if kind == "mvd" and width % 16:
        raise BadInput(
            f"width {width} does not fit positions='mvd', which needs a multiple of 16; choose "
            "another width or 'videomae'"
        )


@lru_cache(maxsize=16)
def position_table(kind: Positions, T: int, h: int, w: int, width: int) -> Tensor:
    """Fixed sines and cosines of each token, (T*h*w, width) float32, time-major.

    videomae: one sinusoid over the flattened index, sine and cosine interleaved. mvd: the first
        quarter is
    time, the rest half column and half row, each all sines and then all cosines.
    """
    with torch.inference_mode(
        False
    ):  # else a first call that only looks would make a table unfit for training
        tokens = torch.arange(T * h * w, dtype=torch.float64, device="cpu")
        if kind == "videomae":
            channel = torch.arange(
                width, dtype=torch.float64, device="cpu"
            )  # in single precision a late token is 5e-5 off
            angle = tokens[:, None] / 10000 ** (2 * (channel // 2) / width)
            return torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()

        def along(place: Tensor, size: int) -> Tensor:
            omega = 10000 ** -(
                torch.arange(size // 2, dtype=torch.float64, device="cpu") / (size / 2)
            )
            return torch.cat([(place[:, None] * omega).sin(), (place[:, None] * omega).cos()], 1)

        t, row, col = tokens // (h * w), tokens // w % h, tokens % w
        return torch.cat(
            [along(t, width // 4), along(col, 3 * width // 8), along(row, 3 * width // 8)], 1
        ).float()


@dataclass(frozen=True)
class Groups:
    """Which tokens attend to one another. A group that is one token short is filled up with PAD."""

    layout: Layout
    gather: Tensor  # (groups * n,) the token at each place; a filler repeats token 0
    back: Tensor  # (T*h*w,) the place of each token
    hidden: Tensor | None  # (groups, 1, n, 1): HIDDEN at fillers, 0 elsewhere; None without fillers


def _groups(tokens: Tensor, grid: Grid) -> Groups:
    """tokens (groups, n) with PAD for fillers."""
    flat = tokens.flatten()
    back = torch.argsort(flat)[(flat == PAD).sum() :]
    hidden = (
        torch.where(tokens == PAD, HIDDEN, 0.0)[:, None, :, None] if (flat == PAD).any() else None
    )
    return Groups(Layout(tokens, tokens, grid), flat.clamp(min=0), back, hidden)


@lru_cache(maxsize=64)
def whole_clip(T: int, h: int, w: int) -> Groups:
    """One group: every token of the clip (Eq. 3)."""
    with torch.inference_mode(False):
        return _groups(torch.arange(T * h * w, device="cpu")[None], (T, h, w))


@lru_cache(maxsize=64)
def tubes(T: int, h: int, w: int) -> Groups:
    """One group a location: that location at every time (Eq. 4)."""
    with torch.inference_mode(False):
        return _groups(
            torch.arange(T * h * w, device="cpu").view(T, h * w).T.contiguous(), (T, h, w)
        )


@lru_cache(maxsize=64)
def colours(T: int, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Tokens of the two checkerboard colours, (row + col) even and odd, the same at every time (Eq.
    5).

    Raises: BadInput for a grid of one patch, which has no second colour.
    """
    if h * w < 2:
        raise BadInput(
            "a checkerboard needs at least two patches a frame; give larger frames or smaller "
            "patches"
        )
    with torch.inference_mode(False):
        tokens = torch.arange(T * h * w, device="cpu")
        odd = (tokens // w % h + tokens % w) % 2 == 1
        return tokens[~odd], tokens[odd]


@lru_cache(maxsize=64)
def checkerboard(T: int, h: int, w: int) -> Groups:
    """One group a colour. With an odd number of patches the second has T tokens less, and is filled
    up.
    """
    with torch.inference_mode(False):
        even, odd = colours(T, h, w)
        return _groups(
            torch.stack([even, pad(odd, (0, len(even) - len(odd)), value=PAD)]), (T, h, w)
        )


class HeadSplitAttention(nn.Module):
    """[GlobalHead; SparseDenseHead] W^O (Eq. 6): the first heads see the clip, the others only
    their group.

    Weights are those of plain attention; there is no key bias, which a softmax would not notice.
    """

    def __init__(
        self, width: int, heads: int, global_heads: int, *, along_time: bool, layer: int
    ) -> None:
        super().__init__()
        self.heads, self.global_heads, self.local = (
            heads,
            global_heads,
            tubes if along_time else checkerboard,
        )
        self.qkv = Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = Linear(width, width)
        kernel = Kernel("softmax", scale=(width // heads) ** -0.5)
        self.global_tap = Tap("global", layer, Axis.JOINT, kernel) if global_heads else None
        self.local_tap = Tap("local", layer, Axis.JOINT, kernel) if global_heads < heads else None

    def forward(
        self, x: Tensor, grid: Grid, want_frames: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, D) -> the same shape, and the attention from frame to frame (B, T, T) if wanted.

        That is summed over the keys of a frame and averaged over its queries and over heads: rows
        sum to 1.
        """
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = queries_keys_values(x, self.qkv.weight, bias, self.heads)
        if want_frames:
            # Attention to a frame is attention applied to the frame's indicator: T more value
            # channels give it with gradients on the fused path, so that no map of N x N is ever
            # held.
            frame = one_hot(
                torch.arange(x.shape[1], device=x.device) // (grid[1] * grid[2]), grid[0]
            ).to(v)
            v = torch.cat([v, frame.expand(*v.shape[:2], -1, -1)], -1)
        split, out = self.global_heads, []
        if self.global_tap is not None:
            out.append(
                _attend(
                    self.global_tap, q[:, :split], k[:, :split], v[:, :split], whole_clip(*grid)
                )
            )
        if self.local_tap is not None:
            out.append(
                _attend(self.local_tap, q[:, split:], k[:, split:], v[:, split:], self.local(*grid))
            )
        mixed = torch.cat(out, 1)
        frames = None
        if want_frames:
            mixed, toward = mixed.split([q.shape[-1], grid[0]], -1)
            frames = reduce(toward, "b h (t n) s -> b t s", "mean", t=grid[0])
        return self.proj(rearrange(mixed, "b h n d -> b n (h d)")), frames


def _attend(tap: Tap, q: Tensor, k: Tensor, v: Tensor, groups: Groups) -> Tensor:
    """Softmax attention within each group: q, k (B, h, N, d) and v (B, h, N, e) -> (B, h, N, e)."""
    size = v.shape[-1]
    many = len(groups.layout.keys) > 1
    if many:
        at = groups.gather.to(q.device)
        g = len(groups.layout.keys)
        q, k, v = (
            rearrange(x.index_select(2, at), "b h (g n) d -> (b g) h n d", g=g) for x in (q, k, v)
        )
        if groups.hidden is not None:
            hide = groups.hidden.to(k).repeat(len(k) // g, k.shape[1], 1, 1)
            q, k = torch.cat([q, torch.ones_like(hide)], -1), torch.cat([k, hide], -1)
    tap(q, k, groups.layout)
    # The CPU's fused backward takes half as long again as two matmuls; beyond this size the maps
    # take too much memory.
    if q.requires_grad and q.shape[-2] <= 512:
        out = tap.kernel.weights(q, k) @ v
    else:  # fused kernels want q, k and v of one width; a zero channel changes nothing
        width = max(q.shape[-1], size)
        q, k, v = (
            x if x.shape[-1] == width else pad(x, (0, width - x.shape[-1])) for x in (q, k, v)
        )
        out = scaled_dot_product_attention(q, k, v, scale=tap.kernel.scale)[..., :size]
    if many:
        out = rearrange(out, "(b g) h n d -> b h (g n) d", g=g).index_select(
            2, groups.back.to(q.device)
        )
    return out


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, T, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Interaction(nn.Module):
    """Token-group interaction: z + bottleneck convolution of the token volume, which joins the
    colours.

    LayerNorm, 1x1x1 to a quarter of the width, 3x3x3 with one group a head, 1x1x1 back (spec 4.3).
    The last norm's gain starts at zero, so that pretrained weights are not disturbed at step 0.
    """

    def __init__(
        self, width: int, groups: int, norm: Literal["batch", "layer"], eps: float
    ) -> None:
        super().__init__()
        narrow, make = width // 4, nn.BatchNorm3d if norm == "batch" else ChannelNorm
        self.norm = nn.LayerNorm(width, eps=eps)
        self.down, self.norm1 = nn.Conv3d(width, narrow, 1), make(narrow)
        self.mix, self.norm2 = nn.Conv3d(narrow, narrow, 3, padding=1, groups=groups), make(narrow)
        self.up, self.norm3 = nn.Conv3d(narrow, width, 1), make(width)
        nn.init.zeros_(self.norm3.weight)

    def forward(self, z: Tensor, grid: Grid) -> Tensor:
        """z (B, N, D) -> the same shape."""
        T, h, w = grid
        x = rearrange(self.norm(z), "b (t h w) d -> b d t h w", t=T, h=h, w=w)
        x = nn.functional.gelu(self.norm1(self.down(x)))
        x = nn.functional.gelu(self.norm2(self.mix(x)))
        return z + rearrange(self.norm3(self.up(x)), "b d t h w -> b (t h w) d")


class Block(nn.Module):
    """Attention and MLP, each with a residual (Eq. 2), and the interaction before, after or behind
    the MLP.
    """

    def __init__(
        self,
        width: int,
        attn: HeadSplitAttention,
        interaction: Interaction | None,
        place: Place,
        drop_path: float,
        eps: float,
    ) -> None:
        super().__init__()
        self.place = place
        self.interaction = interaction
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, x: Tensor, grid: Grid, want_frames: bool, cam: nn.Module | None
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, N, D), time-major -> the same, and the attention from frame to frame (B, T, T) if
        wanted.
        """
        T, h, w = grid
        if self.place == "before":
            x = self.interaction(x, grid)
        seen = self.norm1(x)
        if cam is not None:
            seen = rearrange(
                cam(rearrange(seen, "b (t h w) d -> b d t h w", t=T, h=h, w=w)),
                "b d t h w -> b (t h w) d",
            )
        attended, frames = self.attn(seen, grid, want_frames)
        x = x + self.drop_path(attended)
        if self.place == "after":
            x = self.interaction(x, grid)
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        if self.place == "mlp":
            x = self.interaction(x, grid)
        return x, frames


def _global_heads(attention: Pattern, ratio: str, heads: int) -> int:
    """How many heads see the whole clip. Raises: BadInput if the heads cannot be split like
    that.
    """
    if attention in ("global", "sd", "temporal"):
        return heads if attention == "global" else 0
    first, second = (int(part) for part in ratio.split(":"))
    if heads % (first + second):
        raise BadInput(
            f"{heads} heads cannot be split {ratio}; choose a number of heads that "
            f"{first + second} divides"
        )
    return heads * first // (first + second)


class FAR(VideoModel):
    """A video ViT whose heads are partly global and partly sparse-dense.

    Args:
        classes: C, number of actions.
        attention: global, or sd (checkerboard) or temporal (one location) in every head, or heads
            split into global and temporal (hst) or global and checkerboard (hsda, the paper's).
        ratio: global : local heads of a split, the global ones first.
        interaction: where token groups interact: before attention, after it, after the mlp, or
            none.
        interaction_groups: one convolution group a head, else one in all.
        norm: of the interaction's convolutions; layer is for batches too small for batch.
        classifier: group joins the means of both colours, mean takes that of all tokens.
        positions: the fixed table of VideoMAE's or of MVD's checkpoints.
        size, patch, frames, width, depth, heads: input pixels, patch pixels, F, D, L, attention
        heads.
        drop_path: largest drop-path rate, linear over depth.
        norm_eps: of every LayerNorm; 1e-6 in the authors' code, 1e-12 in the hub's VideoMAE.
    """

    def __init__(
        self,
        *,
        classes: int,
        attention: Pattern = "hsda",
        ratio: str = "1:1",
        interaction: Place = "before",
        interaction_groups: bool = True,
        norm: Literal["batch", "layer"] = "batch",
        classifier: Literal["group", "mean"] = "group",
        positions: Positions = "videomae",
        size: int = 224,
        patch: int = 16,
        frames: int = 16,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
        drop_path: float = 0.1,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if width % heads:
            raise BadInput(f"width {width} is not a multiple of heads={heads}; change one of them")
        if interaction != "none" and width % (4 * heads if interaction_groups else 4):
            raise BadInput(
                f"width {width} cannot be narrowed to a quarter in "
                f"{heads if interaction_groups else 1} equal groups; "
                "choose another width or interaction='none'"
            )
        check_positions(positions, width)
        self.size, self.frames, self.unit_frames, self.positions = size, frames, TUBE, positions
        self.classifier = classifier
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv3d(3, width, (TUBE, patch, patch), (TUBE, patch, patch))}
        )
        self.grid = (frames // TUBE, size // patch, size // patch)
        self.register_buffer(
            "pos_embed", position_table(positions, *self.grid, width).clone(), persistent=False
        )
        global_heads, rate = _global_heads(attention, ratio, heads), drop_path / max(1, depth - 1)
        self.blocks = nn.ModuleList()
        for i in range(depth):
            attn = HeadSplitAttention(
                width, heads, global_heads, along_time=attention in ("temporal", "hst"), layer=i
            )
            joining = (
                None
                if interaction == "none"
                else Interaction(width, heads if interaction_groups else 1, norm, norm_eps)
            )
            self.blocks.append(Block(width, attn, joining, interaction, rate * i, norm_eps))
        pooled = 2 * width if classifier == "group" else width
        self.fc_norm = nn.LayerNorm(pooled, eps=norm_eps)
        self.head = Linear(pooled, classes)
        self.cam = nn.Identity()
        self.apply(init_vit)
        with torch.no_grad():
            self.head.weight.mul_(0.001)

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, F, H, W) -> logits (B, C), or `Output` with `detail=True`; its T
        is F / 2.

        Raises: BadInput for an odd number of frames.
        """
        if video.shape[2] % TUBE:
            raise BadInput(
                f"a token covers {TUBE} frames, so {video.shape[2]} frames cannot be used; give "
                "an even number"
            )
        x = self.patch_embed["proj"](video)
        grid = tuple(x.shape[2:])
        x = rearrange(x, "b d t h w -> b (t h w) d") + self._positions(grid).to(x)
        maps = []
        for i, block in enumerate(self.blocks):
            x, frames = block(x, grid, detail, self.cam if i == len(self.blocks) - 1 else None)
            maps.append(frames)
        logits = self.head(self.fc_norm(self._pooled(x, grid)))
        if not detail:
            return logits
        T, h, w = grid
        return Output(
            logits,
            time_attention=tuple(maps),
            patches=rearrange(x, "b (t h w) d -> b t h w d", t=T, h=h, w=w),
        )

    @property
    def trunk(self) -> nn.ModuleList:
        return self.blocks

    def _positions(self, grid: Grid) -> Tensor:
        """(N, D) for this grid."""
        if grid == self.grid:
            return self.pos_embed
        return position_table(self.positions, *grid, self.pos_embed.shape[1])

    def _pooled(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, N, D) -> the mean of each colour side by side, (B, 2D), or of all tokens, (B, D)."""
        if self.classifier == "mean":
            return x.mean(1)
        return torch.cat(
            [x.index_select(1, tokens.to(x.device)).mean(1) for tokens in colours(*grid)], 1
        )

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT (`blocks.ImageViT`) as far as names and shapes fit.

        Its patch kernel is spread over the two frames of a token, so that a still pair embeds as
        the image does. The key bias is dropped, a softmax does not notice it; the class token, the
        learned positions and the final norm have no place here. Blocks beyond the image model's
        start as the identity.
        """
        given, ours = dict(weights), self.state_dict()
        kernel = given["patch_embed.proj.weight"]
        given["patch_embed.proj.weight"] = repeat(kernel / TUBE, "d c p q -> d c t p q", t=TUBE)
        depth = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
        for i in range(depth):
            given[f"blocks.{i}.attn.q_bias"], _, given[f"blocks.{i}.attn.v_bias"] = given[
                f"blocks.{i}.attn.qkv.bias"
            ].chunk(3)
        self.load_state_dict(
            {k: v for k, v in given.items() if k in ours and ours[k].shape == v.shape}, strict=False
        )
        self.start_as_identity(depth)

    @torch.no_grad()
    def start_as_identity(self, first: int) -> None:
        """Blocks from `first` on change nothing at the start: a network can be deepened without
        forgetting.
        """
        for block in self.blocks[first:]:
            ends = [block.attn.proj, block.mlp.fc2] + (
                [] if block.interaction is None else [block.interaction.norm3]
            )
            for layer in ends:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)


_PRESETS: dict[str, dict[str, Any]] = {
    "gesture": {
        "classes": 10,
        "size": 96,
        "patch": 16,
        "frames": 16,
        "width": 160,
        "depth": 7,
        "heads": 4,
    },
    "s": {
        "classes": 400,
        "size": 224,
        "patch": 16,
        "frames": 16,
        "width": 384,
        "depth": 12,
        "heads": 6,
    },
    "b": {
        "classes": 400,
        "size": 224,
        "patch": 16,
        "frames": 16,
        "width": 768,
        "depth": 12,
        "heads": 12,
    },
}
_FAR = {"attention": "hsda", "interaction": "before", "classifier": "group"}
_VIDEOMAE = {"attention": "global", "interaction": "none", "classifier": "mean"}
_SETTINGS: dict[str, tuple[Any, ...]] = {
    "attention": ("global", "sd", "temporal", "hst", "hsda"),
    "ratio": ("1:1", "2:1", "1:2"),
    "interaction": ("before", "after", "mlp", "none"),
    "interaction_groups": (True, False),
    "norm": ("batch", "layer"),
    "classifier": ("group", "mean"),
    "positions": ("videomae", "mvd"),
}

TAPS = ("global", "local")

SPECS = [
    Spec(
        "far",
        "FAR",
        "Kim and Choi, Sensors 2024",
        FAR,
        {name: sizes | _FAR for name, sizes in _PRESETS.items()},
        "heads split into global and checkerboard attention, interaction of the two groups",
        _SETTINGS,
        unit_frames=TUBE,
        spatial_taps=TAPS,
        temporal_taps=TAPS,
        rollout_taps=TAPS,
    ),
    Spec(
        "videomae",
        "VideoMAE",
        "Tong et al., NeurIPS 2022",
        FAR,
        {name: sizes | _VIDEOMAE for name, sizes in _PRESETS.items()},
        "baseline: FAR's network, global attention in every head",
        _SETTINGS,
        unit_frames=TUBE,
        spatial_taps=TAPS,
        temporal_taps=TAPS,
        rollout_taps=TAPS,
    ),
]

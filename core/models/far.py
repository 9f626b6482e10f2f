"""FAR and its VideoMAE baseline: attention heads split into global and sparse-dense ones.

Kim and Choi, "Fusion Attention for Action Recognition: Integrating Sparse-Dense and Global
Attention for Video Action Recognition", Sensors 2024, 24, 6842, fine-tuned from VideoMAE (Tong et
al., NeurIPS 2022) or MVD (Wang et al., CVPR 2023). Equation numbers are those of FAR. VideoMAE is
the same network with global attention in every head, no interaction and the mean of all tokens in
the classifier.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from einops import rearrange, reduce, repeat
from torch import Tensor, nn
from torch.nn.functional import one_hot

from core.errors import BadInput
from core.models.blocks import (
    DropPath,
    Grid,
    Mlp,
    Stack,
    depth_of,
    init_vit,
    queries_keys_values,
    silence,
    softmax_attention,
    through_cam,
)
from core.models.checkerboard import Groups, checkerboard, colours, tubes, whole_clip
from core.models.interaction import Interaction
from core.models.linear import Linear
from core.models.position_table import Positions, check_positions, position_table
from core.models.sites import EMBEDDED, Part, Site, passed, passed_stream
from core.models.video_model import Output, Spec, VideoModel
from core.trace import Axis, Kernel, Tap

Pattern = Literal["global", "sd", "temporal", "hst", "hsda"]
Place = Literal["before", "after", "mlp", "none"]

TUBE = 2
"""Frames that a token covers."""
SHORT_JOINT = 512
"""Tokens of a group up to which two matmuls train faster on a CPU than its fused attention.

Its backward takes half as long again; beyond this size the maps take too much memory.
"""


class HeadSplitAttention(nn.Module):
    """[GlobalHead; SparseDenseHead] W^O (Eq. 6): the first heads see the clip, others their group.

    Weights are those of plain attention; there is no key bias, which a softmax would not notice.
    """

    def __init__(
        self, width: int, heads: int, global_heads: int, *, along_time: bool, layer: int
    ) -> None:
        super().__init__()
        self.heads, self.global_heads = heads, global_heads
        self.local_groups = tubes if along_time else checkerboard
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
        T, h, w = grid
        if want_frames:
            # Attention to a frame is attention applied to the frame's indicator: T more value
            # channels give it with gradients on the fused path, so that no map of N x N is ever
            # held.
            frame = torch.arange(x.shape[1], device=x.device) // (h * w)
            indicator = one_hot(frame, T).to(v)
            v = torch.cat([v, indicator.expand(*v.shape[:2], -1, -1)], -1)
        first, mixed_heads = self.global_heads, []
        if self.global_tap is not None:
            groups = whole_clip(T, h, w)
            heads = (q[:, :first], k[:, :first], v[:, :first])
            mixed_heads.append(_attend(self.global_tap, *heads, groups))
        if self.local_tap is not None:
            groups = self.local_groups(T, h, w)
            heads = (q[:, first:], k[:, first:], v[:, first:])
            mixed_heads.append(_attend(self.local_tap, *heads, groups))
        frame_map = None
        if want_frames:
            toward_frames = torch.cat([heads[..., q.shape[-1] :] for heads in mixed_heads], 1)
            frame_map = reduce(toward_frames, "b h (t n) s -> b t s", "mean", t=T)
            mixed_heads = [heads[..., : q.shape[-1]] for heads in mixed_heads]
        # Fused attention leaves the heads of a token side by side in memory, as `proj` wants them.
        tokens = [rearrange(heads, "b h n d -> b n (h d)") for heads in mixed_heads]
        return self.proj(tokens[0] if len(tokens) == 1 else torch.cat(tokens, -1)), frame_map


def _attend(tap: Tap, q: Tensor, k: Tensor, v: Tensor, groups: Groups) -> Tensor:
    """Softmax attention within each group: q, k (B, h, N, d) and v (B, h, N, e) -> (B, h, N, e)."""
    q = passed(Site(Part.QUERIES, tap.layer, tap.name), q)
    mixed_heads = Site(Part.HEADS, tap.layer, tap.name)
    if groups.count == 1:
        tap(q, k, groups.layout)
        return passed(mixed_heads, softmax_attention(tap.kernel, q, k, v, SHORT_JOINT))
    q, k, v = (groups.gathered(x) for x in (q, k, v))
    if groups.hidden is not None:
        hidden = groups.hidden.to(k).repeat(len(k) // groups.count, k.shape[1], 1, 1)
        q, k = torch.cat([q, torch.ones_like(hidden)], -1), torch.cat([k, hidden], -1)
    tap(q, k, groups.layout)
    mixed = groups.scattered(softmax_attention(tap.kernel, q, k, v, SHORT_JOINT))
    return passed(mixed_heads, mixed)


class Block(nn.Module):
    """Attention and MLP, each with a residual (Eq. 2), and the interaction.

    That comes before attention, after it, or behind the MLP.
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
        """x (B, N, D), time-major -> the same, and the frames' attention (B, T, T) if wanted."""
        T, h, _ = grid
        x = self._joined("before", x, grid)
        normed = self.norm1(x)
        if cam is not None:
            normed = through_cam(cam, rearrange(normed, "b (t n) d -> b t n d", t=T), h).flatten(
                1, 2
            )
        attended, frame_map = self.attn(normed, grid, want_frames)
        x = self._joined("after", x + self.drop_path(attended), grid)
        x = self._joined("mlp", x + self.drop_path(self.mlp(self.norm2(x))), grid)
        return x, frame_map

    def _joined(self, place: Place, x: Tensor, grid: Grid) -> Tensor:
        """x through the interaction, if this is its place."""
        if self.interaction is None or self.place != place:
            return x
        return self.interaction(x, grid)


def _global_heads(attention: Pattern, ratio: str, heads: int) -> int:
    """How many heads see the whole clip. Raises: BadInput if they cannot be split like that."""
    if attention == "global":
        return heads
    if attention in ("sd", "temporal"):
        return 0
    first, second = (int(share) for share in ratio.split(":"))
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

    Raises: BadInput for a width that does not divide as heads, interaction or positions need it.
    """

    unit_frames = TUBE
    pos_embed: Tensor
    """(N, D): fixed, not saved."""

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
        mixing_groups = heads if interaction_groups else 1
        if interaction != "none" and width % (4 * mixing_groups):
            raise BadInput(
                f"width {width} cannot be narrowed to a quarter in {mixing_groups} equal groups; "
                "choose another width or interaction='none'"
            )
        check_positions(positions, width)
        self.size, self.frames, self.positions = size, frames, positions
        self.classifier = classifier
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv3d(3, width, (TUBE, patch, patch), (TUBE, patch, patch))}
        )
        self.grid = (frames // TUBE, size // patch, size // patch)
        self.register_buffer(
            "pos_embed", position_table(positions, *self.grid, width).clone(), persistent=False
        )
        global_heads = _global_heads(attention, ratio, heads)
        rate = drop_path / max(1, depth - 1)
        self.blocks: Stack[Block] = Stack()
        for i in range(depth):
            attn = HeadSplitAttention(
                width, heads, global_heads, along_time=attention in ("temporal", "hst"), layer=i
            )
            joining = None
            if interaction != "none":
                joining = Interaction(width, mixing_groups, norm, norm_eps)
            self.blocks.append(Block(width, attn, joining, interaction, rate * i, norm_eps))
        pooled = 2 * width if classifier == "group" else width
        self.fc_norm = nn.LayerNorm(pooled, eps=norm_eps)
        self.head = Linear(pooled, classes)
        self.cam = nn.Identity()
        self.apply(init_vit)
        with torch.no_grad():
            self.head.weight.mul_(0.001)

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, F, H, W) -> logits (B, C), or `Output` with `detail=True`.

        The T of `Output` is F / 2. Raises: BadInput for an odd number of frames.
        """
        if video.shape[2] % TUBE:
            raise BadInput(
                f"a token covers {TUBE} frames, so {video.shape[2]} frames cannot be used; give "
                "an even number"
            )
        x = self.patch_embed["proj"](passed(Site(Part.INPUT), video))
        grid: Grid = tuple(x.shape[2:])
        x = rearrange(x, "b d t h w -> b (t h w) d") + self._positions(grid).to(x)
        x = passed_stream(x, "b (t n) d", EMBEDDED, t=grid[0])
        maps = []
        for i, block in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            x, frame_map = block(x, grid, detail, self.cam if last else None)
            x = passed_stream(x, "b (t n) d", i, t=grid[0])
            maps.append(frame_map)
        features = self.fc_norm(self._pooled(x, grid))
        logits = self.head(features)
        if not detail:
            return logits
        T, h, w = grid
        patches = rearrange(x, "b (t h w) d -> b t h w d", t=T, h=h, w=w)
        return Output(logits, time_attention=tuple(maps), features=features, patches=patches)

    @property
    def trunk(self) -> Stack[Block]:
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
        means = [x.index_select(1, tokens.to(x.device)).mean(1) for tokens in colours(*grid)]
        return torch.cat(means, 1)

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT as far as names and shapes fit.

        Its patch kernel is spread over the two frames of a token, so that a still pair embeds as
        the image does. The key bias is dropped, a softmax does not notice it; the class token, the
        learned positions and the final norm have no place here. Blocks beyond the image model's
        start as the identity.
        """
        given, ours = dict(weights), self.state_dict()
        kernel = given["patch_embed.proj.weight"]
        given["patch_embed.proj.weight"] = repeat(kernel / TUBE, "d c p q -> d c t p q", t=TUBE)
        depth = depth_of(weights)
        for i in range(depth):
            q_bias, _, v_bias = given[f"blocks.{i}.attn.qkv.bias"].chunk(3)
            given[f"blocks.{i}.attn.q_bias"] = q_bias
            given[f"blocks.{i}.attn.v_bias"] = v_bias
        fits = {k: v for k, v in given.items() if k in ours and ours[k].shape == v.shape}
        self.load_state_dict(fits, strict=False)
        self.start_as_identity(depth)

    def start_as_identity(self, first: int) -> None:
        for block in self.blocks.trailing(first):
            silence(block.attn.proj, block.mlp.fc2)
            if block.interaction is not None:
                silence(block.interaction.norm3)


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
_SETTINGS: dict[str, tuple[Any, ...]] = {
    "attention": ("global", "sd", "temporal", "hst", "hsda"),
    "ratio": ("1:1", "2:1", "1:2", "3:1", "1:3"),
    "interaction": ("before", "after", "mlp", "none"),
    "interaction_groups": (True, False),
    "norm": ("batch", "layer"),
    "classifier": ("group", "mean"),
    "positions": ("videomae", "mvd"),
}

TAPS = ("global", "local")


def _spec(name: str, title: str, paper: str, summary: str, settings: dict[str, str]) -> Spec:
    """FAR and VideoMAE are one network: they differ in these settings of every preset."""
    return Spec(
        name,
        title,
        paper,
        FAR,
        {preset: sizes | settings for preset, sizes in _PRESETS.items()},
        summary,
        _SETTINGS,
        unit_frames=TUBE,
        spatial_taps=TAPS,
        temporal_taps=TAPS,
        rollout_taps=TAPS,
    )


SPECS = [
    _spec(
        "far",
        "FAR",
        "Kim and Choi, Sensors 2024",
        "heads split into global and checkerboard attention, interaction of the two groups",
        {"attention": "hsda", "interaction": "before", "classifier": "group"},
    ),
    _spec(
        "videomae",
        "VideoMAE",
        "Tong et al., NeurIPS 2022",
        "baseline: FAR's network, global attention in every head",
        {"attention": "global", "interaction": "none", "classifier": "mean"},
    ),
]

"""RViT: a vision transformer that reads a clip frame by frame and carries a hidden state.

Hwang, "Domain-Adaptive Learning for Visual Action Recognition with Temporal Modeling", after Yang
et al., "Recurring the Transformer for Video Action Recognition", CVPR 2022. Frame t and the state
of frame t - 1 meet in an attention gate, a(t) = (elu(Q) + 1)(elu(K) + 1)^T V, and the state gathers
what comes out, h(t) = h(t-1) + a(t). The paper's names here: T_s `cls_token`, T_t `state_token`,
Linear_x `qkv`, Linear_h `qkv_hidden`, LN_in `norm1`, LN_hid `norm_hidden`, LN_out `norm2`, W_o
`proj`.

Layer l at frame t needs layer l - 1 at frame t and its own state at frame t - 1, nothing of a later
layer. So a clip is read layer by layer: what does not need the state is computed for all frames at
once, and only the gate walks through time. Frame by frame (`step`) gives the same numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from core.errors import BadInput
from core.models.blocks import (
    Stack,
    depth_of,
    fitting,
    init_vit,
    silence,
    through_cam,
)
from core.models.gate import AttentionGate, FrameMaps, Gate, frame_layout
from core.models.linear import Linear
from core.models.sites import EMBEDDED, Part, Site, passed, passed_stream
from core.models.video_model import Output, Spec, VideoModel
from core.trace import Layout

Head = Literal["norm_linear", "ffn"]
Positions = Literal["every", "first"]
DROPOUT = 0.178
"""The paper's, found by search."""


@dataclass(frozen=True)
class State:
    """What a clip has left behind so far.

    A value that the caller keeps, so that streams never mix.
    """

    hidden: tuple[Tensor, ...]
    """For each layer (B, 1 + N, D), class token first."""
    frames: int
    """How many frames it has met."""


class FeedForward(nn.Module):
    """Linear, GELU, dropout, Linear, dropout."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., width) -> the same shape."""
        return self.drop(self.fc2(self.drop(nn.functional.gelu(self.fc1(x)))))


class RViTUnit(nn.Module):
    """One layer: the gate through time, then a feed-forward network, each with a residual.

    Spec 1.2, step 4.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        gate: Gate,
        layer: int,
        dropout: float,
        pos_in_state: bool,
        frame_maps: FrameMaps = "linear",
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm_hidden = nn.LayerNorm(width, eps=1e-6)
        self.attn = AttentionGate(width, heads, gate, layer, frame_maps)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width, 4 * width, dropout)
        self.drop = nn.Dropout(dropout)
        self.pos_in_state = pos_in_state

    def forward(
        self, u: Tensor, h: Tensor, pos: Tensor, layouts: list[Layout], cam: nn.Module | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Frames u (B, T, n, D), state h (B, n, D) -> frames, state, class rows.

        The class rows are those of both halves of QKV, (B, T, 3D) each.
        """
        x = self.norm1(u)
        if cam is not None:
            patches = through_cam(cam, x[:, :, 1:], layouts[0].grid[1])
            x = torch.cat([x[:, :, :1], patches], 2)
        from_frames = self.attn.qkv(x)
        attended, from_states = [], []
        layer = self.attn.gate.layer
        for t, layout in enumerate(layouts):
            h = passed(Site(Part.STATE, layer, frame=t), h)
            g = h + pos
            from_state = self.attn.qkv_hidden(self.norm_hidden(g))
            o = self.attn(from_frames[:, t], from_state, layout)
            h = (g if self.pos_in_state else h) + o
            attended.append(o)
            from_states.append(from_state[:, 0])
        h = passed(Site(Part.STATE, layer, frame=len(layouts), is_end=True), h)
        y = u + self.drop(torch.stack(attended, 1))
        return y + self.mlp(self.norm2(y)), h, (from_frames[:, :, 0], torch.stack(from_states, 1))


class RViT(VideoModel):
    """A recurrent vision transformer: any number of frames, one hidden state a layer.

    Args:
        classes: C, number of actions.
        gate: kernel of the attention gate: linear (the paper's), linear_norm or softmax.
        head: norm_linear is LayerNorm and Linear, ffn the feed-forward network and Linear of the
            released source.
        pos_in_state: let the positions leak into the state at every frame, as the released source
            does.
        positions: add the table to the frame's tokens before every layer (the released source) or
            before the first only, as an image ViT does; the state's half gets it in every layer.
        frame_maps: kernel of the maps from frame to frame (Figures 4 and 5, and the auxiliary
            loss): linear, rows divided by their sum, or softmax (`AttentionGate.frame_maps`).
        size, patch, frames, width, depth, heads: input pixels, patch pixels, frames of a training
            clip (any number is taken), D, L, attention heads.
        dropout: on the embedded tokens, the gate's output and in the feed-forward networks, never
            on the state.

    Raises: BadInput if patch does not divide size or heads does not divide width.
    """

    is_recurrent = True

    def __init__(
        self,
        *,
        classes: int,
        gate: Gate = "linear",
        head: Head = "norm_linear",
        pos_in_state: bool = False,
        positions: Positions = "every",
        frame_maps: FrameMaps = "linear",
        size: int = 224,
        patch: int = 16,
        frames: int = 16,
        width: int = 768,
        depth: int = 2,
        heads: int = 8,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        if size % patch:
            raise BadInput(
                f"rvit size {size} is not a multiple of patch {patch}; choose a patch that "
                "divides the size"
            )
        self.size, self.frames, self.positions = size, frames, positions
        self.side = side = size // patch
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.state_token = nn.Parameter(torch.zeros(depth, 1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + 1, width))
        self.drop = nn.Dropout(dropout)
        self.blocks: Stack[RViTUnit] = Stack(
            RViTUnit(width, heads, gate, i, dropout, pos_in_state, frame_maps) for i in range(depth)
        )
        inputs = (depth + 1) * width
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if head == "norm_linear":
            layers["norm"] = nn.LayerNorm(inputs, eps=1e-6)
        else:
            layers["mlp"] = FeedForward(inputs, 4 * inputs, dropout)
        layers["linear"] = Linear(inputs, classes)
        self.head = nn.Sequential(layers)
        self.cam = nn.Identity()
        self.apply(init_vit)
        for parameter in (self.cls_token, self.state_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`.

        Output.patches holds the last layer's patch tokens, layer-normalised without gains: the
        model has no norm of its own there, and linear gates make tokens of any size.

        Raises: BadInput for other H or W.
        """
        x, state, rows = self._read(video, self.start(len(video)))
        maps = [block.attn.frame_maps(*pair) for block, pair in zip(self.blocks, rows, strict=True)]
        logits = self._classify(x, state)
        if not detail:
            return logits
        patches = layer_norm(x[:, :, 1:], x.shape[-1:], eps=1e-6)
        patches = rearrange(patches, "b t (h w) d -> b t h w d", h=self.side)
        features = self.head[:-1](self._summary(x, state))
        return Output(logits, frame_maps=maps[-1], features=features, patches=patches)

    def continued(self, beginning: Tensor) -> Callable[[Tensor], Tensor]:
        state = self.start(1)
        if beginning.shape[2]:
            _, state, _ = self._read(beginning, state)

        def logits(rest: Tensor) -> Tensor:
            hidden = tuple(layer.expand(len(rest), -1, -1) for layer in state.hidden)
            x, end, _ = self._read(rest, State(hidden, state.frames))
            return self._classify(x, end)

        return logits

    @property
    def trunk(self) -> Stack[RViTUnit]:
        return self.blocks

    def start(self, batch: int) -> State:
        """The state before the first frame: T_t of each layer in the class row, zeros elsewhere.

        Spec 1.2, step 3.
        """
        _, tokens, width = self.pos_embed.shape
        empty = self.pos_embed.new_zeros(batch, tokens - 1, width)
        hidden = (torch.cat([token.expand(batch, -1, -1), empty], 1) for token in self.state_token)
        return State(tuple(hidden), 0)

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """One normalised frame (B, 3, H, W) -> the logits (B, C) of a clip that ends here.

        With them goes the state to go on with. Recording a run of steps sees the gate alone: no
        step knows the frames between which the other maps run.

        Raises: BadInput if frame and state differ in their batch, or for other H or W.
        """
        if len(frame) != len(state.hidden[0]):
            raise BadInput(
                f"rvit has a state for {len(state.hidden[0])} clips and got {len(frame)} frames; "
                f"begin with start({len(frame)})"
            )
        x, state, _ = self._read(frame[:, :, None], state)
        return self._classify(x, state), state

    def _read(
        self, video: Tensor, state: State
    ) -> tuple[Tensor, State, list[tuple[Tensor, Tensor]]]:
        """Go on from `state` through video (B, 3, T, H, W).

        Returns the last layer's tokens (B, T, 1 + N, D), the state, and the class rows of each
        layer. Raises: BadInput for other H or W.
        """
        video = passed(Site(Part.INPUT), video)
        B, _, T, H, W = video.shape
        if (self.size, self.size) != (H, W):
            raise BadInput(
                f"rvit takes frames of {self.size} x {self.size} pixels, got {H} x {W}; crop or "
                "resize them first"
            )
        x = self.patch_embed["proj"](rearrange(video, "b c t h w -> (b t) c h w"))
        h, w = x.shape[-2:]
        x = rearrange(x, "(b t) d h w -> b t (h w) d", b=B)
        x = torch.cat([self.cls_token.expand(B, T, -1, -1), x], 2)
        x = passed_stream(x, "b t n d", EMBEDDED)
        layouts = [
            frame_layout(t, state.frames + T, h, w) for t in range(state.frames, state.frames + T)
        ]
        hidden, rows = [], []
        for i, block in enumerate(self.blocks):
            u = self.drop(x + self.pos_embed) if i == 0 or self.positions == "every" else x
            last = i == len(self.blocks) - 1
            x, after, pair = block(
                u, state.hidden[i], self.pos_embed, layouts, self.cam if last else None
            )
            x = passed_stream(x, "b t n d", i)
            hidden.append(after)
            rows.append(pair)
        return x, State(tuple(hidden), state.frames + T), rows

    def _classify(self, x: Tensor, state: State) -> Tensor:
        return self.head(self._summary(x, state))

    def _summary(self, x: Tensor, state: State) -> Tensor:
        """T_s of the last frame beside T_t of every layer, (B, (L + 1) D)."""
        return torch.cat([x[:, -1, 0], *(h[:, 0] for h in state.hidden)], 1)

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT: its class token is T_s, its attention the frame's half.

        The state's half is set to zero, so that each frame is read on its own until training opens
        the gate, and layers beyond the image model's start as the identity. With gate="softmax" and
        positions="first" the network then equals the image model on each frame; a linear gate
        spreads the same values more evenly, and positions before every layer shift its tokens, so
        there the start is close in kind only. The final norm has no place.

        Raises: BadInput for another width, patch or size.
        """
        self.load_state_dict(fitting(weights, self.state_dict()), strict=False)
        depth = depth_of(weights)
        _, tokens, width = self.pos_embed.shape
        for block in list(self.blocks)[:depth]:
            silence(block.attn.qkv_hidden)
            if not block.attn.gate.kernel.rows_sum_to_one:
                # (N + 1) d is a row's sum at Q = K = 0; W_o was trained on rows that sum to 1.
                block.attn.proj.weight /= tokens * width / block.attn.heads
        self.start_as_identity(depth)

    def start_as_identity(self, first: int) -> None:
        """Layers from `first` on add nothing but positions, where every layer does."""
        for block in self.blocks.trailing(first):
            silence(block.attn.proj, block.mlp.fc2)


_GESTURE: dict[str, Any] = {
    "classes": 10,
    "size": 96,
    "patch": 16,
    "frames": 8,
    "width": 160,
    "depth": 5,
    "heads": 5,
    "dropout": 0.0,
}
_P8_112: dict[str, Any] = {
    "classes": 27,
    "size": 112,
    "patch": 8,
    "frames": 16,
    "width": 192,
    "depth": 2,
    "heads": 8,
}
_P16_224: dict[str, Any] = {
    "classes": 21,
    "size": 224,
    "patch": 16,
    "frames": 16,
    "width": 768,
    "depth": 2,
    "heads": 8,
}
_KINDS: dict[str, Any] = {
    "gate": "linear",
    "head": "norm_linear",
    "pos_in_state": False,
    "positions": "every",
    "frame_maps": "linear",
}

SPECS = [
    Spec(
        "rvit",
        "RViT",
        "Hwang; after Yang et al., CVPR 2022",
        RViT,
        {"gesture": _GESTURE | _KINDS, "p8_112": _P8_112 | _KINDS, "p16_224": _P16_224 | _KINDS},
        "frame by frame with a hidden state, linear attention gate",
        {
            "gate": ("linear", "linear_norm", "softmax"),
            "head": ("norm_linear", "ffn"),
            "pos_in_state": (False, True),
            "positions": ("every", "first"),
            "frame_maps": ("linear", "softmax"),
        },
        spatial_taps=("gate",),
        temporal_taps=("time_frames", "space_frames"),
        frames_beside=True,
        rollout_taps=("gate",),
    ),
]

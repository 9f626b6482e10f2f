"""AM Flow: a frozen image ViT whose adapters see how its attention maps change from frame to frame.

Agrawal, Ali, Dantcheva, Bremond, "Are Attention Maps Richer than we Imagined for Action
Recognition?", AVSS 2025 (earlier: "AM Flow: Adapters for Temporal Processing", arXiv 2411.02065).
Equation numbers are those of the AVSS text, whose Eqs. 2 and 3 are missing; `static` is the arXiv
version's equation. Where the paper is silent the choice is a setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from core.errors import BadInput
from core.models.adapters import PLACES, AdapterWeights, HyperAdapters, ParallelAdapters, adapt
from core.models.aligning import AligningEncoder
from core.models.am_blocks import block_indices, check_flow, check_stages
from core.models.blocks import Grid, Stack, init_vit, through_cam
from core.models.hiera import STAGES, Hiera
from core.models.linear import Linear
from core.models.sites import EMBEDDED, Part, Site, passed, passed_stream
from core.models.temporal import WIDTHS, TemporalHead, TemporalKind, make_temporal
from core.models.video_model import Output, Spec, VideoModel
from core.models.vit import Activation, ViT

Mode = Literal["static", "aligned", "pre", "post"]
MODES: tuple[Mode, ...] = ("static", "aligned", "pre", "post")


def am_flow(logits_t: Tensor, logits_next: Tensor, mode: Mode | str) -> Tensor:
    """How much each token's part in the attention map changes between two frames (Eq. 4, spec 2.2).

    Args:
        logits_t, logits_next: A and A', the maps q k / sqrt(d) before any softmax (Eq. 1), (..., N
            queries, N keys).
        mode: static is the softmax over keys of |A - A'|, summed over queries; the sum is N, and
            equal maps give all ones. aligned and post are |s - s'| with s the softmax over keys
            summed over queries; >= 0, equal maps give 0; aligned is the name where the tokens went
            through the aligning encoder first. pre is |softmax(A) - softmax(A')| summed over
            queries; >= post everywhere, equal maps give 0.

    Returns: (..., N keys).

    Raises: BadInput for another mode.
    """
    if mode == "static":
        return (logits_t - logits_next).abs().softmax(-1).sum(-2)
    if mode == "pre":
        return (logits_t.softmax(-1) - logits_next.softmax(-1)).abs().sum(-2)
    if mode in ("aligned", "post"):
        return (logits_t.softmax(-1).sum(-2) - logits_next.softmax(-1).sum(-2)).abs()
    raise BadInput(f"AM flow has no mode {mode!r}; choose one of {', '.join(MODES)}")


def map_logits(q: Tensor, k: Tensor, kind: Literal["mean", "width"] = "mean") -> Tensor:
    """Raw attention logits of all heads as one map: q and k (..., heads, n, d) -> (..., n, n).

    mean is the mean over heads of q k / sqrt(d); width is q k / sqrt(heads * d) over the full
    width, which is the mean times sqrt(heads). One product over the full width gives either.
    """
    heads, d = q.shape[-3], q.shape[-1]
    scale = 1 / (heads * d**0.5) if kind == "mean" else (heads * d) ** -0.5
    q, k = (rearrange(x, "... h n d -> ... n (h d)") for x in (q, k))
    return (q * scale) @ k.transpose(-2, -1)


class AMFlow(VideoModel):
    """A frozen image model with two adapters a block, and AM flow into the attention's adapter.

    The 2 L + 1 outputs, one of each adapter and one of the image model, are averaged.

    Args:
        classes: C, number of actions.
        size, patch, frames, width, depth, heads: input pixels, patch pixels, T, D, L, attention
            heads.
        backbone: vit, or hiera, whose `width` is that of its first stage and whose grids halve from
            stage to stage; `depths` and `stage_heads` are then its L and heads.
        positions: pixels for which the backbone's position table was learned, if not `size`.
        layer_scale, pre_norm, activation, eps: of the backbone, see `ViT`.
        bottleneck: r, width of the adapters' embedding E (spec A3).
        adapter: parallel, or hyperformer (weights from a shared hypernetwork).
        flow: give the attention's adapter AM flow as one more input; false is the paper's "w/o AM
            Flow".
        am_mode: see `am_flow`; None is static without aligning and aligned with it (spec A1).
        am_logits: mean over heads, or the full width (spec A2).
        am_blocks: blocks with AM flow and temporal modules: all, ends (the first and the last), or
            their numbers from 1, such as (1, 12). Adapters are in every block.
        last_flow: what the last frame, which has no next, gets: the flow of the pair before it, or
            zero.
        aligning: pass each pair of frames through an encoder before its maps are compared (spec
            A4).
        temporal_module: lstm, tcn or transformer.
        temporal_width, temporal_heads, temporal_hidden: hidden units, channels or token width
            (None: the paper's 768, 128, 576), and heads and feed-forward units of the transformer.
        image_output: class token of the adapted or of the untouched backbone on the last frame
            (spec A5).
        combine: average of the outputs; random, a fixed random weight for each; voting, learned
            weights that start at the average.
        from_scratch: train the backbone too.

    Raises: BadInput for settings that exclude each other.
    """

    votes: Tensor | None
    """(outputs,): the weight of each output; None for their mean."""

    def __init__(
        self,
        *,
        classes: int,
        size: int = 224,
        patch: int = 14,
        frames: int = 8,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        backbone: Literal["vit", "hiera"] = "vit",
        depths: Sequence[int] = (2, 3, 16, 3),
        stage_heads: Sequence[int] = (1, 2, 4, 8),
        positions: int | None = None,
        layer_scale: bool = False,
        pre_norm: bool = False,
        activation: Activation = "gelu",
        eps: float = 1e-6,
        bottleneck: int = 16,
        adapter: Literal["parallel", "hyperformer"] = "parallel",
        flow: bool = True,
        am_mode: Mode | None = None,
        am_logits: Literal["mean", "width"] = "mean",
        am_blocks: str | Iterable[int] = "all",
        last_flow: Literal["repeat", "zero"] = "repeat",
        aligning: bool = False,
        temporal_module: TemporalKind = "lstm",
        temporal_width: int | None = None,
        temporal_heads: int = 12,
        temporal_hidden: int = 512,
        image_output: Literal["adapted", "frozen"] = "adapted",
        combine: Literal["average", "random", "voting"] = "average",
        from_scratch: bool = False,
    ) -> None:
        super().__init__()
        check_flow(flow, aligning, am_mode)
        self.size, self.frames = size, frames
        self.am_mode: Mode = am_mode or ("aligned" if aligning else "static")
        self.am_logits, self.last_flow = am_logits, last_flow
        self.flow, self.image_output = flow, image_output
        common = {"size": positions or size, "patch": patch, "width": width, "eps": eps}
        branches = {"layer_scale": layer_scale, "pre_norm": pre_norm, "activation": activation}
        self.vit = _image_model(
            backbone,
            common,
            {"depth": depth, "heads": heads, **branches},
            {"depths": depths, "heads": stage_heads},
        )
        self.vit.requires_grad_(from_scratch)
        self.sizes = self.vit.block_sizes(size)
        self.am_blocks = block_indices(am_blocks, len(self.sizes))
        check_stages(self.sizes, self.am_blocks, aligning)
        make_adapters = HyperAdapters if adapter == "hyperformer" else ParallelAdapters
        flow_blocks = self.am_blocks if flow else ()
        self.adapters = make_adapters(self.sizes, bottleneck, flow_blocks)
        self.aligning: Stack[AligningEncoder] | None = None
        if aligning:
            of_block = ((i, self.sizes[i]) for i in self.am_blocks)
            encoders = (AligningEncoder(s.tokens, s.width, s.heads, i) for i, s in of_block)
            self.aligning = Stack(encoders)
        unit_width = temporal_width or WIDTHS[temporal_module]

        def temporal_head(layer: int, place: int) -> TemporalHead:
            features = self.sizes[layer].out_tokens * bottleneck
            about = (features, unit_width, temporal_heads, temporal_hidden)
            module = make_temporal(temporal_module, *about, f"temporal.{place}", layer)
            return TemporalHead(module, unit_width, classes)

        self.temporal: Stack[Stack[TemporalHead]] = Stack(
            Stack(temporal_head(layer, place) for place in range(PLACES))  # by AM block and place
            for layer in self.am_blocks
        )
        self.image_head = Linear(self.sizes[-1].out_width, classes)
        self.image_head.apply(init_vit)
        self._set_votes(combine, PLACES * len(self.am_blocks) + 1)
        self.cam = nn.Identity()

    def _set_votes(self, combine: Literal["average", "random", "voting"], outputs: int) -> None:
        """Make `votes` a buffer, which is saved but not trained, a parameter, or None."""
        if combine == "random":
            self.register_buffer("votes", torch.empty(outputs).uniform_(-1, 1) * outputs**-0.5)
        elif combine == "voting":
            self.votes = nn.Parameter(torch.full((outputs,), 1 / outputs))
        else:
            self.register_parameter("votes", None)

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`.

        `Output.outputs` are the logits of each adapter's temporal module, block by block, and of
        the image model, each (B, C).

        Raises: BadInput for another size than the model's, or for a single frame.
        """
        video = passed(Site(Part.INPUT), video)
        T = video.shape[2]
        x, patches = self.vit.embed(rearrange(video, "b c t h w -> (b t) c h w"))
        grid = (T, *patches)
        self._check(grid)
        x = passed_stream(x, "(b t) n d", EMBEDDED, t=T)
        outputs, features, flows = [], [], []
        for i, weights in enumerate(self.adapters()):
            am_block = self.am_blocks.index(i) if i in self.am_blocks else None
            x, embeddings, flow = self._block(i, am_block, x, grid, weights)
            x = passed_stream(x, "(b t) n d", i, t=T)
            if flow is not None:
                flows.append(self.vit.by_row(i, flow, patches))
            if am_block is not None:
                heads = self.temporal[am_block]
                for head, embedding in zip(heads, embeddings, strict=True):
                    output, vector = head(embedding, grid)
                    outputs.append(output)
                    features.append(vector)
        x = rearrange(x, "(b t) n d -> b t n d", t=T)
        last = self.vit.summary(x[:, -1])
        if self.image_output == "frozen":
            last = self.vit.untouched_summary(video[:, :, -1])
        outputs.append(self.image_head(last))
        features.append(last)
        logits = self._combined(outputs)
        if not detail:
            return logits
        tokens = self.vit.norm(x)[:, :, self.vit.class_tokens :]
        rows = self.vit.last_grid(patches)[0]
        return Output(
            logits,
            outputs=tuple(outputs),
            am_flow=tuple(flows),
            features=torch.cat(features, 1),
            patches=rearrange(tokens, "b t (h w) d -> b t h w d", h=rows),
        )

    def _block(
        self, i: int, am_block: int | None, x: Tensor, grid: Grid, weights: list[AdapterWeights]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor | None]:
        """x (B*T, N, D) through block i -> (B*T, N', D'), both E, and the flow (B, T - 1, N).

        `am_block` is its number among the AM blocks, None for another, which has no flow.
        """
        block = self.vit.blocks[i]
        normed = block.norm1(x)
        if i == len(self.vit.blocks) - 1:
            normed = self._through_cam(normed, grid)
        layout = self.vit.layout(i, grid[0], grid[1:])
        mixed, q, k = block.attn.with_queries_and_keys(normed, layout)
        flow = frame_flow = None
        if self.flow and am_block is not None:
            flow = passed(Site(Part.FLOW, i), self._flow(i, am_block, normed, q, k, grid))
            frame_flow = self._by_frame(flow)
        beside_attention, change = adapt(normed, frame_flow, weights[0], self.sizes[i].stride)
        change = passed(Site(Part.ADAPTER, i, "attention"), change)
        x = block.residual(x, normed) + block.ls1(mixed) + change
        normed = block.norm2(x)
        beside_mlp, change = adapt(normed, None, weights[1])
        x = x + block.ls2(block.mlp(normed)) + passed(Site(Part.ADAPTER, i, "MLP"), change)
        return x, (beside_attention, beside_mlp), flow

    def _flow(
        self, i: int, am_block: int, normed: Tensor, q: Tensor, k: Tensor, grid: Grid
    ) -> Tensor:
        """AM flow of each pair (t, t + 1), (B, T - 1, N).

        From block i's own map, of q and k, or from the map of its `normed` tokens once aligned.
        """
        if self.aligning is None:
            maps, windows = map_logits(q, k, self.am_logits), self.sizes[i].windows
            logits = rearrange(maps, "(b t w) n m -> b t w n m", t=grid[0], w=windows)
            flow = am_flow(logits[:, :-1], logits[:, 1:], self.am_mode)
            return rearrange(flow, "b p w n -> b p (n w)")
        encoder = self.aligning[am_block]
        aligned = encoder(rearrange(normed, "(b t) n d -> b t n d", t=grid[0]))
        q, k = self.vit.blocks[i].attn.queries_and_keys(aligned.flatten(0, 2))
        q, k = (factor.unflatten(0, aligned.shape[:3]) for factor in (q, k))
        encoder.offer(q, k, self.vit.layout(i, grid[0], grid[1:]))
        logits = map_logits(q, k, self.am_logits)  # (B, T - 1, 2, N, N)
        return am_flow(logits[:, :, 0], logits[:, :, 1], self.am_mode)

    def _by_frame(self, flow: Tensor) -> Tensor:
        """The flow of pairs (B, T - 1, N) as one of each frame, (B*T, N)."""
        last = flow[:, -1:] if self.last_flow == "repeat" else torch.zeros_like(flow[:, -1:])
        return torch.cat([flow, last], 1).flatten(0, 1)

    def _through_cam(self, normed: Tensor, grid: Grid) -> Tensor:
        """Tokens (B*T, N, D) with the patches passed through `cam`, where GradCAM follows them."""
        T, first = grid[0], self.vit.class_tokens
        patches = rearrange(normed[:, first:], "(b t) n d -> b t n d", t=T)
        rows = self.vit.last_grid(grid[1:])[0]
        patches = through_cam(self.cam, patches, rows).flatten(0, 1)
        return torch.cat([normed[:, :first], patches], 1)

    def _combined(self, outputs: list[Tensor]) -> Tensor:
        """One (B, C) from all outputs."""
        stacked = torch.stack(outputs)
        if self.votes is None:
            return stacked.mean(0)
        return torch.einsum("o,obc->bc", self.votes, stacked)

    @property
    def cam_outputs(self) -> tuple[int, int]:
        """How many of the averaged outputs depend on `cam`, in the last block, and how many are.

        Those of earlier blocks are made before it, and a frozen image model runs beside it.
        """
        of_image = int(self.image_output == "adapted")
        of_last = PLACES if len(self.vit.blocks) - 1 in self.am_blocks else 0
        return of_image + of_last, PLACES * len(self.am_blocks) + 1

    def _check(self, grid: Grid) -> None:
        T, h, w = grid
        patches = self.sizes[0].tokens - self.vit.class_tokens
        if h * w != patches:
            raise BadInput(
                f"am_flow was built for {patches} patches a frame ({self.size} px), got "
                f"{h} x {w}; scale the frames"
            )
        if self.flow and T < 2:
            raise BadInput("AM flow compares consecutive frames, got one; give 2 or more")

    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Take the backbone from an image ViT in the same layout; it stays frozen.

        Raises: BadInput if a tensor is missing or of another shape, or if the image model has more
        blocks.
        """
        ours = self.vit.state_dict()
        wrong = [k for k in ours if k not in weights or weights[k].shape != ours[k].shape]
        wrong += [k for k in weights if k.startswith("blocks.") and k not in ours]
        if wrong:
            raise BadInput(
                f"the image model does not fit am_flow's backbone: {wrong[0]} and "
                f"{len(wrong) - 1} more tensors are missing "
                "or of another shape; give one of the same width, depth, patch and size"
            )
        self.vit.load_state_dict({k: weights[k] for k in ours})


def _image_model(
    backbone: str, common: dict[str, Any], of_vit: dict[str, Any], of_stages: dict[str, Any]
) -> ViT | Hiera:
    """The backbone, of the settings that both have and its own."""
    return Hiera(**common, **of_stages) if backbone == "hiera" else ViT(**common, **of_vit)


_GESTURE: dict[str, Any] = {
    "classes": 10,
    "size": 96,
    "patch": 16,
    "frames": 8,
    "width": 160,
    "depth": 5,
    "heads": 5,
    "temporal_width": 48,
    "temporal_heads": 4,
    "temporal_hidden": 96,
}
_DINOV2: dict[str, Any] = {
    "classes": 400,
    "frames": 8,
    "positions": 518,
    "patch": 14,
    "layer_scale": True,
    "aligning": True,
}
_CLIP: dict[str, Any] = {
    "classes": 174,
    "frames": 24,
    "patch": 16,
    "pre_norm": True,
    "activation": "quick_gelu",
    "eps": 1e-5,
    "aligning": True,
    "temporal_module": "tcn",
}
_HIERA: dict[str, Any] = {
    "classes": 400,
    "backbone": "hiera",
    "patch": 4,
    "width": 96,
    "am_blocks": tuple(range(7, 25)),  # those that look over all of the frame
    "temporal_module": "tcn",
}

SPECS = [
    Spec(
        "am_flow",
        "AM Flow",
        "Agrawal et al., AVSS 2025",
        AMFlow,
        {"gesture": _GESTURE, "dinov2_b": _DINOV2, "clip_b": _CLIP, "hiera_b": _HIERA},
        "frozen image model, adapters fed by the change of its attention maps, a temporal module "
        "on each adapter",
        {
            "backbone": ("vit", "hiera"),
            "temporal_module": tuple(WIDTHS),
            "am_mode": MODES,
            "am_blocks": ("all", "ends", "1,12"),
            "am_logits": ("mean", "width"),
            "aligning": (True, False),
            "flow": (True, False),
            "last_flow": ("repeat", "zero"),
            "adapter": ("parallel", "hyperformer"),
            "image_output": ("adapted", "frozen"),
            "combine": ("average", "random", "voting"),
            "from_scratch": (True, False),
        },
        open=("am_blocks",),
        spatial_taps=("vit", "aligned", *STAGES),
        temporal_taps=("temporal",),
        rollout_taps=("vit",),
        am_flow=True,
    ),
]

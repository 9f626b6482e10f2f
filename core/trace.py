"""Recording attention: keep the factors q and k, compute any row of the map on demand.

Every attention here is `kernel(q, k)`. A forward pass hands q and k to its `Tap` and goes on along
the fastest path it has. A tap does nothing unless `with record(model) as attentions:` is active in
the same thread, so nothing is stored on modules, no hooks are registered, and two threads never
mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from core.errors import BadInput

CLS = -1
"""The token id of a class token."""

PAD = -2
"""The token id of a filler in a group that has fewer tokens than its neighbours. Its weights as a
key are 0; its rows as a query mean nothing."""

Query = tuple[int, int, int] | Literal["cls"]
"""A patch at (t, row, col), or the class token."""
Head = int | Literal["mean", "max"]


class Axis(Enum):
    """What an attention runs over."""

    SPACE = "space"
    TIME = "time"
    JOINT = "joint"


@dataclass(frozen=True)
class Kernel:
    """How weights follow from q and k.

    softmax: softmax_j(scale q.k) in 0..1; cosine: q.k / ((|q|+eps)(|k|+eps)) in -1..1 (DirecFormer
        Eq. 9);
    linear: phi(q).phi(k) with phi = ELU + 1, positive (RViT). `normalised` divides rows by their
        sum.
    """

    kind: Literal["softmax", "cosine", "linear"]
    scale: float = 1.0
    eps: float = 1e-6
    normalised: bool = False

    @property
    def signed(self) -> bool:
        return self.kind == "cosine"

    @property
    def rows_sum_to_one(self) -> bool:
        return self.kind == "softmax" or self.normalised

    def factors(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Turn q and k (..., n, d) into the pair whose product is the map before any softmax."""
        if self.kind == "softmax":
            return q * self.scale, k
        if self.kind == "cosine":
            return q / (q.norm(dim=-1, keepdim=True) + self.eps), k / (
                k.norm(dim=-1, keepdim=True) + self.eps
            )
        return torch.nn.functional.elu(q) + 1, torch.nn.functional.elu(k) + 1

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Attention weights (..., queries, keys)."""
        if self.kind == "cosine":  # dividing the products is cheaper than dividing the vectors
            lengths = (q.norm(dim=-1, keepdim=True) + self.eps) * (
                k.norm(dim=-1)[..., None, :] + self.eps
            )
            return q @ k.transpose(-2, -1) / lengths
        left, right = self.factors(q, k)
        product = left @ right.transpose(-2, -1)
        if self.kind == "softmax":
            return product.softmax(-1)
        if self.normalised:
            return product / (product.sum(-1, keepdim=True) + self.eps)
        return product


@dataclass(frozen=True)
class Layout:
    """Which token each row and column of a map is.

    `queries` and `keys` are (groups, n) int64: t*h*w + row*w + col, CLS or PAD. `grid` is (T, h,
    w).
    """

    queries: Tensor
    keys: Tensor
    grid: tuple[int, int, int]


@dataclass(frozen=True)
class Attention:
    """One recorded attention of one clip, as factors.

    `q` and `k` are (groups, heads, tokens, d), detached, on the CPU. A group is what attends within
    itself: a frame, a location, or the whole clip.
    """

    name: str
    layer: int
    axis: Axis
    kernel: Kernel
    q: Tensor
    k: Tensor
    layout: Layout

    @property
    def grid(self) -> tuple[int, int, int]:
        """(T, h, w) in tokens."""
        return self.layout.grid

    @property
    def heads(self) -> int:
        return self.q.shape[1]

    @cached_property
    def _where(self) -> dict[int, list[tuple[int, int]]]:
        """Token id -> the (group, index) pairs at which it is a query."""
        where: dict[int, list[tuple[int, int]]] = {}
        for group, tokens in enumerate(self.layout.queries.tolist()):
            for index, token in enumerate(tokens):
                where.setdefault(token, []).append((group, index))
        return where

    def map(self, head: Head = "mean") -> Tensor:
        """All weights of a head, or their mean or maximum over heads: float32 (groups, queries,
        keys).
        """
        self._check_head(head)
        if isinstance(head, int):
            return self.kernel.weights(self.q[:, head].float(), self.k[:, head].float())
        return self._reduce(self.kernel.weights(self.q.float(), self.k.float()), head, dim=1)

    def rows(self, query: Query, head: Head = "mean") -> tuple[Tensor, Tensor]:
        """The rows of one query: float32 weights (r, keys) and the keys' token ids (r, keys).

        r is 1 for a patch; a class token that sits in several groups has one row in each.

        Raises: BadInput if the query or the head is not there.
        """
        self._check_head(head)
        token = CLS if query == "cls" else self.token(query)
        places = self._where.get(token)
        if not places:
            raise BadInput(
                f"{self.name!r} (layer {self.layer}) has no query {query}: it has no such token; "
                "ask for a patch (t, row, col)"
            )
        groups = torch.tensor([g for g, _ in places])
        at = torch.tensor([i for _, i in places])
        q = self.q[groups, :, at].float()[:, :, None]  # (r, heads, 1, d)
        weights = self.kernel.weights(q, self.k[groups].float())[:, :, 0]  # (r, heads, keys)
        weights = weights[:, head] if isinstance(head, int) else self._reduce(weights, head, dim=1)
        return weights, self.layout.keys[groups]

    def heat(self, query: Query, head: Head = "mean") -> Tensor:
        """The rows of one query laid out on the clip: float32 (T, h, w), NaN where it cannot
        see.
        """
        weights, keys = self.rows(query, head)
        T, h, w = self.grid
        heat = torch.full((T * h * w,), float("nan"))
        patches = keys >= 0
        heat[keys[patches]] = weights[patches]
        return heat.view(T, h, w)

    def token(self, query: tuple[int, int, int]) -> int:
        """The id of the patch (t, row, col). Raises: BadInput outside the grid."""
        T, h, w = self.grid
        t, row, col = query
        if not (0 <= t < T and 0 <= row < h and 0 <= col < w):
            raise BadInput(
                f"query {query} is outside the grid of {T} frames x {h} rows x {w} columns"
            )
        return (t * h + row) * w + col

    def _check_head(self, head: Head) -> None:
        if head not in ("mean", "max") and not (isinstance(head, int) and 0 <= head < self.heads):
            raise BadInput(
                f"head {head!r} does not exist; choose 0 to {self.heads - 1}, 'mean' or 'max'"
            )

    @staticmethod
    def _reduce(weights: Tensor, head: Head, dim: int) -> Tensor:
        return weights.mean(dim) if head == "mean" else weights.amax(dim)


class Tap:
    """The place in a forward pass where q and k can be seen. Holds no tensors."""

    def __init__(self, name: str, layer: int, axis: Axis, kernel: Kernel) -> None:
        self.name, self.layer, self.axis, self.kernel = name, layer, axis, kernel

    @property
    def listened(self) -> bool:
        """Whether somebody records in this thread."""
        return _RECORDER.get() is not None

    def __call__(self, q: Tensor, k: Tensor, layout: Layout) -> None:
        """Offer q and k (groups, heads, tokens, d) of one clip to whoever records in this
        thread.
        """
        recorder = _RECORDER.get()
        if recorder is not None:
            recorder.take(self, q, k, layout)


class _Recorder:
    def __init__(self, model: nn.Module, dtype: torch.dtype, clips: int = 1) -> None:
        self.dtype, self.clips = dtype, clips
        self.taps = {
            id(v): v
            for module in model.modules()
            for v in vars(module).values()
            if isinstance(v, Tap)
        }
        self.calls: dict[int, list[tuple[Tensor, Tensor, Layout]]] = {}

    def take(self, tap: Tap, q: Tensor, k: Tensor, layout: Layout) -> None:
        if id(tap) not in self.taps:
            return
        if q.shape[0] != layout.queries.shape[0] * self.clips:
            wanted = (
                "one clip at a time" if self.clips == 1 else f"batches of {self.clips} clips here"
            )
            raise BadInput(
                f"recording takes {wanted}; "
                f"{tap.name!r} saw {q.shape[0]} groups where one clip has {layout.queries.shape[0]}"
            )
        self.calls.setdefault(id(tap), []).append((self._keep(q), self._keep(k), layout))

    def _keep(self, x: Tensor) -> Tensor:
        """Detached, on the CPU, and alone in its memory, so that a fused projection's values are
        not kept alive by a view.

        What is alone already is kept as it is. A copy keeps the order of the axes in memory: whole
        rows are copied, which costs a fraction of what bringing each head together would.
        """
        x = x.detach()
        if (
            x.dtype == self.dtype
            and x.device.type == "cpu"
            and x.untyped_storage().nbytes() == x.nbytes
        ):
            return x
        order = sorted(range(x.ndim), key=lambda axis: -x.stride(axis))
        rows = x.permute(order)
        kept = torch.empty(rows.shape, dtype=self.dtype, device="cpu").copy_(rows)
        return kept.permute([order.index(axis) for axis in range(x.ndim)])

    def attentions(self, clip: int = 0) -> list[Attention]:
        """Those of one clip of the batch: every model here keeps the groups of a clip together."""
        found = []
        for key, tap in self.taps.items():
            calls = self.calls.get(key)
            if not calls:
                continue
            layout = calls[-1][2]
            if (
                len(calls) > 1
            ):  # a recurrent model taps once a frame; a stream knows its length with the last one
                layout = Layout(
                    torch.cat([c[2].queries for c in calls]),
                    torch.cat([c[2].keys for c in calls]),
                    layout.grid,
                )
            own = [slice(clip * len(c[2].queries), (clip + 1) * len(c[2].queries)) for c in calls]
            q, k = (
                calls[0][i][own[0]]
                if len(calls) == 1
                else torch.cat([c[i][o] for c, o in zip(calls, own, strict=True)])
                for i in (0, 1)
            )
            found.append(Attention(tap.name, tap.layer, tap.axis, tap.kernel, q, k, layout))
        return sorted(found, key=lambda a: a.layer)


_RECORDER: ContextVar[_Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def record(model: nn.Module, dtype: torch.dtype = torch.float32) -> Iterator[list[Attention]]:
    """Collect the attention of one forward pass of `model` on one clip in this thread.

    The list is filled when the block ends. Recording changes no result and leaves nothing behind.

    Raises: BadInput if nothing was recorded, or if the batch holds more than one clip.
    """
    recorder = _Recorder(model, dtype)
    found: list[Attention] = []
    token = _RECORDER.set(recorder)
    try:
        yield found
    finally:
        _RECORDER.reset(token)
    found.extend(recorder.attentions())
    if not found:
        raise BadInput(
            f"nothing was recorded: {type(model).__name__} was not run inside record(), or has no "
            "taps"
        )


@contextmanager
def record_batch(model: nn.Module, clips: int) -> Iterator[list[list[Attention]]]:
    """The same for one forward pass on a batch: a list of attentions for each of its `clips` clips,
    float32.

    The clips share memory, so this is for what is reduced at once, not for what is kept. Raises:
    BadInput as `record`, and for a batch of another size.
    """
    recorder = _Recorder(model, torch.float32, clips)
    found: list[list[Attention]] = []
    token = _RECORDER.set(recorder)
    try:
        yield found
    finally:
        _RECORDER.reset(token)
    found.extend(recorder.attentions(clip) for clip in range(clips))
    if not all(found):
        raise BadInput(
            f"nothing was recorded: {type(model).__name__} was not run inside record_batch(), or "
            "has no taps"
        )

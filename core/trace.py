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
"""The token id of a filler in a group that has fewer tokens than its neighbours.

Its weights as a key are 0; its rows as a query mean nothing.
"""

Query = tuple[int, int, int] | Literal["cls"]
"""A patch at (t, row, col), or the class token."""
Head = int | Literal["mean", "max"]
"""The number of a head, or the mean or the maximum over all heads."""


_LARGE = 2**18
"""Weights of a head from which on the heads are not computed together."""
_CACHED = 2**18
"""Weights that are computed at a time then: 1 MB, which stays in a core's cache."""


class Axis(Enum):
    """What an attention runs over."""

    SPACE = "space"
    TIME = "time"
    JOINT = "joint"


@dataclass(frozen=True)
class Kernel:
    """How weights follow from q and k.

    Attributes:
        kind: softmax is softmax_j(scale q.k), in 0..1; cosine is q.k / ((|q|+eps)(|k|+eps)), in
            -1..1 (DirecFormer Eq. 5); linear is phi(q).phi(k) with phi = ELU + 1, positive (RViT).
        scale: of softmax, usually 1 / sqrt(d).
        eps: keeps cosine and `normalised` from dividing by zero.
        normalised: the rows of linear are divided by their sum.
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
        """The pair whose product is the map before any softmax; q and k are (..., n, d)."""
        if self.kind == "softmax":
            return q * self.scale, k
        if self.kind == "cosine":
            q_length = q.norm(dim=-1, keepdim=True) + self.eps
            k_length = k.norm(dim=-1, keepdim=True) + self.eps
            return q / q_length, k / k_length
        return torch.nn.functional.elu(q) + 1, torch.nn.functional.elu(k) + 1

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Attention weights (..., queries, keys)."""
        if self.kind == "cosine":  # dividing the products is cheaper than dividing the vectors
            q_length = q.norm(dim=-1, keepdim=True) + self.eps
            k_length = k.norm(dim=-1)[..., None, :] + self.eps
            return q @ k.transpose(-2, -1) / (q_length * k_length)
        left, right = self.factors(q, k)
        product = left @ right.transpose(-2, -1)
        if self.kind == "softmax":
            return product.softmax(-1)
        if self.normalised:
            return product / (product.sum(-1, keepdim=True) + self.eps)
        return product


@dataclass(frozen=True)
class Layout:
    """Which token each row and column of a map is: t*h*w + row*w + col, CLS or PAD."""

    queries: Tensor  # (groups, n) int64
    keys: Tensor  # (groups, n) int64
    grid: tuple[int, int, int]  # (T, h, w) in tokens


@dataclass(frozen=True)
class Attention:
    """One recorded attention of one clip, as factors.

    `q` and `k` are (groups, heads, tokens, d), detached, on the CPU. A group is what attends within
    itself: a frame, a location, or the whole clip. `name` and `layer` are those of its tap.
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
    def _places(self) -> dict[int, list[tuple[int, int]]]:
        """Token id -> the (group, index) pairs at which it is a query."""
        places: dict[int, list[tuple[int, int]]] = {}
        for group, tokens in enumerate(self.layout.queries.tolist()):
            for index, token in enumerate(tokens):
                places.setdefault(token, []).append((group, index))
        return places

    def map(self, head: Head = "mean") -> Tensor:
        """All weights of a head, or their mean or maximum over heads.

        float32 (groups, queries, keys). Raises: BadInput for a head that is not there.
        """
        self._check_head(head)
        if isinstance(head, int):
            return self.kernel.weights(self.q[:, head].float(), self.k[:, head].float())
        if head == "mean" and self.q.shape[2] * self.k.shape[2] > _LARGE:
            return self._mean_of_heads()
        return self._reduce(self.kernel.weights(self.q.float(), self.k.float()), head, dim=1)

    def _mean_of_heads(self) -> Tensor:
        """The same mean, a few rows of one head at a time.

        All heads at once, or all rows of one, do not fit a cache: to write them to memory and read
        them again takes longer than to compute them.
        """
        q, k = self.q.float(), self.k.float()
        groups, _, queries, keys = *q.shape[:3], k.shape[2]
        total = torch.zeros(groups, queries, keys)
        few = max(1, _CACHED // (groups * keys))
        for rows, asked in zip(total.split(few, 1), q.split(few, 2), strict=True):
            for head in range(self.heads):
                rows += self.kernel.weights(asked[:, head], k[:, head])
        return total.div_(self.heads)

    def rows(self, query: Query, head: Head = "mean") -> tuple[Tensor, Tensor]:
        """The rows of one query: float32 weights (r, keys) and the keys' token ids (r, keys).

        r is 1 for a patch; a class token that sits in several groups has one row in each.

        Raises: BadInput if the query or the head is not there.
        """
        self._check_head(head)
        weights, keys = self._rows_of_heads(query)
        weights = weights[:, head] if isinstance(head, int) else self._reduce(weights, head, dim=1)
        return weights, keys

    def _rows_of_heads(self, query: Query) -> tuple[Tensor, Tensor]:
        """The rows of one query in every head, (r, heads, keys), and the keys' token ids."""
        token = CLS if query == "cls" else self.token(query)
        places = self._places.get(token)
        if not places:
            raise BadInput(
                f"{self.name!r} (layer {self.layer}) has no query {query}: it has no such token; "
                "ask for a patch (t, row, col)"
            )
        groups, indices = torch.tensor(places).T
        q = self.q[groups, :, indices].float()[:, :, None]  # (r, heads, 1, d)
        weights = self.kernel.weights(q, self.k[groups].float())[:, :, 0]
        return weights, self.layout.keys[groups]

    def heat(self, query: Query, head: Head = "mean") -> Tensor:
        """The rows of one query on the clip: float32 (T, h, w), NaN where it cannot look.

        Raises: BadInput if the query or the head is not there.
        """
        self._check_head(head)
        heats = self.heats(query)
        return heats[head] if isinstance(head, int) else self._reduce(heats, head, dim=0)

    def heats(self, query: Query) -> Tensor:
        """The same of every head: float32 (heads, T, h, w)."""
        weights, keys = self._rows_of_heads(query)
        T, h, w = self.grid
        heats = torch.full((self.heads, T * h * w), float("nan"))
        patches = keys >= 0
        heats[:, keys[patches]] = weights.transpose(0, 1)[:, patches]
        return heats.view(self.heads, T, h, w)

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
        """Offer q and k (groups, heads, tokens, d) of one clip to who records in this thread."""
        recorder = _RECORDER.get()
        if recorder is not None:
            recorder.take(self, q, k, layout)


def taps_of(model: nn.Module) -> list[Tap]:
    """The taps of a network, in the order of its modules."""
    return [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tap)
    ]


class _Recorder:
    """Keeps what the taps of one model offer during a `with` block."""

    def __init__(self, model: nn.Module, dtype: torch.dtype, clips: int = 1) -> None:
        self.dtype, self.clips = dtype, clips
        self.taps = {id(tap): tap for tap in taps_of(model)}
        self.calls: dict[int, list[tuple[Tensor, Tensor, Layout]]] = {}

    def take(self, tap: Tap, q: Tensor, k: Tensor, layout: Layout) -> None:
        """Keep one call; another model's taps are passed over.

        Raises: BadInput for a batch of more or fewer clips than announced.
        """
        if id(tap) not in self.taps:
            return
        if q.shape[0] != layout.queries.shape[0] * self.clips:
            wanted = f"batches of {self.clips} clips here"
            if self.clips == 1:
                wanted = "one clip at a time"
            raise BadInput(
                f"recording takes {wanted}; "
                f"{tap.name!r} saw {q.shape[0]} groups where one clip has {layout.queries.shape[0]}"
            )
        self.calls.setdefault(id(tap), []).append((self._kept(q), self._kept(k), layout))

    def _kept(self, x: Tensor) -> Tensor:
        """x detached, on the CPU, and alone in its memory.

        So a fused projection's values are not kept alive by a view. What is alone already is kept
        as it is. A copy keeps the order of the axes in memory: whole rows are copied, which costs
        a fraction of what bringing each head together would.
        """
        x = x.detach()
        alone = x.untyped_storage().nbytes() == x.nbytes
        if x.dtype == self.dtype and x.device.type == "cpu" and alone:
            return x
        strides = x.stride()
        order = sorted(range(x.ndim), key=lambda axis: -strides[axis])
        rows = x.permute(order)
        copy = torch.empty(rows.shape, dtype=self.dtype, device="cpu").copy_(rows)
        return copy.permute([order.index(axis) for axis in range(x.ndim)])

    def attentions(self, clip: int = 0) -> list[Attention]:
        """Those of one clip of the batch: every model here keeps the groups of a clip together."""
        attentions = []
        for key, tap in self.taps.items():
            if calls := self.calls.get(key):
                q, k, layout = self._joined(calls, clip)
                attentions.append(
                    Attention(tap.name, tap.layer, tap.axis, tap.kernel, q, k, layout)
                )
        return sorted(attentions, key=lambda attention: attention.layer)

    @staticmethod
    def _joined(
        calls: list[tuple[Tensor, Tensor, Layout]], clip: int
    ) -> tuple[Tensor, Tensor, Layout]:
        """The calls of one tap as one, of one clip of the batch.

        A recurrent model taps once a frame, and a stream knows its length with the last one only.
        """
        qs, ks, queries, keys = [], [], [], []
        for q, k, layout in calls:
            groups = len(layout.queries)
            own = slice(clip * groups, (clip + 1) * groups)
            qs.append(q[own])
            ks.append(k[own])
            queries.append(layout.queries)
            keys.append(layout.keys)
        if len(calls) == 1:
            return qs[0], ks[0], layout
        joined = Layout(torch.cat(queries), torch.cat(keys), layout.grid)
        return torch.cat(qs), torch.cat(ks), joined


_RECORDER: ContextVar[_Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def record(model: nn.Module, dtype: torch.dtype = torch.float32) -> Iterator[list[Attention]]:
    """Collect the attention of one forward pass of `model` on one clip in this thread.

    The list is filled when the block ends, sorted by layer; `dtype` is that of the factors.
    Recording changes no result and leaves nothing behind.

    Raises: BadInput if nothing was recorded, or if the batch holds more than one clip.
    """
    recorder = _Recorder(model, dtype)
    attentions: list[Attention] = []
    token = _RECORDER.set(recorder)
    try:
        yield attentions
    finally:
        _RECORDER.reset(token)
    attentions.extend(recorder.attentions())
    if not attentions:
        raise BadInput(
            f"nothing was recorded: {type(model).__name__} was not run inside record(), or has no "
            "taps"
        )


@contextmanager
def record_batch(model: nn.Module, clips: int) -> Iterator[list[list[Attention]]]:
    """The same for one forward pass on a batch: the attentions of each of its `clips` clips.

    They are float32. The clips share memory, so this is for what is reduced at once, not for what
    is kept.

    Raises: BadInput as `record`, and for a batch of another size.
    """
    recorder = _Recorder(model, torch.float32, clips)
    by_clip: list[list[Attention]] = []
    token = _RECORDER.set(recorder)
    try:
        yield by_clip
    finally:
        _RECORDER.reset(token)
    by_clip.extend(recorder.attentions(clip) for clip in range(clips))
    if not all(by_clip):
        raise BadInput(
            f"nothing was recorded: {type(model).__name__} was not run inside record_batch(), or "
            "has no taps"
        )

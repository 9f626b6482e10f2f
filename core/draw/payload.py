"""The format of a payload: bytes from which a browser draws every view of a trace.

A little-endian uint32, the length of a JSON header padded with spaces to whole words; the header;
then arrays, each on a boundary of 4 bytes, to which the header points by a `Place`. The classes
here are what the header holds; assets/viewer/payload.js says the same in JSDoc, and a test compares
the two. (Which keys may be missing is known at run time only where annotations are not put off.)
"""

import json
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from core.trace import Layout

FORMAT = 1
_TYPES = {"float32": "f32", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8"}


class Place(TypedDict):
    """Where an array lies behind the header."""

    at: int  # bytes from the header's end
    type: str  # f32, i32, i16, i8 or u8
    shape: list[int]


class Scaled(TypedDict):
    """Whole numbers (..., n) times a scale (...) of each row; the least number stands for NaN."""

    values: Place
    scale: Place


class Block(TypedDict):
    """One attention: its map `rows`, or the factors `q` and `k` and how to `finish` their product.

    Of the two it is whichever is smaller.
    """

    shape: list[int]  # groups, heads, queries, keys, d
    layout: int  # index in the header's `layouts`
    signed: bool
    sums_to_one: bool
    kernel: str  # softmax, cosine or linear
    rows: NotRequired[Scaled]  # (groups, heads, queries, keys)
    q: NotRequired[Scaled]  # (groups, heads, queries, d)
    k: NotRequired[Scaled]  # (groups, heads, keys, d)
    finish: NotRequired[str]  # softmax, sum or none
    eps: NotRequired[float]  # added to the sum of a row before it divides


class Maps(TypedDict):
    """What is the same for all patches, (heads + 2, T'*h*w): each head, their mean and maximum."""

    mean: Scaled
    cls: NotRequired[Scaled]


class Layer(TypedDict):
    """One layer of one tap."""

    tap: str
    layer: int  # from 0
    main: Block
    bits: int  # of the numbers in `main` and `time`: 16 or 8
    top: float  # the largest |weight| in `main`
    maps: Maps
    time: NotRequired[Block]  # the attention over time beside `main`
    time_top: NotRequired[float]


class Pair(TypedDict):
    """Queries and keys of one head as they were recorded, and what the kernel does with them."""

    q: Place  # (groups, queries, d)
    k: Place  # (groups, keys, d)
    kernel: str  # softmax, cosine or linear
    scale: float
    eps: float
    normalised: bool


class Factors(TypedDict):
    """What the weights of one head of a layer come of."""

    tap: str
    layer: int
    head: int
    main: Pair
    time: NotRequired[Pair]


class Matrix(TypedDict):
    """From frame to frame, (heads + 2, T', T')."""

    tap: str  # "" where it is minus the AM flow
    layer: int
    signed: bool
    beside: bool  # computed beside the network, after the clip
    values: Place


class Tap(TypedDict):
    """One of the model's attentions over space."""

    name: str
    views: list[str]
    heads: int
    layers: list[int]
    cls: bool  # whether a class token asks
    grid: NotRequired[list[int]]  # T', h, w where grids differ from stage to stage


class Cam(TypedDict):
    """The evidence for a class."""

    target: int
    probability: float
    map: Scaled  # (1, T'*h*w)


class Tokens(TypedDict):
    """Which token each row and column of a map is, as core.trace.Layout."""

    queries: Place  # (groups, queries)
    keys: Place  # (groups, keys)


class File(TypedDict):
    """A file for the reader to keep."""

    name: str
    content: Place


class Help(TypedDict):
    """What the viewer's controls and pictures explain of themselves."""

    controls: dict[str, str]
    off: dict[str, str]  # why a control does nothing
    views: dict[str, str]
    queries: dict[str, str]
    kernels: dict[str, str]  # how weights follow from q and k
    remark: str  # stands below every picture that is kept


class Header(TypedDict):
    """All of it. Numbers count from 0."""

    format: int
    id: str  # the same for all payloads of one trace
    clip: str  # the same for all payloads of one clip, whatever model looks at it
    source: str  # a line that says of which weights and which clip this is
    frames: list[Place]  # JPEGs
    times: list[float]  # seconds
    pixels: list[int]  # height, width
    box: list[int]  # top, left, height, width of what the model saw
    grid: list[int]  # T', h, w
    unit: int  # frames that a token covers
    labels: list[str]
    best: int  # the most probable class, -1 where there are none
    taps: list[Tap]
    time_taps: list[str]
    colours: dict[str, Place]  # (256, 3)
    diverging: Place  # (256, 3)
    layers: list[Layer]
    matrices: list[Matrix]
    gradcams: list[Cam]
    layouts: list[Tokens]
    factors: NotRequired[list[Factors]]
    help: NotRequired[Help]
    file: NotRequired[File]


class Body:
    """The arrays behind the header."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self._layouts: list[Layout] = []

    def add(self, array: Shaped[np.ndarray, "*shape"]) -> Place:
        """Put an array behind those that are there."""
        data = np.ascontiguousarray(array).tobytes()
        place = Place(at=self.length, type=_TYPES[array.dtype.name], shape=list(array.shape))
        data += bytes(-len(data) % 4)
        self.parts.append(data)
        self.length += len(data)
        return place

    def add_scaled(
        self, x: Float[Tensor, "*rows n"] | Float[np.ndarray, "*rows n"], bits: int = 16
    ) -> Scaled:
        """x (..., n) as whole numbers of 16 or 8 bits, times a scale of each row."""
        x = np.asarray(x, np.float32)
        most = 2 ** (bits - 1) - 1
        scale = np.nan_to_num(np.abs(x)).max(-1, keepdims=True) / most
        rounded = np.round(x / np.where(scale > 0, scale, 1))
        rounded = rounded.clip(-most, most)  # a scale near the least number there is rounds by much
        least = -most - 1  # stands for NaN
        kind = np.int16 if bits == 16 else np.int8
        values = self.add(np.nan_to_num(rounded, nan=least).astype(kind))
        return Scaled(values=values, scale=self.add(scale[..., 0]))

    def layout(self, layout: Layout) -> int:
        """The number of a layout. Layers share theirs, so it is sent once."""
        for number, known in enumerate(self._layouts):
            if known is layout or _equal(known, layout):
                return number
        self._layouts.append(layout)
        return len(self._layouts) - 1

    def add_layouts(self) -> list[Tokens]:
        """Put all layouts behind the rest."""
        return [
            Tokens(
                queries=self.add(layout.queries.int().numpy()),
                keys=self.add(layout.keys.int().numpy()),
            )
            for layout in self._layouts
        ]


def _equal(one: Layout, other: Layout) -> bool:
    return torch.equal(one.queries, other.queries) and torch.equal(one.keys, other.keys)


def joined(header: Header, parts: Sequence[bytes]) -> bytes:
    """A payload of its header and what lies behind it."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def with_file(payload: bytes, name: str, content: bytes) -> bytes:
    """The payload with a file for the reader to keep."""
    length = int.from_bytes(payload[:4], "little")
    arrays = payload[4 + length :]
    header: Header = json.loads(payload[4 : 4 + length])
    place = Place(at=len(arrays), type="u8", shape=[len(content)])
    header["file"] = File(name=name, content=place)
    return joined(header, [arrays, content])

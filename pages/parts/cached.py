"""What pages show, each value of which is made once: clips, and what a model makes of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from core import explain, observe, order
from core.draw import packing
from core.draw.viewer_help import VIEWER_HELP
from core.errors import BadInput, OverLimitNow, VideoError
from core.explain import attribute, compare, intervene, optical
from core.explain import patching as patch
from core.explain.trust import every_map, faithfulness, over_clips, sanity
from core.models.am_flow import AMFlow
from core.order import Affinity, sharpened
from core.order.trials import Shuffles, permutation_of, shuffle_model, shuffle_pixels
from core.trace import Head
from core.video import CROPS, Clip, Probe, Sampling, decode, probe
from core.video.apart import decode_apart, probe_apart
from core.video.progress import Progress, silent
from core.video.sampling import nearest
from core.weights import Model
from core.world.gestures import RENDERED_FRAMES, Gesture
from core.world.truth import Truth, truth_of
from pages.parts.once import made_once, nbytes
from pages.parts.session import leave_if_asked
from pages.parts.sources import ClipSource, Recorded, Rendered, VideoFile
from pages.parts.subject import Choice

LARGEST = packing.PICTURE
"""Pixels of a frame's longer side: a page draws none larger. A 4K clip would take 25 MB a frame."""
SHIPPED = 96
"""Pixels of what the shipped models see, height = width."""
SMALL = 200
"""Bytes of a value that is a few numbers."""
Permutations = tuple[tuple[int, ...], ...]
"""The unit of frames in each slot, for each of several shuffles."""
Scored = tuple[Shuffles, Shuffles] | tuple[()]
"""What the model and what the pixels recover; empty for a clip that cannot be used."""


@dataclass(frozen=True)
class Length:
    """How long a clip is."""

    seconds: float
    """To the last frame."""
    frames: int
    changed: tuple[str, ...] = ()
    """What is changed of a file's pictures to show them, in words."""


def length(source: ClipSource) -> Length:
    """How long the clip of a source is.

    Raises: BadInput for a file that is no video.
    """
    if isinstance(source, VideoFile):
        video = _probed(source)
        if isinstance(video, VideoError):
            raise type(video)(str(video))
        return Length(video.seconds, video.frames, video.changed)
    if isinstance(source, Recorded):
        return Length(float(source.recording.seconds[-1]), len(source.recording))
    return Length(3.0 * (RENDERED_FRAMES - 1) / RENDERED_FRAMES, RENDERED_FRAMES)


@made_once(size=lambda video: SMALL)
def _probed(source: VideoFile) -> Probe | VideoError:
    """What a file is, or why it is refused, which an upload need not be asked at every click."""
    if not source.is_upload:
        return probe(source.path, however_long=True)
    try:
        return probe_apart(source.path, leave_if_asked, however_long=True)
    except OverLimitNow:
        raise
    except VideoError as error:
        return type(error)(str(error))  # without the traceback, which would keep what it ran in


def _of_clip_itself(clip: Clip) -> int:
    return clip.frames.nbytes + sum(view.nbytes for view in clip.views.values())


@made_once(size=_of_clip_itself)
def clip(
    source: ClipSource,
    frames: int,
    sampling: Sampling,
    stride: int,
    start: float | None,
    end: float | None,
    rate: float = 0.0,
    size: int = SHIPPED,
    *,
    progress: Progress = silent,
) -> Clip:
    """The sampled clip of a source, from `start` to `end` in seconds.

    The stride counts frames at `rate` a second; 0 = those of the source. Its frames are no larger
    than a page draws them; models of `size` pixels and the shipped ones see those of the file.
    `progress` is told how far the search for motion in a file is.
    """
    how: dict[str, Any] = {"sampling": sampling, "stride": stride, "rate": rate}
    if isinstance(source, Rendered):
        indices = source.uncut.indices(frames=frames, start=start, end=end, **how).tolist()
        return source.uncut.clip(_drawn(source, tuple(indices)), indices)
    if isinstance(source, Recorded):
        return source.recording.clip(frames=frames, start=start, end=end, **how)
    assert isinstance(source, VideoFile)
    views = [(crop, pixels) for crop in CROPS for pixels in {SHIPPED, size}]
    how |= {"largest": LARGEST, "views": views, "frames": frames, "start": start, "end": end}
    if source.is_upload:
        return decode_apart(source.path, leave_if_asked, progress, **how)
    return decode(source.path, progress=progress, **how)


@made_once(size=lambda gesture: gesture.mask.nbytes)  # its frames are the clip's
def _drawn(source: Rendered, indices: tuple[int, ...]) -> Gesture:
    """Some frames of a rendered gesture, with what is known of them."""
    return source.uncut.drawn(indices)


def _of_trace(trace: observe.Trace) -> int:
    factors = sum(attention.q.nbytes + attention.k.nbytes for attention in trace.attentions)
    return trace.frames.nbytes + factors


@made_once(size=_of_trace)
def trace(choice: Choice) -> observe.Trace:
    """The model's trace on the clip."""
    model = choice.seeing
    # of a model of a paper's size a clip takes some 100 MB even so
    dtype = torch.float32 if model.card.preset == "gesture" else torch.float16
    return observe.observe(model, choice.clip, dtype)


@made_once(size=lambda where: SMALL)
def domain(choice: Choice) -> explain.Domain | None:
    """The domain of the clip before the model."""
    return explain.domain(trace(choice))


@made_once(size=lambda cam: cam.heat.nbytes)
def gradcam(choice: Choice, target: int, layer: int | None = None) -> explain.GradCam:
    """GradCAM of one class, at the last block's first norm or after a layer."""
    return explain.gradcam(choice.seeing, choice.clip, target, layer)


@made_once(size=len)
def payload(
    choice: Choice,
    layers: tuple[int, ...] | None,
    target: int | None,
    source: str,
    factors: packing.HeadOf | None = None,
) -> bytes:
    """What the viewer is sent; `source` says of what it is.

    The given layers (None: those to open on), the GradCAM map of a class, and the queries and keys
    of a head.
    """
    cams = [] if target is None else [gradcam(choice, target)]
    return packing.pack(trace(choice), layers, cams, source, VIEWER_HELP, factors)


def _of_heats(heats: dict[int, np.ndarray]) -> int:
    return sum(heat.nbytes for heat in heats.values())


@made_once(size=_of_heats)
def along_layers(
    choice: Choice, tap: str, query: explain.SpatialQuery, view: explain.View, head: Head
) -> dict[int, np.ndarray]:
    """What a query sees in each layer: layer -> (T', h, w)."""
    return explain.along_layers(trace(choice), head, query, view, tap)


@made_once(size=_of_heats)
def rollouts(choice: Choice, query: explain.SpatialQuery, head: Head) -> dict[int, np.ndarray]:
    """What reaches a query up to each layer: layer -> (T', h, w).

    Raises: BadInput where rollout is not defined.
    """
    return explain.rollouts(trace(choice), head, query)


@made_once(size=nbytes)
def order_matrix(choice: Choice, affinity: Affinity) -> np.ndarray:
    """The matrix from frame to frame of a shuffled clip, (T', T')."""
    if affinity.passes == 1:  # that of the trace, which the page shows too
        matrix = explain.temporal(trace(choice), affinity.layer, affinity.head)
        return sharpened(matrix, affinity.sharpness)
    return order.order_matrix(choice.seeing, choice.clip, affinity)


def _of_shuffles(shuffles: Shuffles) -> int:
    return shuffles.permutations.nbytes + shuffles.paths.nbytes


@made_once(size=_of_shuffles)
def shuffles(choice: Choice, affinity: Affinity, permutations: Permutations) -> Shuffles:
    """What the model recovers of the clip under these permutations."""
    return shuffle_model(choice.seeing, choice.clip, np.array(permutations), affinity)


def _of_pixels(choice: Choice, permutations: Permutations) -> Hashable:
    return choice.clip.id, choice.crop, permutations


@made_once(size=_of_shuffles, place=_of_pixels)
def pixel_shuffles(choice: Choice, permutations: Permutations) -> Shuffles:
    """What the pixels recover of the clip under these permutations, no matter the model."""
    unit = len(choice.clip) // len(permutations[0])
    return shuffle_pixels(choice.clip, np.array(permutations), crop=choice.crop, unit=unit)


def _of_source(source: ClipSource, choice: Choice, affinity: Affinity) -> Hashable:
    return source.place, choice.model, choice.card.hash, choice.crop, affinity


@made_once(size=lambda both: SMALL, place=_of_source)
def scored(source: ClipSource, choice: Choice, affinity: Affinity) -> Scored:
    """What is recovered of another clip than the chosen one; nothing where that is not possible.

    The clip is sampled as the model's card says and shuffled once.
    """
    card = choice.card
    try:
        how = (card.sampling, card.stride, None, None, card.rate, card.size)
        sampled = clip(source, card.frames, *how)
        units = len(sampled) // choice.loaded.unit
        permutation = permutation_of(sampled.source, units, 0)
        other = replace(choice, source=source, clip=sampled)
        once = (tuple(permutation.tolist()),)
        return shuffles(other, affinity, once), pixel_shuffles(other, once)
    except BadInput:
        return ()


@made_once(size=nbytes)
def attributed(
    choice: Choice,
    method: str,
    target: int,
    *,
    progress: Progress = silent,
) -> np.ndarray:
    """An attribution of core.explain.attribute, (T', h, w)."""
    grid = trace(choice).grid
    return attribute.attribute(method, choice.seeing, choice.clip, target, grid, progress)


@made_once(size=lambda change: SMALL)
def score_change(choice: Choice, target: int) -> float:
    """The score of a class on the clip minus that on grey."""
    return attribute.score_change(choice.seeing, choice.clip, target)


def _of_model(choice: Choice, method: str) -> Hashable:
    return choice.model, choice.card.hash, len(choice.clip), method


@made_once(size=lambda seconds: SMALL, place=_of_model)
def attribution_seconds(choice: Choice, method: str) -> float:
    """How long an attribution by this model takes on this computer, on a clip of this length."""
    return attribute.seconds(method, choice.seeing, choice.clip, trace(choice).grid)


@made_once(size=lambda parts: SMALL)
def parts(choice: Choice) -> intervene.Parts:
    """What can be changed in the model."""
    return intervene.parts_of(choice.seeing, choice.clip)


@made_once(size=_of_trace)
def changed_trace(choice: Choice, intervention: intervene.Intervention) -> observe.Trace:
    """The changed model's trace on the clip. Raises: BadInput for a part that it has not."""
    grid = trace(choice).grid
    return intervene.observe_changed(choice.seeing, choice.clip, intervention, grid)


@made_once(size=lambda reading: reading.matrix.nbytes + SMALL)
def changed_order(choice: Choice, intervention: intervene.Intervention) -> order.Reading:
    """The order that the changed model reads of the clip, shuffled once."""
    units = len(choice.clip) // choice.loaded.unit
    permutation = permutation_of(choice.clip.source, units, 0)
    with intervene.intervening(choice.seeing, intervention, trace(choice).grid):
        return order.read(choice.seeing, choice.clip, permutation).unflattered()


@made_once(size=lambda result: result.stream.nbytes + SMALL)
def patching(
    choice: Choice,
    twin: str,
    *,
    other: Clip | None = None,
    progress: Progress = silent,
) -> patch.Patching:
    """What each activation of the clip brings back in its twin: one of PROBES, or `other`."""
    if other is None:
        other = compare.probes(choice.clip, choice.loaded.unit)[twin]
    return patch.patching(choice.seeing, choice.clip, other, progress)


@made_once(size=nbytes)
def motion_probe(choice: Choice) -> np.ndarray:
    """What the model makes of the clip as it is, reversed, shuffled and frozen, (4, C)."""
    return compare.motion_probe(choice.seeing, choice.clip)


def cam_outputs(choice: Choice) -> tuple[int, int] | None:
    """How many of the outputs that AM Flow averages GradCAM sees, and of how many."""
    net = choice.loaded.net
    return net.cam_outputs if isinstance(net, AMFlow) else None


@made_once(size=nbytes)
def aligned_flow(choice: Choice, layer: int) -> np.ndarray:
    """AM flow with the aligning encoder, (T - 1, h, w)."""
    return explain.am_flow(choice.seeing, choice.clip, layer)


def _of_clip(choice: Choice) -> Hashable:
    return choice.clip.id


@made_once(size=nbytes, place=_of_clip)
def optical_flow(choice: Choice) -> np.ndarray:
    """Length of Farneback's optical flow in pixels, (T - 1, H, W)."""
    return optical.magnitude(optical.optical_flow(choice.clip.frames))


def _of_maps(maps: list[every_map.NamedMap]) -> int:
    return sum(each.heat.nbytes for each in maps)


@made_once(size=_of_maps)
def maps(choice: Choice) -> list[every_map.NamedMap]:
    """Every map of the model that costs no more than a pass, and the baselines, which come last."""
    return every_map.every_map(choice.seeing, choice.clip)[1]


@made_once(size=lambda curves: SMALL * len(curves))
def removal(
    choice: Choice, name: str, target: int, *, progress: Progress = silent
) -> faithfulness.Curves:
    """Deletion and insertion of the map of this name."""
    heat = heat_of(choice, name, target)
    return faithfulness.curves(choice.seeing, choice.clip, target, heat, progress)


@made_once(size=lambda results: SMALL * len(results))
def random_removal(
    choice: Choice, target: int, *, progress: Progress = silent
) -> list[faithfulness.Curves]:
    """The same of random orders."""
    grid = trace(choice).grid
    return faithfulness.random_curves(choice.seeing, choice.clip, target, grid, progress)


@made_once(size=lambda sets: sets.gone.nbytes + SMALL)
def subsets(choice: Choice, target: int, fill: faithfulness.Fill) -> faithfulness.Subsets:
    """Random tenths of the clip, and how far the score of a class falls without each."""
    grid = trace(choice).grid
    return faithfulness.subsets(
        choice.seeing, choice.clip, target, grid, fill, size=over_clips.tenth(grid)
    )


def heat_of(choice: Choice, name: str, target: int, progress: Progress = silent) -> np.ndarray:
    """The map of this name, (T', h, w); an attribution is made if it is not here yet."""
    for key, method in attribute.METHODS.items():
        if method.title == name:
            return attributed(choice, key, target, progress=progress)
    return next(each.heat for each in maps(choice) if each.name == name)


@made_once(size=lambda cascade: SMALL)
def cascade(
    choice: Choice, name: str, target: int, *, progress: Progress = silent
) -> sanity.Cascade:
    """How the map of this name changes while the weights become random."""

    def map_of(model: Model) -> np.ndarray:
        return every_map.named_map(model, choice.clip, name, target).heat

    return sanity.cascade(choice.seeing, map_of, progress=progress)


def _of_both(choice: Choice, name: str, target: int, other: Choice, others_target: int) -> Hashable:
    return choice.place, name, target, other.clip.id, others_target


@made_once(size=lambda swaps: SMALL, place=_of_both)
def swaps(
    choice: Choice, name: str, target: int, other: Choice, others_target: int
) -> sanity.Swaps:
    """How the map of this name changes with the class that is asked for, and with the clip."""

    def map_for(clip: Clip, target: int) -> np.ndarray:
        return every_map.named_map(choice.seeing, clip, name, target).heat

    return sanity.swaps(map_for, choice.clip, target, other.clip, others_target)


def truth(choice: Choice) -> Truth | None:
    """What really moves, for a rendered clip; None for any other."""
    return _rendered_truth(choice) if isinstance(choice.source, Rendered) else None


@made_once(size=lambda true: true.mask.nbytes + true.motion.nbytes, place=_of_clip)
def _rendered_truth(choice: Choice) -> Truth:
    assert isinstance(choice.source, Rendered)
    times = choice.clip.times
    indices = nearest(choice.source.uncut.times, times)
    return truth_of(_drawn(choice.source, tuple(indices.tolist())), times)


def hand(choice: Choice) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the hand is in what the model sees: its mask (T, S, S), its fingertip (T, 2), x and y.

    None for any but a rendered clip.
    """
    if not isinstance(choice.source, Rendered):
        return None
    indices = nearest(choice.source.uncut.times, choice.clip.times).tolist()
    gesture = _drawn(choice.source, tuple(indices))
    seen = nearest(gesture.times, choice.clip.times)
    return over_clips.truth_seen(gesture.mask[seen], gesture.fingertip[seen], choice.seeing.card)

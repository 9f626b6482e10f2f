"""Activation patching: which part of a network carries what tells a clip from its twin.

The clip and its corrupted twin (the same frames reversed, shuffled or frozen, or another clip) run
through the network. Then the twin runs again, with one activation of the clip put back at one
place, and the share of the difference that returns is what that place carries (Vig et al., NeurIPS
2020; Meng et al., NeurIPS 2022):

    share = (twin with the activation put back - twin) / (clip - twin)

each the logit of one class minus that of another. 0: nothing of it returns; 1: all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from core.errors import BadInput
from core.models import VideoModel
from core.models.sites import Part, Site, watching
from core.observe import check_fits, to_input
from core.video import Clip
from core.weights import Model

Progress = Callable[[float], object]
LEAST = 1e-3
"""A difference of logits below which nothing can be put back."""


@dataclass(frozen=True)
class Patching:
    """What each place carries, as a share of the difference; L layers, the embedding before them.

    Shares can be below 0 (the place speaks for the twin) and above 1.
    """

    target: int
    """The clip's most probable class."""
    against: int | None
    """The twin's, if it is another; else the mean of all other logits is taken away."""
    clean: float
    """The difference of logits of the clip."""
    corrupted: float
    """That of its twin."""
    stream: Float[np.ndarray, "layers T"]
    """(L + 1, T'): the tokens of one frame that leave a layer; row 0 is the embedding."""
    class_token: Float[np.ndarray, " layers"] | None
    """(L + 1,): a clip's one class token; None where each frame has its own, or there is none."""
    state: Float[np.ndarray, "units moments"] | None
    """(L, T + 1): what a recurrent layer remembers before a frame, and in the end."""
    heads: dict[str, Float[np.ndarray, "units heads"]]
    """For each tap (layers with it, heads): what one head mixed, in all frames."""
    head_layers: dict[str, tuple[int, ...]]
    """Which layers the rows of `heads` are."""


def patching(
    model: Model, clip: Clip, twin: Clip, progress: Progress = lambda done: None
) -> Patching:
    """Put every activation of the clip back into its twin, one place at a time.

    After each layer `progress(share done, 0..1)` is called; what that raises ends the work.

    Raises: BadInput if the clips do not fit the model or each other, or if it answers both alike.
    """
    check_fits(model, len(clip))
    if len(twin) != len(clip):
        raise BadInput(f"the twin has {len(twin)} frames and the clip {len(clip)}; give as many")
    (_, video), (_, corrupted) = to_input(model.card, clip), to_input(model.card, twin)
    with model.lock, torch.inference_mode():
        runs = _Runs(model.net, video, corrupted)
        places = runs.places()
        shares: dict[Place, np.ndarray] = {}
        for done, (place, sites) in enumerate(places.items(), 1):
            shares[place] = runs.shares(place.part, sites)
            progress(done / len(places))

    def rows(part: Part) -> list[np.ndarray]:
        return [share for place, share in shares.items() if place.part is part]

    taps = dict.fromkeys(place.name for place in shares if place.part is Part.HEADS)
    by_tap = {name: [place for place in shares if place.name == name] for name in taps}
    token, state = rows(Part.CLASS), rows(Part.STATE)
    return Patching(
        runs.target,
        runs.against,
        runs.clean,
        runs.corrupted,
        np.stack(rows(Part.STREAM)),
        np.concatenate(token) if token else None,
        np.stack(state) if state else None,
        {name: np.stack([shares[place] for place in own]) for name, own in by_tap.items()},
        {name: tuple(place.layer for place in own) for name, own in by_tap.items()},
    )


class Place(NamedTuple):
    """One row of a result: a part of one layer, and whose heads."""

    part: Part
    layer: int
    name: str


class _Runs:
    """A network that has met both clips, and meets the twin again with something put back."""

    def __init__(self, net: VideoModel, video: Tensor, twin: Tensor) -> None:
        self.net, self.twin = net, twin
        self.kept: dict[Site, Tensor] = {}
        with watching(self._keep):
            clean = net(video)
        corrupted = net(twin)
        if not any(site.part is Part.STREAM for site in self.kept):
            raise BadInput(
                f"{type(net).__name__} does not say what leaves its blocks; call `passed_stream` "
                "of core.models.sites in its forward pass"
            )
        self.target = int(clean.argmax())
        other = int(corrupted.argmax())
        self.against = None if other == self.target else other
        self.clean = self._difference(clean).item()
        self.corrupted = self._difference(corrupted).item()
        if abs(self.clean - self.corrupted) < LEAST:
            raise BadInput(
                "the model answers this clip and its twin alike, so there is nothing to put back; "
                "choose another twin"
            )

    def places(self) -> dict[Place, list[Site]]:
        """Where activations are put back, first layer first; a recurrent layer's sites are one."""
        places: dict[Place, list[Site]] = {}
        for site in self.kept:
            places.setdefault(Place(site.part, site.layer, site.name), []).append(site)
        return places

    def shares(self, part: Part, sites: list[Site]) -> np.ndarray:
        """The share of each frame, head or moment of a place, (n,)."""
        value = self.kept[sites[0]]
        if part is Part.STREAM:
            return self._with(sites, _own_frame, value.shape[1])
        if part is Part.HEADS:
            return self._with(sites, _own_head, value.shape[1])
        return np.concatenate([self._with([site], _the_whole, 1) for site in sites])

    def _keep(self, site: Site, value: Tensor) -> Tensor:
        if site.part in (Part.STREAM, Part.CLASS, Part.STATE, Part.HEADS):
            self.kept[site] = value
        return value

    def _with(
        self, sites: list[Site], put_back: Callable[[Tensor, Tensor], Tensor], rows: int
    ) -> np.ndarray:
        """The shares of `rows` twins in one batch, each with its own activation put back."""

        def change(site: Site, value: Tensor) -> Tensor:
            return put_back(value, self.kept[site]) if site in sites else value

        with watching(change):
            logits = self.net(self.twin.expand(rows, -1, -1, -1, -1))
        difference = self._difference(logits) - self.corrupted
        return (difference / (self.clean - self.corrupted)).float().numpy()

    def _difference(self, logits: Tensor) -> Tensor:
        """Logits (B, C) -> how much more the target gets than what it is held against, (B,)."""
        target = logits[:, self.target]
        if self.against is not None:
            return target - logits[:, self.against]
        return target - (logits.sum(1) - target) / (logits.shape[1] - 1)


def _own_frame(twins: Tensor, clean: Tensor) -> Tensor:
    """Streams (T', T', N, D) of twins, the frame t of twin t from the clip's (1, T', N, D)."""
    each = torch.arange(len(twins))
    twins = twins.clone()
    twins[each, each] = clean[0, each]
    return twins


def _own_head(twins: Tensor, clean: Tensor) -> Tensor:
    """What heads mixed, (H groups, H, n, d), head h of twin h from the clip's (groups, H, n, d)."""
    each = torch.arange(clean.shape[1])
    by_twin = rearrange(twins.clone(), "(b g) h n d -> b g h n d", b=clean.shape[1])
    by_twin[each, :, each] = clean.transpose(0, 1)
    return by_twin.flatten(0, 1)


def _the_whole(twins: Tensor, clean: Tensor) -> Tensor:
    return clean.expand_as(twins)

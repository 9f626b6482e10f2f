"""The losses and the figures of the stages, each in one entry: LOSSES and FIGURES.

`training.losses` has the equations; here stands when each of them applies, what it averages over,
and what of a forward pass it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from core.models.video_model import Output
from core.runs import METRICS
from training.losses import (
    alignment_loss,
    fingertip_loss,
    hand_flow_loss,
    hand_loss,
    inside,
    moving_hand,
    pair_loss,
    pair_weights,
    rank_loss,
    self_loss,
)
from training.recipes import Recipe

Means = dict[str, Tensor]
Truth = dict[str, Tensor]
"""What a plan's clips show.

Of the clips in order: `label` (m,) or soft (m, C). Of the shuffled ones: `order` (n, T), `target`
(n,) classes of the order head, `arrow` (n,) bool, whether the direction can be known. Of all frames
F = (m + n) T, where fingertips are known: `tip` (F, 2) and `occupied` (F, h, w). Where patches are
to be filled in: `hidden` (m + n, h, w) bool, their places in all frames of a clip.
"""
UNNAMED = -100
"""Class of an order that is none of the permutation set, which L_ord leaves out."""


@dataclass(frozen=True)
class SideTask:
    """The dense side task on F frames: four scores of each patch, and what they should say."""

    predicted: Tensor  # (F, h, w, 4)
    tip: Tensor  # (F, 2)
    occupied: Tensor  # (F, h, w)

    @cached_property
    def _with_tip(self) -> tuple[Tensor, Tensor]:
        """Scores and tips of the frames whose fingertip is in the picture."""
        has_tip = inside(self.tip, *self.predicted.shape[1:3])
        return self.predicted[has_tip], self.tip[has_tip]

    def fingertip(self) -> Tensor:
        return fingertip_loss(*self._with_tip)

    def hand(self) -> Tensor:
        return hand_loss(self.predicted, self.occupied)

    def fingertip_hit(self) -> Tensor:
        """The share of the tips whose patch got the highest score."""
        predicted, tip = self._with_tip
        cell = tip.long()
        guess = predicted[..., 0].flatten(1).argmax(1)
        return (guess == cell[:, 1] * predicted.shape[2] + cell[:, 0]).float().mean()


SIDE_TASK: dict[str, Callable[[SideTask], Tensor]] = {
    "fingertip": SideTask.fingertip,
    "hand": SideTask.hand,
    "fingertip_hit": SideTask.fingertip_hit,
}
"""What both stages learn and report of it."""


@dataclass(frozen=True)
class Pass:
    """One forward pass of the video stage. The clips in order come first, then the shuffled."""

    recipe: Recipe
    truth: Truth
    label: Tensor  # (m,) classes, or (m, C) soft targets: mixed clips have labels of their own
    output: Output
    patches: Tensor  # (B, T, h, w, D), normalised
    side_head: nn.Module
    rank_head: nn.Module
    drawn: Tensor | None = None
    """Hidden patches as they are drawn and as they were, (2, n, pixels); None where none are."""

    @property
    def logits(self) -> Tensor:
        """Of the clips in order, (m, C)."""
        return self.output.logits[: len(self.label)].float()

    @cached_property
    def time_attention(self) -> list[Tensor]:
        """Of the shuffled clips, (n, T, T) a layer."""
        return [layer[len(self.label) :] for layer in self.output.time_attention]

    @cached_property
    def known_attention(self) -> list[Tensor]:
        """The same of those whose direction can be known.

        Where a clip's reverse is another stroke, L_self asks for what nobody can know.
        """
        return [layer[self.truth["arrow"]] for layer in self.time_attention]

    @property
    def known_order(self) -> Tensor:
        return self.truth["order"][self.truth["arrow"]]

    @cached_property
    def side(self) -> SideTask:
        predicted = self.side_head(self.patches).float().flatten(0, 1)
        return SideTask(predicted, self.truth["tip"], self.truth["occupied"])


@dataclass(frozen=True)
class Offer:
    """What decides which losses there can be."""

    output: Output
    fingertips: bool  # whether the clips come with them


@dataclass(frozen=True)
class Loss:
    """A mean that the model is trained to lower: when there is one, over how much, and of what.

    `core.runs.METRICS` has what the run's readers need too: the title of its curve, the recipe's
    field with its weight, and whether it is learned from shuffled clips.
    """

    applies: Callable[[Offer], bool]
    count: Callable[[Truth], float]
    mean: Callable[[Pass], Tensor]


@dataclass(frozen=True)
class Figure:
    """A mean that is only reported, beside the losses with these weights."""

    applies: Callable[[Offer, Mapping[str, float]], bool]
    count: Callable[[Truth], float]
    mean: Callable[[Pass], Tensor]


def shuffles(weights: Iterable[str]) -> bool:
    """Whether one of these losses is learned from shuffled clips."""
    return any(METRICS[name].shuffled for name in weights)


def _always(offer: Offer) -> bool:
    return True


def _has_order_head(offer: Offer) -> bool:
    return offer.output.order_logits is not None


def _has_time(offer: Offer) -> bool:
    return bool(offer.output.time_attention)


def _has_frame_maps(offer: Offer) -> bool:
    return bool(offer.output.frame_maps)


def _has_fingertips(offer: Offer) -> bool:
    return offer.fingertips


def _has_hand_flow(offer: Offer) -> bool:
    """Whether flow is of the patches whose truth is known: Hiera's later grids are coarser."""
    output = offer.output
    if not (offer.fingertips and output.am_flow and output.patches is not None):
        return False
    h, w = output.patches.shape[2:4]
    return all(flow.shape[-1] in (h * w, h * w + 1) for flow in output.am_flow)


def _ordered(truth: Truth) -> int:
    return len(truth["label"])


def _shuffled(truth: Truth) -> int:
    return len(truth["order"])


def _every_clip(truth: Truth) -> int:
    return len(truth["label"]) + len(truth.get("order", ()))


def _named(truth: Truth) -> int:
    return int((truth["target"] != UNNAMED).sum())


def _known(truth: Truth) -> int:
    return int(truth["arrow"].sum())


def _weighed_pairs(truth: Truth) -> float:
    return pair_weights(truth["order"], truth["arrow"]).sum().item()


def _tips(truth: Truth) -> int:
    return int(inside(truth["tip"], *truth["occupied"].shape[1:]).sum())


def _by_clip(truth: Truth) -> Tensor:
    """`occupied` of each clip, (m + n, T, h, w)."""
    return truth["occupied"].unflatten(0, (_every_clip(truth), -1))


def _moving_pairs(truth: Truth) -> int:
    return int(moving_hand(_by_clip(truth))[1].sum())


def _every_frame(truth: Truth) -> int:
    return len(truth["occupied"])


def _hidden(truth: Truth) -> int:
    return int(truth["hidden"].sum())


def _classify(seen: Pass) -> Tensor:
    is_soft = seen.label.ndim == 2  # and smoothed already
    smoothing = 0.0 if is_soft else seen.recipe.smoothing
    return cross_entropy(seen.logits, seen.label, label_smoothing=smoothing)


def _order(seen: Pass) -> Tensor:
    assert seen.output.order_logits is not None
    logits = seen.output.order_logits[len(seen.label) :].float()
    return cross_entropy(logits, seen.truth["target"], ignore_index=UNNAMED)


def _directed(seen: Pass) -> Tensor:
    r = seen.recipe
    layers = seen.known_attention[r.directed_from :]
    return self_loss(layers, seen.known_order, r.symmetric, r.diagonal)


def _pairs(seen: Pass) -> Tensor:
    return pair_loss(seen.time_attention[-1], seen.truth["order"], seen.truth["arrow"])


def _rank(seen: Pass) -> Tensor:
    frames = seen.patches[len(seen.label) :].mean((2, 3))
    return rank_loss(seen.rank_head(frames), seen.truth["order"], seen.truth["arrow"])


def _alignment(seen: Pass) -> Tensor:
    spatial, temporal = seen.output.frame_maps
    return alignment_loss((spatial, temporal), seen.recipe.centring)


def _hand_flow(seen: Pass) -> Tensor:
    return hand_flow_loss(seen.output.am_flow, _by_clip(seen.truth))


def _masked(seen: Pass) -> Tensor:
    assert seen.drawn is not None
    drawn, truth = seen.drawn
    return mse_loss(drawn, truth)


def _top1(seen: Pass) -> Tensor:
    return (seen.logits.argmax(1) == most_probable(seen.label)).float().mean()


def _directed_last(seen: Pass) -> Tensor:
    return self_loss(seen.known_attention[-1:], seen.known_order, diagonal=False)


def most_probable(label: Tensor) -> Tensor:
    """The class of each clip, from classes (B,) or from soft targets (B, C)."""
    return label if label.ndim == 1 else label.argmax(1)


LOSSES: dict[str, Loss] = {
    "classify": Loss(_always, _ordered, _classify),
    "order": Loss(_has_order_head, _named, _order),
    "directed": Loss(_has_time, _known, _directed),
    "pairs": Loss(_has_time, _weighed_pairs, _pairs),
    "rank": Loss(_always, _shuffled, _rank),
    "alignment": Loss(_has_frame_maps, _every_clip, _alignment),
    "hand_flow": Loss(_has_hand_flow, _moving_pairs, _hand_flow),
    "fingertip": Loss(_has_fingertips, _tips, lambda seen: seen.side.fingertip()),
    "hand": Loss(_has_fingertips, _every_frame, lambda seen: seen.side.hand()),
    "masked": Loss(_always, _hidden, _masked),
}
"""By name, in the order in which they are summed and reported."""
FIGURES: dict[str, Figure] = {
    "top1": Figure(lambda offer, weights: True, _ordered, _top1),
    "fingertip_hit": Figure(
        lambda offer, weights: "fingertip" in weights, _tips, lambda seen: seen.side.fingertip_hit()
    ),
    "directed_last": Figure(
        lambda offer, weights: shuffles(weights) and _has_time(offer), _known, _directed_last
    ),
}
MEASURES: dict[str, Loss | Figure] = LOSSES | FIGURES


def weights_of(recipe: Recipe, offer: Offer) -> dict[str, float]:
    """The losses of a run that apply, and their weights: those above 0."""
    weights = {name: getattr(recipe, METRICS[name].weight) for name in LOSSES}
    return {
        name: weight
        for name, weight in weights.items()
        if weight > 0 and LOSSES[name].applies(offer)
    }


def names_of(weights: Mapping[str, float], offer: Offer) -> tuple[str, ...]:
    """Of every mean that is reported where the losses have these weights."""
    figures = [name for name, figure in FIGURES.items() if figure.applies(offer, weights)]
    return (*weights, *figures)

"""The two stages of a run as modules: what they see of a batch, and their losses.

A stage first makes a `Plan` from its part of a batch, which says how much each of its means
averages over; its forward pass then weighs each mean by its share of the whole step's. So the same
batch gives the same gradient however it is shared among processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, layer_norm

from core.errors import BadInput
from core.models import build, settings_of, spec
from core.models.blocks import ImageViT, Output
from core.weights.public import load_public
from training.augment import mix, random_erasing
from training.data import Batch
from training.losses import (
    alignment_loss,
    fingertip_loss,
    hand_loss,
    inside,
    pair_loss,
    pair_weights,
    rank_loss,
    self_loss,
)
from training.permutations import permutation_set
from training.recipes import Recipe

Means = dict[str, Tensor]
UNNAMED = -100
"""Class of an order that is none of the permutation set, which L_ord leaves out."""


@dataclass(frozen=True)
class Plan:
    """What a stage takes from its part of a batch."""

    video: Tensor  # (b, T, H, W, 3) uint8
    truth: dict[str, Tensor]
    counts: dict[
        str, float
    ]  # by name of a mean: how much it averages over; 0 where there is nothing

    def to(self, device: torch.device) -> Plan:
        return Plan(
            self.video.to(device, non_blocking=True),
            {k: v.to(device, non_blocking=True) for k, v in self.truth.items()},
            self.counts,
        )


class Stage(nn.Module):
    """A module that is trained on plans. `weights` are those of its losses; other means are only
    reported.
    """

    weights: dict[str, float]
    names: tuple[str, ...]  # of every mean that `means` can give

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        for name, of_channels in (("mean", recipe.mean), ("std", recipe.std)):
            self.register_buffer(name, torch.tensor(of_channels) * 255, persistent=False)

    def plan(self, batch: Batch, places: np.ndarray, step: int, of: int) -> Plan:
        """`places` are those of the batch's clips in the step's whole batch, which has `of`
        clips.
        """
        raise NotImplementedError

    def means(self, plan: Plan) -> Means:
        """The mean of each loss, with gradients, and of each figure; those that average over
        nothing are left out.
        """
        raise NotImplementedError

    def forward(self, plan: Plan, scale: dict[str, float]) -> tuple[Tensor, Means]:
        """The sum of scale * loss, and each mean times its count, without gradients."""
        means = self.means(plan)
        loss = sum(scale[k] * means[k] for k in self.weights if k in means)
        if not isinstance(
            loss, Tensor
        ):  # nothing to learn from this part: a zero that still reaches the weights
            loss = sum(
                (p.sum() * 0.0 for p in self.parameters() if p.requires_grad),
                torch.zeros((), device=plan.video.device),
            )
        return loss, {k: v.detach() * plan.counts[k] for k, v in means.items()}

    def normalised(self, video: Tensor) -> Tensor:
        """(b, T, H, W, 3) uint8 -> (b, 3, T, H, W) float32."""
        return rearrange((video - self.mean) / self.std, "b t h w c -> b c t h w")


class Still(Stage):
    """The image ViT with the dense side head."""

    names = ("fingertip", "hand", "fingertip_hit")

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        settings = model_settings(recipe)
        self.vit = ImageViT(
            **{k: settings[k] for k in ("size", "patch", "width", "heads")},
            depth=recipe.stills_depth or settings["depth"],
        )
        self.side = nn.Linear(settings["width"], 4)
        self.grid = settings["size"] // settings["patch"]
        self.weights = {"fingertip": 1.0, "hand": 1.0}

    def plan(self, batch: Batch, places: np.ndarray, step: int, of: int) -> Plan:
        tip, occupied = batch.tip.flatten(0, 1), batch.occupied.flatten(0, 1)
        return Plan(batch.video, {"tip": tip, "occupied": occupied}, _side_counts(tip, occupied))

    def means(self, plan: Plan) -> Means:
        tokens = self.vit(rearrange(self.normalised(plan.video), "b c t h w -> (b t) c h w"))[:, 1:]
        return _side_means(self.side(tokens).float().unflatten(1, (self.grid, self.grid)), plan)


class Video(Stage):
    """The model to train with its side heads, and its losses on ordered and shuffled clips.

    Which losses there are follows from the recipe's weights, from what the model returns, and from
    whether the clips come with fingertips.
    """

    def __init__(
        self,
        recipe: Recipe,
        labels: tuple[str, ...],
        directed: tuple[str, ...],
        fingertips: bool = True,
    ) -> None:
        super().__init__(recipe)
        if recipe.settings.get("classes", len(labels)) != len(labels):
            raise BadInput(
                f"the data have {len(labels)} labels, not {recipe.settings['classes']}; leave "
                "--set classes out"
            )
        settings = model_settings(recipe, classes=len(labels))
        self.model = build(
            recipe.model, recipe.preset, **recipe.settings | {"classes": len(labels)}
        )
        self.labels, self.unit = labels, spec(recipe.model).unit_frames
        with torch.no_grad():
            output = self.model(
                torch.zeros(1, 3, *(settings[k] for k in ("frames", "size", "size"))), detail=True
            )
        width, self.units = output.patches.shape[-1], output.patches.shape[1]
        self.side = nn.Linear(width, 4)
        self.rank = nn.Linear(width, self.units)
        self.has_norm = not {"norm.weight", "vit.norm.weight"}.isdisjoint(
            self.model.state_dict()
        )  # after its last block
        r = recipe
        has_time, side = bool(output.time_attention), (r.fingertip, fingertips)
        possible = {
            "classify": (r.classify, True),
            "order": (r.order, output.order_logits is not None),
            "directed": (r.directed, has_time),
            "pairs": (r.pairs, has_time),
            "rank": (r.rank, True),
            "alignment": (r.alignment, bool(output.frame_maps)),
            "fingertip": side,
            "hand": side,
        }
        self.weights = {k: weight for k, (weight, has) in possible.items() if has and weight > 0}
        if not self.weights:
            raise BadInput(
                f"no loss with a weight applies to {r.model}; set for example --classify 1"
            )
        if "directed" in self.weights and r.directed_from >= len(output.time_attention):
            raise BadInput(
                f"--directed-from {r.directed_from} leaves none of the "
                f"{len(output.time_attention)} layers of {r.model}, "
                "which count from 0; choose an earlier one"
            )
        self.shuffles = not self.weights.keys().isdisjoint(("order", "directed", "pairs", "rank"))
        figures = {
            "top1": True,
            "fingertip_hit": "fingertip" in self.weights,
            "directed_last": self.shuffles and has_time,
        }
        self.names = (*self.weights, *(k for k, given in figures.items() if given))
        self.arrow = torch.tensor([label in directed for label in labels])
        self.orders = self._orders(output) if self.shuffles else None
        if hasattr(self.model, "time_embed"):
            with torch.no_grad():
                self.model.time_embed.copy_(
                    r.time_scale * sinusoid(*self.model.time_embed.shape[1:])
                )

    def _orders(self, output: Output) -> np.ndarray | None:
        """The orders that clips are shuffled by; None where there are too many to list, and no head
        tells them apart.
        """
        T = self.units
        if T > 9 and output.order_logits is None:
            return None
        count = (
            min(1000, factorial(T) - 1)
            if output.order_logits is None
            else output.order_logits.shape[1] - 1
        )
        return permutation_set(T, count, self.recipe.permutations)

    def start_from(self, weights: dict[str, Tensor]) -> str:
        """Begin with a still stage, with the video stage of a network that may have fewer blocks,
        or with public weights.

        Returns one line that says what was taken. Raises: BadInput for weights that do not fit.
        """
        if "side.weight" not in weights:
            report = load_public(self.model, weights)
            if not report.loaded:
                raise BadInput(
                    f"not one tensor of --init fits {self.recipe.model} {self.recipe.preset}; "
                    "give weights of the same network"
                )
            return (
                f"took {len(report.loaded)} tensors; {len(report.missing)} of the model were not "
                f"there, such as {', '.join(report.missing[:3]) or 'none'}; "
                f"{len(report.unexpected) + len(report.mismatched)} had no place"
            )
        if any(k.startswith("vit.") for k in weights):
            self._start_from_stills(weights)
            return "took the image model of a still stage"
        ours, classes = self.state_dict(), len(self.labels)
        head = [
            k
            for k, v in weights.items()
            if k in ours
            and v.ndim
            and len(ours[k]) == classes != len(v)
            and ours[k].shape[1:] == v.shape[1:]
        ]
        weights = {k: v for k, v in weights.items() if k not in head}
        wrong = [k for k, v in weights.items() if k in ours and ours[k].shape != v.shape]
        if wrong or not any(k in ours for k in weights if k.startswith("model.")):
            raise BadInput(
                f"--init holds {f'{wrong[0]} in another shape' if wrong else 'another network'} "
                f"than {self.recipe.model} {self.recipe.preset}; give weights of the same network"
            )
        self.load_state_dict(weights, strict=False)
        blocks = [int(k.split(".")[2]) for k in weights if k.startswith("model.blocks.")]
        if blocks:
            self.model.start_as_identity(1 + max(blocks))
        return "took the weights of another run's video stage" + (
            f", but for {', '.join(head)}: it knew other labels" if head else ""
        )

    @torch.no_grad()
    def _start_from_stills(self, weights: dict[str, Tensor]) -> None:
        vit, side = (
            {k.removeprefix(p): v for k, v in weights.items() if k.startswith(p)}
            for p in ("vit.", "side.")
        )
        settings = model_settings(self.recipe)
        given, needed = (
            tuple(vit["patch_embed.proj.weight"].shape),
            (settings["width"], 3, settings["patch"], settings["patch"]),
        )
        if given != needed:
            raise BadInput(
                f"--init is a still stage of width {given[0]} and patches of {given[-1]} pixels, "
                f"{self.recipe.model} "
                f"{self.recipe.preset} has {needed[0]} and {needed[-1]}; give one of the same"
            )
        self.model.load_image_model(vit)
        if not self.has_norm:  # the side head takes over the gains that have no place in the model
            side = {
                "weight": side["weight"] * vit["norm.weight"],
                "bias": side["bias"] + side["weight"] @ vit["norm.bias"],
            }
        self.side.load_state_dict(side)

    def plan(self, batch: Batch, places: np.ndarray, step: int, of: int) -> Plan:
        r = self.recipe
        clips = (
            [batch.video, batch.tip, batch.occupied]
            if "fingertip" in self.weights
            else [batch.video]
        )
        clips = [rearrange(x, "b (t u) ... -> b t u ...", u=self.unit) for x in clips]
        ordered = torch.from_numpy(places < max(1, round(r.ordered * of)))
        truth = {"label": batch.label[ordered]}
        parts = [[x[ordered] for x in clips]]
        counts: dict[str, float] = {"classify": len(truth["label"]), "top1": len(truth["label"])}
        if self.shuffles:
            chosen = torch.from_numpy(places < max(1, round(r.shuffled * of)))
            truth |= self._shuffled(places[chosen.numpy()], step, of)
            order = truth["order"]
            truth["arrow"] = self.arrow[_hard(batch.label[chosen])]
            slots = torch.arange(len(order))[:, None]
            parts.append([x[chosen][slots, order] for x in clips])
            arrows = int(truth["arrow"].sum())
            named = int((truth["target"] >= 0).sum()) if "target" in truth else 0
            counts |= {
                "order": named,
                "rank": len(order),
                "pairs": pair_weights(order, truth["arrow"]).sum().item(),
                "directed": arrows,
                "directed_last": arrows,
            }
        video, *sides = (
            torch.cat(x) for x in zip(*parts, strict=True)
        )  # ordered and shuffled clips as one batch
        if not len(video):
            raise BadInput(
                f"none of a part's {len(places)} clips is seen in order or shuffled; raise "
                "--ordered, --shuffled or --batch"
            )
        counts["alignment"] = len(video)
        if sides:  # a token that covers two frames points at the middle of both
            truth["tip"], truth["occupied"] = (x.mean(2).flatten(0, 1) for x in sides)
            counts |= _side_counts(truth["tip"], truth["occupied"])
        return Plan(video.flatten(1, 2), truth, {k: counts[k] for k in self.names})

    def _shuffled(self, places: np.ndarray, step: int, of: int) -> dict[str, Tensor]:
        """The orders that the clips at these places of the step's batch are seen in, (n, T), and
        their classes; UNNAMED has none.
        """
        rng = np.random.default_rng([self.recipe.seed, step])
        if self.orders is None:
            every = np.argsort(rng.random((of, self.units)), 1)
            return {"order": torch.from_numpy(every[places])}
        target = rng.integers(0, len(self.orders) + 1, of)
        order = np.concatenate([np.arange(self.units)[None], self.orders])[target]
        if self.recipe.any_order:
            new = rng.random(of) < self.recipe.any_order
            order[new] = np.argsort(rng.random((int(new.sum()), self.units)), 1)
            target[new] = UNNAMED
        return {
            "order": torch.from_numpy(order[places]),
            "target": torch.from_numpy(target[places]),
        }

    def _varied(self, video: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Erase a box in some clips (B, 3, T, H, W), and mix those that are seen in order, the
        first ones, with each other.

        Mixed labels are soft targets, smoothed. A process mixes clips of its own part of a batch.
        """
        chance, amounts = (self.recipe.augment.get(name) for name in ("erase", "mix"))
        if not chance and amounts is None:
            return video, label
        generator = torch.Generator().manual_seed(
            int(torch.randint(2**62, ()))
        )  # the loop seeds each pass
        if chance:
            video = random_erasing(video, generator, chance)
        if amounts is not None and (m := len(label)):
            mixed, label = mix(
                video[:m],
                label,
                len(self.labels),
                generator,
                smoothing=self.recipe.smoothing,
                **amounts,
            )
            video = torch.cat([mixed, video[m:]])
        return video, label

    def means(self, plan: Plan) -> Means:
        truth, counts, r = plan.truth, plan.counts, self.recipe
        label, m = truth["label"], len(truth["label"])
        video = self.normalised(plan.video)
        if self.training:
            video, label = self._varied(video, label)
        out = self.model(video, detail=True)
        patches = (
            out.patches
            if self.has_norm
            else layer_norm(out.patches, out.patches.shape[-1:], eps=1e-6)
        )
        given: Means = {}
        if m:
            logits = out.logits[:m].float()
            given["classify"] = cross_entropy(
                logits, label, label_smoothing=r.smoothing if label.ndim == 1 else 0.0
            )
            given["top1"] = (logits.argmax(1) == _hard(label)).float().mean()
        if "alignment" in self.weights:
            given["alignment"] = alignment_loss(out.frame_maps)
        if "fingertip" in self.weights:
            given |= _side_means(self.side(patches).float().flatten(0, 1), plan)
        if self.shuffles and len(order := truth["order"]):
            arrow, shuffled = truth["arrow"], [a[m:] for a in out.time_attention]
            if "order" in self.weights and counts["order"]:
                given["order"] = cross_entropy(
                    out.order_logits[m:].float(), truth["target"], ignore_index=UNNAMED
                )
            if "pairs" in self.weights:
                given["pairs"] = pair_loss(shuffled[-1], order, arrow)
            if "rank" in self.weights:
                given["rank"] = rank_loss(self.rank(patches[m:].mean((2, 3))), order, arrow)
            if shuffled and counts["directed_last"]:
                # Where a clip's reverse is another stroke, L_self asks for what nobody can know.
                known = [a[arrow] for a in shuffled]
                given["directed"] = self_loss(
                    known[r.directed_from :], order[arrow], r.symmetric, r.diagonal
                )
                given["directed_last"] = self_loss(known[-1:], order[arrow], diagonal=False)
        return {k: v for k, v in given.items() if k in self.names}


def freeze(model: nn.Module, blocks: int) -> None:
    """Keep the embeddings and the first blocks as they are: later blocks then train half as fast
    again. 0 blocks keep nothing.

    Raises: BadInput for a model that has no blocks of its own.
    """
    if not blocks:
        return
    if not hasattr(model, "blocks"):
        raise BadInput(
            f"{type(model).__name__} has no blocks of its own to freeze; leave --frozen at 0"
        )
    for part in [model.patch_embed, *model.blocks[:blocks]]:
        part.requires_grad_(False)
    for name, parameter in model.named_parameters(recurse=False):
        if name in ("cls_token", "pos_embed", "time_embed"):
            parameter.requires_grad_(False)


def model_settings(recipe: Recipe, **over: Any) -> dict[str, Any]:
    """Every setting of the recipe's model: its defaults, the preset's, the recipe's, `over`.
    Raises: BadInput as `build`.
    """
    return settings_of(recipe.model, recipe.preset, **recipe.settings | over)


def sinusoid(steps: int, width: int) -> Tensor:
    """sin and cos of the step at geometrically spaced rates, (1, steps, width), -1..1."""
    rates = torch.pi / steps * 2 ** torch.linspace(0, 3, width // 2)
    phase = torch.arange(steps)[:, None] * rates
    return torch.cat([phase.sin(), phase.cos()], 1)[None]


def _hard(label: Tensor) -> Tensor:
    """The most probable class of each clip, from classes (B,) or from soft targets (B, C)."""
    return label if label.ndim == 1 else label.argmax(1)


def _side_counts(tip: Tensor, occupied: Tensor) -> dict[str, float]:
    tips = int(inside(tip, *occupied.shape[1:]).sum())
    return {"fingertip": tips, "fingertip_hit": tips, "hand": len(occupied)}


def _side_means(predicted: Tensor, plan: Plan) -> Means:
    """Losses of the dense side task, and the share of tips whose patch got the highest score;
    predicted is (F, h, w, 4).
    """
    h, w = predicted.shape[1:3]
    means = {"hand": hand_loss(predicted, plan.truth["occupied"])}
    if plan.counts["fingertip_hit"]:
        seen = inside(plan.truth["tip"], h, w)
        predicted, tip = predicted[seen], plan.truth["tip"][seen]
        cell = tip.long()
        guess = predicted[..., 0].flatten(1).argmax(1)
        means["fingertip"] = fingertip_loss(predicted, tip)
        means["fingertip_hit"] = (guess == cell[:, 1] * w + cell[:, 0]).float().mean()
    return means

"""The video stage: the model to train, on clips in order and on shuffled ones."""

from __future__ import annotations

from collections.abc import Mapping
from math import factorial

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from core.errors import BadInput
from core.models import VideoModel, build, spec
from core.models.blocks import depth_of
from core.models.video_model import Output
from core.order.permutations import permutation_set
from core.weights.public import PublicLayout, layout_of, load_public, unwrapped
from training.augment import mix, random_erasing
from training.data import Batch
from training.recipes import Recipe
from training.stages.losses import (
    MEASURES,
    UNNAMED,
    Means,
    Offer,
    Pass,
    Truth,
    most_probable,
    names_of,
    shuffles,
    weights_of,
)
from training.stages.masked import Filling, hidden_places
from training.stages.stage import Plan, Stage, model_settings
from training.stages.start import (
    FromImage,
    FromPublic,
    FromStills,
    FromVideo,
    Kind,
    Taken,
    kind_of,
)

IMAGE_PARTS = tuple(
    f"{layer}.{part}"
    for layer in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    for part in ("weight", "bias")
)
"""The tensors of a block of an image model."""
_EMBEDDINGS = ("patch_embed", "cls_token", "pos_embed", "time_embed")


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
        self.labels, self.unit = labels, spec(recipe.model).unit_frames
        settings = recipe.settings | {"classes": len(labels)}
        self.model: VideoModel = build(recipe.model, recipe.preset, **settings)
        output = self._first_output()
        assert output.patches is not None
        width, self.units = output.patches.shape[-1], output.patches.shape[1]
        self.side = nn.Linear(width, 4)
        self.rank = nn.Linear(width, self.units)
        # after its last block
        norms = {"norm.weight", "vit.norm.weight"}
        self.has_norm = not norms.isdisjoint(self.model.state_dict())
        offer = Offer(output, fingertips)
        self.weights = self._weights(offer)
        self.names = names_of(self.weights, offer)
        h, w = output.patches.shape[2:4]
        self.grid = (h, w)
        self.filling: Filling | None = None
        if "masked" in self.weights:
            side = model_settings(recipe)["size"] // self.grid[0]
            self.filling = Filling(width, self.unit, side)
        self.shuffles = shuffles(self.weights)
        self.arrow = torch.tensor([label in directed for label in labels])
        self.orders = self._orders(output) if self.shuffles else None
        self._start_time()

    @torch.no_grad()
    def _first_output(self) -> Output:
        """What the model returns, of a black clip."""
        settings = model_settings(self.recipe, classes=len(self.labels))
        frames, size = settings["frames"], settings["size"]
        return self.model(torch.zeros(1, 3, frames, size, size), detail=True)

    def _weights(self, offer: Offer) -> dict[str, float]:
        r, weights = self.recipe, weights_of(self.recipe, offer)
        if not weights:
            raise BadInput(
                f"no loss with a weight applies to {r.model}; set for example --classify 1"
            )
        layers = len(offer.output.time_attention)
        if "directed" in weights and r.directed_from >= layers:
            raise BadInput(
                f"--directed-from {r.directed_from} leaves none of the "
                f"{layers} layers of {r.model}, "
                "which count from 0; choose an earlier one"
            )
        return weights

    def _orders(self, output: Output) -> np.ndarray | None:
        """The orders that clips are shuffled by.

        None where there are too many to list, and no head tells them apart.
        """
        T = self.units
        if output.order_logits is not None:
            return permutation_set(T, output.order_logits.shape[1] - 1, self.recipe.permutations)
        if T > 9:
            return None
        return permutation_set(T, min(1000, factorial(T) - 1), self.recipe.permutations)

    @torch.no_grad()
    def _start_time(self) -> None:
        """A time embedding starts as a sinusoid, where the model has one."""
        table = getattr(self.model, "time_embed", None)
        if isinstance(table, Tensor):
            table.copy_(self.recipe.time_scale * sinusoid(*table.shape[1:]))

    def start_from(self, weights: dict[str, Tensor]) -> Taken:
        """Begin with a still stage, with the video stage of a run, or with public weights.

        The network of another run may have fewer blocks.

        Raises: BadInput for weights that do not fit.
        """
        kind = kind_of(weights)
        if kind is Kind.STILLS:
            return self._start_from_stills(weights)
        if kind is Kind.VIDEO:
            return self._start_from_video(weights)
        return self._start_from_public(weights)

    def _start_from_public(self, weights: dict[str, Tensor]) -> FromPublic | FromImage:
        state = unwrapped(weights)
        layout = layout_of(state)
        if layout is not None and layout.is_image:
            return self._start_from_image(state, layout)
        report = load_public(self.model, weights)
        if not report.loaded:
            raise BadInput(
                f"not one tensor of --init fits {self.recipe.model} {self.recipe.preset}; "
                "give weights of the same network"
            )
        return FromPublic(report)

    def _start_from_image(self, state: dict[str, Tensor], layout: PublicLayout) -> FromImage:
        """Begin with an image model. Its classes are others, so its head is left out."""
        where = getattr(self.model, "vit", self.model)
        vit = layout.convert(state, where)
        vit = {name: value for name, value in vit.items() if not name.startswith("head.")}
        self._check_image(vit, f"an image model ({layout.name})")
        ours = where.state_dict()
        unplaced = [name for name in vit if not _has_place(name, ours)]
        inside = [name for name in unplaced if name.startswith(("blocks.", "norm_pre."))]
        depth = depth_of(vit)
        needed = [f"blocks.{i}.{part}" for i in range(depth) for part in IMAGE_PARTS]
        lacking = [name for name in needed if name not in vit]
        if inside or lacking:
            wrong = f"has no place for its {inside[0]}" if inside else f"needs its {lacking[0]}"
            raise BadInput(
                f"--init is an image model ({layout.name}) and {self.recipe.model} "
                f"{self.recipe.preset} {wrong}: it would start from another network than was "
                "trained; give a plain ViT of no more blocks, such as vit_base_patch16_224"
            )
        self.model.load_image_model(vit)
        copies = any(".temporal_attn." in name for name in ours)
        return FromImage(layout.name, depth, copies, tuple(unplaced))

    def _start_from_video(self, weights: dict[str, Tensor]) -> FromVideo:
        ours = self.state_dict()
        heads = tuple(
            name
            for name, value in weights.items()
            if name in ours and self._tells_other_labels(value, ours[name])
        )
        weights = {name: value for name, value in weights.items() if name not in heads}
        wrong = [
            name
            for name, value in weights.items()
            if name in ours and ours[name].shape != value.shape
        ]
        shared = [name for name in weights if name.startswith("model.") and name in ours]
        if wrong or not shared:
            given = f"{wrong[0]} in another shape" if wrong else "another network"
            raise BadInput(
                f"--init holds {given} "
                f"than {self.recipe.model} {self.recipe.preset}; give weights of the same network"
            )
        self.load_state_dict(weights, strict=False)
        blocks = [int(name.split(".")[2]) for name in weights if name.startswith("model.blocks.")]
        if blocks:
            self.model.start_as_identity(1 + max(blocks))
        return FromVideo(heads)

    def _tells_other_labels(self, theirs: Tensor, ours: Tensor) -> bool:
        """Whether a tensor is that of a head but for its number of classes."""
        if not theirs.ndim or len(ours) != len(self.labels) or len(theirs) == len(ours):
            return False
        return ours.shape[1:] == theirs.shape[1:]

    @torch.no_grad()
    def _start_from_stills(self, weights: dict[str, Tensor]) -> FromStills:
        vit, side = _under("vit.", weights), _under("side.", weights)
        self._check_image(vit, "a still stage")
        self.model.load_image_model(vit)
        if not self.has_norm:  # the side head takes over the gains that have no place in the model
            side = {
                "weight": side["weight"] * vit["norm.weight"],
                "bias": side["bias"] + side["weight"] @ vit["norm.bias"],
            }
        self.side.load_state_dict(side)
        return FromStills()

    def _check_image(self, vit: Mapping[str, Tensor], what: str) -> None:
        """Raises: BadInput if an image model's patches or width are not those of the model."""
        settings = model_settings(self.recipe)
        given = tuple(vit["patch_embed.proj.weight"].shape)
        side = settings["patch"]
        if settings.get("backbone") == "hiera":  # whose patches overlap
            side = 2 * side - 1
        needed = (settings["width"], 3, side, side)
        if given != needed:
            raise BadInput(
                f"--init is {what} of width {given[0]} and patches of {given[-1]} pixels, "
                f"{self.recipe.model} "
                f"{self.recipe.preset} has {needed[0]} and {needed[-1]}; give one of the same"
            )

    def plan(self, batch: Batch, places: np.ndarray, step: int, total: int) -> Plan:
        r = self.recipe
        ordered = torch.from_numpy(places < max(1, round(r.ordered * total)))
        shuffled = torch.zeros_like(ordered)
        truth = {"label": batch.label[ordered]}
        if self.shuffles:
            shuffled = torch.from_numpy(places < max(1, round(r.shuffled * total)))
            truth |= self._shuffled(places[shuffled.numpy()], step, total)
            truth["arrow"] = self.arrow[most_probable(batch.label[shuffled])]
        order = truth.get("order")
        video = self._arranged(batch.video, ordered, shuffled, order)
        if not len(video):
            raise BadInput(
                f"none of a part's {len(places)} clips is seen in order or shuffled; raise "
                "--ordered, --shuffled or --batch"
            )
        if not {"fingertip", "hand_flow"}.isdisjoint(self.weights):
            assert batch.tip is not None and batch.occupied is not None, "its clips are rendered"
            for name, side in (("tip", batch.tip), ("occupied", batch.occupied)):
                # a token that covers two frames points at the middle of both
                units = self._arranged(side, ordered, shuffled, order).mean(2)
                truth[name] = units.flatten(0, 1)
        if self.filling is not None:
            rng = np.random.default_rng([r.seed, step, 1])
            hidden = torch.from_numpy(hidden_places(rng, total, *self.grid, r.hidden)[places])
            truth["hidden"] = torch.cat([hidden[ordered], hidden[shuffled]])
        counts = {name: MEASURES[name].count(truth) for name in self.names}
        return Plan(video.flatten(1, 2), truth, counts)

    def _arranged(
        self, frames: Tensor, ordered: Tensor, shuffled: Tensor, order: Tensor | None
    ) -> Tensor:
        """Clips in order and shuffled ones as one batch.

        Args:
            frames: of every clip, (b, T, ...).
            ordered, shuffled: which clips are seen so, (b,) bool.
            order: of the shuffled ones, (n, units).

        Returns: (m + n, units, frames of a unit, ...).
        """
        units = rearrange(frames, "b (t u) ... -> b t u ...", u=self.unit)
        if order is None:
            return units[ordered]
        clips = torch.arange(len(order))[:, None]
        return torch.cat([units[ordered], units[shuffled][clips, order]])

    def _shuffled(self, places: np.ndarray, step: int, total: int) -> Truth:
        """The orders that the clips at these places of the step's batch are seen in.

        Returns: `order` (n, units), and `target`, their classes, where the orders are listed;
        UNNAMED has none.
        """
        rng = np.random.default_rng([self.recipe.seed, step])
        if self.orders is None:
            order = np.argsort(rng.random((total, self.units)), 1)
            return {"order": torch.from_numpy(order[places])}
        target = rng.integers(0, len(self.orders) + 1, total)
        order = np.concatenate([np.arange(self.units)[None], self.orders])[target]
        if self.recipe.any_order:
            is_new = rng.random(total) < self.recipe.any_order
            order[is_new] = np.argsort(rng.random((int(is_new.sum()), self.units)), 1)
            target[is_new] = UNNAMED
        return {
            "order": torch.from_numpy(order[places]),
            "target": torch.from_numpy(target[places]),
        }

    def _varied(self, video: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Erase boxes, and mix the clips that are seen in order, the first ones, with each other.

        Mixed labels are soft targets, smoothed. A process mixes clips of its own part of a batch.

        Args:
            video: (B, 3, T, H, W).
            label: of the first clips.
        """
        chance, amounts = (self.recipe.augment.get(name) for name in ("erase", "mix"))
        if not chance and amounts is None:
            return video, label
        seed = int(torch.randint(2**62, ()))  # the loop seeds each pass
        generator = torch.Generator().manual_seed(seed)
        if chance:
            video = random_erasing(video, generator, chance)
        m = len(label)
        if amounts is not None and m:
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
        video, label = self.normalised(plan.video), plan.truth["label"]
        if self.training:
            video, label = self._varied(video, label)
        hidden = plan.truth.get("hidden")
        shown = video
        if self.filling is not None and hidden is not None:
            shown = self.filling.grey(video, hidden)
        output: Output = self.model(shown, detail=True)
        patches = output.patches
        assert patches is not None
        if not self.has_norm:
            patches = layer_norm(patches, patches.shape[-1:], eps=1e-6)
        drawn = None
        if self.filling is not None and hidden is not None:
            drawn = self.filling.drawn(patches, video, hidden)
        seen = Pass(self.recipe, plan.truth, label, output, patches, self.side, self.rank, drawn)
        return {name: MEASURES[name].mean(seen) for name in self.names if plan.counts[name]}


def _under(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _has_place(name: str, ours: Mapping[str, Tensor]) -> bool:
    """Whether a model takes an image model's tensor; FAR takes a bias without that of the keys."""
    return name in ours or name.replace("attn.qkv.bias", "attn.q_bias") in ours


def freeze(model: VideoModel, blocks: int) -> None:
    """Keep the embeddings and the first blocks as they are; 0 blocks keep nothing.

    Later blocks then train half as fast again.

    Raises: BadInput for a model that has no blocks of its own.
    """
    if not blocks:
        return
    if not len(model.trunk):
        raise BadInput(
            f"{type(model).__name__} has no blocks of its own to freeze; leave --frozen at 0"
        )
    for block in model.trunk[:blocks]:
        block.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.partition(".")[0] in _EMBEDDINGS:
            parameter.requires_grad_(False)


def sinusoid(steps: int, width: int) -> Tensor:
    """sin and cos of the step at geometrically spaced rates, (1, steps, width), -1..1."""
    rates = torch.pi / steps * 2 ** torch.linspace(0, 3, width // 2)
    phase = torch.arange(steps)[:, None] * rates
    return torch.cat([phase.sin(), phase.cos()], 1)[None]

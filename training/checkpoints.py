"""The weights that a run starts from and those it leaves, with what they were trained on.

A file's history is the list of the stages that trained it, each a recipe as
`training.folder.described`. Weights that are not this project's, or whose card lists no stages,
have one entry that says what is known of them.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from core.errors import BadInput
from core.models.blocks import Kind as Kernel
from core.runs import is_number, write_atomically
from core.weights import Card, save_checkpoint
from core.weights.card_check import read_card
from core.weights.tensors import Stored, read_stored
from training.recipes import Recipe, recipes
from training.recipes.flags import words_of
from training.stages import Kind, kind_of, model_settings

History = list[dict[str, Any]]
RENDERED = "rendered gesture clips (core.world)"


def read_weights(file: Path) -> tuple[dict[str, Any], History]:
    """The tensors of a safetensors or torch file, and the stages that trained them.

    Raises: BadInput if it cannot be read.
    """
    if not file.exists():
        raise BadInput(
            f"{file} does not exist; --init takes a run's stills.safetensors or "
            "video.safetensors, or a public checkpoint"
        )
    stored = read_stored(file)
    return stored.values, _history(file, stored)


def _history(file: Path, stored: Stored) -> History:
    """The stages that trained a file's weights, or one entry that says what is known of them.

    Raises: BadInput for a history or a card that is damaged.
    """
    if "history" in stored.notes:
        return _stages(file, stored.notes["history"])
    if kind_of(name for name in stored.values if isinstance(name, str)) is Kind.STILLS:
        return []  # a still stage: the recipe that starts from it says so
    foreign = {"name": f"weights of {file.name}", "trained_on": f"whatever trained {file.name}"}
    if "card" not in stored.notes:
        return [foreign | {"license": ""}]
    card = read_card(file.name, stored.notes["card"])
    foreign |= {"trained_on": card.trained_on or foreign["trained_on"]}
    if "taught" in card.recipe:  # the order of a real video's frames, whose licence nobody knows
        return [foreign | {"license": ""}]
    return card.recipe.get("stages") or [foreign | {"license": card.license}]


def space_before(history: History, recipe: Recipe) -> Kernel | None:
    """The kernel over space that weights were trained with, where the recipe's is another one.

    None where there is one kernel only, or nobody knows: of weights that are not this project's,
    and of a still stage, the kernel is changed without a word, as the papers do.
    """
    last = history[-1] if history else {}
    model, preset = last.get("model"), last.get("preset", "gesture")
    settings = last.get("settings", {})
    if not (isinstance(model, str) and isinstance(preset, str) and isinstance(settings, dict)):
        return None
    try:
        before: Kernel | None = model_settings(Recipe(model, preset, settings)).get("space")
    except BadInput:  # a network that this version does not have
        return None
    return before if before != model_settings(recipe).get("space") else None


def _stages(file: Path, text: str) -> History:
    """Raises: BadInput for what is no list of stages."""
    try:
        stages = json.loads(text)
        are_whole = all(_is_stage(stage) for stage in stages)
    except (RecursionError, TypeError, ValueError):
        are_whole = False
    if not are_whole:
        raise BadInput(
            f"{file} says of its training what cannot be read; give the file as the run wrote it"
        )
    return stages


def _is_stage(stage: Any) -> bool:
    """Whether an entry of a history says what was trained on: in words, or how many clips."""
    if not isinstance(stage, dict) or not isinstance(stage.get("name"), str):
        return False
    return isinstance(stage.get("trained_on"), str) or is_number(stage.get("clips"))


def trained_on(history: History) -> tuple[str, str]:
    """What the stages saw, in words, and the licence of weights made so.

    It is Apache-2.0 of rendered clips alone, else that of the start.
    """
    clips_of: dict[str, int] = {}
    is_rendered = True
    foreign = dict.fromkeys(stage["trained_on"] for stage in history if "trained_on" in stage)
    for stage in history:
        if "trained_on" in stage:
            is_rendered = False
            continue
        data = _data(stage)
        is_rendered = is_rendered and data == RENDERED
        clips_of[data] = clips_of.get(data, 0) + stage["clips"]
    own = ", ".join(f"{clips:,} {data}" for data, clips in clips_of.items())
    words = ", then ".join([*foreign, own])
    if is_rendered:
        return f"{words}, no real video", "Apache-2.0"
    licences = dict.fromkeys(stage["license"] for stage in history if stage.get("license"))
    return words, " and ".join(licences)


def _data(stage: dict[str, Any]) -> str:
    """What clips a stage saw, in words."""
    data = stage.get("data", "gestures")  # the first recipes knew no other
    if data == "gestures":
        return RENDERED
    if data == "folder":
        return f"clips of the folder {stage.get('root', '')}"
    return f"clips of {data}"


def with_commands(history: History) -> History:
    """The stages, each with the command that repeats it.

    It names the recipe of today, and as flags what differed from it. A start is named by its file
    alone, and what was done by hand (`after`) stands beside. A stage without a recipe of this name
    has no command.
    """
    stages = []
    for stage in history:
        command = _command(stage)
        stages.append(stage | {"command": command} if command else stage)
    return stages


def _command(stage: dict[str, Any]) -> str:
    """The command that repeats a stage; empty for none."""
    base = recipes().get(stage["name"])
    if base is None:
        return ""
    settings = stage.get("settings", {})
    if "preset_depth" in stage:
        settings = settings | {"depth": stage["preset_depth"]}
    try:
        asked = Recipe.read(stage | {"model": base.model, "settings": settings})
    except (BadInput, TypeError):  # of a file that is not from here
        return ""
    command = ["python", "-m", "training", "fit", stage["name"]]
    return shlex.join([*command, *words_of(asked, base), "--out", "RUN"])


def export(
    weights: dict[str, Tensor],
    recipe: Recipe,
    labels: tuple[str, ...],
    history: History,
    path: Path,
) -> None:
    """Write a video stage's weights as a half-precision checkpoint with its card."""
    settings = model_settings(recipe)
    words, licence = trained_on(history)
    card = Card(
        model=recipe.model,
        preset=recipe.preset,
        labels=labels,
        mean=recipe.mean,
        std=recipe.std,
        size=settings["size"],
        frames=settings["frames"],
        sampling=recipe.sampling,
        crop=recipe.crop,
        trained_on=words,
        settings={key: value for key, value in recipe.settings.items() if key != "classes"},
        recipe={"stages": with_commands(history)},
        license=licence,
    )
    if recipe.sampling == "dense":
        card = replace(card, stride=recipe.stride)
    tensors = {
        name.removeprefix("model."): weight
        for name, weight in weights.items()
        if name.startswith("model.")
    }
    write_atomically(path, lambda temporary: save_checkpoint(temporary, tensors, card))

"""What a checkpoint's card says of the weights that it was made from."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import BadInput
from core.weights import load_checkpoint, save_checkpoint
from tests.training.tiny import RECIPE
from training.__main__ import main
from training.checkpoints import read_weights, trained_on, with_commands
from training.fit import fit
from training.folder import described
from training.recipes import Recipe, recipe

pytestmark = pytest.mark.usefixtures("tiny")
SHORT = replace(RECIPE, stills_clips=0, clips=4)


def test_rendered_stages_add_up_and_a_real_folder_is_named() -> None:
    stages = [{"clips": 2_000}, {"clips": 500, "data": "gestures"}]
    assert trained_on(stages) == (
        "2,500 rendered gesture clips (core.world), no real video",
        "Apache-2.0",
    )
    mixed = [
        *stages,
        {"clips": 30, "data": "folder", "root": "mine"},
        {"clips": 7, "data": "jester"},
    ]
    assert trained_on(mixed) == (
        "2,500 rendered gesture clips (core.world), 30 clips of the folder mine, 7 clips of jester",
        "",
    )


def test_weights_made_of_real_video_never_become_weights_made_of_rendered_clips(
    whole: Path, tmp_path: Path
) -> None:
    model = load_checkpoint(whole / "model.safetensors")
    card = model.card
    public = replace(card, trained_on="Kinetics-400", license="CC-BY-NC-4.0", recipe={})
    save_checkpoint(tmp_path / "public.safetensors", model.net.state_dict(), public)
    made = load_checkpoint(
        fit(replace(SHORT, init=str(tmp_path / "public.safetensors")), "tiny", tmp_path / "run")
    ).card
    assert (
        made.trained_on == "Kinetics-400, then 4 rendered gesture clips (core.world)"
        and made.license == "CC-BY-NC-4.0"
    )
    again = load_checkpoint(
        fit(
            replace(SHORT, init=str(tmp_path / "run" / "video.safetensors")),
            "tiny",
            tmp_path / "again",
        )
    ).card
    assert (
        again.trained_on == "Kinetics-400, then 8 rendered gesture clips (core.world)"
        and again.license == "CC-BY-NC-4.0"
    )


def test_weights_that_were_taught_a_real_clip_say_so_for_ever(whole: Path, tmp_path: Path) -> None:
    model = load_checkpoint(whole / "model.safetensors")
    card = model.card
    taught = replace(
        card,
        trained_on=f"{card.trained_on}; then taught the order of holiday.mp4",
        recipe=card.recipe | {"taught": {}},
    )
    save_checkpoint(tmp_path / "taught.safetensors", model.net.state_dict(), taught)
    made = load_checkpoint(
        fit(replace(SHORT, init=str(tmp_path / "taught.safetensors")), "tiny", tmp_path / "run")
    ).card
    assert (
        "taught the order of holiday.mp4, then 4 rendered" in made.trained_on
        and not made.trained_on.endswith("no real video")
    )
    assert made.license == ""


def test_weights_that_say_nothing_of_themselves_are_named(whole: Path, tmp_path: Path) -> None:
    torch.save(
        {k: v.float() for k, v in load_file(whole / "model.safetensors").items()},
        tmp_path / "theirs.pth",
    )
    made = load_checkpoint(
        fit(replace(SHORT, init=str(tmp_path / "theirs.pth")), "tiny", tmp_path / "run")
    ).card
    assert (
        made.trained_on == "whatever trained theirs.pth, then 4 rendered gesture clips (core.world)"
        and made.license == ""
    )


def test_a_finished_model_hands_on_its_stages(whole: Path, tmp_path: Path) -> None:
    made = load_checkpoint(
        fit(replace(SHORT, init=str(whole / "model.safetensors")), "tiny", tmp_path / "run")
    ).card
    assert (
        made.trained_on == "22 rendered gesture clips (core.world), no real video"
        and made.license == "Apache-2.0"
    )
    assert len(made.recipe["stages"]) == 2


def test_each_stage_has_the_command_that_makes_its_recipe_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = recipe("direcformer_gesture")
    asked = replace(
        base,
        clips=48,
        lr=2e-4,
        mean=(0.4, 0.5, 0.5),
        diagonal=True,
        emphasis="star=3,circle=2",
        settings={"depth": 2, "time": "two words"},
        augment={"mirror": 0.5},
    )
    older = {
        k: v
        for k, v in described("direcformer_gesture", base).items()
        if k not in ("pairs", "mean")
    }
    undone = with_commands(
        [
            described(
                "am_flow_ssv2", replace(recipe("am_flow_ssv2"), settings={"temporal_module": "tcn"})
            )
        ]
    )
    assert undone[0]["command"] == "python -m training fit am_flow_ssv2 --set frames=8 --out RUN"
    assert "--set depth=5" in with_commands([older | {"preset_depth": 5}])[0]["command"]
    stages = with_commands(
        [
            described("direcformer_gesture", asked),
            {"name": "of long ago", "clips": 3},
            older | {"after": "by hand"},
        ]
    )
    assert "command" not in stages[1]
    assert (
        stages[2]["command"] == "python -m training fit direcformer_gesture --pairs 0.0 --out RUN"
    ), "there was no such loss then"
    made: list[Recipe] = []
    monkeypatch.setattr("training.fit.fit", lambda recipe, name, out: made.append(recipe) or out)
    command = shlex.split(stages[0]["command"].removeprefix("python -m training "))
    assert main([*command[:-1], str(tmp_path / "run")]) == 0
    assert made == [asked]


@pytest.mark.parametrize("content", [torch.zeros(2), [torch.zeros(2)]])
def test_a_file_without_named_tensors_is_no_start(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "list.pth")
    with pytest.raises(BadInput, match=r"list.pth holds a (Tensor|list), not tensors by name"):
        read_weights(tmp_path / "list.pth")

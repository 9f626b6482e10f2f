"""The card of a public checkpoint, from config files and from shapes alone.

Also the traps of spec 6.
"""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from core.errors import BadInput
from core.weights import Card
from core.weights.card import UNCALIBRATED
from core.weights.public_card import public_card

HUB_TIMESFORMER = {
    "model_type": "timesformer",
    "image_size": 224,
    "patch_size": 16,
    "num_frames": 8,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "layer_norm_eps": 1e-6,
    "attention_type": "divided_space_time",
    "hidden_act": "gelu",
}
HUB_VIDEOMAE = {
    "model_type": "videomae",
    "image_size": 224,
    "patch_size": 16,
    "num_frames": 16,
    "tubelet_size": 2,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "layer_norm_eps": 1e-12,
    "use_mean_pooling": True,
}


def timesformer(
    classes: int = 400,
    *,
    width: int = 768,
    depth: int = 12,
    patch: int = 16,
    side: int = 14,
    frames: int = 8,
    prefix: str = "model.",
) -> dict[str, Tensor]:
    """The tensors that tell the sizes, under the authors' names, without memory."""
    with torch.device("meta"):
        state = {
            "patch_embed.proj.weight": torch.empty(width, 3, patch, patch),
            "pos_embed": torch.empty(1, side * side + 1, width),
            "time_embed": torch.empty(1, frames, width),
            "head.weight": torch.empty(classes, width),
        }
        state |= {
            f"blocks.{i}.temporal_attn.qkv.weight": torch.empty(3 * width, width)
            for i in range(depth)
        }
    return {prefix + key: value for key, value in state.items()}


def videomae(
    classes: int = 400, *, width: int = 768, depth: int = 12, tube: int = 2, hub: bool = True
) -> dict[str, Tensor]:
    with torch.device("meta"):
        conv, head = torch.empty(width, 3, tube, 16, 16), torch.empty(classes, width)
        norms = {i: torch.empty(width) for i in range(depth)}
    if hub:
        return {
            "videomae.embeddings.patch_embeddings.projection.weight": conv,
            "classifier.weight": head,
        } | {
            f"videomae.encoder.layer.{i}.layernorm_before.weight": norm for i, norm in norms.items()
        }
    return {"patch_embed.proj.weight": conv, "head.weight": head} | {
        f"blocks.{i}.norm1.weight": norm for i, norm in norms.items()
    }


def card(
    state: dict[str, Tensor],
    config: dict | None = None,
    preprocessor: dict | None = None,
    **known: str,
) -> Card:
    return public_card("it", state, config or {}, preprocessor or {}, **known)


def refused(
    state: dict[str, Tensor], config: dict | None, *words: str, preprocessor: dict | None = None
) -> None:
    with pytest.raises(BadInput) as error:
        card(state, config, preprocessor)
    assert "\n" not in str(error.value) and str(error.value).startswith("it")
    for word in words:
        assert re.search(word, str(error.value)), str(error.value)


@pytest.mark.parametrize("config", [HUB_TIMESFORMER, {}], ids=["config.json", "shapes alone"])
def test_timesformer_is_built_as_its_files_say(config: dict) -> None:
    found = card(timesformer(), config)
    assert (found.model, found.preset) == ("timesformer", "b")
    assert found.settings == {
        "size": 224,
        "patch": 16,
        "frames": 8,
        "width": 768,
        "depth": 12,
        "heads": 12,
    }
    assert found.mean == (0.45, 0.45, 0.45) and found.std == (0.225, 0.225, 0.225)
    assert (found.sampling, found.stride, found.frames, found.size, found.crop) == (
        "dense",
        32,
        8,
        224,
        "centre",
    )
    assert found.norm_eps == 1e-6 and found.direction_threshold > 1e6, (
        "a direction that was never calibrated is not called known"
    )


@pytest.mark.parametrize(("frames", "side", "stride"), [(8, 14, 32), (16, 28, 16), (96, 14, 4)])
def test_timesformer_samples_as_its_variants_were_trained(
    frames: int, side: int, stride: int
) -> None:
    found = card(timesformer(frames=frames, side=side))
    assert (found.frames, found.stride, found.size) == (frames, stride, 16 * side)


@pytest.mark.parametrize("hub", [True, False])
def test_videomae_takes_sixteen_frames_four_apart(hub: bool) -> None:
    found = card(videomae(hub=hub), HUB_VIDEOMAE if hub else {})
    assert (found.model, found.preset, found.frames, found.sampling, found.stride) == (
        "videomae",
        "b",
        16,
        "dense",
        4,
    )
    assert found.mean == (0.485, 0.456, 0.406) and found.std == (0.229, 0.224, 0.225)
    assert found.norm_eps == (1e-12 if hub else 1e-6)


def test_something_something_is_sampled_in_segments() -> None:
    assert (
        card(timesformer(174)).sampling == card(videomae(174), HUB_VIDEOMAE).sampling == "uniform"
    )


def test_videomae_small_has_six_heads_whatever_its_config_says() -> None:
    small = HUB_VIDEOMAE | {"hidden_size": 384, "num_attention_heads": 16}
    for config in (small, {}):
        found = card(videomae(width=384), config)
        assert found.settings["heads"] == 6 and found.preset == "s"
    assert (
        card(
            timesformer(width=384),
            HUB_TIMESFORMER | {"hidden_size": 384, "num_attention_heads": 16},
        ).settings["heads"]
        == 16
    )


def test_mvd_is_told_by_a_config_because_its_tensors_cannot() -> None:
    assert card(videomae(hub=False), {"positions": "mvd"}).settings["positions"] == "mvd"
    assert (
        "positions" not in card(videomae(hub=False)).settings
        and "positions" not in card(timesformer(), {"positions": "mvd"}).settings
    )


def test_colours_and_labels_come_from_the_hubs_files() -> None:
    names = {str(i): f"action {i}" for i in range(5)}
    found = card(
        timesformer(5),
        HUB_TIMESFORMER | {"id2label": names},
        {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]},
    )
    assert found.mean == (0.1, 0.2, 0.3) and found.std == (0.4, 0.5, 0.6)
    assert found.labels == tuple(names.values()) and found.trained_on == "unknown data, 5 classes"
    assert found.sampling == "uniform", "nothing is known of how other data was sampled"


@pytest.mark.parametrize(
    "names",
    [None, {str(i): f"LABEL_{i}" for i in range(400)}, {"0": "one", "1": "two"}, {"a": 1}, "odd"],
)
def test_classes_without_names_are_numbered_and_the_card_says_so(names: object) -> None:
    found = card(timesformer(), HUB_TIMESFORMER | ({} if names is None else {"id2label": names}))
    assert found.labels == tuple(f"class {i}" for i in range(400))
    assert (
        found.trained_on
        == "Kinetics-400 (told by its 400 classes); the checkpoint does not name its classes"
    )


def test_what_is_known_of_a_checkpoint_goes_before_what_is_guessed() -> None:
    found = card(timesformer(7), data="Kinetics-400", license="MIT")
    assert (
        found.trained_on.startswith("Kinetics-400;")
        and found.license == "MIT"
        and found.sampling == "dense"
    )
    assert card(timesformer()).license == "unknown (the authors' own weights: CC-BY-NC-4.0)"


def test_a_checkpoint_without_a_head_is_refused() -> None:
    for state in (timesformer(), videomae(), videomae(hub=False)):
        bare = {k: v for k, v in state.items() if "head" not in k and "classifier" not in k}
        refused(bare, None, "no classification head", "fine-tuned")
        refused(bare | {"decoder.head.weight": torch.empty(4, 768)}, None, "no classification head")


def test_other_networks_are_refused_by_name() -> None:
    refused({"a": torch.zeros(3)}, None, "no model card", "no known layout")
    refused(timesformer(), {"model_type": "vivit"}, "a vivit checkpoint")
    refused(timesformer(), HUB_VIDEOMAE, "config.json says videomae", "timesformer")
    refused(
        {k: v for k, v in timesformer().items() if "temporal" not in k},
        HUB_TIMESFORMER | {"attention_type": "joint_space_time"},
        "attention_type 'joint_space_time'",
    )
    refused(videomae(), HUB_VIDEOMAE | {"use_mean_pooling": False}, "use_mean_pooling False")
    refused(videomae(), HUB_VIDEOMAE | {"hidden_act": "gelu_new"}, "hidden_act 'gelu_new'")
    refused(videomae(), HUB_VIDEOMAE | {"tubelet_size": 4}, "tubelet_size 4")
    refused(videomae(tube=4), None, "tubes of 4 frames")


def test_a_config_that_contradicts_the_tensors_is_refused() -> None:
    refused(timesformer(depth=11), HUB_TIMESFORMER, "depth should be 12", "have 11")
    refused(timesformer(depth=11), None, "depth should be 12", "have 11")
    refused(
        timesformer(depth=12), HUB_TIMESFORMER | {"num_hidden_layers": 11}, "depth should be 11"
    )
    refused(timesformer(), HUB_TIMESFORMER | {"hidden_size": 384}, "width should be 384")
    refused(timesformer(), HUB_TIMESFORMER | {"patch_size": 14}, "patch should be 14")


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": [224, 320]},
        {"num_frames": "8"},
        {"num_frames": 0},
        {"num_frames": 10**9},
        {"num_frames": None},
        {"num_attention_heads": 7},
        {"layer_norm_eps": "small"},
        {"layer_norm_eps": -1},
    ],
)
def test_a_config_that_makes_no_sense_is_refused(change: dict) -> None:
    refused(timesformer(), HUB_TIMESFORMER | change, "config.json")


@pytest.mark.parametrize(
    "change",
    [
        {"image_mean": 0.5},
        {"image_std": [1, 2]},
        {"image_std": [1, 0, 1]},
        {"image_mean": ["a", 1, 1]},
    ],
)
def test_colours_that_make_no_sense_are_refused(change: dict) -> None:
    refused(
        timesformer(), None, "preprocessor_config.json", next(iter(change)), preprocessor=change
    )


def test_heads_that_nothing_tells_are_not_guessed() -> None:
    refused(timesformer(width=96, depth=2), None, "number of heads", "config.json")
    assert card(timesformer(width=128, depth=2)).settings["heads"] == 2, (
        "all the papers' heads are 64 wide"
    )


def test_many_labels_are_cut_short_in_messages() -> None:
    many = card(timesformer()).listed
    assert many == ", ".join(f"class {i}" for i in range(10)) + " and 390 more"
    assert card(timesformer(3)).listed == "class 0, class 1, class 2"


CALIBRATED = Card(
    "direcformer",
    "tiny",
    ("a", "b"),
    (0.5,) * 3,
    (0.25,) * 3,
    35,
    3,
    "uniform",
    "fit",
    "nothing",
    direction_threshold=1.5,
    sharpness=8.0,
)


def test_a_direction_is_judged_only_for_the_matrix_that_it_was_calibrated_for() -> None:
    assert CALIBRATED.threshold(3) == 1.5
    for other in ({"frames": 5}, {"layer": 0}, {"head": 1}, {"head": "max"}, {"passes": 2}):
        assert CALIBRATED.threshold(**{"frames": 3} | other) == UNCALIBRATED
    for changes in ({"crop": "centre"}, {"sampling": "dense"}, {"stride": 2}, {"sharpness": 0.0}):
        assert (
            CALIBRATED.changed(**changes).threshold(3) == UNCALIBRATED
            and CALIBRATED.direction_threshold == 1.5
        )
    assert CALIBRATED.changed(crop="fit", license="x").threshold(3) == 1.5


def test_a_card_that_says_nothing_of_its_direction_has_none() -> None:
    assert (
        Card(
            "far", "tiny", ("a",), (0.5,) * 3, (0.25,) * 3, 35, 3, "uniform", "fit", "nothing"
        ).threshold(3)
        == UNCALIBRATED
    )


def test_direcformer_is_told_by_its_order_head_or_by_its_config() -> None:
    with torch.device("meta"):
        released = timesformer(27) | {"model.order.weight": torch.empty(31, 768)}
    found = card(released)
    assert (found.model, found.settings["time"], found.settings["space"]) == (
        "direcformer",
        "cosine",
        "softmax",
    )
    assert found.settings["order_head"] and found.settings["order_classes"] == 31
    assert "Jester" in found.trained_on and "blue, green, red" in found.trained_on
    both = card(released, {"space": "cosine"})
    assert both.settings["space"] == "cosine" and "cosine over space" in both.trained_on
    without = card(timesformer(), {"model_type": "direcformer"})
    assert without.model == "direcformer" and without.settings["order_head"] is False
    refused(released, {"space": "linear"}, "space 'linear'", "softmax or cosine")
    refused(released, HUB_TIMESFORMER, "says timesformer", "those of direcformer")

"""A card from anybody: each value of another kind is refused in one line, or the model works."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core import explain
from core.errors import BadInput
from core.models import build
from core.observe import observe
from core.order import read
from core.video import Clip
from core.weights import Card, Model, load_checkpoint
from core.weights import card_check as check

SETTINGS = {"size": 35, "patch": 7, "frames": 3, "width": 22, "depth": 2, "heads": 2}
CARD = Card(
    model="direcformer",
    preset="gesture",
    labels=("left", "right", "up", "down"),
    mean=(0.5, 0.4, 0.3),
    std=(0.1, 0.2, 0.3),
    size=35,
    frames=3,
    sampling="uniform",
    crop="fit",
    trained_on="nothing",
    settings=SETTINGS,
)
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 5, 10**9, 10**30, 0.0, 0.5, 1e-9, 1e30, -0.5),
    *(float("nan"), float("inf"), "", "x", "up", "dense", "a\nb", "\ud800", "x" * 10**6),
    *([], [1], ["a"], [0.5, 0.5, 0.5], [1, 2, 3], ["a", "b", "c", "d"], ["a", "a", "b", "c"]),
    *([[1]], [0.0, 0.0, 0.0], [0.5, 0.5, "x"], {}, {"a": 1}, {"stages": 3}, {"stages": [{}]}),
    *({"taught": 1}, {"taught": {"clips": [1]}}, {"taught": {"clips": ["<b>a.mp4"]}}),
]


def tensors(**settings: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build("direcformer", classes=4, **SETTINGS | settings).state_dict()


def written(card: dict[str, Any], folder: Path, **settings: Any) -> Path:
    path = folder / "odd.safetensors"
    save_file(tensors(**settings), path, metadata={"card": json.dumps(card)})
    return path


def clip_of(frames: int) -> Clip:
    pictures = np.random.default_rng(0).integers(0, 256, (frames, 40, 50, 3), np.uint8)
    return Clip(pictures, np.arange(frames) / 10, "noise", "0123456789abcdef")


def use(model: Model) -> None:
    """Whatever a page does with a card: one pass, its classes, an order, a map of a class."""
    clip = clip_of(model.card.frames)
    trace = observe(model, clip)
    assert trace.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert len(trace.probabilities) == len(model.card.labels)
    assert model.card.listed
    read(model, clip, tuple(range(model.card.frames)))
    assert explain.gradcam(model, clip, 0).heat.shape[0] == model.card.frames


def is_one_line(error: BadInput) -> bool:
    return "\n" not in str(error) and len(str(error)) < 700


def outcome(change: dict[str, Any], weights: dict[str, torch.Tensor]) -> Model | BadInput:
    """The model of a card with this change, or why there is none."""
    try:
        card = check.read_card("odd.safetensors", json.dumps(asdict(CARD) | change))
        check.check_network("odd.safetensors", card, weights)
    except BadInput as error:
        return error
    net = check.build_for(card)
    net.load_state_dict(weights)
    return Model(net.eval(), card)


def test_each_change_of_one_field_is_refused_in_a_line_or_the_model_works() -> None:
    weights = tensors()
    refusals, models = 0, set()
    for name, value in ((field.name, value) for field in fields(Card) for value in ODD_VALUES):
        result = outcome({name: value}, weights)
        if isinstance(result, BadInput):
            assert is_one_line(result) and "odd.safetensors" in str(result), (name, value)
            refusals += 1
        else:
            kind = (name, type(value))
            if kind not in models:  # one of each kind is enough to be run
                use(result)
            models.add(kind)
    assert refusals > 500 and len(models) > 15, "both kinds were met"


@pytest.mark.parametrize("key", [*SETTINGS, "drop_path", "order_classes", "norm_eps", "time", "no"])
def test_each_odd_setting_is_refused_in_a_line_or_the_model_works(key: str) -> None:
    weights = tensors()
    for value in ODD_VALUES:
        result = outcome({"settings": SETTINGS | {key: value}}, weights)
        if isinstance(result, BadInput):
            assert is_one_line(result), (key, value)
        else:
            use(result)


def test_the_card_that_is_changed_in_these_tests_is_accepted(tmp_path: Path) -> None:
    model = load_checkpoint(written(asdict(CARD), tmp_path))
    assert model.card.labels == CARD.labels and model.card.std == CARD.std
    use(model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [1, 2, 3, 4]}, "labels holds 1; expected text"),
        ({"labels": ["a", "b", "c", "d" * 201]}, "201 characters; expected at most 200"),
        ({"labels": ["a", "b", "c", " "]}, "a label is empty"),
        ({"labels": ["a", "b", "c", "a"]}, "two classes are called 'a'"),
        ({"labels": ["a", "b", "c"]}, "does not fit direcformer gesture"),
        ({"mean": "grey"}, "mean is 'grey'; expected 3 values"),
        ({"std": [0.1, 0.2, 0.0]}, "std holds 0.0; expected a number from 0.001 to 1000"),
        ({"crop": None}, "crop is None; expected centre, fit"),
        ({"sampling": "often"}, "sampling is 'often'; expected uniform, dense, motion"),
        ({"size": 36}, "takes 3 frames of 35 pixels, the card says 3 of 36"),
        ({"frames": 4}, "takes 3 frames of 35 pixels, the card says 4 of 35"),
        ({"stride": True}, "stride holds True; expected a whole number from 1 to 10000"),
        ({"rate": float("nan")}, "rate holds nan; expected a number from 0 to 1000"),
        ({"surprise": 1}, "'surprise' is no field of a card"),
        ({"trained_on": "a\u2028b"}, "expected one line of text"),
        ({"recipe": {"stages": [{"clips": 3}]}}, "no list of objects with a name each"),
        ({"settings": SETTINGS | {"classes": 5}}, "ask for 5 classes, and it has 4 labels"),
        ({"settings": SETTINGS | {"depth": 10**7}}, "depth is 10000000; expected 0 to 200"),
        ({"settings": SETTINGS | {"width": [22]}}, "setting width"),
        ({"settings": SETTINGS | {"frames": 256, "size": 1001, "patch": 7}}, "5,234,944 tokens"),
    ],
)
def test_what_is_wrong_with_a_card_is_named(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput) as error:
        load_checkpoint(written(asdict(CARD) | change, tmp_path))
    assert words in str(error.value) and is_one_line(error.value)


def test_a_card_without_one_of_its_fields_is_refused(tmp_path: Path) -> None:
    card = asdict(CARD)
    del card["crop"]
    with pytest.raises(BadInput, match="it says nothing of crop"):
        load_checkpoint(written(card, tmp_path))


@pytest.mark.parametrize("inside", ["settings", "recipe", "measured"])
def test_lists_in_lists_without_end_are_refused(inside: str) -> None:
    for depth in (50, 100_000):
        text = json.dumps(asdict(CARD) | {inside: "HERE"})
        text = text.replace('"HERE"', '{"a": ' * depth + "1" + "}" * depth)
        with pytest.raises(BadInput, match="more than 40 deep in one another"):
            check.read_card("deep.safetensors", text)


def test_a_small_file_does_not_allocate_a_giant_network(tmp_path: Path) -> None:
    """Whatever settings its card has: the tensors are compared before anything is built."""
    card = asdict(CARD)
    limit, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = _pages() * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29, hard))
    begin = time.monotonic()
    try:
        for changes in ({"width": 9988}, {"depth": 200}, {"order_classes": 10_000}):
            odd = card | {"settings": SETTINGS | changes}
            with pytest.raises(BadInput):
                load_checkpoint(written(odd, tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    assert time.monotonic() - begin < 20


def _pages() -> int:
    """Pages of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0])


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    weights = tensors()
    for odd in (float("nan"), float("inf")):
        weights["head.bias"] = torch.tensor([0.0, odd, 1.0, 2.0])
        save_file(weights, tmp_path / "w.safetensors", metadata={"card": json.dumps(asdict(CARD))})
        with pytest.raises(BadInput, match=r"w.safetensors: head.bias holds NaN or infinite"):
            load_checkpoint(tmp_path / "w.safetensors")


def test_weights_whose_numbers_run_over_give_no_probability(tmp_path: Path) -> None:
    weights = tensors()
    for key in ("norm.weight", "head.weight"):
        weights[key] *= 1e30
    save_file(weights, tmp_path / "w.safetensors", metadata={"card": json.dumps(asdict(CARD))})
    model = load_checkpoint(tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match="give NaN or infinite numbers for this clip"):
        observe(model, clip_of(3))


def test_the_files_of_card_faults_are_refused_in_a_line(clips: Path) -> None:
    folder = clips.parent / "faults" / "cards"
    if not folder.is_dir():
        pytest.skip(f"no faults at {folder}")
    for path in sorted(folder.iterdir()):
        with pytest.raises(BadInput) as error:
            load_checkpoint(path)
        assert is_one_line(error.value) and path.name in str(error.value)

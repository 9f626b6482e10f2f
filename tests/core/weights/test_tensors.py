"""Weights are told by what is inside: whatever wraps them, however they are called and cut."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import BadInput
from core.models.direcformer import DirecFormer
from core.weights import file_hash, load_checkpoint
from core.weights.public import unwrapped

SIZES = {"classes": 7, "size": 28, "patch": 7, "frames": 3, "width": 128, "depth": 2, "heads": 2}
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(3)
    return DirecFormer(**SIZES, time="softmax", order_head=False).state_dict()


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {prefix + key: tensor for key, tensor in state.items()}


def compiled_blocks(state: State) -> State:
    return {
        key.replace("blocks.1.", "blocks.1._fsdp_wrapped_module._orig_mod."): tensor
        for key, tensor in state.items()
    }


WRAPS: dict[str, Callable[[State], Any]] = {
    **{
        prefix: prefixed(prefix)
        for prefix in (
            *("model.", "net.", "module.", "_orig_mod.", "_fsdp_wrapped_module."),
            *("module._orig_mod.", "_orig_mod.module.model.", "model.net._fsdp_wrapped_module."),
        )
    },
    "blocks": compiled_blocks,
    **{
        key: lambda state, key=key: {key: state, "epoch": 3}
        for key in ("state_dict", "model_state_dict", "net", "weights", "ema", "model_ema", "other")
    },
    "averaged": lambda state: {"ema": {"module": prefixed("module.")(state), "decay": 0.99}},
    "with an optimiser": lambda state: {
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(9)}}, "param_groups": [{"lr": 0.1}]},
        "state_dict": prefixed("model.")(state),
        "loss": {"weight": torch.ones(7)},
    },
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_whatever_wraps_a_model_its_tensors_have_their_own_names(
    state: State, wrap: Callable[[State], Any]
) -> None:
    bare = unwrapped(wrap(state))
    assert bare.keys() == state.keys()
    assert all(bare[key] is tensor for key, tensor in state.items())


def test_a_model_goes_before_the_running_average_of_it(state: State) -> None:
    average = {key: tensor + 1 for key, tensor in state.items()}
    for both in ({"ema": average, "net": state}, {"net": state, "model_ema": average}):
        assert unwrapped(both)["cls_token"] is state["cls_token"]


def test_two_tensors_of_one_bare_name_keep_their_own() -> None:
    one, other = torch.zeros(2), torch.ones(3)
    assert unwrapped({"model.a": one, "a": other}) == {"model.a": one, "a": other}


def test_a_dictionary_that_holds_itself_ends() -> None:
    circle: dict[str, Any] = {}
    circle |= {"model": circle, "other": circle}
    many = {f"{i}": circle for i in range(1000)}
    for i in range(4):
        many = {f"{i}.{k}": many for k in range(1000)}
    assert unwrapped(circle) == unwrapped(many) == {}


@pytest.mark.parametrize("name", ["w.ckpt", "w.pth.tar", "w.pt", "w.bin", "w.safetensors", "w"])
def test_the_content_tells_what_a_file_is_not_its_name(
    state: State, tmp_path: Path, name: str
) -> None:
    torch.save({"state_dict": prefixed("net.")(state)}, tmp_path / name)
    loaded = load_checkpoint(tmp_path / name)
    assert torch.equal(loaded.net.head.weight, state["head.weight"])
    assert loaded.card.model == "timesformer" and len(loaded.card.labels) == 7
    save_file(state, tmp_path / name)
    assert torch.equal(load_checkpoint(tmp_path / name).net.head.weight, state["head.weight"])


def sharded(folder: Path, state: State) -> Path:
    """The state in two files and an index of them, as the hub lays out a large checkpoint."""
    folder.mkdir(exist_ok=True)
    names = sorted(state)
    parts = {"model-00001-of-00002.safetensors": names[::2]}
    parts["model-00002-of-00002.safetensors"] = names[1::2]
    for file, keys in parts.items():
        save_file({key: state[key] for key in keys}, folder / file)
    index = folder / "model.safetensors.index.json"
    weight_map = {key: file for file, keys in parts.items() for key in keys}
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return index


def test_a_checkpoint_in_several_files_is_one(timesformer_folder: Path, tmp_path: Path) -> None:
    index = sharded(tmp_path / "large", load_file(timesformer_folder / "model.safetensors"))
    (tmp_path / "large" / "config.json").write_bytes(
        (timesformer_folder / "config.json").read_bytes()
    )
    one = load_checkpoint(timesformer_folder)
    for source in (index, tmp_path / "large"):
        several = load_checkpoint(source)
        assert several.card.labels == one.card.labels
        for key, tensor in one.net.state_dict().items():
            assert torch.equal(several.net.state_dict()[key], tensor)
    before = file_hash(index)
    shard = tmp_path / "large" / "model-00002-of-00002.safetensors"
    save_file({key: tensor + 1 for key, tensor in load_file(shard).items()}, shard)
    assert file_hash(index) != before, "the hash names all of the weights"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../w.safetensors", "no file of weights beside it"),
        ("/etc/passwd", "no file of weights beside it"),
        ("model.safetensors.index.json", "no file of weights beside it"),
        ("missing.safetensors", "which is not there"),
        (3, "no file of weights beside it"),
    ],
)
def test_an_index_names_files_beside_it_and_no_others(
    tmp_path: Path, name: object, words: str
) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(BadInput, match=words):
        load_checkpoint(index)
    for content in ("{", '{"weight_map": 3}', "[]", '{"weight_map": ' + "[" * 10**5):
        index.write_text(content)
        with pytest.raises(BadInput):
            load_checkpoint(index)


def test_a_folder_with_one_file_of_weights_needs_no_usual_name(
    state: State, tmp_path: Path
) -> None:
    torch.save(state, tmp_path / "best.pth.tar")
    assert load_checkpoint(tmp_path).card.model == "timesformer"
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(BadInput, match=r"holds 2 files of weights, such as best.pth.tar"):
        load_checkpoint(tmp_path)


def test_a_small_file_cannot_claim_many_numbers(state: State, tmp_path: Path) -> None:
    torch.save(state | {"head.weight": torch.zeros(1).expand(10**6, 10**4)}, tmp_path / "w.pth")
    with pytest.raises(BadInput, match="claims more numbers than its"):
        load_checkpoint(tmp_path / "w.pth")
    torch.save(state, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in plain.namelist():
            bomb.writestr(entry, plain.read(entry))
    with pytest.raises(BadInput, match="a compressed archive"):
        load_checkpoint(tmp_path / "bomb.pth")


@pytest.mark.parametrize(
    "odd",
    [torch.zeros(3, dtype=torch.complex64), torch.zeros(3, device="meta")],
    ids=["complex", "meta"],
)
def test_tensors_without_plain_numbers_are_refused(
    state: State, tmp_path: Path, odd: torch.Tensor
) -> None:
    torch.save(state | {"head.bias": odd}, tmp_path / "w.pth")
    with pytest.raises(BadInput, match=r"w.pth"):
        load_checkpoint(tmp_path / "w.pth")


def test_a_tensors_name_cannot_break_the_line(state: State, tmp_path: Path) -> None:
    torch.save(state | {"a\nb" * 1000: torch.tensor(float("nan"))}, tmp_path / "w.pth")
    with pytest.raises(BadInput) as error:
        load_checkpoint(tmp_path / "w.pth")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400

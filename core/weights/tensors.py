"""The tensors of a file, told by what is inside it; tensors only, and nothing of it is run.

A file is safetensors or of torch.save, whatever its name ends in, or the index of several, as the
hub lays out a large checkpoint. What is unpacked is bounded by the size of the file: a short one
cannot ask for more memory than it has numbers.
"""

from __future__ import annotations

import argparse
import json
import pickle
import struct
import threading
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import BadInput, brief
from core.weights.public import unwrapped

_UNPICKLING = threading.Lock()  # what torch lets through is one list for all threads
_TIMES_THE_FILE = 4
"""Numbers for each byte of a file at most: tensors may share memory, but not without end."""
_MOST_SHARDS = 1000


class Stored(NamedTuple):
    """What files hold, as it is stored."""

    values: dict[Any, Any]
    """Tensors by name, perhaps in dictionaries and among other things."""
    notes: dict[str, str]
    """The metadata of a safetensors file; empty for any other."""


def read_stored(path: Path) -> Stored:
    """What a file of weights holds, or all files of an index.

    Raises: BadInput for what cannot be read, holds code, or is no dictionary.
    """
    kind = _kind(path)
    if kind == "index":
        parts = [read_stored(shard) for shard in shards(path)]
        return Stored({k: v for part in parts for k, v in part.values.items()}, {})
    return _unpickled(path) if kind == "torch" else _safetensors(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a model by name, float32, and the card that a file of this project holds.

    Names are without what wraps them, see `unwrapped`.

    Raises: BadInput as `read_stored`, and for numbers that are none: NaN, infinite or complex.
    """
    stored = read_stored(path)
    card = stored.notes.get("card")
    tensors = stored.values if card is not None else unwrapped(stored.values)
    size = sum(file.stat().st_size for file in files_of(path))
    _check(path.name, tensors, size)
    return {name: tensor.detach().float() for name, tensor in tensors.items()}, card


def files_of(path: Path) -> list[Path]:
    """The file, or with an index all its files, the index first."""
    return [path, *shards(path)] if _kind(path) == "index" else [path]


def shards(index: Path) -> list[Path]:
    """The files that an index names, which lie beside it.

    Raises: BadInput as `shard_names`, and for a file that is missing.
    """
    names = shard_names(index)
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise BadInput(
            f"{index.name} names {brief(missing[0])}, which is not there; put every file of the "
            "checkpoint beside its index"
        )
    return [index.parent / name for name in names]


def shard_names(index: Path) -> list[str]:
    """The names of the files in an index.

    Raises: BadInput for an index that is damaged, or names a file elsewhere.
    """
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise BadInput(
            f"{index.name} is no index of a checkpoint's files; expected a JSON object whose "
            "weight_map says which file holds each tensor"
        ) from None
    for name in names:
        is_beside = isinstance(name, str) and Path(name).name == name and "\0" not in name
        if not is_beside or not name.endswith((".safetensors", ".bin")):
            raise BadInput(
                f"{index.name} names {brief(name)}, which is no file of weights beside it; get the "
                "index again"
            )
    if len(names) > _MOST_SHARDS:
        raise BadInput(f"{index.name} names {len(names)} files; expected at most {_MOST_SHARDS}")
    return sorted(names)


def _kind(path: Path) -> str:
    """`safetensors`, `torch` or `index` by the first bytes, else by the name."""
    with open(path, "rb") as file:
        head = file.read(9)
    if head[8:9] == b"{":  # behind the length of the header, eight bytes
        return "index" if head.lstrip()[:1] == b"{" else "safetensors"
    if head.startswith((b"PK\x03\x04", b"\x80")):  # an archive of torch.save, or a bare pickle
        return "torch"
    if head.lstrip()[:1] == b"{":
        return "index"
    return "safetensors" if path.suffix.lower() == ".safetensors" else "torch"


def _safetensors(path: Path) -> Stored:
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()  # the file is no dict: it cannot be walked through
            return Stored({name: file.get_tensor(name) for name in names}, file.metadata() or {})
    except SafetensorError as error:
        raise BadInput(
            f"{path.name} is not a safetensors file ({brief(error)}); give a checkpoint of this "
            "project"
        ) from None


def _unpickled(path: Path) -> Stored:
    try:
        _check_archive(path)
        with open(path, "rb"):
            pass  # what cannot be opened is no damage: that error stays as it is
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error):
        pass  # as torch will say
    try:
        # VideoMAE's files keep their training arguments; a pickle of another age draws a warning
        # beside the error.
        with (
            _UNPICKLING,
            torch.serialization.safe_globals([argparse.Namespace]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", UserWarning)
            # The open file: of a path torch would believe the name.
            with open(path, "rb") as file:
                state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BadInput(
            f"{path.name} holds more than tensors, perhaps code, or is damaged; nothing of it was "
            "run: give a .safetensors file, or one saved with torch.save(model.state_dict())"
        ) from None
    except Exception:
        # A damaged file fails in a dozen ways, struct.error, OSError and AssertionError among them.
        raise BadInput(
            f"{path.name} is no checkpoint that can be read, or is damaged; get it again"
        ) from None
    if not isinstance(state, Mapping):
        raise BadInput(
            f"{path.name} holds a {type(state).__name__}, not tensors by name; expected the "
            "tensors of a model, as torch.save(model.state_dict()) writes them"
        )
    return Stored(dict(state), {})


def _check_archive(path: Path) -> None:
    """Raises: BadInput for an archive that unpacks to more than it is, which torch never writes."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise BadInput(
                f"{path.name} is a compressed archive; give the file as torch.save writes it, or "
                "unpack it first"
            )


def _check(name: str, tensors: Mapping[str, Tensor], size: int) -> None:
    """Raises: BadInput for tensors that no network here takes, or for more than `size` bytes hold.

    So memory is not taken for a claim, and a file of NaN is not asked for probabilities.
    """
    if sum(tensor.numel() for tensor in tensors.values()) > _TIMES_THE_FILE * size:
        raise BadInput(
            f"{name} claims more numbers than its {size:,} bytes can hold; get it again from where "
            "it came from"
        )
    for key, tensor in tensors.items():
        is_plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not is_plain or tensor.is_complex() or tensor.is_quantized:
            raise BadInput(
                f"{name}: {brief(key)} is {tensor.dtype}, {tensor.layout}, on {tensor.device}; "
                "expected plain numbers, as torch.save(model.state_dict()) writes them"
            )
        if not torch.isfinite(tensor).all():
            raise BadInput(
                f"{name}: {brief(key)} holds NaN or infinite numbers, of which no probability can "
                "be made; give weights from before training went wrong"
            )

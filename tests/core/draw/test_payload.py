"""The format of a payload: the same on both sides, read as it was written, made without detours."""

from __future__ import annotations

import re
from typing import Any, is_typeddict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assets import ASSETS
from core.draw import payload
from core.draw.packing import pack
from core.draw.payload import FORMAT, Body, Header, joined, with_file
from core.explain import taps
from core.models import available, spec
from core.trace import Axis
from tests.core.draw.payloads import opened, recorded, unscaled

SHAPES = {name: each for name, each in vars(payload).items() if is_typeddict(each)}


def typedefs(source: str) -> dict[str, dict[str, bool]]:
    """Name -> its keys, and whether each must be there, of every JSDoc typedef with properties."""
    found = {}
    for comment in re.findall(r"/\*\*.*?\*/", source, re.DOTALL):
        name = re.search(r"@typedef \{object\} (\w+)", comment)
        if name:
            keys = re.findall(r"@property \{.+?\} (\[?)(\w+)\]?", comment)
            found[name[1]] = {key: not bracket for bracket, key in keys}
    return found


def test_both_sides_know_the_same_keys() -> None:
    python = {
        name: {key: key in each.__required_keys__ for key in each.__annotations__}
        for name, each in SHAPES.items()
    }
    javascript = typedefs((ASSETS / "viewer" / "payload.js").read_text(encoding="utf-8"))
    assert {"Header", "Layer", "Block", "Place"} <= python.keys()
    assert javascript == python


def test_a_payload_has_the_keys_that_its_types_promise() -> None:
    trace = recorded("direcformer", {"space": Axis.SPACE, "time": Axis.TIME}, layers=2)
    header = opened(pack(trace))
    assert header["format"] == FORMAT
    assert Header.__required_keys__ == header.keys()
    for name, kind in (("layers", "Layer"), ("matrices", "Matrix"), ("taps", "Tap")):
        for item in header[name]:
            assert SHAPES[kind].__required_keys__ <= item.keys() <= set(annotations(kind))
    for layer in header["layers"]:
        assert (
            SHAPES["Block"].__required_keys__ <= layer["main"].keys() <= set(annotations("Block"))
        )
    help_texts = payload.Help(
        controls={"layer": "Which."}, off={}, views={}, queries={}, kernels={}, remark="None."
    )
    assert opened(pack(trace, help_texts=help_texts))["help"] == help_texts


@pytest.mark.parametrize("name", available())
def test_a_frame_map_that_is_no_step_of_its_network_says_so(name: str) -> None:
    """RViT's holds how frames look at later ones, which its recurrence has not met by then."""
    spatial, temporal = spec(name).spatial_taps, spec(name).temporal_taps
    axes = dict.fromkeys(spatial, Axis.SPACE) | dict.fromkeys(temporal, Axis.TIME)
    axes |= {tap: Axis.JOINT for tap in spatial if tap in temporal}
    matrices = opened(pack(recorded(name, axes, layers=1)))["matrices"]
    assert matrices and all(matrix["beside"] == (name == "rvit") for matrix in matrices)


def annotations(kind: str) -> dict[str, Any]:
    return SHAPES[kind].__annotations__


@pytest.mark.parametrize("model", available())
def test_taps_are_resolved_once_a_trace_not_once_a_head(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spatial, temporal = spec(model).spatial_taps, spec(model).temporal_taps
    axes = dict.fromkeys(spatial, Axis.SPACE) | dict.fromkeys(temporal, Axis.TIME)
    axes |= {tap: Axis.JOINT for tap in spatial if tap in temporal}
    calls = 0
    resolve = taps._tapped

    def counted(*args: Any) -> list[Any]:
        nonlocal calls
        calls += 1
        return resolve(*args)

    trace = recorded(model, axes, layers=6)
    monkeypatch.setattr(taps, "_tapped", counted)
    header = opened(pack(trace))
    assert len(header["layers"]) == 6 * len(header["taps"])
    assert 0 < calls <= max(10, 4 * len(header["taps"]))  # am_flow names those of two backbones


floats = st.floats(-1e4, 1e4, width=32)
tables = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=4, max_side=5),
    elements=st.one_of(floats, st.just(float("nan"))),
)
numbers = st.sampled_from(["float32", "int32", "int16", "int8", "uint8"]).flatmap(
    lambda name: arrays.arrays(name, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0))
)


@given(st.lists(numbers, max_size=4), st.text(), st.binary(max_size=9))
def test_what_is_packed_is_read_again(
    written: list[np.ndarray], source: str, content: bytes
) -> None:
    body = Body()
    header: Any = {"source": source, "frames": [body.add(array) for array in written]}
    sent = joined(header, body.parts)
    for read in (opened(sent), opened(with_file(sent, "a.bin", content))):
        assert read["source"] == source
        for array, again in zip(written, read["frames"], strict=True):
            assert again.dtype == array.dtype
            np.testing.assert_array_equal(again, array)
    assert opened(with_file(sent, "a.bin", content))["file"]["content"].tobytes() == content


@given(tables, st.sampled_from([8, 16]))
def test_scaled_rows_are_read_within_half_a_step_of_what_they_were(
    rows: np.ndarray, bits: int
) -> None:
    body = Body()
    header: Any = {"rows": body.add_scaled(rows, bits)}
    read = unscaled(opened(joined(header, body.parts))["rows"])
    largest = np.nan_to_num(np.abs(rows)).max(-1, keepdims=True).astype(np.float64)
    step = largest / (2 ** (bits - 1) - 1)
    np.testing.assert_array_equal(np.isnan(read), np.isnan(rows))
    error = np.nan_to_num(np.abs(read.astype(np.float64) - rows))
    rounding = largest * 2**-22  # of float32, in which they are read
    assert (error <= 0.5001 * step + rounding + 1e-38).all()

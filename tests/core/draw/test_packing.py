"""The viewer's payload: everything it holds is what core computes.

This is so for each kernel, and the payload is small enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core import explain
from core.draw import packing, payload
from core.errors import BadInput
from core.observe import Trace, observe
from core.trace import CLS, Attention, Axis, Kernel, Layout
from core.video import Clip, crop_box
from core.weights import Card, Model
from tests.core.draw.payloads import opened, unscaled
from tests.core.tiny import direcformer

T, H, W = 3, 5, 5


def weights(block: dict[str, Any]) -> np.ndarray:
    """The map of a block, (groups, heads, queries, keys), by hand."""
    if "rows" in block:
        return unscaled(block["rows"])
    product = unscaled(block["q"]) @ unscaled(block["k"]).swapaxes(-1, -2)
    if block["finish"] == "softmax":
        product = np.exp(product - product.max(-1, keepdims=True))
        return product / product.sum(-1, keepdims=True)
    return (
        product / (product.sum(-1, keepdims=True) + block["eps"])
        if block["finish"] == "sum"
        else product
    )


@pytest.fixture(scope="module")
def trace() -> Trace:
    model = direcformer()
    card = Card(
        "direcformer",
        "tiny",
        ("a", "b", "c", "d"),
        (0.5,) * 3,
        (0.25,) * 3,
        35,
        T,
        "uniform",
        "centre",
        "nothing",
    )
    frames = np.random.default_rng(0).integers(0, 255, (T, 40, 60, 3), np.uint8)
    return observe(Model(model, card), Clip(frames, np.array([0.5, 1.0, 2.0]), "noise", "0"))


def alone(attention: Attention, trace: Trace, model: str) -> Trace:
    """A trace of this model that holds one attention."""
    return Trace(
        model, trace.card, trace.clip, trace.frames, trace.token_times, trace.logits, (attention,)
    )


def test_the_header_says_what_the_clip_is_and_where_the_grid_lies(trace: Trace) -> None:
    packed = opened(packing.pack(trace))
    assert (
        packed["grid"] == [T, H, W] and packed["unit"] == 1 and packed["times"] == [0.5, 1.0, 2.0]
    )
    assert packed["pixels"] == [40, 60] and packed["box"] == list(crop_box(40, 60, "centre"))
    assert packed["labels"] == ["a", "b", "c", "d"] and packed["best"] == int(trace.logits.argmax())
    assert [bytes(picture[:2]) for picture in packed["frames"]] == [b"\xff\xd8"] * T, (
        "each frame is a JPEG"
    )
    assert packed["taps"] == [
        {
            "name": "space",
            "views": ["space x time", "space", "time"],
            "heads": 2,
            "layers": [0, 1],
            "cls": True,
        }
    ]
    assert packed["colours"]["inferno"].shape == packed["diverging"].shape == (256, 3)


def test_attention_is_packed_exactly_enough(trace: Trace) -> None:
    packed = opened(packing.pack(trace))
    for layer in packed["layers"]:
        space, time = (
            a
            for axis in (Axis.SPACE, Axis.TIME)
            for a in trace.along(axis)
            if a.layer == layer["layer"]
        )
        for name, attention in (("main", space), ("time", time)):
            np.testing.assert_allclose(
                weights(layer[name]), attention.kernel.weights(attention.q, attention.k), atol=5e-5
            )
            assert layer[name]["signed"] == attention.kernel.signed
            layout = packed["layouts"][layer[name]["layout"]]
            np.testing.assert_array_equal(layout["queries"], attention.layout.queries)
        assert layer["top"] == pytest.approx(float(space.map("max").max()), abs=1e-6)
    assert len(packed["layouts"]) == 2, "layers share their layouts"


def test_maps_and_matrices_are_those_of_core_for_every_head(trace: Trace) -> None:
    packed = opened(packing.pack(trace))
    for layer in packed["layers"]:
        for at, head in enumerate((0, 1, "mean", "max")):
            for query in ("cls", "mean"):
                expected = explain.spatial(trace, layer["layer"], head, query).ravel()
                np.testing.assert_allclose(unscaled(layer["maps"][query])[at], expected, atol=2e-5)
    for matrix in packed["matrices"]:
        assert matrix["tap"] == "time" and matrix["signed"]
        for at, head in enumerate((0, 1, "mean", "max")):
            np.testing.assert_allclose(
                matrix["values"][at], explain.temporal(trace, matrix["layer"], head), atol=1e-6
            )


KERNELS = [
    Kernel("softmax", 0.3),
    Kernel("cosine"),
    Kernel("linear"),
    Kernel("linear", normalised=True),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.kind}-{k.normalised}")
@pytest.mark.parametrize("width", [7, 61], ids=["factors", "map"])
def test_every_kernel_goes_as_factors_or_as_its_map_whichever_is_smaller(
    trace: Trace, kernel: Kernel, width: int
) -> None:
    tokens = torch.cat([torch.full((T, 1), CLS), torch.arange(T * H * W).view(T, H * W)], 1)
    q, k = torch.randn(2, T, 2, 1 + H * W, width, generator=torch.Generator().manual_seed(3))
    attention = Attention("gate", 0, Axis.SPACE, kernel, q, k, Layout(tokens, tokens, (T, H, W)))
    (layer,) = opened(packing.pack(alone(attention, trace, "rvit")))["layers"]
    assert ("rows" in layer["main"]) == (width == 61) and "time" not in layer
    expected = kernel.weights(q, k)
    np.testing.assert_allclose(
        weights(layer["main"]), expected, atol=5e-5 * float(expected.abs().max())
    )


def test_what_cannot_be_seen_stays_so(trace: Trace) -> None:
    tokens = torch.arange(T * H * W).view(T, H * W)
    half = tokens[:, : H * W // 2]
    attention = Attention(
        "vit",
        0,
        Axis.SPACE,
        Kernel("softmax"),
        torch.randn(T, 1, 12, 3),
        torch.randn(T, 1, 12, 3),
        Layout(half, half, (T, H, W)),
    )
    (layer,) = opened(packing.pack(alone(attention, trace, "am_flow")))["layers"]
    assert np.isnan(unscaled(layer["maps"]["mean"])).sum() == 3 * T * (H * W - 12), (
        "both heads' means and the one head"
    )


def test_frames_are_compared_by_minus_am_flow_where_there_is_no_attention_over_time(
    trace: Trace,
) -> None:
    attention = trace.along(Axis.SPACE)[0]
    renamed = Attention(
        "vit", 0, Axis.SPACE, attention.kernel, attention.q, attention.k, attention.layout
    )
    packed = opened(packing.pack(alone(renamed, trace, "am_flow")))
    (matrix,) = packed["matrices"]
    assert packed["time_taps"] == [] and matrix["tap"] == "" and not matrix["signed"]
    np.testing.assert_allclose(
        matrix["values"][2], explain.temporal(alone(renamed, trace, "am_flow")), atol=1e-5
    )


def test_layers_and_gradcam_maps_come_when_asked_for_under_one_id(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cam = explain.GradCam(np.arange(T * H * W, dtype=np.float32).reshape(T, H, W), 2, 0.25)
    first, second, none = (
        opened(packing.pack(trace, layers, cams))
        for layers, cams in (([0], ()), ([1], ()), ([], (cam,)))
    )
    assert [layer["layer"] for layer in first["layers"] + second["layers"]] == [0, 1] and none[
        "layers"
    ] == []
    assert first["id"] == second["id"] == none["id"] == opened(packing.pack(trace))["id"]
    assert none["gradcams"][0]["target"] == 2 and none["gradcams"][0]["probability"] == 0.25
    np.testing.assert_allclose(unscaled(none["gradcams"][0]["map"])[0], cam.heat.ravel(), atol=2e-3)
    assert packing.layers_to_open_on(trace) == [0, 1]
    monkeypatch.setattr(packing, "ALL_AT_ONCE", 1000)
    assert packing.layers_to_open_on(trace) == [1]


def test_a_file_travels_behind_the_rest(trace: Trace) -> None:
    plain = packing.pack(trace, source="of what it is")
    sent = opened(payload.with_file(plain, "attention.gif", b"GIF89a, five"))
    assert (
        sent["file"]["name"] == "attention.gif"
        and sent["file"]["content"].tobytes() == b"GIF89a, five"
    )
    assert sent["source"] == "of what it is"
    for ours, theirs in zip(sent["layers"], opened(plain)["layers"], strict=True):
        np.testing.assert_array_equal(weights(ours["main"]), weights(theirs["main"]))


def test_a_layer_over_the_limit_goes_in_eight_bits(trace: Trace) -> None:
    packed = opened(packing.pack(trace, room=packing.Room(layer=1000)))
    assert {layer["bits"] for layer in packed["layers"]} == {8} and packed["layers"][0]["main"][
        "q"
    ]["values"].dtype == np.int8
    space = trace.along(Axis.SPACE)[0]
    np.testing.assert_allclose(
        weights(packed["layers"][0]["main"]), space.kernel.weights(space.q, space.k), atol=5e-3
    )


@pytest.mark.parametrize(
    "parts", [[(8, 197), (196, 8)], [(1, 1568)]], ids=["direcformer b", "videomae b"]
)
def test_a_layer_of_a_paper_preset_fits_its_limit(parts: list[tuple[int, int]]) -> None:
    size = 0
    for groups, tokens in parts:
        q = torch.empty(groups, 12, tokens, 64, device="meta")
        attention = Attention(
            "space",
            0,
            Axis.SPACE,
            Kernel("softmax"),
            q,
            q,
            Layout(torch.zeros(0), torch.zeros(0), (1, 1, 1)),
        )
        size += 2 * min(packing._sizes(attention))
    assert size < packing.A_LAYER


# --- the views, and the reference rows in core.explain
# ------------------------------------------------------------------


def test_views_follow_from_what_attention_runs_over(trace: Trace) -> None:
    assert explain.views(trace) == ("space x time", "space", "time")
    attention = trace.along(Axis.SPACE)[0]
    gate = Attention(
        "gate", 0, Axis.SPACE, attention.kernel, attention.q, attention.k, attention.layout
    )
    assert explain.views(alone(gate, trace, "rvit")) == ("each frame separately",)
    one_a_frame = (torch.arange(T) * H * W)[None]
    between = Attention(
        "temporal.0",
        0,
        Axis.TIME,
        Kernel("softmax"),
        torch.randn(1, 1, T, 2),
        torch.randn(1, 1, T, 2),
        Layout(one_a_frame, one_a_frame, (T, H, W)),
    )
    vit = Attention(
        "vit", 0, Axis.SPACE, attention.kernel, attention.q, attention.k, attention.layout
    )
    both = Trace(
        "am_flow",
        trace.card,
        trace.clip,
        trace.frames,
        trace.token_times,
        trace.logits,
        (vit, between),
    )
    assert explain.views(both) == ("each frame separately",), (
        "frames attend to frames there, not places to places"
    )


def test_divided_attention_multiplies_space_and_time(trace: Trace) -> None:
    """a_space[t; p -> p'] a_time[p'; t -> t'] from the maps themselves, head by head."""
    t, row, col = 1, 2, 3
    space, time = trace.along(Axis.SPACE)[1], trace.along(Axis.TIME)[1]
    for head in (0, "mean", "max"):
        places = space.map(head)[t, 1 + row * W + col, 1:]  # (h*w,)
        onward = time.map(head)[:, t]  # (h*w, T)
        product = (places[:, None] * onward).T.reshape(T, H, W)
        np.testing.assert_allclose(explain.hover(trace, 1, head, (t, row, col)), product, atol=1e-6)
        alone_in_time = explain.hover(trace, 1, head, (t, row, col), "time")
        np.testing.assert_allclose(alone_in_time[:, row, col], onward[row * W + col], atol=1e-6)
        assert np.isnan(alone_in_time).sum() == T * (H * W - 1)
        np.testing.assert_allclose(
            explain.hover(trace, 1, head, (t, row, col), "space")[t].ravel(), places, atol=1e-6
        )
    assert (explain.hover(trace, 1, 0, (t, row, col)) < 0).any(), (
        "a cosine over time makes the product signed"
    )


def test_each_frame_separately_asks_the_same_place_in_every_frame(trace: Trace) -> None:
    attention = trace.along(Axis.SPACE)[0]
    gate = Attention(
        "gate", 0, Axis.SPACE, attention.kernel, attention.q, attention.k, attention.layout
    )
    seen = explain.hover(alone(gate, trace, "rvit"), 0, 1, (2, 4, 0))
    np.testing.assert_allclose(seen.reshape(T, -1), gate.map(1)[:, 1 + 4 * W, 1:], atol=1e-6)
    np.testing.assert_array_equal(seen, explain.hover(alone(gate, trace, "rvit"), 0, 1, (0, 4, 0)))


def test_class_token_and_mean_have_one_view(trace: Trace) -> None:
    for query in ("cls", "mean"):
        for view in explain.views(trace):
            np.testing.assert_array_equal(
                explain.hover(trace, 0, "mean", query, view),
                explain.spatial(trace, 0, "mean", query),
            )


def test_a_view_or_patch_that_is_not_there_is_refused(trace: Trace) -> None:
    for wrong in ({"view": "joint"}, {"query": (0, 0, W)}, {"query": (T, 0, 0), "view": "time"}):
        with pytest.raises(BadInput):
            explain.hover(trace, 0, "mean", **{"query": (0, 0, 0)} | wrong)


def test_fillers_of_uneven_groups_are_left_out_of_means(trace: Trace) -> None:
    """Two groups of 2 and 1 patches: the filler (-2) asks and answers in nothing."""
    tokens = torch.tensor([[0, 1], [2, -2]])
    q = torch.tensor([[[[0.0], [0.0]]], [[[5.0], [5.0]]]])
    k = torch.tensor([[[[1.0], [1.0]]], [[[0.0], [-1e4]]]])
    attention = Attention(
        "gate", 0, Axis.JOINT, Kernel("softmax"), q, k, Layout(tokens, tokens, (1, 1, 3))
    )
    weights = attention.map(0)
    np.testing.assert_allclose(
        explain.received(attention, weights)[0, 0], [0.5, 0.5, 1.0], atol=1e-6
    )
    np.testing.assert_allclose(explain.between_frames(attention, weights), [[1.0]], atol=1e-6)


def test_what_a_patch_gets_is_a_mean_over_the_patches_that_ask_it_not_over_those_asked() -> None:
    """A class token and three patches ask; a class token and two patches are asked."""
    layout = Layout(torch.tensor([[CLS, 0, 1, 2]]), torch.tensor([[CLS, 0, 1]]), (1, 1, 3))
    q, k = torch.zeros(1, 1, 4, 1), torch.zeros(1, 1, 3, 1)
    attention = Attention("here", 0, Axis.JOINT, Kernel("softmax"), q, k, layout)
    weights = torch.tensor([[[0.9, 0.05, 0.05], [0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.4, 0.0, 0.6]]])
    got = explain.received(attention, weights)[0, 0]
    np.testing.assert_allclose(got, [0.9 / 3, 1.4 / 3, np.nan], atol=1e-6)

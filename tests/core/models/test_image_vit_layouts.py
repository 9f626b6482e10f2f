"""Public layouts of image ViTs: a state dict written in each of them comes back bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from core.models.vit import ViT
from core.weights.public import layout_of, load_public
from tests.core.models.am_flow_nets import BACKBONE, backbone, net
from tests.core.models.nets import SIDE, WIDTH, randomised
from tests.core.models.nets import net as direcformer_net

State = dict[str, Tensor]
CLIP = {"pre_norm": True, "activation": "quick_gelu", "eps": 1e-5}
PAIR = ("weight", "bias")


def blocks_of(state: State) -> Iterator[tuple[int, Callable[[str], Tensor]]]:
    depth = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks."))
    for i in range(depth):
        yield i, lambda name, i=i: state[f"blocks.{i}.{name}"]


def hub(prefix: str, block: str, names: dict[str, str], dinov2: bool) -> Callable[[State], State]:
    """A writer for transformers' ViT and DINOv2.

    `block` is where blocks are, and `names` what q, k, v, proj, fc1 and fc2 are called.
    """

    def write(state: State) -> State:
        out = {
            f"{prefix}embeddings.cls_token": state["cls_token"],
            f"{prefix}embeddings.position_embeddings": state["pos_embed"],
        }
        for p in PAIR:
            out[f"{prefix}embeddings.patch_embeddings.projection.{p}"] = state[
                f"patch_embed.proj.{p}"
            ]
            out[f"{prefix}layernorm.{p}"] = state[f"norm.{p}"]
            for i, of in blocks_of(state):
                stem = f"{prefix}{block}.{i}."
                for name, part in zip("qkv", of(f"attn.qkv.{p}").chunk(3), strict=True):
                    out[f"{stem}{names[name]}.{p}"] = part
                for name in ("attn.proj", "mlp.fc1", "mlp.fc2"):
                    out[f"{stem}{names[name]}.{p}"] = of(f"{name}.{p}")
                out[f"{stem}{'norm1' if dinov2 else 'layernorm_before'}.{p}"] = of(f"norm1.{p}")
                out[f"{stem}{'norm2' if dinov2 else 'layernorm_after'}.{p}"] = of(f"norm2.{p}")
                if dinov2:
                    out[f"{stem}layer_scale1.lambda1"], out[f"{stem}layer_scale2.lambda1"] = (
                        of("ls1.gamma"),
                        of("ls2.gamma"),
                    )
        return out | ({f"{prefix}embeddings.mask_token": torch.zeros(1, WIDTH)} if dinov2 else {})

    return write


OLD = {
    "q": "attention.attention.query",
    "k": "attention.attention.key",
    "v": "attention.attention.value",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
NEW = {
    "q": "attention.q_proj",
    "k": "attention.k_proj",
    "v": "attention.v_proj",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
OLD_VIT = OLD | {"mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}


def clip_hub(prefix: str) -> Callable[[State], State]:
    def write(state: State) -> State:
        stem = f"{prefix}encoder.layers."
        out = {
            f"{prefix}embeddings.class_embedding": state["cls_token"].flatten(),
            f"{prefix}embeddings.position_embedding.weight": state["pos_embed"][0],
            f"{prefix}embeddings.patch_embedding.weight": state["patch_embed.proj.weight"],
            f"{prefix}embeddings.position_ids": torch.arange(SIDE * SIDE + 1)[None],
        }
        for p in PAIR:
            out[f"{prefix}pre_layrnorm.{p}"], out[f"{prefix}post_layernorm.{p}"] = (
                state[f"norm_pre.{p}"],
                state[f"norm.{p}"],
            )
            for i, of in blocks_of(state):
                for name, part in zip("qkv", of(f"attn.qkv.{p}").chunk(3), strict=True):
                    out[f"{stem}{i}.self_attn.{name}_proj.{p}"] = part
                for theirs, ours in (
                    ("self_attn.out_proj", "attn.proj"),
                    ("layer_norm1", "norm1"),
                    ("layer_norm2", "norm2"),
                    ("mlp.fc1", "mlp.fc1"),
                    ("mlp.fc2", "mlp.fc2"),
                ):
                    out[f"{stem}{i}.{theirs}.{p}"] = of(f"{ours}.{p}")
                out[f"text_model.encoder.layers.{i}.self_attn.q_proj.{p}"] = torch.zeros(3)
        return out

    return write


def clip_original(state: State) -> State:
    out = {
        "visual.class_embedding": state["cls_token"].flatten(),
        "visual.positional_embedding": state["pos_embed"][0],
        "visual.conv1.weight": state["patch_embed.proj.weight"],
        "visual.proj": torch.zeros(WIDTH, 5),
        "positional_embedding": torch.zeros(77, 5),
        "logit_scale": torch.zeros(()),
    }
    for p in PAIR:
        out[f"visual.ln_pre.{p}"], out[f"visual.ln_post.{p}"] = (
            state[f"norm_pre.{p}"],
            state[f"norm.{p}"],
        )
        for i, of in blocks_of(state):
            stem = f"visual.transformer.resblocks.{i}."
            out[f"{stem}attn.in_proj_{p}"] = of(f"attn.qkv.{p}")
            for theirs, ours in (
                ("attn.out_proj", "attn.proj"),
                ("ln_1", "norm1"),
                ("ln_2", "norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                out[f"{stem}{theirs}.{p}"] = of(f"{ours}.{p}")
            out[f"transformer.resblocks.{i}.ln_1.{p}"] = torch.zeros(5)
    return out


LAYOUTS = {
    "dinov2 original": (
        {"layer_scale": True},
        lambda s: s | {"mask_token": torch.zeros(1, WIDTH)},
        {"mask_token"},
    ),
    "dinov2 hub": (
        {"layer_scale": True},
        hub("", "encoder.layer", OLD, True),
        {"embeddings.mask_token"},
    ),
    "dinov2 hub, classifier": (
        {"layer_scale": True},
        hub("dinov2.", "encoder.layer", OLD, True),
        {"embeddings.mask_token"},
    ),
    "dinov2 transformers 5": (
        {"layer_scale": True},
        hub("", "encoder.layer", NEW, True),
        {"embeddings.mask_token"},
    ),
    "clip original": (
        CLIP,
        clip_original,
        {
            "visual.proj",
            "positional_embedding",
            "logit_scale",
            *(f"transformer.resblocks.{i}.ln_1.{p}" for i in (0, 1) for p in PAIR),
        },
    ),
    "clip transformers 4": (CLIP, clip_hub("vision_model."), None),
    "clip transformers 5": (CLIP, clip_hub(""), None),
    "vit original": (
        {},
        lambda s: s | {"head.weight": torch.zeros(5, WIDTH), "head.bias": torch.zeros(5)},
        {"head.weight", "head.bias"},
    ),
    "vit hub": ({}, hub("vit.", "encoder.layer", OLD_VIT, False), set()),
    "vit transformers 5": ({}, hub("", "layers", NEW, False), set()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("target", ["backbone", "am_flow"])
def test_a_round_trip_is_exact(layout: str, target: str) -> None:
    settings, write, unexpected = LAYOUTS[layout]
    source = backbone(**settings).state_dict()
    model = (
        randomised(ViT(**BACKBONE | settings), seed=1) if target == "backbone" else net(**settings)
    )
    ours = model if target == "backbone" else model.vit
    others = (
        {k: v.clone() for k, v in model.state_dict().items() if not k.startswith("vit.")}
        if target == "am_flow"
        else {}
    )
    theirs = write(dict(source))
    assert layout_of(theirs) is not None
    report = load_public(model, {"model": {f"module.{k}": v for k, v in theirs.items()}})
    prefix = "vit." if target == "am_flow" else ""
    assert set(report.loaded) == {prefix + k for k in source} and not report.mismatched
    assert set(report.missing) == set(others)
    assert all(torch.equal(v, source[k]) for k, v in ours.state_dict().items())
    assert all(torch.equal(model.state_dict()[k], v) for k, v in others.items())
    if unexpected is not None:
        assert set(report.unexpected) == unexpected
    else:
        assert set(report.unexpected) == {
            "embeddings.position_ids",
            *(f"text_model.encoder.layers.{i}.self_attn.q_proj.{p}" for i in (0, 1) for p in PAIR),
        }


def test_the_still_models_own_file_fits_the_backbone() -> None:
    still, ours = randomised(ViT(**BACKBONE), seed=4), backbone()
    report = load_public(ours, still.state_dict())
    assert not report.missing and not report.unexpected and not report.mismatched


def test_positions_for_another_size_are_interpolated_and_other_misfits_reported() -> None:
    large, ours = backbone(size=7 * 5), backbone()
    report = load_public(ours, large.state_dict())
    assert not report.mismatched
    torch.testing.assert_close(ours.pos_embed[:, 0], large.pos_embed[:, 0])
    assert set(load_public(ours, backbone(patch=3, size=9).state_dict()).mismatched) == {
        "patch_embed.proj.weight"
    }
    two_class_tokens = large.state_dict() | {"pos_embed": torch.zeros(1, 2 + 25, WIDTH)}
    assert load_public(ours, two_class_tokens).mismatched == ("pos_embed",)


def test_video_models_are_not_taken_for_image_models() -> None:
    assert layout_of(direcformer_net().state_dict()).name == "TimeSformer"
    assert layout_of(net().state_dict()) is None  # our own names, taken as they are
    own = net(seed=5)
    report = load_public(net(), own.state_dict())
    assert not report.missing and not report.unexpected and not report.mismatched
    video = {
        "timesformer.embeddings.cls_token",
        "timesformer.embeddings.position_embeddings",
        "timesformer.embeddings.time_embeddings",
    }
    assert layout_of(video) is None

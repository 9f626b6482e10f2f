"""The VideoMAE setting gives the logits and the attention of transformers' VideoMAE.

Every public layout loads.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.models import build
from core.models.far import FAR
from core.models.position_table import position_table
from core.trace import record
from core.weights.files import load_public
from core.weights.public import LoadReport, layout_of
from tests.core.models.far_nets import CLASSES, HEADS, PATCH, VIDEOMAE, WIDTH, net
from tests.core.models.nets import difference, randomised

GRID = (3, 3, 3)  # transformers takes square frames only


def clip(batch: int = 2, seed: int = 1) -> Tensor:
    return torch.randn(
        batch, 3, 6, 3 * PATCH, 3 * PATCH, generator=torch.Generator().manual_seed(seed)
    )


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.VideoMAEConfig(
        image_size=3 * PATCH,
        patch_size=PATCH,
        num_frames=6,
        tubelet_size=2,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        layer_norm_eps=1e-6,
        num_labels=CLASSES,
        use_mean_pooling=True,
        attn_implementation="eager",
    )
    return randomised(transformers.VideoMAEForVideoClassification(config).eval(), seed=3)


@torch.no_grad()
def public_logits(model: nn.Module, video: Tensor) -> Tensor:
    return model(video.transpose(1, 2).contiguous()).logits


def complete(report: LoadReport, ours: nn.Module) -> bool:
    return (
        not report.missing
        and not report.unexpected
        and not report.mismatched
        and set(report.loaded) == set(ours.state_dict())
    )


def loaded(theirs: nn.Module, **settings: object) -> FAR:
    ours = net(**VIDEOMAE | settings)
    assert complete(load_public(ours, theirs.state_dict()), ours)
    return ours


# -- parity


@torch.no_grad()
def test_videomae_gives_the_logits_of_transformers(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    for video in (clip(), 4 * clip(1, seed=6), clip(1)[:, :, :1].expand(-1, -1, 6, -1, -1)):
        expected = public_logits(theirs, video)
        assert difference(ours(video), expected) < 1e-4
        assert difference(ours(video, detail=True).logits, expected) < 1e-4


def test_parity_holds_on_the_path_that_training_takes(theirs: nn.Module) -> None:
    assert difference(loaded(theirs).train()(clip()), public_logits(theirs, clip())) < 1e-4


@torch.no_grad()
def test_recorded_rows_are_the_attentions_of_transformers(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    with record(ours) as recorded:
        out = ours(clip(1), detail=True)
    expected = theirs(clip(1).transpose(1, 2), output_attentions=True).attentions
    assert [a.name for a in recorded] == ["global", "global"]
    for attention, weights, frames in zip(recorded, expected, out.time_attention, strict=True):
        for head in range(HEADS):
            assert difference(attention.map(head)[0], weights[0, head]) < 1e-4
            row, keys = attention.rows((1, 2, 0), head)
            assert difference(row[0], weights[0, head, (1 * 3 + 2) * 3]) < 1e-4 and keys[
                0
            ].tolist() == list(range(27))
        by_frame = weights.unflatten(-1, (3, -1)).sum(-1).unflatten(-2, (3, -1)).mean((1, 3))
        assert difference(frames, by_frame) < 1e-4


@torch.no_grad()
def test_parity_breaks_when_q_and_k_are_swapped(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    for block in ours.blocks:
        q, k, v = block.attn.qkv.weight.chunk(3)
        block.attn.qkv.weight.copy_(torch.cat([k, q, v]))
    assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("heads", [1, 3, 12, 16])
def test_parity_breaks_with_another_number_of_heads(theirs: nn.Module, heads: int) -> None:
    assert difference(loaded(theirs, heads=heads)(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
def test_parity_breaks_when_attention_is_uniform(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    for block in ours.blocks:
        block.attn.qkv.weight[:WIDTH] = 0
        block.attn.q_bias.zero_()
    assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
def test_parity_breaks_with_other_positions_patterns_or_frames(theirs: nn.Module) -> None:
    expected = public_logits(theirs, clip())
    for settings in (
        {"positions": "mvd"},
        {"attention": "hsda"},
        {"attention": "hst"},
        {"attention": "sd"},
    ):
        assert difference(loaded(theirs, **settings)(clip()), expected) > 1e-3, settings
    assert difference(loaded(theirs)(clip().flip(2)), expected) > 1e-3
    assert difference(loaded(theirs)(clip().transpose(3, 4)), expected) > 1e-3


@torch.no_grad()
def test_parity_needs_the_biases_of_queries_and_values(theirs: nn.Module) -> None:
    for bias in ("q_bias", "v_bias"):
        ours = loaded(theirs)
        getattr(ours.blocks[0].attn, bias).zero_()
        assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


def paper_size(preset: str) -> tuple[nn.Module, FAR]:
    """Both models at full size on the same random weights, and the hub's eps."""
    transformers = pytest.importorskip("transformers")
    width, hidden, heads = {"s": (384, 1536, 6), "b": (768, 3072, 12)}[preset]
    config = transformers.VideoMAEConfig(
        hidden_size=width,
        intermediate_size=hidden,
        num_attention_heads=heads,
        num_labels=174,
        use_mean_pooling=True,
    )
    assert (config.image_size, config.patch_size, config.num_frames, config.num_hidden_layers) == (
        224,
        16,
        16,
        12,
    )
    assert config.layer_norm_eps == 1e-12
    torch.manual_seed(0)
    with torch.device("meta"):  # half of the time goes into starting weights that nobody wants
        theirs = transformers.VideoMAEForVideoClassification(config).eval()
        ours = build("videomae", preset, classes=174, norm_eps=config.layer_norm_eps)
    theirs.to_empty(device="cpu")
    ours.to_empty(device="cpu")
    ours.pos_embed.copy_(position_table("videomae", 8, 14, 14, width))
    theirs.videomae.embeddings.position_embeddings = by_the_book(1568, width)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.03) if parameter.ndim > 1 else nn.init.normal_(
            parameter, mean=0.5, std=0.2
        )
    return theirs, ours


def by_the_book(tokens: int, width: int) -> Tensor:
    from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

    return get_sinusoid_encoding_table(tokens, width)


@torch.no_grad()
@pytest.mark.parametrize("preset", ["s", pytest.param("b", marks=pytest.mark.long)])
def test_the_paper_presets_give_the_logits_of_transformers(preset: str) -> None:
    theirs, ours = paper_size(preset)
    assert complete(load_public(ours, theirs.state_dict()), ours)
    video = torch.randn(1, 3, 16, 224, 224, generator=torch.Generator().manual_seed(1))
    assert difference(ours(video), public_logits(theirs, video)) < 1e-4


@pytest.mark.parametrize("width", [384, 768])
def test_the_position_table_is_the_one_of_transformers(width: int) -> None:
    pytest.importorskip("transformers")
    torch.testing.assert_close(
        position_table("videomae", 8, 14, 14, width), by_the_book(1568, width)[0], atol=1e-6, rtol=0
    )


# -- layouts: synthetic state dicts in each public spelling, round trips bit for bit


def split_as_transformers(state: dict[str, Tensor], version: int) -> dict[str, Tensor]:
    """Our state dict as VideoMAEForVideoClassification of transformers 4 or 5 would write it."""
    bias = {4: ("q_bias", "v_bias"), 5: ("query.bias", "value.bias")}[version]
    names = {
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    out = {}
    for key, value in state.items():
        if not key.startswith("blocks."):
            out[
                key.replace(
                    "patch_embed.proj", "videomae.embeddings.patch_embeddings.projection"
                ).replace("head.", "classifier.")
            ] = value
            continue
        _, index, rest = key.split(".", 2)
        stem = f"videomae.encoder.layer.{index}."
        if rest == "attn.qkv.weight":
            for piece, weight in zip(("query", "key", "value"), value.chunk(3), strict=True):
                out[f"{stem}attention.attention.{piece}.weight"] = weight.clone()
        elif rest in ("attn.q_bias", "attn.v_bias"):
            out[f"{stem}attention.attention.{bias[rest == 'attn.v_bias']}"] = value
        else:
            piece, leaf = rest.rsplit(".", 1)
            out[f"{stem}{names[piece]}.{leaf}"] = value
    return out


def wrapped(state: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    "spelling",
    [
        "ours",
        "authors' model",
        "authors' module",
        "encoder.",
        "backbone.",
        "transformers 4",
        "transformers 5",
    ],
)
def test_every_layout_loads_bit_for_bit(spelling: str) -> None:
    source, target = net(seed=4, **VIDEOMAE), net(seed=5, **VIDEOMAE)
    state = source.state_dict()
    public = {
        "ours": lambda: state,
        "authors' model": lambda: {"model": state, "epoch": 3},
        "authors' module": lambda: {"module": wrapped(state, "module.")},
        "encoder.": lambda: wrapped(state, "encoder."),
        "backbone.": lambda: wrapped(state, "backbone."),
        "transformers 4": lambda: split_as_transformers(state, 4),
        "transformers 5": lambda: split_as_transformers(state, 5),
    }[spelling]()
    assert complete(load_public(target, public), target)
    for key, value in target.state_dict().items():
        assert torch.equal(value, state[key]), key
    with torch.no_grad():
        assert torch.equal(target(clip()), source(clip()))


def test_the_spelling_of_transformers_5_is_what_this_library_writes(theirs: nn.Module) -> None:
    import transformers

    version = int(transformers.__version__.split(".")[0])
    spelled = split_as_transformers(net(**VIDEOMAE).state_dict(), version)
    assert {k: v.shape for k, v in spelled.items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }


def test_pretraining_files_give_their_encoder_and_report_the_rest() -> None:
    state = net(seed=4, **VIDEOMAE).state_dict()
    trunk = {k: v for k, v in state.items() if not k.startswith(("fc_norm", "head"))}
    extra = torch.zeros(2, 2)
    rest = {
        "encoder.norm.weight": extra,
        "encoder_to_decoder.weight": extra,
        "mask_token": extra,
        "decoder.blocks.0.attn.q_bias": extra,
    }
    target = net(seed=5, **VIDEOMAE)
    report = load_public(target, {"model": wrapped(trunk, "encoder.") | rest})
    assert set(report.loaded) == set(trunk) and report.mismatched == ()
    assert set(report.missing) == {"fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"}
    assert set(report.unexpected) == {
        "norm.weight",
        "encoder_to_decoder.weight",
        "mask_token",
        "decoder.blocks.0.attn.q_bias",
    }

    hub = {k.removeprefix("videomae."): v for k, v in split_as_transformers(trunk, 4).items()}
    hub |= {"decoder.decoder_layers.0.attention.attention.query.weight": extra, "mask_token": extra}
    target = net(seed=6, **VIDEOMAE)
    report = load_public(target, hub)
    assert set(report.loaded) == set(trunk) and len(report.unexpected) == 2
    assert all(torch.equal(target.state_dict()[k], v) for k, v in trunk.items())


def test_mvd_loads_with_its_own_positions() -> None:
    """A student file holds the trunk at top level beside two decoders.

    Its table of positions is fixed, not in the file.
    """
    source = net(seed=4, **VIDEOMAE, positions="mvd")
    trunk = {k: v for k, v in source.state_dict().items() if not k.startswith(("fc_norm", "head"))}
    file = {
        "model": trunk
        | {f"decoder_{kind}.blocks.0.attn.q_bias": torch.zeros(2) for kind in ("img", "vid")}
    }
    target = net(seed=5, **VIDEOMAE, positions="mvd")
    report = load_public(target, file)
    assert set(report.loaded) == set(trunk) and len(report.unexpected) == 2
    assert torch.equal(target.pos_embed, position_table("mvd", 3, 3, 3, WIDTH))
    with torch.no_grad():
        assert torch.equal(target(clip(), detail=True).patches, source(clip(), detail=True).patches)


def test_far_starts_from_a_public_file_and_says_what_is_new(theirs: nn.Module) -> None:
    ours = net()
    report = load_public(ours, theirs.state_dict())
    assert report.unexpected == () and set(report.mismatched) == {
        "fc_norm.weight",
        "fc_norm.bias",
        "head.weight",
    }
    assert report.missing and all(".interaction." in k for k in report.missing)


def test_a_head_for_other_classes_is_reported() -> None:
    report = load_public(net(**VIDEOMAE, classes=13), {"model": net(**VIDEOMAE).state_dict()})
    assert set(report.mismatched) == {"head.weight", "head.bias"}


def test_layouts_are_told_apart() -> None:
    state = net(**VIDEOMAE).state_dict()
    assert (
        layout_of(state).name == "VideoMAE"
        and layout_of(split_as_transformers(state, 4)).name == "VideoMAE (transformers)"
    )
    image = {
        k.replace("videomae", "vit"): v for k, v in split_as_transformers(state, 4).items()
    } | {"vit.embeddings.cls_token": 0}
    for other in (image, {k.removeprefix("vit."): v for k, v in image.items()}):
        layout = layout_of(other)
        assert layout is None or "VideoMAE" not in layout.name

"""TimeSformer and DirecFormer: the authors' files, the hub's, and transformers' state dicts."""

from __future__ import annotations

from torch import nn

from core.weights.public import PublicLayout, Rules, StateDict, renamed

_RULES: Rules = (
    (r"^timesformer\.", ""),
    (r"^(?:encoder\.)?layer\.(\d+)\.", r"blocks.\1."),
    (r"^encoder\.blocks", "blocks"),
    (r"^embeddings\.cls_token", "cls_token"),
    (r"^embeddings\.position_embeddings", "pos_embed"),
    (r"^embeddings\.time_embeddings", "time_embed"),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"\.temporal_layernorm\.", ".temporal_norm1."),
    (r"\.temporal_attention\.attention\.qkv\.", ".temporal_attn.qkv."),
    (r"\.temporal_attention\.output\.dense\.", ".temporal_attn.proj."),
    (r"\.temporal_dense\.", ".temporal_fc."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.attention\.qkv\.", ".attn.qkv."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"^layernorm\.", "norm."),
    (r"^classifier\.", "head."),
    (r"^model\.", ""),  # the authors' own files
    (r"^order\.", "order_head."),  # DirecFormer's
)


def _convert(state: StateDict, model: nn.Module) -> StateDict:
    """Tensors under our names, the time embedding for the model's number of frames.

    One for another number of frames is resized by nearest neighbour, as the authors do.
    """
    state = renamed(state, _RULES)
    table, ours = state.get("time_embed"), getattr(model, "time_embed", None)
    if table is not None and ours is not None and table.shape[1] != ours.shape[1]:
        state["time_embed"] = nn.functional.interpolate(
            table.transpose(1, 2), size=ours.shape[1], mode="nearest"
        ).transpose(1, 2)
    return state


LAYOUTS = [
    PublicLayout(
        "TimeSformer",
        lambda names: any("temporal_attn" in n or "temporal_attention" in n for n in names),
        _convert,
    ),
]

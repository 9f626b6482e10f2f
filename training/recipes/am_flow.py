"""Recipes of AM Flow: the embedded one, and the paper's on three public data sets (spec 2.6).

    python -m training fit am_flow_gesture --out runs/am_flow \
        --init runs/direcformer/stills.safetensors
    accelerate launch -m training fit am_flow_k400 --root DATA \
        --init dinov2_vitb14_pretrain.pth --out runs/am_flow_k400

The backbone is the image model of the still stage and stays frozen, so both have the same blocks;
adapters, temporal modules and heads learn.

The paper gives no optimiser, only that it takes about a tenth of the usual epochs: rate, decay,
warm-up, epochs and batch are ours. Its figures, top-1: Kinetics-400 88.8 (LSTM);
Something-Something v2 with TCN 74.8 (DINOv2) and 73.5 (CLIP); Smarthome, cross-subject, 70.2.
"""

from dataclasses import replace

from training.recipes import IMAGENET_MEAN, IMAGENET_STD, Recipe

_CROP = {"jittered_crop": {"size": 224, "least": 256, "most": 320}}
_PAPER = Recipe(
    model="am_flow",
    preset="dinov2_b",
    data="kinetics",
    sampling="uniform",
    draws=4,
    crop="centre",
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    augment=_CROP | {"mirror": 0.5},
    views=(1, 3),
    epochs=30,
    batch=64,
    lr=3e-4,
    beta2=0.999,
    weight_decay=0.05,
    schedule="cosine",
    warmup_epochs=5,
    floor=0.0,
    ema=0.0,
    smoothing=0.0,
    order=0.0,
    directed=0.0,
    fingertip=0.0,
)
_SSV2 = replace(_PAPER, data="ssv2", augment=_CROP)

RECIPES = {
    "am_flow_gesture": Recipe(
        model="am_flow", stills_clips=80_000, stills_depth=5, clips=80_000, order=0.0, directed=0.0
    ),
    "am_flow_k400": _PAPER,
    # Table 2's other rows: the transformer encoder with 8 and with 32 frames (89.1 and 89.6, the
    # best), and the backbone trained as well, from no image model (78.3).
    "am_flow_k400_transformer": replace(_PAPER, settings={"temporal_module": "transformer"}),
    "am_flow_k400_transformer_32": replace(
        _PAPER, settings={"temporal_module": "transformer", "frames": 32}
    ),
    "am_flow_k400_scratch": replace(_PAPER, settings={"from_scratch": True}),
    # Table 4(c): adapters whose weights a shared hypernetwork makes (84.2).
    "am_flow_k400_hyperformer": replace(_PAPER, settings={"adapter": "hyperformer"}),
    # Table 1's row with the LSTM of K400, which handles eight frames and no more (58.3).
    "am_flow_ssv2_lstm": _SSV2,
    "am_flow_ssv2": replace(_SSV2, settings={"temporal_module": "tcn", "frames": 24}),
    # AM/2 (1, 12) of Table 3: flow and temporal modules in the first and the last block alone.
    # Smarthome's cameras stand still.
    "am_flow_smarthome": replace(
        _PAPER, data="smarthome", settings={"aligning": False, "am_blocks": "1,12"}
    ),
    "am_flow_ssv2_clip": replace(
        _SSV2,
        preset="clip_b",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    ),
}

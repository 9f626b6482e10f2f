"""Recipes of FAR and its VideoMAE baseline: the embedded ones, and the paper's Table 1 (spec 4.6).

    python -m training fit far_gesture --out runs/far --init runs/direcformer/stills.safetensors
    python -m training fit videomae_gesture --out runs/videomae \
        --init runs/direcformer/stills.safetensors
    accelerate launch -m training fit far_s_ssv2 --root DATA \
        --init videomae_small_ssv2.pth --out runs/far_s_ssv2

Both start from DirecFormer's still stage. Its five heads become four, an even number as a split
needs, and so its attention is learned anew; what it knows of patches stays. The interaction's norms
are over channels, since a batch of a few clips says little about a channel's spread.

Table 1 holds for all rows of a size and data set, `_mvd` for weights of MVD instead of VideoMAE.
Its batches (384, 512) and the 256 that its rates are for count clips, as the code base does; here
both augmented copies of a clip count, twice as many. Figures, top-1: Something-Something v2 66.9
(S), 70.4 (B), 71.1 (S, MVD), 73.3 (B, MVD); Kinetics-400 79.4, 80.4, 81.1, 83.6. Batch norms see
the clips of their own process.
"""

from dataclasses import replace

from training.recipes import IMAGENET_MEAN, IMAGENET_STD, Recipe

_VARIED = {
    "far": {"size": 224, "magnitude": 9.0, "deviation": 0.5},
    "erase": 0.25,
    "mix": {"mixup": 0.8, "cutmix": 1.0, "switch": 0.5},
}
_SSV2 = Recipe(
    model="far",
    preset="s",
    data="ssv2",
    sampling="uniform",
    draws=4,
    crop="centre",
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    augment=_VARIED,
    repeated=2,
    views=(2, 3),
    epochs=40,
    batch=768,
    lr=1e-3,
    lr_batch=512,
    momentum=0.9,
    beta2=0.999,
    weight_decay=0.05,
    layer_decay=0.7,
    clip_norm=0.0,
    schedule="cosine",
    warmup_epochs=5,
    warmup_from=1e-3,
    floor=1e-3,
    ema=0.0,
    smoothing=0.1,
    order=0.0,
    directed=0.0,
    fingertip=0.0,
)
_KINETICS = replace(
    _SSV2,
    data="kinetics",
    sampling="dense",
    stride=4,
    draws=10,
    views=(5, 3),
    epochs=150,
    layer_decay=0.75,
    augment=_VARIED | {"mirror": 0.5},
)
_ROWS = {
    "s_ssv2": _SSV2,
    # The rate begins and ends at 1e-6, which is 2e-3 of 5e-4.
    "b_ssv2": replace(
        _SSV2, preset="b", epochs=30, lr=5e-4, layer_decay=0.75, warmup_from=2e-3, floor=2e-3
    ),
    "s_k400": _KINETICS,
    "b_k400": replace(_KINETICS, preset="b", epochs=100, batch=1024),
}
_MVD = {
    f"{row}_mvd": replace(recipe, settings={"positions": "mvd"}) for row, recipe in _ROWS.items()
}
_MVD["b_k400_mvd"] = replace(_MVD["b_k400_mvd"], epochs=75, batch=768)
_GESTURE = Recipe(
    model="far",
    stills_clips=80_000,
    stills_depth=5,
    clips=40_000,
    batch=16,
    order=0.0,
    directed=0.0,
)

RECIPES = {
    "far_gesture": replace(_GESTURE, settings={"norm": "layer"}),
    "videomae_gesture": replace(_GESTURE, model="videomae"),
} | {
    f"{model}_{row}": replace(recipe, model=model)
    for model in ("far", "videomae")
    for row, recipe in (_ROWS | _MVD).items()
}

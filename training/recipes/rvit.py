"""Recipes of RViT: the embedded one, and the paper's on 21 classes of Kinetics-400 (spec 1.5).

    python -m training fit rvit_gesture --out runs/rvit --init runs/direcformer/stills.safetensors
    accelerate launch -m training fit rvit_paper --root DATA --out runs/rvit_paper

The still stage is DirecFormer's, 9 minutes on two cores; the shipped run took 22 more on one.
Normalised rows and positions before the first layer only are what carries the image model over
(`RViT.load_image_model`).

The paper's values are those its own search found: accuracy 0.143 on 21 videos, one a class. It
gives neither a batch size nor the weight of the auxiliary loss; 8 and 0.1 are ours. Its training
set is balanced by augmenting small classes up to 100 clips.

What the embedded recipe makes of that loss is ours too: as derived it pulls both frame maps to 1/T,
so here they are a softmax, as in a draft by the paper's author, and what is compared is what each
clip's maps have of their own.
"""

from training.recipes import IMAGENET_MEAN, IMAGENET_STD, Recipe

RECIPES = {
    "rvit_gesture": Recipe(
        model="rvit",
        settings={"gate": "linear_norm", "positions": "first", "frame_maps": "softmax"},
        stills_clips=80_000,
        clips=40_000,
        batch=16,
        order=0.0,
        directed=0.0,
        alignment=0.3,
        centring="clips",
    ),
    "rvit_paper": Recipe(
        model="rvit",
        preset="p16_224",
        settings={"dropout": 0.178},
        data="folder",
        sampling="motion",
        short="zero",
        balance=100,
        crop="centre",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        augment={
            "rvit": {
                "size": 224,
                "scale": (0.8, 1.0),
                "degrees": 30.0,
                "colour": (0.4, 0.4, 0.4, 0.2),
                "kernel": (5, 9),
                "sigma": (0.1, 2.0),
                "distortion": 0.5,
                "perspective": 0.5,
            },
            "mirror": 0.5,
        },
        epochs=50,
        batch=8,
        lr=1e-4,
        beta2=0.999,
        weight_decay=2.77e-5,
        clip_norm=1.0,
        schedule="restarts",
        warmup=0,
        restart_epochs=5,
        floor=0.0,
        ema=0.0,
        smoothing=0.0,
        order=0.0,
        directed=0.0,
        alignment=0.1,
        fingertip=0.0,
    ),
}

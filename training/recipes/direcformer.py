"""Recipes of the embedded DirecFormer and its TimeSformer baseline.

    python -m training fit direcformer_gesture --out runs/direcformer
    python -m training fit timesformer_gesture --out runs/timesformer --init runs/direcformer/stills.safetensors

Stage 1 trains a small image ViT on rendered stills to find the fingertip; stage 2 copies it into the
spatial attention, its weights also into the temporal attention, temporal_fc zero (spec 3.6), and
trains on rendered clips with L_cls on the ordered clip, L_ord and L_self on the shuffled one.
"""

from training.recipes import Recipe

RECIPES = {
    "direcformer_gesture": Recipe(model="direcformer", stills_clips=80_000, clips=90_000, order=0.05, directed=3.0),
    "timesformer_gesture": Recipe(model="timesformer", stills_clips=80_000, clips=50_000, order=0.0, directed=0.0),
}

"""Recipes of the embedded DirecFormer and its TimeSformer baseline.

    python -m training fit direcformer_gesture --out runs/direcformer
    python -m training fit timesformer_gesture --out runs/timesformer --init runs/direcformer/stills.safetensors

Stage 1 trains a small image ViT on rendered stills to find the fingertip (9 minutes on two cores); stage
2 copies it into the spatial attention of the first blocks, its weights also into the temporal attention,
temporal_fc zero (spec 3.6), and trains on rendered clips with L_cls on the ordered clip, L_ord and L_self
on the shuffled one (about an hour). Finding the fingertip takes the first blocks; those after it, which
start as the identity, are needed to gather the clip and to rank its frames.

L_self leaves the diagonal out and counts only the last blocks: earlier ones see one frame at a time and
cannot know the order. The paper counts every layer (`--directed-from 0`). A cosine that is sure and
wrong has no gradient, so L_self alone stalls; the side task `rank`, which names the original place of
each shuffled frame, keeps moving.

The shipped weights were not trained in one go: their card lists each stage with its settings (the time
embedding, three blocks and the rank task were added on the way, and the query and key of the last time
attention drawn anew once). The recipe below is where that search ended; it has not been run from the start.
"""

from training.recipes import Recipe

RECIPES = {
    "direcformer_gesture": Recipe(model="direcformer", stills_clips=80_000, stills_depth=5, clips=120_000, ordered=0.5, shuffled=1.0,
                                  order=0.05, directed=3.0, directed_from=7, rank=2.0),
    "timesformer_gesture": Recipe(model="timesformer", stills_clips=80_000, stills_depth=5, clips=50_000, order=0.0, directed=0.0),
}

"""How well each of AM Flow's outputs names clips alone.

    python -m training outputs --out assets/results/am_flow_outputs.json

The model averages 2 L + 1 outputs, one of each adapter and one of the image model. Each is asked
alone about rendered clips that no training run draws; nothing is trained.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from core.errors import BadInput
from core.explain.outputs import net_of, output_names, output_probabilities
from core.observe import classify
from core.runs import check_writable, write_atomically
from core.video.sets.named import check_folder
from core.weights import Model, load, load_checkpoint
from training.evaluate import folder_clips, rendered_clips
from training.publish import TEST_SEED

MODEL = "am_flow"


def measured(model: Model, samples: Any) -> dict[str, Any]:
    """Top-1 (a fraction) of each output alone and of all together, over samples.

    Raises: BadInput for another model than AM Flow, or if not one clip could be read.
    """
    names = output_names(model)
    right, together = [], []
    for sample in samples:
        truth = model.card.labels.index(sample.label)
        right.append(output_probabilities(model, sample.clip).argmax(1) == truth)
        together.append(int(classify(model, sample.clip).argmax()) == truth)
    if not right:
        raise BadInput("not one clip could be read; nothing was measured")
    shares = np.mean(right, axis=0)
    return {
        "clips": len(right),
        "top1": float(np.mean(together)),
        "outputs": [
            {"block": name.block, "place": name.place, "top1": float(share)}
            for name, share in zip(names, shares, strict=True)
        ],
    }


def add_flags(command: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    command.add_argument("--out", type=Path, required=True, help="a .json file")
    command.add_argument("--checkpoint", help="instead of the shipped weights: a checkpoint")
    command.add_argument("--test-clips", type=int, default=500, help="rendered clips (default 500)")
    command.add_argument("--real", type=Path, help="a folder DIR/<label>/<clip> of real clips")


def command(args: argparse.Namespace) -> int:
    """Measure the outputs and write the file.

    Raises: BadInput for a count below 1, another model, or a folder that is none.
    """
    if args.test_clips < 1:
        raise BadInput(f"--test-clips {args.test_clips} measures nothing; give 1 or more")
    if args.real:
        check_folder(args.real)
    model = load_checkpoint(args.checkpoint) if args.checkpoint else load(MODEL)
    net_of(model)
    check_writable(args.out.parent)
    clips = rendered_clips(args.test_clips, model.card, TEST_SEED)
    result: dict[str, Any] = {"model": model.card.model, "weights": model.card.hash}
    result["rendered"] = measured(model, tqdm(clips, total=args.test_clips, disable=None))
    if args.real:
        result["real"] = measured(model, tqdm(folder_clips(args.real, model.card), disable=None))
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(args.out, lambda temporary: temporary.write_text(text))
    print(args.out)
    return 0

"""How fast our networks train, beside the usual library's."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator

BATCH, PAIRS = 24, 15


def training() -> Iterator[tuple[str, float, str]]:
    """One ordered batch with cross-entropy, against transformers' TimeSformer of the same size.

    Clips a second as median ratios of alternating runs; aims are 1.2 (timesformer) and 1.0
    (direcformer). Beside it, what DirecFormer's step with its three losses, on ordered and on
    shuffled clips, costs more than the ordered batch.
    """
    import torch
    import transformers
    from torch.nn.functional import cross_entropy

    from core.models import build
    from core.models.direcformer import _GESTURE as SIZE
    from training.losses import self_loss

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    frames, size, width = SIZE["frames"], SIZE["size"], SIZE["width"]
    config = transformers.TimesformerConfig(
        image_size=size,
        patch_size=SIZE["patch"],
        num_frames=frames,
        hidden_size=width,
        num_hidden_layers=SIZE["depth"],
        num_attention_heads=SIZE["heads"],
        intermediate_size=4 * width,
        num_labels=SIZE["classes"],
        drop_path_rate=0,
    )
    theirs = transformers.TimesformerForVideoClassification(config).train()
    timesformer, direcformer = (
        build(name, drop_path=0.0).train() for name in ("timesformer", "direcformer")
    )
    video = torch.randn(BATCH, 3, frames, size, size)
    label, order = (
        torch.randint(SIZE["classes"], (BATCH,)),
        torch.stack([torch.randperm(frames) for _ in range(BATCH)]),
    )
    ordered = {
        "transformers": (theirs, lambda: theirs(video.transpose(1, 2)).logits),
        "timesformer": (timesformer, lambda: timesformer(video)),
        "direcformer": (direcformer, lambda: direcformer(video)),
    }

    def step(model: torch.nn.Module, loss: torch.Tensor) -> None:
        loss.backward()
        model.zero_grad()

    def with_all_losses() -> torch.Tensor:
        out = direcformer(torch.cat([video, video]), detail=True)
        shuffled = [a[BATCH:] for a in out.time_attention]
        classes = torch.zeros(BATCH, dtype=torch.long)
        return (
            cross_entropy(out.logits[:BATCH], label)
            + cross_entropy(out.order_logits[BATCH:], classes)
            + self_loss(shuffled, order)
        )

    steps: dict[str, Callable[[], None]] = {
        name: lambda model=model, logits=logits: step(model, cross_entropy(logits(), label))
        for name, (model, logits) in ordered.items()
    }
    steps["three losses"] = lambda: step(direcformer, with_all_losses())
    rows: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(PAIRS + 1):
        for name, run in steps.items():
            start = time.perf_counter()
            run()
            if turn:  # the first turn warms up
                rows[name].append(time.perf_counter() - start)
    for name in ("timesformer", "direcformer"):
        ratio = statistics.median(
            a / b for a, b in zip(rows["transformers"], rows[name], strict=True)
        )
        yield f"{name} / transformers' TimeSformer, clips/s in training", ratio, "x"
    yield "direcformer, ordered batch", BATCH / statistics.median(rows["direcformer"]), "clips/s"
    yield (
        "direcformer, three losses on ordered and shuffled clips",
        BATCH / statistics.median(rows["three losses"]),
        "clips/s",
    )

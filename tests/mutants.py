"""Small wrong edits, each of which a test must notice: python -m tests.mutants [WORD...].

One after another is made in a copy of the project, and the tests that it names are run there. With
words only the edits whose name holds one of them. The exit code is 1 if one survives. This takes
minutes and is outside CI, where `tests/test_mutants.py` only asks whether each edit still has its
place.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
NOT_COPIED = (
    ".git",
    ".venv",
    "venv",
    "build",
    "node_modules",
    "runs",
    ".mypy_cache",
    ".ruff_cache",
)


class Mutant(NamedTuple):
    """One edit: `old`, which stands in the file once, becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    only: str = ""
    """Which of these tests: pytest's -k."""


_LOSSES = "training/stages/losses.py"
_KERNEL = "training/stages/kernel.py"
_FITTED = ("tests/training/test_kernel.py",)
_HAND = ("tests/training/test_hand_values.py",)
_CAM = ("tests/core/explain/test_explain.py", "tests/core/explain/test_explanation.py")
_READING = ("tests/core/order/test_reading.py",)
_STORE = ("tests/pages/test_store.py",)
_PACKING = ("tests/core/draw/test_payload.py", "tests/core/draw/test_packing.py")
_MAPS = ("tests/core/explain/test_explain.py", "tests/core/explain/test_views.py")
_PUBLIC = ("tests/core/weights/test_card.py",)
_FAITHFUL = "core/explain/trust/faithfulness.py"
_TRUST = ("tests/core/explain/test_trust.py", "tests/core/explain/test_trust_random.py")
_TEMPORAL = ("tests/core/models/test_temporal.py",)

MUTANTS = (
    Mutant(
        "L_self of the early layers",
        _LOSSES,
        "seen.known_attention[r.directed_from :]",
        "seen.known_attention[: r.directed_from + 1]",
        _HAND,
    ),
    Mutant(
        "L_self with the diagonal turned round",
        _LOSSES,
        "r.symmetric, r.diagonal)",
        "r.symmetric, not r.diagonal)",
        _HAND,
    ),
    Mutant(
        "masked pre-training shows what it hides",
        "training/stages/video.py",
        "self.model(shown, detail=True)",
        "self.model(video, detail=True)",
        ("tests/training/test_masked.py",),
    ),
    Mutant(
        "masked pre-training asks for what it shows",
        "training/stages/masked.py",
        ")[hidden]\n",
        ")[~hidden]\n",
        ("tests/training/test_masked.py",),
    ),
    Mutant(
        "L_self always symmetric",
        _LOSSES,
        "seen.known_order, r.symmetric,",
        "seen.known_order, True,",
        _HAND,
    ),
    Mutant(
        "pairs of the first layer",
        _LOSSES,
        "pair_loss(seen.time_attention[-1]",
        "pair_loss(seen.time_attention[0]",
        _HAND,
    ),
    Mutant(
        "forward turned round",
        "training/evaluate.py",
        "reading.accuracy == reading.either_way",
        "reading.accuracy != reading.either_way",
        _HAND,
    ),
    Mutant(
        "a lesson's L_self with the diagonal",
        "training/teach.py",
        "diagonal=False)",
        "diagonal=True)",
        _HAND,
    ),
    Mutant(
        "votes above 0 alone", "core/models/am_flow.py", "uniform_(-1, 1)", "uniform_(0, 1)", _HAND
    ),
    Mutant(
        "the TCN's first level dilated",
        "core/models/temporal.py",
        "near(x.transpose(1, 2), 1)",
        "near(x.transpose(1, 2), 2)",
        _TEMPORAL,
    ),
    Mutant(
        "the TCN's last step alone",
        "core/models/temporal.py",
        "steps[..., -max(1, T - 24) :]",
        "steps[..., -1:]",
        _TEMPORAL,
    ),
    Mutant(
        "an order head is a TimeSformer's",
        "core/weights/public_card.py",
        'family = "direcformer" if is_directed',
        'family = "timesformer" if is_directed',
        _PUBLIC,
        "direcformer",
    ),
    Mutant(
        "an image model is taken name by name",
        "training/stages/video.py",
        "layout is not None and layout.is_image",
        "layout is not None and not layout.is_image",
        ("tests/training/test_start.py",),
    ),
    Mutant(
        "GradCAM sees all outputs",
        "core/models/am_flow.py",
        "of_last = PLACES if",
        "of_last = PLACES * len(self.am_blocks) if",
        ("tests/core/models/test_am_flow_model.py",),
        "gradcam",
    ),
    Mutant(
        "GradCAM: the weights' axes",
        "core/explain/gradcam.py",
        "gradient.mean((2, 3, 4), keepdim=True)",
        "gradient.mean((1, 3, 4), keepdim=True)",
        _CAM,
        "cam",
    ),
    Mutant(
        "GradCAM: what speaks against the class",
        "core/explain/gradcam.py",
        "sum(1).relu()",
        "sum(1).neg().relu()",
        _CAM,
        "cam",
    ),
    Mutant(
        "OrderAcc against the identity",
        "core/order/reading.py",
        "        order_accuracy(order.path, units),",
        "        order_accuracy(order.path, tuple(range(len(units)))),",
        _READING,
    ),
    Mutant(
        "a clip's whole units",
        "core/order/reading.py",
        "count = len(clip) // by.unit * by.unit",
        "count = len(clip) // by.unit",
        _READING,
    ),
    Mutant(
        "the newest value goes first", "pages/parts/store.py", "last=False", "last=True", _STORE
    ),
    Mutant(
        "the place of an array",
        "core/draw/payload.py",
        "Place(at=self.length,",
        "Place(at=self.length + 4,",
        _PACKING,
    ),
    Mutant(
        "the mean of the heads",
        "core/draw/packing.py",
        "take(total[None] / heads)",
        "take(total[None])",
        _PACKING,
    ),
    Mutant(
        "an explanation of another layer",
        "core/explain/explanation.py",
        "heat_over_space = spatial(trace, layer, head)",
        "heat_over_space = spatial(trace, None, head)",
        _MAPS,
    ),
    Mutant(
        "row and column through time",
        "core/explain/maps.py",
        "(t, row, col), head)[:, row, col]",
        "(t, col, row), head)[:, row, col]",
        _MAPS,
    ),
    Mutant(
        "every frame asks in the first",
        "core/explain/maps.py",
        "attention.heat((t, row, col), head)[t] for",
        "attention.heat((t, row, col), head)[0] for",
        _MAPS,
    ),
    Mutant(
        "deletion takes the coldest cells first",
        _FAITHFUL,
        "np.argsort(-np.nan_to_num(heat.ravel())",
        "np.argsort(np.nan_to_num(heat.ravel())",
        _TRUST,
    ),
    Mutant(
        "insertion is deletion",
        _FAITHFUL,
        "~gone if insert else gone",
        "gone if insert else ~gone",
        _TRUST,
    ),
    Mutant(
        "cells that are taken away are white",
        _FAITHFUL,
        "return torch.zeros_like(video)",
        "return torch.ones_like(video)",
        _TRUST,
    ),
    Mutant(
        "cells are blurred twice as far",
        _FAITHFUL,
        "sigma = BLUR * video.shape[-1]",
        "sigma = 2 * BLUR * video.shape[-1]",
        _TRUST,
    ),
    Mutant(
        "a set's heat is its mean",
        _FAITHFUL,
        "return correlation(sums, subsets.falls)",
        "return correlation(sums**2, subsets.falls)",
        _TRUST,
    ),
    Mutant(
        "what is put back is a share of the twin's score",
        "core/explain/patching.py",
        "difference / (self.clean - self.corrupted)",
        "difference / (self.clean)",
        ("tests/core/explain/test_patching.py",),
    ),
    Mutant(
        "a projection is fitted to what the new kernel gave",
        _KERNEL,
        "kind=before)",
        "kind=attention.tap.kernel.kind)",
        _FITTED,
    ),
    Mutant(
        "a fitted projection loses its bias",
        _KERNEL,
        "projection.bias.copy_(fitted[-1])",
        "projection.bias.copy_(0 * fitted[-1])",
        _FITTED,
    ),
    Mutant(
        "a fitted projection is transposed",
        _KERNEL,
        "projection.weight.copy_(fitted[:-1].T)",
        "projection.weight.copy_(fitted[:-1])",
        _FITTED,
    ),
    Mutant(
        "R2 is of what is not fitted",
        _KERNEL,
        "squares - 2 * (fitted",
        "squares + 2 * (fitted",
        _FITTED,
    ),
    Mutant(
        "R2 counts the mean as explained",
        _KERNEL,
        "spread = squares - (sums * sums).sum() / count",
        "spread = squares",
        _FITTED,
    ),
    Mutant(
        "a variant is taken for whatever settings are asked",
        "core/weights/files.py",
        "about.model == model and about.settings == settings and",
        "about.model == model and",
        ("tests/core/weights/test_files.py",),
        "variant",
    ),
    Mutant(
        "a variant's domain check is that of its model",
        "core/weights/domain.py",
        "if check.hash == card.hash",
        "if check.hash",
        ("tests/core/explain/test_domain.py",),
    ),
    Mutant(
        "a run fits no projection",
        "training/fit.py",
        'if before and state["stage"] is None:',
        'if before and state["stage"] is not None:',
        _FITTED,
    ),
)


def applied(mutant: Mutant, root: Path) -> str:
    """The file's text with the edit. Raises: ValueError where its place is not there just once."""
    text = (root / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.name}: {mutant.old!r} stands {text.count(mutant.old)} times in "
            f"{mutant.file}, not once; give the edit its new place"
        )
    return text.replace(mutant.old, mutant.new)


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test fails while the edit stands in the copy, which is then as before.

    Raises: ValueError where the tests did not run.
    """
    path = copy / mutant.file
    before = path.read_text(encoding="utf-8")
    path.write_text(applied(mutant, copy), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [*mutant.tests, *(["-k", mutant.only] if mutant.only else [])]
    try:
        run = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    finally:
        path.write_text(before, encoding="utf-8")
    if run.returncode not in (0, 1):  # 1 is a test that failed
        raise ValueError(f"{mutant.name}: its tests did not run\n{run.stdout}{run.stderr}")
    return run.returncode == 1


def main(words: list[str]) -> int:
    wanted = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    if not wanted:
        print(f"no edit's name holds {' or '.join(words)}")
        return 2
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
        for mutant in wanted:
            killed = is_killed(mutant, copy)
            survivors += not killed
            print(f"{'killed' if killed else 'SURVIVED':8} {mutant.name}", flush=True)
    print(f"{len(wanted) - survivors} killed, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

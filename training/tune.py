"""Search for a recipe's best settings with Optuna, over the ranges of RViT's paper (spec 1.5).

A study is a folder: study.db (SQLite), the run folder of each trial, and progress.json and end.json
as in a run folder. A study that was killed goes on: the trial that was under way starts with the
same settings in its own run folder, where the run goes on too.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelerate import PartialState

from core.errors import BadInput
from core.models import spec
from core.runs import STUDY, Progress, read_progress, read_rows, write_progress
from training.fit import Watch, fit
from training.folder import Folder, GivenUp, changed, described
from training.recipes import Recipe
from training.run import NotFinite

if TYPE_CHECKING:
    import optuna

FOLDER = "folder"
"""The attribute of a trial that names its run folder."""


def suggested(trial: optuna.Trial, recipe: Recipe) -> Recipe:
    """The recipe with a trial's settings: learning rate and weight decay.

    With them the restarts of a schedule that has them, and dropout where the model has it.
    """
    if "dropout" in inspect.signature(spec(recipe.model).make).parameters:
        dropout = trial.suggest_float("dropout", 0.1, 0.5)
        recipe = replace(recipe, settings=recipe.settings | {"dropout": dropout})
    if recipe.schedule == "restarts":
        restart = trial.suggest_int("restart_epochs", 5, 100, step=5)
        recipe = replace(recipe, restart_epochs=float(restart))
    return replace(
        recipe,
        lr=trial.suggest_float("lr", 2e-5, 2e-3, log=True),
        weight_decay=trial.suggest_float("weight_decay", 2e-5, 2e-3, log=True),
    )


def tune(recipe: Recipe, name: str, trials: int, out: Path) -> str:
    """Bring the study in `out` to `trials` finished trials.

    Returns its best settings as flags of `fit`, on one line. The objective is the top-1 of the
    averaged weights on held-out clips; trials that fall behind the median of those before them are
    given up. Raises: BadInput if `out` holds another recipe's study, or if nothing would be
    measured.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError  # of the data base behind Optuna

    if PartialState().num_processes > 1:
        raise BadInput("tune runs in one process; start it without a launcher")
    if not recipe.validate_clips:
        recipe = replace(recipe, validate_clips=500)
    # its warnings hold the traceback of a trial that was interrupted
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "study.db"
    is_new = not file.exists()
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{file.resolve()}")
    except SQLAlchemyError as error:
        if is_new:
            raise _no_room(file, error) from None
        raise BadInput(
            f"{file} is no study that can be read ({type(error).__name__}); choose another --out "
            "or remove it"
        ) from None
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="study",
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=5, n_warmup_steps=recipe.validate_every
            ),
        )
        _claim(study, name, recipe, out)
        with Folder(out).ending():
            _search(study, name, recipe, trials, out)
        best = study.best_trial
        flags = " ".join(_flag(name, value) for name, value in best.params.items())
        return f"{best.value:.4f} in {best.user_attrs[FOLDER]}: {flags}"
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise _no_room(file, error) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _no_room(file: Path, error: Exception) -> BadInput:
    return BadInput(
        f"{file} cannot be read or written ({type(error).__name__}); look whether there is room on "
        "its disk, or choose another --out"
    )


def _search(study: optuna.Study, name: str, recipe: Recipe, trials: int, out: Path) -> None:
    """Bring a study to so many finished trials. Raises: BadInput if none was completed."""
    import optuna

    _requeue(study)
    progress = _progress(study, trials, out)
    progress()
    while (finished := len(_finished(study))) < trials:
        # Another seed at each start, or a study that goes on would draw its first settings again.
        study.sampler = optuna.samplers.TPESampler(
            seed=(recipe.seed * 1_000_003 + len(study.trials)) % 2**32
        )
        study.optimize(
            _objective(recipe, name, out),
            n_trials=trials - finished,
            callbacks=[lambda *_: progress()],
        )
    if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        raise BadInput("no trial was completed; ask for more --trials")


def _objective(recipe: Recipe, name: str, out: Path) -> Callable[[optuna.Trial], float]:
    def objective(trial: optuna.Trial) -> float:
        import optuna

        folder = trial.user_attrs.get(FOLDER) or f"trial-{trial.number:04}"
        trial.set_user_attr(FOLDER, folder)
        watch = _watched(trial, out / folder)
        try:
            fit(suggested(trial, recipe), name, out / folder, watch)
        except KeyboardInterrupt:
            trial.study.enqueue_trial(trial.params, user_attrs={FOLDER: folder})
            raise
        except (GivenUp, NotFinite) as error:  # a rate too high is an answer too
            raise optuna.TrialPruned(str(error)) from None
        measured = [top1 for _, top1 in _measured(out / folder)]
        return max(measured) if recipe.patience else measured[-1]

    return objective


def _watched(trial: optuna.Trial, folder: Path) -> Watch:
    """Tells the study of each trial of the weights, and gives the run up where it falls behind."""
    before = dict(_measured(folder))  # by the run that a kill ended, which goes on
    for clips, top1 in before.items():
        trial.report(top1, clips)

    def watch(clips: int, top1: float) -> None:
        if clips not in before:
            trial.report(top1, clips)
        if trial.should_prune():
            raise GivenUp

    return watch


def _measured(folder: Path) -> list[tuple[int, float]]:
    """Clips seen and held-out top-1 of every trial of the weights that a run has reported."""
    return [
        (row["clips"], row["validation_top1"])
        for row in read_rows(folder)
        if "validation_top1" in row
    ]


def _progress(study: optuna.Study, trials: int, out: Path) -> Callable[[], None]:
    """Writes how far the study is: a finished trial counts all clips of a run."""
    began, before = time.monotonic(), len(_finished(study))

    def write() -> None:
        finished = _finished(study)
        run = read_progress(out / finished[-1].user_attrs[FOLDER]) if finished else None
        clips = run.total if run else 0  # not known before the first trial
        speed = clips * (len(finished) - before) / max(time.monotonic() - began, 1e-9)
        progress = Progress(STUDY, clips * len(finished), clips * trials, round(speed, 1))
        write_progress(out, progress)

    return write


def _claim(study: optuna.Study, name: str, recipe: Recipe, out: Path) -> None:
    now = described(name, recipe)
    before = study.user_attrs.get("recipe")
    fields = changed(before, now) if before is not None else []
    if fields:
        raise BadInput(
            f"{out} holds a study with other settings ({', '.join(fields)}); choose another --out "
            "or remove it"
        )
    study.set_user_attr("recipe", now)


def _requeue(study: optuna.Study) -> None:
    """Trials that a kill left under way fail, and their settings come next, in the same folder."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if FOLDER in trial.user_attrs:
            study.enqueue_trial(trial.params, user_attrs={FOLDER: trial.user_attrs[FOLDER]})


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    return study.get_trials(
        deepcopy=False, states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    )


def _flag(key: str, value: float) -> str:
    """A setting as it is given to `fit`."""
    if key == "dropout":
        return f"--set {key}={value:.6g}"
    return f"--{key.replace('_', '-')} {value:.6g}"

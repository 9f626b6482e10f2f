"""Where a checkpoint comes from: a file, a folder as the hub lays it out, or the hub itself.

The hub may be out of reach, so files that are here already are used without a network.
huggingface_hub is asked only for what is missing, and keeps to its own settings: HF_HUB_OFFLINE,
HF_HOME, HF_ENDPOINT, HF_TOKEN.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.weights.tensors import shard_names

FOLDER = "AIM_CHECKPOINTS"
"""Environment variable: a folder with checkpoints by name.

They are in OWNER/NAME/ or NAME/, as the hub lays them out.
"""
WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
"""How the hub calls weights, or the index of the files that they are spread over."""
SUFFIXES = (".safetensors", ".pth", ".pyth", ".pt", ".bin", ".ckpt", ".tar")
"""What files of weights end in. Which kind one is tells its content."""
BESIDE = ("config.json", "preprocessor_config.json", "README.md")
Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0), perhaps from another thread."""


@dataclass(frozen=True)
class Named:
    """A public checkpoint by name."""

    name: str
    source: str
    model: str
    preset: str
    data: str
    license: str
    megabytes: int

    @property
    def is_image(self) -> bool:
        """Whether it is a frozen image model, which shows where it looks and names no classes."""
        from core.models import image_models

        return self.model in image_models()


def _named(
    title: str, model: str, preset: str, megabytes: int, repos: dict[str, str]
) -> list[Named]:
    short = {"Kinetics-400": "K400", "Kinetics-600": "K600", "Something-Something v2": "SSv2"}
    return [
        Named(
            f"{title} {short[data]}", f"hf://{repo}", model, preset, data, "CC-BY-NC-4.0", megabytes
        )
        for data, repo in repos.items()
    ]


LVD = ("LVD-142M, 142 million images without labels", "Apache-2.0")
IN1K = ("ImageNet-1K, 1.3 million images", "CC-BY-NC-4.0")
WIT = ("400 million images with their captions", "MIT")

NAMED = {
    named.name: named
    for named in [
        # Image models first: they say something of any clip, and most have a free licence.
        Named("DINOv2-S", "hf://facebook/dinov2-small", "dinov2", "s", *LVD, 88),
        Named("DINOv2-B", "hf://facebook/dinov2-base", "dinov2", "b", *LVD, 346),
        Named("CLIP-B", "hf://openai/clip-vit-base-patch16", "clip", "b", *WIT, 599),
        Named("Hiera-B", "hf://facebook/hiera-base-224-in1k-hf", "hiera", "b", *IN1K, 206),
        *_named(
            "TimeSformer",
            "timesformer",
            "b",
            490,
            {
                "Kinetics-400": "facebook/timesformer-base-finetuned-k400",
                "Kinetics-600": "facebook/timesformer-base-finetuned-k600",
                "Something-Something v2": "facebook/timesformer-base-finetuned-ssv2",
            },
        ),
        *_named(
            "VideoMAE-B",
            "videomae",
            "b",
            350,
            {
                "Kinetics-400": "MCG-NJU/videomae-base-finetuned-kinetics",
                "Something-Something v2": "MCG-NJU/videomae-base-finetuned-ssv2",
            },
        ),
        *_named(
            "VideoMAE-S",
            "videomae",
            "s",
            90,
            {
                "Kinetics-400": "MCG-NJU/videomae-small-finetuned-kinetics",
                "Something-Something v2": "MCG-NJU/videomae-small-finetuned-ssv2",
            },
        ),
    ]
}


@dataclass(frozen=True)
class Files:
    """A checkpoint on this machine."""

    name: str  # for messages
    source: str
    weights: Path
    beside: dict[str, Path]
    """Those of BESIDE that are there."""
    named: Named | None = None


def offered() -> list[Named]:
    """The named checkpoints whose model there is."""
    from core.models import available, image_models

    models = available() | image_models()
    return [named for named in NAMED.values() if named.model in models]


def ready() -> list[Named]:
    """The offered checkpoints that are on this machine; asks no network.

    They are in the hub's cache or the folder of FOLDER.
    """
    return [named for named in offered() if local(named.source)]


def local(source: str | Path) -> Files | None:
    """The files of a checkpoint if they are on this machine, else None; asks no network.

    Raises: BadInput for a path that does not exist or holds no weights.
    """
    source = NAMED[str(source)].source if str(source) in NAMED else str(source)
    hub = _repository(source)
    if hub is None:
        return _from_path(Path(source))
    repo, revision = hub
    named = next((n for n in NAMED.values() if n.source == f"hf://{repo}"), None)
    root = os.environ.get(FOLDER)
    if root and revision is None:
        for folder in (Path(root) / repo, Path(root) / repo.split("/")[1]):
            weights = next((folder / w for w in WEIGHTS if (folder / w).is_file()), None)
            if weights:
                return Files(
                    repo,
                    source,
                    weights,
                    {b: folder / b for b in BESIDE if (folder / b).is_file()},
                    named,
                )
    return _from_cache(repo, revision, source, named)


def fetch(source: str | Path, progress: Progress | None = None) -> Files:
    """The files of a checkpoint, downloaded if they are not on this machine.

    Args:
        source: a file, a folder, a name of NAMED, or hf://OWNER/NAME[@REVISION]. A copy in the
            hub's cache is used as it is; name a revision to get another.
        progress: hears of the bytes of the weights; without it there is a bar on a terminal's
            stderr.

    Raises: BadInput, one line, for a source that does not exist or cannot be reached.
    """
    there = local(source)
    if there:
        return there
    source = NAMED[str(source)].source if str(source) in NAMED else str(source)
    place = _repository(source)
    assert place is not None, "a path is local, or was refused"
    repo, revision = place
    with _clear_errors(repo, revision):
        _reach()
        for name in BESIDE:
            _download(repo, name, revision, None)
        if not any(_download(repo, name, revision, progress) for name in WEIGHTS):
            raise BadInput(
                f"hf://{repo} holds neither {' nor '.join(WEIGHTS)}; give another checkpoint"
            )
        for name in _shards_to_get(repo, revision):
            _download(repo, name, revision, progress)
    there = local(source)
    if there is None:
        raise BadInput(
            f"hf://{repo} was downloaded but is not in the hub's cache; look at HF_HOME and "
            "HF_HUB_CACHE"
        )
    return there


def _repository(source: str) -> tuple[str, str | None] | None:
    """(OWNER/NAME, revision) of hf://OWNER/NAME[@REVISION], None for a path."""
    if not re.match(r"hf:/", source):
        return None
    # One slash will do: a Path folds // into /.
    match = re.fullmatch(r"hf:/{1,2}(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?", source)
    if not match or ".." in source:
        raise BadInput(
            f"{source} is no name of a checkpoint on the hub; write hf://OWNER/NAME or "
            "hf://OWNER/NAME@REVISION"
        )
    return match[1], match[2]


def _from_path(path: Path) -> Files:
    if not path.exists():
        raise BadInput(
            f"{path} does not exist; give a checkpoint file, a folder with config.json and "
            f"model.safetensors, hf://OWNER/NAME, or one of {', '.join(n.name for n in offered())}"
        )
    if path.is_dir():
        return in_folder(path)
    return Files(path.name, path.name, path, _beside(path.parent))


def in_folder(folder: Path) -> Files:
    """The checkpoint in a folder.

    Raises: BadInput for a folder without weights, or with several and no index.
    """
    return Files(folder.name, folder.name, _weights_in(folder), _beside(folder))


def _beside(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in BESIDE if (folder / name).is_file()}


def _weights_in(folder: Path) -> Path:
    """The weights of a folder: those that the hub's names say, else the only file that is some.

    Raises: BadInput for a folder without weights, or with several and no index.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) == 1:
        return files[0]
    if files:
        raise BadInput(
            f"{folder} holds {len(files)} files of weights, such as {files[0].name}, and no index "
            "of them; give one of the files itself"
        )
    raise BadInput(
        f"{folder} is a folder without {' or '.join(WEIGHTS[:2])}; give a folder as the hub lays "
        "it out, or the file itself"
    )


def _from_cache(repo: str, revision: str | None, source: str, named: Named | None) -> Files | None:
    from huggingface_hub import try_to_load_from_cache

    entries = {
        name: try_to_load_from_cache(repo, name, revision=revision) for name in (*WEIGHTS, *BESIDE)
    }
    paths = {name: Path(entry) for name, entry in entries.items() if isinstance(entry, str)}
    weights = next((paths[name] for name in WEIGHTS if name in paths), None)
    # None stands for a file that is neither here nor known to be missing on the hub.
    if weights is None or entries["config.json"] is None:
        return None
    if weights.suffix == ".json":
        names = shard_names(weights)
        if not all((weights.parent / name).is_file() for name in names):
            return None
    beside = {name: paths[name] for name in BESIDE if name in paths}
    return Files(repo, source, weights, beside, named)


def _shards_to_get(repo: str, revision: str | None) -> list[str]:
    """The files that the index in the cache names; none where the weights are one file."""
    from huggingface_hub import try_to_load_from_cache

    entries = [try_to_load_from_cache(repo, name, revision=revision) for name in WEIGHTS]
    paths = [Path(entry) for entry in entries if isinstance(entry, str)]
    return shard_names(paths[0]) if paths and paths[0].suffix == ".json" else []


def _reach() -> None:
    """One try, so that a machine without a network is told so at once.

    The hub's client would try for half a minute.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    get_session().head(constants.ENDPOINT, timeout=10)


def _download(repo: str, name: str, revision: str | None, progress: Progress | None) -> bool:
    """Whether the hub has this file, which is then in its cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    try:
        hf_hub_download(
            repo, name, revision=revision, tqdm_class=_bar(progress) if progress else None
        )
    except LocalEntryNotFoundError:  # the connection broke
        raise
    except RemoteEntryNotFoundError:
        return False
    return True


def _bar(progress: Progress) -> type:
    """The progress bar that the hub's client wants: it tells `progress` instead of a terminal."""
    from tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings | {"disable": True})
            self.done = int(settings.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            progress(self.done, int(self.total or 0))

    return Bar


@contextmanager
def _clear_errors(repo: str, revision: str | None) -> Iterator[None]:
    """Turn what the hub's client raises into one line that says what to do."""
    from huggingface_hub import errors

    instead = "give a local folder with config.json and model.safetensors"
    try:
        yield
    except BadInput:
        raise
    except errors.OfflineModeIsEnabled:
        raise BadInput(
            f"hf://{repo} is not in the hub's cache and HF_HUB_OFFLINE is set; unset it, or "
            f"{instead}"
        ) from None
    except errors.GatedRepoError:
        raise BadInput(
            f"hf://{repo} asks for a login and its owner's leave; log in with `hf auth login`, or "
            f"{instead}"
        ) from None
    except errors.RevisionNotFoundError:
        raise BadInput(
            f"hf://{repo} has no revision {revision!r}; leave it out, or look its name up on the "
            "hub"
        ) from None
    except errors.RepositoryNotFoundError:
        raise BadInput(
            f"hf://{repo} is not on the hub, or is private; check OWNER/NAME, or {instead}"
        ) from None
    except errors.HFValidationError:
        raise BadInput(
            f"hf://{repo} is no name of a checkpoint on the hub; write hf://OWNER/NAME"
        ) from None
    except (OSError, errors.HTTPError, errors.XetDownloadError) as error:
        from_afar = isinstance(error, ConnectionError | TimeoutError | errors.HfHubHTTPError)
        if isinstance(error, OSError) and error.errno is not None and not from_afar:
            raise  # this machine's own: a full disk, a folder that cannot be written
        raise BadInput(
            f"hf://{repo} is not in the hub's cache and the hub cannot be reached "
            f"({type(error).__name__}); connect and try again, or {instead}"
        ) from None

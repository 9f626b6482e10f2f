"""Where a clip and a model come from, and the text of each that links, widgets and caches hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from core.errors import BadInput, brief
from core.video import Recording
from core.weights import model_of
from core.world.gestures import RENDERED_FRAMES, Uncut, View


class ClipSource(ABC):
    """Where a clip comes from: a gesture that this app renders, a video file, or a camera."""

    is_upload = False
    """Whether it is one visitor's own, so that nothing of it leaves that visitor's session."""

    @staticmethod
    def parse(text: str) -> ClipSource:
        """The source that `str` wrote, of any but a recording.

        Raises: BadInput for any other text.
        """
        kind, _, name = text.partition(":")
        if kind == "render":
            label, _, rest = name.partition(":")
            seed, _, view = rest.partition(":")
            if seed.isdecimal() and view in ("", "front"):
                return Rendered(label, int(seed), "front" if view else "own")
        if kind in ("folder", "upload"):
            return VideoFile(Path(name), kind == "upload")
        raise BadInput(
            f"{brief(repr(text))} is no source of a clip; use render:LABEL:SEED[:front], "
            "folder:PATH or upload:PATH"
        )

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    @abstractmethod
    def version(self) -> float:
        """A number that is another one when what lies behind the source was replaced."""

    @property
    def place(self) -> tuple[str, float]:
        """What tells it apart from any other source."""
        return str(self), self.version


@dataclass(frozen=True)
class Rendered(ClipSource):
    """A gesture that is drawn when it is asked for: `render:LABEL:SEED`, or with `:front`."""

    label: str
    seed: int
    view: View = "own"
    """From the drawer's own eyes, or from the front, as a webcam sees the drawer."""

    def __str__(self) -> str:
        return self.uncut.name

    @property
    def version(self) -> float:
        return 0.0

    @property
    def uncut(self) -> Uncut:
        """All of its frames, each of which is drawn when it is asked for."""
        return Uncut(self.label, self.seed, RENDERED_FRAMES, self.view)


@dataclass(frozen=True)
class VideoFile(ClipSource):
    """A file of the folder named at start-up, `folder:PATH`, or an upload, `upload:PATH`."""

    path: Path
    is_upload: bool

    def __str__(self) -> str:
        kind = "upload" if self.is_upload else "folder"
        return f"{kind}:{self.path}"

    @property
    def version(self) -> float:
        """When the file changed, in seconds; 0 for one that is gone."""
        return self.path.stat().st_mtime if self.path.exists() else 0.0


@dataclass(frozen=True)
class Recorded(ClipSource):
    """What a visitor's camera has taken: `record:ID`.

    It is in that visitor's session alone, so no text brings it back.
    """

    recording: Recording
    is_upload = True

    def __str__(self) -> str:
        return f"record:{self.recording.id}"

    @property
    def version(self) -> float:
        return 0.0


ModelKind = Literal["shipped", "public", "random", "file"]


@dataclass(frozen=True)
class ModelSource:
    """Where a model's weights come from.

    As text: `NAME` for those shipped with the app, `public:NAME`, `random:NAME` or `file:PATH`.
    """

    kind: ModelKind
    name: str
    """A shipped checkpoint, a network of core.models, one of core.weights.hub.NAMED, or a file."""

    @staticmethod
    def parse(text: str) -> ModelSource:
        """The source that `str` wrote; a text without a kind names a shipped model."""
        for kind in get_args(ModelKind):
            if text.startswith(f"{kind}:") and kind != "shipped":
                return ModelSource(kind, text.removeprefix(f"{kind}:"))
        return ModelSource("shipped", text)

    def __str__(self) -> str:
        return self.name if self.kind == "shipped" else f"{self.kind}:{self.name}"

    @property
    def network(self) -> str | None:
        """The network of core.models, where the source's own name says which."""
        return model_of(self.name) if self.kind in ("shipped", "random") else None

"""A loaded model: the network, and what must be known to use it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.models import Spec, spec
from core.models.video_model import VideoModel
from core.video import Clip, Sampling, decode
from core.video.progress import Progress, silent
from core.weights.card import Card


@dataclass(frozen=True, eq=False)
class Model:
    """A network in memory and its card.

    Every session shares the network, and whoever follows its gradients hooks it for a moment: hold
    `lock` while it runs.
    """

    net: VideoModel
    card: Card
    lock: AbstractContextManager[bool] = field(default_factory=threading.RLock, repr=False)

    @property
    def spec(self) -> Spec:
        """What `core.models` says of it."""
        return spec(self.card.model)

    @property
    def unit(self) -> int:
        """Frames that one temporal token covers."""
        return self.net.unit_frames

    def changed(self, **fields: Any) -> Model:
        """The same network with other values of these fields of the card, as `Card.changed`."""
        return replace(self, card=self.card.changed(**fields))

    def read(
        self,
        path: str | Path,
        *,
        frames: int | None = None,
        sampling: Sampling | None = None,
        stride: int | None = None,
        start: float | None = None,
        end: float | None = None,
        progress: Progress = silent,
    ) -> Clip:
        """Decode a clip as the card says, unless told otherwise.

        `start` and `end` are seconds from the first frame, `progress` is told as by
        `core.video.decode`. Raises: BadInput as `core.video.decode`.
        """
        return decode(
            path,
            frames=self.card.frames if frames is None else frames,
            sampling=self.card.sampling if sampling is None else sampling,
            stride=self.card.stride if stride is None else stride,
            rate=self.card.rate if stride is None else 0.0,
            start=start,
            end=end,
            progress=progress,
        )

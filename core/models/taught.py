"""A network that was taught in a session: its own, and a classifier learned from a few clips.

A network that was trained on ten strokes keeps little more of a clip than which of the ten it is
in what its own classifier reads. So the new one also reads the last layer's patch tokens, their
mean over each frame: where the fingertip is, frame by frame, is still to be found there.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.errors import BadInput
from core.models.blocks import silence
from core.models.linear import Linear
from core.models.video_model import Output, VideoModel


class Taught(VideoModel):
    """A network whose classes are those of a linear layer on its `features`.

    Args:
        base: the network, which keeps a classifier of its own that is no longer asked.
        classes: C, number of the new classes.
    """

    def __init__(self, base: VideoModel, classes: int) -> None:
        super().__init__()
        self.base = base
        self.size, self.frames, self.unit_frames = base.size, base.frames, base.unit_frames
        self.is_recurrent, self.cam = False, base.cam
        self.steps = base.frames // base.unit_frames
        device = next(base.parameters()).device
        blank = torch.zeros(1, 3, base.frames, base.size, base.size, device=device)
        with torch.no_grad():
            self.widths = [block.shape[1] for block in self.blocks(blank)[0]]
        with device:
            self.head = Linear(sum(self.widths), classes)
        silence(self.head)

    def blocks(self, video: Tensor) -> tuple[tuple[Tensor, Tensor], Output]:
        """What the classifier reads of video (B, 3, T, H, W), in two blocks, and the whole output.

        What the network's own classifier reads, (B, F), and each step's mean patch token,
        (B, T' D). A clip of another length than in training is stretched to its T'.

        Raises: BadInput for a network whose output lacks either.
        """
        output = self.base(video, detail=True)
        if output.features is None or output.patches is None:
            raise BadInput(
                f"{type(self.base).__name__} does not say what its classifier reads, so it cannot "
                "be taught other classes; choose another model"
            )
        means = output.patches.mean((2, 3))
        if means.shape[1] != self.steps:
            means = interpolate(means.transpose(1, 2), self.steps, mode="linear").transpose(1, 2)
        return (output.features, means.flatten(1)), output

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        blocks, output = self.blocks(video)
        logits = self.head(torch.cat(blocks, 1))
        return replace(output, logits=logits) if detail else logits

    @property
    def network(self) -> VideoModel:
        return self.base

    @property
    def trunk(self) -> nn.ModuleList:
        return self.base.trunk

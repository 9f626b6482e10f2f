"""What each loss of the video stage is made of: hand values of Eq. 13 and of its companions."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log1p
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from core.models.am_flow import AMFlow
from core.models.video_model import Output
from core.video import Clip
from core.world.gestures import DIRECTED, LABELS
from tests.core.models.am_flow_nets import fresh
from tests.training.tiny import RECIPE
from training import evaluate
from training.evaluate import Sample, measure
from training.lesson import Lesson
from training.stages import Video
from training.stages.stage import Plan
from training.teach import Course

FIRST = [[0.5, 0.2], [-0.4, 0.1]]
LAST = [[0.3, 0.6], [-0.2, 0.7]]
"""Two layers' attention over time in a clip of two frames, shuffled by the order (0, 1)."""


class Fake(nn.Module):
    """A network that returns what it was given, whatever it sees."""

    def __init__(self, *time_attention: Tensor) -> None:
        super().__init__()
        self.layers = nn.ParameterList(time_attention)

    def forward(self, video: Tensor, detail: bool = False) -> Output:
        clips = len(self.layers[0])
        patches = torch.zeros(clips, 2, 1, 1, 10)
        return Output(torch.zeros(clips, 10), time_attention=tuple(self.layers), patches=patches)


def means(**changes: object) -> dict[str, float]:
    """The means of one clip in order, one shuffled by (0, 1), and one by (1, 0).

    The direction of the first of the two can be known, that of the second cannot.
    """
    recipe = replace(RECIPE, directed=1.0, pairs=1.0, **changes)
    module = Video(recipe, LABELS, DIRECTED)
    junk, undirected = [[9.0, 9.0], [9.0, 9.0]], [[0.8, 0.1], [-0.3, 0.9]]
    module.model = Fake(
        torch.tensor([junk, FIRST, undirected]), torch.tensor([junk, LAST, undirected])
    )
    module.names = ("directed", "pairs", "directed_last")
    truth = {
        "label": torch.tensor([0]),
        "order": torch.tensor([[0, 1], [1, 0]]),
        "arrow": torch.tensor([True, False]),
    }
    plan = Plan(
        torch.zeros(3, 2, 8, 8, 3, dtype=torch.uint8), truth, dict.fromkeys(module.names, 1)
    )
    return {name: mean.item() for name, mean in module.eval().means(plan).items()}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("directed_from", "diagonal", "symmetric", "directed"),
    [
        # (1 - a) sgn, over four cells of FIRST: -0.5 + 0.8 - 1.4 - 0.9 = -2; of LAST: -1.8
        (0, True, False, (-0.5 - 0.45) / 2),
        (1, True, False, -0.45),
        # without the diagonal, over two cells: 0.8 - 1.4 = -0.6 and 0.4 - 1.2 = -0.8
        (0, False, False, (-0.3 - 0.4) / 2),
        (1, False, False, -0.4),
        # every sign of the released helper's matrix is +1: 3.6 and 2.6, off the diagonal 2.2, 1.6
        (0, True, True, (0.9 + 0.65) / 2),
        (1, False, True, 0.8),
    ],
)
def test_l_self_counts_the_layers_cells_and_signs_that_the_recipe_says(
    directed_from: int, diagonal: bool, symmetric: bool, directed: float
) -> None:
    settings = {"directed_from": directed_from, "diagonal": diagonal, "symmetric": symmetric}
    values = means(**settings)
    assert values["directed"] == pytest.approx(directed)
    assert values["directed_last"] == pytest.approx(-0.4), "reported alike, whatever is learned"


@pytest.mark.usefixtures("tiny")
def test_pairs_are_asked_of_the_last_layer() -> None:
    def coin(log_odds: float) -> float:
        return log1p(exp(-log_odds))

    directed = coin(8 * 0.6) + coin(8 * 0.2)
    neighbours = coin(8 * 0.1) + coin(8 * -0.3)  # counted twice each
    expected = (directed + 2 * neighbours) / 6
    assert means()["pairs"] == pytest.approx(expected)


def test_a_lesson_learns_l_self_of_the_last_layer_without_the_diagonal() -> None:
    student = Fake(torch.tensor([FIRST]), torch.tensor([LAST]))
    course = SimpleNamespace(
        student=student,
        bfloat16=False,
        lesson=Lesson(pairs=0.0, directed=1.0),
        optimiser=torch.optim.SGD(student.parameters(), 0.1),
    )
    loss = Course._learn_from(course, torch.zeros(1), torch.tensor([[0, 1]]))
    assert loss == pytest.approx(-0.4)
    assert torch.equal(student.layers[1].diagonal(dim1=1, dim2=2)[0], torch.tensor([0.3, 0.7]))


def test_a_path_goes_forward_where_the_truth_is_met_no_better_backwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = [
        SimpleNamespace(accuracy=a, either_way=e, order=SimpleNamespace(direction_margin=0.1))
        for a, e in ((75.0, 75.0), (50.0, 75.0))
    ]
    later = iter(readings)
    p = torch.eye(10)[0].numpy()
    monkeypatch.setattr(evaluate, "at_once", lambda *_: 1)
    monkeypatch.setattr(evaluate, "has_order_head", lambda *_: False)
    monkeypatch.setattr(evaluate, "_read_batch", lambda *_: [(p, next(later))])
    frames = torch.zeros(2, 4, 4, 3, dtype=torch.uint8).numpy()
    clip = Clip(frames, torch.arange(2).double().numpy(), "a", "b")
    samples = [Sample(LABELS[0], clip, name, None) for name in "ab"]
    rows = measure(SimpleNamespace(card=SimpleNamespace(labels=LABELS)), samples)
    assert [row.forward for row in rows] == [True, False]


def test_random_votes_are_of_either_sign() -> None:
    """The paper gives no distribution: ours is even around 0, no vote above 1 / sqrt(outputs)."""
    torch.manual_seed(0)
    model: AMFlow = fresh(combine="random")
    model._set_votes("random", 1000)
    assert 0.45 < (model.votes < 0).float().mean() < 0.55
    assert 0.9 < model.votes.abs().max() * 1000**0.5 <= 1

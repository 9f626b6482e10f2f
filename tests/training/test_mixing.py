"""What is done to a whole batch: hand values of mixed clips, their targets, and erased boxes."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from training.augment import mix, random_erasing
from training.augment.mixing import soft_targets


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def test_soft_targets_by_hand() -> None:
    torch.testing.assert_close(
        soft_targets(torch.tensor([2, 0]), 4, 0.1),
        torch.tensor([[0.025, 0.025, 0.925, 0.025], [0.925, 0.025, 0.025, 0.025]]),
    )


def levels(values: list[float]) -> Tensor:
    return torch.tensor(values)[:, None, None, None, None].expand(len(values), 3, 2, 8, 8).clone()


def test_mixup_blends_with_the_mirror_place_and_its_label_alike() -> None:
    shares = []
    for seed in range(30):
        video, targets = mix(
            levels([0.0, 1.0, 0.5]),
            torch.tensor([0, 1, 2]),
            5,
            seeded(seed),
            cutmix=0.0,
            smoothing=0.0,
        )
        keep = targets[0, 0].item()
        torch.testing.assert_close(targets[0], torch.tensor([keep, 0, 1 - keep, 0, 0]))
        # The middle meets itself.
        torch.testing.assert_close(targets[1], torch.tensor([0, 1.0, 0, 0, 0]))
        torch.testing.assert_close(video[0], torch.full((3, 2, 8, 8), 0.5 * (1 - keep)))
        shares.append(keep)
    assert min(shares) < 0.2 and max(shares) > 0.8


def test_cutmix_pastes_one_box_into_all_frames_and_labels_follow_its_area() -> None:
    areas = []
    for seed in range(200):
        video, targets = mix(
            levels([0.0, 1.0]), torch.tensor([3, 1]), 4, seeded(seed), mixup=0.0, smoothing=0.0
        )
        area = video[0, 0, 0].mean().item()
        torch.testing.assert_close(targets[0], torch.tensor([0, area, 0, 1 - area]))
        assert torch.equal(video[0], video[0, :1, :1].expand(3, 2, 8, 8)) and torch.equal(
            video[1], 1 - video[0]
        )
        rows, cols = video[0, 0, 0].nonzero(as_tuple=True)
        assert not len(rows) or len(rows) == (rows.max() - rows.min() + 1) * (
            cols.max() - cols.min() + 1
        )
        areas.append(area)
    assert min(areas) < 0.1 and max(areas) > 0.6


def test_mixing_switches_between_the_two_and_targets_sum_to_one() -> None:
    cuts = 0
    for seed in range(60):
        video, targets = mix(levels([0.0, 1.0]), torch.tensor([0, 1]), 7, seeded(seed))
        torch.testing.assert_close(targets.sum(1), torch.ones(2))
        assert targets.min() >= 0.1 / 7 - 1e-6, "smoothing stays"
        cuts += bool(((video == 0) | (video == 1)).all())
    assert 15 < cuts < 45
    plain, targets = mix(
        levels([0.0, 1.0]), torch.tensor([0, 1]), 2, seeded(), mixup=0, cutmix=0, smoothing=0
    )
    assert torch.equal(plain, levels([0.0, 1.0])) and torch.equal(targets, torch.eye(2))


def test_erasing_hits_a_quarter_of_the_clips_with_one_box_of_noise_in_all_frames() -> None:
    batch = torch.full((400, 3, 2, 12, 12), 9.0)
    out = random_erasing(batch, seeded())
    hit = (out != 9).flatten(1).any(1)
    assert 70 < hit.sum() < 130 and (batch == 9).all()
    areas = []
    for clip in out[hit]:
        assert torch.equal(clip[:, 0], clip[:, 1])
        rows, cols = (clip[0, 0] != 9).nonzero(as_tuple=True)
        assert len(rows) == (rows.max() - rows.min() + 1) * (cols.max() - cols.min() + 1)
        areas.append(len(rows) / 144)
    assert min(areas) > 0.005 and max(areas) < 0.4
    noise = out[out != 9]
    assert noise.mean().abs() < 0.05 and (noise.std() - 1).abs() < 0.05

"""Augmentation of a clip: hand values, the generator's chance alone, and all frames alike."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from core.errors import BadInput
from core.world.gestures import LABELS
from training.augment import ClipTransform, clip_transform, multi_view, resized_crop
from training.augment.colour import blur, jitter_colour
from training.augment.crops import crops
from training.augment.lists import FARAugment, JitteredCrop, RViTAugment
from training.augment.randaugment import FILL, OPERATIONS, randaugment
from training.augment.transform import mirror_map
from training.augment.warps import distort, rotate, warp

T, H, W = 3, 37, 41
STROKE_MIRROR = {"left": "right", "right": "left", "up": "up", "down": "down"}


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def still(height: int = H, width: int = W) -> Tensor:
    """A random picture in all three frames."""
    return torch.rand(1, 3, height, width, generator=seeded(5)).repeat(T, 1, 1, 1)


def one_hot(row: int, col: int, height: int = 5, width: int = 7) -> Tensor:
    video = torch.zeros(2, 3, height, width)
    video[..., row, col] = 1
    return video


AUGMENTS = {
    "rvit": RViTAugment(size=23),
    "far": FARAugment(size=23),
    "jittered": JitteredCrop(size=23, least=29, most=35),
}


@pytest.mark.parametrize("name", AUGMENTS)
def test_all_frames_of_a_clip_are_treated_alike(name: str) -> None:
    for seed in range(6):
        out = AUGMENTS[name](still(), seeded(seed))
        assert out.shape == (T, 3, 23, 23) and out.isfinite().all()
        torch.testing.assert_close(out, out[:1].expand_as(out))


@pytest.mark.parametrize("name", AUGMENTS)
def test_the_generator_decides_everything(name: str) -> None:
    torch.manual_seed(1)
    first = AUGMENTS[name](still(), seeded(3))
    torch.manual_seed(2)
    np.random.seed(3)
    assert torch.equal(first, AUGMENTS[name](still(), seeded(3)))
    assert not torch.equal(first, AUGMENTS[name](still(), seeded(4)))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_treats_frames_alike_even_if_one_is_darker(name: str) -> None:
    """A change of brightness between frames is information: statistics are those of the clip."""
    clip = still().mul(0.8)
    clip[1] *= 0.3
    for sign in (1.0, -1.0):
        both = OPERATIONS[name](clip, 0.9, sign)
        torch.testing.assert_close(both[0], both[2])
        assert both.shape == clip.shape and both.min() > -1e-5 and both.max() < 1 + 1e-5
    if name in ("autocontrast", "equalise", "contrast"):
        alone = OPERATIONS[name](clip[1:2], 0.9, 1.0)
        assert (alone - OPERATIONS[name](clip, 0.9, 1.0)[1:2]).abs().max() > 0.05


def constant(level: float) -> Tensor:
    return torch.full((T, 3, 9, 9), level)


@pytest.mark.parametrize(
    ("name", "before", "level", "sign", "after"),
    [
        ("autocontrast", 0.4, 0.9, 1, 0.4),
        ("equalise", 0.4, 0.9, 1, 0.4),
        ("invert", 0.4, 0.9, 1, 0.6),
        ("posterise", 200 / 255, 0.9, 1, 128 / 255),
        ("posterise", 127 / 255, 0.9, 1, 0.0),
        ("posterise", 255 / 255, 0.5, 1, 192 / 255),
        ("solarise", 25 / 255, 0.9, 1, 25 / 255),
        ("solarise", 26 / 255, 0.9, 1, 229 / 255),
        ("solarise", 1.0, 0.0, 1, 1.0),
        ("solarise_add", 100 / 255, 0.9, 1, 199 / 255),
        ("solarise_add", 128 / 255, 0.9, 1, 128 / 255),
        ("brightness", 0.4, 0.9, 1, 0.4 * 1.81),
        ("brightness", 0.4, 0.9, -1, 0.4 * 0.19),
        ("brightness", 0.4, 1.0, -1, 0.04),
        ("contrast", 0.4, 0.9, 1, 0.4),
        ("colour", 0.4, 0.9, -1, 0.4),
        ("sharpness", 0.4, 0.9, 1, 0.4),
    ],
)
def test_operations_on_a_constant_clip_by_hand(
    name: str, before: float, level: float, sign: float, after: float
) -> None:
    torch.testing.assert_close(
        OPERATIONS[name](constant(before), level, float(sign)), constant(after), atol=2e-4, rtol=0
    )


def test_autocontrast_stretches_the_clip_as_a_whole() -> None:
    clip = torch.cat([constant(0.2)[:1], constant(0.3)[:1], constant(0.6)[:1]])
    torch.testing.assert_close(
        OPERATIONS["autocontrast"](clip, 0.0, 1.0)[:, 0, 0, 0], torch.tensor([0, 0.25, 1.0])
    )


def test_shifts_move_a_pixel_and_bring_in_the_mean_colour() -> None:
    out = OPERATIONS["translate_x"](one_hot(2, 1, 5, 10), 2 / 4.5, 1.0)
    assert out[0, 0, 2].argmax() == 3 and out[0, 0, 2, 3] == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(out[1, :, :, 0], torch.tensor(FILL)[:, None].expand(3, 5))
    assert OPERATIONS["translate_y"](one_hot(4, 1, 10, 5), 2 / 4.5, -1.0)[0, 0, :, 1].argmax() == 2
    sheared = OPERATIONS["shear_x"](one_hot(10, 9, 11, 13), 1.0, 1.0)  # 0.3 of ten rows to the left
    assert sheared[0, 0, 10].argmax() == 6
    assert OPERATIONS["shear_y"](one_hot(9, 10, 13, 11), 1.0, -1.0)[0, 0, :, 10].argmax() == 12


def test_a_quarter_turn_is_counter_clockwise_about_the_centre() -> None:
    clip = torch.zeros(2, 3, 5, 5)
    clip[..., 2, 4] = 1  # right of the centre
    torch.testing.assert_close(rotate(clip, 90), torch.rot90(clip, 1, (2, 3)), atol=1e-4, rtol=0)
    assert rotate(clip, 90)[0, 0, 0, 2] == pytest.approx(1, abs=1e-4), "now above it"


def test_a_projective_warp_maps_pixels_as_its_matrix_says() -> None:
    out = warp(one_hot(1, 2), [[1, 0, 3], [0, 1, 2], [0, 0, 1]])
    assert out[0, 0].argmax() == 3 * 7 + 5


def test_a_perspective_of_nothing_changes_nothing_and_corners_move_inwards() -> None:
    torch.testing.assert_close(distort(still(), 0.0, seeded()), still(), atol=1e-4, rtol=0)
    out = distort(torch.ones(T, 3, H, W), 0.5, seeded(1))
    assert out[0, 0, 0, 0] == 0 and out[0, 0, H // 2, W // 2] == pytest.approx(1), (
        "black outside, the clip inside"
    )


def test_a_blur_keeps_the_sum_and_is_wide_and_high_as_its_kernel() -> None:
    out = blur(one_hot(8, 8, 17, 17), (5, 9), 2.0)[0, 0]
    rows, cols = out.nonzero(as_tuple=True)
    assert out.sum() == pytest.approx(1) and (rows.min(), rows.max(), cols.min(), cols.max()) == (
        4,
        12,
        6,
        10,
    )


def test_a_random_crop_has_the_area_and_ratio_that_were_asked_for() -> None:
    y, x = torch.meshgrid(torch.arange(100.0), torch.arange(100.0), indexing="ij")
    where = torch.stack([y, x, y * 0])[None]
    for seed in range(20):
        out = resized_crop(where, 20, seeded(seed), scale=(0.3, 0.5))[0]
        height, width = (
            (out[0, -1, 0] - out[0, 0, 0]) * 20 / 19,
            (out[1, 0, -1] - out[1, 0, 0]) * 20 / 19,
        )
        assert 0.28 < height * width / 1e4 < 0.52 and 0.72 < width / height < 1.37
    torch.testing.assert_close(resized_crop(where, 100, seeded(), (1.0, 1.0), (1.0, 1.0)), where)


def test_a_frame_too_narrow_for_any_draw_gives_its_central_part() -> None:
    x = torch.arange(90.0).expand(1, 3, 9, 90)
    out = resized_crop(x, 12, seeded(), (1.0, 1.0))
    assert out.mean() == pytest.approx(44.5) and out[..., 0].mean() < 40 < 49 < out[..., -1].mean()


def test_the_jittered_short_side_lies_between_the_two_sizes_with_its_inverse_uniform() -> None:
    x = torch.linspace(0, 1, 1000).expand(1, 3, 250, 1000)  # a crop shows 100 of 4 x short pixels
    spans = [
        float((out := JitteredCrop(100, 128, 160)(x, seeded(s)))[0, 0, 0, -1] - out[0, 0, 0, 0])
        for s in range(200)
    ]
    shorts = 99 / 4 / np.array(spans)
    assert 126 < shorts.min() < 131 and 157 < shorts.max() < 162
    assert np.mean(1 / shorts) == pytest.approx((1 / 128 + 1 / 160) / 2, rel=0.02)


def test_colour_jitter_of_a_constant_clip_by_hand() -> None:
    only_brightness = {
        float(jitter_colour(constant(0.5), (0.4, 0, 0, 0), seeded(s))[0, 0, 0, 0])
        for s in range(50)
    }
    assert 0.3 <= min(only_brightness) < 0.34 and 0.66 < max(only_brightness) <= 0.7
    red = torch.tensor([1.0, 0, 0])[:, None, None].expand(T, 3, 4, 4)
    turned = [jitter_colour(red, (0, 0, 0, 0.2), seeded(s))[0, :, 0, 0] for s in range(50)]
    assert all(
        c.max() == pytest.approx(1) and c.min() == pytest.approx(0, abs=1e-5) for c in turned
    ), "only the hue moves"
    assert max(c[1] for c in turned) > 0.9 and max(c[2] for c in turned) > 0.9, (
        "up to yellow and to magenta"
    )
    grey = jitter_colour(still(), (0, 0, 1.0, 0), seeded(2))
    assert (grey.std(1).mean() - still().std(1).mean()).abs() > 0.02


def test_randaugment_applies_half_of_its_layers() -> None:
    counts = sum(
        not torch.equal(randaugment(still(), seeded(s), layers=1), still()) for s in range(120)
    )
    assert 40 < counts < 80
    assert torch.equal(randaugment(still(), seeded(), probability=0.0), still())


def test_a_mirror_swaps_left_and_right_and_leaves_other_strokes_alone() -> None:
    transform = ClipTransform(LABELS, mirror=STROKE_MIRROR, chance=1.0)
    frames = np.arange(2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 3, 5, 3)
    for label in LABELS:
        out, number = transform(frames, LABELS.index(label), seeded())
        swapped = {"left": "right", "right": "left", "up": "up", "down": "down"}.get(label)
        assert LABELS[number] == (swapped or label)
        np.testing.assert_array_equal(out, frames[:, :, ::-1] if swapped else frames)


def test_half_of_the_clips_are_mirrored() -> None:
    transform = ClipTransform(("left", "right"), mirror={"left": "right", "right": "left"})
    frames = np.zeros((1, 2, 2, 3), np.uint8)
    assert 35 < sum(transform(frames, 0, seeded(s))[1] for s in range(100)) < 65


def test_the_mirror_of_names_swaps_sides_where_the_counterpart_exists() -> None:
    names = (
        "Swiping Left",
        "Swiping Right",
        "Turning Hand Clockwise",
        "Turning Hand Counterclockwise",
        "Stop Sign",
        "Sliding Two Fingers Left",
        "Pulling something from left to right",
        "Pulling something from right to left",
    )
    assert mirror_map(names) == {
        "Swiping Left": "Swiping Right",
        "Swiping Right": "Swiping Left",
        "Turning Hand Clockwise": "Turning Hand Counterclockwise",
        "Turning Hand Counterclockwise": "Turning Hand Clockwise",
        "Stop Sign": "Stop Sign",
        "Pulling something from left to right": "Pulling something from right to left",
        "Pulling something from right to left": "Pulling something from left to right",
    }
    files = (
        "swipe_left",
        "swipe-RIGHT",
        "swipe_right",
        "push (left)",
        "push (right)",
        "leftover",
        "turn_anticlockwise",
        "turn_clockwise",
    )
    assert mirror_map(files) == {
        "swipe_left": "swipe_right",
        "swipe_right": "swipe_left",
        "push (left)": "push (right)",
        "push (right)": "push (left)",
        "leftover": "leftover",
        "turn_anticlockwise": "turn_clockwise",
        "turn_clockwise": "turn_anticlockwise",
    }
    assert mirror_map(("SwipeLeft", "SwipeRight", "Moving leftwards", "Bright")) == {
        "SwipeLeft": "SwipeRight",
        "SwipeRight": "SwipeLeft",
        "Bright": "Bright",
    }
    assert mirror_map(("Circle", "idle", "Left", "Right", "tick")) == {
        "idle": "idle",
        "Left": "Right",
        "Right": "Left",
    }
    with pytest.raises(BadInput, match="'right'"):
        ClipTransform(("left",), mirror={"left": "right"})


def test_a_transform_gives_bytes_of_the_new_size_and_changes_nothing_without_an_augment() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (T, H, W, 3), np.uint8)
    out, label = ClipTransform(("a",), RViTAugment(size=17))(frames, 0, seeded(1))
    assert (
        out.shape == (T, 17, 17, 3)
        and out.dtype == np.uint8
        and label == 0
        and out.flags["C_CONTIGUOUS"]
    )
    same, _ = ClipTransform(("a",), lambda video, generator: video)(frames, 0, seeded(1))
    np.testing.assert_array_equal(same, frames)


def test_a_recipe_names_its_transform() -> None:
    named = {
        "far": {"size": 17, "magnitude": 3.0},
        "erase": 0.25,
        "mix": {"mixup": 0.8},
        "mirror": 0.5,
    }
    assert clip_transform(named, ("Swiping Left", "Stop")) == ClipTransform(
        ("Swiping Left", "Stop"), FARAugment(size=17, magnitude=3.0), {"Stop": "Stop"}, 0.5
    )
    assert clip_transform({"rvit": {}}, ("a",)) == ClipTransform(("a",), RViTAugment(), {}, 0.0)
    assert clip_transform({"mirror": 1.0}, LABELS).mirror == STROKE_MIRROR
    assert clip_transform({"mirror": 1.0}, ("circle", "left", "up")).mirror == {"up": "up"}
    for wrong in ({"blur": {}}, {"rvit": {}, "far": {}}, {"rvit": {"angle": 3}}):
        with pytest.raises(BadInput, match="augmentation"):
            clip_transform(wrong, ("a",))


def test_three_crops_are_left_centre_and_right_of_the_scaled_frame() -> None:
    frames = np.tile(np.arange(40, dtype=np.uint8)[None, None, :, None], (2, 20, 1, 3))
    out = crops(frames, 3, 20)
    assert out.shape == (3, 2, 20, 20, 3)
    assert [view[0, 0, 0, 0] for view in out] == [0, 10, 20] and [
        view[1, 0, -1, 0] for view in out
    ] == [19, 29, 39]
    high = crops(frames.transpose(0, 2, 1, 3), 3, 20)
    np.testing.assert_array_equal(high, out.transpose(0, 1, 3, 2, 4))  # top, centre, bottom
    np.testing.assert_array_equal(crops(frames, 1, 20)[0], out[1])
    assert crops(frames, 3, 10).shape == (3, 2, 10, 10, 3)


def test_views_are_clips_times_crops_in_that_order() -> None:
    clips = np.stack([np.full((4, 6, 12, 3), v, np.uint8) for v in range(5)])
    views = multi_view(clips, 3, 6)
    assert views.shape == (15, 4, 6, 6, 3) and views[:, 0, 0, 0, 0].tolist() == [
        0,
        0,
        0,
        1,
        1,
        1,
        2,
        2,
        2,
        3,
        3,
        3,
        4,
        4,
        4,
    ]


@pytest.mark.long
def test_kornia_needs_no_torchvision() -> None:
    code = (
        "import sys, torch; from training.augment.lists import RViTAugment; "
        "RViTAugment(8)(torch.rand(2, 3, 16, 16), torch.Generator()); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

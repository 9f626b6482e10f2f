"""Many shuffles of one clip.

The batched way against one by one, what a frozen clip must give, and tables by class.
"""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.explain import temporal
from core.models import available
from core.observe import observe, observe_batch
from core.order import Affinity, Pixels, sharpened
from core.order.chance import chance_accuracy
from core.order.reading import repeated_units
from core.order.trials import (
    ALL,
    frame_matrices,
    joined,
    per_class,
    permutation_of,
    permutations_of,
    shuffle_model,
    shuffle_pixels,
)
from core.trace import record_batch
from core.video import Clip, shuffled
from core.weights import Card, Model
from tests.core.models import am_flow_nets, far_nets, nets, rvit_nets

UNITS = 8
SIDE = {"far": far_nets.SIZES["size"], "videomae": far_nets.SIZES["size"]}
MAKE = {
    "direcformer": lambda: nets.net(frames=UNITS),
    "timesformer": lambda: nets.net(frames=UNITS, time="softmax", order_head=False),
    "rvit": lambda: rvit_nets.rvit(frames=UNITS),
    "am_flow": lambda: am_flow_nets.net(frames=UNITS),
    "far": lambda: far_nets.net(frames=2 * UNITS),
    "videomae": lambda: far_nets.net(frames=2 * UNITS, **far_nets.VIDEOMAE),
}


def made(name: str) -> Model:
    net = MAKE[name]()
    labels, half, side = (
        tuple(f"class {i}" for i in range(nets.CLASSES)),
        (0.5,) * 3,
        SIDE.get(name, 21),
    )
    card = Card(
        name, "gesture", labels, half, half, side, net.frames, "uniform", "fit", "", sharpness=3.0
    )
    return Model(net, card)


def noise(frames: int, seed: int = 0) -> Clip:
    pictures = np.random.default_rng(seed).integers(0, 256, (frames, 24, 31, 3), np.uint8)
    return Clip(pictures, np.arange(frames) / 7, f"noise {seed}", f"{seed}")


def frozen(frames: int) -> Clip:
    clip = noise(1, seed=5)
    return Clip(np.repeat(clip.frames, frames, 0), np.arange(frames) / 7, "frozen", "frozen")


def growing(frames: int) -> Clip:
    """A bright bar that grows: neighbours are alike, and no pixel says which end came first."""
    pictures = np.zeros((frames, 24, 31, 3), np.uint8)
    for t in range(frames):
        pictures[t, :, : 2 + 3 * t] = 200
    return Clip(pictures, np.arange(frames) / 7, "growing", "growing")


def test_every_model_is_tried_here() -> None:
    assert set(MAKE) == set(available())


@pytest.mark.parametrize("name", sorted(MAKE))
def test_a_batch_of_shuffles_gives_the_matrices_of_one_by_one(name: str) -> None:
    model = made(name)
    card, unit = model.card, model.unit
    clip, permutations = noise(unit * UNITS), permutations_of(range(3), UNITS)
    traces = [observe(model, shuffled(clip, p, unit)) for p in permutations]
    for layer, head in ((None, "mean"), (0, 1), (1, "max")):
        expected = [sharpened(temporal(trace, layer, head), card.sharpness) for trace in traces]
        np.testing.assert_allclose(
            frame_matrices(model, clip, permutations, Affinity(layer, head, card.sharpness)),
            expected,
            atol=2e-5,
        )
    batch = observe_batch(model, [shuffled(clip, p, unit) for p in permutations])
    for one, other in zip(traces, batch, strict=True):
        np.testing.assert_allclose(other.logits, one.logits, atol=1e-4)
        assert [a.name for a in one.attentions] == [
            a.name for a in other.attentions
        ] and other.grid == one.grid


def test_a_batch_of_clips_that_differ_in_length_is_refused() -> None:
    model = made("direcformer")
    with pytest.raises(BadInput, match="one length"):
        observe_batch(model, [noise(8), noise(7)])
    with pytest.raises(BadInput, match="batches of 2 clips"), record_batch(model.net, 2):
        model.net(nets.clip(batch=3))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("direcformer", "am_flow") else pytest.mark.long)
        for name in sorted(MAKE)
    ],
)
def test_a_frozen_clip_gives_chance_and_is_called_not_identifiable(name: str) -> None:
    """Anything above chance would be a position that leaks."""
    model = made(name)
    clip = frozen(model.unit * UNITS)
    found = shuffle_model(model, clip, permutations_of(range(200), UNITS))
    assert found.mean == pytest.approx(chance_accuracy(8), abs=2.5)
    assert set(found.verdicts) == {"unknown"} and len(found) == 200
    pixels = shuffle_pixels(clip, permutations_of(range(200), UNITS), unit=model.unit)
    assert pixels.mean == pytest.approx(chance_accuracy(8), abs=2.5) and set(pixels.verdicts) == {
        "unknown"
    }


def test_a_time_embedding_that_is_added_before_the_shuffle_would_be_caught() -> None:
    """It travels with its frame into another slot and tells the original index.

    The same frozen clip is then far from chance.
    """
    model = made("direcformer")
    net = model.net
    clip, embedding, parts = frozen(UNITS), net.time_embed.data.clone(), []
    for permutation in permutations_of(range(200), UNITS):
        net.time_embed.data = embedding[:, permutation.tolist()]
        parts.append(shuffle_model(model, clip, permutation[None]))
    assert abs(joined(parts).mean - chance_accuracy(8)) > 2.5


def test_the_same_seeds_give_the_same_counts_and_other_seeds_others() -> None:
    model = made("direcformer")
    clip = noise(UNITS, seed=2)
    draws = [permutations_of(seeds, UNITS) for seeds in (range(23), range(23), range(23, 46))]
    first, again, other = (shuffle_model(model, clip, permutations) for permutations in draws)
    np.testing.assert_array_equal(first.paths, again.paths)
    assert (first.accuracy == again.accuracy).all() and not (
        first.permutations == other.permutations
    ).all()
    assert (first.permutations[19] == np.random.default_rng(19).permutation(UNITS)).all()
    halves = [
        shuffle_model(model, clip, permutations_of(seeds, UNITS))
        for seeds in (range(10), range(10, 23))
    ]
    np.testing.assert_array_equal(joined(halves).accuracy, first.accuracy)


def test_the_pixel_path_finds_the_chain_and_not_its_direction() -> None:
    found = shuffle_pixels(growing(UNITS), permutations_of(range(60), UNITS))
    assert (found.either_way == 100).all() and set(found.accuracy) == {12.5, 100.0}
    assert set(found.verdicts) == {"up_to_direction"}
    assert 12.5 + 87.5 * 0.25 < found.mean < 12.5 + 87.5 * 0.75


def test_a_repeated_frame_makes_a_clip_static_and_a_codecs_rounding_does_not_hide_it() -> None:
    clip = growing(UNITS)
    one, pairs = Pixels(), Pixels(unit=2)
    assert not repeated_units(one, clip) and not repeated_units(pairs, growing(UNITS))
    assert len(repeated_units(one, frozen(UNITS))) == UNITS * (UNITS - 1) / 2
    pictures = clip.frames.copy()
    pictures[6] = pictures[1] + 2
    repeated = Clip(pictures, clip.times, "repeated", "")
    assert repeated_units(one, repeated) == ((1, 6),) and not repeated_units(pairs, repeated)


def test_a_table_by_class_has_the_means_of_its_clips() -> None:
    model = made("direcformer")
    clips = [("b", noise(UNITS, 1)), ("a", growing(UNITS)), ("b", noise(UNITS, 3))]
    orders = [permutation_of(clip.source, UNITS, 4)[None] for _, clip in clips]
    table = per_class(
        [
            (label, shuffle_model(model, clip, order), shuffle_pixels(clip, order))
            for (label, clip), order in zip(clips, orders, strict=True)
        ]
    )
    assert [(score.label, score.clips) for score in table] == [("b", 2), ("a", 1), (ALL, 3)]
    alone = [
        shuffle_model(model, clip, order).mean
        for (_, clip), order in zip(clips, orders, strict=True)
    ]
    assert (
        table[0].order_accuracy == pytest.approx((alone[0] + alone[2]) / 2)
        and table[1].order_accuracy == alone[1]
    )
    assert (
        table[2].order_accuracy == pytest.approx(np.mean(alone))
        and table[1].pixels_either_way == 100
    )
    assert per_class([]) == []

"""One reading of an order, whoever asks: a command, an evaluation, many shuffles, the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import BadInput
from core.explain import Domain
from core.observe import Trace, observe
from core.order import Affinity, Pixels, order_matrix, read, reading_of, recover_order
from core.order.reading import direction_threshold, repeated_units
from core.order.trials import shuffle_model, shuffle_pixels
from core.video import Clip, decode, shuffled
from core.weights import Card, Model
from core.weights.card import UNCALIBRATED
from tests.core.models import far_nets, nets

UNITS = 5
ORDER = (3, 0, 4, 1, 2)


def model(size: int = 21, **fields: object) -> Model:
    card = Card(
        "direcformer",
        "tiny",
        tuple("abcdefghijk"),
        (0.5,) * 3,
        (0.25,) * 3,
        size,
        UNITS,
        "uniform",
        "fit",
        "nothing",
        direction_threshold=0.01,
        sharpness=2.0,
    )
    return Model(nets.net(size=size, frames=UNITS), replace(card, **fields))


def clip(frames: int = UNITS) -> Clip:
    pictures = np.random.default_rng(2).integers(0, 256, (frames, 42, 42, 3), np.uint8)
    return Clip(pictures, np.arange(frames) / 5, "noise", "0")


def with_a_fine_difference() -> Clip:
    """Frames 1 and 3 are a checkerboard and its negative: all the same on a smaller picture."""
    fine = clip().frames.copy()
    board = (np.indices((42, 42)).sum(0) % 2)[..., None] * np.uint8(60)
    fine[1], fine[3] = 90 + board, 150 - board
    return Clip(fine, clip().times, "fine", "1")


def test_a_reading_holds_the_matrix_its_order_and_how_right_it_is() -> None:
    reading = read(model(), clip(), ORDER)
    mixed = shuffled(clip(), ORDER)
    np.testing.assert_array_equal(reading.matrix, order_matrix(model(), mixed))
    assert reading.order == recover_order(reading.matrix, 0.01)
    assert reading.permutation == ORDER and reading.repeated == () and reading.calibrated
    at_hand = read(model(), clip(), ORDER, matrix=-reading.matrix)
    assert at_hand.order == recover_order(-reading.matrix, 0.01), "a matrix at hand is not made"
    edge = reading.order.path[:2]
    without = read(model(), clip(), ORDER, forbidden=[edge])
    assert without.order.forbidden == (edge,) and without.order.path != reading.order.path


def test_a_perfect_matrix_is_read_right_and_its_transpose_either_way() -> None:
    times = np.array(ORDER)
    sooner = np.sign(times[None] - times[:, None]) - 0.1 * np.abs(times[None] - times[:, None])
    reading = reading_of(sooner, ORDER, 0.0)
    assert (reading.accuracy, reading.either_way, reading.order.verdict) == (100, 100, "known")
    backwards = reading_of(sooner.T, ORDER, 0.0)
    assert (backwards.accuracy, backwards.either_way) == (100 / UNITS, 100)


@pytest.mark.parametrize("order", [ORDER, tuple(reversed(ORDER)), tuple(range(UNITS))])
def test_a_tie_with_the_reverse_does_not_flatter(order: tuple[int, ...]) -> None:
    """The likeness of frames in line: either way round is as heavy, and one of the two is right."""
    times = np.array(order)
    alike = -np.abs(times[None] - times[:, None]).astype(float)
    reading = reading_of(alike, order)
    assert reading.order.ties_backwards
    assert sorted([reading.accuracy, reading.backwards]) == [100 / UNITS, 100]
    shown = reading.unflattered()
    assert (shown.accuracy, shown.backwards, shown.either_way) == (100 / UNITS, 100, 100)
    assert {shown.order.path, shown.order.runner_up_path} == {
        reading.order.path,
        reading.order.runner_up_path,
    }
    assert shown.unflattered() is shown


def test_what_is_right_for_a_reason_stays_as_it_is() -> None:
    times = np.array(ORDER)
    sooner = np.sign(times[None] - times[:, None]) - 0.1 * np.abs(times[None] - times[:, None])
    reading = reading_of(sooner, ORDER, 0.0)
    assert reading.unflattered() is reading and reading.backwards == 100 / UNITS


def test_what_a_model_is_shown_decides_which_of_its_slots_are_repeated() -> None:
    """A model tells frames apart at the size of its input, whatever smaller pictures show."""
    fine = with_a_fine_difference()
    assert repeated_units(model(42), fine) == ()
    assert repeated_units(model(21), fine) == ((1, 3),) == repeated_units(Pixels(size=21), fine)
    reading = read(model(21), fine, ORDER)
    assert [ORDER[slot] for slot in reading.repeated[0]] == [3, 1]
    assert reading.order.verdict == "unknown" != read(model(42), fine, ORDER).order.verdict


def test_many_shuffles_and_one_reading_agree() -> None:
    for seen, size in (
        (clip(), 21),
        (with_a_fine_difference(), 21),
        (with_a_fine_difference(), 42),
    ):
        orders = np.array([ORDER, ORDER[::-1], range(UNITS)])
        for affinity in (None, Affinity(0, 1, 0.0)):
            many = shuffle_model(model(size), seen, orders, affinity)
            alone = [read(model(size), seen, order, affinity) for order in orders]
            assert many.verdicts == tuple(reading.order.verdict for reading in alone)
            assert many.paths.tolist() == [list(reading.order.path) for reading in alone]
            assert many.accuracy.tolist() == [reading.accuracy for reading in alone]
        pixels = shuffle_pixels(seen, orders)
        alone = [read(Pixels(), seen, order) for order in orders]
        assert pixels.verdicts == tuple(reading.order.verdict for reading in alone)
        assert pixels.either_way.tolist() == [reading.either_way for reading in alone]


def test_the_command_line_reads_what_python_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tick.mp4"
    main(["render", "--label", "tick", "--seed", "3", "--frames", "8", "--out", str(path)])
    tiny = model()
    monkeypatch.setattr("core.weights.load", lambda name: tiny)
    given = decode(path, frames=UNITS)
    readings = {
        "direcformer": read(tiny, given, ORDER, Affinity.of(tiny.card, passes=2)),
        "pixels": read(Pixels("fit"), given, ORDER),
    }
    for name, reading in readings.items():
        capsys.readouterr()
        passes = ["--passes", "2"] if name != "pixels" else []
        argv = ["order", str(path), "--model", name, "--permutation", "3,0,4,1,2", "--json"]
        assert main([*argv, *passes]) == 0
        printed = json.loads(capsys.readouterr().out)
        np.testing.assert_allclose(printed["matrix"], reading.matrix, atol=1e-12)
        assert printed["path"] == list(reading.order.path)
        assert printed["verdict"] == reading.order.verdict
        assert printed["order_accuracy"] == reading.accuracy


def test_a_threshold_holds_for_the_affinity_that_it_was_calibrated_for() -> None:
    given = clip()
    assert direction_threshold(model(), given) == 0.01
    assert direction_threshold(model(), given, Affinity(sharpness=2.0)) == 0.01
    for affinity in (
        Affinity(sharpness=0.0),
        Affinity(layer=1, sharpness=2.0),
        Affinity(head=0, sharpness=2.0),
        Affinity(sharpness=2.0, passes=3),
    ):
        assert direction_threshold(model(), given, affinity) == UNCALIBRATED
    assert direction_threshold(Pixels(), given) == UNCALIBRATED


def test_pairs_of_frames_are_read_where_a_token_covers_two() -> None:
    net = far_nets.net(frames=2 * UNITS)
    card = replace(model().card, model="far", size=net.size, frames=2 * UNITS)
    reading = read(Model(net, card), clip(2 * UNITS), ORDER)
    assert reading.matrix.shape == (UNITS, UNITS) and sorted(reading.order.path) == list(range(5))
    still = clip(2 * UNITS).frames.copy()
    still[6:8] = still[:2]
    repeated = read(Model(net, card), Clip(still, np.arange(10.0), "still", "2"), ORDER).repeated
    assert [{ORDER[slot] for slot in pair} for pair in repeated] == [{0, 3}]


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadInput, match="must hold 0 to 4 once"):
        read(model(), clip(), (0, 1, 2))
    with pytest.raises(BadInput, match="0 passes"):
        read(model(), clip(), ORDER, Affinity(passes=0))
    with pytest.raises(BadInput, match="take one pass each, not 2"):
        shuffle_model(model(), clip(), np.array([ORDER]), Affinity(passes=2))


def test_an_affinity_says_in_words_what_it_is() -> None:
    assert Affinity().words == "last layer, mean over heads"
    assert Affinity(1, 0, 3.0, 4).words == "layer 2, head 1, sharpened, mean of 4 passes"
    assert Affinity(head="max").words == "last layer, strongest head"


def of_domain(score: float, direction_threshold: float = 0.0) -> Domain:
    return Domain(score, 0.4, "left", direction_threshold)


def test_the_direction_of_a_clip_unlike_training_is_never_known() -> None:
    given = clip()
    assert direction_threshold(model(), given, domain=of_domain(0.4)) == 0.01
    assert direction_threshold(model(), given, domain=of_domain(0.39)) == UNCALIBRATED
    unlike = of_domain(0.1)
    times = np.array(ORDER)
    sooner = np.sign(times[None] - times[:, None]) - 0.1 * np.abs(times[None] - times[:, None])
    least = direction_threshold(model(), given, domain=unlike)
    reading = reading_of(sooner, ORDER, least, domain=unlike)
    assert reading.order.verdict == "up_to_direction" and reading.domain is unlike
    assert not reading.calibrated and not reading.is_reversible


def test_a_stroke_that_is_another_one_backwards_has_no_direction() -> None:
    """The class that the model sees may ask for more than the card, and never for less."""
    given = clip()
    assert direction_threshold(model(), given, domain=of_domain(0.9, 0.5)) == 0.5
    assert direction_threshold(model(), given, domain=of_domain(0.9, 0.001)) == 0.01
    never = of_domain(0.9, UNCALIBRATED)
    assert direction_threshold(model(), given, domain=never) == UNCALIBRATED
    raw = Affinity(sharpness=0.0)
    assert direction_threshold(model(), given, raw, of_domain(0.9, 0.5)) == UNCALIBRATED
    assert reading_of(np.eye(5), ORDER, UNCALIBRATED, domain=never).is_reversible


def test_the_domain_is_that_of_the_clip_in_its_true_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made of one pass, or of a trace at hand, and never for pixels or without a check."""
    seen: list[str] = []

    def domain(trace: Trace) -> Domain:
        seen.append(trace.clip.id)
        return of_domain(0.1)

    monkeypatch.setattr("core.order.reading.domain", domain)
    assert read(model(), clip(), ORDER).domain is None and not seen
    monkeypatch.setattr("core.order.reading.domain_check", lambda card: "a check")
    reading = read(model(), clip(), ORDER)
    assert reading.domain == of_domain(0.1) and reading.order.verdict != "known"
    trace = observe(model(), replace(clip(), id="at hand"))
    read(model(), clip(), ORDER, trace=trace)
    assert read(Pixels(), clip(), ORDER).domain is None
    assert seen == [clip().id, "at hand"]
    many = shuffle_model(model(), clip(), np.array([ORDER]))
    assert many.verdicts == (reading.order.verdict,) and seen[2:] == [clip().id]

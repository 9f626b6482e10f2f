"""Files to keep: what a browser would play, and numbers that say what they are."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from core.draw.export import _fonts_here, captioned, gif, mp4, npz, tiled
from core.errors import BadInput

TIMES = np.array([0.5, 0.75, 1.0, 1.25, 1.5])
COLOURS = np.array(
    [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30], [128, 128, 128]], np.uint8
)
FRAMES = np.broadcast_to(COLOURS[:, None, None], (5, 46, 70, 3))


def decoded(data: bytes) -> tuple[str, float, np.ndarray]:
    """Codec, frames a second and frames of a file."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        codec, rate = stream.codec_context.name, float(stream.average_rate)
        return (
            codec,
            rate,
            np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]),
        )


@pytest.mark.parametrize(("make", "codec"), [(mp4, "h264"), (gif, "gif")])
def test_a_video_plays_its_frames_at_their_times(make, codec: str) -> None:
    kind, rate, frames = decoded(make(FRAMES, TIMES))
    assert kind == codec and rate == pytest.approx(4) and frames.shape == (5, 46, 70, 3)
    np.testing.assert_allclose(frames.mean((1, 2)), COLOURS, atol=8)
    taller = decoded(make(FRAMES, TIMES, ["DirecFormer, weights abc · 5 frames"]))[2]
    assert taller.shape[1] > 46 + 20, "what is shown stands below the picture"
    np.testing.assert_allclose(taller[:, 2:40].mean((1, 2)), COLOURS, atol=12)


def test_a_gif_repeats_for_ever() -> None:
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in gif(FRAMES, TIMES)


def test_an_mp4_can_begin_to_play_before_all_of_it_is_here() -> None:
    data = mp4(FRAMES, TIMES)
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_words_are_wrapped_to_the_width_and_leave_the_picture_alone() -> None:
    one, two = captioned(FRAMES, ["short"]), captioned(FRAMES, ["twelve words " * 3])
    assert one.shape[1] < two.shape[1]
    np.testing.assert_array_equal(two[:, :46], FRAMES)
    assert two[0, 46:].max() > 200, "the words can be read"
    np.testing.assert_array_equal(captioned(FRAMES, ["short"], above=True)[:, -46:], FRAMES)


def bar(words: str) -> np.ndarray:
    return captioned(np.zeros((1, 4, 300, 3), np.uint8), [words])[0, 4:]


def test_a_caption_has_letters_beyond_ascii() -> None:
    written = bar("Farnebäck − Zoë’s 5 × 5 → ρ")
    for other in ("Farnebaeck", "Farneb?ck", "Farneback"):
        assert (bar("Farnebäck") != bar(other)).any()
    for letter, stand_in in (("−", "-"), ("→", "->"), ("ρ", "rho"), ("$a$", "a")):
        assert (bar(letter) != bar(stand_in)).any()
    assert written.shape[0] == bar("one line").shape[0]


@pytest.mark.skipif(not _fonts_here(), reason="no font with Chinese letters on this computer")
def test_the_name_of_a_chinese_file_can_be_read() -> None:
    assert (bar("撮影") != bar("影撮")).any(), "no boxes, which are all alike"
    assert bar("撮影" * 40).shape[0] > 3 * bar("撮影").shape[0] // 2, "it is broken without spaces"


def test_clips_stand_in_rows_under_their_titles() -> None:
    sheet = tiled([FRAMES, 255 - FRAMES, FRAMES], columns=2)
    assert sheet.shape == (5, 92, 140, 3)
    np.testing.assert_array_equal(sheet[:, :46, 70:], 255 - FRAMES)
    np.testing.assert_array_equal(sheet[:, 46:, :70], FRAMES)
    assert len(np.unique(sheet[:, 46:, 70:].reshape(-1, 3), axis=0)) == 1, (
        "nothing stands in the last place"
    )
    titled = tiled([FRAMES, FRAMES], ["a", "a title that takes two lines here"])
    np.testing.assert_array_equal(titled[:, -46:, :70], titled[:, -46:, 70:])
    with pytest.raises(BadInput, match="one shape"):
        tiled([FRAMES, FRAMES[:3]])


def test_a_minus_on_the_screen_is_a_hyphen_for_programs() -> None:
    data = npz({"times": (TIMES, "(T,) seconds")}, "layer 8, raw range −0.083 to 5.7·10⁻⁹")
    assert str(np.load(io.BytesIO(data))["source"]) == "layer 8, raw range -0.083 to 5.7e-9"


def test_numbers_say_what_they_are() -> None:
    heat = np.arange(6.0).reshape(1, 2, 3)
    data = npz(
        {"map": (heat, "(T', h, w) weights"), "times": (TIMES, "(T,) seconds")},
        "DirecFormer, weights abc",
    )
    found = np.load(io.BytesIO(data))
    assert set(found) == {"map", "times", "about", "source"}
    np.testing.assert_array_equal(found["map"], heat)
    assert found["about"].tolist() == ["map: (T', h, w) weights", "times: (T,) seconds"]
    assert str(found["source"]) == "DirecFormer, weights abc"
    with pytest.raises(BadInput, match="about"):
        npz({"about": (TIMES, "")}, "")

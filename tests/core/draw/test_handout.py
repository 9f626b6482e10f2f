"""A page to take home: what is in it, what it may not do, how large it is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import explain
from core.cli import main
from core.draw import handout
from core.draw.handout import fitting
from core.draw.handout.sheet import remarks_on
from core.errors import BadInput
from core.observe import Trace, observe
from core.order import read
from core.order.shuffle import permutation
from core.trace import Axis
from core.video import Clip, subclip
from core.weights import Model, embedded, load, untrained
from core.world.gestures import render, rendered_clip
from tests.core.draw.payloads import opened, recorded

MARKUP = "</script><img src=x onerror=\"document.title='broken'\">&amp;.mp4"


@pytest.fixture(scope="module")
def gesture() -> Clip:
    return rendered_clip(render("carret", 13, frames=16))


def seen(name: str, gesture: Clip) -> tuple[Model, Clip]:
    model = load(name)
    return model, subclip(gesture, frames=model.card.frames, sampling=model.card.sampling)


@pytest.fixture(scope="module")
def sheets(gesture: Clip) -> Callable[[str], handout.Sheet]:
    """The sheet of an included model, made once."""
    return cache(lambda name: handout.sheet(*seen(name, gesture), "carret.mp4"))


@pytest.fixture(scope="module")
def rvit(sheets: Callable[[str], handout.Sheet]) -> handout.Sheet:
    return sheets("rvit")


class Nodes(HTMLParser):
    """The elements of a page: their names, their attributes, and the words of each."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.words.append("")

    def handle_data(self, data: str) -> None:
        if self.words:
            self.words[-1] += data

    def named(self, tag: str) -> Iterator[tuple[dict[str, str | None], str]]:
        pairs = zip(self.elements, self.words, strict=True)
        return ((attrs, words) for (name, attrs), words in pairs if name == tag)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("direcformer", "rvit") else pytest.mark.long)
        for name in embedded()
    ],
)
def test_a_page_of_an_included_model_is_at_most_5_mb_and_lacks_nothing(
    name: str, sheets: Callable[[str], handout.Sheet]
) -> None:
    card, sheet = load(name).card, sheets(name)
    assert 500_000 < len(handout.document([sheet])) <= handout.LIMIT == 5_000_000
    header = opened(sheet.payload)
    assert sheet.left_out == [] and header["labels"] == list(card.labels)
    assert [cam["target"] for cam in header["gradcams"]] == list(range(10))
    assert {layer["layer"] for layer in header["layers"]} == {
        layer for tap in header["taps"] for layer in tap["layers"]
    }
    assert (sheet.flow is not None) == (name == "am_flow")
    assert sheet.classes[0][0] in card.labels and sheet.lab is not None


@pytest.mark.long
def test_all_included_models_share_the_file_and_each_says_which_layers_it_has(
    gesture: Clip,
) -> None:
    names = [*embedded()]
    rest = len(names) - 1
    made = [handout.sheet(*seen(name, gesture), "carret.mp4", beside=rest) for name in names]
    assert len(handout.document(made)) <= handout.LIMIT
    assert all("in this file: with the others" in " ".join(each.left_out) for each in made)


def test_a_large_model_takes_what_it_needs_beside_others(
    gesture: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def played(*given: Any) -> tuple[bytes, list[str]]:
        asked.append(given[3] if len(given) > 3 else None)
        if asked[-1] is not None:
            raise BadInput("too large")
        return b"all of it", []

    monkeypatch.setattr(sys.modules[handout.Sheet.__module__], "fitted", played)
    made = handout.sheet(*seen("rvit", gesture), "carret.mp4", beside=2)
    assert made.payload == b"all of it" and asked == [fitting.room_for(3), None]
    with pytest.raises(BadInput, match="too large"):
        handout.sheet(*seen("rvit", gesture), "carret.mp4")


def test_what_a_payload_may_take_is_less_beside_others() -> None:
    rooms = [fitting.room_for(count) for count in (1, 2, 3, 6)]
    assert rooms == [4_000_000, 1_950_000, 1_266_666, fitting.LEAST]


def test_the_policy_allows_the_one_script_and_the_one_style_and_nothing_else(
    rvit: handout.Sheet,
) -> None:
    page = handout.document([rvit])
    nodes = Nodes(page)
    (policy,) = [
        str(attrs["content"])
        for attrs, _ in nodes.named("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data: blob:" and "unsafe" not in policy
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    styles = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    for rule, parts in (("script-src", scripts), ("style-src", styles)):
        (text,) = parts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    addresses = [
        value
        for _, attrs in nodes.elements
        for name, value in attrs.items()
        if name in ("src", "href", "srcset", "action", "data", "style") or name.startswith("on")
    ]
    assert [str(address)[:19] for address in addresses] == ["data:image/svg+xml;"]
    assert re.findall(r"url\(|@import", styles[0]) == []
    assert re.findall(r"\bfetch\(|\bimport\(|XMLHttp|https?://(?!www\.w3\.org/)", scripts[0]) == []


def test_names_are_text_wherever_they_stand(rvit: handout.Sheet) -> None:
    assert rvit.lab is not None
    lab = {**rvit.lab, "shuffles": [{**rvit.lab["shuffles"][0], "name": MARKUP}]}
    sheet = replace(
        rvit,
        title=MARKUP,
        clip=MARKUP,
        classes=[(MARKUP, 0.75)],
        remarks=[MARKUP],
        lab=lab,
        about={MARKUP: MARKUP},
    )
    plain = Nodes(handout.document([rvit], again="python -m core"))
    nodes = Nodes(handout.document([sheet], again=MARKUP))
    assert "img" not in {tag for tag, _ in nodes.elements}
    assert len(list(nodes.named("script"))) == len(list(plain.named("script"))) == 3
    for tag in ("h1", "title", "dt", "dd", "code", "strong"):
        assert any(MARKUP in words for _, words in nodes.named(tag)), tag
    (data,) = [words for attrs, words in nodes.named("script") if attrs.get("id") == "ho-sheets"]
    assert not set("<>&") & set(data)
    assert json.loads(data)[0]["lab"]["shuffles"][0]["name"] == MARKUP


def test_of_a_clip_outside_the_training_the_first_class_is_but_the_closest(
    rvit: handout.Sheet,
) -> None:
    assert rvit.looks_like_training
    outside = replace(rvit, looks_like_training=False)
    pages = [handout.document([sheet]) for sheet in (rvit, outside)]
    assert ["</strong> sees <strong>" in page for page in pages] == [True, False]
    assert ["</strong>: closest of its classes is <strong>" in page for page in pages] == [
        False,
        True,
    ]


def test_a_sheet_says_what_core_says(gesture: Clip) -> None:
    model, clip = seen("direcformer", gesture)
    trace = observe(model, clip)
    own = (7, 0, 6, 1, 5, 2, 4, 3)
    sheet = handout.sheet(model, clip, "carret.mp4", trace=trace, own_order=own)
    best = int(trace.probabilities.argmax())
    assert sheet.classes[0] == (model.card.labels[best], pytest.approx(trace.probabilities[best]))
    assert [p for _, p in sheet.classes] == sorted(trace.probabilities, reverse=True)[:5]
    assert sheet.about["Weights"].startswith(f"{model.card.hash}, trained on ")
    assert sheet.about["Licence of the weights"] == "Apache-2.0"
    assert sheet.lab is not None
    shuffles = sheet.lab["shuffles"]
    assert [each["name"] for each in shuffles] == ["as in the app", "seed 0", "seed 1", "backwards"]
    assert shuffles[0]["permutation"] == list(own)
    assert shuffles[3]["permutation"] == [7, 6, 5, 4, 3, 2, 1, 0]
    expected = read(model, clip, permutation(8, seed=1)).unflattered()
    edges = np.zeros((8, 8))
    for t, u, weight in shuffles[2]["edges"]:
        edges[t, u] = weight
    np.testing.assert_allclose(edges, np.where(np.eye(8), 0, expected.matrix), atol=1e-6)
    assert tuple(shuffles[2]["paths"][0]["path"]) == expected.order.path
    assert shuffles[2]["figures"][0] == (
        "frames in order (guessing 47.1)",
        f"{expected.accuracy:.1f} %",
    )
    assert len(sheet.lab["units"]) == 8 and "pictures" not in shuffles[0]


def test_a_shuffle_of_another_clip_and_one_that_is_there_anyway_add_none(gesture: Clip) -> None:
    model, clip = seen("rvit", gesture)
    trace = observe(model, clip)
    usual = ["seed 0", "seed 1", "backwards"]
    for own in ((), (0, 2, 1), (0, 0, 1, 2, 3, 4, 5, 6)):
        assert [each.name for each in handout.shuffles_of(model, trace, own)] == usual
    backwards = handout.shuffles_of(model, trace, tuple(range(7, -1, -1)))
    assert [each.name for each in backwards] == ["as in the app", "seed 0", "seed 1"]


def test_am_flow_is_shown_as_core_computes_it(
    gesture: Clip, sheets: Callable[[str], handout.Sheet]
) -> None:
    model, clip = seen("am_flow", gesture)
    trace, flow = observe(model, clip), sheets("am_flow").flow
    assert flow is not None and flow["block"] == 5
    assert flow["steps"][0] == "1 → 2" and len(flow["steps"]) == 7
    assert [kind["name"] for kind in flow["kinds"]] == ["static", "post", "aligned"]
    post = explain.displayed(explain.flow_of(trace, "post"), "post")
    np.testing.assert_allclose(flow["kinds"][1]["means"], post.mean((1, 2)), atol=5.1e-5)
    aligned = explain.am_flow(model, clip)
    assert flow["kinds"][2]["most"] == f"{aligned.max():.3g}"
    assert all(len(kind["pictures"]) == 7 for kind in flow["kinds"])
    assert 0 <= flow["opens_on"] < 7


def with_classes(trace: Trace, count: int) -> Trace:
    """The trace of a model that knows so many classes, of which the 4th is the most probable."""
    logits = np.linspace(1, 0, count, dtype=np.float32)
    logits[3] = 2
    labels = tuple(f"class {i}" for i in range(count))
    return replace(trace, card=replace(trace.card, labels=labels), logits=logits)


def cams_of(trace: Trace) -> list[explain.GradCam]:
    heat = np.ones(trace.grid, np.float32)
    return [explain.GradCam(heat, target, 0.5) for target in handout.targets(trace)]


def test_of_many_classes_the_most_probable_ones_are_there() -> None:
    few = with_classes(recorded("direcformer", {"space": Axis.SPACE, "time": Axis.TIME}, 1), 12)
    assert handout.targets(few) == list(range(12))
    many = with_classes(few, 13)
    assert handout.targets(many) == [3, 0, 1, 2, 4]
    payload, left_out = fitting.fitted(many, cams_of(many), "")
    header = opened(payload)
    assert header["labels"] == ["class 3", "class 0", "class 1", "class 2", "class 4"]
    assert [cam["target"] for cam in header["gradcams"]] == [0, 1, 2, 3, 4] and header["best"] == 0
    assert left_out == ["GradCAM is in this file for the 5 most probable of 13 classes."]


def test_a_large_model_gives_up_layers_then_bits_then_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taps = {"space": Axis.SPACE, "time": Axis.TIME}
    trace = recorded("direcformer", taps, layers=5, frames=7)
    complete = fitting.encoded(len(fitting.fitted(trace, cams_of(trace), "")[0]))
    one = fitting.encoded(
        len(fitting.packing.pack(trace, [4], cams_of(trace), "", fitting.VIEWER_HELP))
    )
    a_layer = (complete - one) / 4

    def fitted(most: float) -> tuple[dict[str, Any], list[str]]:
        monkeypatch.setattr(fitting, "LIMIT", fitting.REST + int(most))
        payload, left_out = fitting.fitted(trace, cams_of(trace), "")
        return opened(payload), left_out

    header, left_out = fitted(complete - a_layer / 2)
    assert header["taps"][0]["layers"] == [1, 2, 3, 4]
    assert [layer["layer"] for layer in header["layers"]] == [1, 2, 3, 4]
    assert left_out[0].startswith("Layers 2 to 5 of 5 in this file")
    header, left_out = fitted(one + 8)
    assert header["taps"][0]["layers"] == [4] and header["layers"][0]["bits"] == 16
    assert left_out[0].startswith("Layer 5 alone of 5 in this file")
    header, _ = fitted(one - 100)
    assert header["layers"][0]["bits"] == 8
    with pytest.raises(BadInput, match="is too large to be handed out"):
        fitted(one / 2)


def test_large_pictures_shrink_before_layers_are_given_up() -> None:
    trace = recorded("direcformer", {"space": Axis.SPACE, "time": Axis.TIME}, layers=2, frames=4)
    noise = np.random.default_rng(0).integers(0, 255, (4, 720, 1280, 3), np.uint8)
    large = replace(trace, clip=replace(trace.clip, frames=noise))
    header = opened(fitting.fitted(large, cams_of(large), "")[0])
    assert header["pixels"] == [720, 1280] and header["taps"][0]["layers"] == [0, 1]
    assert sum(frame.size for frame in header["frames"]) <= fitting.FOR_PICTURES


def test_random_weights_and_a_clip_unlike_training_are_called_so(gesture: Clip) -> None:
    model = untrained("rvit")
    clip = subclip(gesture, frames=model.card.frames)
    random = handout.sheet(model, clip, "carret.mp4")
    assert random.remarks[0].startswith("Random weights")
    assert random.about["Weights"] == "random: it has learned nothing"
    trained = load("rvit")
    noise = np.random.default_rng(0).integers(0, 255, (8, 60, 80, 3), np.uint8)
    other = remarks_on(observe(trained, Clip(noise, np.arange(8) / 8, "noise.mp4", "n")))
    assert other[1].startswith("This clip does not look like what this model was trained")


def test_the_page_names_its_day_its_versions_and_how_it_is_made_again(rvit: handout.Sheet) -> None:
    page = handout.document([rvit], again="python -m core handout a&b.mp4", made=date(2026, 3, 5))
    nodes = Nodes(page)
    words = " ".join(" ".join(nodes.words).split())
    assert "Attention in Motion, 5 March 2026" in words and "PyTorch 2." in words
    assert "python -m core handout a&b.mp4" in words
    assert "not why it decides. It is not an explanation." in words
    assert "everybody who is seen in it" in words
    with pytest.raises(BadInput, match="at least one model"):
        handout.document([])


def test_the_command_writes_one_file_and_says_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = tmp_path / "star.mp4", tmp_path / "new" / "star.html"
    assert (
        main(["render", "--label", "star", "--seed", "5", "--frames", "16", "--out", str(clip)])
        == 0
    )
    capsys.readouterr()
    models = ["--models", "rvit", "direcformer_cc"]
    assert main(["handout", str(clip), *models, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["clip"], report["file"]) == (str(clip), str(out))
    assert report["bytes"] == out.stat().st_size
    assert [each["model"] for each in report["models"]] == ["RViT", "DirecFormer C-C"]
    assert report["models"][0]["weights"] == load("rvit").card.hash
    assert [path.name for path in out.parent.iterdir()] == ["star.html"], "nothing half written"
    text = out.read_text(encoding="utf-8")
    assert "python -m core handout star.mp4 --models rvit direcformer_cc --out star.html" in text
    assert str(tmp_path) not in text, "no folder of the machine that made it"
    for words, message in (
        ([str(clip), "--out", str(tmp_path / "page.htm")], "must end in .html"),
        ([str(clip), "--models", "far", "far", "--out", str(out)], "more than once"),
        ([str(clip), "--models", "nothing", "--out", str(out)], "nothing"),
        ([str(tmp_path / "none.mp4"), "--out", str(out)], "none.mp4"),
    ):
        assert main(["handout", *words]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert out.read_text(encoding="utf-8") == text, "a command that fails leaves the file"

"""The model chooser: what it offers.

Also what becomes of the rest of the sidebar when another model is chosen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from core.models import available, image_models, spec
from core.weights import embedded, hub, shipped, shipped_title
from core.weights.hub import Named
from pages.parts.choose import opening_choice
from pages.parts.choose_clip import videos_in
from pages.parts.choose_model import model_options
from pages.parts.loaded import loaded
from pages.parts.several import partner
from pages.parts.sources import ModelSource

K400 = "timesformer-base-finetuned-k400"


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of checkpoints, an empty cache, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv(hub.FOLDER, str(tmp_path / "checkpoints"))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def app() -> AppTest:
    def page() -> None:
        import streamlit as st

        from pages.parts.choose import sidebar

        choice = sidebar()
        st.text(f"{choice.title}|{len(choice.clip)}|{choice.crop}|{','.join(choice.card.labels)}")

    return AppTest.from_function(page, default_timeout=60)


def shown(app: AppTest) -> list[str]:
    assert not app.exception
    return app.text[0].value.split("|")


def test_shipped_models_come_first_then_public_ones_that_are_here_then_ones_own(
    timesformer_folder: Path, checkpoints: Path
) -> None:
    untrained = [f"random:{name}" for name in sorted(available()) if name not in embedded()]
    assert list(model_options(None)) == [*shipped(), *untrained]
    assert next(iter(model_options(None))) == "direcformer", "the app opens on it"
    (checkpoints / K400).symlink_to(timesformer_folder)
    options = model_options("/x/mine.safetensors")
    assert list(options) == [
        *shipped(),
        "public:TimeSformer K400",
        *untrained,
        "file:/x/mine.safetensors",
    ]
    assert list(options.values())[: len(shipped()) + 1] == [
        *(shipped_title(n) for n in shipped()),
        "TimeSformer K400",
    ]
    assert (
        all("random weights" in options[key] for key in untrained)
        and options["file:/x/mine.safetensors"] == "own: mine.safetensors"
    )


@pytest.mark.parametrize(
    ("link", "key", "value"),
    [
        ({"model": "timesformer"}, "model", "timesformer"),
        ({"model": "TIMESFORMER"}, "model", "timesformer"),
        ({"label": "Circle"}, "label", "circle"),
        ({"crop": "FIT"}, "crop", "fit"),
    ],
)
def test_a_link_may_use_the_command_lines_names_and_any_case(
    app: AppTest, link: dict[str, str], key: str, value: str
) -> None:
    app.query_params.update(link)
    app.run()
    assert not app.warning and app.selectbox(key=key).value == value


def test_a_rendered_gesture_can_be_seen_from_the_front_and_the_link_says_so(app: AppTest) -> None:
    app.query_params["seen"] = "front"  # as the command line calls it
    shown(app.run())
    assert any("rendered carret, seed 13, from the front" in each.value for each in app.caption)
    assert any("as in a mirror" in each.value for each in app.caption)
    app.segmented_control(key="seen").set_value("own").run()
    assert not any("as in a mirror" in each.value for each in app.caption)


def test_what_a_link_asks_for_and_is_not_here_is_named_in_one_line_until_another_is_chosen(
    app: AppTest,
) -> None:
    app.query_params.update(
        {"model": "resnet", "label": "ellipse", "seed": "-3", "frames": "500", "source": "Folder"}
    )
    app.run()
    [warning] = app.warning
    for words in ("model “resnet”", "label “ellipse”", "seed “-3”", "frames “500”"):
        assert words in warning.value
    assert "DirecFormer, AM Flow" in warning.value and "their owner" not in warning.value
    assert shown(app)[:2] == ["DirecFormer", "8"]
    app.selectbox(key="label").set_value("star").run()
    [warning] = app.warning
    assert "label" not in warning.value and "model “resnet”" in warning.value


def test_the_chooser_explains_every_model_and_the_data_sets_in_the_names(app: AppTest) -> None:
    app.run()
    said = app.selectbox(key="model").help
    for about in available().values():
        assert f"**{about.title}**: {about.summary}." in said
    for about in image_models().values():
        assert f"**{about.title}**: {about.summary}." in said
    videos = [named for named in hub.NAMED.values() if not named.is_image]
    for named in videos:
        assert f"**{named.name.split()[-1]}**" in said and named.data in said


def test_a_public_checkpoint_that_is_not_here_is_refused_without_a_download() -> None:
    with pytest.raises(BadInput, match="not on this machine"):
        loaded(ModelSource("public", "TimeSformer K400"))


def test_a_checkpoint_that_is_replaced_is_read_again(
    timesformer_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((timesformer_folder / path.name).read_bytes())
    (tmp_path / "config.json").write_bytes((timesformer_folder / "config.json").read_bytes())
    source = ModelSource("file", str(path))
    first = loaded(source)
    assert loaded(source).net is first.net
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    assert loaded(source).card.hash != first.card.hash


def test_a_chosen_public_checkpoint_brings_its_own_frames_and_crop(
    app: AppTest, timesformer_folder: Path, checkpoints: Path
) -> None:
    (checkpoints / K400).symlink_to(timesformer_folder)
    app.run()
    assert shown(app)[:3] == ["DirecFormer", "8", "fit"]
    app.slider(key="frames").set_value(6).run()
    app.selectbox(key="sampling").set_value("motion").run()
    assert shown(app)[1] == "6" and "TimeSformer K400" not in app.selectbox(key="missing").options
    app.selectbox(key="model").set_value("public:TimeSformer K400").run()
    assert shown(app) == ["TimeSformer K400", "3", "centre", "jump,run,swim"]
    assert app.selectbox(key="sampling").value == "dense"
    assert "Trained on Kinetics-400. Licence: CC-BY-NC-4.0." in app.caption[-1].value


def test_what_is_not_here_is_offered_with_its_licence_and_a_clear_line_offline(
    app: AppTest,
) -> None:
    app.run()
    assert app.selectbox(key="missing").options[0] == "DINOv2-S", "of any clip, and free"
    [about] = [c.value for c in app.caption if "hf://facebook/dinov2-small" in c.value]
    assert "88 MB" in about and "Apache-2.0. It shows where it looks on any clip" in about
    app.selectbox(key="missing").set_value("TimeSformer K400").run()
    assert any(
        "CC-BY-NC-4.0: not for commercial use" in c.value
        and "490 MB" in c.value
        and "hf://facebook" in c.value
        for c in app.caption
    )
    assert any(hub.FOLDER in c.value and f"`{K400}/`" in c.value for c in app.caption)
    app.button(key="download").click().run()
    assert ["HF_HUB_OFFLINE is set" in e.value and "\n" not in e.value for e in app.error] == [True]
    assert shown(app)[0] == "DirecFormer"


def test_what_was_downloaded_is_chosen(
    app: AppTest, timesformer_folder: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(source: str, progress: hub.Progress) -> hub.Files | None:
        asked.append(source)
        progress(1_000_000, 2_000_000)
        (checkpoints / K400).symlink_to(timesformer_folder)
        return hub.local(source)

    app.run()
    app.selectbox(key="missing").set_value("TimeSformer K400").run()
    with monkeypatch.context() as patch:
        patch.setattr("pages.parts.public.hub.fetch", fetch)
        app.button(key="download").click().run()
    assert asked == [hub.NAMED["TimeSformer K400"].source] and not app.error
    assert (
        app.selectbox(key="model").value == "public:TimeSformer K400"
        and shown(app)[3] == "jump,run,swim"
    )


def test_where_everything_is_here_nothing_is_offered(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: list[Named] = []
    monkeypatch.setattr(hub, "offered", lambda: nothing)
    app.run()
    assert "missing" not in [s.key for s in app.selectbox] and shown(app)[0] == "DirecFormer"


@pytest.mark.parametrize(
    ("linked", "said"),
    [
        ("own: mine.safetensors", "Own checkpoint"),
        ("TimeSformer K400", "public checkpoint"),
        ("DirecFormer, taught flower.mp4", "Own checkpoint"),
    ],
)
def test_a_link_to_a_model_that_is_not_here_says_so_until_one_is_chosen(
    app: AppTest, linked: str, said: str
) -> None:
    app.query_params["model"] = linked
    app.run()
    assert shown(app)[0] == "DirecFormer"
    assert [
        said in w.value and "Shown instead: DirecFormer" in w.value and "\n" not in w.value
        for w in app.warning
    ] == [True]
    app.number_input(key="seed").set_value(5).run()
    assert len(app.warning) == 1, "it stays while nothing was chosen"
    app.selectbox(key="model").set_value("rvit").run()
    assert shown(app)[0] == "RViT" and not app.warning
    app.selectbox(key="model").set_value("direcformer").run()
    assert not app.warning


def test_a_link_to_a_model_that_is_here_opens_it_without_a_word(app: AppTest) -> None:
    app.query_params["model"] = spec("rvit").title
    app.run()
    assert shown(app)[0] == "RViT" and not app.warning


def test_a_variant_has_a_link_and_a_title_of_its_own_and_stands_beside_its_model(
    app: AppTest,
) -> None:
    app.query_params["model"] = "DirecFormer C-C"
    app.run()
    assert shown(app)[0] == "DirecFormer C-C" and not app.warning
    source = ModelSource.parse(app.session_state["model"])
    assert source == ModelSource("shipped", "direcformer_cc") and source.network == "direcformer"
    assert loaded(source).card.settings["space"] == "cosine"
    assert partner(replace(opening_choice(), model=source)) == "direcformer"


@pytest.mark.parametrize(
    ("name", "least", "most"), [("direcformer", 4, 24), ("far", 8, 32), ("videomae", 8, 32)]
)
def test_models_of_pairs_reach_as_many_units_as_an_exact_order_may_have(
    app: AppTest, name: str, least: int, most: int
) -> None:
    app.session_state["model"] = name
    app.run()
    slider = app.slider(key="frames")
    assert (slider.min, slider.max) == (least, most) and all(control.help for control in app.slider)
    slider.set_value(most).run()
    assert shown(app)[1] == str(most) and not app.error
    app.selectbox(key="model").set_value("timesformer").run()
    assert shown(app)[1] == "8" and app.slider(key="frames").max == 24 and not app.error


def test_a_folder_offers_its_videos_and_its_folders_of_pictures(tmp_path: Path) -> None:
    for name in ("a.mp4", "b/1.jpg", "b/2.JPG", "c/d/1.png", "e/f.TS", "g/notes.txt", "h.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "1.jpg").write_bytes(b"")
    (tmp_path / "moving.webp").write_bytes(b"RIFF0000WEBPVP8X" + b"0" * 14 + b"ANIM")
    names = [str(path.relative_to(tmp_path)) for path in videos_in(tmp_path)]
    assert names == ["a.mp4", "b", "c/d", "e/f.TS", "h.zip", "moving.webp"]

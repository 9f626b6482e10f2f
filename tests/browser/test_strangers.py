"""A checkpoint of a stranger in a real browser: it works, and its words reach no other host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core.models.direcformer import DirecFormer
from tests.browser.noise import listened
from tests.browser.waiting import no_error, settled

pytestmark = pytest.mark.browser
PICTURE = "![x](http://host.example/{}.png)"
HTML = "<img src=http://host.example/html.png onerror=alert(1)>"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The authors' own weights, and a config.json whose labels are not only words."""
    torch.manual_seed(0)
    net = DirecFormer(
        classes=3, size=28, patch=7, frames=4, width=64, depth=2, heads=1, order_head=False
    )
    torch.save({"state_dict": net.state_dict()}, tmp_path / "best.pth.tar")
    labels = {"0": PICTURE.format("zero"), "1": HTML, "2": f"**two** {PICTURE.format('two')}"}
    (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
    return [str(tmp_path / "best.pth.tar"), str(tmp_path / "config.json")]


@pytest.mark.long
def test_own_weights_with_their_config_are_shown_and_ask_no_other_host(
    address: str, chromium, files: list[str]
) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    noise = listened(page, address)
    page.goto(address)
    settled(page)
    page.get_by_text("Own checkpoint", exact=True).click()
    field = page.locator("[data-testid=stFileUploader]:has-text('Its files') input[type=file]")
    field.set_input_files(files)
    page.get_by_text("It knows 3 classes").wait_for()
    settled(page)
    no_error(page)
    words = page.get_by_text("It knows 3 classes").inner_text()
    assert PICTURE.format("zero") in words and HTML in words, "as they were written"
    page.get_by_role("link", name="GradCAM").click()
    page.get_by_text("The evidence for").first.wait_for()
    settled(page)
    no_error(page)
    assert noise == [] and page.locator("img[src*='host.example']").count() == 0
    page.close()


def test_a_picture_of_another_host_is_not_loaded_even_if_it_stood_on_the_page(
    address: str, chromium
) -> None:
    page = chromium.new_page()
    page.goto(address)
    settled(page)
    blocked = page.evaluate("""() => new Promise((resolve) => {
        addEventListener('securitypolicyviolation', (event) => resolve(event.blockedURI));
        const picture = document.createElement('img');
        picture.src = 'http://host.example/a.png';
        document.body.append(picture);
        setTimeout(() => resolve('nothing was blocked'), 5000);
    })""")
    assert blocked == "http://host.example/a.png"
    page.close()

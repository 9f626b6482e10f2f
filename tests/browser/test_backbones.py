"""The page Other models: the chart's names, tokens under the pointer, the table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.accessibility import barriers
from tests.browser.noise import listened
from tests.browser.waiting import contains, drawn, eventually, settled

pytestmark = pytest.mark.browser
TABLE, DESIGNS = "[data-testid=sorted-table]", "[data-testid=designs]"


def seen(page: Any) -> dict[str, str]:
    """What each drawing says of itself: its title and how many tokens it sees."""
    labels = page.locator(f"{DESIGNS} svg[role=img]").evaluate_all(
        "all => all.map(svg => svg.getAttribute('aria-label'))"
    )
    return dict(label.split(": sees ") for label in labels)


@pytest.mark.long
def test_a_token_is_asked_of_every_design_a_table_is_sorted_and_a_model_opens(
    address: str, chromium
) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    noise = listened(page, address)
    page.goto(f"{address}/backbones?model=FAR&seed=4")
    drawn(page, 1)
    assert page.locator(".annotation-text").count() == 32, "27 rows of the survey, five models"
    counts = seen(page)
    assert counts["3D CNN, 3 × 3 × 3 (C3D, I3D)"] == "27 of 100 tokens"
    assert counts["Recurrent linear, by the hidden state"] == "26 of 100 tokens"
    page.locator(f"{DESIGNS} svg[role=img]").first.locator("[data-token='0']").hover()
    eventually(page, lambda: _is(seen(page)["Recurrent linear, by the hidden state"], "1 of 100"))
    page.mouse.move(5, 5)
    page.locator(DESIGNS).focus()
    page.keyboard.press("Shift+ArrowRight")
    eventually(page, lambda: _is(seen(page)["Recurrent linear, by the hidden state"], "26 of 100"))

    contains(page, f"{TABLE} tbody tr:nth-child(7)", "TN")
    page.locator(f"{TABLE} th button", has_text="Params").click()
    contains(page, f"{TABLE} tbody tr:nth-child(1)", "VideoMAE V2")
    page.locator(f"{TABLE} input").fill("hierarchy")
    contains(page, f"{TABLE} [data-part=count]", "1 of 38 rows")
    page.locator(f"{TABLE} td button", has_text="[34]").click()
    contains(page, f"{TABLE} li.asked", "bells-and-whistles")
    assert barriers(page) == []

    page.locator(f"{DESIGNS} button", has_text="open RViT").click()
    page.wait_for_url(lambda url: "backbones" not in url)
    settled(page)
    assert "model=RViT" in page.url and "seed=4" in page.url, "the clip stays"
    assert noise == []
    page.close()


def _is(text: str, start: str) -> None:
    assert text.startswith(start), text

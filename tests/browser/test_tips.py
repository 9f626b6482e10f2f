"""Dotted words explain themselves to those who cannot point: a click opens, Escape closes."""

from __future__ import annotations

import pytest

from tests.browser.lab import LAB, opened

pytestmark = pytest.mark.browser


def test_a_click_opens_what_a_dotted_word_explains_and_escape_closes_it(
    address: str, chromium
) -> None:
    page = opened(chromium, address)
    words = page.locator(f"{LAB} [data-open]")
    page.locator(f"{LAB} [data-help=slots]").click()
    words.wait_for()
    shown = words.evaluate("word => getComputedStyle(word, '::after').content")
    assert "order in which the path visits them" in shown
    page.locator(f"{LAB} [data-help=weight]").click()
    assert words.count() == 1 and words.get_attribute("data-help") == "weight"
    page.keyboard.press("Escape")
    assert words.count() == 0
    page.close()

"""When the shuffle lab asks anew, and when it stays where it was left."""

from __future__ import annotations

import pytest

from tests.browser.lab import CLIP, LAB, becomes, opened
from tests.browser.waiting import no_error, settled

pytestmark = pytest.mark.browser


def test_another_shuffle_is_guessed_anew_and_the_same_one_stays_as_it_was_left(
    address: str, chromium
) -> None:
    page = opened(chromium, address, f"{CLIP}&lab=step:9")
    becomes(page, "answers", "shown")
    page.get_by_role("link", name="GradCAM", exact=True).first.click()
    page.wait_for_selector(LAB, state="detached")
    settled(page)
    page.get_by_role("link", name="Frame order", exact=True).first.click()
    page.wait_for_selector(f"{LAB}[data-waiting=false][data-step='9'][data-answers=shown]")

    seed = page.get_by_role("spinbutton", name="Shuffle seed")
    seed.fill("5")
    seed.press("Enter")
    page.wait_for_selector(f"{LAB}[data-step='0'][data-answers=hidden]")
    assert page.locator(f"{LAB} .lab-frame small").all_inner_texts() == ["?"] * 8
    page.get_by_role("button", name="Put in order").click()
    becomes(page, "playing", "true")
    no_error(page)
    page.close()

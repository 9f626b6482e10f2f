"""Words of others stand on a page as they are, and in a file too."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.draw.words import plain
from core.errors import BadInput
from pages.parts.words import as_figure_text, as_text, message

HOSTILE = "![x](https://host.example/a.png) <img src=x> :red[a] $x$ **b** `c` &lt; ~d~ [e]: f"


def test_nothing_of_a_strangers_words_is_markdown() -> None:
    assert as_text(HOSTILE) == (
        r"!\[x\](https\://host.example/a.png) \<img src=x\> \:red\[a\] \$x\$ \*\*b\*\* \`c\` "
        r"\&lt; \~d\~ \[e\]: f"
    )
    assert as_text("a_b _c_ 4.5\n\n# d") == r"a_b \_c\_ 4.5 \# d"
    assert as_text("- a") == r"\- a" and as_text("1. a") == r"1\. a"


@given(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Zs", "Cs"]), max_size=30))
def test_words_come_back_from_markdown_as_they_were(words: str) -> None:
    assert plain(as_text(words)) == words
    assert not re.search(r"(?<!\\)[\[\]<$`*]", as_text(words).replace(r"\\", ""))


def test_a_line_for_a_file_has_no_marks_of_our_own() -> None:
    line = rf"A, :red-badge[random weights] · GradCAM of *{as_text('push [it] *up*')}*"
    assert plain(line) == "A, random weights · GradCAM of push [it] *up*"


def test_an_error_keeps_its_commands_and_nothing_of_a_name() -> None:
    line = "![x](u).mp4 holds [no] video; try `python -m core probe *`"
    assert message(BadInput(line)) == (
        r"!\[x\](u).mp4 holds \[no\] video; try `python -m core probe *`"
    )


@pytest.mark.parametrize(
    "line",
    ["a `![x](u)", "``` ![x](u) `", "`` ` ![x](u) `", "\\` ![x](u) ` is no video"],
)
def test_a_name_with_backticks_opens_no_code_of_its_own(line: str) -> None:
    """Whatever of it a reader of Markdown takes for code, no picture stands outside of that."""
    text = message(line)
    outside = re.sub(r"(?<!\\)`[^`]*`", "", text.replace(r"\\", ""))
    assert "![" not in outside


def test_a_figure_shows_markup_as_letters() -> None:
    assert as_figure_text("<b>up</b> & <img src=x>") == (
        "&lt;b&gt;up&lt;/b&gt; &amp; &lt;img src=x&gt;"
    )

"""Too little memory is one sentence that says what to lower, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from core import cli
from core.errors import BadInput, enough_memory
from pages.parts import once, visitors
from pages.parts.sources import Rendered
from training import __main__ as training

# more than any computer has: it is refused at once
TOO_MUCH = {"numpy": lambda: np.empty(2**56), "torch": lambda: torch.empty(2**55)}
WORDS = "this takes more memory than the computer has; "


@pytest.mark.parametrize("take", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_command_that_takes_too_much_memory_says_what_to_lower(
    take: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, command, lower in (
        (cli, "models", "ask for fewer frames, or choose a smaller model"),
        (training, "recipes", "lower --batch, or take fewer frames or a smaller model"),
    ):
        monkeypatch.setitem(module._COMMANDS, command, lambda args: take())
        assert module.main([command]) == 2
        assert capsys.readouterr() == ("", f"error: {WORDS}{lower}\n")


@pytest.mark.parametrize("take", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_a_page_makes_is_refused_where_memory_is_too_little(
    take: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(visitors.SERVER, raising=False)

    @once.made_once(size=lambda value: 1)
    def much(source: Rendered) -> object:
        return take()

    with pytest.raises(BadInput, match=WORDS):
        much(Rendered("star", 3))


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), BadInput("out of memory")])
def test_any_other_error_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, enough_memory():
        raise error
    assert caught.value is error

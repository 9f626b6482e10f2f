"""A guided lesson of assets/lessons: its text, what the app shows at each step, and its claims.

A file `N-name.md` begins with TOML between two lines `+++`: title, minutes, what is seen, and the
claims. Each `## Title` after it begins a step: a block of TOML (page, parameters, what is looked
at), the text, and perhaps a question (`?`), choices (`- [x]` the right one) and the answer (`>`).
A claim's value is written once, in the front matter; the text asks for it as `{claim:name}`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assets import ASSETS
from core.errors import BadInput

FOLDER = ASSETS / "lessons"
PAGES = Path(__file__).parents[2] / "pages"
FIRST_PAGE = "explore"
"""Which has no name in the address."""
FRONT = re.compile(r"\A\+\+\+\n(.*?)^\+\+\+\n", re.DOTALL | re.MULTILINE)
STEP = re.compile(r"^## +(.+)$", re.MULTILINE)
SET = re.compile(r"\A\s*```toml\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
CHOICE = re.compile(r"- \[([ x])\] (.+)")
CLAIM = re.compile(r"\{claim:([\w-]+)\}")
LEAST_CHOICES = 2


@dataclass(frozen=True)
class Claim:
    """A value that a lesson states, and the measure that must give it."""

    name: str
    measure: str
    """A measure of tests/lessons/measures.py."""
    of: Mapping[str, Any]
    """What it measures: the arguments of the measure."""
    value: float | str
    tolerance: float
    unit: str = ""

    @property
    def words(self) -> str:
        """The value as the text shows it."""
        value = self.value if isinstance(self.value, str) else f"{self.value:,g}"
        return f"{value}{self.unit}"


@dataclass(frozen=True)
class Question:
    """A question to the audience, which guesses before the answer is shown."""

    text: str
    choices: tuple[str, ...]
    right: int
    """The number of the right choice, from 0."""
    answer: str


@dataclass(frozen=True)
class Step:
    """One step: what is said, and what the app shows meanwhile."""

    title: str
    text: str
    """Markdown, in which the claims stand as values."""
    page: str
    """A file of pages/, without its ending."""
    parameters: Mapping[str, str]
    """Of the page's address; a control that is not named opens on its default."""
    look: str = ""
    """A CSS selector of what is to be looked at."""
    own: bool = False
    """Whether it also makes sense before a clip of the audience's own."""
    question: Question | None = None


@dataclass(frozen=True)
class Lesson:
    """A guided lesson."""

    number: int
    title: str
    minutes: int
    see: str
    """What one will see, in a sentence."""
    steps: tuple[Step, ...]
    claims: Mapping[str, Claim]

    def address(self, number: int, clip: Mapping[str, str] | None = None) -> str:
        """The address of a step, counted from 1, below that of the app.

        `clip` are the parameters of a clip of the audience's own, which stands in for the lesson's
        where the step allows it.
        """
        step = self.steps[number - 1]
        parameters = dict(step.parameters)
        if clip is not None and step.own:
            for key in ("source", "label", "seed", "seen"):
                parameters.pop(key, None)
            parameters |= {**clip, "own": "1"}
        return address(step.page, {**parameters, "lesson": self.number, "step": number})


def address(page: str, parameters: Mapping[str, object]) -> str:
    """The address of a page with its parameters, below that of the app."""
    path = "" if page == FIRST_PAGE else page
    pairs = (f"{key}={quote(str(value), safe=':,')}" for key, value in parameters.items())
    return f"{path}?{'&'.join(pairs)}"


@cache
def lessons() -> Mapping[int, Lesson]:
    """Every lesson by its number, the first first.

    Raises: BadInput for a file that is wrong: which, where, and what it should be.
    """
    read = [read_lesson(path) for path in FOLDER.glob("*.md")]
    return {lesson.number: lesson for lesson in sorted(read, key=lambda lesson: lesson.number)}


def read_lesson(path: Path) -> Lesson:
    """The lesson of a file `N-name.md`.

    Raises: BadInput, see `lessons`.
    """
    name = path.name
    number, _, rest = name.partition("-")
    if not number.isdecimal() or not rest:
        raise BadInput(f"{name}: a lesson's file is called N-name.md, such as 4-shuffle.md")
    text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    front = FRONT.match(text)
    if front is None:
        raise BadInput(f"{name}: begin it with TOML between two lines +++")
    about = Fields(name, _toml(front[1], name))
    title, minutes, see = about.text("title"), about.whole("minutes"), about.text("see")
    claims = {
        key: _claim(key, Fields(f"{name}, claim {key}", fields))
        for key, fields in about.table("claims").items()
    }
    about.no_others()
    parts = STEP.split(text[front.end() :])
    if len(parts) < 3:
        raise BadInput(f"{name}: it has no step; a step begins with a line ## Title")
    if parts[0].strip():
        raise BadInput(f"{name}: move what stands before the first step, ## Title, into a step")
    steps = tuple(
        _step(title.strip(), body, claims, f"{name}, step {place}")
        for place, (title, body) in enumerate(zip(parts[1::2], parts[2::2], strict=True), 1)
    )
    unused = claims.keys() - set(CLAIM.findall(text))
    if unused:
        raise BadInput(f"{name}: no text asks for {{claim:{min(unused)}}}")
    return Lesson(int(number), title, minutes, see, steps, claims)


class Fields:
    """The fields of a TOML table, taken one by one, so that an unknown one is noticed."""

    def __init__(self, where: str, table: object) -> None:
        if not isinstance(table, dict):
            raise BadInput(f"{where}: {table!r} is no table of names and values")
        self.where = where
        self.rest = dict(table)

    def take(self, name: str, kind: type | tuple[type, ...], expected: str, default: Any) -> Any:
        """The value of a field; `default` None means that it must be there."""
        value = self.rest.pop(name, default)
        if value is None:
            raise BadInput(f"{self.where}: {name} is missing; give {expected}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadInput(f"{self.where}: {name} is {value!r}; give {expected}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        return str(self.take(name, str, "a text", default))

    def whole(self, name: str) -> int:
        return int(self.take(name, int, "a whole number", None))

    def table(self, name: str) -> dict[str, Any]:
        return dict(self.take(name, dict, "a table", {}))

    def no_others(self) -> None:
        """Raises: BadInput if a field was not taken."""
        if self.rest:
            raise BadInput(f"{self.where}: there is no field {next(iter(self.rest))!r}")


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where}: not TOML: {error}") from None


def _claim(name: str, fields: Fields) -> Claim:
    measure, of = fields.text("measure"), fields.table("of")
    value = fields.take("value", (int, float, str), "a number or a text", None)
    default = 0 if isinstance(value, str) else None
    tolerance = fields.take("tolerance", (int, float), "a number: how far off it may be", default)
    unit = fields.text("unit", "")
    fields.no_others()
    return Claim(name, measure, of, value, float(tolerance), unit)


def _step(title: str, body: str, claims: Mapping[str, Claim], where: str) -> Step:
    state = SET.match(body)
    if state is None:
        raise BadInput(f"{where}: begin it with a block ```toml that says which page is open")
    fields = Fields(where, _toml(state[1], where))
    page = fields.text("page")
    if not (PAGES / f"{page}.py").is_file():
        known = ", ".join(sorted(path.stem for path in PAGES.glob("[!_]*.py")))
        raise BadInput(f"{where}: there is no page {page!r}; there are {known}")
    look, own = fields.text("look", ""), bool(fields.take("own", bool, "true or false", False))
    parameters = {key: str(value) for key, value in fields.table("set").items()}
    fields.no_others()

    def stated(match: re.Match[str]) -> str:
        if match[1] not in claims:
            raise BadInput(f"{where}: there is no claim {match[1]!r} in the front matter")
        return claims[match[1]].words

    text, question = _asked(CLAIM.sub(stated, body[state.end() :]), where)
    if not text:
        raise BadInput(f"{where}: it says nothing; write its text below the block")
    return Step(title, text, page, parameters, look, own, question)


def _asked(body: str, where: str) -> tuple[str, Question | None]:
    """The text of a step, and its question if it has one."""
    text, mark, rest = body.partition("\n? ")
    if not mark:
        return body.strip(), None
    lines = [line for line in rest.splitlines() if line.strip()]
    choices = [match for line in lines[1:] if (match := CHOICE.fullmatch(line))]
    answer = [line.removeprefix(">").strip() for line in lines[1:] if line.startswith(">")]
    others = [line for line in lines[1:] if not line.startswith(">") and not CHOICE.fullmatch(line)]
    right = [place for place, match in enumerate(choices) if match[1] == "x"]
    if others:
        raise BadInput(f"{where}: {others[0]!r} belongs neither to the question nor to its answer")
    if len(choices) < LEAST_CHOICES or len(right) != 1 or not answer:
        raise BadInput(
            f"{where}: a question is a line `? ...`, two or more lines `- [ ] ...`, one of them "
            "`- [x] ...`, and the answer as lines `> ...`"
        )
    offered = tuple(match[2] for match in choices)
    return text.strip(), Question(lines[0], offered, right[0], " ".join(answer))

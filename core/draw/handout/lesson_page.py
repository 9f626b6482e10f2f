"""A lesson to take home: its steps, each beside what the app shows at it, as one HTML file."""

from __future__ import annotations

from datetime import date
from html import escape
from string import Template
from typing import Any

from core.draw.handout.document import FOLDER, common, component, in_scopes, nodes_of, sheet_of
from core.draw.handout.document import whole as whole_document
from core.draw.handout.fitting import LIMIT
from core.draw.handout.maths import Writer
from core.draw.handout.scenes import Scene, Scenes
from core.draw.lesson import Lesson, Step
from core.draw.words import NOT_AN_EXPLANATION
from core.errors import BadInput

NOTE = (
    "Rendered clips before the weights that are included; the figures in the text were measured "
    "on them."
)


def lesson_document(lesson: Lesson, *, again: str = "", made: date | None = None) -> str:
    """The page of a lesson, as HTML.

    Args:
        again: the command that makes this page once more.
        made: the day on which it was made; None is today.

    Raises: BadInput for a step that cannot be shown in a file, or a file that would be too large.
    """
    day = made or date.today()
    scenes, writer = Scenes(), Writer()
    shown = [scenes.of(step) for step in lesson.steps]
    payloads = scenes.payloads()
    texts = "".join(_text(step, i, writer) for i, step in enumerate(lesson.steps))
    figures = "".join(
        f'<div class="le-plain" data-figure="{i}" hidden>{scene.html}</div>'
        for i, scene in enumerate(shown)
        if scene.html
    )
    body = Template((FOLDER / "lesson" / "lesson.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{lesson.number}. {lesson.title}"),
        made=f"Attention in Motion, {day.day} {day:%B %Y}",
        texts=texts,
        figures=figures,
        viewer=component("viewer/viewer.html"),
        lab=component("lab/lab.html"),
        designs=component("designs/designs.html"),
        warning=escape(NOT_AN_EXPLANATION),
        note=escape(NOTE),
        about=common(again),
    )
    steps = [_step(step, scene) for step, scene in zip(lesson.steps, shown, strict=True)]
    style = sheet_of(
        "viewer/viewer.css",
        "lab/lab.css",
        "designs/designs.css",
        "handout/handout.css",
        "handout/lesson/lesson.css",
    )
    page = whole_document(
        f"Lesson {lesson.number}: {lesson.title}",
        f"{body}\n{nodes_of('le-steps', steps, payloads)}",
        f"{style}\n{writer.style}",
        in_scopes(
            "handout/lesson/lesson.js", "viewer/viewer.js", "lab/lab.js", "designs/designs.js"
        ),
    )
    if len(page.encode()) > LIMIT:
        raise BadInput(
            f"lesson {lesson.number} would take {len(page.encode()) / 1e6:.1f} MB of the "
            f"{LIMIT / 1e6:.0f} MB that a file may have; let its steps share clips and models"
        )
    return page


def _text(step: Step, number: int, writer: Writer) -> str:
    """The words of a step: its text, its question with the choices, and the answer."""
    parts = [f"<h2>{escape(step.title)}</h2>", writer.html(step.text)]
    if step.question:
        asked = step.question
        choices = "".join(
            f'<li><button type="button" class="ho-button le-choice" data-choice="{place}">'
            f"{writer.line(choice)}</button></li>"
            for place, choice in enumerate(asked.choices)
        )
        parts += [
            f'<p class="le-question"><strong>{writer.line(asked.text)}</strong></p>',
            f'<ol class="le-choices">{choices}</ol>',
            f'<div class="le-answer" aria-live="polite">{writer.html(asked.answer)}</div>',
        ]
    hidden = " hidden" if number else ""
    return f'<section class="le-step-text" data-step="{number}"{hidden}>{"".join(parts)}</section>'


def _step(step: Step, scene: Scene) -> dict[str, Any]:
    """What the script needs of a step."""
    right = step.question.right if step.question else None
    return {"title": step.title, "kind": scene.kind, "right": right, **scene.data}

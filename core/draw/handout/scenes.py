"""What a page to take home shows beside each step of a lesson: what the app would show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from assets import ASSETS
from core.draw.designs import designs_data
from core.draw.handout import pieces
from core.draw.handout.fitting import LIMIT, REST, fitted
from core.draw.handout.flow import flow_shown
from core.draw.handout.sheet import Shuffle, lab_of, weights_words
from core.draw.lesson import Step
from core.draw.overlay import enlarged, overlay
from core.draw.steps import weight_scale
from core.draw.trust_figures import FILL_TITLES
from core.draw.trust_set import alike_matrix, short
from core.errors import BadInput
from core.explain import flow_of, gradcam, over_space, spatial, time_is_signed
from core.explain.am_flow import am_flow, displayed, has_aligned_flow
from core.explain.compare import PROBES, motion_probe
from core.explain.scores import PairMap, correlation, hand_scores
from core.explain.trust.alike import TRUTH
from core.explain.trust.faithfulness import FILLS, Fill, deletions, random_heats
from core.models import available, spec
from core.observe import Trace, observe
from core.order import Affinity, Pixels, Reading, read
from core.order.shuffle import permutation
from core.video import Clip, crop_box, shuffled
from core.weights import DEFAULT, Model, embedded, load, untrained
from core.world.gestures import RENDERED_FRAMES, Gesture, Uncut
from core.world.truth import Truth, truth_of

RANDOM = " (random weights)"
ALIKE = ("attention", "GradCAM", "optical flow", "frame difference", TRUTH)
"""The maps that a page from *Results* shows."""
MOST_PROBABLE = 5
OPACITY = 0.6


@dataclass(frozen=True)
class Scene:
    """What stands beside a step."""

    kind: str
    """viewer, lab, flow, designs or plain: what the script shows."""
    data: dict[str, Any] = field(default_factory=dict)
    """What it is given."""
    html: str = ""
    """Figures that need no script."""


@dataclass(eq=False)
class Subject:
    """A rendered gesture before a model, and what is looked at of it."""

    model: Model
    title: str
    gesture: Gesture
    clip: Clip
    layers: set[int] = field(default_factory=set)
    """Those that a step names, which must be in the file."""

    @property
    def line(self) -> str:
        """What is seen and by what."""
        weights = weights_words(self.model.card)
        return f"{self.title}, {weights} · {self.clip.source}, {len(self.clip)} frames"

    @cached_property
    def trace(self) -> Trace:
        return observe(self.model, self.clip)

    @property
    def truth(self) -> Truth:
        """What really moves, in what the model sees."""
        known = truth_of(self.gesture, self.clip.times)
        top, left, high, wide = crop_box(*self.clip.size, self.model.card.crop)
        inside = (slice(None), slice(top, top + high), slice(left, left + wide))
        return Truth(known.mask[inside], known.motion[inside])


class Scenes:
    """The scenes of a lesson's steps, and the payloads of the viewer that they share."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[str, str, int], Subject] = {}
        self._viewed: list[Subject] = []
        self._models: dict[str, Model] = {}

    def of(self, step: Step) -> Scene:
        """The scene of a step.

        Raises: BadInput for a page that cannot be shown in a file.
        """
        if step.page not in self.shows:
            raise BadInput(
                f"the step {step.title!r} is on the page {step.page}, which cannot be handed out; "
                f"choose one of {', '.join(self.shows)}"
            )
        return self.shows[step.page](step)

    @property
    def shows(self) -> Mapping[str, Callable[[Step], Scene]]:
        """What draws the scene of a step, by the step's page."""
        return {
            "explore": self._explore,
            "frame_order": self._frame_order,
            "am_flow": self._am_flow,
            "gradcam": self._gradcam,
            "compare": self._compare,
            "trust": self._trust,
            "results": self._results,
            "backbones": lambda step: Scene("designs", designs_data()),
        }

    def payloads(self) -> list[bytes]:
        """Of each subject that the viewer shows, in the order of the scenes' numbers."""
        most = (LIMIT - REST) // max(1, len(self._viewed))
        packed = []
        for subject in self._viewed:
            trace = subject.trace
            best = int(trace.probabilities.argmax())
            cams = [gradcam(subject.model, subject.clip, best)]
            packed.append(fitted(trace, cams, subject.line, most, subject.layers)[0])
        return packed

    def _subject(self, step: Step, title: str = "") -> Subject:
        """The clip of a step before its model, or before that of `title`."""
        title = title or step.parameters.get("model", spec(DEFAULT).title)
        label, seed = step.parameters["label"], int(step.parameters["seed"])
        key = (title, label, seed)
        if key not in self._subjects:
            model = self._model(title)
            card, uncut = model.card, Uncut(label, seed, RENDERED_FRAMES)
            indices = uncut.indices(frames=card.frames, sampling=card.sampling).tolist()
            gesture = uncut.drawn(indices)
            self._subjects[key] = Subject(model, title, gesture, uncut.clip(gesture, indices))
        return self._subjects[key]

    def _model(self, title: str) -> Model:
        if title not in self._models:
            name = named(title)
            self._models[title] = untrained(name) if title.endswith(RANDOM) else load(name)
        return self._models[title]

    # --- the pages ---------------------------------------------------------------------------

    def _explore(self, step: Step) -> Scene:
        subject, look = self._subject(step), step.parameters.get("v", "")
        if subject not in self._viewed:
            self._viewed.append(subject)
        layers = [attention.layer for attention in over_space(subject.trace)]
        for entry in look.split(","):
            name, _, value = entry.partition(":")
            if name == "layer":
                subject.layers.add(int(value) if value.isdecimal() else layers[-1])
        return Scene("viewer", {"payload": self._viewed.index(subject), "look": look})

    def _frame_order(self, step: Step) -> Scene:
        subject = self._subject(step)
        seed = int(step.parameters.get("shuffle", 0))
        order = permutation(len(subject.clip) // subject.model.unit, seed=seed)
        if step.look == ".st-key-before-after":
            return self._before_and_after(subject, order)
        if "pair" in step.parameters:
            other = self._subject(step, step.parameters["pair"])
            return Scene("plain", html=_two_matrices(subject, other, order))
        by_pixels = step.parameters.get("by") == "Pixel likeness"
        affinity = Affinity.of(subject.model.card)
        if step.parameters.get("sharp") == "false":
            affinity = Affinity(sharpness=0.0)
        shuffle = _read(subject, order, affinity, by_pixels)
        data = lab_of(subject.model, [shuffle], subject.line)
        assert data is not None
        (shown,) = data["shuffles"]
        shown["pictures"] = [data["units"][unit] for unit in shown["permutation"]]
        return Scene("lab", {"lab": shown, "stand": step.parameters.get("lab", "")})

    def _before_and_after(self, subject: Subject, order: Sequence[int]) -> Scene:
        mixed = shuffled(subject.clip, order, subject.model.unit)
        before = subject.trace.probabilities
        after = observe(subject.model, mixed).probabilities
        top = np.argsort(-before)[:MOST_PROBABLE]
        labels = [subject.model.card.labels[i] for i in top]
        series = {"in order": before[top].tolist(), "shuffled": after[top].tolist()}
        return Scene("plain", html=pieces.bars(labels, series) + pieces.caption(subject.line))

    def _am_flow(self, step: Step) -> Scene:
        name = next(name for name, about in available().items() if about.am_flow)
        subject = self._subject(step, spec(name).title)
        flow = flow_shown(subject.model, subject.trace, subject.truth)
        assert flow is not None
        return Scene("flow", {"flow": flow}, _against_the_truth(subject))

    def _gradcam(self, step: Step) -> Scene:
        subject = self._subject(step)
        beside = step.parameters.get(f"beside-{subject.model.card.model}")
        subjects = [subject, *([self._subject(step, beside)] if beside else [])]
        label = subject.model.card.labels[int(subject.trace.probabilities.argmax())]
        cams = [
            gradcam(each.model, each.clip, each.model.card.labels.index(label)) for each in subjects
        ]
        one_scale = step.parameters.get("one_scale") != "false"
        top = max(float(cam.heat.max()) for cam in cams) if one_scale else None
        parts = []
        for each, cam in zip(subjects, cams, strict=True):
            box = crop_box(*each.clip.size, each.model.card.crop)
            drawn = overlay(each.clip.frames, cam.heat, opacity=OPACITY, box=box, top=top)
            # beside another every second step, so that both stand on one screen
            unit = each.model.unit * len(subjects)
            times = [f"{time:.1f} s" for time in each.clip.times[::unit]]
            title = f"{each.title}: GradCAM of {label}, {100 * cam.probability:.1f} %"
            parts.append(pieces.pictures(title, enlarged(drawn, 160)[::unit], times))
            scale = f"scale 0 to {top or float(cam.heat.max()):.2g}"
            parts.append(pieces.caption(f"{each.line} · {scale}"))
        return Scene("plain", html="".join(parts))

    def _compare(self, step: Step) -> Scene:
        subject = self._subject(step)
        table = motion_probe(subject.model, subject.clip)
        labels = list(subject.model.card.labels)
        html = pieces.shares(PROBES, labels, table)
        line = f"class probabilities in percent · {subject.line}"
        return Scene("plain", html=html + pieces.caption(line))

    def _trust(self, step: Step) -> Scene:
        """What the class keeps without a third of the clip's cells."""
        subject = self._subject(step)
        model, clip, trace = subject.model, subject.clip, subject.trace
        target, heat = int(trace.probabilities.argmax()), spatial(trace)
        random = list(random_heats(heat.shape))
        orders = {"the hottest third": [heat], "a random third": random}
        kept = {
            FILL_TITLES[fill]: [
                float(trace.probabilities[target]),
                *(_without_a_third(model, clip, target, heats, fill) for heats in orders.values()),
            ]
            for fill in FILLS
        }
        rows = ["nothing taken away", *(f"without {name}" for name in orders)]
        line = (
            f"Probability of {model.card.labels[target]}: cells of all frames at once, by the "
            f"attention of the last layer; random: the mean of {len(random)} orders. {subject.line}"
        )
        return Scene("plain", html=pieces.bars(rows, kept) + pieces.caption(line))

    def _results(self, step: Step) -> Scene:
        """How alike the maps of a model are over rendered clips."""
        name = named(step.parameters.get("model", spec(DEFAULT).title))
        results = json.loads((ASSETS / "results" / "trust.json").read_text(encoding="utf-8"))
        row = next((row for row in results["models"] if row["model"] == name), None)
        if row is None:
            raise BadInput(f"the step {step.title!r} shows {name}, whose maps were not measured")
        html = pieces.likeness([short(each) for each in ALIKE], alike_matrix(row, ALIKE))
        line = (
            f"Rank correlation of maps of {spec(name).title}, mean over {row['clips']} rendered "
            f"clips · weights {row['weights']}"
        )
        return Scene("plain", html=html + pieces.caption(line))


def _without_a_third(
    model: Model, clip: Clip, target: int, heats: Sequence[np.ndarray], fill: Fill
) -> float:
    """The mean probability of a class once the hottest third of each of these maps is gone."""
    curves = deletions(model, clip, target, heats, fill, steps=3)
    return float(np.mean([curve.probabilities[1] for curve in curves]))


def named(title: str) -> str:
    """The network whose title, or name, this is. Raises: BadInput for another."""
    wanted = title.removesuffix(RANDOM)
    for name in embedded():
        if wanted in (name, spec(name).title):
            return name
    titles = ", ".join(spec(name).title for name in embedded())
    raise BadInput(f"there is no included model {wanted!r}; there are {titles}")


def _reading(subject: Subject, order: Sequence[int], affinity: Affinity, pixels: bool) -> Reading:
    card = subject.model.card
    by = Pixels(card.crop, subject.model.unit) if pixels else subject.model
    if pixels:
        return read(by, subject.clip, order).unflattered()
    return read(by, subject.clip, order, affinity, trace=subject.trace).unflattered()


def _read(subject: Subject, order: Sequence[int], affinity: Affinity, pixels: bool) -> Shuffle:
    """The order of the shuffled clip, as the page *Frame order* shows it."""
    signed = affinity.sharpness > 0 or time_is_signed(subject.trace)
    return Shuffle(
        "as in the lesson",
        _reading(subject, order, affinity, pixels),
        shuffled(subject.clip, order, subject.model.unit),
        "pixel likeness" if pixels else affinity.words,
        signed and not pixels,
    )


def _two_matrices(subject: Subject, other: Subject, order: Sequence[int]) -> str:
    """Each model's matrix of the same shuffle, with its path and how right that is."""
    drawn = []
    for each in (subject, other):
        shuffle = _read(each, order, Affinity.of(each.model.card), pixels=False)
        reading = shuffle.reading
        scale = weight_scale(reading.matrix, shuffle.is_signed)
        drawn.append(pieces.matrix(each.title, reading.matrix, scale, reading.order.path))
        accuracy = f"OrderAcc {reading.accuracy:.1f} %"
        if reading.order.verdict == "unknown":
            accuracy = "not identifiable"
        drawn[-1] += pieces.caption(f"{accuracy} · {shuffle.matrix} · {each.line}")
    return '<div class="le-two">' + "".join(f"<div>{part}</div>" for part in drawn) + "</div>"


def _against_the_truth(subject: Subject) -> str:
    """How each map follows what the hand really does, and whether it finds the hand."""
    trace, truth = subject.trace, subject.truth
    block = over_space(trace)[-1].layer
    flows = {"static": flow_of(trace, "static", block), "post": flow_of(trace, "post", block)}
    if has_aligned_flow(subject.model, block):
        flows["aligned"] = am_flow(subject.model, subject.clip, block)
    maps = [
        PairMap(name, displayed(flow, name), "both")  # type: ignore[arg-type]  # its three names
        for name, flow in flows.items()
    ]
    moved = truth.motion.mean((1, 2))
    agreed = ", ".join(
        f"{each.title} {correlation(each.heat.mean((1, 2)), moved):.2f}" for each in maps
    )
    scores, covered = hand_scores(maps, truth.mask)
    table = pieces.bars([each.title for each in maps], scores)
    return (
        "<h3>Against what the hand really does</h3>"
        + pieces.caption(f"Correlation of each curve with the true motion: {agreed}.")
        + table
        + pieces.caption(
            f"The hand covers {100 * covered:.1f} % of the picture, which is the energy inside of "
            f"evenly spread heat; its ROC AUC is 50 %. {subject.line}"
        )
    )

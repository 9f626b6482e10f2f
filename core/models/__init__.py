"""The models, one paper a file. A file is found by scanning this folder for a list named SPECS."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any

from core.errors import BadInput
from core.models.video_model import Output, Spec, VideoModel

__all__ = [
    "Output",
    "Spec",
    "VideoModel",
    "available",
    "build",
    "image_models",
    "setting",
    "spec",
    "usual_settings",
]


@cache
def available() -> dict[str, Spec]:
    """Every model that names actions, by name."""
    return {spec.name: spec for spec in _specs() if spec.names_classes}


@cache
def image_models() -> dict[str, Spec]:
    """Every frozen image model by name: they come as public checkpoints, and name no actions."""
    return {spec.name: spec for spec in _specs() if not spec.names_classes}


def _specs() -> Iterator[Spec]:
    modules = (import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    return (spec for module in modules for spec in getattr(module, "SPECS", []))


def spec(name: str) -> Spec:
    """Raises: BadInput for an unknown name."""
    known = available().get(name) or image_models().get(name)
    if known is None:
        names = ", ".join([*sorted(available()), *sorted(image_models())])
        raise BadInput(f"model {name!r} is not known; choose one of {names}")
    return known


def usual_settings(name: str, preset: str = "gesture") -> dict[str, Any]:
    """What each setting of a model is unless it is given.

    Raises: BadInput for an unknown model or preset.
    """
    model = spec(name)
    if preset not in model.presets:
        raise BadInput(f"{name} has no preset {preset!r}; choose one of {', '.join(model.presets)}")
    parameters = signature(model.make).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return defaults | model.presets[preset]


def settings_of(name: str, preset: str = "gesture", **settings: Any) -> dict[str, Any]:
    """Every setting of a model: the usual ones, the preset's, and `settings` before both.

    Raises: BadInput for an unknown model or preset, or a value that a setting cannot take. Names
    are not looked at: `build` refuses those that the model does not have.
    """
    model = spec(name)
    usual = usual_settings(name, preset)
    for key, value in settings.items():
        choices = None if key in model.open else model.settings.get(key)
        if choices is not None and value not in choices:
            raise BadInput(
                f"{name} setting {key}={value!r}: choose one of {', '.join(map(str, choices))}"
            )
        default = usual.get(key)
        if type(default) is int and (type(value) is not int or value < min(default, 1)):
            raise BadInput(
                f"{name} setting {key}={value!r} must be a whole number of {min(default, 1)} or "
                "more"
            )
        if type(default) is float and type(value) not in (int, float):
            raise BadInput(f"{name} setting {key}={value!r} must be a number")
    every = usual | settings
    for key, divisor in (("width", "heads"), ("size", "patch")):
        number, parts = every.get(key), every.get(divisor)
        if isinstance(number, int) and isinstance(parts, int) and number % parts:
            raise BadInput(
                f"{name} setting {key}={every[key]!r} must be a multiple of "
                f"{divisor}={every[divisor]!r}"
            )
    return every


def build(name: str, preset: str = "gesture", **settings: Any) -> VideoModel:
    """A freshly initialised model in eval mode: forward takes normalised video (B, 3, T, H, W).

    `settings` override the preset, for example `classes=174` or `time="softmax"`.

    Raises: BadInput for an unknown model, preset or setting, or a value that the setting cannot
    take.
    """
    every = settings_of(name, preset, **settings)
    make = spec(name).make
    for key in every:
        if key not in signature(make).parameters:
            raise BadInput(f"{name} has no such setting: unexpected keyword argument {key!r}")
    try:
        return make(**every).eval()
    except BadInput:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise BadInput(
            f"{name} cannot be built with these settings: {str(error).splitlines()[0]}"
        ) from None


def setting(text: str) -> tuple[str, Any]:
    """key=value as a setting of `build`: the value is true or false, a number, or else text.

    Raises: BadInput for text of another form.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise BadInput(
            f"--set {text!r} is not of the form KEY=VALUE; write for example --set classes=174"
        )
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    for read in (int, float):
        try:
            return key, read(value)
        except ValueError:
            continue
    return key, value

"""Shell completion of the names of sensors, satellites, models, devices and methods.

Other values may be valid too: only the request validates them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module


def completer(kind: str) -> Callable[[str], list[str]]:
    """Return the completion function of a kind of names.

    Args:
        kind: key of `SUGGESTIONS`.
    """

    def complete(incomplete: str) -> list[str]:
        return sorted(name for name in SUGGESTIONS[kind]() if name.startswith(incomplete))

    return complete


def _presets(kind: str) -> Iterable[str]:
    names: Iterable[str] = getattr(import_module("geoseg.spec.presets"), kind)()
    return names


def _models() -> Iterable[str]:
    from geoseg.bundles.find import list_models

    return [model.name for model in list_models()]


def _pulled() -> Iterable[str]:
    return {*_models(), *_presets("encoders"), *_presets("published_models")}


def _methods(task: str, *others: str) -> Iterable[str]:
    from geoseg.methods.registry import names_of

    return ("auto", *others, *names_of(import_module(f"geoseg.tasks.{task}.methods")))


SUGGESTIONS: Mapping[str, Callable[[], Iterable[str]]] = {
    "sensors": partial(_presets, "sensors"),
    "satellites": partial(_presets, "satellites"),
    "models": _models,
    "devices": lambda: ("auto", "cpu", "cuda", "cuda:0"),
    "encoders": partial(_presets, "encoders"),
    "pulled": _pulled,
    "water-methods": partial(_methods, "flood", "classical"),
    "change-methods": partial(_methods, "change", "classes"),
    "methane-methods": partial(_methods, "methane"),
}

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


def _sensors() -> Iterable[str]:
    from geoseg.spec.presets import sensors

    return sensors()


def _satellites() -> Iterable[str]:
    from geoseg.spec.presets import satellites

    return satellites()


def _models() -> Iterable[str]:
    from geoseg.bundles.find import list_models

    return [model.name for model in list_models()]


def _encoders() -> Iterable[str]:
    from geoseg.spec.presets import encoders

    return encoders()


def _pulled() -> Iterable[str]:
    from geoseg.spec.presets import published_models

    return {*_models(), *_encoders(), *published_models()}


def _devices() -> Iterable[str]:
    return ("auto", "cpu", "cuda", "cuda:0")


def _methods(task: str, *others: str) -> Iterable[str]:
    from geoseg.methods.registry import names_of

    return ("auto", *others, *names_of(import_module(f"geoseg.tasks.{task}.methods")))


SUGGESTIONS: Mapping[str, Callable[[], Iterable[str]]] = {
    "sensors": _sensors,
    "satellites": _satellites,
    "models": _models,
    "devices": _devices,
    "encoders": _encoders,
    "pulled": _pulled,
    "water-methods": partial(_methods, "flood", "classical"),
    "change-methods": partial(_methods, "change", "classes"),
    "methane-methods": partial(_methods, "methane"),
}

"""Read the YAML files of `geoseg.configs`: sensors, layers, products, networks, satellites and tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg import spec
from geoseg.errors import UsageError
from geoseg.spec.base import Spec

AnySpec = TypeVar("AnySpec", bound=Spec)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, where pyyaml has it, is ten times as fast; both make the same table."""
_TABLE = TypeAdapter(dict[str, JsonValue])


@cache
def _table(folder: str, stem: str) -> dict[str, JsonValue]:
    """Return one YAML file as a table, with missing keys from the file that its key `like` names."""
    path = files("geoseg.configs").joinpath(folder, f"{stem}.yaml")
    try:
        text = path.read_text(encoding="utf-8")
        table = _TABLE.validate_python(yaml.load(text, _LOADER))  # noqa: S506 - both loaders are safe
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"preset {folder}/{stem}.yaml cannot be read: {error}") from error
    like = table.pop("like", None)
    return {**_table(folder, like), **table} if isinstance(like, str) else table


def _load(folder: str, stem: str, kind: type[AnySpec]) -> AnySpec:
    """Return one YAML file as a spec."""
    try:
        return kind.model_validate(_table(folder, stem))
    except ValidationError as error:
        raise UsageError(f"preset {folder}/{stem}.yaml is not valid: {error}") from error


def _stems(folder: str) -> list[str]:
    """Return the names of all presets in a folder, sorted."""
    found = files("geoseg.configs").joinpath(folder).iterdir()
    return sorted(item.name.removesuffix(".yaml") for item in found if item.name.endswith(".yaml"))


def _every(folder: str, kind: Callable[[], type[AnySpec]]) -> Callable[[], Mapping[str, AnySpec]]:
    """Return the function that reads every preset of a folder once and returns them by name.

    Args:
        folder: in `geoseg.configs`.
        kind: returns the type of the presets, whose module is imported when the presets are read.
    """

    @cache
    def read() -> Mapping[str, AnySpec]:
        return MappingProxyType({stem: _load(folder, stem, kind()) for stem in _stems(folder)})

    return read


def _unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return an error that names similar presets, or all presets if none is similar."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}"
    return UsageError(f"unknown {kind} {name!r}; {hint}")


def _find(what: str, name: str, known: Mapping[str, AnySpec]) -> AnySpec:
    """Return the preset of a name, ignoring case."""
    found = known.get(name.lower())
    if found is None:
        raise _unknown(what, name, known)
    return found


def _load_known(what: str, folder: str, name: str, kind: type[AnySpec]) -> AnySpec:
    """Return one preset of a folder, reading no other."""
    known = _stems(folder)
    if name not in known:
        raise _unknown(what, name, known)
    return _load(folder, name, kind)


# Each raises UsageError where a preset is not valid.
sensors = _every("sensors", lambda: spec.SensorSpec)
"""Every sensor by name."""
satellites = _every("satellites", lambda: spec.SatelliteSpec)
"""Every satellite whose methane columns can be computed."""
legends = _every("classes", lambda: spec.LegendSpec)
"""The legend of every known map product."""
quality_layers = _every("quality", lambda: spec.QualitySpec)
"""Every kind of quality layer."""
encoders = _every("encoders", lambda: spec.EncoderSpec)
"""Every described encoder."""
published_models = _every("published", lambda: spec.PublishedSpec)
"""Every described network that is published with its weights."""
auxiliary_layers = _every("auxiliary", lambda: spec.AuxiliarySpec)
"""The auxiliary layers of products by provider."""
water_products = _every("references", lambda: spec.ReferenceSpec)
"""Every known product of permanent water."""


def sensor(name: str) -> spec.SensorSpec:
    """Return a sensor by its `--sensor` name, ignoring case.

    Raises:
        UsageError: the name is unknown; the message names similar ones.
    """
    return _find("sensor", name, sensors())


def satellite(name: str) -> spec.SatelliteSpec:
    """Return a satellite by its `--satellite` name, ignoring case.

    Raises:
        UsageError: the name is unknown; the message names similar ones.
    """
    return _find("satellite", name, satellites())


@cache
def instruments() -> tuple[spec.InstrumentName, ...]:
    """Return the instruments that names of files, products and folders may show.

    Raises:
        UsageError: a preset is not valid.
    """
    groups = _every("instruments", lambda: spec.InstrumentsSpec)().values()
    return tuple(item for group in groups for item in group.instruments)


@cache
def cloud_networks() -> tuple[spec.CloudSpec, ...]:
    """Return the known packages of cloud networks, installed or not.

    Raises:
        UsageError: a preset is not valid.
    """
    return tuple(_every("clouds", lambda: spec.CloudSpec)().values())


@cache
def task(name: str) -> spec.TaskSpec:
    """Return a task's classes and defaults.

    Raises:
        UsageError: the name is unknown, or its preset is not valid.
    """
    return _load_known("task", "tasks", name, spec.TaskSpec)


@cache
def water_polygons() -> spec.PolygonsSpec:
    """Return the rules for reading polygons of water.

    Raises:
        UsageError: the preset is not valid.
    """
    return _load("polygons", "water", spec.PolygonsSpec)


@cache
def terrain(name: str) -> spec.TerrainSpec:
    """Return the description of a terrain layer: `hand` or `slope`.

    Raises:
        UsageError: the name is unknown, or its preset is not valid.
    """
    return _load_known("terrain layer", "terrain", name, spec.TerrainSpec)


@cache
def benchmark(name: str) -> spec.BenchmarkSpec:
    """Return the description of a benchmark of pretrained encoders: `geobench-2`.

    Raises:
        UsageError: the name is unknown, or its preset is not valid.
    """
    return _load_known("benchmark", "benchmarks", name, spec.BenchmarkSpec)

"""Sensors, layers, map products, cloud networks, satellites and tasks: YAML of `geoseg.configs` as specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.errors import UsageError
from geoseg.spec import (
    AuxiliarySpec,
    CloudSpec,
    LegendSpec,
    PolygonsSpec,
    QualitySpec,
    ReferenceSpec,
    SatelliteSpec,
    SensorSpec,
    Spec,
    TaskSpec,
    TerrainSpec,
)

AnySpec = TypeVar("AnySpec", bound=Spec)
_TABLE = TypeAdapter(dict[str, JsonValue])


@cache
def _table(folder: str, stem: str) -> dict[str, JsonValue]:
    """Return one YAML file as a table, on top of the one that its key `like` names."""
    path = files("geoseg.configs").joinpath(folder, f"{stem}.yaml")
    try:
        table = _TABLE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
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
    """Names of all presets in a folder, sorted."""
    found = files("geoseg.configs").joinpath(folder).iterdir()
    return sorted(item.name.removesuffix(".yaml") for item in found if item.name.endswith(".yaml"))


def _unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Name the nearest presets, or all where none is near."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    return UsageError(f"no {kind} is called {name!r}: {hint}")


@cache
def sensors() -> Mapping[str, SensorSpec]:
    """Return every sensor by name.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("sensors", stem, SensorSpec) for stem in _stems("sensors")})


def sensor(name: str) -> SensorSpec:
    """Return a sensor by the name that `--sensor` takes, without regard to case.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    found = sensors().get(name.lower())
    if found is None:
        raise _unknown("sensor", name, sensors())
    return found


@cache
def satellites() -> Mapping[str, SatelliteSpec]:
    """Return every satellite whose methane columns geoseg knows to compute, by name.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("satellites", stem, SatelliteSpec) for stem in _stems("satellites")})


def satellite(name: str) -> SatelliteSpec:
    """Return a satellite by the name that `--satellite` takes, without regard to case.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    found = satellites().get(name.lower())
    if found is None:
        raise _unknown("satellite", name, satellites())
    return found


@cache
def legends() -> Mapping[str, LegendSpec]:
    """Return the classes of every known map product by name.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("classes", stem, LegendSpec) for stem in _stems("classes")})


@cache
def quality_layers() -> Mapping[str, QualitySpec]:
    """Return every kind of quality layer by name.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("quality", stem, QualitySpec) for stem in _stems("quality")})


@cache
def cloud_networks() -> tuple[CloudSpec, ...]:
    """Return the packages of cloud networks that are known, whether installed or not.

    Raises:
        UsageError: a preset is not valid.
    """
    return tuple(_load("clouds", stem, CloudSpec) for stem in _stems("clouds"))


@cache
def auxiliary_layers() -> Mapping[str, AuxiliarySpec]:
    """Return the auxiliary layers of all providers' products by provider.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("auxiliary", stem, AuxiliarySpec) for stem in _stems("auxiliary")})


@cache
def task(name: str) -> TaskSpec:
    """Return a task's classes and defaults.

    Raises:
        UsageError: there is none of that name, or its preset is not valid.
    """
    known = _stems("tasks")
    if name not in known:
        raise _unknown("task", name, known)
    return _load("tasks", name, TaskSpec)


@cache
def water_products() -> Mapping[str, ReferenceSpec]:
    """Return every known product of water, by the name of its file.

    Raises:
        UsageError: a preset is not valid.
    """
    return MappingProxyType({stem: _load("references", stem, ReferenceSpec) for stem in _stems("references")})


@cache
def water_polygons() -> PolygonsSpec:
    """Return how polygons of water are read.

    Raises:
        UsageError: the preset is not valid.
    """
    return _load("polygons", "water", PolygonsSpec)


@cache
def terrain(name: str) -> TerrainSpec:
    """Return a layer of terrain: `hand` or `slope`.

    Raises:
        UsageError: there is none of that name, or its preset is not valid.
    """
    known = _stems("terrain")
    if name not in known:
        raise _unknown("layer of terrain", name, known)
    return _load("terrain", name, TerrainSpec)

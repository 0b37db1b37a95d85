"""The type of a field decides what its values may be, in every spec."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

import pytest
from pydantic import ValidationError

import geoseg.spec
from geoseg.run_record import ClassTotal
from geoseg.spec.base import Spec, on_this_machine

for _module in iter_modules(geoseg.spec.__path__, "geoseg.spec."):
    import_module(_module.name)


def _specs(kind: type[Spec] = Spec) -> Iterator[type[Spec]]:
    for item in kind.__subclasses__():
        yield item
        yield from _specs(item)


def _types(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation, without those inside of containers."""
    inner = [] if annotation in (None, type(None)) else get_args(annotation)
    container = getattr(annotation, "__origin__", None) in {tuple, dict, list, frozenset}
    return {annotation} if not inner or container else {kind for item in inner for kind in _types(item)}


def _fields(wanted: type) -> list[Any]:
    specs = sorted(set(_specs()), key=lambda kind: kind.__name__)
    found = [
        (kind, name)
        for kind in specs
        if kind.__module__.startswith("geoseg.spec")
        for name, field in kind.model_fields.items()
        if wanted in _types(field.annotation)
    ]
    return [pytest.param(*item, id=f"{item[0].__name__}.{item[1]}") for item in found]


def _refusal(kind: type[Spec], name: str, value: object) -> str:
    """Return why a field does not take a value; empty: it takes it."""
    fields = {item.validation_alias or key: key for key, item in kind.model_fields.items()}
    key = next((str(alias) for alias, own in fields.items() if own == name), name)
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({key: value, "no such field": 0})
    return " ".join(str(item["msg"]) for item in caught.value.errors() if item["loc"][:1] == (key,))


@pytest.mark.parametrize(("kind", "name"), _fields(Path))
@pytest.mark.parametrize(
    "address", ["https://host/a", "s3:/bucket/a", "/vsicurl/https://host/a", "file:///a"]
)
def test_paths_are_on_this_machine(kind: type[Spec], name: str, address: str) -> None:
    field = kind.model_fields[name]
    store = address.startswith("s3:")
    for value in (address, Path(address)):
        refusal = _refusal(kind, name, value)
        if store and "path_of" in f"{field.annotation}{field.metadata}":  # an output, which may be an object
            assert not refusal or "with the suffix" in refusal
        else:
            assert "must be on this machine" in refusal or (
                store and "only maps are written there" in refusal
            )


@pytest.mark.parametrize(("kind", "name"), _fields(float))
@pytest.mark.parametrize("number", [math.inf, math.nan, "inf"])
def test_numbers_are_finite(kind: type[Spec], name: str, number: object) -> None:
    if isinstance(number, str) and str in _types(kind.model_fields[name].annotation):
        return  # a text
    assert _refusal(kind, name, number)


@pytest.mark.parametrize(
    "path", ["a.tif", "/data/a", "C:/a", 'NETCDF:"a":b', "NETCDF:/a:b", "/vsizip/a", "/vsis3/b/a"]
)
def test_paths_that_stay(path: str) -> None:
    assert on_this_machine(Path(path)) == Path(path)


def test_what_is_measured_may_be_no_number() -> None:
    total = ClassTotal(value=1, label="water", polygons=0, pixels=0, area_m2=math.nan)
    assert total.area_m2 is not None
    assert math.isnan(total.area_m2)

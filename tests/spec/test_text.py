"""Values as text: what a command line, a file and Python may give a field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from geoseg.spec import RunSpec, text
from geoseg.spec.tools import VectorizeRequest

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(
    st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
    st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
)
def test_bbox_reads_what_it_is_given(x: list[float], y: list[float]) -> None:
    west, east = sorted(x)
    south, north = sorted(y)
    written = ",".join(map(repr, (west, south, east, north)))
    assert text.bbox(written) == (west, south, east, north)
    assert text.bbox([west, south, east, north]) == (west, south, east, north)


@pytest.mark.parametrize(
    "value",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "3,2,1,4", "1,4,3,2", "1,1,1,2", "nan,0,1,1", "0,0,inf,1", None, 4],
)
def test_bbox_refuses(value: object) -> None:
    with pytest.raises(ValueError, match=r"four numbers|less than|finite"):
        text.bbox(value)


@pytest.mark.parametrize(
    ("value", "mib"),
    [("512", 512), (512, 512), ("2GB", 1907), ("2 GiB", 2048), ("1.5g", 1536), ("512MB", 488), ("64mib", 64)],
)
def test_memory(value: object, mib: int) -> None:
    assert text.memory_mib(value) == mib


@pytest.mark.parametrize("value", ["", "much", "2 parsecs", "-1GB", "1e3"])
def test_memory_refuses(value: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        text.memory_mib(value)


def test_numbers() -> None:
    assert text.numbers("80,90") == text.numbers([80, 90]) == (80, 90)
    assert text.numbers("0.5") == text.numbers(0.5) == (0.5,)
    for wrong in ("", "80,", "80;90", "water", "nan", None):
        with pytest.raises(ValueError, match="numbers separated by commas"):
            text.numbers(wrong)


def test_batch_size() -> None:
    assert text.batch_size("auto") is None
    assert text.batch_size("8") == text.batch_size(8) == 8
    with pytest.raises(ValueError, match="neither auto nor"):
        text.batch_size("many")


@pytest.mark.parametrize(
    ("entry", "name", "path"),
    [
        ("green=b03.tif", "green", "b03.tif"),
        ("NIR=stack.tif:4", "nir", "stack.tif:4"),
        (r"vv=C:\scenes\vv.tif", "vv", r"C:\scenes\vv.tif"),
        ("vh=https://host:8080/a.tif?x=1:2", "vh", "https://host:8080/a.tif?x=1:2"),
    ],
)
def test_named_paths_stay_whole(entry: str, name: str, path: str) -> None:
    assert text.named_paths([entry]) == {name: path}
    assert text.named_paths({name: path}) == {name: path}


@pytest.mark.parametrize("entries", [["green"], ["=a.tif"], ["green="], ["nir=a.tif", "nir=b.tif"], 3])
def test_named_paths_refuse(entries: object) -> None:
    with pytest.raises(ValueError, match=r"is not NAME=PATH|given twice"):
        text.named_paths(entries)


def test_class_entries() -> None:
    assert text.class_entry("1=flood") == (1, "flood", None)
    assert text.class_entry("2=permanent water:#08306B") == (2, "permanent water", "#08306b")
    assert text.class_entry("3=a: b") == (3, "a: b", None)
    request = VectorizeRequest.model_validate(
        {"mask": "a.tif", "run": {"output": "b.gpkg"}, "classes": ["1=a", (2, "b", "#ffffff")]}
    )
    assert request.classes == ((1, "a", None), (2, "b", "#ffffff"))


@pytest.mark.parametrize("entry", ["flood", "0=land", "255=x", "1=", "one=flood"])
def test_class_entries_refuse(entry: str) -> None:
    with pytest.raises(ValueError, match="VALUE=LABEL"):
        text.class_entry(entry)


def test_settings() -> None:
    assert text.settings(["loop.epochs=20", "split={kind: region}"]) == {
        "loop.epochs": 20,
        "split": {"kind": "region"},
    }
    for wrong, told in (("epochs", "KEY=VALUE"), ("a={", "not valid YAML")):
        with pytest.raises(ValueError, match=told):
            text.settings([wrong])


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("bbox", "1,2,3,4", (1, 2, 3, 4)),
        ("bbox", None, None),
        ("max_memory", "1GiB", 1024),
        ("batch_size", "auto", None),
        ("batch_size", "4", 4),
    ],
)
def test_python_reads_what_the_command_line_reads(name: str, value: object, read: object) -> None:
    fields: dict[str, Any] = {"output": "a.gpkg", name: value}
    assert getattr(RunSpec(**fields), name) == read


def test_what_is_read_is_checked() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 64"):
        RunSpec.model_validate({"output": "a.gpkg", "max_memory": "1MB"})

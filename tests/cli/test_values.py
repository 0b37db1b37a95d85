from __future__ import annotations

import pytest
from geoseg.cli import values
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(
    st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
    st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
)
def test_bbox_reads_what_it_is_given(x: list[float], y: list[float]) -> None:
    west, east = sorted(x)
    south, north = sorted(y)
    text = ",".join(map(repr, (west, south, east, north)))
    assert values.bbox(text) == (west, south, east, north)
    assert values.bbox([west, south, east, north]) == (west, south, east, north)


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "3,2,1,4", "1,4,3,2", "1,1,1,2", "nan,0,1,1", "0,0,inf,1", None, 4],
)
def test_bbox_refuses(text: object) -> None:
    with pytest.raises(ValueError, match=r"four numbers|less than|finite"):
        values.bbox(text)


@pytest.mark.parametrize(
    ("text", "mib"),
    [("512", 512), (512, 512), ("2GB", 1907), ("2 GiB", 2048), ("1.5g", 1536), ("512MB", 488), ("64mib", 64)],
)
def test_memory(text: object, mib: int) -> None:
    assert values.memory_mib(text) == mib


@pytest.mark.parametrize("text", ["", "much", "2 parsecs", "-1GB", "1e3"])
def test_memory_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        values.memory_mib(text)


def test_numbers() -> None:
    assert values.numbers("80,90") == values.numbers([80, 90]) == (80, 90)
    assert values.numbers("0.5") == values.numbers(0.5) == (0.5,)
    for wrong in ("", "80,", "80;90", "water", "nan", None):
        with pytest.raises(ValueError, match="numbers with commas"):
            values.numbers(wrong)


def test_batch_size() -> None:
    assert values.batch_size("auto") is None
    assert values.batch_size("8") == values.batch_size(8) == 8
    with pytest.raises(ValueError, match="neither auto nor"):
        values.batch_size("many")


@pytest.mark.parametrize(
    ("entry", "name", "path"),
    [
        ("green=b03.tif", "green", "b03.tif"),
        ("NIR=stack.tif:4", "nir", "stack.tif:4"),
        (r"vv=C:\scenes\vv.tif", "vv", r"C:\scenes\vv.tif"),
        ("vh=https://host:8080/a.tif?x=1:2", "vh", "https://host:8080/a.tif?x=1:2"),
    ],
)
def test_bands_leave_paths_whole(entry: str, name: str, path: str) -> None:
    assert values.bands([entry]) == {name: path}
    assert values.bands({name: path}) == {name: path}


@pytest.mark.parametrize("entries", [["green"], ["=a.tif"], ["green="], ["nir=a.tif", "nir=b.tif"], 3])
def test_bands_refuse(entries: object) -> None:
    with pytest.raises(ValueError, match=r"is not NAME=PATH|given twice"):
        values.bands(entries)


def test_class_entries() -> None:
    assert values.class_entry("1=flood") == (1, "flood", None)
    assert values.class_entry("2=permanent water:#08306B") == (2, "permanent water", "#08306b")
    assert values.class_entry("3=a: b") == (3, "a: b", None)


@pytest.mark.parametrize("entry", ["flood", "0=land", "255=x", "1=", "one=flood"])
def test_class_entries_refuse(entry: str) -> None:
    with pytest.raises(ValueError, match="VALUE=LABEL"):
        values.class_entry(entry)

"""Exceptions of libraries become errors of geoseg with the exit code of the door that they pass."""

from __future__ import annotations

import re

import pytest

from geoseg.errors import BandError, GeosegError, ModelError, OutputError, SceneReadError, UsageError
from geoseg.files.doors import MOST, loading, opening, parsing, reading

DOORS = {opening: SceneReadError, reading: SceneReadError, loading: ModelError, parsing: UsageError}

FOREIGN = [
    ValueError("cannot convert float NaN to integer"),
    OverflowError("cannot convert float infinity to integer"),
    IndexError("list index out of range"),
    KeyError("assets"),
    TypeError("string indices must be integers"),
    AttributeError("'list' object has no attribute 'get'"),
    ValueError("math domain error"),
    ZeroDivisionError("division by zero"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    OSError(5, "Input/output error"),
    RuntimeError("a\nb\n\nc"),
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_foreign_exceptions_become_errors_of_one_line(door, error: Exception) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DOORS[door]) as caught, door("scene.tif"):
        raise error
    text = str(caught.value)
    assert text.startswith("scene.tif")
    assert "\n" not in text
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("error", [BandError("b"), OutputError("o"), ModelError("m")], ids=str)
def test_own_errors_and_missing_packages_pass(door, error: GeosegError) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(type(error)) as caught, door("scene.tif"):
        raise error
    assert caught.value is error
    with pytest.raises(ModuleNotFoundError), door("scene.tif"):
        raise ModuleNotFoundError("no", name="openvino")
    with pytest.raises(KeyboardInterrupt), door("scene.tif"):
        raise KeyboardInterrupt


def _fail_as_rasterio() -> None:
    try:
        raise RuntimeError("TIFFReadEncodedTile() failed.")
    except RuntimeError as error:
        raise OSError("Read failed. See previous exception for details.") from error


def test_the_message_of_gdal_counts_not_that_of_rasterio() -> None:
    with pytest.raises(SceneReadError, match=re.escape("(TIFFReadEncodedTile() failed.)")), reading("a.tif"):
        _fail_as_rasterio()


def test_what_has_no_words_gets_some() -> None:
    def told(error: Exception) -> str:
        with pytest.raises(SceneReadError) as caught, opening("a"):
            raise error
        return str(caught.value)

    assert "KeyError 'assets'" in told(KeyError("assets"))
    assert "nested too deeply" in told(RecursionError("maximum recursion depth exceeded"))
    assert "more memory than there is" in told(MemoryError())
    assert "not valid UTF-8" in told(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"))
    assert len(told(ValueError("a b" * 10_000))) < MOST + 100

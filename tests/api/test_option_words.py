"""Messages for a caller in Python name arguments; what is no option of the function stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import geoseg
from geoseg.api.option_words import in_python
from geoseg.errors import BandError, OutputError, UsageError
from geoseg.spec import ChangeSpec, FloodSpec, SegmentSpec
from tests.api.pixels import CRS, TRANSFORM, reflectance, write_scene


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (FloodSpec, "exists; add `--overwrite` to replace it", "exists; add `overwrite=True` to replace it"),
        (ChangeSpec, "`--no-coregister` undoes it", "`coregister=False` undoes it"),
        (FloodSpec, "a larger `--min-area`, or", "a larger `min_area`, or"),
        (FloodSpec, "`--clouds none` maps without it", '`clouds="none"` maps without it'),
        (FloodSpec, "use `--sensor s2-offset`", 'use `sensor="s2-offset"`'),
        (FloodSpec, "set `--threshold -20`.", "set `threshold=-20`."),
        (FloodSpec, "`--bbox`: west 3 is", "`bbox`: west 3 is"),
        (FloodSpec, "`--permanent-values 80,90` (codes)", '`permanent_values="80,90"` (codes)'),
        (
            FloodSpec,
            "`--band green=PATH`, `--band nir=b.tif:2`",
            '`band={"green": PATH}`, `band={"nir": "b.tif:2"}`',
        ),
        (FloodSpec, "`--mask a b.tif:3-5`", '`mask="a b.tif:3-5"`'),
        (FloodSpec, "one with `--mask FILE:VALUES`, or", "one with `mask=FILE:VALUES`, or"),
        (SegmentSpec, "`--model` and `--like` exclude", "`model` and `like` exclude"),
        (SegmentSpec, "add `--model NAME|FOLDER` (see", "add `model=NAME|FOLDER` (see"),
        (FloodSpec, "a`b.tif: exists; add `--overwrite`", "a`b.tif: exists; add `overwrite=True`"),
        # Not an option of the function, or not of geoseg.
        (FloodSpec, "`pip install --force-reinstall torch`", "`pip install --force-reinstall torch`"),
        (FloodSpec, "`geoseg segment A --model B`", "`geoseg segment A --model B`"),
        (FloodSpec, "rerun with `--print-config`", "rerun with `--print-config`"),
    ],
)
def test_options_become_arguments(kind: type[BaseModel], text: str, expected: str) -> None:
    assert in_python(text, kind) == expected


def test_errors_of_functions_name_arguments(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", reflectance())
    (tmp_path / "map.gpkg").touch()
    with pytest.raises(OutputError, match="add `overwrite=True`"):
        geoseg.flood(scene, output=tmp_path / "map.gpkg")
    with pytest.raises(UsageError, match="`model` and `like` exclude each other"):
        geoseg.segment(scene, "water-optical", like=["1,2"])
    with pytest.raises(OutputError, match="add `overwrite=True`"):
        geoseg.flood(scene).to_file(tmp_path / "map.gpkg")
    with pytest.raises((BandError, UsageError)) as caught:
        geoseg.flood(np.ones((3, 64, 64), np.float32), transform=TRANSFORM, crs=CRS)
    assert "--" not in str(caught.value)


def test_warnings_of_a_map_name_arguments(tmp_path: Path) -> None:
    water = geoseg.flood(write_scene(tmp_path / "scene.tif", reflectance()))
    told = {item.code: item.text for item in water.warnings}
    assert "`before=SCENE`" in told["flood-not-separated"]
    assert (
        "`--before SCENE`" in {item.code: item.text for item in water.record.warnings}["flood-not-separated"]
    )

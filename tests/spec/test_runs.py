"""Scenes and options of all maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from geoseg.engine.make_map import begin
from geoseg.errors import UsageError
from geoseg.spec import RunSpec, SceneSpec


@pytest.mark.parametrize("paths", [("",), (" ",), ("a.tif", "")])
def test_an_empty_path_is_no_scene(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="a path is empty"):
        SceneSpec(paths=paths)


@pytest.mark.parametrize("name", ["map.jpg", "map.tif", "map"])
def test_pictures_are_png(tmp_path: Path, name: str) -> None:
    run = RunSpec(output=tmp_path / "map.gpkg", picture=tmp_path / name)
    with pytest.raises(UsageError, match=r"pictures are PNG; name a file with the suffix \.png"):
        begin(run, [])


@pytest.mark.parametrize("option", ["raster", "scores"])
@pytest.mark.parametrize("name", ["map.png", "map.shp", "map.vrt", "map"])
def test_rasters_are_geotiff(tmp_path: Path, option: str, name: str) -> None:
    with pytest.raises(UsageError, match=rf"`--{option} .*`: rasters are GeoTIFF; name a file with .* \.tif"):
        begin(RunSpec.model_validate({"output": tmp_path / "map.gpkg", option: tmp_path / name}), [])


@pytest.mark.parametrize("name", ["map.tif", "map.TIFF", "map.cog.tif"])
def test_suffixes_of_geotiff(tmp_path: Path, name: str) -> None:
    begin(RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / name), [])

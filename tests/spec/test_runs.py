"""Scenes and options of all maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from geoseg.spec import ChangeSpec, PlumeSpec, RunSpec, SceneSpec
from geoseg.spec.evaluations import MapsRequest
from geoseg.spec.fit import FitSpec


@pytest.mark.parametrize("paths", [("",), (" ",), ("a.tif", "")])
def test_an_empty_path_is_no_scene(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="a path is empty"):
        SceneSpec(paths=paths)


FORMATS = [
    (RunSpec, "raster", "rasters are GeoTIFF", ".tif"),
    (RunSpec, "scores", "rasters are GeoTIFF", ".tif"),
    (RunSpec, "picture", "pictures are PNG", ".png"),
    (RunSpec, "report", "reports are HTML", ".html"),
    (ChangeSpec, "matrix", "tables are CSV", ".csv"),
    (PlumeSpec, "columns", "rasters are GeoTIFF", ".tif"),
    (FitSpec, "unsure", "pictures are PNG", ".png"),
    (MapsRequest, "report", "reports are HTML", ".html"),
]


@pytest.mark.parametrize(("kind", "option", "what", "suffix"), FORMATS)
@pytest.mark.parametrize("name", ["map.xlsx", "map.shp", "map"])
def test_outputs_of_one_format_have_its_suffix(
    kind: type[BaseModel], option: str, what: str, suffix: str, name: str
) -> None:
    with pytest.raises(ValidationError, match=rf"{name}: {what}; name a file with the suffix \{suffix}"):
        kind.model_validate({option: name})


@pytest.mark.parametrize("name", ["map.tif", "map.TIFF", "map.cog.tif"])
def test_suffixes_of_geotiff(tmp_path: Path, name: str) -> None:
    assert RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / name).raster == tmp_path / name

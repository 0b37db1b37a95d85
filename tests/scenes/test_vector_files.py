"""Which layer of a vector file is read: polygons, labels, points of a sample, facilities."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio
import pytest
import shapely

from geoseg.errors import SceneError
from geoseg.learn.evaluate.sample_reading import read_points
from geoseg.learn.fit.labels import read_labels
from geoseg.scenes.polygon_files import columns_of, read_polygons
from geoseg.scenes.vector_files import reading_vector
from geoseg.tasks.methane.facility_attribution import read_facilities
from tests.messages import Messages

READERS: dict[str, Callable[[Path], object]] = {
    "polygons": read_polygons,
    "columns": columns_of,
    "labels": read_labels,
    "points": lambda path: read_points(path, "class"),
    "facilities": read_facilities,
}


def write(path: Path, *layers: str, points: bool) -> Path:
    """A GeoPackage with a table and a layer of one feature for each name."""
    shape = shapely.Point(15, 41) if points else shapely.box(15, 41, 16, 42)
    pyogrio.write_dataframe(pd.DataFrame({"class": ["legend"]}), path, layer="legend")
    for name in layers:
        frame = geopandas.GeoDataFrame({"class": [name]}, geometry=[shape], crs="EPSG:4326")
        frame.to_file(path, layer=name)
    return path


@pytest.mark.parametrize("reader", READERS)
def test_a_note_says_which_of_several_layers_is_read(reader: str, tmp_path: Path, messages: Messages) -> None:
    points = reader in {"points", "facilities"}
    READERS[reader](write(tmp_path / "one.gpkg", "water", points=points))
    assert not messages.notes
    READERS[reader](write(tmp_path / "two.gpkg", "water", "land", points=points))
    (text,) = messages.notes
    assert "two.gpkg has the layers water, land: water is read" in text


def test_the_layer_that_geoseg_writes_is_read_without_a_note(tmp_path: Path, messages: Messages) -> None:
    path = write(tmp_path / "map.gpkg", "scene", "facilities", points=True)
    assert read_facilities(path).labels == ("facilities",)
    assert not messages.notes


def shapes(path: Path, **layers: shapely.Geometry) -> Path:
    """A GeoPackage with a feature in each layer."""
    for name, shape in layers.items():
        geopandas.GeoDataFrame({"class": [name]}, geometry=[shape], crs="EPSG:4326").to_file(path, layer=name)
    return path


POINT, BOX = shapely.Point(15, 41), shapely.box(15, 41, 16, 42)


@pytest.mark.parametrize(
    "first",
    [POINT, shapely.LineString([(15, 41), (16, 42)]), shapely.GeometryCollection([POINT])],
    ids=lambda shape: shape.geom_type,
)
@pytest.mark.parametrize(
    "then", [BOX, shapely.GeometryCollection([POINT, BOX])], ids=lambda shape: shape.geom_type
)
def test_the_first_layer_with_polygons_is_read(
    first: shapely.Geometry, then: shapely.Geometry, tmp_path: Path, messages: Messages
) -> None:
    found, _ = read_polygons(shapes(tmp_path / "x.gpkg", first=first, then=then, last=BOX.buffer(1)))
    assert found[0].equals(BOX)
    assert any("has the layers first, then, last: then is read" in note for note in messages.notes)


def test_layers_without_polygons_are_named(tmp_path: Path) -> None:
    path = shapes(tmp_path / "x.gpkg", wells=POINT, roads=shapely.LineString([(15, 41), (16, 42)]))
    with pytest.raises(SceneError, match="has the layers wells, roads, and none holds polygons"):
        read_polygons(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_shapefiles_are_read_in_the_order_of_their_names(
    tmp_path: Path, messages: Messages, *, zipped: bool
) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    for width, name in enumerate("zmb", start=1):
        box = shapely.box(15, 41, 15 + width, 42)
        geopandas.GeoDataFrame({"class": [name]}, geometry=[box], crs="EPSG:4326").to_file(
            folder / f"{name}.shp"
        )
    path = folder
    if zipped:
        path = tmp_path / "layers.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for item in sorted(folder.iterdir(), reverse=True):
                archive.write(item, item.name)
    found, _ = read_polygons(path)
    assert found[0].bounds[2] == 18
    assert any("has the layers b, m, z: b is read" in note for note in messages.notes)


@pytest.mark.parametrize("schema", ["area.xsd", "area.gfs", "other.xsd", ""])
def test_nothing_is_written_beside_gml(schema: str, tmp_path: Path) -> None:
    """GDAL writes the schema of a file without one; a schema that the file names is read by any name."""
    path = tmp_path / "area.gml"
    shape = shapely.box(15, 41, 16, 42)
    frame = geopandas.GeoDataFrame({"class": ["7"]}, geometry=[shape], crs="EPSG:4326")
    frame.to_file(path, driver="GML")
    if schema == "other.xsd":
        path.write_text(path.read_text().replace("area.xsd", schema))
    if schema.endswith(".xsd"):
        (tmp_path / "area.xsd").rename(tmp_path / schema)
    else:
        (tmp_path / "area.xsd").unlink()
    if schema == "area.gfs":
        pyogrio.read_info(path)  # writes it
    before = {item.name: item.read_bytes() for item in tmp_path.iterdir()}
    copied = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}_copied")) / path.name
    with reading_vector(path) as place:
        info = pyogrio.read_info(place, force_feature_count=True)
    assert info["features"] == 1
    assert list(info["dtypes"]) == list(pyogrio.read_info(copied)["dtypes"])
    assert len(read_polygons(path)[0]) == 1
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == before

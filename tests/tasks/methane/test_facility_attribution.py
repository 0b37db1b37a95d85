"""The nearest facility, in metres."""

from __future__ import annotations

import math
from pathlib import Path

import geopandas
import pandas
import pyogrio
import pytest
import shapely
from pyproj import CRS

from geoseg.errors import SceneError, SceneReadError
from geoseg.tasks.methane.facility_attribution import read_facilities


def _file(path: Path, frame: geopandas.GeoDataFrame, **options: str) -> Path:
    frame.to_file(path, **options)
    return path


def test_the_nearest_by_ground_distance(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(
        {"name": ["well", "mine"]}, geometry=[shapely.Point(9.0, 45.0), shapely.Point(9.1, 45.0)], crs=4326
    )
    found = read_facilities(_file(tmp_path / "a.geojson", frame))
    square = shapely.box(9.02, 44.999, 9.03, 45.001)
    label, metres = found.nearest(square, CRS.from_epsg(4326))
    assert label == "well"
    assert metres == pytest.approx(0.02 * 78_850, rel=0.01)
    assert found.nearest(shapely.box(9.09, 44.9, 9.2, 45.1), CRS.from_epsg(4326)) == ("mine", 0)


def test_polygons_and_maps_of_facilities(tmp_path: Path) -> None:
    site = geopandas.GeoDataFrame({"x": [1]}, geometry=[shapely.box(500_000, 0, 500_100, 100)], crs=32632)
    path = _file(tmp_path / "a.gpkg", site, layer="other")
    assert read_facilities(path).labels == ("facility 1",)
    points = geopandas.GeoDataFrame({"label": ["landfill"]}, geometry=[shapely.Point(9, 1)], crs=4326)
    points.to_file(path, layer="facilities", mode="a")
    assert read_facilities(path).labels == ("landfill",)


def test_what_is_no_list_of_facilities(tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match="does not exist"):
        read_facilities(tmp_path / "missing.gpkg")
    empty = geopandas.GeoDataFrame({"a": []}, geometry=[], crs=4326)
    found = read_facilities(_file(tmp_path / "empty.geojson", empty))
    label, metres = found.nearest(shapely.box(9, 45, 9.1, 45.1), CRS.from_epsg(4326))
    assert label == ""
    assert math.isnan(metres)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"lon,lat,class\n9.0,45.0,well\n9.1,45.0,mine\n,,x\n"),
        ("a.csv", b"sep=;\r\nLon;Lat;Type\r\n9,0;45,0;well\r\n9,1;45,0;mine\r\n"),
        ("a.tsv", "name\tlongitude\tlatitude\r\nwell\t9.0\t45.0\r\nmine\t9.1\t45.0\r\n".encode("utf-16")),
    ],
)
def test_tables_with_coordinates(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = read_facilities(tmp_path / name)
    assert found.points.tolist() == [[9.0, 45.0], [9.1, 45.0]]
    assert found.labels == ("well", "mine")


def test_tables_without_places_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,height\nwell,3\n")
    with pytest.raises(SceneError, match="columns lon and lat are missing"):
        read_facilities(path)
    path.write_text("name,x,y\nwell,500000,0\n")
    with pytest.raises(SceneError, match="without CRS; give columns lon and lat"):
        read_facilities(path)
    path.write_text("lon,lat\n")
    assert read_facilities(path).labels == ()
    table = pandas.DataFrame({"name": ["well"]})
    pyogrio.write_dataframe(table, tmp_path / "a.gpkg", layer="facilities")
    with pytest.raises(SceneReadError, match="has no geometries"):
        read_facilities(tmp_path / "a.gpkg")

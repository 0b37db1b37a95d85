"""Which layer of a vector file is read: polygons, labels, points of a sample, facilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio
import pytest
import shapely

from geoseg.learn.evaluate.sample_reading import read_points
from geoseg.learn.fit.labels import read_labels
from geoseg.scenes.polygon_files import columns_of, read_polygons
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

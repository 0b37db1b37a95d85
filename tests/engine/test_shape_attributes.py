"""Attributes of shape: against geometry on a sphere-like ellipsoid that can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geoseg.engine.shape_attributes import COLUMNS, QUANTILES, ShapeAttributes, schema_of
from geoseg.errors import SceneError
from geoseg.features import Features
from geoseg.outputs.columns import COLUMNS as TEXTS

ALL = tuple(name for name in COLUMNS if name != QUANTILES)


def described(shape: shapely.Geometry, crs: CRS) -> dict[str, float]:
    features = Features(geometry=np.array([shape], object), columns={"class": np.array([1])})
    return {
        name: float(values[0])
        for name, values in ShapeAttributes(ALL, crs, "x").add(features).columns.items()
    }


def test_a_square_in_utm() -> None:
    found = described(shapely.box(500_000, 5_000_000, 500_400, 5_000_400), CRS.from_epsg(32633))
    # The scale of UTM at its central meridian is 0.9996.
    assert found["perimeter_m"] == pytest.approx(1600 / 0.9996, rel=1e-5)
    assert found["compactness"] == pytest.approx(math.pi / 4, abs=1e-4)
    assert found["centroid_lon"] == pytest.approx(15.0026, abs=1e-3)
    assert found["centroid_lat"] == pytest.approx(45.155, abs=1e-2)


def test_holes_have_outlines_and_no_area() -> None:
    ring = shapely.box(0, 0, 400, 400).difference(shapely.box(100, 100, 300, 300))
    moved = shapely.transform(ring, lambda xy: xy + np.array((500_000, 5_000_000)))
    found = described(moved, CRS.from_epsg(32633))
    assert found["perimeter_m"] == pytest.approx(2400 / 0.9996, rel=1e-5)
    assert found["compactness"] == pytest.approx(4 * math.pi * 120_000 / 2400**2, rel=1e-3)


def test_degrees_give_metres() -> None:
    found = described(shapely.box(0, 0, 0.01, 0.01), CRS.from_epsg(4326))
    assert found["perimeter_m"] == pytest.approx(2 * (1113.2 + 1105.7), rel=1e-3)


def test_a_map_without_a_crs_is_refused() -> None:
    with pytest.raises(SceneError, match="`--attributes perimeter` needs a CRS"):
        ShapeAttributes(("perimeter",), None, "scene")


def test_every_column_has_a_name_for_people() -> None:
    assert set(schema_of(tuple(COLUMNS))) <= set(TEXTS)


def test_no_polygons() -> None:
    none = Features(geometry=np.empty(0, object), columns={"class": np.empty(0, np.int64)})
    found = ShapeAttributes(ALL, CRS.from_epsg(32633), "x").add(none)
    assert set(found.columns) == {"class", *schema_of(ALL)}
    assert len(found) == 0

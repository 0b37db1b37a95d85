"""A small map: classes, polygons on pixel corners, a footprint and a record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geoseg.features import Features
from geoseg.outputs.layer import Kind
from geoseg.run_record import ClassTotal, RunRecord
from geoseg.spec import ClassSpec


@pytest.fixture(scope="session")
def classes() -> tuple[ClassSpec, ...]:
    return (
        ClassSpec(value=0, label="background", colour="#f0f0f0"),
        ClassSpec(value=1, label="flood", colour="#d7191c"),
        ClassSpec(value=2, label="permanent water", colour="#2b83ba"),
    )


@pytest.fixture(scope="session")
def schema() -> dict[str, Kind]:
    return {"class": "int", "label": "text", "area_m2": "float", "pixels": "int", "score_mean": "float"}


@pytest.fixture(scope="session")
def crs() -> CRS:
    return CRS.from_epsg(32633)


@pytest.fixture(scope="session")
def make_features() -> Callable[[int], Features]:
    """Squares of both classes in a row of 50; every seventh is two squares, every fifth has no score."""

    def make(count: int) -> Features:
        index = np.arange(count)
        x, y = 500_000 + index % 50 * 40.0, 5_000_000 + index // 50 * 40.0
        geometry = np.array(shapely.box(x, y, x + 20, y + 20), object)
        for at in range(0, count, 7):
            other = shapely.affinity.translate(geometry[at], 20, 20)
            geometry[at] = shapely.MultiPolygon([geometry[at], other])
        value = 1 + index % 2
        return Features(
            geometry=geometry,
            columns={
                "class": value,
                "label": np.array(["", "flood", "permanent water"], object)[value],
                "area_m2": 400.0 + index,
                "pixels": np.full(count, 4),
                "score_mean": np.where(index % 5 == 0, np.nan, 0.5),
            },
        )

    return make


@pytest.fixture(scope="session")
def footprint() -> Features:
    return Features(
        geometry=np.array([shapely.box(499_900, 4_999_900, 502_100, 5_001_000)], object),
        columns={
            "sensor": np.array(["sentinel-1"], object),
            "acquired": np.array([None], object),
            "valid_share": np.array([0.9]),
            "pixels": np.array([1000]),
        },
    )


@pytest.fixture(scope="session")
def record() -> RunRecord:
    return RunRecord(
        geoseg="0.1.0",
        task="flood",
        command={"min_area": 0.0},
        inputs=({"paths": ["scène.tif"], "sensor": "sentinel-1"},),
        method="VH below -18.4 dB (bmax-Otsu)",
        created="2024-01-01T00:00:00Z",
        crs="EPSG:32633",
        valid_share=0.9,
        classes=(ClassTotal(value=1, label="flood", polygons=2, pixels=8, area_m2=800.5),),
        notes=('a "quoted" note & <markup>',),
    )

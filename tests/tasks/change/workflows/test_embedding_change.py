"""Change of two years of embeddings: the cosine distance, where they may be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio

from geoseg.errors import SceneError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import progress
from tests.products.embeddings import AXES, TESSERA_AXES, unit_vectors, write_alphaearth, write_tessera
from tests.products.ground import CRS, EAST, NORTH, write_raster


def change(before: Path, after: Path, folder: Path, **options: Any) -> RunRecord:
    spec = ChangeSpec(
        before=SceneSpec(paths=(str(before),)),
        after=SceneSpec(paths=(str(after),)),
        run=RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True),
        **options,
    )
    record = map_change(spec, progress)
    assert isinstance(record, RunRecord)
    return record


@pytest.mark.parametrize("kind", ["alphaearth", "alphaearth-north-up", "tessera"])
def test_change_is_where_the_vectors_turned(kind: str, tmp_path: Path) -> None:
    axes = TESSERA_AXES if kind == "tessera" else AXES
    paths = []
    for year, changed in ((2023, False), (2024, True)):
        vectors, path = unit_vectors(axes, 120, changed=changed), tmp_path / f"{year}.tif"
        if kind == "tessera":
            paths.append(write_tessera(path, vectors))
        else:
            paths.append(write_alphaearth(path, vectors, bottom_up=kind == "alphaearth"))
    before, after = paths
    record = change(before, after, tmp_path)
    assert "cosine distance" in record.method
    (polygon,) = geopandas.read_file(tmp_path / "map.gpkg", layer="change").geometry
    expected = (EAST + 120, NORTH - 240, EAST + 240, NORTH - 120)
    np.testing.assert_allclose(polygon.bounds, expected, atol=0.01)
    with rasterio.open(tmp_path / "map.tif") as file:
        assert np.count_nonzero(file.read(1)) == 144


@pytest.mark.parametrize("kind", ["alphaearth", "tessera"])
def test_rounding_is_no_change(kind: str, tmp_path: Path) -> None:
    vectors = unit_vectors(TESSERA_AXES if kind == "tessera" else AXES, 120)
    noise = np.random.default_rng(3).normal(0, 1e-6 if kind == "tessera" else 4e-3, vectors.shape)
    turned = np.asarray(vectors + noise, np.float32)
    before, after = tmp_path / "2023.tif", tmp_path / "2024.tif"
    for path, values in ((before, vectors), (after, turned)):
        write_tessera(path, values) if kind == "tessera" else write_alphaearth(path, values)
    change(before, after, tmp_path)
    assert geopandas.read_file(tmp_path / "map.gpkg", layer="change").empty


def test_an_embedding_and_a_scene_have_no_change(tmp_path: Path) -> None:
    first = write_alphaearth(tmp_path / "a.tif", unit_vectors(AXES))
    second = write_tessera(tmp_path / "b.tif", unit_vectors(TESSERA_AXES))
    with pytest.raises(SceneError, match=r"alphaearth .* tessera"):
        change(first, second, tmp_path)
    with pytest.raises(SceneError, match="mad is for optical scenes"):
        change(first, write_alphaearth(tmp_path / "c.tif", unit_vectors(AXES)), tmp_path, method="mad")


@pytest.mark.parametrize(
    ("kind", "earlier", "later"),
    [
        ("tessera", "2023", "2024"),
        ("encoder", "2023-05-04T10:20:30+00:00", "2023-06-04T10:20:30+00:00,2024-05-04T10:20:30+00:00"),
    ],
)
def test_the_dates_are_those_in_the_tags(kind: str, earlier: str, later: str, tmp_path: Path) -> None:
    paths = []
    for position, (acquired, changed) in enumerate(((earlier, False), (later, True))):
        vectors, path = unit_vectors(TESSERA_AXES, 120, changed=changed), tmp_path / f"{'ab'[position]}.tif"
        if kind == "tessera":
            write_tessera(path, vectors)
            with rasterio.open(path, "r+") as file:
                file.update_tags(TESSERA_YEAR=acquired)
        else:
            tags = {"EMBEDDING_ENCODER": "galileo-nano", "EMBEDDING_ACQUIRED": acquired}
            names = [f"e{index:02d}" for index in range(len(vectors))]
            write_raster(path, vectors, crs=CRS, nodata=np.nan, descriptions=names, tags=tags)
        paths.append(path)
    change(paths[0], paths[1], tmp_path)
    (row,) = geopandas.read_file(tmp_path / "map.gpkg", layer="change").itertuples()
    assert (str(row.date_before)[:4], str(row.date_after)[:4]) == ("2023", "2024")
    turned = change(paths[1], paths[0], tmp_path)
    assert "dates-out-of-order" in [warning.code for warning in turned.warnings]

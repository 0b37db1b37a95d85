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
from tests.products.ground import EAST, NORTH


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


def test_an_embedding_and_a_scene_have_no_change(tmp_path: Path) -> None:
    first = write_alphaearth(tmp_path / "a.tif", unit_vectors(AXES))
    second = write_tessera(tmp_path / "b.tif", unit_vectors(TESSERA_AXES))
    with pytest.raises(SceneError, match=r"alphaearth .* tessera"):
        change(first, second, tmp_path)
    with pytest.raises(SceneError, match="mad is for optical scenes"):
        change(first, write_alphaearth(tmp_path / "c.tif", unit_vectors(AXES)), tmp_path, method="mad")

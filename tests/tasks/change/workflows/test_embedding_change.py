"""Change of two years of embeddings: the cosine distance, where they may be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio

from geoseg.errors import BandError, SceneError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, EmbedSpec, FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.embed import EmbedRun
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.embed import embed
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
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


def test_what_cannot_be_compared_is_said_before_any_doubt(tmp_path: Path, messages: Messages) -> None:
    """The same pixels, once as features of patches of 4 and once of 8: the first message is the error."""
    paths = []
    for patch in (4, 8):
        tags = {"EMBEDDING_ENCODER": "galileo-nano", "EMBEDDING_PATCH": str(patch)}
        names = [f"e{index:02d}" for index in range(8)]
        path = tmp_path / f"{patch}.tif"
        paths.append(write_raster(path, unit_vectors(8), descriptions=names, tags=tags))
    with pytest.raises(SceneError, match="embedding_patch of 4 is 4, and of 8 8"):
        change(paths[0], paths[1], tmp_path)
    assert not messages.warnings


def test_two_years_have_no_classes_and_no_note_about_them(tmp_path: Path, messages: Messages) -> None:
    first = write_alphaearth(tmp_path / "a.tif", unit_vectors(AXES, 120))
    change(first, write_alphaearth(tmp_path / "b.tif", unit_vectors(AXES, 120, changed=True)), tmp_path)
    assert not [note for note in messages.notes if "rules of" in note]


@pytest.mark.parametrize("task", ["segment", "flood", "flood by a method", "change", "embed"])
def test_features_are_not_read_as_bands(task: str, tmp_path: Path) -> None:
    first, second = (write_alphaearth(tmp_path / f"{name}.tif", unit_vectors(AXES)) for name in "ab")
    scene, out = SceneSpec(paths=(str(first),)), RunSpec(output=tmp_path / "map.gpkg")
    model = "water-optical"
    features = EmbedSpec(scene=scene, run=EmbedRun(output=tmp_path / "e.tif"), weights="none")
    commands: dict[str, Callable[[], object]] = {
        "segment": lambda: map_segments(SegmentSpec(scene=scene, run=out, model=model), progress),
        "flood": lambda: map_flood(FloodSpec(scene=scene, run=out, model=model), progress),
        "flood by a method": lambda: map_flood(FloodSpec(scene=scene, run=out), progress),
        "change": lambda: change(first, second, tmp_path, model=model),
        "embed": lambda: embed(features, progress),
    }
    with pytest.raises(BandError, match="holds features, not bands"):
        commands[task]()


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

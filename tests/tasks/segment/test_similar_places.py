"""Maps of what resembles named places: of embeddings, and by an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.errors import UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import RunSpec, SceneSpec, SegmentSpec
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
from tests.products.embeddings import AXES, unit_vectors, write_alphaearth
from tests.products.ground import CRS, EAST, NORTH, Ground, lake, write_raster

SIDE = 120
STRIPE = (EAST + 605, NORTH - 45)
"""In the first stripe of `unit_vectors`, rows 0 to 7 of 24."""


def segment(scene: Path, folder: Path, *places: tuple[float, float], **options: Any) -> RunRecord:
    run = RunSpec(
        output=folder / "map.gpkg", raster=folder / "map.tif", scores=folder / "scores.tif", overwrite=True
    )
    sensor = options.pop("sensor", None)
    spec = SegmentSpec(
        scene=SceneSpec(paths=(str(scene),), clouds="none", sensor=sensor), run=run, like=places, **options
    )
    record = map_segments(spec, progress)
    assert isinstance(record, RunRecord)
    return record


def mapped(folder: Path) -> NDArray[np.uint8]:
    with rasterio.open(folder / "map.tif") as file:
        values: NDArray[np.uint8] = file.read(1)
    return values


@pytest.mark.parametrize("degrees", [True, False])
def test_places_alike_are_mapped_wherever_they_are_named(
    degrees: bool, tmp_path: Path, messages: Messages
) -> None:
    vectors = unit_vectors(AXES, SIDE)
    vectors[:, 100:, :20] = np.nan
    scene = write_alphaearth(tmp_path / "aef.tif", vectors, bottom_up=False)
    place = Transformer.from_crs(CRS, 4326, always_xy=True).transform(*STRIPE) if degrees else STRIPE
    segment(scene, tmp_path, place, threshold=0.7)
    found = mapped(tmp_path)
    expected = np.broadcast_to((np.arange(SIDE) // 8 % 3 == 0)[:, None], (SIDE, SIDE))
    seen = np.isfinite(vectors[0])
    np.testing.assert_array_equal(found[seen] == 1, expected[seen])
    assert (found[~seen] == 255).all()
    how = "longitude, latitude" if degrees else "in the CRS of"
    assert any(how in text for text in messages.notes)
    assert set(geopandas.read_file(tmp_path / "map.gpkg", layer="segments")["label"]) == {"similar"}


def test_several_places_are_one_class_with_the_score_of_the_nearest(tmp_path: Path) -> None:
    scene = write_alphaearth(tmp_path / "aef.tif", unit_vectors(AXES, SIDE))
    segment(scene, tmp_path, STRIPE, (EAST + 5, NORTH - 125), threshold=0.7)
    with rasterio.open(tmp_path / "map.tif") as file:
        assert file.transform.e > 0  # the grid of the file, whose rows run northwards
    assert np.count_nonzero(mapped(tmp_path)) == SIDE * SIDE * 2 // 3
    with rasterio.open(tmp_path / "scores.tif") as file:
        assert file.read(1).max() > 240


def test_a_threshold_is_found(tmp_path: Path, messages: Messages) -> None:
    scene = write_alphaearth(tmp_path / "aef.tif", unit_vectors(AXES, SIDE))
    segment(scene, tmp_path, STRIPE)
    assert np.count_nonzero(mapped(tmp_path)) >= SIDE * SIDE // 8
    assert any("Otsu" in text for text in messages.notes)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "give `--model`|no model"),
        ({"like": ((0, 0),), "model": "water"}, "exclude each other"),
        ({"model": "water", "encoder": "galileo-nano"}, "`--encoder` goes with `--like`"),
        ({"like": ((0, 0),), "threshold": 1.0}, "less than 1"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SegmentSpec.model_validate({"scene": "a.tif", "run": {"output": "b.gpkg"}, **options})


@pytest.mark.parametrize(
    ("place", "options", "text"),
    [
        ((EAST - 5, NORTH), {}, "lies outside .* x is 500000 to 501200"),
        ((15.0, 89.0), {}, "lies outside"),
        ((EAST + 5, NORTH - 5), {}, "was not observed"),
        (STRIPE, {"encoder": "galileo-nano"}, "leave out `--encoder`"),
        (STRIPE, {"weights": "none"}, "leave out `--weights`"),
    ],
)
def test_places_that_cannot_be_compared(
    place: tuple[float, float], options: dict[str, Any], text: str, tmp_path: Path, messages: Messages
) -> None:
    vectors = unit_vectors(AXES, SIDE)
    vectors[:, :3, :3] = np.nan
    scene = write_alphaearth(tmp_path / "aef.tif", vectors)
    with pytest.raises(UsageError, match=text):
        segment(scene, tmp_path, place, **options)
    # What is wrong with a request is said alone, without notes about a scene that is not mapped.
    assert not [note for note in messages.notes if "sensor" in note] or "observed" in text
    assert not (tmp_path / "map.gpkg").exists()


def test_an_encoder_finds_the_lake_by_one_place(
    tmp_path: Path, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    bands = ("blue", "green", "red", "nir", "swir16", "swir22")
    values = np.stack([Ground().reflectance(band) for band in bands]).astype(np.float32)
    scene = write_raster(tmp_path / "scene.tif", values, descriptions=bands, crs=CRS)
    record = segment(
        scene,
        tmp_path,
        (EAST + 900, NORTH - 900),
        sensor="sentinel-2-l2a-harmonised",
        weights=str(weights_dir / "galileo-nano" / "encoder.pt"),
        patch=4,
    )
    assert record.model is not None
    water, found = lake() == 0, mapped(tmp_path) == 1
    iou = np.count_nonzero(water & found) / np.count_nonzero(water | found)
    assert iou > 0.75

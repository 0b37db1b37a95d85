"""The demonstration recovers what it simulated, and says throughout that it is simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.demo.flood_demo import iou, run_demo
from geoseg.errors import OutputError
from geoseg.run_record import RunRecord
from tests.messages import Messages, listening, progress


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord, Messages]:
    folder = tmp_path_factory.mktemp("demo") / "new"
    with listening() as told:
        record = run_demo(folder, progress, overwrite=False, size=400)
    return folder, record, told


def test_the_truth_is_recovered(demo: tuple[Path, RunRecord, Messages]) -> None:
    folder, record, _ = demo
    with rasterio.open(folder / "simulated_truth.tif") as dataset:
        truth = dataset.read(1)
    with rasterio.open(folder / "flood_classes.tif") as dataset:
        mapped = dataset.read(1)
    assert iou(mapped == 1, truth == 1) > 0.9
    assert iou(mapped == 2, truth == 2) > 0.85
    assert {item.label for item in record.classes} == {"flood", "permanent water"}
    assert record.valid_share == 1


def test_simulated_is_said(demo: tuple[Path, RunRecord, Messages]) -> None:
    folder, record, told = demo
    assert "simulated" in told.notes[0]
    assert all("simulated" in str(path) for item in record.inputs for path in [item["name"]])
    for path in folder.glob("simulated_*.tif"):
        with rasterio.open(path) as dataset:
            assert "simulated" in dataset.tags()["TITLE"]


def test_everything_is_there(demo: tuple[Path, RunRecord, Messages]) -> None:
    folder, record, _ = demo
    names = {path.name for path in folder.iterdir()}
    assert names >= {"flood.gpkg", "flood_classes.tif", "flood.png", "simulated_after.tif"}
    assert all(path.exists() for path in record.outputs)


def test_nothing_is_overwritten_unasked(demo: tuple[Path, RunRecord, Messages]) -> None:
    with pytest.raises(OutputError, match="exists"):
        run_demo(demo[0], progress, overwrite=False, size=400)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be created"):
        run_demo(tmp_path / "file" / "folder", progress, overwrite=False, size=64)


def test_overlap() -> None:
    one = np.array([True, True, False])
    assert iou(one, one) == 1
    assert iou(one, ~one) == 0
    assert iou(one, np.array([True, False, False])) == 0.5
    assert iou(~one & one, ~one & one) == 1

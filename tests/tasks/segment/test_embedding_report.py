"""The report of features shows their main differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.run_record import RunRecord
from geoseg.tasks.segment import embedding_report
from geoseg.tasks.segment.embedding_report import components_rgb, write_embedding_report

GRID = Grid(crs=CRS.from_epsg(32633), transform=Affine(80, 0, 500_000, 0, -80, 4_600_000), height=6, width=8)


def test_places_of_like_features_have_like_colours() -> None:
    values = np.zeros((5, 4, 6), np.float32)
    values[1, :, 3:] = 2
    values[3, :, 3:] = -1
    observed = np.ones((4, 6), np.bool_)
    observed[0, 0] = False
    rgb = components_rgb(values, observed)
    left, right = rgb[1, 0].astype(int), rgb[1, 5].astype(int)
    assert (rgb[1:, :3] == left).all()
    assert (rgb[:, 3:] == right).all()
    assert abs(left - right).max() == 255
    assert rgb[0, 0].tolist() == [255, 255, 255]


def test_the_picture_of_many_channels_reads_few_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_report, "MOST_VALUES", 4 * 3 * 4)
    shapes: list[tuple[int, ...]] = []

    def colours(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.uint8]:
        shapes.append(values.shape)
        return components_rgb(values, observed)

    monkeypatch.setattr(embedding_report, "components_rgb", colours)
    values = np.arange(4 * 6 * 8, dtype=np.float32).reshape(4, 6, 8)
    with rasterio.open(tmp_path / "emb.tif", "w", count=4, dtype="float32", **GRID.geotiff()) as file:
        file.write(values)
    assert embedding_report._picture(tmp_path / "emb.tif") is not None
    assert shapes == [(4, 3, 4)]


@pytest.mark.parametrize("suffix", [".tif", ".parquet"])
def test_the_page_needs_no_other_file(tmp_path: Path, suffix: str) -> None:
    features, page = tmp_path / f"emb{suffix}", tmp_path / "emb.html"
    record = RunRecord.model_validate(
        {
            "geoseg": "1", "task": "embedding", "command": {}, "method": "encoder galileo-nano",
            "inputs": ({"sensor": "sentinel-2-l2a", "time": "2024-05-28", "name": "a"},),
            "created": "2026-11-30T00:00:00+00:00", "crs": "EPSG:32633", "valid_share": 0.5, "classes": (),
            "outputs": (features, page),
        }
    )  # fmt: skip
    values = np.arange(4 * 6 * 8, dtype=np.float32).reshape(4, 6, 8)
    with OutputFiles([features, page], overwrite=False) as beside:
        if suffix == ".tif":
            with rasterio.open(
                beside.path(features), "w", count=4, dtype="float32", **GRID.geotiff()
            ) as file:
                file.write(values)
        else:
            beside.path(features).write_bytes(b"table")
        write_embedding_report(page, record, GRID, beside)
        beside.commit()
    text = page.read_text(encoding="utf-8")
    assert "<h1>Features, 28 May 2024, Sentinel-2</h1>" in text
    assert ("data:image/png" in text) == (suffix == ".tif")
    assert "http" not in text.replace("http-equiv", "")

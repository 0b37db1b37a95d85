"""The demonstration: map a simulated flood and compare the map with its reference data."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

from geoseg.demo.simulated_flood import BANDS, simulate
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles, check_writable, made_folder
from geoseg.messages import note
from geoseg.run_record import Progress, RunRecord
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.choice import CLASSICAL
from geoseg.tasks.flood.flood_map import map_flood

LOG = logging.getLogger(__name__)

CRS = "EPSG:32633"
ORIGIN = (500_000.0, 5_350_000.0)
"""Easting and northing in m of the upper left corner; no flood was there."""
PIXEL_M = 10.0


def run_demo(folder: Path, progress: Progress, *, overwrite: bool, size: int = 1500) -> RunRecord:
    """Simulate a flood, map it, and write scenes, reference data, map and picture into a folder.

    Args:
        folder: created if missing.
        progress: is called with the progress.
        overwrite: whether existing files may be replaced.
        size: pixels a side.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    with made_folder(folder):
        return _make_and_map(folder, progress, overwrite=overwrite, size=size)


def _make_and_map(folder: Path, progress: Progress, *, overwrite: bool, size: int) -> RunRecord:
    """Simulate the scenes in a folder and map them; see `run_demo`."""
    scenes = [folder / f"simulated_{name}.tif" for name in ("before", "after", "truth")]
    maps = [folder / name for name in ("flood.gpkg", "flood_classes.tif", "flood.png")]
    check_writable([*scenes, *maps], overwrite)
    note(LOG, "this scene is simulated: land, river, lake, flood and clouds are not real")
    made = simulate(size=size)
    write_scene(scenes[0], made.before, BANDS, overwrite=overwrite)
    write_scene(scenes[1], made.after, BANDS, overwrite=overwrite)
    write_scene(scenes[2], made.truth[np.newaxis], ("truth",), overwrite=overwrite)
    record = map_flood(
        FloodSpec(
            # A network trained on real pixels is not evaluated on simulated ones.
            method=CLASSICAL,
            scene=SceneSpec(paths=(str(scenes[1]),)),
            before=(SceneSpec(paths=(str(scenes[0]),)),),
            run=RunSpec(output=maps[0], raster=maps[1], picture=maps[2], overwrite=overwrite),
        ),
        progress,
    )
    if not isinstance(record, RunRecord):
        raise TypeError("a run that is not dry gives a record")
    with rasterio.open(maps[1]) as dataset:
        mapped = dataset.read(1)
    for value, label in ((1, "flood"), (2, "permanent water")):
        agreement = iou(mapped == value, made.truth == value)
        note(LOG, f"{label}: {agreement:.1%} agreement (IoU) with the simulated truth, clouds included")
    return record


def iou(mapped: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks; 1 where both are empty."""
    union = int((mapped | truth).sum())
    return int((mapped & truth).sum()) / union if union else 1.0


def write_scene(
    path: Path, data: NDArray[np.integer], names: tuple[str, ...], *, overwrite: bool = False
) -> None:
    """Write a simulated raster as a COG that says it is simulated.

    Args:
        path: of the file.
        data: (B, H, W); uint16 is reflectance x 10,000 with nodata 0, uint8 are classes.
        names: of the bands.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file cannot be written.
    """
    optical = data.dtype == np.uint16
    with OutputFiles([path], overwrite=overwrite) as beside:
        with (
            writing(path),
            rasterio.open(
                beside.path(path),
                "w",
                driver="COG",
                count=data.shape[0],
                height=data.shape[1],
                width=data.shape[2],
                dtype=data.dtype,
                crs=CRS,
                transform=Affine(PIXEL_M, 0, ORIGIN[0], 0, -PIXEL_M, ORIGIN[1]),
                nodata=0 if optical else None,
                compress="DEFLATE",
                level=1,
                predictor="YES" if optical else "NO",
                overview_resampling=Resampling.nearest.name,
            ) as dataset,
        ):
            dataset.write(data)
            dataset.descriptions = names
            if optical:
                dataset.scales = (1e-4,) * len(names)
            dataset.update_tags(TITLE="simulated by geoseg demo; not an observation")
        beside.commit()

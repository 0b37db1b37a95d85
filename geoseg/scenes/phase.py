"""The phase of an interferogram as two layers, cosine and sine: an angle that wraps has no mean of its own.

Both are computed on the grid of the file, and only then resampled. Interpolated or averaged angles would be
0 on either side of ±π; the means of cosine and sine are those of the unit vector (Mardia and Jupp 2000,
Directional Statistics), shorter where the phase is noisy.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window as RasterWindow

from geoseg.errors import SceneError
from geoseg.files.disk import check_blocks
from geoseg.files.doors import opening, reading
from geoseg.files.inputs import opened
from geoseg.files.scratch import scratching
from geoseg.messages import note, warn
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.layers import COMPUTED, open_raster_layer
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.scene import Scene

LOG = logging.getLogger(__name__)

ROWS = 512
"""Rows that are computed at once."""

PHASE = "phase"
PARTS = ("cos", "sin")

WRAPPED = np.pi + 1e-3
"""Greatest magnitude of a wrapped phase in radians."""

FACTORS = {"rad": 1.0, "deg": np.pi / 180, "cyc": 2 * np.pi, "turn": 2 * np.pi}
"""Factor to radians, by the beginning of the unit that a file states."""
NO_UNIT = frozenset({"", "1", "none", "unknown", "unitless", "dimensionless"})

TURNS = {"degree": 360.0, "cycle": 1.0}
"""Values of a whole turn in other units."""
WHOLE = {**TURNS, "radian": 2 * np.pi}
"""Values of a whole turn in all units."""
COVERED, ROUNDING = 300 / 360, 1.001
"""Share of a turn that values cover which are taken for that unit, and the greatest in turns."""


def phase_names(name: str) -> tuple[str, ...]:
    """Return the names of the layers of a phase: `phase_cos` and `phase_sin`."""
    return tuple(f"{name}_{part}" for part in PARTS)


def is_phase(path: Path | str, name: str) -> bool:
    """Return whether a layer is a phase: by its name, `phase` or `…_phase`, or since its values are complex.

    Raises:
        SceneReadError: the file is missing or not a raster.
    """
    if name == PHASE or name.endswith(f"_{PHASE}"):
        return True
    with _dataset(path) as dataset:
        return _kind(dataset) == "c"


def open_phase(path: Path | str, name: str, folder: Path) -> tuple[Scene, Scene]:
    """Open cosine and sine of a phase as layers of one band each, `NAME_cos` and `NAME_sin`.

    Args:
        path: a raster of radians (degrees or cycles where the file states them), wrapped or not, or a
            complex interferogram.
        name: of the phase.
        folder: for the computed files, until the layers are closed.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: its values are integers, seem to be degrees or cycles or have another unit, or it has
            several bands or no CRS.
        OutputError: the disk of `folder` is full.
    """
    targets = [folder / f"{part}.tif" for part in phase_names(name)]
    with _dataset(path) as dataset:
        opened(dataset.name)
        if dataset.count != 1:
            raise SceneError(
                f"{path}: has {dataset.count} bands, and a phase is one; extract it with "
                "`gdal_translate -b N`"
            )
        kind = _kind(dataset)
        if kind not in "cf":
            raise SceneError(
                f"{path}: a phase is in radians, as floating-point values or as a complex interferogram, and "
                f"this file holds {dataset.dtypes[0]}: a picture of a phase cannot be used"
            )
        if dataset.crs is None:
            raise SceneError(f"{path}: has no CRS, so the phase cannot be laid on a scene; assign one")
        stated = (dataset.units[0] or "").strip().lower()
        factor = _factor(path, stated)
        low, high = np.inf, -np.inf
        georeference = {key: dataset.profile[key] for key in ("height", "width", "crs", "transform")}
        with scratching(folder):
            files: list[DatasetWriter] = [
                rasterio.open(target, "w", driver="GTiff", bigtiff="if_safer", **georeference, **COMPUTED)
                for target in targets
            ]
        for row in range(0, dataset.height, ROWS):
            window = RasterWindow(0, row, dataset.width, min(ROWS, dataset.height - row))
            with reading(f"{path}, rows {row}-{row + window.height - 1}"):
                stored = dataset.read(1, window=window)
                seen = dataset.read_masks(1, window=window) > 0
            if kind == "f":
                known = stored[seen & np.isfinite(stored)].astype(np.float64)
                low = float(known.min(initial=low))
                high = float(known.max(initial=high))
            unit = unit_vectors(stored, seen, factor)
            with scratching(folder):
                for file, values in zip(files, unit, strict=True):
                    file.write(values, 1, window=window)
    with scratching(folder):
        for file, target in zip(files, targets, strict=True):
            file.close()
            check_blocks(target)
    if kind == "f" and stated in NO_UNIT:
        _check_unit(path, low, high)
    most = max(-low, high)
    named = "radian" if factor == 1 else "degree" if stated.startswith("deg") else "cycle"
    if kind == "f" and stated not in NO_UNIT:
        _warn_of_unit(path, named, low, high)
    if most * factor > WRAPPED:
        note(LOG, f"{path}: phases of up to {most:.3g} are not wrapped, and read as {named}s")
    cosine, sine = (
        open_raster_layer(target, own, categorical=False)
        for target, own in zip(targets, phase_names(name), strict=True)
    )
    return cosine, sine


def _factor(path: Path | str, stated: str) -> float:
    """Return the factor from the unit that a file states to radians."""
    if stated in NO_UNIT:
        return 1.0
    found = next((factor for start, factor in FACTORS.items() if stated.startswith(start)), None)
    if found is None:
        raise SceneError(
            f"{path}: its unit is {stated!r}, and a phase is in radian, degree or cycle; correct it by "
            "`gdal_edit.py -units`, or give the layer another name"
        )
    return found


def _check_unit(path: Path | str, low: float, high: float) -> None:
    """Raise SceneError where values without a unit look like a wrapped phase in degrees or cycles."""
    for unit, turn in TURNS.items():
        most = turn * ROUNDING
        # Few values in radians are as great as degrees; cycles are from -1/2 to 1/2, or from 0 to 1.
        greatest = most if unit == "degree" or low >= turn - most else most / 2
        if -most / 2 <= low and high <= greatest and high - low > turn * COVERED:
            raise SceneError(
                f"{path}: phases from {low:.3g} to {high:.3g} look like {unit}s, and no unit is stated; "
                f"state it (`gdal_edit.py -units {unit}`, or radian)"
            )


def _warn_of_unit(path: Path | str, unit: str, low: float, high: float) -> None:
    """Warn where values of a stated unit look like a wrapped phase in a smaller one."""
    # An unwrapped phase may by chance have such a range, so this is no error.
    for other in ("degree", "radian"):
        turn = WHOLE[other]
        if turn <= WHOLE[unit]:
            continue
        most = turn * ROUNDING
        greatest = most if low >= 0 else most / 2
        if -most / 2 <= low and high <= greatest and high - low > turn * COVERED:
            warn(
                LOG,
                "phase-unit-doubtful",
                f"{path}: phases ({low:.3g} to {high:.3g}) look like {other}s, and the file states {unit}s, "
                f"which they are read as. If that is wrong, correct it (`gdal_edit.py -units {other}`)",
            )
            return


def unit_vectors(
    stored: NDArray[np.inexact], seen: NDArray[np.bool_], factor: float = 1.0
) -> NDArray[np.float32]:
    """Return cosine and sine (2, H, W) of a phase; NaN where it is not observed, or its vector has no length.

    Args:
        stored: (H, W) angles, or complex values.
        seen: (H, W) whether each is observed.
        factor: from angles to radians.
    """
    if np.iscomplexobj(stored):
        length = np.abs(stored)
        seen = seen & np.isfinite(length) & (length > 0)
        whole = stored / np.where(seen, length, 1)
        parts = np.stack([whole.real, whole.imag])
    else:
        seen = seen & np.isfinite(stored)
        angles = np.where(seen, stored, 0).astype(np.float64) * factor
        parts = np.stack([np.cos(angles), np.sin(angles)])
    return np.where(seen, parts, np.nan).astype(np.float32)


def _kind(dataset: DatasetReader) -> str:
    """Return the kind of the values as numpy names it; `c` also for GDAL's complex integers."""
    name = str(dataset.dtypes[0])
    return "c" if name.startswith("complex") else np.dtype(name).kind


@contextmanager
def _dataset(path: Path | str) -> Iterator[DatasetReader]:
    """Open a raster whose values may be complex."""
    with opening(path):
        dataset = open_dataset(gdal_path(str(path)))
    with dataset:
        yield dataset

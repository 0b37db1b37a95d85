"""Windows of the bands of one file on another grid: values and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.scenes.bands import FLOOR_DB, Band, observed
from geoseg.scenes.resampling import Placement, bilinear, mean_blocks, nearest, taps, window_of

Read = tuple[NDArray[Any], Sequence[NDArray[np.bool_] | None]]
"""Values (B, H, W) and masks (H, W), True = valid, None = all valid; one mask a band, or one for all."""


def read_window(bands: Sequence[Band], placement: Placement, window: Window) -> Read:
    """Read bands of one file on a target grid.

    Args:
        bands: bands of one file with one method of resampling.
        placement: how the target grid lies on the grid of the file.
        window: inside the target grid.

    Raises:
        SceneReadError: the file is damaged.
    """
    shift, raster = placement.shift, bands[0].raster
    if shift is None:
        return _resample(bands, placement, window)
    native = replace(window, row=window.row + shift[0], col=window.col + shift[1])
    part = native.intersect(raster.grid.window)
    if part != native:
        return _read_part(bands, native, part)
    data = raster.read(native, [band.index for band in bands])
    return data, observed(bands, data, native)


def _read_part(bands: Sequence[Band], native: Window, part: Window) -> Read:
    """Read a native window that leaves its file; pixels outside the file are not valid."""
    data: NDArray[Any] = np.zeros((len(bands), native.height, native.width), bands[0].dtype)
    masks: list[NDArray[np.bool_] | None] = [np.zeros(data.shape[1:], np.bool_) for _ in bands]
    if not part.empty:
        rows, cols = part.slices(native)
        inside = bands[0].raster.read(part, [band.index for band in bands])
        data = data.astype(inside.dtype)
        data[:, rows, cols] = inside
        for mask, valid in zip(masks, observed(bands, inside, part), strict=True):
            if mask is not None:
                mask[rows, cols] = True if valid is None else valid
    return data, masks


def _resample(bands: Sequence[Band], placement: Placement, window: Window) -> Read:
    """Read bands of one file whose pixels are not aligned with the grid."""
    raster, native = bands[0].raster, placement.native
    smooth = bands[0].resampling == "bilinear"
    size = placement.reduction if smooth else 1
    at_rows, at_cols = placement.positions(window)
    rows, cols = taps(at_rows, native.height, size), taps(at_cols, native.width, size)
    needed = window_of(rows, cols)
    if needed is None:
        empty = np.zeros((len(bands), window.height, window.width), np.float32)
        return empty, [np.zeros((window.height, window.width), np.bool_)]
    source = needed.scaled(size).intersect(native.window)
    data: NDArray[Any] = raster.read(source, [band.index for band in bands])
    masks = observed(bands, data, source)
    valid: NDArray[np.bool_] | None = None
    if any(mask is not None for mask in masks):
        all_valid = np.ones(data.shape[1:], np.bool_)
        valid = np.stack([all_valid if mask is None else mask for mask in masks])
    if size > 1:
        data, valid = mean_blocks(data, valid, size)
    resample = bilinear if smooth else nearest
    values, mask = resample(
        data, valid, rows.within(needed.row, data.shape[1]), cols.within(needed.col, data.shape[2])
    )
    return values, list(mask)


def as_stored(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values rounded for an integer dtype; infinite values, which are not valid, as NaN."""
    if dtype.kind in "iu":
        return np.rint(values) if values.dtype.kind == "f" else values
    return np.where(np.isinf(values), np.nan, values)


def as_physical(band: Band, values: NDArray[Any]) -> NDArray[np.float32]:
    """Return physical values, float32; infinite values, which are not valid, as NaN."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        physical = values * np.float32(band.scale) + np.float32(band.offset)
        if band.square:
            physical *= np.abs(physical)
        if band.db_factor:
            physical[physical == 0] = np.nan
            least = np.float32(10 ** (FLOOR_DB / band.db_factor))
            physical = np.float32(band.db_factor) * np.log10(np.maximum(physical, least))
    return np.where(np.isfinite(physical), physical, np.nan).astype(np.float32)


def stored_dtype(bands: Sequence[Band]) -> np.dtype[Any] | None:
    """Return the dtype of all bands; None where they differ, or values are physical on reading."""
    dtypes = {band.dtype for band in bands}
    if len(dtypes) != 1 or any(band.db_factor or band.square for band in bands):
        return None
    dtype = dtypes.pop()
    return np.dtype(np.float32) if dtype.kind == "f" else dtype

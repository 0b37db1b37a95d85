"""PRISMA products (`.he5`): cubes as (rows, bands, columns), in the geometry of the detector or on a map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

SCALE = 1000.0
"""Counts of level 1 a W m-2 sr-1 um-1; real products have 100."""
OFFSET = 0.5
"""W m-2 sr-1 um-1 that level 1 takes off; 0 in real products."""
LIMITS = (0.0, 1.2)
"""Reflectance of the stored values 0 and 65535 in level 2."""
EAST, NORTH, EPSG, PIXEL = 500_000.0, 5_500_000.0, 32633, 30.0
TURN = math.radians(12)
"""By which the track leans from north."""


def detector_name(level: str) -> str:
    """The usual file name of a product."""
    return f"PRS_{level}_STD_{'OFFL_' if level == 'L1' else ''}20230601101112_20230601101116_0001.he5"


def write_prisma(
    path: Path,
    cube: NDArray[np.floating[Any]],
    centres: NDArray[np.float64],
    *,
    level: str = "L1",
    widths: NDArray[np.float64] | None = None,
    swath: str = "HCO",
    centre_corners: bool = True,
) -> Path:
    """Write a product.

    Args:
        path: where.
        cube: (B, H, W), NaN where not observed: radiance in W m-2 sr-1 um-1 (L1) or reflectance; rows run
            along the track in L1, from north to south in L2D.
        centres: nm, (B,), ascending; 0: a channel that is not used.
        level: L1, L2B, L2C or L2D.
        widths: nm; None: 10 each.
        swath: HCO, or HRC where the cubes are not coregistered.
        centre_corners: whether the corners of L2D are centres of pixels, as they are, or edges.
    """
    nm = np.asarray(centres, np.float64)
    fwhm = np.full(len(nm), 10.0) if widths is None else widths
    level1 = level == "L1"
    physical = (cube + OFFSET) * SCALE if level1 else (cube - LIMITS[0]) / (LIMITS[1] - LIMITS[0]) * 65535
    counts = np.where(np.isnan(cube), 0, np.clip(np.rint(np.nan_to_num(physical)), 0, 65535)).astype(
        np.uint16
    )
    # In level 1 the first axis runs across the track.
    stored = counts.transpose(2, 0, 1) if level1 else counts.transpose(1, 0, 2)
    root = f"HDFEOS/SWATHS/PRS_{level}_{swath}"
    with h5py.File(path, "w") as file:
        for name, own in (("Vnir", nm < 1000), ("Swir", nm >= 1000)):
            # From long waves to short, as ASI stores them.
            order = np.flatnonzero(own)[::-1]
            file[f"{root}/Data Fields/{name.upper()}_Cube"] = stored[:, order]
            file.attrs[f"List_Cw_{name}"] = nm[order].astype(np.float32)
            file.attrs[f"List_Fwhm_{name}"] = fwhm[order].astype(np.float32)
            file.attrs[f"List_Cw_{name}_Flags"] = (nm[order] > 0).astype(np.uint8)
            if level1:
                file.attrs[f"ScaleFactor_{name}"] = np.float32(SCALE)
                file.attrs[f"Offset_{name}"] = np.float32(OFFSET)
            else:
                for end, value in zip(("Min", "Max"), LIMITS, strict=True):
                    file.attrs[f"L2Scale{name}{end}"] = np.float32(value)
        places = stored.shape[0], stored.shape[2]
        file[f"{root}/Data Fields/Cloud_Mask"] = np.zeros(places, np.uint8)
        file[f"HDFEOS/SWATHS/PRS_{level}_PCO/Data Fields/Cube"] = np.zeros(
            (places[0] * 6, places[1] * 6), np.uint16
        )
        if level == "L2D":
            _corners(file, cube.shape[1], cube.shape[2], centre_corners=centre_corners)
        else:
            lon, lat = lonlat(cube.shape[1], cube.shape[2])
            for name, values in (("Longitude", lon), ("Latitude", lat)):
                for ending in ("_VNIR", "_SWIR") if level1 else ("",):
                    file[f"{root}/Geolocation Fields/{name}{ending}"] = (
                        values.T if level1 else values
                    ).astype(np.float32)
        file.attrs["Product_StartTime"] = np.bytes_("2023-06-01T10:11:12.345678")
        file.attrs["Processing_Level"] = np.bytes_(level.removeprefix("L"))
        file.attrs["Sun_zenith_angle"] = np.float32(32.5)
    return path


def _corners(file: h5py.File, height: int, width: int, *, centre_corners: bool) -> None:
    """Say where level 2D lies; its upper left edge is (EAST, NORTH)."""
    inset = PIXEL / 2 if centre_corners else 0.0
    west, east = EAST + inset, EAST + width * PIXEL - inset
    north, south = NORTH - inset, NORTH - height * PIXEL + inset
    file.attrs["Epsg_Code"] = np.int64(EPSG)
    file.attrs["Projection_Id"] = np.bytes_("33")
    for corner, x, y in (("UL", west, north), ("UR", east, north), ("LL", west, south), ("LR", east, south)):
        file.attrs[f"Product_{corner}corner_easting"] = np.float32(x)
        file.attrs[f"Product_{corner}corner_northing"] = np.float32(y)


def to_map(row: float, col: float, height: int, width: int) -> tuple[float, float]:
    """Easting and northing of a place in a frame: (row, col), n + 0.5 is a centre; the track goes south."""
    down, right = row - height / 2, col - width / 2
    x = math.cos(TURN) * right - math.sin(TURN) * down
    y = math.sin(TURN) * right + math.cos(TURN) * down
    return EAST + PIXEL * x, NORTH - PIXEL * y


def lonlat(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the frame's pixel centres, both (H, W)."""
    rows, cols = np.mgrid[0:height, 0:width] + 0.5
    places = np.array(
        [to_map(row, col, height, width) for row, col in zip(rows.ravel(), cols.ravel(), strict=True)]
    )
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    lon, lat = to_degrees.transform(places[:, 0], places[:, 1])
    return np.reshape(lon, rows.shape), np.reshape(lat, rows.shape)

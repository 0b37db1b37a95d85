"""Rasters that are well formed and strange: transforms, types, sizes, CRSs and metadata of no sense."""

from __future__ import annotations

import random
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

Mutation = Callable[[Path, random.Random], None]

NAN, INF = float("nan"), float("inf")


def _rewrite(
    path: Path, change: Callable[[dict[str, Any], np.ndarray], np.ndarray], tags: Mapping[str, str] = {}
) -> None:
    """Write a raster again as a GeoTIFF of another profile or of other values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as file:
            profile, data, names = dict(file.profile), file.read(), file.descriptions
        profile.update(driver="GTiff", tiled=False)
        for key in ("blockxsize", "blockysize", "interleave", "photometric"):
            profile.pop(key, None)
        data = change(profile, data)
        profile.update(count=len(data), height=data.shape[1], width=data.shape[2], dtype=data.dtype.name)
        path.unlink()
        with rasterio.open(path, "w", **profile) as file:
            file.write(data)
            if len(data) == len(names):
                file.descriptions = names
            file.update_tags(**tags)


def transform(path: Path, rng: random.Random) -> None:
    """Place the raster by a transform of NaN, infinity, zero, or far from anything."""
    odd = rng.choice(
        [
            Affine(NAN, 0, 0, 0, NAN, 0), Affine(10, 0, NAN, 0, -10, NAN), Affine(INF, 0, 0, 0, -INF, 0),
            Affine(0, 0, 5, 0, 0, 5), Affine(1e-300, 0, 0, 0, -1e-300, 0), Affine(1e300, 0, 0, 0, -1e300, 0),
            Affine(10, 10, 0, 10, 10, 0), Affine(10, 0, 1e18, 0, -10, -1e18), Affine(0, 10, 5e5, 10, 0, 5e6),
            Affine(-10, 0, 5e5, 0, 10, 5e6), Affine(7, 7, 5e5, 7, -7, 5e6),
            Affine(1e-6, 0, 5e5, 0, -1e-6, 5.5e6), Affine(2e5, 0, 5e5, 0, -2e5, 5.5e6),
        ]
    )  # fmt: skip

    def change(profile: dict[str, Any], data: np.ndarray) -> np.ndarray:
        profile["transform"] = odd
        return data

    _rewrite(path, change)


def crs(path: Path, rng: random.Random) -> None:
    """Give the raster a CRS that no map has: geocentric, vertical, engineering, of the Moon, none."""
    local = 'LOCAL_CS["here",UNIT["metre",1]]'
    odd = rng.choice(
        [
            "EPSG:4978",
            "EPSG:5773",
            local,
            "IAU_2015:30100",
            None,
            "EPSG:4326",
            "EPSG:32661",
            "EPSG:7405",
            "EPSG:3857",
        ]
    )

    def change(profile: dict[str, Any], data: np.ndarray) -> np.ndarray:
        profile["crs"] = odd
        return data

    _rewrite(path, change)


def dtype(path: Path, rng: random.Random) -> None:
    """Store the values in another type."""
    kind = rng.choice(
        ["int8", "int16", "uint32", "int64", "uint64", "float32", "float64", "complex64", "complex_int16"]
    )

    def change(profile: dict[str, Any], data: np.ndarray) -> np.ndarray:
        profile.pop("nodata", None)
        if kind == "complex_int16":
            return data.astype(np.complex64)
        return data.astype(kind)

    _rewrite(path, change)


def values(path: Path, rng: random.Random) -> None:
    """Fill bands with NaN, infinity, one value, or the extremes of floats."""
    kind = rng.choice([NAN, INF, -INF, 0.0, 3.4e38, 1e-45])
    share = rng.choice([1.0, 1.0, 0.5])

    def change(profile: dict[str, Any], data: np.ndarray) -> np.ndarray:
        profile.pop("nodata", None)
        result = data.astype(np.float32)
        result[:, : int(np.ceil(share * data.shape[1]))] = kind
        return result

    _rewrite(path, change)


def shape(path: Path, rng: random.Random) -> None:
    """Cut the raster to one pixel, one row, one column, or add bands."""
    cut: Any = rng.choice([np.s_[:, :1, :1], np.s_[:, :1, :], np.s_[:, :, :1], np.s_[:1], np.s_[:, :3, :5]])
    repeat = rng.choice([1, 1, 1, 20])
    _rewrite(path, lambda profile, data: np.repeat(data[cut], repeat, axis=0))


def nodata(path: Path, rng: random.Random) -> None:
    """Declare another nodata value."""
    odd = rng.choice([NAN, 0.0, 255.0, 1e300, -1.0, 1.0])

    def change(profile: dict[str, Any], data: np.ndarray) -> np.ndarray:
        profile["nodata"] = odd
        return data.astype(np.float64)

    _rewrite(path, change)


def tags(path: Path, rng: random.Random) -> None:
    """Add metadata whose values make no sense."""
    odd = rng.choice(["NaN", "", "-1", "1e999", "x" * 100_000, "{", "9" * 400, "\u20ac"])
    keys = (
        "units",
        "wavelength",
        "AREA_OR_POINT",
        "geoseg_record",
        "geoseg_classes",
        "SUN_ELEVATION",
        "TIFFTAG_DATETIME",
        "scale",
        "mtl",
    )
    _rewrite(path, lambda profile, data: data, dict.fromkeys(rng.sample(keys, 3), odd))


def scales(path: Path, rng: random.Random) -> None:
    """Declare a scale and an offset of NaN, zero or infinity."""
    _rewrite(path, lambda profile, data: data)
    with rasterio.open(path, "r+") as file:
        file.scales = (rng.choice([NAN, 0.0, INF, -1.0, 1e300]),) * file.count
        file.offsets = (rng.choice([NAN, 0.0, INF, 1e300]),) * file.count


def directories(path: Path, rng: random.Random) -> None:
    """Let an overview be the first directory of a TIFF, or the only one, or let directories form a ring."""
    _rewrite(path, lambda profile, data: data)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2])
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    end = first + 2 + 12 * struct.unpack_from("<H", content, first)[0]
    (second,) = struct.unpack_from("<I", content, end)
    if second:
        last = second + 2 + 12 * struct.unpack_from("<H", content, second)[0]
        after_first, after_second = rng.choice([(0, first), (0, 0), (second, first)])
        struct.pack_into("<I", content, 4, second)
        struct.pack_into("<I", content, end, after_first)
        struct.pack_into("<I", content, last, after_second)
    path.write_bytes(content)


def huge(path: Path, rng: random.Random) -> None:
    """Declare a size that no machine holds, of bands with the names of those that are there."""
    side = rng.choice([(2**31 - 1, 2**31 - 1), (2**31 - 1, 10), (10, 2**31 - 1), (3_000_000, 3_000_000)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as file:
            names = file.descriptions
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{band}"><Description>{name or ""}</Description>'
        "</VRTRasterBand>"
        for band, name in enumerate(names, start=1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{side[0]}" rasterYSize="{side[1]}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 10, 0, 5500000, 0, -10</GeoTransform>{bands}</VRTDataset>"
    )


KINDS: Mapping[str, Mutation] = {
    "odd transform": transform,
    "odd CRS": crs,
    "other type": dtype,
    "odd values": values,
    "odd shape": shape,
    "odd nodata": nodata,
    "odd tags": tags,
    "odd scales": scales,
    "huge size": huge,
    "odd directories": directories,
}

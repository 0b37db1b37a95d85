"""A made scene of Sentinel-2 with a lake, a forest and open ground, and labels in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

SIDE = 192
EAST, NORTH, PIXEL = 500_000.0, 4_600_000.0, 10.0
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
REFLECTANCE = {
    "water": (0.06, 0.05, 0.04, 0.02, 0.01, 0.01),
    "forest": (0.03, 0.05, 0.03, 0.35, 0.15, 0.08),
    "open": (0.10, 0.12, 0.15, 0.25, 0.30, 0.25),
}
SENSOR = "sentinel-2-l2a-harmonised"


def cover(names: tuple[str, ...] = ("water", "forest", "open")) -> NDArray[np.object_]:
    """The class of each pixel: a lake in the west, a forest in the east, open ground between."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    lake = (rows - SIDE / 2) ** 2 + (cols - SIDE / 4) ** 2 < (SIDE / 5) ** 2
    return np.where(lake, names[0], np.where(cols > 0.65 * SIDE, names[1], names[2])).astype(object)


def write_scene(
    path: Path,
    *,
    east: float = EAST,
    crs: str | None = "EPSG:32633",
    seed: int = 0,
    bands: tuple[str, ...] = BANDS,
    dtype: str = "uint16",
    nodata_rows: int = 0,
    noise: float = 0.01,
) -> Path:
    """Write reflectance x 10000; the first `nodata_rows` rows are 0, which is nodata."""
    ground, rng = cover(), np.random.default_rng(seed)
    planes = []
    for band in bands:
        values = np.zeros((SIDE, SIDE))
        for name, spectrum in REFLECTANCE.items():
            values[ground == name] = spectrum[BANDS.index(band)]
        planes.append(values + rng.normal(0, noise, values.shape))
    stored = np.clip(np.round(np.stack(planes) * 10_000), 1, 65_000)
    stored[:, :nodata_rows] = 0
    place = {} if crs is None else {"crs": crs, "transform": Affine(PIXEL, 0, east, 0, -PIXEL, NORTH)}
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(bands), dtype=dtype, nodata=0, **place
    ) as file:
        file.write(stored.astype(dtype))
        file.descriptions = bands
    return path


def pixels(number: int = 6, seed: int = 1, edge: int = 3) -> dict[str, list[tuple[int, int]]]:
    """Random pixels of each class, away from the edges of the classes."""
    ground, rng = cover(), np.random.default_rng(seed)
    found = {}
    for name in REFLECTANCE:
        inside = ground == name
        for step in range(1, edge + 1):
            for axis in (0, 1):
                inside &= (np.roll(ground, step, axis) == name) & (np.roll(ground, -step, axis) == name)
        inside[:edge] = inside[-edge:] = inside[:, :edge] = inside[:, -edge:] = False
        rows, cols = np.nonzero(inside)
        taken = rng.choice(len(rows), number, replace=False)
        found[name] = list(zip(rows[taken].tolist(), cols[taken].tolist(), strict=True))
    return found


def feature(geometry: dict[str, Any], **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def position(row: int, col: int, east: float = EAST, crs: str = "EPSG:4326") -> list[float]:
    """Coordinates of the centre of a pixel."""
    x, y = east + PIXEL * (col + 0.5), NORTH - PIXEL * (row + 0.5)
    return list(Transformer.from_crs("EPSG:32633", crs, always_xy=True).transform(x, y))


def points(number: int = 6, east: float = EAST, column: str = "class", **names: Any) -> list[dict[str, Any]]:
    """Points of each class in longitude and latitude; `names` replace the names of classes."""
    return [
        feature(
            {"type": "Point", "coordinates": position(row, col, east)},
            row=row,
            **{column: names.get(name, name)},
        )
        for name, places in pixels(number).items()
        for row, col in places
    ]


def write_labels(path: Path, features: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path

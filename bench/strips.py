"""Map water as a script of about forty lines would: strips, MNDWI, threshold, `shapes`, GeoPackage.

    python bench/strips.py SCENE.tif OUT.gpkg [--green 2] [--swir 5] [--threshold 0] [--least 0]

A peer of `geoseg flood --method mndwi`: it reads two bands of one GeoTIFF in strips of 512 rows, keeps the
mask in memory, and writes class and area. It has no masks of clouds, no shore, no scores, no geodesic areas
and no record.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import rasterio.features
import shapely

ROWS = 512


def main() -> None:
    """Write the polygons of water."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene")
    parser.add_argument("output", type=Path)
    parser.add_argument("--green", type=int, default=2)
    parser.add_argument("--swir", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=0.0)
    parser.add_argument("--least", type=float, default=0.0, help="square metres of the smallest polygon")
    options = parser.parse_args()
    with rasterio.open(options.scene) as scene:
        water = np.zeros(scene.shape, np.uint8)
        for row in range(0, scene.height, ROWS):
            rows = slice(row, min(row + ROWS, scene.height))
            window = rasterio.windows.Window.from_slices(rows, slice(0, scene.width))
            green, swir = scene.read([options.green, options.swir], window=window).astype(np.float32)
            with np.errstate(invalid="ignore", divide="ignore"):
                water[rows] = (green - swir) / (green + swir) > options.threshold
        crs, transform = scene.crs, scene.transform
    found = rasterio.features.shapes(water, mask=water == 1, transform=transform)
    shapes = [shapely.geometry.shape(shape) for shape, _ in found]
    table = geopandas.GeoDataFrame({"class": 1}, geometry=shapes, index=range(len(shapes)), crs=crs)
    table["area_m2"] = table.area
    table[table["area_m2"] >= options.least].to_file(options.output, layer="flood", driver="GPKG")


if __name__ == "__main__":
    main()

"""Multivariate alteration detection of two rasters as a script would do it, the yardstick of `geoseg change`.

    python bench/mad_numpy.py BEFORE.tif AFTER.tif OUT.gpkg [--alpha 0.001]

Reads both rasters whole, fits plain MAD to every pixel with numpy, thresholds chi-square, and writes polygons
with their pixel count to a GeoPackage. geoseg fits to a sample, and leaves changes within a class out:

    geoseg change BEFORE.tif AFTER.tif --method mad --thresholding chi2 --no-coregister --clouds none \
        -o OUT.gpkg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import rasterio.features
import shapely
from scipy.linalg import eigh
from scipy.special import chdtri


def mad(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the sum of squared standardised MAD variates (n,) of two dates (N, n)."""
    count = len(before)
    x = before - before.mean(axis=1, keepdims=True)
    y = after - after.mean(axis=1, keepdims=True)
    size = x.shape[1]
    s11, s22, s12 = x @ x.T / size, y @ y.T / size, x @ y.T / size
    squares, a = eigh(s12 @ np.linalg.solve(s22, s12.T), s11)
    rho = np.sqrt(np.clip(squares, 0, 1))
    b = np.linalg.solve(s22, s12.T @ a) / rho
    variates = a.T @ x - b.T @ y
    return (variates**2 / (2 * (1 - rho)).reshape(count, 1)).sum(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--alpha", type=float, default=0.001)
    options = parser.parse_args()
    dates = []
    for path in (options.before, options.after):
        with rasterio.open(path) as dataset:
            dates.append(dataset.read().reshape(dataset.count, -1).astype(np.float32))
            shape, transform, crs = dataset.shape, dataset.transform, dataset.crs
    z = mad(*dates).reshape(shape)
    changed = (z > chdtri(len(dates[0]), options.alpha)).astype(np.uint8)
    found = rasterio.features.shapes(changed, mask=changed != 0, transform=transform)
    polygons = np.array([shapely.geometry.shape(item) for item, _ in found])
    pixels = np.rint(shapely.area(polygons) / abs(transform.determinant)).astype(np.int64)
    pyogrio.raw.write(
        options.output, shapely.to_wkb(polygons), [pixels], ["pixels"], geometry_type="Polygon", crs=str(crs)
    )


if __name__ == "__main__":
    main()

"""A decimated copy of the scene and its classes, collected while strips pass."""

from __future__ import annotations

import numpy as np
import rasterio
import rasterio.features
from numpy.typing import NDArray

from geoseg.grid import Grid
from geoseg.pixels import Classes, Pixels, nodata_class

LONGEST = 1400
"""Pixels of the longer side of a preview."""


class Preview:
    """Every n-th row and column of the pixels and of the classes."""

    def __init__(
        self,
        grid: Grid,
        bands: tuple[str, ...],
        longest: int = LONGEST,
        dtype: type[np.uint8] | type[np.uint16] = np.uint8,
    ) -> None:
        """Allocate the arrays.

        Args:
            grid: of the scene.
            bands: that will be added.
            longest: pixels of the longer side.
            dtype: of the classes.
        """
        self.wanted = longest > 1
        """Whether its pixels are drawn."""
        self.step = max(1, -(-max(grid.height, grid.width) // longest))
        self.bands = bands
        shape = (-(-grid.height // self.step), -(-grid.width // self.step))
        self.pixels: NDArray[np.float32] = np.full((len(bands), *shape), np.nan, np.float32)
        """Physical values (B, h, w), NaN where nothing was observed."""
        self.classes: Classes = np.full(shape, nodata_class(dtype), dtype)
        """Class values (h, w) before cleaning."""

    def add_pixels(self, pixels: Pixels) -> None:
        """Add every n-th pixel of a window; windows may overlap."""
        window = pixels.window
        step = self.step
        row = -(-max(window.row, 0) // step)
        col = -(-max(window.col, 0) // step)
        rows = range(row * step - window.row, window.height, step)
        cols = range(col * step - window.col, window.width, step)
        height = min(len(rows), self.classes.shape[0] - row)
        width = min(len(cols), self.classes.shape[1] - col)
        if height <= 0 or width <= 0:
            return
        pick = (slice(rows.start, None, step), slice(cols.start, None, step))
        sample = Pixels(
            window=window,
            bands=pixels.bands,
            data=pixels.data[(slice(None), *pick)][:, :height, :width],
            valid=pixels.valid[pick][:height, :width],
            scale=pixels.scale,
            offset=pixels.offset,
        )
        self.pixels[:, row : row + height, col : col + width] = sample.physical()

    def add_classes(self, row: int, classes: Classes) -> None:
        """Add every n-th pixel of a finished strip (H, W) whose first row is `row`."""
        first = -(-row // self.step)
        sample = classes[first * self.step - row :: self.step, :: self.step]
        self.classes[first : first + len(sample)] = sample

    def background(self, prefix: str = "") -> NDArray[np.float32]:
        """Return red, green and blue (3, h, w) in 0..1, stretched from the 2nd to the 98th percentile.

        Natural colour if the bands exist, else false colour, else grey; NaN where nothing was observed.

        Args:
            prefix: of the bands of a date.
        """
        planes = {
            name.removeprefix(prefix): i for i, name in enumerate(self.bands) if name.startswith(prefix)
        }
        order = next(
            (
                trio
                for trio in (
                    ("red", "green", "blue"),
                    ("swir16", "nir08", "green"),
                    ("swir16", "nir", "green"),
                    ("nir", "red", "green"),
                    ("nir", "green", "green"),
                    ("nir08", "green", "green"),
                    ("swir16", "swir16", "green"),
                    ("vv", "vh", "vv"),
                )
                if set(trio) <= planes.keys()
            ),
            (next(iter(planes)),) * 3,
        )
        return np.stack([_stretch(self.pixels[planes[name]]) for name in order])

    def painted(self, prefix: str, palette: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return red, green and blue (3, h, w) of a band that holds positions in a palette (K, 3).

        Args:
            prefix: of the bands of a date.
            palette: colours in 0..1.
        """
        name = next(name for name in self.bands if name.startswith(prefix))
        band = self.pixels[self.bands.index(name)]
        observed = np.isfinite(band)
        drawn = palette[np.where(observed, band, 0).astype(np.intp)]
        drawn[~observed] = np.nan
        return np.ascontiguousarray(drawn.transpose(2, 0, 1))


def _stretch(band: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch one band (h, w) linearly to 0..1."""
    values = band[np.isfinite(band)]
    if values.size == 0:
        return band
    low, high = np.percentile(values, (2, 98))
    return np.asarray(np.clip((band - low) / max(float(high - low), 1e-9), 0, 1), np.float32)


def rasterise(
    geometries: NDArray[np.object_],
    values: NDArray[np.integer],
    *,
    out: Classes,
    scale: float = 1.0,
) -> None:
    """Draw polygons into a raster of labels.

    Args:
        geometries: polygons in pixel coordinates (col, row) of the grid.
        values: class value of each polygon.
        out: labels (h, w), changed in place.
        scale: grid pixels per label.
    """
    if len(geometries):
        shapes = zip(geometries, np.asarray(values).tolist(), strict=True)
        rasterio.features.rasterize(shapes, out=out, transform=rasterio.Affine.scale(scale))

"""The arrays that travel through geoseg, each with its place: pixels in, finished strips out.

Arrays are (bands, rows, cols), batches (N, C, H, W), masks True = valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window

NODATA_CLASS = 255
"""The class of pixels that were not seen: never land, never water."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """A window of named bands as stored, with what turns it into physical values."""

    window: Window
    """Where, on the scene's grid; it may leave the grid."""
    bands: tuple[str, ...]
    """Names, in the order of `data`."""
    data: NDArray[np.generic]
    """Stored values (B, H, W), one dtype; meaningless where not valid, but always finite or NaN."""
    valid: NDArray[np.bool_]
    """(H, W); True = every required band was observed here."""
    scale: tuple[float, ...]
    """Per band: physical value = data * scale + offset."""
    offset: tuple[float, ...]
    """Per band; see `scale`."""

    def physical(self) -> NDArray[np.float32]:
        """Reflectance 0..1, dB or the layer's own unit, float32 (B, H, W), NaN where not valid."""
        out = np.empty(self.data.shape, np.float32)
        for index, (scale, offset) in enumerate(zip(self.scale, self.offset, strict=True)):
            np.multiply(self.data[index], np.float32(scale), out=out[index], casting="unsafe")
            if offset:
                out[index] += np.float32(offset)
        out[:, ~self.valid] = np.nan
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Finished rows of a map: full width, never revised."""

    row: int
    """First row on the scene's grid."""
    classes: NDArray[np.uint8]
    """(H, W) class values; 0 background, `NODATA_CLASS` where nothing was observed."""
    scores: NDArray[np.uint8]
    """(H, W) score of the class given, as 255ths; 0 where nothing was observed."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(H, W); True = observed."""
        return np.not_equal(self.classes, NODATA_CLASS)

    @property
    def stop_row(self) -> int:
        """The row after the last one."""
        return self.row + int(self.classes.shape[0])

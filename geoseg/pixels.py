"""The arrays that travel through geoseg, each with its place: pixels in, finished strips out.

Arrays are (bands, rows, cols), batches (N, C, H, W), masks True = valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window

NODATA_CLASS = 255
"""The class of pixels that were not seen: never land, never water."""

Classes = NDArray[np.unsignedinteger[Any]]
"""Class values: two bytes where a map has more than 255 of them (transitions between many classes). The
greatest value of the dtype is the class of pixels that were not seen."""


def nodata_class(dtype: np.dtype[Any] | type[np.unsignedinteger[Any]]) -> int:
    """Return the class of pixels that were not seen: 255, or 65,535 of two bytes."""
    return int(np.iinfo(dtype).max)


def class_dtype(values: Iterable[int]) -> type[np.uint8] | type[np.uint16]:
    """Return the smallest dtype that holds some class values besides its nodata class."""
    return np.uint8 if max(values, default=0) < NODATA_CLASS else np.uint16


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

    def only(self, bands: Sequence[str]) -> Pixels:
        """Return some of the bands, in the order given; valid as before."""
        order = [self.bands.index(name) for name in bands]
        return replace(
            self,
            bands=tuple(bands),
            data=self.data[order],
            scale=tuple(self.scale[index] for index in order),
            offset=tuple(self.offset[index] for index in order),
        )

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
    classes: Classes
    """(H, W) class values; 0 background, `nodata_class` of the dtype where nothing was observed."""
    scores: NDArray[np.uint8]
    """(H, W) score of the class given, as 255ths; 0 where nothing was observed."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(H, W); True = observed."""
        return np.not_equal(self.classes, nodata_class(self.classes.dtype))

    @property
    def stop_row(self) -> int:
        """The row after the last one."""
        return self.row + int(self.classes.shape[0])

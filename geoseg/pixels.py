"""Arrays with their windows: pixels, the input of a pipeline, and strips, its output.

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
"""The class of pixels that are not valid."""

Classes = NDArray[np.unsignedinteger[Any]]
"""Class values: two bytes where a map has more than 255 classes (transitions between many classes). The
greatest value of the dtype is the class of pixels that are not valid."""


def nodata_class(dtype: np.dtype[Any] | type[np.unsignedinteger[Any]]) -> int:
    """Return the class of pixels that are not valid: 255, or 65,535 of two bytes."""
    return int(np.iinfo(dtype).max)


def class_dtype(values: Iterable[int]) -> type[np.uint8] | type[np.uint16]:
    """Return the smallest dtype for class values and the nodata class."""
    return np.uint8 if max(values, default=0) < NODATA_CLASS else np.uint16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Stored values of a window of named bands, with the scale and offset to physical values."""

    window: Window
    """The window on the scene's grid; it may leave the grid."""
    bands: tuple[str, ...]
    """Names, in the order of `data`."""
    data: NDArray[np.generic]
    """Stored values (B, H, W) of one dtype; undefined where not valid, but never infinite."""
    valid: NDArray[np.bool_]
    """(H, W); True = every required band was observed and is not masked."""
    scale: tuple[float, ...]
    """By band: physical value = data * scale + offset."""
    offset: tuple[float, ...]
    """By band; see `scale`."""

    def select(self, bands: Sequence[str]) -> Pixels:
        """Return some of the bands, in the order of `bands`; `valid` is unchanged."""
        order = [self.bands.index(name) for name in bands]
        return replace(
            self,
            bands=tuple(bands),
            data=self.data[order],
            scale=tuple(self.scale[index] for index in order),
            offset=tuple(self.offset[index] for index in order),
        )

    def physical(self) -> NDArray[np.float32]:
        """Return physical values, float32 (B, H, W): reflectance 0..1, dB and so on; NaN where not valid."""
        out = np.empty(self.data.shape, np.float32)
        for index, (scale, offset) in enumerate(zip(self.scale, self.offset, strict=True)):
            np.multiply(self.data[index], np.float32(scale), out=out[index], casting="unsafe")
            if offset:
                out[index] += np.float32(offset)
        if not self.valid.all():
            np.copyto(out, np.nan, where=~self.valid)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Finished rows of a map in full width."""

    row: int
    """First row on the scene's grid."""
    classes: Classes
    """(H, W) class values; 0 background, `nodata_class` of the dtype where not valid."""
    scores: NDArray[np.uint8]
    """(H, W) score of the class in 255ths; 0 where not valid."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(H, W); True = valid."""
        return np.not_equal(self.classes, nodata_class(self.classes.dtype))

    @property
    def stop_row(self) -> int:
        """The row after the last one."""
        return self.row + int(self.classes.shape[0])

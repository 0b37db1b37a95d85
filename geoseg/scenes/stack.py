"""Several sources on one grid: a scene, earlier scenes, heights, masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import BandError
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.scenes.bands import missing


class Movable(Protocol):
    """A source that can be looked at on another grid: a scene, a raster or a vector layer."""

    def onto(self, grid: Grid) -> Source:
        """Return a view on another grid.

        Raises:
            SceneError: it cannot be aligned.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class Moved:
    """A source that lies off the others by some pixels of whatever grid it is put on."""

    source: Movable
    rows: float
    """Pixels downwards at which it shows what belongs here."""
    cols: float
    """Pixels to the right."""

    def onto(self, grid: Grid) -> Source:
        """Return a view that undoes the shift.

        Raises:
            SceneError: it cannot be aligned.
        """
        return self.source.onto(grid.moved(self.rows, self.cols))


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """What lies beside the primary source of a stack."""

    source: Movable
    prefix: str = ""
    """Its bands are called `prefix:name`; empty: by their own names."""
    required: bool = True
    """Whether pixels that it did not observe are not valid in the stack; else they are NaN in its data."""

    def name(self, band: str) -> str:
        """Return what one of its bands is called in a stack."""
        return f"{self.prefix}:{band}" if self.prefix else band


class Renamed:
    """A source some of whose bands are called by other names."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        """Take new names with the source's own."""
        self._source, self._names = source, dict(names)

    @property
    def name(self) -> str:
        """That of the source."""
        return self._source.name

    @property
    def grid(self) -> Grid:
        """That of the source."""
        return self._source.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """The new names."""
        return tuple(self._names)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; see the source.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """
        pixels = self._source.read(window, [self._names[name] for name in bands])
        return replace(pixels, bands=tuple(bands))

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep."""
        return self._source.cache_bytes([self._names[name] for name in bands])

    def describe(self) -> dict[str, JsonValue]:
        """Return the source's description."""
        return self._source.describe()


class Stack:
    """A source on the grid of its primary source, with the bands of layers brought there by geotransform."""

    def __init__(self, primary: Source, layers: Sequence[Layer]) -> None:
        """Align layers with the primary source.

        Raises:
            SceneError: a layer cannot be aligned: its CRS is missing, or the sizes differ without one.
            BandError: two layers give one name.
        """
        self.primary = primary
        self._parts: list[tuple[Source, dict[str, str], bool]] = [
            (primary, {name: name for name in primary.band_names}, True)
        ]
        for layer in layers:
            source = layer.source.onto(primary.grid)
            names = {layer.name(band): band for band in source.band_names}
            doubled = names.keys() & set(self.band_names)
            if doubled:
                raise BandError(f"two layers of the stack are called {', '.join(sorted(doubled))}")
            self._parts.append((source, names, layer.required))

    @property
    def name(self) -> str:
        """That of the primary source."""
        return self.primary.name

    @property
    def grid(self) -> Grid:
        """That of the primary source."""
        return self.primary.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """Bands of the primary source, then those of the layers."""
        return tuple(name for _, names, _ in self._parts for name in names)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window of all layers that the bands need; a band may be asked for twice.

        Stored values are kept where all bands have one dtype and none is of an optional layer; else values
        are physical, float32. Of optional layers, pixels that were not observed are NaN.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """
        parts = self._wanted(bands)
        read = [
            (source.read(window, list(own.values())), list(own), required) for source, own, required in parts
        ]
        dtypes = {pixels.data.dtype for pixels, _, _ in read}
        keep = len(dtypes) == 1 and all(required for _, _, required in read)
        shape = (len(bands), window.height, window.width)
        data: NDArray[Any] = np.empty(shape, dtypes.pop() if keep else np.float32)
        inside = window.intersect(self.grid.window).slices(window)
        valid = np.zeros(shape[1:], np.bool_)
        valid[inside] = True
        scale, offset = [1.0] * len(bands), [0.0] * len(bands)
        for pixels, names, required in read:
            if required:
                valid &= pixels.valid
            values = pixels.data if keep else pixels.physical()
            for target, name in enumerate(bands):
                if name not in names:
                    continue
                position = names.index(name)
                data[target] = values[position]
                if keep:
                    scale[target], offset[target] = pixels.scale[position], pixels.offset[position]
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=valid,
            scale=tuple(scale),
            offset=tuple(offset),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep, of all layers together."""
        return sum(source.cache_bytes(list(own.values())) for source, own, _ in self._wanted(bands))

    def describe(self) -> dict[str, JsonValue]:
        """Return the primary source's description with those of the layers."""
        layers: list[JsonValue] = [source.describe() for source, _, _ in self._parts[1:]]
        return {**self.primary.describe(), "layers": layers}

    def _wanted(self, bands: Sequence[str]) -> list[tuple[Source, dict[str, str], bool]]:
        """Return the parts that hold some of the bands, with these bands by their name in the stack."""
        absent = [name for name in bands if name not in self.band_names]
        if absent:
            raise missing(absent, self.band_names)
        wanted = []
        for source, names, required in self._parts:
            own = {name: names[name] for name in bands if name in names}
            if own:
                wanted.append((source, own, required))
        return wanted

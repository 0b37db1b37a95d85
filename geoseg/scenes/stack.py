"""Several sources on one grid: a scene, earlier scenes, elevation, masks."""

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
from geoseg.scenes.bands import missing
from geoseg.scenes.source import Source, SourceView


class Resampleable(Protocol):
    """A scene, raster layer or vector layer: it has a view on any grid."""

    def onto(self, grid: Grid) -> Source:
        """Return a view on another grid.

        Raises:
            SceneError: the grids cannot be aligned.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class StackLayer:
    """A layer of a stack besides its primary source."""

    source: Resampleable
    prefix: str = ""
    """The stack names the bands `prefix:name`; empty: by their own names."""
    required: bool = True
    """Whether pixels that are not valid in the layer are not valid in the stack; else they are NaN."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Rows and columns, in pixels of the stack, by which the layer lies off the primary source."""


class Renamed(SourceView):
    """A source whose bands have other names."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        """Take new names, each with the name in `source`."""
        super().__init__(source)
        self._names = dict(names)
        self.band_names = tuple(names)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; see `Source.read`."""
        pixels = self.source.read(window, [self._names[name] for name in bands])
        return replace(pixels, bands=tuple(bands))

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Return the size of the block cache; see `Source.cache_bytes`."""
        return self.source.cache_bytes([self._names[name] for name in bands])


class Stack:
    """A primary source and layers that are resampled to its grid."""

    def __init__(self, primary: Source, layers: Sequence[StackLayer]) -> None:
        """Align layers with the primary source.

        Raises:
            SceneError: a layer cannot be aligned: its CRS is missing, or the sizes differ without one.
            BandError: two layers have bands of one name.
        """
        self.name, self.grid = primary.name, primary.grid
        self.primary = primary
        self.band_names = primary.band_names
        self._parts: list[tuple[Source, dict[str, str], bool]] = [
            (primary, {name: name for name in primary.band_names}, True)
        ]
        for layer in layers:
            grid = self.grid.moved(*layer.shift) if any(layer.shift) else self.grid
            source = layer.source.onto(grid)
            prefix = f"{layer.prefix}:" if layer.prefix else ""
            names = {prefix + band: band for band in source.band_names}
            doubled = names.keys() & set(self.band_names)
            if doubled:
                raise BandError(
                    f"two layers of the stack have a band {', '.join(sorted(doubled))}; rename one of them"
                )
            self._parts.append((source, names, layer.required))
            self.band_names += tuple(names)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window of all layers that have some of the bands; a band may be named twice.

        Values are stored values where all bands have one dtype and all layers are required; else they are
        physical values in float32. Pixels that are not valid in an optional layer are NaN.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """
        read = [
            (source.read(window, list(names.values())), list(names), required)
            for source, names, required in self._select(bands)
        ]
        dtypes = {pixels.data.dtype for pixels, _, _ in read}
        stored = len(dtypes) == 1 and all(required for _, _, required in read)
        shape = (len(bands), window.height, window.width)
        data: NDArray[Any] = np.empty(shape, dtypes.pop() if stored else np.float32)
        inside = window.intersect(self.grid.window).slices(window)
        valid = np.zeros(shape[1:], np.bool_)
        valid[inside] = True
        scale, offset = [1.0] * len(bands), [0.0] * len(bands)
        for pixels, names, required in read:
            if required:
                valid &= pixels.valid
            values = pixels.data if stored else pixels.physical()
            for target, name in enumerate(bands):
                if name not in names:
                    continue
                position = names.index(name)
                data[target] = values[position]
                if stored:
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
        """Return the size of the block cache of all layers; see `Source.cache_bytes`."""
        return sum(source.cache_bytes(list(names.values())) for source, names, _ in self._select(bands))

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the primary source, with those of the layers."""
        layers: list[JsonValue] = [source.describe() for source, _, _ in self._parts[1:]]
        return {**self.primary.describe(), "layers": layers}

    def _select(self, bands: Sequence[str]) -> list[tuple[Source, dict[str, str], bool]]:
        """Return the sources that have some of the bands, with the bands' names in stack and source."""
        absent = [name for name in bands if name not in self.band_names]
        if absent:
            raise missing(absent, self.band_names)
        parts = (
            (source, {name: names[name] for name in bands if name in names}, required)
            for source, names, required in self._parts
        )
        return [part for part in parts if part[1]]

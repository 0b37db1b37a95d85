"""What hides the ground of a scene, pixel by pixel: quality layers of its product, masks of the user.

Conditions travel as bits of one byte: bit n is set where `CONDITIONS[n]` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS
from scipy.ndimage import maximum_filter

from geoseg.grid import READ_ROWS, Grid, Window, sample_windows
from geoseg.scenes.bands import TWINS
from geoseg.scenes.polygon_files import PolygonMask, to_crs
from geoseg.scenes.raster import Raster, place_on
from geoseg.scenes.resampling import Placement, nearest, taps, window_of
from geoseg.spec import NOT_MAPPED, Condition, QualityFlag, QualitySpec

CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SAMPLE_SIZE, SAMPLES = 512, 24
"""Blocks of 512² pixels by which the shares of conditions are told."""

Bits = NDArray[np.uint8]


def bits_of(conditions: Iterable[Condition]) -> int:
    """Return conditions as bits of a byte."""
    return sum(1 << CONDITIONS.index(item) for item in set(conditions))


class Placed(Protocol):
    """A quality layer on a grid."""

    def read(self, window: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions (H, W) of a window of the grid, for some bands of the scene."""

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels (H, W) of a window the layer tells of."""

    def cache_bytes(self) -> int:
        """Bytes of decoded blocks to keep so that strips read in order decode each once."""


class Layer(Protocol):
    """A quality layer."""

    @property
    def title(self) -> str:
        """What messages call it."""

    @property
    def says(self) -> frozenset[Condition]:
        """Conditions that it can tell."""

    def on(self, grid: Grid) -> Placed:
        """Return the layer on a grid.

        Raises:
            SceneError: the grids cannot be aligned.
        """

    def describe(self) -> dict[str, JsonValue]:
        """Return what a run record says of it."""

    def close(self) -> None:
        """Close its file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterLayer:
    """Codes or bits in one or more bands of a raster."""

    raster: Raster
    spec: QualitySpec
    indexes: Mapping[int, tuple[QualityFlag, ...]]
    """Flags by the 1-based band that they are read from."""
    names: Mapping[str, str]
    """Common names of the scene's bands by the sensor's own (`B3`), in lower case."""

    @property
    def title(self) -> str:
        """As its product calls it."""
        return self.spec.title

    @property
    def says(self) -> frozenset[Condition]:
        """Conditions of its flags."""
        return frozenset(flag.means for flag in self.spec.flags)

    def on(self, grid: Grid) -> PlacedRaster:
        """Return the layer on a grid.

        Raises:
            SceneError: the grids cannot be aligned.
        """
        return PlacedRaster(layer=self, placement=place_on(grid, self.raster))

    def table(self, index: int, bands: Sequence[str]) -> Callable[[NDArray[Any]], Bits]:
        """Return what turns the values of a band into conditions, for some bands of the scene."""
        flags = tuple(
            flag
            for flag in self.indexes[index]
            if flag.of is None
            or {name := self.names.get(flag.of.lower(), flag.of), TWINS.get(name)} & {*bands}
        )
        return decoder(flags, self.raster.dtypes[index - 1].str)

    def describe(self) -> dict[str, JsonValue]:
        """Return kind and path."""
        return {"kind": self.spec.name, "title": self.title, "path": self.raster.path}

    def close(self) -> None:
        """Close the file."""
        self.raster.close()


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedRaster:
    """A raster of codes on a grid: each pixel takes the codes of the native pixels under it."""

    layer: RasterLayer
    placement: Placement

    def read(self, window: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions (H, W) of a window; none outside of the layer.

        Where the layer is finer than the grid, what holds in any of its pixels under a pixel holds there.

        Raises:
            SceneReadError: the file is damaged.
        """
        return self.read_inside(window, bands)[0]

    def read_inside(self, window: Window, bands: Sequence[str]) -> tuple[Bits, NDArray[np.bool_]]:
        """Return the conditions of a window and where the layer lies, both (H, W).

        Raises:
            SceneReadError: the file is damaged.
        """
        raster, size = self.layer.raster, self.placement.reduction
        out = np.zeros((window.height, window.width), np.uint8)
        covered = np.zeros(out.shape, np.bool_)
        shift = self.placement.shift
        if shift is not None:
            native = replace(window, row=window.row + shift[0], col=window.col + shift[1])
            part = native.intersect(raster.grid.window)
            if not part.empty:
                out[part.slices(native)] = self._bits(part, bands)
                covered[part.slices(native)] = True
            return out, covered
        at_rows, at_cols = self.placement.positions(window)
        rows, cols = taps(at_rows, raster.grid.height, size), taps(at_cols, raster.grid.width, size)
        needed = window_of(rows, cols)
        if needed is None:
            return out, covered
        source = Window(
            row=needed.row * size,
            col=needed.col * size,
            height=needed.height * size,
            width=needed.width * size,
        ).intersect(raster.grid.window)
        bits = _any_of_blocks(self._bits(source, bands), size)
        values, inside = nearest(
            bits[None], None, rows.within(needed.row, len(bits)), cols.within(needed.col, bits.shape[1])
        )
        return np.where(inside[0], values[0], np.uint8(0)), np.broadcast_to(inside[0], out.shape)

    def _bits(self, source: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions of a native window."""
        indexes = list(self.layer.indexes)
        data = self.layer.raster.read(source, indexes)
        found = [self.layer.table(index, bands)(values) for index, values in zip(indexes, data, strict=True)]
        return np.asarray(np.bitwise_or.reduce(found))

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels (H, W) of a window lie on the raster; nothing is read."""
        native, size = self.layer.raster.grid, self.placement.reduction
        at_rows, at_cols = self.placement.positions(window)
        inside = taps(at_rows, native.height, size).inside & taps(at_cols, native.width, size).inside
        return np.broadcast_to(inside, (window.height, window.width))

    def cache_bytes(self) -> int:
        """Bytes of decoded blocks to keep, as of a scene's own bands."""
        rows = abs(self.placement.forward.e) if self.placement.separable else float(self.placement.reduction)
        strip = int(np.ceil(READ_ROWS * max(rows, 1e-3))) + 2
        return self.layer.raster.cache_bytes(list(self.layer.indexes), 0.5, strip)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedTiles:
    """Rasters of codes of one kind that tile an area: where they overlap, the first with data counts.

    The bands' tiles are joined in the same order, so a pixel and what is told of it come from one tile.
    """

    tiles: tuple[PlacedRaster, ...]

    def read(self, window: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions (H, W) of a window; none outside of all tiles.

        Raises:
            SceneReadError: a file is damaged.
        """
        out = np.zeros((window.height, window.width), np.uint8)
        wanted = np.ones(out.shape, np.bool_)
        for tile in self.tiles:
            if not wanted.any():
                break
            bits, covered = tile.read_inside(window, bands)
            np.copyto(out, bits, where=wanted & covered)
            wanted &= ~covered | _any(bits, ["fill"])
        return out

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels (H, W) of a window lie on a tile."""
        return np.asarray(np.logical_or.reduce([tile.covered(window) for tile in self.tiles]))

    def cache_bytes(self) -> int:
        """Bytes of decoded blocks to keep."""
        return sum(tile.cache_bytes() for tile in self.tiles)


def _any_of_blocks(bits: Bits, size: int) -> Bits:
    """Join the conditions of blocks of `size` x `size` pixels; a last block may be cut short."""
    if size == 1:
        return bits
    rows = np.bitwise_or.reduceat(bits, np.arange(0, bits.shape[0], size), axis=0)
    return np.asarray(np.bitwise_or.reduceat(rows, np.arange(0, bits.shape[1], size), axis=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class PolygonLayer:
    """Polygons inside of which one condition holds."""

    title: str
    path: str
    shapes: NDArray[np.object_]
    crs: CRS | None
    means: Condition

    @property
    def says(self) -> frozenset[Condition]:
        """The one condition."""
        return frozenset({self.means})

    def on(self, grid: Grid) -> PlacedPolygons:
        """Return the layer on a grid.

        Raises:
            SceneError: one of both has no CRS.
        """
        shapes = to_crs(self.shapes, self.crs, grid.crs, self.path) if len(self.shapes) else self.shapes
        return PlacedPolygons(mask=PolygonMask(shapes, grid), bit=bits_of([self.means]))

    def describe(self) -> dict[str, JsonValue]:
        """Return title and path."""
        return {"kind": "polygons", "title": self.title, "path": self.path}

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedPolygons:
    """Polygons on a grid."""

    mask: PolygonMask
    bit: int

    def read(self, window: Window, bands: Sequence[str]) -> Bits:  # noqa: ARG002 - a Placed's signature
        """Return the conditions (H, W) of a window."""
        return self.mask.read(window).astype(np.uint8) * np.uint8(self.bit)

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Polygons tell of every pixel."""
        return np.ones((window.height, window.width), np.bool_)

    def cache_bytes(self) -> int:
        """No blocks are decoded: 0."""
        return 0


@cache
def decoder(flags: tuple[QualityFlag, ...], dtype: str) -> Callable[[NDArray[Any]], Bits]:
    """Return a function from values (H, W) of a dtype to conditions (H, W).

    Integers of one or two bytes are looked up in a table; others are compared flag by flag.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iub" or kind.itemsize > 2:
        return lambda values: _compare(flags, values)
    unsigned = np.dtype(f"u{kind.itemsize}")
    domain = np.arange(2 ** (8 * kind.itemsize), dtype=unsigned)
    table = _compare(flags, domain if kind.kind == "b" else domain.view(kind.newbyteorder("=")))
    return lambda values: table[np.ascontiguousarray(values).astype(kind.newbyteorder("=")).view(unsigned)]


def _compare(flags: Sequence[QualityFlag], values: NDArray[Any]) -> Bits:
    """Return the conditions of values; floats are taken as whole numbers, NaN as no code."""
    if values.dtype.kind == "f":
        # Codes that went through floats, as exports of stacks do; NaN becomes a number that no code is.
        values = np.where(np.isfinite(values), values, -1e9)
    whole = values.astype(np.int64)
    out = np.zeros(whole.shape, np.uint8)
    for flag in flags:
        out[_holds(flag, whole)] |= np.uint8(bits_of([flag.means]))
    return out


def _holds(flag: QualityFlag, values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a flag's condition holds; negative numbers have no bits."""
    if flag.at_least is not None:
        found = values >= flag.at_least
    elif flag.bits:
        found = (values & sum(1 << bit for bit in flag.bits) != 0) & (values >= 0)
    elif flag.first_bit is not None:
        field = (values >> flag.first_bit) & ((1 << flag.width) - 1)
        found = np.isin(field, flag.codes) & (values >= 0)
    else:
        found = np.isin(values, flag.codes)
    return np.asarray(found & ~np.isin(values, flag.unless) if flag.unless else found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """All that hides the ground of a scene."""

    layers: tuple[Layer, ...] = ()
    dilate: int = 0
    """Pixels of the scene by which what is not mapped grows on every side."""

    @property
    def says(self) -> frozenset[Condition]:
        """Conditions that its layers can tell."""
        return frozenset().union(*(layer.says for layer in self.layers))

    def on(self, grid: Grid) -> PlacedQuality:
        """Return the layers on a grid.

        Raises:
            SceneError: a layer cannot be aligned.
        """
        tiles: dict[tuple[str, ...], list[PlacedRaster]] = {}
        single: list[Placed] = []
        for layer in self.layers:
            placed = layer.on(grid)
            if isinstance(placed, PlacedRaster):
                # Bands of one file that are of one kind are no tiles of one another.
                key = (placed.layer.spec.name, *map(str, placed.layer.indexes))
                tiles.setdefault(key, []).append(placed)
            else:
                single.append(placed)
        joined = [
            group[0] if len(group) == 1 else PlacedTiles(tiles=tuple(group)) for group in tiles.values()
        ]
        return PlacedQuality(grid=grid, layers=(*joined, *single), dilate=self.dilate)

    def describe(self) -> list[JsonValue]:
        """Return what a run record says of the layers."""
        return [layer.describe() for layer in self.layers]

    def close(self) -> None:
        """Close the files."""
        for layer in self.layers:
            layer.close()


def _any(bits: Bits, conditions: Iterable[Condition]) -> NDArray[np.bool_]:
    """Return where one of some conditions holds."""
    return np.asarray(bits & np.uint8(bits_of(conditions)) != 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedQuality:
    """All that hides the ground, on a scene's grid."""

    grid: Grid
    layers: tuple[Placed, ...]
    dilate: int

    def conditions(self, window: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions (H, W) of a window inside the grid, not dilated."""
        out = np.zeros((window.height, window.width), np.uint8)
        for layer in self.layers:
            out |= layer.read(window, bands)
        return out

    def hidden(self, window: Window, bands: Sequence[str]) -> NDArray[np.bool_]:
        """Return where (H, W) a window inside the grid is not mapped."""
        if not self.dilate:
            return _any(self.conditions(window, bands), NOT_MAPPED)
        around = window.pad(self.dilate).intersect(self.grid.window)
        found = self.conditions(around, bands)
        # Pixels without data do not grow: the edge of a scene is no cloud.
        grown = _any(found, set(NOT_MAPPED) - {"fill"}).astype(np.uint8)
        if grown.any():
            maximum_filter(grown, size=2 * self.dilate + 1, output=grown, mode="constant")
        return (grown.astype(np.bool_) | _any(found, ["fill"]))[window.slices(around)]

    def shares(self, bands: Sequence[str]) -> tuple[dict[Condition, float], bool]:
        """Return the share (0..1) of pixels of each condition that occurs, and whether all were looked at.

        Pixels without data count for nothing else. Large scenes are sampled.
        """
        windows = list(sample_windows(self.grid, size=SAMPLE_SIZE, most=SAMPLES))
        counts = np.zeros(256, np.int64)
        for window in windows:
            counts += np.bincount(self.conditions(window, bands).ravel(), minlength=256)
        total = int(counts.sum())
        fill = bits_of(["fill"])
        found = {}
        for bit, name in enumerate(CONDITIONS):
            own = [value for value in range(256) if value >> bit & 1 and (name == "fill" or not value & fill)]
            share = float(counts[own].sum()) / max(total, 1)
            if share > 0:
                found[name] = share
        return found, total == self.grid.height * self.grid.width

    def covered_share(self) -> float:
        """Return the share (0..1) of the grid that the layer which tells least of it covers, by a sample."""
        windows = sample_windows(self.grid, size=SAMPLE_SIZE, most=SAMPLES)
        total = sum(window.height * window.width for window in windows)
        return min(
            sum(int(np.count_nonzero(layer.covered(window))) for window in windows) / max(total, 1)
            for layer in self.layers
        )

    def cache_bytes(self) -> int:
        """Bytes of decoded blocks to keep."""
        return sum(layer.cache_bytes() for layer in self.layers)

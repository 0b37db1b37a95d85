"""Quality layers of a product and masks of the user, which flag cloud, snow, saturation and the like.

Conditions of a pixel are bits of one byte: bit n is set where `CONDITIONS[n]` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.grid import READ_ROWS, Grid, Window, sample_windows
from geoseg.methods.dilation import dilate_square
from geoseg.scenes.bands import TWINS
from geoseg.scenes.raster import Raster, place_on
from geoseg.scenes.resampling import Placement, nearest, taps, window_of
from geoseg.spec import NOT_MAPPED, Condition, QualityFlag, QualitySpec

if TYPE_CHECKING:
    from geoseg.scenes.polygon_files import PolygonMask

CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SAMPLE_SIZE, SAMPLES = 512, 24
"""Side in pixels and number of the blocks from which the shares of conditions are estimated."""

Bits = NDArray[np.uint8]


def bits_of(conditions: Iterable[Condition]) -> int:
    """Return conditions as bits of a byte."""
    return sum(1 << CONDITIONS.index(item) for item in set(conditions))


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterLayer:
    """A quality layer that is stored as codes or bits in one or more bands of a raster."""

    raster: Raster
    spec: QualitySpec
    indexes: Mapping[int, tuple[QualityFlag, ...]]
    """Flags by the 1-based band that they are read from."""
    names: Mapping[str, str]
    """Common names of the scene's bands by the sensor's names (`B3`), in lower case."""
    placement: Placement | None = None
    """How the scene's grid lies on the raster; None: not placed yet, see `on`."""

    @property
    def title(self) -> str:
        """Title of the layer in messages."""
        return self.spec.title

    @property
    def conditions(self) -> frozenset[Condition]:
        """Conditions that the layer flags."""
        return frozenset(flag.means for flag in self.spec.flags)

    def on(self, grid: Grid) -> RasterLayer:
        """Return the layer placed on a grid.

        Raises:
            SceneError: the grids cannot be aligned.
        """
        return replace(self, placement=place_on(grid, self.raster))

    def read(self, window: Window, bands: Sequence[str]) -> tuple[Bits, NDArray[np.bool_]]:
        """Return the conditions of a window for some bands, and where the layer lies, both (H, W).

        There are no conditions outside the layer. Where the layer is finer than the grid, a pixel has the
        conditions of all native pixels under it; else those of the nearest native pixel.

        Raises:
            SceneReadError: the file is damaged.
        """
        placement = self._placed()
        raster, size, shift = self.raster, placement.reduction, placement.shift
        out = np.zeros((window.height, window.width), np.uint8)
        covered = np.zeros(out.shape, np.bool_)
        if shift is not None:
            native = replace(window, row=window.row + shift[0], col=window.col + shift[1])
            part = native.intersect(raster.grid.window)
            if not part.empty:
                out[part.slices(native)] = self._bits(part, bands)
                covered[part.slices(native)] = True
            return out, covered
        at_rows, at_cols = placement.positions(window)
        rows, cols = taps(at_rows, raster.grid.height, size), taps(at_cols, raster.grid.width, size)
        needed = window_of(rows, cols)
        if needed is None:
            return out, covered
        bits = self._bits(needed.scaled(size).intersect(raster.grid.window), bands)
        if size > 1:
            # Join the conditions of blocks of native pixels; a last block may be cut short.
            bits = np.bitwise_or.reduceat(bits, np.arange(0, bits.shape[0], size), axis=0)
            bits = np.bitwise_or.reduceat(bits, np.arange(0, bits.shape[1], size), axis=1)
        values, inside = nearest(
            bits[None], None, rows.within(needed.row, len(bits)), cols.within(needed.col, bits.shape[1])
        )
        return np.where(inside[0], values[0], np.uint8(0)), np.broadcast_to(inside[0], out.shape)

    def _bits(self, native: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions of a native window; flags of single bands count for these bands only."""
        out = np.zeros((native.height, native.width), np.uint8)
        for index, values in zip(self.indexes, self.raster.read(native, list(self.indexes)), strict=True):
            flags = tuple(
                flag
                for flag in self.indexes[index]
                if flag.of is None
                or {name := self.names.get(flag.of.lower(), flag.of), TWINS.get(name)} & {*bands}
            )
            out |= decoder(flags, self.raster.dtypes[index - 1].str)(values)
        return out

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels (H, W) of a window lie on the raster; nothing is read."""
        placement = self._placed()
        native, size = self.raster.grid, placement.reduction
        at_rows, at_cols = placement.positions(window)
        inside = taps(at_rows, native.height, size).inside & taps(at_cols, native.width, size).inside
        return np.broadcast_to(inside, (window.height, window.width))

    def cache_bytes(self) -> int:
        """Return the size of the block cache that lets strips in order decode each block once."""
        placement = self._placed()
        rows = abs(placement.forward.e) if placement.separable else float(placement.reduction)
        strip = int(np.ceil(READ_ROWS * max(rows, 1e-3))) + 2
        return self.raster.cache_bytes(list(self.indexes), 0.5, strip)

    def _placed(self) -> Placement:
        if self.placement is None:
            raise SceneError(f"{self.title}: the quality layer is not placed on a grid")
        return self.placement

    def describe(self) -> dict[str, JsonValue]:
        """Return kind, title and path for the run record."""
        return {"kind": self.spec.name, "title": self.title, "path": self.raster.path}

    def close(self) -> None:
        """Close the file."""
        self.raster.close()


@dataclass(frozen=True, kw_only=True, eq=False)
class PolygonLayer:
    """A quality layer of polygons inside which one condition holds."""

    title: str
    path: str
    shapes: NDArray[np.object_]
    crs: CRS | None
    means: Condition
    mask: PolygonMask | None = None
    """The polygons on the scene's grid; None: not placed yet, see `on`."""

    @property
    def conditions(self) -> frozenset[Condition]:
        """The one condition."""
        return frozenset({self.means})

    def on(self, grid: Grid) -> PolygonLayer:
        """Return the layer placed on a grid.

        Raises:
            SceneError: one of layer and grid has no CRS.
        """
        from geoseg.scenes.polygon_files import PolygonMask, to_crs  # noqa: PLC0415 - polygons only

        shapes = to_crs(self.shapes, self.crs, grid.crs, self.path) if len(self.shapes) else self.shapes
        return replace(self, mask=PolygonMask(shapes, grid))

    def read(self, window: Window, bands: Sequence[str]) -> tuple[Bits, NDArray[np.bool_]]:  # noqa: ARG002
        """Return the conditions of a window and the extent of the layer, which is everywhere, both (H, W).

        Raises:
            SceneError: the layer is not placed on a grid.
        """
        if self.mask is None:
            raise SceneError(f"{self.title}: the quality layer is not placed on a grid")
        bits = self.mask.read(window).astype(np.uint8) * np.uint8(bits_of([self.means]))
        return bits, self.covered(window)

    def covered(self, window: Window) -> NDArray[np.bool_]:
        """Return True for every pixel: outside the polygons the condition does not hold."""
        return np.ones((window.height, window.width), np.bool_)

    def cache_bytes(self) -> int:
        """Return 0: no blocks are decoded."""
        return 0

    def describe(self) -> dict[str, JsonValue]:
        """Return title and path for the run record."""
        return {"kind": "polygons", "title": self.title, "path": self.path}

    def close(self) -> None:
        """Do nothing: no file is open."""


QualityLayer = RasterLayer | PolygonLayer


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
    """Return the conditions of values; floats are converted to integers; negative values have no bits."""
    if values.dtype.kind == "f":
        # Exports of stacks store codes as floats; NaN becomes a number that is not a code.
        values = np.where(np.isfinite(values), values, -1e9)
    codes = values.astype(np.int64)
    out = np.zeros(codes.shape, np.uint8)
    for flag in flags:
        if flag.at_least is not None:
            holds = codes >= flag.at_least
        elif flag.bits:
            holds = (codes & sum(1 << bit for bit in flag.bits) != 0) & (codes >= 0)
        elif flag.first_bit is not None:
            field = (codes >> flag.first_bit) & ((1 << flag.width) - 1)
            holds = np.isin(field, flag.codes) & (codes >= 0)
        else:
            holds = np.isin(codes, flag.codes)
        if flag.unless:
            holds &= ~np.isin(codes, flag.unless)
        out[holds] |= np.uint8(bits_of([flag.means]))
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """All quality layers of a scene, on its grid once `on` has placed them."""

    layers: tuple[QualityLayer, ...] = ()
    dilate: int = 0
    """Pixels of the scene by which masked areas are dilated."""
    grid: Grid | None = None
    """The grid that the layers are placed on; None: not placed yet."""

    @property
    def conditions(self) -> frozenset[Condition]:
        """Conditions that the layers flag."""
        return frozenset().union(*(layer.conditions for layer in self.layers))

    def on(self, grid: Grid) -> Quality:
        """Return the layers placed on a grid.

        Raises:
            SceneError: a layer cannot be aligned.
        """
        return replace(self, layers=tuple(layer.on(grid) for layer in self.layers), grid=grid)

    def _tiles(self) -> Iterable[list[QualityLayer]]:
        """Return the layers in groups: rasters of one kind and the same bands tile an area."""
        groups: dict[object, list[QualityLayer]] = {}
        for layer in self.layers:
            # Bands of one file that are of one kind are not tiles of one another.
            key = (layer.spec.name, *layer.indexes) if isinstance(layer, RasterLayer) else layer
            groups.setdefault(key, []).append(layer)
        return groups.values()

    def read(self, window: Window, bands: Sequence[str]) -> Bits:
        """Return the conditions (H, W) of a window inside the grid, not dilated.

        Where tiles overlap, the first one with data counts: the tiles of the scene's bands are merged in the
        same order, so that a pixel and its conditions come from one tile.

        Raises:
            SceneReadError: a file is damaged.
        """
        out = np.zeros((window.height, window.width), np.uint8)
        fill = np.uint8(bits_of(["fill"]))
        for group in self._tiles():
            merged, covered = group[0].read(window, bands)
            for layer in group[1:]:
                missing = ~covered | (merged & fill != 0)
                if not missing.any():
                    break
                bits, extent = layer.read(window, bands)
                np.copyto(merged, bits, where=missing & extent)
                covered = covered | extent
            out |= merged
        return out

    def masked(self, window: Window, bands: Sequence[str]) -> NDArray[np.bool_]:
        """Return which pixels (H, W) of a window inside the grid are not mapped, dilated.

        Raises:
            SceneReadError: a file is damaged.
        """
        if not self.dilate or self.grid is None:
            return np.asarray(self.read(window, bands) & np.uint8(bits_of(NOT_MAPPED)) != 0)
        padded = window.pad(self.dilate).intersect(self.grid.window)
        bits = self.read(padded, bands)
        # Pixels without data are not dilated: the edge of a scene is not a cloud.
        grown = bits & np.uint8(bits_of(set(NOT_MAPPED) - {"fill"})) != 0
        if grown.any():
            grown = dilate_square(grown, self.dilate)
        fill = bits & np.uint8(bits_of(["fill"])) != 0
        return np.asarray((grown | fill)[window.slices(padded)])

    def shares(self, bands: Sequence[str]) -> tuple[dict[Condition, float], bool]:
        """Return the share (0..1) of pixels of each condition that occurs, and whether all pixels were read.

        Pixels without data have no other condition. Large scenes are sampled.

        Raises:
            SceneReadError: a file is damaged.
        """
        if self.grid is None or not self.layers:
            return {}, True
        counts = np.zeros(256, np.int64)
        for window in sample_windows(self.grid, size=SAMPLE_SIZE, most=SAMPLES):
            counts += np.bincount(self.read(window, bands).ravel(), minlength=256)
        total = int(counts.sum())
        fill = bits_of(["fill"])
        shares = {}
        for bit, name in enumerate(CONDITIONS):
            codes = [code for code in range(256) if code >> bit & 1 and (name == "fill" or not code & fill)]
            share = float(counts[codes].sum()) / max(total, 1)
            if share > 0:
                shares[name] = share
        return shares, total == self.grid.height * self.grid.width

    def coverage(self) -> float:
        """Return the share (0..1) of the grid that the smallest layer covers, from a sample; 0: no layers."""
        if self.grid is None or not self.layers:
            return 0.0
        windows = sample_windows(self.grid, size=SAMPLE_SIZE, most=SAMPLES)
        total = sum(window.height * window.width for window in windows)
        least = total
        for group in self._tiles():
            masks = ([layer.covered(window) for layer in group] for window in windows)
            least = min(least, sum(int(np.count_nonzero(np.logical_or.reduce(item))) for item in masks))
        return least / max(total, 1)

    def cache_bytes(self) -> int:
        """Return the size of the block cache that lets strips in order decode each block once."""
        return sum(layer.cache_bytes() for layer in self.layers)

    def describe(self, bands: Sequence[str]) -> dict[str, JsonValue] | None:
        """Return the layers and the shares of conditions for the run record; None without layers."""
        if not self.layers:
            return None
        shares, complete = self.shares(bands)
        return {
            "layers": [layer.describe() for layer in self.layers],
            "not_mapped": [name for name in NOT_MAPPED if name in self.conditions],
            "dilate": self.dilate,
            "shares": {name: round(share, 4) for name, share in shares.items()},
            "sampled": not complete,
        }

    def close(self) -> None:
        """Close the files."""
        for layer in self.layers:
            layer.close()

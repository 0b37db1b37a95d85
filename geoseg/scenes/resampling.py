"""Positions of the pixels of one grid on another, and resampling: arithmetic only.

Every position is computed from the row and column of the pixel on the full grid, and every value from its
neighbours in a fixed order. A window therefore has the same bits as the full grid there, which a warper that
works in blocks does not guarantee.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import SceneError
from geoseg.grid import Grid, Window

CLOSE = 0.01
"""Pixels; grids that differ by less everywhere are one grid."""

LATTICE = 16
"""Pixels between the nodes at which positions in another CRS are exact; others are interpolated."""

MOST_RATIO = 8
"""Target pixels a native pixel up to which interpolation works in slices."""

ASSIGN = "assign the missing CRS, e.g. with `gdal_edit.py -a_srs`"

Positions = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """The native pixels around each target pixel; rows (H, 1) or (H, W), columns (1, W) or (H, W)."""

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    weight: NDArray[np.float64]
    """Weight of `high`, 0..1."""
    nearest: NDArray[np.intp]
    inside: NDArray[np.bool_]
    """Whether the position lies on the raster."""

    def within(self, start: int, size: int) -> Taps:
        """Return the taps counted from native pixel `start`, clipped to `size` pixels."""
        return replace(
            self,
            low=np.clip(self.low - start, 0, size - 1),
            high=np.clip(self.high - start, 0, size - 1),
            nearest=np.clip(self.nearest - start, 0, size - 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a target grid lies on a native one."""

    native: Grid
    forward: Affine
    """From target (column, row) of pixel corners to native; with `transformer`, to its source coordinates."""
    transformer: Transformer | None = None
    """From the CRS of the target to that of the native grid; None: they are equal."""
    reduction: int = 1
    """Native pixels a side that are averaged before interpolation; 1 where the native grid is not finer."""

    @property
    def shift(self) -> tuple[int, int] | None:
        """(rows, columns) from target to native pixels where the pixels are aligned, else None."""
        move = self.forward
        if self.transformer is not None or not self.separable:
            return None
        reach = max(self.native.height, self.native.width, 1)
        drift = max(abs(move.a - 1), abs(move.e - 1)) * reach
        off = max(abs(move.c - round(move.c)), abs(move.f - round(move.f)))
        return (round(move.f), round(move.c)) if drift < CLOSE and off < CLOSE else None

    @property
    def separable(self) -> bool:
        """Whether native rows depend on target rows only, and columns on columns."""
        if self.transformer is not None:
            return False
        reach = max(self.native.height, self.native.width, 1)
        return max(abs(self.forward.b), abs(self.forward.d)) * reach < CLOSE

    def positions(self, window: Window) -> tuple[Positions, Positions]:
        """Return native (rows, columns) of the centres of target pixels; n + 0.5 is a pixel centre.

        Returns:
            Arrays that broadcast to (height, width); infinite where the CRS is not defined.
        """
        if self.separable:
            rows = np.arange(window.row, window.stop_row, dtype=np.float64) + 0.5
            cols = np.arange(window.col, window.stop_col, dtype=np.float64) + 0.5
            return (
                (rows * self.forward.e + self.forward.f)[:, None],
                (cols * self.forward.a + self.forward.c)[None, :],
            )
        return self._lattice_positions(window)

    def _lattice_positions(self, window: Window) -> tuple[Positions, Positions]:
        """Interpolate positions between nodes at multiples of `LATTICE` on the full grid."""
        first_row, first_col = window.row // LATTICE, window.col // LATTICE
        node_rows = np.arange(first_row, (window.stop_row - 1) // LATTICE + 2) * LATTICE + 0.5
        node_cols = np.arange(first_col, (window.stop_col - 1) // LATTICE + 2) * LATTICE + 0.5
        cols, rows = np.meshgrid(node_cols, node_rows)
        at_cols, at_rows = self.exact(cols, rows)
        row = np.arange(window.row, window.stop_row)
        col = np.arange(window.col, window.stop_col)
        i, j = row // LATTICE - first_row, col // LATTICE - first_col
        down = ((row % LATTICE) / LATTICE)[:, None]
        right = ((col % LATTICE) / LATTICE)[None, :]

        def between(nodes: Positions) -> Positions:
            corner = np.ix_(i, j), np.ix_(i, j + 1), np.ix_(i + 1, j), np.ix_(i + 1, j + 1)
            with np.errstate(invalid="ignore"):
                top = nodes[corner[0]] * (1 - right) + nodes[corner[1]] * right
                bottom = nodes[corner[2]] * (1 - right) + nodes[corner[3]] * right
                positions = top * (1 - down) + bottom * down
            return np.where(np.isfinite(positions), positions, np.inf)

        return between(at_rows), between(at_cols)

    def exact(self, cols: Positions, rows: Positions) -> tuple[Positions, Positions]:
        """Return native (columns, rows) of target (columns, rows) in pixels from the first corner."""
        x = self.forward.a * cols + self.forward.b * rows + self.forward.c
        y = self.forward.d * cols + self.forward.e * rows + self.forward.f
        if self.transformer is None:
            return x, y
        x, y = self.transformer.transform(x, y)
        back = ~self.native.transform
        with np.errstate(invalid="ignore"):
            return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f


def place(target: Grid, native: Grid, *, what: str, lack: str = "no CRS", remedy: str = ASSIGN) -> Placement:
    """Return how `target` lies on `native`.

    Grids without a CRS share pixel coordinates: they must be of one size, or `target` a crop of `native`.

    Args:
        target: the grid to resample to.
        native: the grid of a file.
        what: name of the file in messages.
        lack: why `native` has no CRS, as the object of "the file has".
        remedy: how to georeference it.

    Raises:
        SceneError: one grid has a CRS and the other has none, or both have none and differ in size.
    """
    if (target.crs is None) != (native.crs is None):
        if native.crs is not None:
            raise SceneError(
                f"{what} has a CRS but the scene has none, or no geotransform: they cannot be aligned; "
                "georeference the scene"
            )
        raise SceneError(f"{what} has {lack} but the scene has one: they cannot be aligned; {remedy}")
    if target.crs is None or native.crs is None:
        return _place_pixels(target, native, what)
    if same_crs(target.crs, native.crs):
        return _reduced(Placement(native=native, forward=_chain(target.transform, ~native.transform)), target)
    transformer = Transformer.from_crs(target.crs, native.crs, always_xy=True)
    return _reduced(Placement(native=native, forward=target.transform, transformer=transformer), target)


def _reduced(placement: Placement, target: Grid) -> Placement:
    """Return a placement with the number of native pixels a side under the centre pixel of the target."""
    row, col = target.height / 2, target.width / 2
    cols, rows = placement.exact(np.array([col, col + 1, col]), np.array([row, row, row + 1]))
    right = math.hypot(cols[1] - cols[0], rows[1] - rows[0])
    down = math.hypot(cols[2] - cols[0], rows[2] - rows[0])
    step = min(right, down)
    return replace(placement, reduction=max(1, math.floor(step + CLOSE)) if math.isfinite(step) else 1)


def _place_pixels(target: Grid, native: Grid, what: str) -> Placement:
    """Return how grids without a CRS lie on each other, by their pixel coordinates."""
    if _counts_pixels(target) != _counts_pixels(native):
        has, other = ("a", "none") if _counts_pixels(target) else ("no", "one")
        raise SceneError(
            f"{what} has {has} geotransform but the scene has {other}, and neither has a CRS: they cannot be "
            "aligned; georeference both"
        )
    forward = _chain(target.transform, ~native.transform)
    placement = Placement(native=native, forward=forward)
    same_size = (target.height, target.width) == (native.height, native.width)
    crop = placement.shift not in {None, (0, 0)}
    if not same_size and not crop and native.transform.almost_equals(Affine.identity()):
        raise SceneError(
            f"{what} is {native.height} x {native.width} pixels but the scene {target.height} x "
            f"{target.width}, and neither has a CRS: they cannot be aligned; georeference both"
        )
    return placement


def _counts_pixels(grid: Grid) -> bool:
    """Return whether coordinates are pixels from the upper left corner: the file has no geotransform."""
    a, b, _, d, e, _ = grid.transform[:6]
    return bool((a, b, d, e) == (1, 0, 0, 1))


def _chain(first: Affine, then: Affine) -> Affine:
    """Return the composition of two transforms; affine 2 and 3 have different operators for it."""
    a, b, c, d, e, f = first[:6]
    p, q, r, s, t, u = then[:6]
    return Affine(
        p * a + q * d, p * b + q * e, p * c + q * f + r, s * a + t * d, s * b + t * e, s * c + t * f + u
    )


def same_crs(one: CRS, other: CRS) -> bool:
    """Return whether two CRSs are the same for rasters, whose axes are always x, y."""
    return one == other or one.equals(other, ignore_axis_order=True)


def taps(position: Positions, size: int, reduction: int = 1) -> Taps:
    """Return the native pixels around positions along one axis of `size` pixels, clipped to the edge.

    With a `reduction` the taps are blocks of that many native pixels; the last block may be smaller.
    """
    extent, position = size / reduction, position / reduction
    size = -(-size // reduction)
    known = np.isfinite(position)
    at = np.where(known, position, 0.0)
    inside = known & (at >= -CLOSE) & (at <= extent + CLOSE)
    base = np.floor(at - 0.5)
    low = np.clip(base, 0, size - 1).astype(np.intp)
    high = np.clip(base + 1, 0, size - 1).astype(np.intp)
    nearest = np.clip(np.floor(at), 0, size - 1).astype(np.intp)
    return Taps(low=low, high=high, weight=at - 0.5 - base, nearest=nearest, inside=inside)


def window_of(rows: Taps, cols: Taps) -> Window | None:
    """Return the smallest native window with all pixels of the taps; None where none lies inside."""
    inside = rows.inside & cols.inside
    if not inside.any():
        return None
    apart = _apart(rows, cols)
    in_rows, in_cols = (rows.inside, cols.inside) if apart else (inside, inside)
    row, col = int(rows.low[in_rows].min()), int(cols.low[in_cols].min())
    stop_row, stop_col = int(rows.high[in_rows].max()) + 1, int(cols.high[in_cols].max()) + 1
    return Window(row=row, col=col, height=stop_row - row, width=stop_col - col)


def _apart(rows: Taps, cols: Taps) -> bool:
    """Return whether rows do not depend on columns, nor columns on rows."""
    return bool(rows.low.shape[1] == 1 and cols.low.shape[0] == 1)


def bilinear(
    data: NDArray[Any], observed: NDArray[np.bool_] | None, rows: Taps, cols: Taps
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Interpolate between the four native pixels around each position.

    Pixels that are not valid have no weight. A result is valid where its nearest native pixel is.

    Args:
        data: native values (B, h, w).
        observed: mask (B, h, w), True = valid; None: all valid.
        rows: taps of the rows, counted from the first row of `data`.
        cols: taps of the columns, counted from the first column of `data`.

    Returns:
        Values (B, H, W), float32, or float64 for wider dtypes, and a mask (B, H, W) or (1, H, W).
    """
    work = np.result_type(data.dtype, np.float32)
    values = data.astype(work)
    if observed is None or observed.all():
        return _lerp(values, rows, cols), (rows.inside & cols.inside)[None]
    values[~observed] = 0
    weight = _lerp(observed.astype(work), rows, cols)
    mask = _nearest(observed, rows, cols)
    mask &= rows.inside & cols.inside
    result = _lerp(values, rows, cols)
    # The weight is exactly 1 where all four pixels are valid, so the division changes nothing there.
    np.divide(result, weight, out=result, where=mask)
    return result, mask


def _lerp(values: NDArray[Any], rows: Taps, cols: Taps) -> NDArray[Any]:
    """Interpolate (B, h, w), rows first, then columns."""
    down, right = rows.weight.astype(values.dtype), cols.weight.astype(values.dtype)
    if _apart(rows, cols):
        first = _lerp_axis(values, 1, rows.low[:, 0], rows.high[:, 0], down)
        return _lerp_axis(first, 2, cols.low[0], cols.high[0], right)
    first = values[:, rows.low, cols.low]
    first += (values[:, rows.high, cols.low] - first) * down
    second = values[:, rows.low, cols.high]
    second += (values[:, rows.high, cols.high] - second) * down
    first += (second - first) * right
    return first


def _lerp_axis(
    values: NDArray[Any], axis: int, low: NDArray[np.intp], high: NDArray[np.intp], weight: NDArray[Any]
) -> NDArray[Any]:
    """Interpolate (B, h, w) along one axis.

    Where every n-th target pixel lies between the next two native ones, as on grids of twice the resolution,
    n slices are computed, several times faster than pixels picked one by one, and with the same bits.

    Args:
        values: native values.
        axis: 1 (rows) or 2 (columns).
        low: native pixels before.
        high: native pixels behind.
        weight: of `high`, (n, 1) or (1, n).
    """
    start, stop, ratio = _regular(low, high)
    shape = list(values.shape)
    shape[axis] = len(low)
    out = np.empty(shape, values.dtype)

    def along(array: NDArray[Any], index: slice) -> NDArray[Any]:
        picked: NDArray[Any] = array[:, index] if axis == 1 else array[..., index]
        return picked

    def weights(index: slice) -> NDArray[Any]:
        picked: NDArray[Any] = weight[index] if axis == 1 else weight[:, index]
        return picked

    if ratio:
        change = np.diff(values, axis=axis)
        for begin in range(start, min(start + ratio, stop)):
            every = slice(begin, stop, ratio)
            native = slice(int(low[begin]), int(low[begin]) + len(range(begin, stop, ratio)))
            part = along(out, every)
            np.multiply(along(change, native), weights(every), out=part)
            part += along(values, native)
    for rest in (slice(0, start), slice(stop, len(low))):
        part = along(out, rest)
        if part.size:
            part[...] = np.take(values, low[rest], axis)
            part += (np.take(values, high[rest], axis) - part) * weights(rest)
    return out


def _regular(low: NDArray[np.intp], high: NDArray[np.intp]) -> tuple[int, int, int]:
    """Return a stretch of taps in which every n-th is one native pixel further, and n; 0: there is none.

    Taps are clipped at the edges of a raster, and nowhere else.
    """
    inner = np.flatnonzero(high == low + 1)
    if len(inner):
        start, stop = int(inner[0]), int(inner[-1]) + 1
        for ratio in range(1, min(MOST_RATIO, stop - start) + 1):
            part = low[start:stop]
            if len(inner) == stop - start and np.array_equal(part[ratio:], part[:-ratio] + 1):
                return start, stop, ratio
    return len(low), len(low), 0


def _nearest(values: NDArray[Any], rows: Taps, cols: Taps) -> NDArray[Any]:
    """Return the native pixel (B, H, W) at each position."""
    if _apart(rows, cols):
        return np.asarray(np.take(np.take(values, rows.nearest[:, 0], 1), cols.nearest[0], 2))
    return np.asarray(values[:, rows.nearest, cols.nearest])


def nearest(
    data: NDArray[Any], observed: NDArray[np.bool_] | None, rows: Taps, cols: Taps
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the native pixel at each position; arguments and results as of `bilinear`."""
    inside = (rows.inside & cols.inside)[None]
    mask = inside if observed is None else _nearest(observed, rows, cols) & inside
    return _nearest(data, rows, cols), mask


def mean_blocks(
    data: NDArray[np.generic], observed: NDArray[np.bool_] | None, size: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Average the valid pixels of blocks of `size` x `size` native pixels.

    Args:
        data: (B, h, w); the last blocks may be smaller.
        observed: mask (B, h, w), True = valid; None: all valid.
        size: pixels a side; the order of summation is fixed.

    Returns:
        Means (B, ceil(h / size), ceil(w / size)) and whether any pixel of the block is valid.
    """
    bands, height, width = data.shape
    shape = (bands, -(-height // size), -(-width // size))
    total = np.zeros(shape, np.float64)
    count = np.zeros(shape, np.float64)
    valid = np.ones(data.shape, np.bool_) if observed is None else observed
    # Summed as float64 from stored values: a copy as float64 takes four times their memory.
    values = data if observed is None else np.where(valid, data, data.dtype.type(0))
    for i in range(size):
        for j in range(size):
            part = values[:, i::size, j::size]
            here = (slice(None), slice(0, part.shape[1]), slice(0, part.shape[2]))
            total[here] += part
            count[here] += valid[:, i::size, j::size]
    mean = np.divide(total, count, out=np.zeros(shape), where=count > 0)
    return mean.astype(np.result_type(data.dtype, np.float32)), count > 0

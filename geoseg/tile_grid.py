"""Grids cut into tiles that overlap: arithmetic only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from geoseg.errors import UsageError
from geoseg.grid import Grid, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One square input of a network or method."""

    row: int
    """Row of the tile in its tile grid."""
    col: int
    """Column of the tile in its tile grid."""
    core: Window
    """The pixels that belong to no other tile; cores partition the grid."""
    halo: Window
    """The window that is read: always `size` x `size`; it may leave the grid."""


@dataclass(frozen=True, kw_only=True)
class TileGrid:
    """A grid cut into square tiles that overlap.

    Regular tiles are `size - overlap` pixels apart. The first one begins half an overlap before the grid and
    the last one may end beyond it, so that every core has the same margin on all sides.

    Fitted tiles are as few as the overlap allows. The first one begins with the grid, the last one ends with
    it or less than `fitted` pixels beyond; the others are spread evenly between, so that neighbours share at
    least `overlap` pixels. Cores meet in the middle of what two tiles share.

    In both, every pixel of the grid is in its core at least half an overlap away from any edge of the tile
    that lies within the grid.
    """

    grid: Grid
    size: int
    """Pixels a side of the model's input."""
    overlap: int
    """Least number of pixels shared by neighbouring tiles; even, at most half of `size`."""
    fitted: int = 0
    """0: the tiles are regular. Else they are fitted, and begin at multiples of this number if that takes no
    further tile, else of half of it, a quarter and so on. It should be the coarsest stride of a network, so
    that layers that skip pixels skip the same ones in all tiles."""

    def __post_init__(self) -> None:
        """Check that the sizes leave a stride.

        Raises:
            UsageError: `size` or `overlap` is out of range.
        """
        if self.size < 1:
            raise UsageError(f"tile size {self.size} is not positive")
        if self.overlap < 0 or self.overlap % 2 or 2 * self.overlap > self.size:
            raise UsageError(
                f"overlap {self.overlap} must be even, 0 or more, at most half of tile size {self.size}"
            )

    @property
    def stride(self) -> int:
        """Pixels between the origins of neighbouring tiles: of regular ones, and at most of fitted ones."""
        return self.size - self.overlap

    @property
    def margin(self) -> int:
        """Pixels by which the halo of a regular tile extends beyond its core on each side."""
        return self.overlap // 2

    @cached_property
    def down(self) -> TileAxis:
        """The tiles along the rows of the grid."""
        return self._axis(self.grid.height)

    @cached_property
    def across(self) -> TileAxis:
        """The tiles along the columns of the grid."""
        return self._axis(self.grid.width)

    @property
    def rows(self) -> int:
        """Number of tile rows."""
        return len(self.down.starts)

    @property
    def cols(self) -> int:
        """Number of tile columns."""
        return len(self.across.starts)

    def __len__(self) -> int:
        return self.rows * self.cols

    def __iter__(self) -> Iterator[Tile]:
        for row in range(self.rows):
            yield from self.row_tiles(row)

    def row_tiles(self, row: int) -> Iterator[Tile]:
        """Yield the tiles of one tile row from left to right."""
        top, (first, last) = self.down.starts[row], self.down.edges[row : row + 2]
        for col, left in enumerate(self.across.starts):
            begin, end = self.across.edges[col : col + 2]
            yield Tile(
                row=row,
                col=col,
                core=Window(row=first, col=begin, height=last - first, width=end - begin),
                halo=Window(row=top, col=left, height=self.size, width=self.size),
            )

    def span_window(self, row: int, span: range) -> Window:
        """Return the window of the halos of consecutive tiles of a tile row."""
        left, right = self.across.starts[span.start], self.across.starts[span.stop - 1] + self.size
        return Window(row=self.down.starts[row], col=left, height=self.size, width=right - left)

    def _axis(self, length: int) -> TileAxis:
        """Return the tiles along an axis of `length` pixels."""
        if not self.fitted:
            starts = range(-self.margin, length - self.margin, self.stride)
            edges = (*(start + self.margin for start in starts), length)
            return TileAxis(starts=tuple(starts), edges=edges, ramp=self.overlap)
        count = max(1, -(-(length - self.overlap) // self.stride))
        # The largest step that needs no further tile.
        step = self.fitted
        while (room := -(-max(length - self.size, 0) // step)) > (count - 1) * (self.stride // step):
            step //= 2
        fitted = tuple(index * room // max(count - 1, 1) * step for index in range(count))
        between = ((before + self.size + start) // 2 for before, start in pairwise(fitted))
        cores = (0, *between, length)
        # Where tiles are denser than the overlap asks for, three of them share pixels; a pixel is blended
        # from two all the same.
        least = min((end - start for start, end in pairwise(cores)), default=0)
        return TileAxis(starts=fitted, edges=cores, ramp=min(self.overlap, least // 2 * 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class TileAxis:
    """The tiles along one axis of a grid."""

    starts: tuple[int, ...]
    """First pixel of each tile; it may lie outside the grid."""
    edges: tuple[int, ...]
    """First pixel of each core, and the end of the grid."""
    ramp: int
    """Pixels around the edge of two cores over which the scores of one tile pass into those of the next;
    even, at most the overlap."""

    def finished(self, index: int) -> tuple[int, int]:
        """Return the first pixel that tile `index` finishes, and the one after the last.

        The tiles after it add nothing to these pixels, and the tiles before it have not finished them.
        """
        last = index == len(self.starts) - 1
        start = self.edges[index] - (self.ramp // 2 if index else 0)
        return start, self.edges[index + 1] - (0 if last else self.ramp // 2)

    def reach(self, index: int, size: int) -> tuple[int, int]:
        """Return the first pixel and the end of what tile `index` adds to, counted from its start.

        Args:
            index: of the tile.
            size: pixels of a tile.
        """
        half, start = self.ramp // 2, self.starts[index]
        first = self.edges[index] - half - start if index else 0
        last = index == len(self.starts) - 1
        return first, size if last else self.edges[index + 1] + half - start

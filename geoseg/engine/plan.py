"""Estimate work and memory of a map, for `--dry-run`, and split wide scenes to keep to a memory limit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from geoseg.errors import SceneError
from geoseg.files.process_memory import resident_mib
from geoseg.grid import Grid
from geoseg.polygons.limits import LEAST_MIB, Limits
from geoseg.run_record import Result
from geoseg.tile_grid import TileGrid

WIDEST = 16_384
"""px, columns processed at the same time without a memory limit."""

PROCESS_MIB = 330
"""Measured resident size of the interpreter with its libraries, without a network."""

LATER_MIB = 25
"""Measured: libraries and buffers of the output files, which are opened after the plan is made."""

DRAWING_MIB = 50
"""Measured: pictures and reports."""

ROUGH_MIB = 64
"""Column bands are chosen for the size of the process rounded up to so many MiB, so that runs that share a
scene choose alike."""

MOST_PIXELS = 2 * 10**12
"""Pixels of one map: more than the land of the Earth at 10 m, which takes days. A damaged or made-up header
states more, and a run would not end."""

TOTAL_MIB = 1080
"""MiB that a run takes at most without `--max-memory`, if a network does not need more."""


def check_size(grid: Grid, name: str) -> None:
    """Raise SceneError if a map has more than `MOST_PIXELS` pixels.

    Args:
        grid: of the map.
        name: of the scene, for messages.
    """
    if grid.height * grid.width > MOST_PIXELS:
        raise SceneError(
            f"{name}: {grid.width:,} x {grid.height:,} pixels are more than one run maps "
            f"({MOST_PIXELS:.0e}); check the size of the raster, or map parts of it (`--bbox`, "
            "gdal_translate)"
        )


def polygon_limits(max_memory: int | None, others_mib: int) -> Limits:
    """Return the limits of polygons.

    Args:
        max_memory: MiB, of the request.
        others_mib: MiB of all else in the process.
    """
    return Limits.within((max_memory or TOTAL_MIB) - others_mib)


def array_room(limit_mib: int) -> int:
    """Return how many bytes of `--max-memory` are left for pixels and scores, beside the fewest polygons."""
    present = -(-(resident_mib() or PROCESS_MIB) // ROUGH_MIB) * ROUGH_MIB
    return max(limit_mib - present - LATER_MIB - LEAST_MIB, 1) * 2**20


class Plan(Result):
    """Work, memory and time of a run."""

    height: int
    width: int
    tile: int
    overlap: int
    tiles: int
    """Tiles to be scored; those at borders of column bands count twice."""
    strips: int
    """Tile rows; memory holds one that is read and one that is scored."""
    column_bands: int
    """Sweeps over the scene from top to bottom."""
    memory_mib: int
    """Estimated peak in MiB, with the network."""
    scratch_mib: int
    """MiB on disk for class rows between sweeps; 0 with one column band."""
    seconds: float | None
    """Estimated from one tile of this scene, without opening it; None: not measured. The command line adds
    the time to start and to open the scene, as it was in the dry run."""
    notes: tuple[str, ...] = ()

    def within(self, limit_mib: int | None) -> Plan:
        """Return the plan of a run that keeps to `--max-memory`: the estimate is an upper limit."""
        if limit_mib is None or self.memory_mib <= limit_mib:
            return self
        return self.model_copy(update={"memory_mib": limit_mib})


def buffers_bytes(tiles: TileGrid, cols: int, *, bands: int, itemsize: int, planes: int) -> int:
    """Return the bytes of the arrays of one sweep over `cols` tile columns.

    Two tile rows of pixels with their masks (one read, one scored), the score sums with their finished
    copy, and some fifteen bytes a pixel of finished rows for classes, scores and runs.
    """
    width = cols * tiles.stride + tiles.overlap
    pixels = 2 * tiles.size * width * (bands * itemsize + 1)
    scores = planes * 4 * (tiles.size + tiles.stride) * width
    finished = 15 * tiles.stride * min(width, tiles.grid.width)
    return pixels + scores + finished


def column_bands(
    tiles: TileGrid, *, bands: int, itemsize: int, planes: int, limit_mib: int | None
) -> list[range]:
    """Split the tile columns into as few ranges as memory allows, or into single ones."""
    most = max(1, WIDEST // tiles.stride)
    if limit_mib is not None:
        limit = array_room(limit_mib)
        while (
            most > 1 and buffers_bytes(tiles, most + 2, bands=bands, itemsize=itemsize, planes=planes) > limit
        ):
            most = most * 3 // 4
    count = -(-tiles.cols // most)
    edges = [round(index * tiles.cols / count) for index in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


def widest_band(tiles: TileGrid, ranges: Sequence[range]) -> int:
    """Return the tile columns of the widest column band, with its neighbours."""
    return max(min(tiles.cols, r.stop + 1) - max(0, r.start - 1) for r in ranges)


def make_plan(
    tiles: TileGrid,
    ranges: list[range],
    *,
    bands: int,
    itemsize: int,
    planes: int,
    cache_bytes: int,
    session_mib: int,
    seconds_per_tile: float | None,
) -> Plan:
    """Return the plan of a run.

    Args:
        tiles: how the grid is cut.
        ranges: column bands, as tile columns.
        bands: input bands.
        itemsize: bytes of a stored value.
        planes: score planes.
        cache_bytes: of the source blocks.
        session_mib: memory of the network.
        seconds_per_tile: measured; None: unknown.
    """
    spans = [range(max(0, r.start - 1), min(tiles.cols, r.stop + 1)) for r in ranges]
    count = tiles.rows * sum(len(span) for span in spans)
    arrays = buffers_bytes(tiles, widest_band(tiles, ranges), bands=bands, itemsize=itemsize, planes=planes)
    wide = len(ranges) > 1
    return Plan(
        height=tiles.grid.height,
        width=tiles.grid.width,
        tile=tiles.size,
        overlap=tiles.overlap,
        tiles=count,
        strips=tiles.rows,
        column_bands=len(ranges),
        memory_mib=PROCESS_MIB + session_mib + (arrays + cache_bytes) // 2**20,
        scratch_mib=2 * tiles.grid.height * tiles.grid.width // 2**20 if wide else 0,
        seconds=None if seconds_per_tile is None else round(count * seconds_per_tile, 1),
    )

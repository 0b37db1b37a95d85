"""`--max-memory` of a map: what its parts may take, and a refusal where the least is too much."""

from __future__ import annotations

from collections.abc import Callable

from geoseg.engine.plan import DRAWING_MIB, LATER_MIB, buffers_bytes, polygon_limits, widest_band
from geoseg.engine.reading import cache_size
from geoseg.engine.scoring import Job
from geoseg.files.process_memory import resident_mib
from geoseg.pixels import Strip
from geoseg.polygons.limits import LEAST_MIB, Limits
from geoseg.runtimes.memory import check_peak, hold
from geoseg.spec import RunSpec


def limits_of(job: Job, run: RunSpec, planned_mib: int, *, drawn: bool) -> Limits:
    """Return the limits of polygons: what pixels, scores, outputs and pictures leave.

    Args:
        job: with an open source and session, whose memory the process has already.
        run: has `max_memory`.
        planned_mib: of all but polygons, by the plan.
        drawn: whether there is a picture or a report.

    Raises:
        UsageError: `--max-memory` is less than the smallest plan needs.
    """
    if run.max_memory is None:
        return polygon_limits(None, planned_mib)
    need = _arrays_mib(job) + LATER_MIB + (DRAWING_MIB if drawn else 0)
    hold(run.max_memory, need + LEAST_MIB, job.recipe.source.name)
    present = resident_mib()
    return polygon_limits(run.max_memory, present + need if present else planned_mib)


def checked(add: Callable[[Strip], None], job: Job, run: RunSpec) -> Callable[[Strip], None]:
    """Return a consumer of strips that ends the run where it takes more than `--max-memory`."""

    def add_and_check(strip: Strip) -> None:
        add(strip)
        check_peak(run.max_memory, job.recipe.source.name)

    return add_and_check


def _arrays_mib(job: Job) -> int:
    """Return the MiB of pixels, scores and source blocks."""
    recipe = job.recipe
    arrays = buffers_bytes(
        job.tiles,
        widest_band(job.tiles, job.column_bands),
        bands=len(recipe.bands),
        itemsize=job.itemsize,
        planes=recipe.session.planes,
    )
    return (arrays + cache_size(recipe.source, recipe.bands, job.most_cache)) // 2**20

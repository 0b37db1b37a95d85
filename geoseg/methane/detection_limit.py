"""What is known of a scene before its plumes are mapped: noise, threshold, what chance makes."""

from __future__ import annotations

import logging
import math
from contextlib import ExitStack
from dataclasses import dataclass

from geoseg.messages import note, warn
from geoseg.methane.column_threshold import Search, share_at_source, survey
from geoseg.methane.plume_wind import effective_wind
from geoseg.methane.retrieval import Retrieved
from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS, SECONDS
from geoseg.methods.plume_search import FalseAlarms
from geoseg.outputs import Beside, MeasureSink
from geoseg.run_record import Progress
from geoseg.spec import PlumeSpec

LOG = logging.getLogger(__name__)

USUAL_PIXELS = 60
"""Pixels of a plume of usual size."""

LIGHT_WIND = 3.0
"""m/s at which the detection limit is told where no wind is given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What is known of a scene before its plumes are mapped."""

    search: Search
    alarms: FalseAlarms | None
    known: int
    """Pixels that have a column."""
    sink: MeasureSink | None
    """Holds the columns, where they are wanted."""


def look(
    spec: PlumeSpec,
    retrieved: Retrieved,
    search: Search,
    beside: Beside,
    stack: ExitStack,
    progress: Progress,
) -> Found:
    """Find out what chance makes in a scene, and write its columns where they are wanted.

    Raises:
        SceneError: the scene cannot be read.
        OutputError: the columns cannot be written.
    """
    background = search.background
    note(
        LOG,
        f"noise of the columns outside plumes: {background.pixel_std:.0f} ppm·m a pixel "
        f"({background.pixel_std * MOL_PER_PPM_M:.4f} mol/m²), {background.noise:.0f} after the median "
        f"filter; threshold {search.told}",
    )
    if search.typical > retrieved.most_ppm_m:
        warn(
            LOG,
            "threshold-beyond-table",
            f"the threshold ({search.typical:.0f} ppm·m) lies beyond the table of absorption, which ends at "
            f"{retrieved.most_ppm_m:.0f}: the ground is too uneven, or the reference too different, to weigh "
            "methane here; give a reference of the same season, or several",
        )
    sink = None
    if spec.columns is not None:
        sink = stack.enter_context(
            MeasureSink(
                spec.columns,
                grid=retrieved.source.grid,
                names=("methane enhancement",),
                unit="ppm·m",
                tags={"METHOD": retrieved.method, "MOL_PER_M2_IN_1_PPM_M": f"{MOL_PER_PPM_M:.6e}"},
                beside=beside,
            )
        )
    alarms, known = survey(retrieved, search, None if sink is None else sink.write, progress)
    found = Found(search=search, alarms=alarms if spec.model is None else None, known=known, sink=sink)
    if found.alarms is not None:
        note(
            LOG,
            f"{len(alarms.strengths)} spots of {spec.min_pixels} pixels or more lie as far below the "
            f"background as plumes lie above: chance makes so many; {_limit(spec, found, alarms, retrieved)}",
        )
    return found


def _limit(spec: PlumeSpec, found: Found, alarms: FalseAlarms, retrieved: Retrieved) -> str:
    """Say what a source must emit to be told from chance.

    The strength of a spot goes with mass over length, as the rate does, so that no size need be assumed:
    rate = effective wind x strength x noise x molar mass x side of a pixel.
    """
    wind = spec.wind if isinstance(spec.wind, float) else LIGHT_WIND
    speed = float(effective_wind(spec, retrieved.satellite)(wind))
    down, right = retrieved.source.grid.pixel_size_m
    noise = found.search.background.noise * MOL_PER_PPM_M * MOLAR_MASS * math.sqrt(down * right)

    def least(share: float) -> float:
        return alarms.needed(spec.false_alarms / share) * noise * speed * SECONDS / 1000

    near = float(share_at_source(spec, retrieved.source.grid, found.known, USUAL_PIXELS))
    return (
        f"at {wind:g} m/s a source must emit about {tonnes(least(1.0))} to be told from it anywhere in the "
        f"scene, {tonnes(least(near))} at a place that --source names"
    )


def tonnes(rate_t_h: float) -> str:
    """Write a rate with two significant digits: 0.043 t/h, 2,300 t/h."""
    size = 0 if rate_t_h <= 0 else math.floor(math.log10(rate_t_h))
    return f"{round(rate_t_h, 1 - size):,.{max(1 - size, 0)}f} t/h"

"""Noise, false alarms and detection limit of a scene, found before its plumes are mapped."""

from __future__ import annotations

import logging
import math

from geoseg.messages import note, warn
from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS, SECONDS
from geoseg.methods.plume_search import FalseAlarms
from geoseg.outputs.measure import MeasureSink
from geoseg.run_record import Progress
from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.column_threshold import Search, count_false_spots, share_at_source
from geoseg.tasks.methane.plume_wind import effective_wind
from geoseg.tasks.methane.retrieval import Retrieval

LOG = logging.getLogger(__name__)

TYPICAL_PIXELS = 60
"""Number of pixels of a typical plume."""

LIGHT_WIND = 3.0
"""Wind speed in m/s for which the detection limit is reported where no wind speed is given."""


def survey_scene(
    spec: PlumeSpec, retrieval: Retrieval, search: Search, columns: MeasureSink | None, progress: Progress
) -> tuple[FalseAlarms, int]:
    """Report the noise and the detection limit of a scene, and write its column enhancements.

    Args:
        spec: the request.
        retrieval: the column enhancements.
        search: background and threshold.
        columns: raster of the column enhancements; None: it is not written.
        progress: callback.

    Returns:
        The false alarms of the scene, and the number of pixels that have a column enhancement.

    Raises:
        SceneError: the scene cannot be read.
        OutputError: the raster cannot be written.
    """
    background = search.background
    note(
        LOG,
        f"noise of the methane column outside plumes: {background.pixel_std:.0f} ppm·m per pixel "
        f"({background.pixel_std * MOL_PER_PPM_M:.4f} mol/m²), {background.noise:.0f} ppm·m after the median "
        f"filter; detection threshold {search.description}",
    )
    quantified = search.quantifies(retrieval.table_limit_ppm_m)
    if not quantified:
        warn(
            LOG,
            "threshold-beyond-table",
            f"the detection threshold ({search.median_threshold:.0f} ppm·m) exceeds the largest enhancement "
            f"in the methane absorption table ({retrieval.table_limit_ppm_m:.0f} ppm·m): plumes in this "
            "scene cannot be quantified: the surface is too heterogeneous or the reference scene too "
            "different; there is no detection limit, mass or rate; use a reference of the same season, or "
            "several",
        )
    alarms, pixels = count_false_spots(
        retrieval, search, None if columns is None else columns.write, progress
    )
    if spec.model is None:
        text = (
            f"false alarms: {len(alarms.strengths)} clusters of {spec.min_pixels} pixels or more lie below "
            "the background by the same threshold, so noise is expected to cause about as many above it"
        )
        if quantified:
            anywhere, at_source, wind = detection_limits(spec, retrieval, search, alarms, pixels)
            text += (
                f"; detection limit at a wind speed of {wind:g} m/s: about {tonnes(anywhere)} anywhere in "
                f"the scene, {tonnes(at_source)} at a location given with `--source`"
            )
        note(LOG, text)
    return alarms, pixels


def detection_limits(
    spec: PlumeSpec, retrieval: Retrieval, search: Search, alarms: FalseAlarms, pixels: int
) -> tuple[float, float, float]:
    """Return the detection limits in t/h anywhere in the scene and at a known source, and the wind speed.

    The strength of a cluster is proportional to mass over length, as the source rate is, so that no plume
    size has to be assumed: rate = effective wind x strength x noise x molar mass x pixel size.
    """
    wind = spec.wind if isinstance(spec.wind, float) else LIGHT_WIND
    speed = float(effective_wind(spec, retrieval.satellite)(wind))
    grid = retrieval.source.grid
    noise = search.background.noise * MOL_PER_PPM_M * MOLAR_MASS * math.sqrt(math.prod(grid.pixel_size_m))
    shares = (1.0, float(share_at_source(spec, grid, pixels, TYPICAL_PIXELS)))
    anywhere, at_source = (
        alarms.strength_at(spec.false_alarms / share) * noise * speed * SECONDS / 1000 for share in shares
    )
    return anywhere, at_source, wind


def tonnes(rate_t_h: float) -> str:
    """Format a rate with two significant digits: 0.043 t/h, 2,300 t/h."""
    size = 0 if rate_t_h <= 0 else math.floor(math.log10(rate_t_h))
    return f"{round(rate_t_h, 1 - size):,.{max(1 - size, 0)}f} t/h"

"""Tell whether the dates of a network agree, as is told of those of a method."""

from __future__ import annotations

import numpy as np

from geoseg.engine.image_pair import SHIFT_SIZE, SHIFTS
from geoseg.engine.normalise import within_range
from geoseg.errors import NothingObservedError
from geoseg.methods.sar import boxcar
from geoseg.methods.thresholds import histogram
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ModelSpec
from geoseg.spec.band_names import by_date, date_of, plain_name
from geoseg.tasks.flood.choice import before_band
from geoseg.tasks.flood.date_agreement import clearest, warn_of_dates
from geoseg.tasks.flood.method import Image
from geoseg.tasks.flood.network_bands import BEFORE, POLARISATIONS
from geoseg.tasks.flood.threshold import warn_of_one_class


def warn_of_network_dates(model: ModelSpec, source: Source) -> None:
    """Warn of earlier dates that are shifted or of another level, and of a scene that shows one class.

    A network that normalises each scene by itself sees no difference of levels, and no level either. The
    last date of a series is the scene, and the others are before it.

    Args:
        model: a network of several dates.
        source: of the channels of all dates.
    """
    dates = by_date(band.name for band in model.bands)
    last = "" if BEFORE in dates else list(dates)[-1]
    names = [{plain_name(model.bands[index].name) for index in indices} for indices in dates.values()]
    shared = [band.name for band in model.bands if date_of(band.name) == last]
    shared = [name for name in map(plain_name, shared) if all(name in others for others in names)]
    if not shared:
        return
    band = clearest(shared)
    channel, *earlier = (
        f"{prefix}:{band}" if prefix else band for prefix in (last, *(key for key in dates if key != last))
    )
    try:
        pixels = sample(source, (channel, *earlier), size=SHIFT_SIZE, most=SHIFTS)
    except NothingObservedError:
        # Dates that share a narrow strip only may still be mapped there.
        return
    before = [before_band(index, band) for index in range(len(earlier))]
    blocks = [dict(zip((band, *before), item.physical(), strict=True)) for item in pixels]
    absolute = model.statistics == "training"
    warn_of_dates(band, before, blocks, levels=absolute and model.units == "db")
    if BEFORE in dates and not absolute and band in POLARISATIONS:
        means = [boxcar(_without_ends(item, channel)).ravel() for item in pixels]
        warn_of_one_class(
            f"{band.upper()} relative to the scene",
            histogram(np.concatenate(means)),
            "map a larger area with land and water, or compare with `--method logratio`, which needs dB",
        )


def _without_ends(pixels: Pixels, band: str) -> Image:
    """Return a band without fill and saturated values, which are NaN, (H, W)."""
    (values,) = pixels.select((band,)).physical()
    return np.where(within_range(pixels, band), values, np.float32(np.nan))

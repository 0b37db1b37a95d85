"""Tell whether the two dates of a network agree, as is told of those of a method."""

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
from geoseg.tasks.flood.date_agreement import clearest, warn_of_dates
from geoseg.tasks.flood.method import Image
from geoseg.tasks.flood.network_bands import BEFORE, POLARISATIONS, earlier_bands, scene_bands
from geoseg.tasks.flood.threshold import warn_of_one_class


def warn_of_network_dates(model: ModelSpec, source: Source) -> None:
    """Warn of a scene before that is shifted or of another level, and of a scene that shows one class.

    A network that normalises each scene by itself sees no difference of levels, and no level either.

    Args:
        model: a network of a scene and one before.
        source: of the channels of both.
    """
    shared = [name for name in scene_bands(model) if name in earlier_bands(model)]
    if not shared:
        return
    band = clearest(shared)
    before = f"{BEFORE}:{band}"
    try:
        pixels = sample(source, (band, before), size=SHIFT_SIZE, most=SHIFTS)
    except NothingObservedError:
        # Dates that share a narrow strip only may still be mapped there.
        return
    blocks = [dict(zip((band, before), item.physical(), strict=True)) for item in pixels]
    absolute = model.statistics == "training"
    warn_of_dates(band, [before], blocks, levels=absolute and model.units == "db")
    if not absolute and band in POLARISATIONS:
        means = [boxcar(_without_ends(item, band)).ravel() for item in pixels]
        warn_of_one_class(
            f"{band.upper()} relative to the scene",
            histogram(np.concatenate(means)),
            "map a larger area with land and water, or compare with `--method logratio`, which needs dB",
        )


def _without_ends(pixels: Pixels, band: str) -> Image:
    """Return a band without fill and saturated values, which are NaN, (H, W)."""
    (values,) = pixels.select((band,)).physical()
    return np.where(within_range(pixels, band), values, np.float32(np.nan))

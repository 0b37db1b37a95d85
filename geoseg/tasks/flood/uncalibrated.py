"""Backscatter in digital numbers without a unit: the scene alone gives the threshold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar, NoReturn

import numpy as np

from geoseg.errors import SceneError, UsageError
from geoseg.messages import note
from geoseg.methods.sar import BOXCAR_RADIUS, boxcar
from geoseg.methods.sar_water import hsba
from geoseg.methods.speckle_filter import Speckle
from geoseg.methods.thresholds import Unimodal, fit_two_gaussians, otsu
from geoseg.tasks.flood.method import Bands, Image, Smoothing, Threshold
from geoseg.tasks.flood.radar import Backscatter
from geoseg.tasks.flood.threshold import LEAST_SIDE, MINOR, SceneThreshold

LOG = logging.getLogger(__name__)

BRIGHTEST = 0.995
"""Quantile of the sample at the upper edge of its histogram: a few bright targets are far above it."""


class Uncalibrated(Backscatter):
    """Digital numbers of one polarisation; water is dark."""

    threshold: ClassVar[Threshold] = Threshold(
        fixed=0.0, water_below=True, guard=(0.0, 65535.0), limits=(0.0, 65535.0), scale=1.0
    )

    def smoothing(
        self,
        speckle: Speckle,
        sample: Sequence[Bands],  # noqa: ARG002 - no number of looks without a unit
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> Smoothing | None:
        """Return the mean over 5 x 5 pixels, whose values may be power, amplitude or dB."""
        if speckle == "none":
            return None
        return Smoothing(apply=boxcar, margin=BOXCAR_RADIUS, text="5 x 5 mean")


class UncalibratedVh(Uncalibrated):
    """Digital numbers of VH."""

    name = "sar-vh"
    title = "VH digital number"
    measured = formula = "VH number"
    bands = ("vh",)


class UncalibratedVv(Uncalibrated):
    """Digital numbers of VV."""

    name = "sar-vv"
    title = "VV digital number"
    measured = formula = "VV number"
    bands = ("vv",)


class UncalibratedHh(Uncalibrated):
    """Digital numbers of HH."""

    name = "sar-hh"
    title = "HH digital number"
    measured = formula = "HH number"
    bands = ("hh",)


class UncalibratedHv(Uncalibrated):
    """Digital numbers of HV."""

    name = "sar-hv"
    title = "HV digital number"
    measured = formula = "HV number"
    bands = ("hv",)


def require_otsu(method: Uncalibrated, thresholding: str) -> None:
    """Raise UsageError for a `--thresholding` other than `auto` and `otsu`, which needs dB."""
    if thresholding not in {"auto", "otsu"}:
        raise UsageError(
            f"`--thresholding {thresholding}` needs dB, and {method.bands[0]} has no unit: use otsu, "
            "calibrate the scene, or set `--sar-units`"
        )


def find_number_threshold(method: Uncalibrated, blocks: Sequence[Image]) -> SceneThreshold:
    """Find Otsu's threshold of the tiles that show two modes; none where no tile does.

    Args:
        method: the method that computed the measure.
        blocks: (H, W) digital numbers after the filter, NaN where not observed.
    """
    values = np.concatenate([block[np.isfinite(block)] for block in blocks])
    limits = (float(values.min()), float(np.quantile(values, BRIGHTEST))) if values.size else (0.0, 1.0)
    found = hsba(blocks, limits=limits, minor=MINOR, least_side=LEAST_SIDE)
    if isinstance(found, Unimodal):
        return SceneThreshold(threshold=limits[0], scale=1.0, two_classes=False)
    threshold = otsu(found.pooled)
    modes = fit_two_gaussians(found.pooled)
    scale = 0.1 * (limits[1] - limits[0])
    if not isinstance(modes, Unimodal):
        gap = max(modes.means[1] - modes.means[0], 1e-6)
        scale = min(scale, (modes.sigmas[0] ** 2 + modes.sigmas[1] ** 2) / 2 / gap)
    note(LOG, f"threshold {threshold:.4g} ({method.measured}) by Otsu: {found.evidence}")
    return SceneThreshold(threshold=threshold, scale=max(scale, 1e-3))


def refuse_one_kind(method: Uncalibrated) -> NoReturn:
    """Raise the error for a scene that shows no two modes.

    Raises:
        SceneError: always.
    """
    raise SceneError(
        f"the values of {method.bands[0]} have no unit and show no two kinds of ground: no threshold can be "
        "found. Calibrate the scene to dB or power, set `--sar-units`, or give `--threshold` in digital "
        "numbers"
    )

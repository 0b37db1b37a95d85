"""The request for a map of methane plumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import (
    REFERENCE,
    THRESHOLD,
    Coregister,
    Satellite,
    SunZenith,
    TiffPath,
    ViewZenith,
)
from geoseg.spec.option import INPUT, OUTPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec


class PlumeSpec(Spec):
    """A request for a map of methane plumes."""

    scene: Annotated[SceneSpec, Offer(without=("sar_units",))]
    run: RunSpec
    reference: Annotated[tuple[SceneSpec, ...], REFERENCE] = ()
    method: Annotated[
        str,
        Option(
            "Method that retrieves the column enhancement.",
            metavar="NAME",
            common=True,
            suggest="methane-methods",
            default="mbmp with a reference, else mbsp; mag1c for spectrometers",
        ),
    ] = "auto"
    model: Annotated[
        str | None,
        Option(
            "A network that maps the plumes in place of a threshold. The band ch4 (ppm·m) is available to "
            "it.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    satellite: Satellite = None
    coregister: Coregister = None
    sun_zenith: SunZenith = None
    view_zenith: ViewZenith = None
    absorption: Annotated[
        Path | None,
        Option(
            "Unit absorption spectrum for spectrometers: wavelength in nm, change of ln(radiance) per ppm·m.",
            metavar="FILE.csv",
            default="computed from the table in geoseg",
        ),
    ] = None
    column_group: Annotated[
        int | None,
        Field(ge=0),
        Option(
            "Number of detector columns of a spectrometer that share one background estimate; 0: all.",
            metavar="N",
            default="that of the product",
        ),
    ] = None
    source: Annotated[
        tuple[float, float] | None,
        text.reads(text.place),
        Option("Map only plumes that touch this source.", metavar="LON,LAT", panel=INPUT, common=True),
    ] = None
    source_radius: Annotated[
        float,
        Field(gt=0),
        Option("Greatest distance between a plume and --source, m.", metavar="M", panel=INPUT),
    ] = 100.0
    wind: Annotated[
        Annotated[float, Field(gt=0, le=60)] | Path | None,
        text.reads(text.wind),
        Option(
            "Wind at 10 m: a speed, or a netCDF (also zipped), GRIB or raster file of U10 and V10 (ERA5, "
            "GEOS-FP) within 3 h of the scene. Without wind, no source rates are computed.",
            metavar="M/S|FILE",
            panel=INPUT,
            common=True,
        ),
    ] = None
    wind_from: Annotated[
        float | None,
        Field(ge=0, le=360),
        Option(
            "Direction from which the wind blows.",
            metavar="DEG",
            panel=INPUT,
            default="that of the wind file, else along the plume",
            read_with=("wind",),
        ),
    ] = None
    wind_error: Annotated[
        float,
        Field(ge=0, le=1),
        Option("Relative standard error of the wind.", metavar="SHARE", panel=INPUT, read_with=("wind",)),
    ] = 0.5
    effective_wind: Annotated[
        tuple[float, float] | None,
        text.reads(text.pair),
        Option(
            "Effective wind speed = slope x U10 + offset, m/s.",
            metavar="SLOPE,OFFSET",
            panel=INPUT,
            default="those of the satellite",
        ),
    ] = None
    threshold: Annotated[float | None, Field(gt=0), THRESHOLD] = None
    """ppm·m after the median filter; None: from `sigma` or `percentile`."""
    sigma: Annotated[
        float,
        Field(gt=0),
        Option(
            "Threshold in standard deviations above the background.", metavar="N", replaced_by="percentile"
        ),
    ] = 2.0
    percentile: Annotated[
        float | None,
        Field(gt=50, lt=100),
        Option("Threshold as a percentile of the scene, in place of --sigma.", metavar="P"),
    ] = None
    min_pixels: Annotated[int, Field(ge=1), Option("Least number of pixels of a plume.", metavar="N")] = 5
    false_alarms: Annotated[
        float,
        Field(gt=0),
        Option(
            "Expected number of false alarms in the scene; weaker candidates are marked as suspect.",
            metavar="N",
        ),
    ] = 0.1
    columns: Annotated[
        TiffPath | None,
        Option(
            "Also write the column enhancement in ppm·m, a Cloud Optimized GeoTIFF.",
            metavar="OUT.tif",
            panel=OUTPUT,
        ),
    ] = None
    facilities: Annotated[
        Path | None,
        Option(
            "Facilities, as a map of geoseg methane facilities or any vector file. Each plume is "
            "attributed to the nearest.",
            metavar="FILE",
            panel=INPUT,
        ),
    ] = None

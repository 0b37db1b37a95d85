"""What describes a search for methane: the request, and what each satellite needs to be known of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import REFERENCE, THRESHOLD, Coregister, Satellite, SunZenith, ViewZenith
from geoseg.spec.option import INPUT, OUTPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec

Interval = tuple[float, float]


class SatelliteSpec(Spec):
    """What a satellite's methane columns depend on, said once: pass-bands and effective wind."""

    name: str
    """As in `--satellite`."""
    title: str
    kind: Literal["multispectral", "spectrometer"]
    swir22: Interval | None = None
    """Limits in nm of the box that stands for the band at 2.2 µm."""
    swir16: Interval | None = None
    """Of the band at 1.6 µm."""
    names: tuple[str, ...] = ()
    """Regular expressions on product names and on the names of satellites that products state."""
    node_hour: Annotated[float, Field(ge=0, lt=24)] | None = None
    """Mean local solar time, in hours, at which it crosses the equator southwards; None: it keeps none."""
    inclination: Annotated[float, Field(gt=90, lt=180)] | None = None
    """Of the orbit, degrees."""
    wind_slope: float
    """Effective wind = slope * U10 + offset, m/s."""
    wind_offset: float
    wind_citation: str
    citation: str = ""
    """Of the pass-bands."""

    @model_validator(mode="after")
    def _has_bands(self) -> SatelliteSpec:
        if self.kind == "multispectral" and (self.swir22 is None or self.swir16 is None):
            raise ValueError("a multispectral satellite needs swir22 and swir16")
        return self


class PlumeSpec(Spec):
    """A request for a map of methane plumes."""

    scene: Annotated[SceneSpec, Offer(without=("sar_units",))]
    run: RunSpec
    reference: Annotated[tuple[SceneSpec, ...], REFERENCE] = ()
    method: Annotated[
        str,
        Option(
            "How columns are retrieved.",
            metavar="NAME",
            common=True,
            suggest="methane-methods",
            default="mbmp with a reference, else mbsp; mag1c of spectrometers",
        ),
    ] = "auto"
    model: Annotated[
        str | None,
        Option(
            "A network that draws the plumes instead of a threshold; it may take the band ch4 (ppm·m).",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    satellite: Satellite = None
    coregister: Coregister = False
    sun_zenith: SunZenith = None
    view_zenith: ViewZenith = None
    absorption: Annotated[
        Path | None,
        Option(
            "Unit absorption for spectrometers: wavelength in nm, ln(radiance) per ppm·m.",
            metavar="FILE.csv",
            default="computed from geoseg's own table",
        ),
    ] = None
    column_group: Annotated[
        int | None,
        Field(ge=0),
        Option(
            "Detector columns of a spectrometer whose background is estimated together; 0: all.",
            metavar="N",
            default="as the product tells",
        ),
    ] = None
    source: Annotated[
        tuple[float, float] | None,
        text.reads(text.place),
        Option("Keep only plumes that touch this source.", metavar="LON,LAT", panel=INPUT, common=True),
    ] = None
    source_radius: Annotated[
        float, Field(gt=0), Option("Distance that still touches, m.", metavar="M", panel=INPUT)
    ] = 100.0
    wind: Annotated[
        Annotated[float, Field(gt=0, le=60)] | Path | None,
        text.reads(text.wind),
        Option(
            "Wind at 10 m: a speed, or netCDF (or its zip), GRIB or a raster of U10 and V10 (ERA5, GEOS-FP), "
            "at most 3 h from the scene. Without it there are no rates.",
            metavar="M/S|FILE",
            panel=INPUT,
            common=True,
        ),
    ] = None
    wind_from: Annotated[
        float | None,
        Field(ge=0, le=360),
        Option(
            "Direction that the wind comes from.",
            metavar="DEG",
            panel=INPUT,
            default="of the wind's file, else along the plume",
        ),
    ] = None
    wind_error: Annotated[
        float, Field(ge=0, le=1), Option("Relative standard error of the wind.", metavar="SHARE", panel=INPUT)
    ] = 0.5
    effective_wind: Annotated[
        tuple[float, float] | None,
        text.reads(text.pair),
        Option(
            "Effective wind = slope x U10 + offset.",
            metavar="SLOPE,OFFSET",
            panel=INPUT,
            default="the satellite's",
        ),
    ] = None
    threshold: Annotated[float | None, Field(gt=0), THRESHOLD] = None
    """ppm·m after the median filter; None: `sigma` or `percentile`."""
    sigma: Annotated[
        float,
        Field(gt=0),
        Option("Threshold: so many standard deviations above the background.", metavar="N"),
    ] = 2.0
    percentile: Annotated[
        float | None, Field(gt=50, lt=100), Option("Threshold: percentile of the scene instead.", metavar="P")
    ] = None
    min_pixels: Annotated[int, Field(ge=1), Option("Pixels of the smallest plume.", metavar="N")] = 5
    false_alarms: Annotated[
        float,
        Field(gt=0),
        Option(
            "How many false plumes a scene may be expected to show; weaker ones are suspects.", metavar="N"
        ),
    ] = 0.1
    columns: Annotated[
        Path | None, Option("Also write the enhancement in ppm·m as a COG.", metavar="OUT.tif", panel=OUTPUT)
    ] = None
    facilities: Annotated[
        Path | None,
        Option(
            "Facilities: plumes are attributed to the nearest. A map of geoseg methane facilities, or any "
            "vector file.",
            metavar="FILE",
            panel=INPUT,
        ),
    ] = None

"""What describes a search for methane: the request, and what each satellite needs to be known of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Spec
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

    scene: SceneSpec
    run: RunSpec
    reference: tuple[SceneSpec, ...] = ()
    """Scenes of the same place on days without plume; several are averaged."""
    method: str = "auto"
    """`auto` or a method of `geoseg.methane.methods`."""
    model: str | None = None
    """A network that draws the mask instead of a threshold; it may take the band `ch4` (ppm·m)."""
    satellite: str | None = None
    """Whose pass-bands count, where the files do not tell: `sentinel-2a`, `landsat-8`, …"""
    coregister: bool = False
    """Whether a shift between the scene and a reference is undone."""
    sun_zenith: Annotated[float, Field(ge=0, lt=85)] | None = None
    """Degrees; None: of the product, else computed from time and place."""
    view_zenith: Annotated[float, Field(ge=0, lt=70)] | None = None
    """Degrees; None: of the product, else 0."""
    absorption: Path | None = None
    """Unit absorption of spectrometers: CSV of wavelength in nm and ln(radiance) per ppm·m; None: computed
    from geoseg's own table."""
    column_group: Annotated[int, Field(ge=0)] | None = None
    """Detector columns whose background is estimated together; 0: all; None: by what the product tells."""
    source: tuple[float, float] | None = None
    """Longitude and latitude of a known source: only plumes that touch it are kept."""
    source_radius: Annotated[float, Field(gt=0)] = 100.0
    """m around `source`."""
    wind: Annotated[float, Field(gt=0, le=60)] | Path | None = None
    """m/s at 10 m above ground, or a file of U10 and V10 (netCDF, its zip, GRIB, raster); None: not known, so
    that plumes get no rates."""
    wind_from: Annotated[float, Field(ge=0, le=360)] | None = None
    """Degrees from north that the wind comes from; None: of the wind's file, else along the plume."""
    wind_error: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Relative standard error of the wind."""
    effective_wind: tuple[float, float] | None = None
    """Slope and offset (m/s); None: the satellite's."""
    threshold: Annotated[float, Field(gt=0)] | None = None
    """ppm·m after the median filter; None: `sigma` or `percentile`."""
    sigma: Annotated[float, Field(gt=0)] = 2.0
    """Standard deviations of the background above its mean."""
    percentile: Annotated[float, Field(gt=50, lt=100)] | None = None
    """Of the scene instead of `sigma`."""
    min_pixels: Annotated[int, Field(ge=1)] = 5
    """Smaller components are no plumes."""
    false_alarms: Annotated[float, Field(gt=0)] = 0.1
    """Plumes that may be expected by chance in the whole scene; weaker components are suspects."""
    columns: Path | None = None
    """Also write the enhancement in ppm·m as a COG here."""
    facilities: Path | None = None
    """Facilities to which plumes are attributed: a map of `geoseg methane facilities`, or any vector file."""

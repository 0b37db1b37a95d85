"""Satellites whose methane columns can be computed: bands, orbit and effective wind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Spec

Interval = tuple[float, float]


class SatelliteSpec(Spec):
    """Properties of a satellite that methane columns and rates depend on."""

    name: str
    """Value of `--satellite`."""
    title: str
    kind: Literal["multispectral", "spectrometer"]
    swir22: Interval | None = None
    """Limits in nm of the rectangular pass-band at 2.2 µm."""
    swir16: Interval | None = None
    """Limits in nm of the rectangular pass-band at 1.6 µm."""
    names: tuple[str, ...] = ()
    """Regular expressions for product names and for satellite names in product metadata."""
    node_hour: Annotated[float, Field(ge=0, lt=24)] | None = None
    """Mean local solar time of the descending node, hours; None: the orbit is not sun-synchronous."""
    inclination: Annotated[float, Field(gt=90, lt=180)] | None = None
    """Inclination of the orbit, degrees."""
    wind_slope: float
    """Effective wind speed = wind_slope * U10 + wind_offset, m/s."""
    wind_offset: float
    wind_citation: str
    citation: str = ""
    """Source of the pass-bands."""

    @model_validator(mode="after")
    def _has_bands(self) -> SatelliteSpec:
        if self.kind == "multispectral" and (self.swir22 is None or self.swir16 is None):
            raise ValueError("a multispectral satellite needs swir22 and swir16")
        return self

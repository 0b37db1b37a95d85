"""What describes a sensor: its bands, how they are named and scaled."""

from __future__ import annotations

from typing import Literal

from geoseg.spec.base import RadarUnits, Spec, Units


class SensorBand(Spec):
    """One band of a sensor."""

    name: str
    """STAC common name, e.g. `nir08`; `vv`, `vh` for SAR."""
    aliases: tuple[str, ...] = ()
    """The sensor's own names for it (`B8A`, `SR_B5`); matched whole and without regard to case."""
    wavelength: float | None = None
    """Centre wavelength in µm."""
    resolution: float | None = None
    """Ground sampling distance in m."""


class ProviderSpec(Spec):
    """How a provider stores a sensor's values, known by the names of its products."""

    pattern: str
    """Regular expression, without regard to case, on names of files, folders, products and collections."""
    title: str
    """Who provides it, for people."""
    radar_units: RadarUnits | None = None
    """Of radar backscatter; None: the name does not tell."""
    offset: bool | None = None
    """Whether counts of Sentinel-2 hold the offset of baseline 04.00; None: the name does not tell."""
    citation: str
    """Where that is said."""


class SensorSpec(Spec):
    """How a sensor's products are named and scaled."""

    name: str
    """As in `--sensor`."""
    title: str
    kind: Literal["optical", "sar", "hyperspectral"]
    units: Units
    """Units of the physical values after scale and offset."""
    bands: tuple[SensorBand, ...]
    scale: float = 1.0
    """Physical value = stored * scale + offset, where the product itself does not say otherwise."""
    offset: float = 0.0
    surface: bool = False
    """Whether the atmosphere was taken out: reflectance of the ground, where gases no longer show."""
    nodata: float | None = None
    """Stored value that means "not observed", where the file has no tag of its own."""
    order: tuple[str, ...] = ()
    """Usual band order of an unnamed stack of this sensor."""
    orders: tuple[tuple[str, ...], ...] = ()
    """Further usual orders, told apart by their length; two of one length by where the darkest band is."""
    file_patterns: tuple[str, ...] = ()
    """Regular expressions on file names that give this sensor away; a group `band` names the band."""
    providers: tuple[ProviderSpec, ...] = ()
    """Products whose names say how their values are stored; the first that fits counts."""
    citation: str = ""
    """Where scale, offset and wavelengths come from."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """Common names of all bands."""
        return tuple(band.name for band in self.bands)

"""Description of a sensor: bands, names, units and scale."""

from __future__ import annotations

from typing import Literal

from geoseg.spec.base import RadarUnits, Spec, Units


class SensorBand(Spec):
    """One band of a sensor."""

    name: str
    """STAC common name, e.g. `nir08`; `vv`, `vh` for SAR."""
    aliases: tuple[str, ...] = ()
    """Names of the band in products (`B8A`, `SR_B5`), matched completely and ignoring case."""
    wavelength: float | None = None
    """Centre wavelength in µm."""
    resolution: float | None = None
    """Ground sampling distance in m."""


class BandSeries(Spec):
    """Numbered bands without a meaning of their own: the axes of an embedding."""

    pattern: str
    """Regular expression for whole descriptions of bands; its first group is the number, from 0."""
    name: str
    """Format of the name of a band with its number."""
    count: int = 0
    """Number of bands; 0: any."""
    plain: str | None = None
    """Pattern of descriptions that other files have too: they show the sensor where all bands are there."""


class ProviderSpec(Spec):
    """How a provider stores the values of a sensor; recognised by product names."""

    pattern: str
    """Regular expression, ignoring case, for names of files, folders, products and collections."""
    title: str
    """Name of the provider, for people."""
    radar_units: RadarUnits | None = None
    """Unit of the stored backscatter; None: unknown."""
    scale: float | None = None
    """Scale of stored integers (physical value = stored value * scale); None: that of the sensor."""
    nodata: float | None = None
    """Stored value that means "not observed", for files without a nodata tag; None: that of the sensor."""
    offset: bool | None = None
    """Whether Sentinel-2 digital numbers include the radiometric offset of baseline 04.00; None: unknown."""
    citation: str
    """Source of these facts."""


class SensorSpec(Spec):
    """Description of the products of a sensor."""

    name: str
    """Value of `--sensor`."""
    title: str
    kind: Literal["optical", "sar", "hyperspectral", "embedding"]
    units: Units
    """Unit of the physical values after scale and offset."""
    bands: tuple[SensorBand, ...] = ()
    series: BandSeries | None = None
    """Bands of an embedding; None: `bands` lists them."""
    square: bool = False
    """Whether integers are signed roots: physical value = v |v|, with v = stored value * scale."""
    identity: tuple[str, ...] = ()
    """Tags of a file, in lower case, that must be equal in two scenes whose vectors are compared."""
    time_tag: str | None = None
    """Tag of a file, in lower case, with acquisition times in ISO 8601, separated by commas, or with a year;
    None: there is none."""
    scale: float = 1.0
    """Physical value = stored value * scale + offset, unless the product states other numbers."""
    offset: float = 0.0
    surface: bool = False
    """Whether values are surface reflectance, in which methane absorption is no longer visible."""
    nodata: float | None = None
    """Stored value that means "not observed", for files without a nodata tag."""
    order: tuple[str, ...] = ()
    """Usual band order of a stack without band names."""
    orders: tuple[tuple[str, ...], ...] = ()
    """Further usual band orders, chosen by their length; of equal length, by the position of the darkest
    band (cirrus; of radar, the cross-polarised `vh`)."""
    file_patterns: tuple[str, ...] = ()
    """Regular expressions for file names of this sensor; the group `band` is the name of the band."""
    plain_labels: bool = False
    """Whether the aliases are words that other products use too, so that they do not identify the sensor."""
    providers: tuple[ProviderSpec, ...] = ()
    """Providers, recognised by product names; the first match applies."""
    citation: str = ""
    """Source of scale, offset and wavelengths."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """Common names of all bands, in order."""
        return tuple(band.name for band in self.bands)

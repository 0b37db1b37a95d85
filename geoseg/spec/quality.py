"""Quality layers of products: codes and bits for clouds, cloud shadow, snow and the like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Spec

Condition = Literal["fill", "cloud", "shadow", "saturated", "layover", "masked", "snow", "haze"]
"""Condition of a pixel: no data, cloud (including cirrus), cloud shadow, saturated, radar layover or shadow,
masked by the user, snow or ice, thin haze."""

NOT_MAPPED: tuple[Condition, ...] = ("fill", "cloud", "shadow", "saturated", "layover", "masked")
"""Conditions of pixels that are not valid. Snow and thin haze are recorded, and mapped."""


class QualityFlag(Spec):
    """Values or bits of a quality layer that mean one condition."""

    means: Condition
    codes: tuple[int, ...] = ()
    """Values of the pixel, or of the bit field if `first_bit` is given."""
    bits: tuple[int, ...] = ()
    """Bits, 0 being the least significant; the condition holds if any of them is set."""
    first_bit: Annotated[int, Field(ge=0, le=31)] | None = None
    """First bit of the bit field whose values are `codes`; None: whole values."""
    width: Annotated[int, Field(ge=1, le=8)] = 1
    """Number of bits of the bit field."""
    at_least: int | None = None
    """Least value that means the condition."""
    unless: tuple[int, ...] = ()
    """Values of the pixel that never mean the condition."""
    band: str | None = None
    """Description of the band in a layer of several bands; None: the band `index`."""
    index: Annotated[int, Field(ge=1)] = 1
    """Number of the band, from 1, if the bands have no descriptions."""
    of: str | None = None
    """Name, as of the sensor, of the only band that the flag applies to (`B3`); None: all bands."""

    @model_validator(mode="after")
    def _one_way(self) -> QualityFlag:
        if sum((bool(self.codes), bool(self.bits), self.at_least is not None)) != 1:
            raise ValueError("a flag needs exactly one of codes, bits and at_least")
        return self


class QualitySpec(Spec):
    """A kind of quality layer."""

    name: str
    title: str
    """Name in messages, as in the product: `QA_PIXEL`."""
    file_patterns: tuple[str, ...] = ()
    """Regular expressions for file names, ignoring case."""
    labels: tuple[str, ...] = ()
    """STAC asset keys and band descriptions of such a layer, ignoring case."""
    flags: Annotated[tuple[QualityFlag, ...], Field(min_length=1)]
    band_names: tuple[str, str] | None = None
    """Text in the layer's name, and what the names of its bands have in its place; None: they begin alike."""
    least_highest: int = 0
    """Least maximum of a layer of this kind, to distinguish layouts with the same name."""
    highest: int | None = None
    """Highest code of the legend, but for 255 and nodata: a file with others is no such layer; None: any."""
    bands: int = 1
    """Least number of bands of the file."""
    polygons: tuple[str, ...] = ()
    """For polygons (GML) in place of a raster: values of `maskType` that mean the condition of the flag."""
    superseded_by: tuple[str, ...] = ()
    """Quality layers that are used in place of this one, if present."""
    citation: str
    """Document that defines the codes."""

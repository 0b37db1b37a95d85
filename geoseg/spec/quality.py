"""What describes a quality layer: the codes and bits by which a product says what hides the ground."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Spec

Condition = Literal["fill", "cloud", "shadow", "saturated", "layover", "masked", "snow", "haze"]
"""What a quality layer says of a pixel: no data, cloud (cirrus included), cloud shadow, saturated, radar
layover or radar shadow, masked by the user, snow or ice, thin haze."""

NOT_MAPPED: tuple[Condition, ...] = ("fill", "cloud", "shadow", "saturated", "layover", "masked")
"""Conditions under which a pixel counts as not observed; snow and thin haze are told apart, but mapped."""


class QualityFlag(Spec):
    """Values of a quality layer that mean one condition: whole values, or bits of them."""

    means: Condition
    codes: tuple[int, ...] = ()
    """Values; of the bit field where `first_bit` is given."""
    bits: tuple[int, ...] = ()
    """Bits (0 is the least) of which any one set means the condition."""
    first_bit: Annotated[int, Field(ge=0, le=31)] | None = None
    """Where a bit field begins, whose value is then one of `codes`."""
    width: Annotated[int, Field(ge=1, le=8)] = 1
    """Bits of the bit field."""
    at_least: int | None = None
    """Values from here on."""
    unless: tuple[int, ...] = ()
    """Whole values that never mean it."""
    band: str | None = None
    """Description of the band of a layer of several; None: the first band."""
    index: Annotated[int, Field(ge=1)] = 1
    """1-based band where descriptions do not tell."""
    of: str | None = None
    """The sensor's name of the only band that the flag concerns (`B3`); None: all bands."""

    @model_validator(mode="after")
    def _one_way(self) -> QualityFlag:
        if sum((bool(self.codes), bool(self.bits), self.at_least is not None)) != 1:
            raise ValueError("a flag is said by codes, by bits or by at_least, one of them")
        return self


class QualitySpec(Spec):
    """A kind of quality layer."""

    name: str
    title: str
    """What messages call it, as its product does: `QA_PIXEL`."""
    file_patterns: tuple[str, ...] = ()
    """Regular expressions on file names, without regard to case."""
    labels: tuple[str, ...] = ()
    """STAC asset keys and band descriptions that are such a layer, without regard to case."""
    flags: Annotated[tuple[QualityFlag, ...], Field(min_length=1)]
    least_highest: int = 0
    """A layer is of this kind only if its highest value is at least this: tells layouts of one name apart."""
    bands: int = 1
    """Least number of bands of a file of this kind."""
    polygons: tuple[str, ...] = ()
    """For polygons (GML) instead of a raster: values of `maskType` that mean the flag's condition."""
    superseded_by: tuple[str, ...] = ()
    """Kinds that say the same better: with one of them there, this one is not used."""
    citation: str
    """Where the codes are defined."""

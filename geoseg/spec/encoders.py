"""Description of an encoder, such as a foundation model: sizes, bands, normalisation, weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Spec, Units

Family = Literal["timm", "galileo", "prithvi", "dofa", "clay", "terramind", "olmoearth"]
"""Module of `geoseg.models.networks.encoders` that builds the encoder."""

UNKNOWN_MONTH = 5
"""June, 0 being January: the month of a date that is not known, in training and in maps."""

UNKNOWN_FACT = -1000.0
"""Value of the channels of a date or place that is not known: a network then adds nothing for it."""

Metadata = Literal["month", "date", "lonlat"]
"""Facts about a scene, apart from its pixels, that an encoder may read."""

FACTS_OF_DATE: Mapping[Metadata, tuple[str, ...]] = MappingProxyType(
    {"date": ("year", "day"), "month": ("month",)}
)
"""Channels of the facts that each date has. `month` is 0 (January) to 11, `day` that of the year from 0, as
the data sets count it that published -TL weights were fine-tuned on."""

FACTS_OF_PLACE: Mapping[Metadata, tuple[str, ...]] = MappingProxyType({"lonlat": ("lat", "lon")})
"""Channels of the facts that all dates share: degrees, at the centre of the image."""


class EncoderBand(Spec):
    """A band that an encoder was trained on; normalised value = (physical * scale - mean) / std."""

    name: str
    """Common name."""
    wavelength: float | None = None
    """Centre wavelength in µm; None for radar and indices."""
    mean: float
    std: Annotated[float, Field(gt=0)]


class EncoderModality(Spec):
    """Bands of one kind of sensor."""

    units: Units
    """Physical unit of the bands."""
    scale: float = 1.0
    """Factor from physical values to those of `mean` and `std`."""
    bands: Annotated[tuple[EncoderBand, ...], Field(min_length=1)]


class EncoderWeights(Spec):
    """Where the pretrained weights are, and what is known of the file."""

    url: str
    """Address of the file; `hub:OWNER/NAME/FILE` for a file of the Hugging Face hub."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$|^$", default="")
    """Hash of the file; empty: unknown, not checked."""
    size: int = 0
    """Bytes; 0: unknown."""
    prefix: str = ""
    """Prefix of the keys that belong to the encoder, which is removed; other keys are not read."""
    ignore: tuple[str, ...] = ()
    """Beginnings of keys that are not used. Every other key must be used."""


class EncoderSpec(Spec):
    """Description of an encoder."""

    name: str
    title: str
    family: Family
    architecture: str = ""
    """Name of the model in timm."""
    width: Annotated[int, Field(ge=1)]
    """Features of a patch."""
    depth: Annotated[int, Field(ge=1)]
    """Number of transformer blocks, or of stages of a hierarchical network."""
    heads: Annotated[int, Field(ge=1)] = 1
    gated: bool = False
    """Whether the blocks have gated layers without biases, as TerraMind base and large."""
    patch: Annotated[int, Field(ge=1)]
    """Pixels of a side of a patch, unless a config sets another one."""
    patches: tuple[int, int]
    """Smallest and greatest patch that the weights were trained for."""
    tile: Annotated[int, Field(ge=1)]
    """Patches of a side of a tile, unless a config sets its tile: what training and attention allow."""
    prefix_tokens: Annotated[int, Field(ge=0)] = 0
    """Number of tokens before those of the patches: class and register tokens."""
    layers: Annotated[tuple[int, ...], Field(min_length=1)]
    """Blocks or stages, from 0, whose features a decoder reads."""
    modalities: Annotated[tuple[EncoderModality, ...], Field(min_length=1)]
    centre: float = 0.0
    """Normalised value of the mean of the training images: the value of pixels that were not observed."""
    gsd: Annotated[float, Field(gt=0)]
    """Pixel size in m of the training images."""
    dates: tuple[int, int] = (1, 1)
    """Least and greatest number of dates."""
    dates_apart: bool = False
    """Whether a patch has the features of each date, one after the other; else it has their mean."""
    metadata: dict[Metadata, Literal["needed", "optional"]] = {}
    """Facts that the weights read, besides pixels."""
    positions: Literal["computed", "interpolated", "rotary", "relative"]
    """How positions are known for images of another size than in training: computed by an equation,
    interpolated in a table, rotary, or relative (no table of absolute positions)."""
    licence: str
    """SPDX identifier, or name, of the licence of the weights."""
    citation: str = ""
    weights: EncoderWeights | None = None
    """None: timm knows where its weights are."""

    @model_validator(mode="after")
    def _fits(self) -> EncoderSpec:
        names = [band.name for modality in self.modalities for band in modality.bands]
        if len(set(names)) < len(names):
            raise ValueError("two bands have the same name")
        if max(self.layers) >= self.depth:
            raise ValueError(f"layers: layer {max(self.layers)} does not exist in a depth of {self.depth}")
        if (self.family == "timm") != bool(self.architecture):
            raise ValueError("architecture is the name of a model in timm, for family timm only")
        if not self.patches[0] <= self.patch <= self.patches[1]:
            raise ValueError(f"patch {self.patch} is outside {self.patches[0]} to {self.patches[1]}")
        return self

    def features(self, dates: int) -> int:
        """Return the number of features of a patch in images of so many dates."""
        return self.width * dates if self.dates_apart else self.width

    @property
    def bands(self) -> dict[str, EncoderBand]:
        """Return every band by name."""
        return {band.name: band for modality in self.modalities for band in modality.bands}


def metadata_channels(facts: Collection[Metadata], prefixes: Sequence[str]) -> tuple[str, ...]:
    """Return the channels behind the bands of a network: those of each date, then those of the place.

    Args:
        facts: that the network reads.
        prefixes: of the bands of each date, such as `t2`; empty for a single date.
    """
    of_date = [name for fact, names in FACTS_OF_DATE.items() if fact in facts for name in names]
    of_place = [name for fact, names in FACTS_OF_PLACE.items() if fact in facts for name in names]
    dated = (f"{prefix}:{name}" if prefix else name for prefix in prefixes for name in of_date)
    return (*dated, *of_place)

"""What product names, tags and descriptions say of how radar backscatter is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geoseg.scenes.bands import Band
from geoseg.scenes.product import Product
from geoseg.scenes.providers import names_of, provider_of
from geoseg.scenes.raster import base_name
from geoseg.spec import RadarUnits, SensorSpec

_WORDS: Mapping[RadarUnits, re.Pattern[str]] = {
    "db": re.compile(r"(?<![a-z])(db|decibels?)(?![a-z])", re.IGNORECASE),
    "power": re.compile(r"(?<![a-z])(power|pwr|intensity|linear)(?![a-z])", re.IGNORECASE),
    "amplitude": re.compile(r"(?<![a-z])(amplitude|amp|magnitude)(?![a-z])", re.IGNORECASE),
}
_TAGS = re.compile(r"unit|expression|radiometr|calibrat")
"""Keys of tags that tell units; OPERA's is ..._BACKSCATTER_EXPRESSION_CONVENTION."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Units that one source says."""

    units: RadarUnits
    why: str
    """For people."""


def units_said(bands: Sequence[Band], sensor: SensorSpec, product: Product) -> list[list[Said]]:
    """Return what sources say of the bands, the most trusted source first: product names, then words.

    Within a source each different word is there once: more than one where bands are said to differ.
    """
    named = [_by_name(band, sensor, product) for band in bands]
    worded = [_by_words(band, product) for band in bands]
    return [list(dict.fromkeys(said for said in source if said)) for source in (named, worded)]


def _by_name(band: Band, sensor: SensorSpec, product: Product) -> Said | None:
    """Return the units that a product's name tells."""
    provider = provider_of(names_of(band.raster, product), sensor)
    if provider is None or provider.radar_units is None:
        return None
    return Said(units=provider.radar_units, why=f"{provider.title}, by its name")


def _by_words(band: Band, product: Product) -> Said | None:
    """Return the units that a band's description, tags or file name tell; the nearest to the band counts."""
    raster, index = band.raster, band.index
    description, name = raster.descriptions[index - 1] or "", base_name(raster.path)
    asset = next((item for item in product.assets if item.path == raster.path), None)
    unit = asset.units[index - 1] if asset and index <= len(asset.units) else ""
    texts = [(description, f"its description {description}"), (unit, f"the unit {unit} of the STAC item")]
    for tags in (raster.tags(index), raster.tags()):
        texts += [(value, f"the tag {key}={value}") for key, value in tags.items() if _TAGS.search(key)]
    texts.append((name.rpartition(".")[0] or name, f"the name {name}"))
    for text, why in texts:
        for units, pattern in _WORDS.items():
            if pattern.search(text):
                return Said(units=units, why=why)
    return None

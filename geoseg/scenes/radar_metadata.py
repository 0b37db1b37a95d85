"""Units of radar backscatter in product names, tags and band descriptions."""

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
"""Keys of tags that state units; OPERA's is ..._BACKSCATTER_EXPRESSION_CONVENTION."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedUnits:
    """Units that one source states."""

    units: RadarUnits
    why: str
    """Source, for messages."""


def stated_units(bands: Sequence[Band], sensor: SensorSpec, product: Product) -> list[list[StatedUnits]]:
    """Return the units that each source states, the most trusted source first: product names, then words.

    Each source gives its different statements once; it has several if the bands differ.
    """
    by_name = [_by_name(band, sensor, product) for band in bands]
    by_words = [_by_words(band, product) for band in bands]
    return [list(dict.fromkeys(item for item in source if item)) for source in (by_name, by_words)]


def _by_name(band: Band, sensor: SensorSpec, product: Product) -> StatedUnits | None:
    """Return the units in a product's name; None if there are none."""
    provider = provider_of(names_of(band.raster, product), sensor)
    if provider is None or provider.radar_units is None:
        return None
    return StatedUnits(units=provider.radar_units, why=f"{provider.title}, by its name")


def _by_words(band: Band, product: Product) -> StatedUnits | None:
    """Return the units in a band's description, tags or file name, in this order; None if there are none."""
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
                return StatedUnits(units=units, why=why)
    return None

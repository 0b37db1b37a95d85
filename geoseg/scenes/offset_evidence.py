"""What is said of the offset of Sentinel-2's baseline 04.00: by product, provider, names and dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from geoseg.scenes.bands import Band
from geoseg.scenes.product import FILE_TAGS, STAC_ITEM, OffsetFacts, Product, baseline_in, time_in_name
from geoseg.scenes.providers import names_of, provider_of
from geoseg.spec import SensorSpec

SINCE = datetime(2022, 1, 25, tzinfo=UTC)
"""First acquisitions of baseline 04.00, whose digital numbers carry 1000 more (ESA, Sentinel-2 Products
Specification Document, section 4.9). Older ones were reprocessed as Collection 1 with baseline 05.00."""

BASELINE = 4.0


class Trust(IntEnum):
    """How far a source is trusted."""

    DATE = 1
    SCALING = 2
    """Scale and offset that a catalogue or a file states of its bands."""
    PROVIDER = 3
    BASELINE = 4
    USER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One source's word."""

    held: bool
    """Whether stored values hold the offset."""
    trust: Trust
    why: str
    """For people."""


def collect(
    bands: Sequence[Band], sensor: SensorSpec, product: Product, time: datetime | None
) -> list[Evidence]:
    """Return all that is said, the most trusted first; two of the same trust may contradict each other.

    Args:
        bands: those of one product of Sentinel-2 in reflectance, with the scale and offset that product or
            file say.
        sensor: the scene's.
        product: the scene's files.
        time: of the acquisition.
    """
    facts = facts_of(bands[0], product)
    found = list(_asked(sensor))
    if facts is not None and facts.listed:
        held = any(band.offset for band in bands)
        found.append(Evidence(held=held, trust=Trust.BASELINE, why=_why(facts.baseline, facts.source)))
    else:
        found += dict.fromkeys(word for band in bands for word in _of_band(band, sensor, product))
        found += _by_scaling(bands, facts)
    if time is not None:
        why = f"acquired {time:%Y-%m-%d}, baseline 04.00 came on {SINCE:%Y-%m-%d}"
        found.append(Evidence(held=time >= SINCE, trust=Trust.DATE, why=why))
    return sorted(found, key=lambda item: -item.trust)


def facts_of(band: Band, product: Product) -> OffsetFacts | None:
    """Return what the metadata of a band's product say; None: there are none."""
    return next((asset.offset for asset in product.assets if asset.path == band.raster.path), None)


def _asked(sensor: SensorSpec) -> Iterable[Evidence]:
    """What `--sensor …-offset` or `…-harmonised` says."""
    for suffix, held in (("-offset", True), ("-harmonised", False)):
        if sensor.name.endswith(suffix):
            yield Evidence(held=held, trust=Trust.USER, why="as --sensor says")


def _of_band(band: Band, sensor: SensorSpec, product: Product) -> Iterable[Evidence]:
    """What the item says, else the names of a band's file, of its folders and of the product.

    No offset was ever added before baseline 04.00. Since then a provider may have taken it off.
    """
    facts = facts_of(band, product) or OffsetFacts(source="its name")
    baseline, source = facts.baseline, facts.source
    if baseline is None:
        baseline, source = _named_baseline(names_of(band.raster, product, folders=7)), "its name"
    if baseline is not None and baseline < BASELINE:
        yield Evidence(held=False, trust=Trust.BASELINE, why=_why(baseline, source))
        return
    provider = provider_of(names_of(band.raster, product), sensor)
    if facts.taken_off:
        yield Evidence(held=False, trust=Trust.PROVIDER, why=facts.statement)
    elif provider is not None and (provider.offset is False or (provider.offset and baseline is None)):
        yield Evidence(held=provider.offset, trust=Trust.PROVIDER, why=f"{provider.title}, by its name")
    elif baseline is not None:
        # Earth Search says of many items that it left the offset in where it took it off.
        trust = Trust.BASELINE if facts.taken_off is None else Trust.PROVIDER
        yield Evidence(held=True, trust=trust, why=_why(baseline, source))


def _named_baseline(names: Sequence[str]) -> float | None:
    """Return the baseline that the first telling name says; one of another date is not the file's."""
    own = time_in_name(names[0])
    for name in names:
        found, other = baseline_in(name), time_in_name(name)
        if found is not None and (own is None or other is None or own.date() == other.date()):
            return found
    return None


def _why(baseline: float | None, source: str) -> str:
    return f"no baseline in {source}" if baseline is None else f"baseline {baseline:05.2f} in {source}"


def _by_scaling(bands: Sequence[Band], facts: OffsetFacts | None) -> Iterable[Evidence]:
    """What the offset of a STAC item's bands or of the files' own tags says."""
    if facts is not None and facts.taken_off is not None:
        # Catalogues that say whether it was taken off write -0.1 for all items.
        return
    for origin, where in ((STAC_ITEM, "the bands of the STAC item"), (FILE_TAGS, "the file's tags")):
        for held in {band.offset != 0 for band in bands if band.scaling == origin}:
            why = f"offset {'-0.1' if held else '0'} in {where}"
            yield Evidence(held=held, trust=Trust.SCALING, why=why)

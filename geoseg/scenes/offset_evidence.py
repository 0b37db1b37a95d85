"""Collect evidence for the radiometric offset of Sentinel-2: from product, provider, names and dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from geoseg.scenes.bands import Band
from geoseg.scenes.name_time import time_in_name
from geoseg.scenes.product import FILE_TAGS, STAC_ITEM, OffsetFacts, Product, baseline_in
from geoseg.scenes.providers import names_of, provider_of
from geoseg.spec import SensorSpec

SINCE = datetime(2022, 1, 25, tzinfo=UTC)
"""First acquisitions of baseline 04.00, whose digital numbers are 1000 higher (ESA, Sentinel-2 Products
Specification Document, section 4.9). Older ones were reprocessed as Collection 1 with baseline 05.00."""

BASELINE = 4.0


class Trust(IntEnum):
    """How reliable a source is; a higher value overrides a lower one."""

    DATE = 1
    SCALING = 2
    """Scale and offset of bands in a catalogue or in a file's tags."""
    PROVIDER = 3
    BASELINE = 4
    USER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetEvidence:
    """Evidence of one source."""

    present: bool
    """Whether the stored values contain the offset."""
    trust: Trust
    why: str
    """Reason, for messages."""


def collect_evidence(
    bands: Sequence[Band], sensor: SensorSpec, product: Product, time: datetime | None
) -> list[OffsetEvidence]:
    """Return all evidence, the most trusted first; evidence of the same trust may be contradictory.

    Args:
        bands: the reflectance bands of one product of Sentinel-2, with scale and offset of product or file.
        sensor: the scene's sensor.
        product: the scene's files.
        time: acquisition time (UTC); None: not known.
    """
    facts = facts_of(bands[0], product)
    evidence: list[OffsetEvidence] = []
    for suffix, present in (("-offset", True), ("-harmonised", False)):
        if sensor.name.endswith(suffix):
            evidence.append(OffsetEvidence(present=present, trust=Trust.USER, why="set with --sensor"))
    if facts is not None and facts.listed:
        present = any(band.offset for band in bands)
        why = _baseline_text(facts.baseline, facts.source)
        evidence.append(OffsetEvidence(present=present, trust=Trust.BASELINE, why=why))
    else:
        evidence += dict.fromkeys(item for band in bands for item in _of_band(band, sensor, product))
        evidence += _by_scaling(bands, facts)
    if time is not None:
        why = f"acquired {time:%Y-%m-%d}, baseline 04.00 came on {SINCE:%Y-%m-%d}"
        evidence.append(OffsetEvidence(present=time >= SINCE, trust=Trust.DATE, why=why))
    return sorted(evidence, key=lambda item: -item.trust)


def facts_of(band: Band, product: Product) -> OffsetFacts | None:
    """Return the metadata about the offset of a band's product; None if there are none."""
    return next((asset.offset for asset in product.assets if asset.path == band.raster.path), None)


def _of_band(band: Band, sensor: SensorSpec, product: Product) -> Iterable[OffsetEvidence]:
    """Yield evidence from a STAC item, else from the names of file, folders and product.

    Before baseline 04.00 no offset was added. Since then providers may have subtracted it.
    """
    facts = facts_of(band, product) or OffsetFacts(source="its name")
    baseline, source = facts.baseline, facts.source
    if baseline is None:
        baseline, source = _baseline_in_names(names_of(band.raster, product, folders=7)), "its name"
    if baseline is not None and baseline < BASELINE:
        yield OffsetEvidence(present=False, trust=Trust.BASELINE, why=_baseline_text(baseline, source))
        return
    provider = provider_of(names_of(band.raster, product), sensor)
    if facts.offset_removed:
        yield OffsetEvidence(present=False, trust=Trust.PROVIDER, why=facts.statement)
    elif provider is not None and (provider.offset is False or (provider.offset and baseline is None)):
        why = f"{provider.title}, by its name"
        yield OffsetEvidence(present=provider.offset, trust=Trust.PROVIDER, why=why)
    elif baseline is not None:
        # Many items of Earth Search state that the offset is present although it was subtracted.
        trust = Trust.BASELINE if facts.offset_removed is None else Trust.PROVIDER
        yield OffsetEvidence(present=True, trust=trust, why=_baseline_text(baseline, source))


def _baseline_in_names(names: Sequence[str]) -> float | None:
    """Return the baseline in the first name that has one, without names of another date than the file's."""
    time = time_in_name(names[0])
    for name in names:
        baseline, other = baseline_in(name), time_in_name(name)
        if baseline is not None and (time is None or other is None or time.date() == other.date()):
            return baseline
    return None


def _baseline_text(baseline: float | None, source: str) -> str:
    return f"no baseline in {source}" if baseline is None else f"baseline {baseline:05.2f} in {source}"


def _by_scaling(bands: Sequence[Band], facts: OffsetFacts | None) -> Iterable[OffsetEvidence]:
    """Yield evidence from the offset of a STAC item's bands or of a file's tags."""
    if facts is not None and facts.offset_removed is not None:
        # Catalogues that state whether it was subtracted write -0.1 for all items.
        return
    for origin, where in ((STAC_ITEM, "the bands of the STAC item"), (FILE_TAGS, "the file's tags")):
        for present in {band.offset != 0 for band in bands if band.scaling == origin}:
            why = f"offset {'-0.1' if present else '0'} in {where}"
            yield OffsetEvidence(present=present, trust=Trust.SCALING, why=why)

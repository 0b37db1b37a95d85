"""Decide whether the values of Sentinel-2 contain the radiometric offset of baseline 04.00."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from geoseg.errors import SceneError
from geoseg.messages import counted, note, warn
from geoseg.scenes.bands import Band
from geoseg.scenes.offset_counts import CountsCheck, check_counts
from geoseg.scenes.offset_evidence import OffsetEvidence, Trust, collect_evidence, facts_of
from geoseg.scenes.product import Product
from geoseg.scenes.raster import base_name
from geoseg.scenes.recognition import without_variant
from geoseg.spec import SensorSpec

LOG = logging.getLogger(__name__)

OFFSET = -0.1
"""Radiometric offset in reflectance."""

_DARK = 1150
"""Digital number of dark ground with the offset: without pixels below it a scene has no dark ground."""

_SUFFIXES = ("-offset", "-harmonised")


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDecision:
    """Whether the stored values contain the offset, so that it is subtracted."""

    present: bool
    why: str
    """Reason, for messages."""
    certain: bool = True
    """False if evidence contradicts the decision: the message is a warning then."""


def settle_offset(
    bands: Sequence[Band], *, sensor: SensorSpec, product: Product, time: datetime | None
) -> list[Band]:
    """Return the bands with the offset, decided once for all reflectance bands of a tile of Sentinel-2.

    Args:
        bands: calibrated by product, file or sensor; tiles may repeat a name.
        sensor: the scene's sensor, one of Sentinel-2.
        product: the scene's files.
        time: acquisition time (UTC); None: not known.

    Raises:
        SceneError: metadata contradict each other and the values do not decide; or no offset fits the values.
    """
    base = without_variant(sensor.name)
    decisions: dict[Band, OffsetDecision] = {}
    for tile in _tiles([band for band in bands if band.units == "reflectance"]):
        stated = {round(band.offset, 6) for band in tile}
        facts = facts_of(tile[0], product)
        # Offsets of another size, or offsets that differ between the bands of a product, stay as stated.
        if stated <= {0.0, OFFSET} and not (facts and facts.listed and len(stated) > 1):
            counts = check_counts(tile)
            evidence = collect_evidence(tile, sensor, product, time)
            # Reflectance has scale 1, and no metadata say whether the offset was subtracted from it.
            scaled = all(band.scale == 1.0 for band in tile)
            decide = _decide_by_reflectance if scaled else decide_by_counts
            decisions |= dict.fromkeys(tile, decide(evidence, counts, base))
    _report(decisions, base)
    return [
        replace(
            band,
            offset=OFFSET if decisions[band].present else 0.0,
            scaling=f"{band.scaling}; {decisions[band].why}",
        )
        if band in decisions
        else band
        for band in bands
    ]


def doubt_absence(bands: Sequence[Band], sensor: SensorSpec) -> None:
    """Warn if bands that are read as HLS contain the offset: HLS never does.

    Sentinel-2 has the same labels, and is stored in signed integers of 30 m by some users.

    Args:
        bands: calibrated bands of a scene.
        sensor: the scene's sensor, one of HLS.

    Raises:
        SceneReadError: a file is damaged.
    """
    reflective = [band for band in bands if band.units == "reflectance" and band.scale != 1.0]
    counts = check_counts(reflective) if reflective else None
    if counts is not None and counts.result == "present":
        warn(
            LOG,
            "sentinel2-offset-doubtful",
            f"read as {sensor.name}, which has no offset, but the values contain that of Sentinel-2: "
            f"{counts.why}; if these are digital numbers of Sentinel-2, use `--sensor sentinel-2-l2a-offset`",
        )


def _tiles(bands: Sequence[Band]) -> list[list[Band]]:
    """Return the bands of each tile.

    The band that occurs most often gives one file per tile; other bands belong to the nearest of these.
    """
    names = [band.name for band in bands]
    if len(set(names)) == len(names):
        return [list(bands)] if bands else []
    most = max(names, key=names.count)
    centres = [_centre(band) for band in bands if band.name == most]
    tiles: list[list[Band]] = [[] for _ in centres]
    for band in bands:
        x, y = _centre(band)
        distances = [(x - east) ** 2 + (y - north) ** 2 for east, north in centres]
        tiles[distances.index(min(distances))].append(band)
    return [tile for tile in tiles if tile]


def _centre(band: Band) -> tuple[float, float]:
    """Return the centre of a band's file in degrees; in pixel coordinates if it has no CRS."""
    grid = band.raster.grid
    row, col = grid.height / 2, grid.width / 2
    if grid.crs is None:
        t = grid.transform
        return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f
    lon, lat = grid.lonlat(np.array([row]), np.array([col]))
    return float(lon[0]), float(lat[0])


def decide_by_counts(evidence: Sequence[OffsetEvidence], counts: CountsCheck, base: str) -> OffsetDecision:
    """Decide for digital numbers.

    The most trusted evidence counts and is checked against the values. A definite result of the values
    overrides everything but `--sensor`; an indication overrides providers and dates.

    Args:
        evidence: the most trusted first.
        counts: the check of the values.
        base: `sentinel-2-l1c` or `sentinel-2-l2a`.

    Raises:
        SceneError: as `settle_offset`.
    """
    in_values = {"present": True, "absent": False}.get(counts.result)
    first = evidence[0] if evidence else None
    if first is not None and first.trust is Trust.USER:
        against = in_values not in {None, first.present} or counts.result in {"subtracted twice", "mixed"}
        but = f"{first.why}, although the values contradict it: {counts.why}"
        return OffsetDecision(present=first.present, why=but if against else first.why, certain=not against)
    # Neither decision makes these values right.
    if counts.result == "subtracted twice":
        raise SceneError(
            f"Sentinel-2: {counts.why} (reflectance x 10000): the offset was subtracted from values that did "
            "not contain it; give the digital numbers as stored, or add 0.1 to the reflectance first"
        )
    if counts.result == "mixed":
        raise SceneError(
            "Sentinel-2: a part of the scene contains the offset of baseline 04.00 and a part does not "
            f"({counts.why}); give products of one baseline at a time"
        )
    if first is None:
        return _decide_by_values(counts, "neither baseline nor date is known", in_values)
    if any(item.trust is first.trust and item.present is not first.present for item in evidence):
        return _contradiction(
            [item.why for item in evidence if item.trust is first.trust], counts, in_values, base
        )
    if in_values is not None and in_values is not first.present:
        why = f"{first.why}, but the values contradict it: {counts.why}"
        return OffsetDecision(present=in_values, why=why, certain=False)
    if counts.result == "probably absent" and first.present:
        why = f"{first.why}, but the values make it unlikely: {counts.why}"
        return OffsetDecision(present=first.trust >= Trust.BASELINE, why=why, certain=False)
    if in_values is not None:
        return OffsetDecision(present=in_values, why=f"{first.why}; the values agree: {counts.why}")
    return _decide_by_metadata(first, evidence, counts)


def _contradiction(
    reasons: Sequence[str], counts: CountsCheck, in_values: bool | None, base: str
) -> OffsetDecision:
    """Decide between contradictory evidence of one trust by the values.

    Raises:
        SceneError: the values do not decide.
    """
    listed = "; ".join(reasons)
    if in_values is None:
        raise SceneError(
            f"Sentinel-2: the evidence for the offset is contradictory ({listed}) and {counts.why}; set "
            f"`--sensor {base}-offset` if the values are 1000 higher, `--sensor {base}-harmonised` if not"
        )
    return OffsetDecision(present=in_values, why=f"{listed}; the values decide: {counts.why}", certain=False)


def _decide_by_values(counts: CountsCheck, unknown: str, in_values: bool | None) -> OffsetDecision:
    """Decide without metadata."""
    if in_values is not None:
        return OffsetDecision(present=in_values, why=f"{unknown}; {counts.why}")
    certain = counts.result == "probably absent"
    return OffsetDecision(present=False, why=f"{unknown}, and {counts.why}", certain=certain)


def _decide_by_metadata(
    first: OffsetEvidence, evidence: Sequence[OffsetEvidence], counts: CountsCheck
) -> OffsetDecision:
    """Decide where the values do not: by the most trusted evidence, uncertain if other evidence differs."""
    others = [item for item in evidence if item.present is not first.present]
    if first.trust > Trust.SCALING:
        # A date proves nothing: older scenes were reprocessed, and providers subtract the offset.
        others = [item for item in others if item.trust > Trust.DATE]
    if others:
        why = f"{first.why}, although {others[0].why}; {counts.why}"
        return OffsetDecision(present=first.present, why=why, certain=False)
    if first.trust is Trust.DATE and counts.lowest >= (_DARK if first.present else 1000):
        may = "providers may have subtracted it" if first.present else "older scenes were reprocessed with it"
        why = f"{first.why}; but {may}, and {counts.why}"
        return OffsetDecision(present=first.present, why=why, certain=False)
    return OffsetDecision(present=first.present, why=first.why)


def _decide_by_reflectance(
    evidence: Sequence[OffsetEvidence], counts: CountsCheck, base: str
) -> OffsetDecision:
    """Decide for stored reflectance of 0..1, which may still contain the offset."""
    by_user = bool(evidence) and evidence[0].trust is Trust.USER
    if counts.result in {"subtracted twice", "mixed"} or by_user:
        return decide_by_counts(evidence[:1], counts, base)
    what = "values are reflectance of 0..1"
    if counts.result == "present":
        why = f"{what}, but 0.1 too high: {counts.why} (x 10000)"
        return OffsetDecision(present=True, why=why, certain=False)
    stated = bool(evidence) and evidence[0].present
    if stated and counts.result == "unknown" and counts.lowest >= 1000:
        why = f"{what} ({evidence[0].why}), and {counts.why} (x 10000)"
        return OffsetDecision(present=False, why=why, certain=False)
    return OffsetDecision(present=False, why=f"{what} and are used as stored")


def _report(decisions: Mapping[Band, OffsetDecision], base: str) -> None:
    """Note or warn what was decided, once for all tiles with the same decision."""
    groups: dict[tuple[bool, bool], list[Band]] = {}
    for band, decision in decisions.items():
        groups.setdefault((decision.present, decision.certain), []).append(band)
    for (present, certain), bands in groups.items():
        of = f" of {base_name(bands[0].raster.path)} and similar files" if len(groups) > 1 else ""
        count = counted(len(bands), "band")
        what = f"Sentinel-2: {'offset -1000' if present else 'no offset'} applied to {count}{of}"
        why, other = decisions[bands[0]].why, f"`--sensor {base}{_SUFFIXES[present]}`"
        if certain:
            note(LOG, f"{what} ({why}); to change this, use {other}")
        else:
            warn(LOG, "sentinel2-offset-doubtful", f"{what}: {why}; if this is wrong, use {other}")

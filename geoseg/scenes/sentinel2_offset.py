"""The offset of Sentinel-2's baseline 04.00, decided once a scene by all that is said and its values."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.scenes.bands import Band
from geoseg.scenes.offset_counts import Judgement, look
from geoseg.scenes.offset_evidence import Evidence, Trust, collect, facts_of
from geoseg.scenes.product import Product
from geoseg.scenes.raster import base_name
from geoseg.spec import SensorSpec

LOG = logging.getLogger(__name__)

OFFSET = -0.1
"""Reflectance."""

_DARK = 1150
"""Count of dark ground with the offset: where a thousandth of a scene is not below it, nothing is dark."""

_SUFFIXES = ("-offset", "-harmonised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the stored values hold the offset, so that it is subtracted."""

    held: bool
    why: str
    """For people."""
    sure: bool = True
    """Whether nothing speaks against it; else it is a warning."""


def settle_offset(
    bands: Sequence[Band], *, sensor: SensorSpec, product: Product, time: datetime | None
) -> list[Band]:
    """Return the bands with the offset, alike for all bands of a tile of Sentinel-2 that are in reflectance.

    Args:
        bands: calibrated by what product, file or sensor say; several may have one name, of tiles.
        sensor: the scene's.
        product: the scene's files.
        time: of the acquisition, None where it is not known.

    Raises:
        SceneError: sources contradict each other and the values do not tell; or the values fit no offset.
    """
    base = base_sensor(sensor)
    if base is None:
        return list(bands)
    decisions: dict[Band, Decision] = {}
    for tile in _tiles([band for band in bands if band.units == "reflectance"]):
        stated = {round(band.offset, 6) for band in tile}
        facts = facts_of(tile[0], product)
        # Offsets of another size, or different ones of a product's bands, are its own.
        if stated <= {0.0, OFFSET} and not (facts and facts.listed and len(stated) > 1):
            decision = _decide(tile, sensor, product, time, base)
            decisions |= dict.fromkeys(tile, decision)
    _tell(decisions, base)
    return [_with_offset(band, decisions.get(band)) for band in bands]


def _with_offset(band: Band, decision: Decision | None) -> Band:
    if decision is None:
        return band
    offset = OFFSET if decision.held else 0.0
    return replace(band, offset=offset, scaling=f"{band.scaling}; {decision.why}")


def _decide(
    bands: Sequence[Band], sensor: SensorSpec, product: Product, time: datetime | None, base: str
) -> Decision:
    """Decide for the bands of one tile."""
    counts = look(bands)
    said = collect(bands, sensor, product, time)
    # Reflectance is scaled by 1; whether that took the offset off is what no source tells.
    scaled = all(band.scale == 1.0 for band in bands)
    return _weigh_scaled(said, counts, base) if scaled else weigh(said, counts, base)


def _tiles(bands: Sequence[Band]) -> list[list[Band]]:
    """Return the bands of each tile: with the file of the most frequent band whose centre is nearest."""
    names = [band.name for band in bands]
    if len(set(names)) == len(names):
        return [list(bands)] if bands else []
    most = max(names, key=names.count)
    centres = [_centre(band) for band in bands if band.name == most]
    tiles: list[list[Band]] = [[] for _ in centres]
    for band in bands:
        x, y = _centre(band)
        distances = [(x - own[0]) ** 2 + (y - own[1]) ** 2 for own in centres]
        tiles[distances.index(min(distances))].append(band)
    return [tile for tile in tiles if tile]


def _centre(band: Band) -> tuple[float, float]:
    """Return the centre of a band's file in degrees, or in pixels where it has no CRS."""
    grid = band.raster.grid
    row, col = grid.height / 2, grid.width / 2
    if grid.crs is None:
        t = grid.transform
        return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f
    lon, lat = grid.lonlat(np.array([row]), np.array([col]))
    return float(lon[0]), float(lat[0])


def base_sensor(sensor: SensorSpec) -> str | None:
    """Return `sentinel-2-l1c` or `sentinel-2-l2a`; None for other sensors."""
    name = sensor.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name if name in {"sentinel-2-l1c", "sentinel-2-l2a"} else None


def weigh(said: Sequence[Evidence], counts: Judgement, base: str) -> Decision:
    """Decide for stored counts.

    The most trusted source counts. What it says is checked against the values: plain ones win over all but
    `--sensor`, hints win over providers and dates.

    Args:
        said: the most trusted first.
        counts: what the values say.
        base: name of the sensor without what it says of the offset.

    Raises:
        SceneError: as `settle_offset`.
    """
    seen = {"held": True, "none": False}.get(counts.verdict)
    first = said[0] if said else None
    if first is not None and first.trust is Trust.USER:
        against = seen not in {None, first.held} or counts.verdict in {"twice", "mixed"}
        but = f"{first.why}, though the values speak against it: {counts.why}"
        return Decision(held=first.held, why=but if against else first.why, sure=not against)
    _refuse(counts)
    if first is None:
        return _by_values(counts, "neither baseline nor date is known", seen)
    if any(item.trust is first.trust and item.held is not first.held for item in said):
        return _torn([item.why for item in said if item.trust is first.trust], counts, seen, base)
    if seen is not None and seen is not first.held:
        why = f"{first.why}, but the values say otherwise: {counts.why}"
        return Decision(held=seen, why=why, sure=False)
    if counts.verdict == "perhaps none" and first.held:
        why = f"{first.why}, but the values speak against it: {counts.why}"
        return Decision(held=first.trust >= Trust.BASELINE, why=why, sure=False)
    if seen is not None:
        return Decision(held=seen, why=f"{first.why}; the values agree: {counts.why}")
    return _untold(first, said, counts)


def _refuse(counts: Judgement) -> None:
    """Refuse values that no offset puts right."""
    if counts.verdict == "twice":
        raise SceneError(
            f"Sentinel-2: {counts.why} (reflectance x 10000): the offset was subtracted from values that did "
            "not hold it; give the counts as stored, or add 0.1 to the reflectance first"
        )
    if counts.verdict == "mixed":
        raise SceneError(
            "Sentinel-2: a part of the scene holds the offset of baseline 04.00 and a part does not "
            f"({counts.why}); give products of one baseline at a time"
        )


def _torn(whys: Sequence[str], counts: Judgement, seen: bool | None, base: str) -> Decision:
    """Decide between sources of one trust by the values; ask where these do not tell."""
    both = "; ".join(whys)
    if seen is None:
        raise SceneError(
            f"Sentinel-2: sources contradict each other ({both}) and {counts.why}; say --sensor "
            f"{base}-offset if values hold 1000 more, --sensor {base}-harmonised if not"
        )
    return Decision(held=seen, why=f"{both}; the values decide: {counts.why}", sure=False)


def _by_values(counts: Judgement, unknown: str, seen: bool | None) -> Decision:
    """Decide by the values alone."""
    if seen is not None:
        return Decision(held=seen, why=f"{unknown}; {counts.why}")
    return Decision(held=False, why=f"{unknown}, and {counts.why}", sure=counts.verdict == "perhaps none")


def _untold(first: Evidence, said: Sequence[Evidence], counts: Judgement) -> Decision:
    """Decide where the values do not tell: by the first source, unsure where another one contradicts it."""
    others = [item for item in said if item.held is not first.held]
    if first.trust > Trust.SCALING:
        # Older scenes were reprocessed, and the offset of newer ones may be taken off.
        others = [item for item in others if item.trust > Trust.DATE]
    if others:
        why = f"{first.why}, though {others[0].why}; {counts.why}"
        return Decision(held=first.held, why=why, sure=False)
    if first.trust is Trust.DATE and counts.lowest >= (_DARK if first.held else 1000):
        may = "providers may have taken it off" if first.held else "older scenes were reprocessed with it"
        return Decision(held=first.held, why=f"{first.why}; but {may}, and {counts.why}", sure=False)
    return Decision(held=first.held, why=first.why)


def _weigh_scaled(said: Sequence[Evidence], counts: Judgement, base: str) -> Decision:
    """Decide for values that are reflectance of 0..1, from which the offset may not have been taken."""
    if counts.verdict in {"twice", "mixed"} or (said and said[0].trust is Trust.USER):
        return weigh(said[:1], counts, base)
    what = "values are reflectance of 0..1"
    if counts.verdict == "held":
        return Decision(held=True, why=f"{what}, but 0.1 too high: {counts.why} (x 10000)", sure=False)
    might = bool(said) and said[0].held and counts.verdict == "unknown" and counts.lowest >= 1000
    if might:
        why = f"{what} ({said[0].why}), and {counts.why} (x 10000)"
        return Decision(held=False, why=why, sure=False)
    return Decision(held=False, why=f"{what}, taken as they are")


def _tell(decisions: Mapping[Band, Decision], base: str) -> None:
    """Say what was decided: once where it is alike for all tiles."""
    alike: dict[tuple[bool, bool], list[Band]] = {}
    for band, decision in decisions.items():
        alike.setdefault((decision.held, decision.sure), []).append(band)
    for (held, sure), bands in alike.items():
        of = f" of {base_name(bands[0].raster.path)} and its like" if len(alike) > 1 else ""
        count = "1 band" if len(bands) == 1 else f"{len(bands)} bands"
        what = f"Sentinel-2: {'offset -1000' if held else 'no offset'} applied to {count}{of}"
        why, other = decisions[bands[0]].why, f"--sensor {base}{_SUFFIXES[held]}"
        if sure:
            note(LOG, f"{what} ({why}); {other} says otherwise")
        else:
            warn(LOG, "sentinel2-offset-doubtful", f"{what}: {why}; if that is wrong, say {other}")

"""Bands that an encoder reads only together; without torch, so that a scene can be compared with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from geoseg.spec import EncoderSpec

GALILEO: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "S1": ("vv", "vh"),
        "S2_RGB": ("blue", "green", "red"),
        "S2_Red_Edge": ("rededge071", "rededge075", "rededge078"),
        "S2_NIR_10m": ("nir",),
        "S2_NIR_20m": ("nir08",),
        "S2_SWIR": ("swir16", "swir22"),
        "NDVI": ("ndvi",),
    }
)
"""Bands of each group of Galileo, in the order of the group embeddings."""


def readable(encoder: EncoderSpec, bands: Collection[str]) -> tuple[str, ...]:
    """Return the bands that an encoder reads of those given, in its order; empty: it cannot read them.

    Galileo leaves out a band whose group is incomplete, but for the red of NDVI. Clay, DOFA and
    TerraMind read any of the bands of one kind of sensor. The weights of other families are for all of their
    bands.
    """
    if encoder.family in {"clay", "dofa", "terramind"}:
        read: tuple[str, ...] = ()
        for part in encoder.modalities:
            own = tuple(band.name for band in part.bands if band.name in bands)
            read = own if len(own) > len(read) else read
        return read
    if encoder.family != "galileo":
        return tuple(encoder.bands) if set(encoder.bands) <= set(bands) else ()
    used = {band for group in GALILEO.values() if set(group) <= set(bands) for band in group}
    if computes_ndvi(bands):
        used.add("red")
    return tuple(band for band in encoder.bands if band in used)


def computes_ndvi(bands: Collection[str]) -> bool:
    """Return whether Galileo computes NDVI from the bands."""
    return "ndvi" not in bands and "red" in bands and ("nir" in bands or "nir08" in bands)


def tokens_per_patch(encoder: EncoderSpec, bands: Collection[str], dates: int) -> int:
    """Return the tokens of a patch that attend to each other: of all dates, and of groups of Galileo."""
    if encoder.family != "galileo":
        return dates
    groups = [group for group in GALILEO.values() if set(group) <= set(bands)]
    return dates * (len(groups) + computes_ndvi(bands))

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

OLMOEARTH: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "sentinel1": (("vv", "vh"),),
        "sentinel2_l2a": (
            ("blue", "green", "red", "nir"),
            ("rededge071", "rededge075", "rededge078", "nir08", "swir16", "swir22"),
            ("coastal", "nir09"),
        ),
    }
)
"""Bands of each group of OlmoEarth by kind of sensor, in the order of the group embeddings."""

IN_GROUPS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "galileo": tuple(GALILEO.values()),
        "olmoearth": tuple(group for groups in OLMOEARTH.values() for group in groups),
    }
)
"""Groups of each family of encoders that reads whole groups of bands only."""


def readable(encoder: EncoderSpec, bands: Collection[str]) -> tuple[str, ...]:
    """Return the bands that an encoder reads of those given, in its order; empty: it cannot read them.

    Galileo and OlmoEarth leave out a band whose group is incomplete, but for the red of Galileo's NDVI. Clay,
    DOFA and TerraMind read any of the bands of one kind of sensor. The weights of other families are for all
    of their bands.
    """
    if encoder.family in {"clay", "dofa", "terramind"}:
        read: tuple[str, ...] = ()
        for part in encoder.modalities:
            own = tuple(band.name for band in part.bands if band.name in bands)
            read = own if len(own) > len(read) else read
        return read
    if encoder.family not in IN_GROUPS:
        return tuple(encoder.bands) if set(encoder.bands) <= set(bands) else ()
    used = {band for group in IN_GROUPS[encoder.family] if set(group) <= set(bands) for band in group}
    if encoder.family == "galileo" and computes_ndvi(bands):
        used.add("red")
    return tuple(band for band in encoder.bands if band in used)


def computes_ndvi(bands: Collection[str]) -> bool:
    """Return whether Galileo computes NDVI from the bands."""
    return "ndvi" not in bands and "red" in bands and ("nir" in bands or "nir08" in bands)


def tokens_per_patch(encoder: EncoderSpec, bands: Collection[str], dates: int) -> int:
    """Return the tokens of a patch that attend to each other: of all dates, and of complete groups."""
    if encoder.family not in IN_GROUPS:
        return dates
    complete = sum(set(group) <= set(bands) for group in IN_GROUPS[encoder.family])
    return dates * (complete + (encoder.family == "galileo" and computes_ndvi(bands)))

"""Which sensor made the files: product metadata, file names, descriptions, values; never a silent guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from geoseg.errors import BandError, UsageError
from geoseg.scenes.naming import CUBE, Candidate, name_by_words, orders_of, vocabulary, word_of
from geoseg.scenes.product import Product
from geoseg.scenes.raster import base_name
from geoseg.spec import SensorSpec

AS_SAID = "as --sensor says"

HLS_FILL = -9999
HLS_PIXEL = (25.0, 35.0)
"""Metres between which pixels may be those of HLS, 30 m."""

POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A sensor, or none, and the ground for it."""

    sensor: SensorSpec | None
    reason: str = ""
    in_order: bool = False
    """Whether unnamed bands were looked at and fit the sensor's usual order."""


def recognise(
    asked: str | None, product: Product, candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]
) -> Verdict:
    """Return the sensor of a scene.

    Args:
        asked: what `--sensor` says.
        product: the scene's files.
        candidates: its bands that have no name yet; none: only names of `product` count.
        sensors: all sensors by name.

    Raises:
        UsageError: `asked` is no sensor.
        BandError: the band labels fit several sensors that differ.
    """
    if asked is not None:
        return Verdict(sensor=_named(asked, sensors), reason=AS_SAID)
    if product.sensor is not None:
        return Verdict(sensor=sensors[product.sensor], reason=product.because)
    found = _by_file_names(product, sensors) or _by_labels(candidates, sensors)
    if found is not None:
        return found
    generic, radar = sensors["generic"], sensors["sentinel-1"]
    words = {name_by_words(item, vocabulary(radar, names=True), ()) for item in candidates} - {None}
    if words:
        return Verdict(sensor=radar, reason=f"bands named {', '.join(sorted(map(str, words)))}")
    if _looks_like_db(candidates):
        reason = "two float bands with values as of dB; taken in the usual order VV, VH"
        return Verdict(sensor=radar, reason=reason, in_order=True)
    if any(
        name_by_words(item, vocabulary(generic, names=True), ()) or item.wavelength for item in candidates
    ):
        return Verdict(sensor=generic, reason="bands named in words or by wavelength")
    return Verdict(sensor=None)


def _named(asked: str, sensors: Mapping[str, SensorSpec]) -> SensorSpec:
    sensor = sensors.get(asked.lower())
    if sensor is None:
        near = get_close_matches(asked.lower(), list(sensors), n=3, cutoff=0.5) or sorted(sensors)
        raise UsageError(f"no sensor is called {asked!r}; there are {', '.join(near)}")
    return sensor


def sensors_of(name: str, sensors: Mapping[str, SensorSpec]) -> tuple[str, ...]:
    """Return the sensors that a file or product name gives away, without regard to case."""
    return tuple(
        key
        for key, sensor in sensors.items()
        if any(re.search(pattern, name, re.IGNORECASE) for pattern in sensor.file_patterns)
    )


def _by_file_names(product: Product, sensors: Mapping[str, SensorSpec]) -> Verdict | None:
    """Return the sensor that most files name; where none does, that of the product's or the folders' names.

    People call a folder anything: only where all files are silent it counts.
    """
    levels: list[list[str]] = [[base_name(asset.path) for asset in product.assets], list(product.hints)]
    parents = [list(reversed(PurePosixPath(asset.path).parts[-6:-1])) for asset in product.assets]
    levels += [[parts[depth] for parts in parents if len(parts) > depth] for depth in range(5)]
    for position, names in enumerate(levels):
        hits = [(key, name) for name in names for key in sensors_of(name, sensors)]
        if position > 0:
            hits += [(name.lower(), name) for name in names if name.lower() in sensors]
        if hits:
            counts = Counter(key for key, _ in hits)
            best = max(counts, key=lambda key: counts[key])
            return Verdict(
                sensor=sensors[best], reason=f"the name {next(name for key, name in hits if key == best)}"
            )
    return None


def _by_labels(candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]) -> Verdict | None:
    """Return the sensor whose band labels (`B8A`, `SR_B4`) fit most bands, where one alone does."""
    signed = [item.raster.dtypes[item.index - 1].kind == "i" for item in candidates]
    evidence = _hls_evidence(candidates)
    fits: dict[str, dict[int, str]] = {}
    weights: dict[str, tuple[int, int]] = {}
    for name, sensor in sensors.items():
        if not sensor.file_patterns or name == "generic":
            continue
        # HLS is signed, with -9999 where nothing was observed; others may be stored signed by their users.
        below = sensor.nodata is not None and sensor.nodata < 0
        words = vocabulary(sensor, names=False)
        found = {
            position: word
            for position, item in enumerate(candidates)
            if ((signed[position] and evidence != "against") if below else evidence != "fill")
            and (word := word_of(item, words, sensor.file_patterns))
        }
        if found:
            fits[name] = {position: words[word] for position, word in found.items()}
            # A longer word says more: `SR_B4` is no `B4`.
            weights[name] = (len(found), sum(map(len, found.values())))
    if not fits:
        return None
    best = [name for name in fits if weights[name] == max(weights.values())]
    if evidence == "pixels":
        best = [name for name in best if name.startswith("hls")] or best
    meanings = {
        (
            tuple(sorted(fits[name].items())),
            sensors[name].units,
            sensors[name].scale,
            sensors[name].offset,
            sensors[name].nodata,
        )
        for name in best
    }
    if len(meanings) > 1:
        raise BandError(f"the band names fit several sensors: {', '.join(best)}; say which with --sensor")
    chosen = next((name for name in best if "-l2" in name), best[0])
    reason = "its band names"
    if len(best) > 1:
        reason += f"; {', '.join(best)} would be read alike"
    return Verdict(sensor=sensors[chosen], reason=reason)


def _hls_evidence(candidates: Sequence[Candidate]) -> Literal["fill", "pixels", "against", "none"]:
    """Return what tells whether signed bands are HLS: its fill value, its pixels of 30 m, or others."""
    signed = [item for item in candidates if item.raster.dtypes[item.index - 1].kind == "i"]
    if not signed:
        return "none"
    raster, index = signed[0].raster, signed[0].index
    if raster.nodata[index - 1] == HLS_FILL or bool((raster.sample(index) == HLS_FILL).any()):
        return "fill"
    if raster.grid.crs is None:
        return "none"
    return "pixels" if HLS_PIXEL[0] <= min(raster.grid.pixel_size_m) <= HLS_PIXEL[1] else "against"


def _looks_like_db(candidates: Sequence[Candidate]) -> bool:
    """Whether there are two unnamed float bands of one file, mostly below 0 as backscatter in dB is."""
    files = {item.raster for item in candidates}
    if (
        len(candidates) != 2
        or len(files) != 1
        or any(item.raster.dtypes[item.index - 1].kind != "f" for item in candidates)
    ):
        return False
    for item in candidates:
        values = item.raster.sample(item.index)
        values = values[np.isfinite(values) & (values != 0) & (np.abs(values) < 200)]
        if not values.size or float(np.mean(values < 0)) < 0.5:
            return False
    return True


def not_recognised(candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]) -> BandError:
    """Say which sensors unnamed bands could be of, and how to name sensor or bands."""
    item = candidates[0]
    count = sum(other.raster is item.raster for other in candidates)
    dtype = item.raster.dtypes[item.index - 1]
    one = f"--band NAME={item.raster.path}" + (f":{item.index}" if item.raster.count > 1 else "")
    single = list(dict.fromkeys(other.where for other in candidates if other.raster.count == 1))
    if count == 1 and len(single) > 1:
        few = ", ".join(single[:8]) + (f" and {len(single) - 8} more" if len(single) > 8 else "")
        return BandError(f"no name tells which band is which of {few}; say so of each with {one}")
    if count == 1:
        return BandError(
            f"{item.where} ({dtype}): its name does not tell which band it is; say so with {one}"
        )
    fitting = [name for name, sensor in sensors.items() if orders_of(sensor, count) and "like" not in name]
    could = (
        f"as one of {', '.join(fitting)}, say --sensor NAME"
        if fitting
        else "no sensor has so many by default"
    )
    extra = f"; a cube of {CUBE} or more needs wavelengths" if count >= CUBE else ""
    return BandError(
        f"{item.file} has {count} {dtype} bands without names: {could}; or name them with {one}{extra}"
    )

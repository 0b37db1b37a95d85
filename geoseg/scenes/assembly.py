"""Every candidate band gets its name, or is left out, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geoseg.errors import BandError
from geoseg.scenes.naming import (
    CUBE,
    Candidate,
    bad_bands,
    cube_names,
    fwhm_of,
    name_by_wavelength,
    name_by_words,
    order_of,
    vocabulary,
    wavelength_of,
)
from geoseg.scenes.product import Asset
from geoseg.scenes.raster import Raster
from geoseg.scenes.recognition import Verdict, not_recognised
from geoseg.spec import SensorSpec

COARSER = 1.5
"""A band found twice is taken from the file whose pixels are so many times smaller; else it is an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """A candidate with its name."""

    name: str
    candidate: Candidate
    origin: str
    """How the name was found, for people."""


def candidates_of(asset: Asset, raster: Raster) -> tuple[list[Candidate], list[str]]:
    """Return a file's bands without a true alpha band, and notes.

    A band that calls itself alpha is one if its values are only 0 and the highest of the dtype; else it
    holds data, as the near infrared of NAIP does.
    """
    indexes, notes = list(range(1, raster.count + 1)), []
    alpha = raster.alpha_candidate
    if alpha is not None:
        kinds = np.unique(raster.sample(alpha))
        dtype = raster.dtypes[alpha - 1]
        high = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        if set(kinds.tolist()) <= {0, 1, 255, high}:
            raster.trust_alpha(alpha)
            indexes.remove(alpha)
        else:
            notes.append(f"band {alpha} calls itself alpha but its values vary: taken for data")
    wavelengths = {index: wavelength_of(raster, index) for index in indexes}
    widths: list[float | None] = [None] * raster.count
    if len(indexes) >= CUBE and all(wavelengths.values()):
        widths = fwhm_of(raster)
        bad = sorted(bad_bands(raster))
        if bad:
            indexes = [index for index in indexes if index not in bad]
            notes.append(f"{len(bad)} bands that it calls bad are left out")
    return [
        Candidate(
            asset=asset, raster=raster, index=index, wavelength=wavelengths[index], fwhm=widths[index - 1]
        )
        for index in indexes
    ], notes


def name_bands(
    candidates: Sequence[Candidate], verdict: Verdict, sensors: Mapping[str, SensorSpec], *, lenient: bool
) -> tuple[list[Named], list[str]]:
    """Name every band that can be named; notes say what was left out and what was guessed.

    Args:
        candidates: the bands of all files that `--band` does not settle.
        verdict: the sensor.
        sensors: all sensors by name.
        lenient: whether bands without a name are left out even if their file was asked for.

    Raises:
        BandError: a file asked for has no band that can be named, or two files hold the same band.
    """
    named: list[Named] = []
    notes: list[str] = []
    unknown: list[Candidate] = []
    for group in _by_raster(candidates):
        found = _cube(group) or _by_names(group, verdict, sensors)
        if not found and (ordered := _in_order(group, verdict)):
            found, note = ordered
            notes.append(note)
        named += found
        have = {id(item.candidate) for item in found}
        unknown += [item for item in group if id(item) not in have]
    settled = {item.candidate.raster for item in named}
    wanted = [item for item in unknown if not item.asset.spare and item.raster not in settled]
    if (wanted and not lenient) or (not named and unknown and not lenient):
        raise _not_named(wanted or unknown, verdict, sensors)
    if unknown and not lenient:
        left = list(dict.fromkeys(item.where for item in unknown))
        more = f" and {len(left) - 6} more" if len(left) > 6 else ""
        notes.append(f"left out, not known by name: {', '.join(left[:6])}{more}")
    kept, doubled = _once(named)
    return kept, notes + doubled


def _by_raster(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    groups: dict[Raster, list[Candidate]] = {}
    for item in candidates:
        groups.setdefault(item.raster, []).append(item)
    return list(groups.values())


def _cube(group: Sequence[Candidate]) -> list[Named]:
    """Name a spectrometer's bands by wavelength."""
    wavelengths = [item.wavelength for item in group if item.wavelength]
    if len(group) < CUBE or len(wavelengths) < len(group):
        return []
    pairs = zip(cube_names(wavelengths), group, strict=True)
    return [Named(name=name, candidate=item, origin="wavelength") for name, item in pairs]


def _by_names(group: Sequence[Candidate], verdict: Verdict, sensors: Mapping[str, SensorSpec]) -> list[Named]:
    """Name bands by what labels, file names and wavelengths say."""
    generic, radar = sensors["generic"], sensors["sentinel-1"]
    words = {**vocabulary(generic, names=True), **vocabulary(radar, names=True)}
    sensor = verdict.sensor or generic
    own = vocabulary(sensor, names=True)
    found = []
    for item in group:
        name, origin = name_by_words(item, own, sensor.file_patterns), "name"
        if name is None:
            name, origin = name_by_wavelength(item.wavelength, sensor), "wavelength"
        if name is None:
            name, origin = name_by_words(item, words, ()), "word in its name"
        if name is not None:
            found.append(Named(name=name, candidate=item, origin=origin))
    return found


def _in_order(group: Sequence[Candidate], verdict: Verdict) -> tuple[list[Named], str] | None:
    """Name the bands of a stack by the sensor's usual order, where their number fits."""
    sensor, file = verdict.sensor, group[0].file
    if sensor is None:
        return None
    order = order_of(sensor, len(group))
    if order is None and sensor.name == "generic" and verdict.reason.startswith("as --sensor"):
        order = tuple(f"b{item.index}" for item in group)
    if order is None or len(group) == 1:
        return None
    named = [
        Named(name=name, candidate=item, origin="usual order")
        for name, item in zip(order, group, strict=True)
    ]
    return (
        named,
        f"{file}: bands without names, taken in the usual order of {sensor.name}: {', '.join(order)}",
    )


def _not_named(
    unknown: Sequence[Candidate], verdict: Verdict, sensors: Mapping[str, SensorSpec]
) -> BandError:
    """Say why bands have no names."""
    sensor, first = verdict.sensor, unknown[0]
    count = sum(item.raster is first.raster for item in unknown)
    if sensor is None or count == 1:
        return not_recognised(unknown, sensors)
    if sensor.kind == "hyperspectral":
        return BandError(
            f"{first.file} has {count} bands without wavelengths; {sensor.name} cubes are read from ENVI or "
            "GeoTIFF with a wavelength a band, of EMIT from netCDF: convert products in HDF5 to one of them"
        )
    orders = [str(len(order)) for order in (sensor.order, *sensor.orders) if order]
    usual = f"its usual stacks have {' or '.join(orders)}" if orders else "it has no usual order"
    return BandError(
        f"{first.file} has {count} bands without names; as {sensor.name} {usual}; "
        f"name them with --band NAME={first.raster.path}:{first.index}"
    )


def _once(named: Sequence[Named]) -> tuple[list[Named], list[str]]:
    """Keep each band once: the finer of two files.

    Raises:
        BandError: two files, or two bands of one, hold the same band at the same resolution.
    """
    kept: dict[str, Named] = {}
    notes: list[str] = []
    for item in named:
        other = kept.setdefault(item.name, item)
        if other is item:
            continue
        ratio = _pixel(item) / _pixel(other)
        if 1 / COARSER < ratio < COARSER:
            raise BandError(
                f"band {item.name} is in {other.candidate.where} and in {item.candidate.where}; "
                f"give one scene at a time, or say which with --band {item.name}=PATH[:INDEX]"
            )
        finer, coarser = (other, item) if ratio > 1 else (item, other)
        kept[item.name] = replace(finer)
        notes.append(f"{item.name}: {finer.candidate.where} taken, {coarser.candidate.where} is coarser")
    return list(kept.values()), notes


def _pixel(item: Named) -> float:
    """Return the side of a pixel in CRS units."""
    return float(abs(item.candidate.raster.grid.transform.determinant) ** 0.5)

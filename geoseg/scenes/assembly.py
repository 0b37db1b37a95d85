"""Every candidate band gets its name, or is left out, or is refused."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.errors import BandError, SceneError
from geoseg.messages import note
from geoseg.scenes.lattice import are_tiles
from geoseg.scenes.naming import (
    CUBE,
    Candidate,
    bad_bands,
    centre_of,
    cube_names,
    fwhm_of,
    name_by_wavelength,
    name_by_words,
    orders_of,
    vocabulary,
)
from geoseg.scenes.product import Asset, LeftOut
from geoseg.scenes.raster import Raster
from geoseg.scenes.recognition import AS_SAID, Verdict, not_recognised, sensors_of
from geoseg.spec import SensorSpec

LOG = logging.getLogger(__name__)

COARSER = 1.5
"""A band found twice is taken from the file whose pixels are so many times smaller; else it is an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """A candidate with its name."""

    name: str
    candidate: Candidate
    origin: str
    """How the name was found, for people."""


def candidates_of(asset: Asset, raster: Raster) -> list[Candidate]:
    """Return a file's bands without a true alpha band.

    A band that calls itself alpha is one if its values are only 0 and the highest of the dtype; else it
    holds data, as the near infrared of NAIP does.

    Raises:
        SceneError: the product's metadata describe another number of bands than the file has.
    """
    indexes = list(range(1, raster.count + 1))
    alpha = raster.alpha_candidate
    if alpha is not None:
        kinds = np.unique(raster.sample(alpha))
        dtype = raster.dtypes[alpha - 1]
        high = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        if set(kinds.tolist()) <= {0, 1, 255, high}:
            raster.trust_alpha(alpha)
            indexes.remove(alpha)
        else:
            note(LOG, f"band {alpha} calls itself alpha but its values vary: taken for data")
    if asset.wavelengths and len(asset.wavelengths) != raster.count:
        raise SceneError(
            f"{raster.path} has {raster.count} bands, and its metadata describe {len(asset.wavelengths)}; "
            "fetch both again"
        )
    wavelengths = {index: centre_of(asset, raster, index) for index in indexes}
    widths: list[float | None] = [None] * raster.count
    if asset.wavelengths or (len(indexes) >= CUBE and all(wavelengths.values())):
        widths = list(asset.widths) or fwhm_of(raster)
        bad = bad_bands(raster) | {index for index, centre in wavelengths.items() if centre is None}
        if bad:
            indexes = [index for index in indexes if index not in bad]
            note(LOG, f"left out: {len(bad)} bands that the product calls bad or did not acquire")
    return [
        Candidate(
            asset=asset, raster=raster, index=index, wavelength=wavelengths[index], fwhm=widths[index - 1]
        )
        for index in indexes
    ]


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Bands with names, and what became of the others."""

    named: list[Named]
    left_out: list[LeftOut]


def name_bands(
    candidates: Sequence[Candidate],
    verdict: Verdict,
    sensors: Mapping[str, SensorSpec],
    *,
    settled: Collection[str] = (),
) -> Naming:
    """Name every band that can be named.

    Args:
        candidates: the bands of all files that `--band` does not settle.
        verdict: the sensor.
        sensors: all sensors by name.
        settled: names that `--band` gave to other bands; with any, bands without a name are left out even if
            their file was asked for.

    Raises:
        BandError: a file asked for has no band that can be named, or two files hold the same band.
        SceneError: files are of several sensors.
    """
    named: list[Named] = []
    unknown: list[Candidate] = []
    own, foreign = _of_product(candidates, verdict, sensors)
    for group in _by_raster(own):
        found = _cube(group) or _by_names(group, verdict, sensors)
        if not found and (ordered := _in_order(group, verdict)):
            found, guess = ordered
            note(LOG, guess)
        named += found
        have = {id(item.candidate) for item in found}
        unknown += [item for item in group if id(item) not in have]
    known = {item.candidate.raster for item in named}
    wanted = [item for item in unknown if not item.asset.spare and item.raster not in known]
    if not settled and (wanted or (unknown and not named)):
        raise _not_named(wanted or unknown, verdict, sensors)
    left = [LeftOut(name=item.where, why="not known by name") for item in unknown]
    left += [LeftOut(name=item.where, why="not named as the product's files are") for item in foreign]
    if left and not settled:
        told = [item.name for item in left]
        more = f" and {len(told) - 6} more" if len(told) > 6 else ""
        note(LOG, f"left out, not known by name: {', '.join(told[:6])}{more}")
    _refuse_other_sensors(named, verdict, sensors)
    return Naming(named=_once([item for item in named if item.name not in settled]), left_out=left)


def _of_product(
    candidates: Sequence[Candidate], verdict: Verdict, sensors: Mapping[str, SensorSpec]
) -> tuple[list[Candidate], list[Candidate]]:
    """Split bands into those of the product's files and those of files that merely lie in its folder.

    Where some files are named as a sensor's products are, or labelled by the product's metadata, others
    that were found beside them are none of it: a word in their names must not make them bands.
    """
    # Files of other sensors stay, to be refused.
    named = {id(item) for item in candidates if item.asset.labels or sensors_of(item.file, sensors)}
    if not named or verdict.reason == AS_SAID:
        return list(candidates), []
    own = [item for item in candidates if id(item) in named or not item.asset.spare]
    taken = {id(item) for item in own}
    return own, [item for item in candidates if id(item) not in taken]


def _by_raster(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    groups: dict[Raster, list[Candidate]] = {}
    for item in candidates:
        groups.setdefault(item.raster, []).append(item)
    return list(groups.values())


def _cube(group: Sequence[Candidate]) -> list[Named]:
    """Name a spectrometer's bands by wavelength."""
    wavelengths = [item.wavelength for item in group if item.wavelength]
    spectrometer = len(group) >= CUBE or bool(group[0].asset.wavelengths)
    if not spectrometer or len(wavelengths) < len(group):
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
    orders = orders_of(sensor, len(group))
    order = orders[0] if orders else None
    if len(orders) > 1:
        order = _with_darkest(group, orders, "cirrus")
    if order is None and sensor.name == "generic" and verdict.reason == AS_SAID:
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


def _with_darkest(
    group: Sequence[Candidate], orders: Sequence[tuple[str, ...]], band: str
) -> tuple[str, ...]:
    """Return the order in which a band stands where the darkest one does, else the first."""
    medians = []
    for item in group:
        values = item.raster.sample(item.index)
        values = values[np.isfinite(values) & (values != 0)]
        medians.append(float(np.median(values)) if values.size else 0.0)
    darkest = int(np.argmin(medians))
    return next((order for order in orders if order[darkest] == band), orders[0])


def _not_named(
    unknown: Sequence[Candidate], verdict: Verdict, sensors: Mapping[str, SensorSpec]
) -> BandError:
    """Say why bands have no names."""
    sensor, first = verdict.sensor, unknown[0]
    count = sum(item.raster is first.raster for item in unknown)
    if first.asset.unnamed:
        return BandError(f"{first.file}: {first.asset.unnamed}")
    if sensor is None or count == 1:
        return not_recognised(unknown, sensors)
    if sensor.kind == "hyperspectral":
        return BandError(
            f"{first.file} has {count} bands without wavelengths; {sensor.name} cubes are read from the "
            "product as delivered (EnMAP with METADATA.XML beside it, PRISMA .he5, EMIT .nc), or from ENVI "
            "or GeoTIFF with a wavelength a band"
        )
    orders = [str(len(order)) for order in (sensor.order, *sensor.orders) if order]
    usual = f"its usual stacks have {' or '.join(orders)}" if orders else "it has no usual order"
    return BandError(
        f"{first.file} has {count} bands without names; as {sensor.name} {usual}; "
        f"name them with --band NAME={first.raster.path}:{first.index}"
    )


def _once(named: Sequence[Named]) -> list[Named]:
    """Keep each band of the finest files that hold it; several may hold it side by side, as tiles.

    Raises:
        BandError: two files, or two bands of one, hold a band of the same ground at the same resolution.
    """
    groups: dict[str, list[Named]] = {}
    for item in named:
        groups.setdefault(item.name, []).append(item)
    kept: list[Named] = []
    for name, group in groups.items():
        if len(group) == 1:
            kept += group
            continue
        finest = min(group, key=_pixel)
        tiles: list[Named] = []
        for item in group:
            if _pixel(item) >= COARSER * _pixel(finest):
                note(LOG, f"{name}: {finest.candidate.where} taken, {item.candidate.where} is coarser")
                continue
            for other in tiles:
                if not are_tiles(other.candidate.raster.grid, item.candidate.raster.grid):
                    raise BandError(
                        f"band {name} is in {other.candidate.where} and in {item.candidate.where}; "
                        f"give one scene at a time, or say which with --band {name}=PATH[:INDEX]"
                    )
            tiles.append(item)
        kept += tiles
    return kept


def _refuse_other_sensors(
    named: Sequence[Named], verdict: Verdict, sensors: Mapping[str, SensorSpec]
) -> None:
    """Refuse files whose own names are those of another sensor than the scene's.

    Raises:
        SceneError: there is one; the message names it.
    """
    if verdict.sensor is None or verdict.reason == AS_SAID:
        return
    for item in named:
        own = sensors_of(item.candidate.file, sensors)
        if own and not any(_alike(name, verdict.sensor.name) for name in own):
            other = next(
                (
                    known.candidate.file
                    for known in named
                    if verdict.sensor.name in sensors_of(known.candidate.file, sensors)
                ),
                verdict.reason,
            )
            raise SceneError(
                f"files of several sensors make no one scene: {other} is {verdict.sensor.name}, "
                f"{item.candidate.file} is {own[0]}; give those of one, or say --sensor"
            )


def _alike(one: str, other: str) -> bool:
    """Whether two sensors are one but for the offset of Sentinel-2."""
    return one.removesuffix("-offset").removesuffix("-harmonised") == other.removesuffix(
        "-offset"
    ).removesuffix("-harmonised")


def _pixel(item: Named) -> float:
    """Return the side of a pixel in metres, in pixel coordinates where there is no CRS."""
    grid = item.candidate.raster.grid
    if grid.crs is None:
        return float(abs(grid.transform.determinant) ** 0.5)
    down, right = grid.pixel_size_m
    return float((down * right) ** 0.5)

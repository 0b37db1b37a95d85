"""Name every candidate band, leave it out, or raise an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from geoseg.errors import BandError, SceneError
from geoseg.messages import counted, note
from geoseg.scenes.alpha import alpha_band
from geoseg.scenes.embedding_axes import series_name, series_order
from geoseg.scenes.naming import (
    CUBE,
    Candidate,
    NamedCandidate,
    bad_bands,
    centre_of,
    cube_names,
    fwhm_of,
    name_by_alias,
    name_by_wavelength,
    name_by_words,
    orders_of,
    vocabulary,
)
from geoseg.scenes.product import Asset, LeftOut
from geoseg.scenes.raster import Raster
from geoseg.scenes.recognition import BY_OPTION, SensorMatch, not_recognised, radar_not_named, sensors_of
from geoseg.scenes.repeated_bands import without_duplicates, without_later_aliases
from geoseg.scenes.vrt_bands import stacked_names
from geoseg.spec import SensorSpec
from geoseg.spec.band_names import few_names

LOG = logging.getLogger(__name__)

_HORIZONTAL = re.compile(r"_1[SA]DH_|(?<![a-z])hh(?![a-z]).*(?<![a-z])hv(?![a-z])", re.IGNORECASE)
"""Names of radar files that were sent with horizontal polarisation: Sentinel-1 products of HH and HV."""


def candidates_of(asset: Asset, raster: Raster) -> list[Candidate]:
    """Return the bands of a file without its alpha band.

    Raises:
        SceneError: the product's metadata describe another number of bands than the file has.
    """
    if not asset.labels and not asset.optional and (stacked := stacked_names(raster)):
        asset = replace(asset, labels=stacked)
    indexes = list(range(1, raster.count + 1))
    alpha = alpha_band(raster, labelled=bool(asset.labels))
    if alpha is not None:
        raster.trust_alpha(alpha)
        indexes.remove(alpha)
    if asset.wavelengths and len(asset.wavelengths) != raster.count:
        raise SceneError(
            f"{raster.path} has {counted(raster.count, 'band')}"
            f", but its metadata describe {len(asset.wavelengths)}; "
            "download both again"
        )
    wavelengths = {index: centre_of(asset, raster, index) for index in indexes}
    widths: list[float | None] = [None] * raster.count
    if asset.wavelengths or (len(indexes) >= CUBE and all(wavelengths.values())):
        widths = list(asset.widths) or fwhm_of(raster)
        bad = bad_bands(raster) | {index for index, centre in wavelengths.items() if centre is None}
        if bad:
            indexes = [index for index in indexes if index not in bad]
            note(
                LOG, f"left out: {counted(len(bad), 'band')} that the product marks as bad or did not acquire"
            )
    return [
        Candidate(
            asset=asset, raster=raster, index=index, wavelength=wavelengths[index], fwhm=widths[index - 1]
        )
        for index in indexes
    ]


def name_bands(
    candidates: Sequence[Candidate],
    match: SensorMatch,
    sensors: Mapping[str, SensorSpec],
    *,
    settled: Collection[str] = (),
) -> tuple[list[NamedCandidate], list[LeftOut]]:
    """Name every band that can be named.

    Args:
        candidates: the bands of all files that `--band` does not name.
        match: the sensor.
        sensors: all sensors by name.
        settled: names that `--band` gave to other bands; if there are any, bands without a name are left
            out even if the user gave their file.

    Returns:
        The bands with names, and the bands that are left out.

    Raises:
        BandError: a file that the user gave has no band that can be named, or two files hold the same band.
        SceneError: files are of several sensors.
    """
    named: list[NamedCandidate] = []
    unknown: list[Candidate] = []
    in_product, foreign = _of_product(candidates, match, sensors)
    groups: dict[Raster, list[Candidate]] = {}
    for item in in_product:
        groups.setdefault(item.raster, []).append(item)
    for group in groups.values():
        bands = _by_wavelengths(group) or _by_names(group, match, sensors)
        # Beside bands that `--band` names, the others have the usual order only if they are the first ones.
        if not bands and (not settled or [item.index for item in group] == list(range(1, len(group) + 1))):
            bands = _in_order(group, match)
        named += bands
        with_name = {id(band.candidate) for band in bands}
        unknown += [item for item in group if id(item) not in with_name]
    _refuse_other_sensors(named, [] if settled else unknown, match, sensors)
    known = {item.candidate.raster for item in named}
    required = [item for item in unknown if not item.asset.optional and item.raster not in known]
    if not settled and (required or (unknown and not named)):
        raise _not_named(required or unknown, match, sensors)
    left = [LeftOut(name=item.where, why="not known by name") for item in unknown]
    left += [LeftOut(name=item.where, why="not named as the product's files are") for item in foreign]
    if left and not settled:
        note(LOG, f"left out, not known by name: {few_names([item.name for item in left], 6)}")
    named = without_later_aliases([item for item in named if item.name not in settled], match.sensor)
    return without_duplicates(named), left


def _of_product(
    candidates: Sequence[Candidate], match: SensorMatch, sensors: Mapping[str, SensorSpec]
) -> tuple[list[Candidate], list[Candidate]]:
    """Split bands into those of the product's files and those of other files in its folder.

    Where some files are named as a sensor's products are, or labelled by the product's metadata, other files
    of the folder are not part of it: a word in their names must not make them bands.
    """
    # Files named as those of another sensor stay, so that _refuse_other_sensors raises an error.
    named = {id(item) for item in candidates if item.asset.labels or sensors_of(item.file, sensors)}
    if not named or match.reason == BY_OPTION:
        return list(candidates), []
    in_product = [item for item in candidates if id(item) in named or not item.asset.optional]
    ids = {id(item) for item in in_product}
    return in_product, [item for item in candidates if id(item) not in ids]


def _by_wavelengths(group: Sequence[Candidate]) -> list[NamedCandidate]:
    """Name the bands of an imaging spectrometer by wavelength; none for other files."""
    wavelengths = [item.wavelength for item in group if item.wavelength]
    spectrometer = len(group) >= CUBE or bool(group[0].asset.wavelengths)
    if not spectrometer or len(wavelengths) < len(group):
        return []
    pairs = zip(cube_names(wavelengths), group, strict=True)
    return [NamedCandidate(name=name, candidate=item, origin="wavelength") for name, item in pairs]


def _by_names(
    group: Sequence[Candidate], match: SensorMatch, sensors: Mapping[str, SensorSpec]
) -> list[NamedCandidate]:
    """Name bands by labels, file names, wavelengths and words."""
    if match.sensor is not None and match.sensor.series is not None:
        names = [(series_name(match.sensor, item), item) for item in group]
        return [NamedCandidate(name=name, candidate=item, origin="name") for name, item in names if name]
    generic, radar = sensors["generic"], sensors["sentinel-1"]
    words = {**vocabulary(generic, names=True), **vocabulary(radar, names=True)}
    sensor = match.sensor or generic
    labels = vocabulary(sensor, names=True)
    named = []
    for item in group:
        name = name_by_alias(item, sensor) or name_by_words(item, labels, sensor.file_patterns)
        origin = "name"
        if name is None:
            name, origin = name_by_wavelength(item.wavelength, sensor), "wavelength"
        if name is None:
            name, origin = name_by_words(item, words, ()), "word in its name"
        if name is not None:
            named.append(NamedCandidate(name=name, candidate=item, origin=origin))
    return named


def _in_order(group: Sequence[Candidate], match: SensorMatch) -> list[NamedCandidate]:
    """Name the bands of a stack by the sensor's usual order, if their number fits; a note says so."""
    sensor = match.sensor
    if sensor is None or len(group) == 1:
        return []
    orders = orders_of(sensor, len(group)) or series_order(sensor, len(group))
    order = orders[0] if orders else None
    if len(orders) > 1:
        order = _with_darkest(group, orders, "vh" if sensor.kind == "sar" else "cirrus")
    if order is not None and sensor.kind == "sar" and _HORIZONTAL.search(group[0].file):
        order = tuple({"vv": "hh", "vh": "hv"}.get(name, name) for name in order)
    if order is None and sensor.name == "generic" and match.reason == BY_OPTION:
        order = tuple(f"b{item.index}" for item in group)
    if order is None:
        return []
    note(
        LOG,
        f"{group[0].file}: the bands have no names and are read in the usual order of {sensor.name}: "
        f"{', '.join(order)}",
    )
    pairs = zip(order, group, strict=True)
    return [NamedCandidate(name=name, candidate=item, origin="usual order") for name, item in pairs]


def _with_darkest(
    group: Sequence[Candidate], orders: Sequence[tuple[str, ...]], band: str
) -> tuple[str, ...]:
    """Return the order in which `band` is at the position of the darkest band, else the first order.

    Polarisations that are about as dark as each other, as those of calm water, have the first order.
    """
    medians = []
    for item in group:
        values = item.raster.sample(item.index)
        values = values[np.isfinite(values) & (values != 0) & (values > -9000)]
        medians.append(float(np.median(values)) if values.size else 0.0)
    darkest = int(np.argmin(medians))
    lowest, second = sorted(medians)[:2]
    # Of dB, which are negative, about 1 to 4 dB; of power 1.5 dB. Cirrus with an offset is darker by little.
    least = (0.15 if lowest < 0 else 0.3) if band == "vh" else 0.0
    if second - lowest <= least * max(abs(lowest), abs(second)):
        return orders[0]
    return next((order for order in orders if order[darkest] == band), orders[0])


def _not_named(
    unknown: Sequence[Candidate], match: SensorMatch, sensors: Mapping[str, SensorSpec]
) -> BandError:
    """Return the error for bands without names."""
    sensor, first = match.sensor, unknown[0]
    count = sum(item.raster is first.raster for item in unknown)
    if first.asset.unnamed:
        return BandError(f"{first.file}: {first.asset.unnamed}")
    radar = None if match.instrument else radar_not_named(unknown, sensor)
    if radar is not None:
        return radar
    if sensor is None or count == 1:
        return not_recognised(unknown, sensors, match.instrument)
    if sensor.kind == "hyperspectral":
        return BandError(
            f"{first.file} has {counted(count, 'band')} without wavelengths; give {sensor.name} data as the "
            "product was delivered (EnMAP with METADATA.XML, PRISMA .he5, EMIT .nc), or as ENVI or GeoTIFF "
            "with a wavelength for each band"
        )
    orders = [str(len(order)) for order in (sensor.order, *sensor.orders) if order]
    usual = f"usual stacks of {sensor.name} have {' or '.join(orders)}"
    return BandError(
        f"{first.file} has {counted(count, 'band')} without names; "
        f"{usual if orders else f'{sensor.name} has no usual order of bands'}; "
        f"name them with `--band NAME={first.raster.path}:{first.index}`"
    )


def _refuse_other_sensors(
    named: Sequence[NamedCandidate],
    unknown: Sequence[Candidate],
    match: SensorMatch,
    sensors: Mapping[str, SensorSpec],
) -> None:
    """Raise an error if files are named as bands of another sensor than the scene's.

    Args:
        named: the bands with names.
        unknown: bands without a name in the scene's sensor.
        match: the scene's sensor.
        sensors: all sensors by name.

    Raises:
        SceneError: a file is of another sensor; the message names one file of each.
    """
    if match.sensor is None or match.reason == BY_OPTION:
        return
    items = [item.candidate for item in named]
    for item in (*items, *unknown):
        names = sensors_of(item.file, sensors)
        if not names or match.sensor.name in names:
            continue
        other = sensors[names[0]]
        if item in unknown and not name_by_words(item, vocabulary(other, names=False), other.file_patterns):
            continue
        files = (known.file for known in items if match.sensor.name in sensors_of(known.file, sensors))
        raise SceneError(
            f"files of several sensors cannot be one scene: {next(files, match.reason)} is "
            f"{match.sensor.name}, {item.file} is {other.name}; select one with `--sensor`, or give the "
            "files of one"
        )

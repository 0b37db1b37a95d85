"""Recognise the sensor by product metadata, file names, band descriptions and values; a note says how."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.messages import warn
from geoseg.scenes import name_patterns
from geoseg.scenes.embedding_axes import embedding_sensor
from geoseg.scenes.instruments import named_instrument
from geoseg.scenes.label_recognition import sensor_by_labels
from geoseg.scenes.naming import CUBE, Candidate, name_by_words, orders_of, vocabulary, word_of
from geoseg.scenes.product import LeftOut, Product
from geoseg.scenes.raster import base_name
from geoseg.spec import SensorSpec
from geoseg.spec.band_names import COLOURS, few_names
from geoseg.spec.presets import instruments

LOG = logging.getLogger(__name__)

BY_OPTION = "set with --sensor"

POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})

_DISTINCT = re.compile(r"\^[A-Z][A-Z\d\[]")
"""Patterns that begin with the name of a satellite, not with a date or tile, fit inside a name too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorMatch:
    """The recognised sensor, or none, and the reason."""

    sensor: SensorSpec | None
    reason: str = ""
    instrument: str = ""
    """The instrument that names show and whose labels are not known, for messages; empty: none."""


def recognise(
    requested: str | None,
    product: Product,
    candidates: Sequence[Candidate],
    sensors: Mapping[str, SensorSpec],
) -> SensorMatch:
    """Return the sensor of a scene.

    Args:
        requested: the value of `--sensor`.
        product: the scene's files.
        candidates: its bands that have no name yet; if there are none, only the names in `product` count.
        sensors: all sensors by name.

    Raises:
        UsageError: there is no sensor of the name `requested`.
        SceneError: the product's metadata name another instrument than `requested`.
        BandError: the band labels, or the name of a file, fit several sensors.
    """
    if requested is not None:
        sensor = _requested(requested, sensors)
        _check_requested(sensor, product, sensors)
        return SensorMatch(sensor=sensor, reason=BY_OPTION)
    if product.sensor is not None:
        return SensorMatch(sensor=sensors[product.sensor], reason=product.sensor_reason)
    axes = embedding_sensor(candidates, sensors)
    if axes is not None:
        return SensorMatch(sensor=axes, reason="its band names")
    match = _by_file_names(product, candidates, sensors)
    if match is not None:
        return match
    instrument = named_instrument(product, candidates, instruments())
    found = sensor_by_labels(candidates, sensors, instrument)
    if found is not None:
        return SensorMatch(sensor=found[0], reason=found[1])
    generic, radar = sensors["generic"], sensors["sentinel-1"]
    words = {name_by_words(item, vocabulary(radar, names=True), ()) for item in candidates} - {None}
    if words:
        return SensorMatch(sensor=radar, reason=f"bands named {', '.join(sorted(map(str, words)))}")
    if _looks_like_db(candidates):
        reason = "two float bands with values that look like dB"
        return SensorMatch(sensor=radar, reason=reason)
    if any(
        name_by_words(item, vocabulary(generic, names=True), ()) or item.wavelength for item in candidates
    ):
        return SensorMatch(sensor=generic, reason="bands named in words or by wavelength")
    if instrument is not None and instrument.certain and not any(instrument.sensors):
        return SensorMatch(
            sensor=None, instrument=f"{instrument.name} is named as a product of {instrument.title} is"
        )
    return SensorMatch(sensor=None)


def _requested(name: str, sensors: Mapping[str, SensorSpec]) -> SensorSpec:
    """Return the sensor that `--sensor` names.

    Raises:
        UsageError: there is no sensor of that name.
    """
    sensor = sensors.get(name.lower())
    if sensor is None:
        near = get_close_matches(name.lower(), list(sensors), n=3, cutoff=0.5) or sorted(sensors)
        raise UsageError(f"there is no sensor {name!r}; use one of {', '.join(near)}")
    return sensor


def _check_requested(sensor: SensorSpec, product: Product, sensors: Mapping[str, SensorSpec]) -> None:
    """Check that `--sensor` does not contradict the product; `generic` never does.

    Metadata are certain about the instrument: its bands have other names, so the same label is another band.
    Names are less certain, since users rename files, and the level may be wanted.

    Raises:
        SceneError: the metadata name another instrument.
    """
    if sensor.name == "generic":
        return
    instrument = instrument_of(sensor.name)
    if product.sensor is None:
        fitting = {key for asset in product.assets for key in sensors_of(base_name(asset.path), sensors)}
        if fitting and instrument not in map(instrument_of, fitting):
            name = base_name(product.assets[0].path)
            warn(
                LOG,
                "sensor-contradicted",
                f"{name} is named as files of {' or '.join(sorted(fitting))} are, and is read as "
                f"{sensor.name}, as `--sensor` asks: the same label may be another band. Leave `--sensor` "
                "out if the names are right",
            )
        return
    stated = sensors[product.sensor]
    if instrument_of(stated.name) != instrument:
        raise SceneError(
            f"{product.name} is {stated.name} by its metadata ({product.sensor_reason}), not {sensor.name}: "
            "leave `--sensor` out, or give `--sensor generic` and name the bands with `--band NAME=PATH`"
        )
    if stated.surface != sensor.surface:
        warn(
            LOG,
            "sensor-contradicted",
            f"{product.name} is {stated.name} by its metadata ({product.sensor_reason}) and is read as "
            f"{sensor.name}, as `--sensor` asks. Leave `--sensor` out unless the metadata are wrong",
        )


def instrument_of(name: str) -> str:
    """Return a sensor's name without level and variant: `sentinel-2` of `sentinel-2-l1c`."""
    return re.sub(r"-(l\d+[a-z]?(-c1)?|s30|toar|radiance)$", "", without_variant(name))


def without_variant(name: str) -> str:
    """Return a sensor's name without the variant of its offset."""
    return re.sub("-(offset|harmonised)$", "", name)


def select_sensor(product: Product, requested: str, sensors: Mapping[str, SensorSpec]) -> Product:
    """Return a product without the files whose names are those of other sensors than the requested one.

    Where no file name fits the requested sensor, all files stay: users may rename files.

    Args:
        product: the files of a scene, perhaps of several sensors.
        requested: the value of `--sensor`.
        sensors: all sensors by name.

    Raises:
        UsageError: there is no sensor of the name `requested`.
    """
    plain = without_variant(_requested(requested, sensors).name)
    names = {asset.path: sensors_of(base_name(asset.path), sensors) for asset in product.assets}
    others = {path for path, fitting in names.items() if fitting and plain not in fitting}
    if not others or not any(plain in fitting for fitting in names.values()):
        return product
    # Quality and auxiliary layers share the beginning of their names with the bands.
    patterns = [pattern for path in others for pattern in sensors[names[path][0]].file_patterns]
    found = (name_patterns.search(pattern, base_name(path)) for path in others for pattern in patterns)
    starts = tuple(
        item.string[: item.start("band")] for item in found if item and item.groupdict().get("band")
    )
    others |= {path for path, fitting in names.items() if not fitting and base_name(path).startswith(starts)}
    assets = tuple(asset for asset in product.assets if asset.path not in others)
    left = tuple(LeftOut(name=base_name(path), why="file of another sensor") for path in sorted(others))
    product = replace(product, assets=assets, left_out=(*product.left_out, *left))
    if product.sensor in {None, plain}:
        return product
    # The metadata describe the files that are left out.
    return replace(product, sensor=None, sensor_reason="", time=None, platform=None, geometry=None)


def sensors_of(name: str, sensors: Mapping[str, SensorSpec]) -> tuple[str, ...]:
    """Return the sensors whose patterns fit a file or product name, without regard to case."""
    return tuple(key for key, sensor in sensors.items() if name_patterns.fits(name, sensor.file_patterns))


def _sensors_within(name: str, sensors: Mapping[str, SensorSpec]) -> tuple[str, ...]:
    """Return the sensors whose product names follow other words in a name: `subset_0_of_S2A_MSIL1C_2023…`."""
    return tuple(
        key
        for key, sensor in sensors.items()
        if any(
            name_patterns.search(f"(?<![A-Za-z0-9]){pattern[1:]}", name)
            for pattern in sensor.file_patterns
            if _DISTINCT.match(pattern)
        )
    )


def _by_file_names(
    product: Product, candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]
) -> SensorMatch | None:
    """Return the sensor that fits most file names; else that of the product's or the folders' names.

    Folder names are unreliable: they count only if no file name fits a sensor, and that of a sensor itself,
    such as `hls` or `force`, only if no other explains more bands.
    """
    levels: list[list[str]] = [[base_name(asset.path) for asset in product.assets], list(product.hints)]
    parents = [list(reversed(PurePosixPath(asset.path).parts[-6:-1])) for asset in product.assets]
    levels += [[parts[depth] for parts in parents if len(parts) > depth] for depth in range(5)]
    for position, names in enumerate(levels):
        hits = [(key, name) for name in names for key in sensors_of(name, sensors)]
        hits = hits or [(key, name) for name in names for key in _sensors_within(name, sensors)]
        if position > 0:
            known = {name: sensors[name.lower()] for name in names if name.lower() in sensors}
            hits += [
                (sensor.name, name)
                for name, sensor in known.items()
                if _explains_most(sensor, candidates, sensors)
            ]
        if hits:
            counts = Counter(key for key, _ in hits)
            best = max(counts, key=lambda key: counts[key])
            _refuse_two_sensors(hits, best, counts)
            return SensorMatch(
                sensor=sensors[best], reason=f"the name {next(name for key, name in hits if key == best)}"
            )
    return None


def _refuse_two_sensors(hits: Sequence[tuple[str, str]], best: str, counts: Mapping[str, int]) -> None:
    """Check that no name is that of a product of another instrument, or of another one alike.

    Args:
        hits: sensors that fit names, and these names.
        best: the sensor that fits most of them.
        counts: number of names that fit each sensor.

    Raises:
        BandError: a name fits two instruments, in which a label is another band, or two products alike.
    """
    named = {name for key, name in hits if key == best}
    for key, name in hits:
        other = counts[key] == counts[best] or instrument_of(key) != instrument_of(best)
        if key != best and name in named and other:
            raise BandError(f"the name {name} fits {best} and {key}; select one with `--sensor`")


def _explains_most(
    sensor: SensorSpec, candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]
) -> bool:
    """Return whether no sensor explains the labels of more bands than a given one."""

    def explained(other: SensorSpec, *, names: bool) -> int:
        words = vocabulary(other, names=names)
        return sum(word_of(item, words, other.file_patterns) is not None for item in candidates)

    most = max(explained(other, names=False) for other in sensors.values() if not other.plain_labels)
    return explained(sensor, names=True) >= most


def _looks_like_db(candidates: Sequence[Candidate]) -> bool:
    """Return True for two unnamed float bands of one file with values mostly below 0, as in dB."""
    files = {item.raster for item in candidates}
    if (
        len(candidates) != 2
        or len(files) != 1
        or any(item.raster.dtypes[item.index - 1].kind != "f" for item in candidates)
    ):
        return False
    return all(map(_mostly_below, candidates))


def _mostly_below(item: Candidate, limit: float = 0.0) -> bool:
    """Return whether the values of a band of floats are mostly below a limit, as dB are below 0."""
    if item.raster.dtypes[item.index - 1].kind != "f":
        return False
    values = item.raster.sample(item.index)
    values = values[np.isfinite(values) & (values != 0) & (np.abs(values) < 200)]
    return bool(values.size) and float(np.mean(values < limit)) >= 0.5


def radar_not_named(candidates: Sequence[Candidate], sensor: SensorSpec | None) -> BandError | None:
    """Return the error for radar bands whose polarisation is not known; None: they are of no radar.

    Without a sensor, a first band of values like dB is radar; bands beside it may be ratios, above 0.
    """
    first = candidates[0]
    decibels = _mostly_below(first, -2.0)
    if not (decibels if sensor is None else sensor.kind == "sar"):
        return None
    same = [other for other in candidates if other.raster is first.raster]
    if len(same) > 1 and not decibels:
        return None
    if len(same) < len(candidates):
        if scenes := _hint_of_scenes(candidates):
            return BandError(f"{first.file} has {len(same)} bands without names{scenes}")
        return BandError(
            f"{first.file}: its name does not say the polarisation of the radar; name the band of each file, "
            f"as `--band vv={first.raster.path}` and `--band vh=PATH`"
        )
    dtype = first.raster.dtypes[first.index - 1]
    what = f"{dtype}, values like dB of radar" if decibels else f"{dtype}, radar"
    if len(same) == 1:
        one = f"1 band without a name ({what}): name its polarisation with `--band vv=:{first.index}` or "
        how = f"{one}`--band vh=:{first.index}`" + (" (8-bit pictures are vv)" if dtype.itemsize == 1 else "")
    else:
        how = (
            f"{len(same)} bands without names ({what}): name the polarisations with "
            f"`--band vv=:{first.index} --band vh=:{same[1].index}`, or the other way round"
        )
    return BandError(
        f"{first.file} has {how}; `:{first.index}` is band {first.index} of the scene, in a pair of each date"
    )


def not_recognised(
    candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec], instrument: str = ""
) -> BandError:
    """Return the error for bands without names: it lists sensors that fit and how to name sensor or bands.

    Args:
        candidates: the bands.
        sensors: all sensors by name.
        instrument: what names say about an instrument that is not known; empty: nothing.
    """
    item = candidates[0]
    count = sum(other.raster is item.raster for other in candidates)
    dtype = item.raster.dtypes[item.index - 1]
    one = f"`--band NAME={item.raster.path}" + (f":{item.index}`" if item.raster.count > 1 else "`")
    if instrument:
        return BandError(
            f"{instrument}, whose bands geoseg does not know: name each band with {one}, as the documents of "
            "the product number them (values are read as stored, or scaled by the file's tags). If the name "
            "is that of something else, set `--sensor`"
        )
    single = list(dict.fromkeys(other.where for other in candidates if other.raster.count == 1))
    if count == 1 and len(single) > 1:
        return BandError(
            f"the names of {few_names(single)} do not identify their bands; name each band with {one}"
        )
    if count == 1:
        return BandError(f"{item.where} ({dtype}): the name does not identify the band; name it with {one}")
    fitting = [name for name, sensor in sensors.items() if orders_of(sensor, count) and "like" not in name]
    if len(fitting) == 1:
        could = f"set `--sensor {fitting[0]}`"
        if all(set(order) <= COLOURS for order in orders_of(sensors[fitting[0]], count)):
            could += " if they are colours, which do for change and networks, but not for a water method"
    elif fitting:
        could = f"set `--sensor` to one of {', '.join(fitting)}"
    else:
        could = f"no sensor has stacks of {count} bands by default"
    extra = f"; a file of {CUBE} bands or more needs wavelengths" if count >= CUBE else ""
    return BandError(
        f"{item.file} has {count} {dtype} bands without names: {could}; or name the bands with {one}{extra}"
        f"{_hint_of_scenes(candidates)}"
    )


def _hint_of_scenes(candidates: Sequence[Candidate]) -> str:
    """Return what to do with several files of several bands each; empty: there are none."""
    counts = Counter(item.raster.path for item in candidates)
    if len(counts) < 2 or min(counts.values()) < 2:
        return ""
    return (
        f"; {len(counts)} such files are {len(counts)} scenes unless they are tiles of one date: give one, "
        "or map each with `geoseg batch`"
    )

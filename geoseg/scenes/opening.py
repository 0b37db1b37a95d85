"""Open a scene: find its files, recognise the sensor, name the bands and calibrate them, in this order."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.files.doors import opening
from geoseg.files.inputs import not_an_input
from geoseg.messages import held, note, replay, warn
from geoseg.scenes import name_patterns
from geoseg.scenes.assembly import candidates_of, name_bands
from geoseg.scenes.auxiliary_files import set_auxiliary_aside, set_auxiliary_bands_aside
from geoseg.scenes.band_places import warn_of_places
from geoseg.scenes.bands import TWINS, Band
from geoseg.scenes.files import find_product
from geoseg.scenes.inner_folders import naming_inner_folders
from geoseg.scenes.name_time import has_clock, has_processing_time, time_in_name, times_in_tag
from geoseg.scenes.naming import Candidate, NamedCandidate, centre_of, name_by_words, vocabulary
from geoseg.scenes.paths import gdal_path, is_local
from geoseg.scenes.platform import platform_of
from geoseg.scenes.product import Asset, LeftOut, Product
from geoseg.scenes.quality_files import set_bands_aside, set_quality_aside
from geoseg.scenes.quality_layers import Quality, QualityLayer
from geoseg.scenes.quality_opening import open_mask, open_quality, without_clouds
from geoseg.scenes.radiometric_calibration import CalibrationContext, calibrate
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.readers import open_raster
from geoseg.scenes.recognition import (
    BY_OPTION,
    POLARISATIONS,
    SensorMatch,
    recognise,
    select_sensor,
    without_variant,
)
from geoseg.scenes.scene import Scene, SceneMetadata
from geoseg.scenes.tiles import join_tiles
from geoseg.spec import QualitySpec, SceneSpec, SensorSpec
from geoseg.spec.presets import auxiliary_layers, quality_layers

LOG = logging.getLogger(__name__)

MAP_TAG = "geoseg_record"
"""Tag of maps that geoseg made: in a folder of band files they are not part of the scene."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def open_scene(request: SceneSpec, sensors: Mapping[str, SensorSpec]) -> Scene:
    """Open a scene: any raster, several, a folder, a product, a STAC item or an address.

    Args:
        request: paths, `--band`, `--sensor`, `--sar-units`.
        sensors: all sensors by name.

    Raises:
        SceneReadError: a file is missing, damaged or not a raster.
        BandError: bands cannot be named; the message says how to name them.
        SceneError: the files cannot be one scene.
        UsageError: `--sensor` or a `--band` is not valid.
    """
    inner = naming_inner_folders(request.paths)
    with opening(", ".join(request.paths)), inner, held() as messages, ExitStack() as stack:
        kinds = quality_layers()
        settled = _settled_bands(request)
        named_paths = {path for path, _ in settled.values()}
        product = _product(request, named_paths, kinds, sensors)
        product, rasters = _open_files(product, named_paths, stack)
        named = [_named(name, rasters[path], index, product) for name, (path, index) in settled.items()]
        candidates = _candidates(product, rasters, named)
        candidates, flagged = set_bands_aside(candidates, kinds)
        candidates, auxiliary = set_auxiliary_bands_aside(candidates, auxiliary_layers(), others=bool(named))
        match = recognise(request.sensor, product, candidates, sensors)
        with held() as guesses:
            by_name, unnamed = name_bands(candidates, match, sensors, settled=settled)
        _check_settled(named, sensor=match.sensor)
        named += by_name
        if match.sensor is None and {item.name for item in named} <= POLARISATIONS:
            match = replace(match, sensor=sensors["sentinel-1"], reason="bands named as polarisations")
        sensor = match.sensor or sensors["generic"]
        note(LOG, f"sensor: {sensor.title} ({match.reason or 'no name or value identifies it'})")
        replay(guesses)
        _note_origins(named)
        context = CalibrationContext(
            sensor=sensor,
            product=product,
            time=_tagged_time(sensor, rasters) or _time(product),
            sar_units=request.sar_units,
            confirmed=_is_confirmed(match, product, sensors),
        )
        bands, untiled = join_tiles(named, calibrate(named, context))
        _note_georeference(bands)
        _check_days(bands)
        warn_of_places(bands)
        if any(band.units == "dn" for band in bands) and sensor.name == "generic":
            note(LOG, "digital numbers: the scale to reflectance is not known without a sensor")
        quality = _quality(request, product, flagged, context)
        stack.callback(quality.close)
        facts = SceneMetadata(
            name=product.name,
            sensor=sensor,
            time=context.time,
            platform=platform_of(product),
            geometry=product.geometry,
            messages=tuple(dict.fromkeys(messages)),
            left_out=tuple(dict.fromkeys((*product.left_out, *auxiliary, *unnamed, *untiled))),
            centres={band.name: band.wavelength for band in sensors["generic"].bands if band.wavelength},
        )
        scene = Scene(facts, bands, quality=quality)
        in_use = {file for band in bands for file in band.raster.members}
        optional = {asset.path for asset in product.assets if asset.optional}
        for raster in set(rasters.values()) - in_use - {item.raster for item, _ in flagged}:
            # Maps of geoseg in a folder of band files do not count as inputs.
            if raster.path in optional and MAP_TAG in raster.tags():
                not_an_input(raster.path)
            raster.close()
        stack.pop_all()
        return scene


def _candidates(
    product: Product, rasters: Mapping[str, Raster], named: Sequence[NamedCandidate]
) -> list[Candidate]:
    """Return the bands of a product's files that `--band` does not name."""
    settled = {(item.candidate.raster, item.candidate.index) for item in named}
    candidates: list[Candidate] = []
    for asset in product.assets:
        with held() as messages:
            bands = candidates_of(asset, rasters[asset.path])
        candidates += [item for item in bands if (item.raster, item.index) not in settled]
        for text in rasters[asset.path].notes:
            note(LOG, text)
        # A user who names bands has looked at them: notes on alpha bands are not needed.
        if not named:
            replay(messages, of=base_name(asset.path))
    return candidates


def _open_files(product: Product, required: set[str], stack: ExitStack) -> tuple[Product, dict[str, Raster]]:
    """Open the files of a product; unreadable files that were only found in its folder are left out.

    Args:
        product: the product.
        required: paths of files that `--band` names.
        stack: closes the files.

    Returns:
        The product without the files that are left out, and the rasters by path.

    Raises:
        SceneReadError: a file that the user gave or metadata label is damaged, not a raster, or missing (but
            for assets of a STAC item); or all files are.
        SceneError: a file holds complex values.
    """
    rasters: dict[str, Raster] = {}
    errors: list[SceneReadError] = []
    unread: list[LeftOut] = []
    for asset in product.assets:
        try:
            rasters[asset.path] = stack.enter_context(open_raster(asset.path))
        except SceneReadError as error:
            # An item is often copied with some of its files; a band that is needed and not there is an error.
            absent = bool(asset.key) and is_local(asset.path) and not Path(asset.path).exists()
            if asset.path in required or not (absent or (asset.optional and not asset.labels)):
                raise
            errors.append(error)
            warn(LOG, "file-unreadable", f"{error}; it is left out")
            unread.append(LeftOut(name=base_name(asset.path), why="cannot be read"))
    if errors and not rasters:
        raise errors[0]
    assets = tuple(item for item in product.assets if item.path in rasters)
    return replace(product, assets=assets, left_out=(*unread, *product.left_out)), rasters


def _quality(
    request: SceneSpec,
    product: Product,
    flagged: Sequence[tuple[Candidate, tuple[str, ...]]],
    context: CalibrationContext,
) -> Quality:
    """Open the product's quality layers and the user's mask.

    Raises:
        SceneReadError: a layer cannot be read.
        SceneError: `--clouds product` is set and there is no layer.
    """
    layers: tuple[QualityLayer, ...] = ()
    if request.clouds != "none" and context.sensor is not None:
        names = vocabulary(context.sensor, names=False)
        layers = open_quality(product.quality, flagged, quality_layers(), names)
    if request.clouds == "network":
        # A network detects clouds again, but neither saturation nor layover.
        layers = without_clouds(layers, {item.raster for item, _ in flagged})
    if request.clouds == "product" and not layers:
        raise SceneError(
            f"{product.name}: `--clouds product` needs a quality layer, and no known one was found; give one "
            "with `--mask FILE:VALUES`, or use `--clouds auto`"
        )
    if layers:
        titles = ", ".join(dict.fromkeys(layer.title for layer in layers))
        note(LOG, f"quality layers: {titles} (`--clouds none` maps without them)")
    masks = (open_mask(request.mask),) if request.mask else ()
    return Quality(layers=(*layers, *masks), dilate=request.mask_dilate)


def _is_confirmed(match: SensorMatch, product: Product, sensors: Mapping[str, SensorSpec]) -> bool:
    """Return whether `--sensor`, metadata, or the name of a file or product states the sensor.

    Labels of bands and names of folders do not: they say nothing about the scale. The name of the product may
    follow another word, as in `flood_S2A_MSIL2A_20230701T103021_…`.
    """
    if match.sensor is None or match.reason == BY_OPTION or product.sensor is not None:
        return match.sensor is not None
    names = [*(base_name(asset.path) for asset in product.assets), *product.hints]
    patterns = sensors[without_variant(match.sensor.name)].file_patterns
    anywhere = tuple(pattern.removeprefix("^") for pattern in patterns)
    return any(name_patterns.fits(name, anywhere) for name in names)


def _settled_bands(request: SceneSpec) -> dict[str, tuple[str, int]]:
    """Return path and 1-based index of each `--band`, by name.

    Raises:
        BandError: a name or path is not valid.
    """
    settled = {}
    for name, text in request.bands.items():
        if not _NAME.fullmatch(name.lower()):
            raise BandError(
                f"`--band {name}={text}`: the name of a band is a word such as nir08; give NAME=PATH[:INDEX]"
            )
        match = re.fullmatch(r"(.*):(\d+)", text)
        path, index = (match[1], int(match[2])) if match and not Path(text).exists() else (text, 1)
        if not path and len(request.paths) == 1:
            path = request.paths[0]
        if not path or index < 1:
            raise BandError(f"`--band {name}={text}`: give NAME=PATH[:INDEX], with an index from 1")
        settled[name.lower()] = (gdal_path(path), index)
    return settled


def _product(
    request: SceneSpec,
    named: set[str],
    kinds: Mapping[str, QualitySpec],
    sensors: Mapping[str, SensorSpec],
) -> Product:
    """Return the scene's product and the files that `--band` names, without quality and auxiliary layers."""
    product = find_product(request.paths, kinds, remote_assets=request.remote_assets)
    if request.sensor is not None:
        product = select_sensor(product, request.sensor, sensors)
    known = {asset.path for asset in product.assets}
    extra = tuple(Asset(path=path, optional=True) for path in sorted(named - known))
    product = set_quality_aside(replace(product, assets=product.assets + extra), kinds, named)
    return set_auxiliary_aside(product, auxiliary_layers(), named)


def _named(name: str, raster: Raster, index: int, product: Product) -> NamedCandidate:
    """Return a band that `--band` names."""
    if index > raster.count:
        raise BandError(f"`--band {name}={raster.path}:{index}`: the file has {raster.count} band(s) only")
    asset = next(asset for asset in product.assets if asset.path == raster.path)
    centre = centre_of(asset, raster, index)
    candidate = Candidate(asset=asset, raster=raster, index=index, wavelength=centre)
    return NamedCandidate(name=name, candidate=candidate, origin="--band")


def _check_settled(named: Sequence[NamedCandidate], sensor: SensorSpec | None) -> None:
    """Warn of `--band` where the label of the file is that of another band of the sensor."""
    if sensor is None or sensor.name == "generic":
        return
    words = vocabulary(sensor, names=False)
    for item in named:
        label = name_by_words(item.candidate, words, sensor.file_patterns)
        same = {item.name, TWINS.get(item.name)}
        if label is None or item.name not in sensor.band_names or label in same:
            continue
        warn(
            LOG,
            "band-contradicted",
            f"`--band {item.name}={item.candidate.where}` is labelled as {label} of {sensor.name}: leave "
            "`--band` out unless the label is wrong",
        )


def _note_origins(named: list[NamedCandidate]) -> None:
    """Note names that were found by wavelength or by a word, which are less certain than labels."""
    for origin in ("wavelength", "word in its name"):
        names = [f"{item.name} = {item.candidate.where}" for item in named if item.origin == origin]
        if names:
            few = len(names) <= 8
            listed = ", ".join(names) if few else f"{len(names)} bands, {names[0]} to {names[-1]}"
            note(LOG, f"named by {origin}: {listed}")


def _check_days(bands: Sequence[Band]) -> None:
    """Warn where the names of files in use state acquisitions of several days.

    A night may lie between tiles of one strip; bands of two dates are no scene.
    """
    files = {base_name(file.path): None for band in bands for file in band.raster.members}
    times = {name: time for name in files if (time := time_in_name(name)) is not None}
    if not times:
        return
    first, last = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
    if (times[last].date() - times[first].date()).days > 1:
        warn(
            LOG,
            "bands-of-several-dates",
            f"one scene is made of files of several dates ({first} and {last}): what changed between them is "
            "mapped wrongly; give the files of one date",
        )


def _tagged_time(sensor: SensorSpec, rasters: Mapping[str, Raster]) -> datetime | None:
    """Return the last acquisition time in the tags of the files of a sensor that states times there."""
    if sensor.time_tag is None:
        return None
    tags = (raster.tags().get(sensor.time_tag, "") for raster in rasters.values())
    return max((time for text in tags for time in times_in_tag(text)), default=None)


def _time(product: Product) -> datetime | None:
    """Return the acquisition time from metadata, else from most file names, else from the product's name."""
    if product.time is not None:
        return product.time
    files = [time for asset in product.assets if (time := time_in_name(base_name(asset.path)))]
    names = (product.name, *product.hints, *_folders_within(product))
    named = [time for name in names if (time := time_in_name(name))]
    found = max(files, key=files.count) if files else next(iter(named), None)
    if found is None:
        bases = (*(base_name(asset.path) for asset in product.assets), *names)
        only = next((name for name in bases if has_processing_time(name)), None)
        if only is not None:
            note(LOG, f"acquisition time unknown: the time in {only} is that of processing")
        return None
    if has_clock(found):
        return found
    # A folder may have the time of day where the files have the day.
    return next((time for time in named if time.date() == found.date() and has_clock(time)), found)


def _folders_within(product: Product) -> list[str]:
    """Return the names of the folders of the files below the folder that was given, innermost first."""
    found: dict[str, None] = {}
    for asset in product.assets:
        parts = PurePosixPath(asset.path).parts[:-1]
        if product.name in parts:
            found |= dict.fromkeys(reversed(parts[parts.index(product.name) + 1 :]))
    return list(found)


def _note_georeference(bands: Sequence[Band]) -> None:
    """Warn of files without a georeference, and note files on rotated or flipped grids."""
    for raster in dict.fromkeys(band.raster for band in bands):
        file = base_name(raster.path)
        if raster.grid.crs is None:
            lack, remedy = raster.georeference.lack, raster.georeference.remedy
            warn(
                LOG,
                "no-georeference",
                f"{file} has {lack}: the map will be in pixel coordinates, without areas; {remedy}",
            )
        elif not raster.grid.north_up:
            note(LOG, f"{file}: the grid is not north-up; the map keeps this grid")

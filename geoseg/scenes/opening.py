"""Open a scene: files, sensor, names, scaling, in this order."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.files.inputs import not_an_input
from geoseg.messages import Message, held, note, replay, warn
from geoseg.scenes.assembly import Named, candidates_of, name_bands
from geoseg.scenes.auxiliary_files import set_auxiliary_aside, set_auxiliary_bands_aside
from geoseg.scenes.bands import Band
from geoseg.scenes.files import find_product
from geoseg.scenes.naming import Candidate, centre_of, vocabulary
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.platform import platform_of
from geoseg.scenes.product import Asset, LeftOut, Product, time_in_name
from geoseg.scenes.quality_files import set_bands_aside, set_quality_aside
from geoseg.scenes.quality_layers import Layer, Quality
from geoseg.scenes.quality_opening import open_mask, open_quality, without_clouds
from geoseg.scenes.radiometric_calibration import Context, calibrate
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.readers import open_raster
from geoseg.scenes.recognition import recognise
from geoseg.scenes.scene import Facts, Scene
from geoseg.scenes.tiles import join_tiles
from geoseg.spec import QualitySpec, SceneSpec, SensorSpec
from geoseg.spec.presets import auxiliary_layers, quality_layers

LOG = logging.getLogger(__name__)

MAP_TAG = "geoseg_record"
"""Metadata of maps that geoseg itself made: in a folder of band files they are no part of the scene."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def open_scene(request: SceneSpec, sensors: Mapping[str, SensorSpec]) -> Scene:
    """Open a scene: any raster, several, a folder, a product, a STAC item or an address.

    Args:
        request: paths, `--band`, `--sensor`, `--sar-units`.
        sensors: all sensors by name.

    Raises:
        SceneReadError: a file is missing, damaged or no raster.
        BandError: bands cannot be told from one another; the message says how to name them.
        SceneError: the files make no one scene.
        UsageError: the sensor or a `--band` is not understood.
    """
    with held() as messages, ExitStack() as stack:
        kinds = quality_layers()
        settled = _settled_bands(request)
        product = _product(request, {path for path, _ in settled.values()}, kinds)
        product, rasters, unread = _open_files(product, stack)
        own: list[Named] = []
        for name, (path, index) in settled.items():
            own.append(_named(name, rasters[path], index, product))
        free: list[Candidate] = []
        taken = {(item.candidate.raster, item.candidate.index) for item in own}
        for asset in product.assets:
            with held() as about_file:
                found = candidates_of(asset, rasters[asset.path])
            free += [item for item in found if (item.raster, item.index) not in taken]
            for text in rasters[asset.path].remarks:
                note(LOG, text)
            # Whoever names bands has looked at them: nothing is left to say of alpha.
            if not settled:
                replay(about_file, of=base_name(asset.path))
        free, flagged = set_bands_aside(free, kinds)
        free, aside = set_auxiliary_bands_aside(free, auxiliary_layers())
        verdict = recognise(request.sensor, product, free, sensors)
        with held() as guesses:
            naming = name_bands(free, verdict, sensors, settled=settled)
        named = own + naming.named
        if verdict.sensor is None and {item.name for item in named} <= {"vv", "vh", "hh", "hv"}:
            verdict = replace(verdict, sensor=sensors["sentinel-1"], reason="bands named as polarisations")
        sensor = verdict.sensor or sensors["generic"]
        note(LOG, f"sensor: {sensor.title} ({verdict.reason or 'nothing gives it away'})")
        replay(guesses)
        _origins(named)
        context = Context(sensor=sensor, product=product, time=_time(product), sar_units=request.sar_units)
        joined = join_tiles(named, calibrate(named, context))
        bands = joined.bands
        left_out = (*unread, *product.left_out, *aside, *naming.left_out, *joined.left_out)
        _georeference(bands)
        if any(band.units == "dn" for band in bands) and sensor.name == "generic":
            note(LOG, "bare counts: without a sensor the scale to reflectance is not known")
        quality = _quality(request, product, flagged, context)
        stack.callback(quality.close)
        scene = Scene(_facts(product, context, sensors, messages, left_out), bands, quality=quality)
        kept = {file for band in bands for file in band.raster.members} | {item.raster for item, _ in flagged}
        spare = {asset.path for asset in product.assets if asset.spare}
        for raster in set(rasters.values()) - kept:
            if raster.path in spare and MAP_TAG in raster.tags():
                not_an_input(raster.path)
            raster.close()
        stack.pop_all()
        return scene


def _open_files(product: Product, stack: ExitStack) -> tuple[Product, dict[str, Raster], tuple[LeftOut, ...]]:
    """Open a product's files, by path; what merely lies in its folder and is no raster is left out.

    Returns:
        The product without the files that are left out, the rasters by path, and the files that are left out.

    Raises:
        SceneReadError: a file that was asked for or labelled is missing, damaged or no raster; or all are.
        SceneError: a file holds complex values.
    """
    rasters: dict[str, Raster] = {}
    errors: list[SceneReadError] = []
    unread: list[LeftOut] = []
    for asset in product.assets:
        try:
            rasters[asset.path] = stack.enter_context(open_raster(asset.path))
        except SceneReadError as error:
            if not asset.spare or asset.labels:
                raise
            errors.append(error)
            warn(LOG, "file-unreadable", f"{error}; it is left out")
            unread.append(LeftOut(name=base_name(asset.path), why="cannot be read"))
    if errors and not rasters:
        raise errors[0]
    there = tuple(item for item in product.assets if item.path in rasters)
    return replace(product, assets=there), rasters, tuple(unread)


def _quality(
    request: SceneSpec,
    product: Product,
    flagged: Sequence[tuple[Candidate, tuple[str, ...]]],
    context: Context,
) -> Quality:
    """Open what hides the ground: the product's quality layers and the user's mask.

    Raises:
        SceneReadError: a layer cannot be read.
        SceneError: layers are asked for and there are none.
    """
    layers: tuple[Layer, ...] = ()
    if request.clouds != "none" and context.sensor is not None:
        names = vocabulary(context.sensor, names=False)
        layers = open_quality(product.quality, flagged, quality_layers(), names)
    if request.clouds == "network":
        # A network tells clouds anew; saturation and layover it cannot.
        layers = without_clouds(layers, {item.raster for item, _ in flagged})
    if request.clouds == "product" and not layers:
        raise SceneError(
            f"{product.name}: --clouds product: no quality layer of a known kind was found; give one "
            "with --mask FILE:VALUES, or say --clouds auto"
        )
    if layers:
        titles = ", ".join(dict.fromkeys(layer.title for layer in layers))
        note(LOG, f"quality layers: {titles} (--clouds none maps without them)")
    masks = (open_mask(request.mask),) if request.mask else ()
    return Quality(layers=(*layers, *masks), dilate=request.mask_dilate)


def _settled_bands(request: SceneSpec) -> dict[str, tuple[str, int]]:
    """Return what `--band` says: path and 1-based index by name.

    Raises:
        BandError: a name or path is not understood.
    """
    found = {}
    for name, text in request.bands.items():
        if not _NAME.fullmatch(name.lower()):
            raise BandError(
                f"--band {name}={text}: a band's name is a word like nir08; give NAME=PATH[:INDEX]"
            )
        match = re.fullmatch(r"(.*):(\d+)", text)
        path, index = (match[1], int(match[2])) if match and not Path(text).exists() else (text, 1)
        if not path and len(request.paths) == 1:
            path = request.paths[0]
        if not path or index < 1:
            raise BandError(f"--band {name}={text}: give NAME=PATH[:INDEX], the index from 1")
        found[name.lower()] = (gdal_path(path), index)
    return found


def _product(request: SceneSpec, named: set[str], kinds: Mapping[str, QualitySpec]) -> Product:
    """Return the scene's product with the files that `--band` names; what is no band is set aside."""
    product = find_product(request.paths, kinds)
    known = {asset.path for asset in product.assets}
    extra = tuple(Asset(path=path, spare=True) for path in sorted(named - known))
    product = set_quality_aside(replace(product, assets=product.assets + extra), kinds, named)
    return set_auxiliary_aside(product, auxiliary_layers(), named)


def _named(name: str, raster: Raster, index: int, product: Product) -> Named:
    """Return a band that `--band` settled."""
    if index > raster.count:
        raise BandError(f"--band {name}={raster.path}:{index}: the file has {raster.count} band(s)")
    asset = next(asset for asset in product.assets if asset.path == raster.path)
    centre = centre_of(asset, raster, index)
    candidate = Candidate(asset=asset, raster=raster, index=index, wavelength=centre)
    return Named(name=name, candidate=candidate, origin="--band")


def _origins(named: list[Named]) -> None:
    """Note names that were found by wavelength or by a word, which is less sure than a label."""
    for origin in ("wavelength", "word in its name"):
        names = [f"{item.name} = {item.candidate.where}" for item in named if item.origin == origin]
        if names:
            few = len(names) <= 8
            told = ", ".join(names) if few else f"{len(names)} bands, {names[0]} to {names[-1]}"
            note(LOG, f"named by {origin}: {told}")


def _time(product: Product) -> datetime | None:
    """Return the acquisition time of the product, else the one in most files' names, else in its own."""
    if product.time is not None:
        return product.time
    files = [time for asset in product.assets if (time := time_in_name(base_name(asset.path)))]
    if files:
        return max(files, key=files.count)
    return next((time for name in (product.name, *product.hints) if (time := time_in_name(name))), None)


def _georeference(bands: Sequence[Band]) -> None:
    """Say where the grid is nowhere on the ground, or turned."""
    for raster in dict.fromkeys(band.raster for band in bands):
        file = base_name(raster.path)
        if raster.grid.crs is None:
            found = raster.georeference
            told = f"{file} has {found.lack}: the map will be in pixel coordinates, without areas"
            warn(LOG, "no-georeference", f"{told}; {found.remedy}")
        elif not raster.grid.north_up:
            note(LOG, f"{file}: its rows do not run east; the map keeps that grid")


def _facts(
    product: Product,
    context: Context,
    sensors: Mapping[str, SensorSpec],
    messages: Sequence[Message],
    left_out: Sequence[LeftOut],
) -> Facts:
    """Return what is known of the scene as a whole."""
    return Facts(
        name=product.name,
        sensor=context.sensor,
        time=context.time,
        platform=platform_of(product),
        geometry=product.geometry,
        messages=tuple(dict.fromkeys(messages)),
        left_out=tuple(dict.fromkeys(left_out)),
        centres={band.name: band.wavelength for band in sensors["generic"].bands if band.wavelength},
    )

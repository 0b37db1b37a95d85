"""Methane plumes of a scene: columns, spots that stand out, and the rates of what is a plume."""

from __future__ import annotations

import logging
import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import tell_hidden
from geoseg.bundles.find import find_model
from geoseg.engine.make_map import begin, command_of, make_map, outputs_of, plan
from geoseg.engine.network_on_scene import clip, network_recipe
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.files.scratch import scratch_folder
from geoseg.messages import collecting, replay, warn
from geoseg.methane.choose import check_method
from geoseg.methane.column_cache import keep
from geoseg.methane.column_threshold import PlumeSession, Search, find_threshold
from geoseg.methane.columns import open_all, retrieve
from geoseg.methane.cube import plan_cube, retrieve_cube
from geoseg.methane.detection_limit import Found, look
from geoseg.methane.facility_attribution import read_facilities
from geoseg.methane.plume_attributes import extras
from geoseg.methane.plume_rates import Measurer
from geoseg.methane.plume_wind import Winds, effective_wind, open_wind, tell_wind
from geoseg.methane.retrieval import CH4, Retrieved
from geoseg.methane.satellite_bands import satellite_of
from geoseg.methane.screening import PlumeJudge
from geoseg.methane.view_angles import angles_of
from geoseg.methods.plume_search import MARGIN, Background
from geoseg.outputs import Beside
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.stack import Layer, Stack
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.spec.presets import sensors, task

LOG = logging.getLogger(__name__)

OTHER_TASKS = frozenset({"flood", "change"})
"""What networks may be made for that draw no plumes."""

TILE = 256
"""Pixels of a tile of columns."""


@reading_inputs()
@collecting()
def map_plumes(
    spec: PlumeSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map methane plumes with their rates.

    Raises:
        UsageError: the request contradicts itself.
        SceneError: the scene, a reference or the wind cannot be read, or is not suitable.
        BandError: a band is missing.
        ModelError: the network does not fit.
        OutputError: an output cannot be written.
    """
    check_method(spec.method)
    begin(spec.run, _inputs(spec), spec.columns)
    facilities = read_facilities(spec.facilities) if spec.facilities is not None else None
    if facilities is not None and not facilities.labels:
        warn(
            LOG,
            "no-facilities",
            f"{facilities.path}: holds no facility, so that plumes are attributed to none",
        )
    with ExitStack() as stack:
        wind = open_wind(spec, stack)
        retrieved = _retrieve(spec, stack, progress, dry_run=dry_run)
        if dry_run:
            return _plan(spec, retrieved, stack)
        if not retrieved.stored:
            retrieved = keep(retrieved, spec.run.output.resolve().parent, stack, progress)
        search = find_threshold(retrieved, spec)
        recipe = _recipe(spec, retrieved, search, stack)
        winds = Winds(spec=spec, file=wind, scene=retrieved.scene, satellite=retrieved.satellite)
        tell_wind(winds)
        outputs = [*outputs_of(spec.run), *([] if spec.columns is None else [spec.columns])]
        beside = stack.enter_context(Beside(outputs, overwrite=spec.run.overwrite))
        found = look(spec, retrieved, search, beside, stack, progress)
        judge = _judge(spec, retrieved, found, winds, stack)
        recipe = replace(recipe, extras=extras(spec, retrieved, found, judge, facilities))
        return make_map(recipe, spec.run, command_of(spec), progress, beside)


def _inputs(spec: PlumeSpec) -> list[str | Path]:
    """Every file that is read."""
    beside = [path for path in (spec.wind, spec.absorption, spec.facilities) if isinstance(path, Path)]
    return [*spec.scene.paths, *(path for scene in spec.reference for path in scene.paths), *beside]


def _plan(spec: PlumeSpec, retrieved: Retrieved, stack: ExitStack) -> Plan:
    """Say what drawing the map would take, without looking at the whole scene."""
    even = Background(mean=np.zeros((1, 1)), std=np.ones((1, 1)), pixel_std=1.0)
    search = Search(background=even, sigmas=spec.sigma, min_pixels=spec.min_pixels)
    found = plan(_recipe(spec, retrieved, search, stack), spec.run)
    seconds = None if spec.model is None else found.seconds
    note = "columns are computed first, into scratch files beside the output; that is not counted here"
    return found.model_copy(update={"seconds": seconds, "notes": (*found.notes, note)})


def _retrieve(spec: PlumeSpec, stack: ExitStack, progress: Progress, *, dry_run: bool) -> Retrieved:
    """Columns of the scene, by what kind of instrument saw it; of a cube without them where they can wait."""
    scene = stack.enter_context(open_scene(spec.scene, sensors()))
    if scene.grid.crs is None:
        raise SceneError(
            f"{scene.name}: without a CRS neither areas nor rates are known; give the raster its CRS "
            "(gdal_edit.py -a_srs)"
        )
    if spec.source is not None:
        _check_source(spec.source, clip(scene, spec.run))
    satellite = satellite_of(scene, spec.satellite)
    _check_options(spec, satellite)
    angles = angles_of(scene, satellite, sun_zenith=spec.sun_zenith, view_zenith=spec.view_zenith)
    if satellite.kind == "spectrometer":
        replay(scene.messages)
        scene = with_cloud_mask(scene, spec.scene, spec.run, stack, progress, dry_run=dry_run)
        tell_hidden(clip(scene, spec.run))
        if dry_run and spec.model is None:
            return plan_cube(scene, spec, satellite, angles)
        parent = spec.run.output.resolve().parent
        folder = stack.enter_context(scratch_folder(parent))
        return retrieve_cube(scene, spec, satellite, folder, stack, progress, angles)
    opened = open_all(spec, stack, progress, dry_run=dry_run)
    return retrieve(spec, satellite, opened, angles)


def _check_options(spec: PlumeSpec, satellite: SatelliteSpec) -> None:
    """Refuse what would be silently ignored.

    Raises:
        UsageError: an option is for another kind of satellite, or two of them say the threshold.
    """
    if spec.threshold is not None and spec.percentile is not None:
        raise UsageError("--threshold and --percentile: one of both decides")
    if satellite.kind == "spectrometer":
        names, those = ("reference", "coregister"), "scenes of two bands"
    else:
        names, those = ("absorption", "column_group"), "imaging spectrometers"
    for name in names:
        if getattr(spec, name) != PlumeSpec.model_fields[name].default:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} is for {those}, and the scene is of {satellite.title}; leave it out")


def _check_source(source: tuple[float, float], scene: Scene) -> None:
    """Refuse a source where nothing is searched.

    Raises:
        SceneError: it lies outside of the scene, or of the area that is mapped.
    """
    col, row = scene.grid.from_lonlat(*source)
    if not (0 <= row <= scene.grid.height and 0 <= col <= scene.grid.width):
        lon, lat = scene.centre or (math.nan, math.nan)
        raise SceneError(
            f"--source {source[0]:g},{source[1]:g} lies outside of what is mapped of {scene.name}, whose "
            f"centre is {lon:.3f},{lat:.3f}; longitude comes first"
        )


def _judge(spec: PlumeSpec, retrieved: Retrieved, found: Found, winds: Winds, stack: ExitStack) -> PlumeJudge:
    """Who decides what is a plume, with files of its own to read."""
    grid = retrieved.source.grid
    return PlumeJudge(
        grid=grid,
        search=found.search,
        alarms=found.alarms,
        searched=found.known,
        reader=stack.enter_context(retrieved.again()),
        band=retrieved.searched,
        bands=tuple(dict.fromkeys((CH4, retrieved.searched, *retrieved.beside))),
        wind_at=lambda lon, lat: winds.at((lon, lat)),
        measurer=Measurer(
            grid=grid,
            search=found.search,
            effective=effective_wind(spec, retrieved.satellite),
            spec=spec,
            most_ppm_m=retrieved.most_ppm_m,
        ),
        spec=spec,
    )


def _recipe(spec: PlumeSpec, retrieved: Retrieved, search: Search, stack: ExitStack) -> Recipe:
    """What is scored: columns above a threshold, or whatever a network makes of them."""
    preset = task("plume")
    inputs = (retrieved.source.describe(), *(scene.describe() for scene in retrieved.inputs))
    if spec.model is not None:
        recipe = _by_network(spec, retrieved, stack)
        return replace(
            recipe, task="methane plume", layer=preset.layer, classes=preset.classes, inputs=inputs
        )
    scene, session = retrieved.scene, PlumeSession(search, retrieved.method)
    return Recipe(
        task="methane plume",
        layer=preset.layer,
        classes=preset.classes,
        source=retrieved.source,
        bands=(retrieved.searched,),
        session=session,
        prepare=session.prepare,
        blend="crop",
        tile=TILE,
        overlap=2 * MARGIN,
        runtime={"method": spec.method},
        inputs=inputs,
        sensor=scene.sensor.name if scene.sensor else "",
        acquired=scene.time.isoformat() if scene.time else "",
    )


def _by_network(spec: PlumeSpec, retrieved: Retrieved, stack: ExitStack) -> Recipe:
    """Let a network draw the mask from columns and bands."""
    model = find_model(spec.model or "")
    scene = retrieved.scene
    own = set(retrieved.source.band_names)
    further = tuple(band.name for band in model.bands if band.name not in own)
    source = Stack(retrieved.source, [Layer(source=scene.select(further))] if further else [])
    if model.task in OTHER_TASKS:
        raise ModelError(f"{model.name} is a network for {model.task}; methane needs one trained on plumes")
    if len(model.classes) != 2:
        raise ModelError(f"{model.name}: a network of plumes has two classes, not {len(model.classes)}")
    recipe = network_recipe(model, scene, source, spec.run)
    stack.callback(recipe.session.close)
    return recipe

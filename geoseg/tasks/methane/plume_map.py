"""Map the methane plumes of a scene: retrieval, detection, screening and source rates."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.engine.make_map import begin, make_map, outputs_of, plan
from geoseg.engine.plan import Plan
from geoseg.engine.recipe import Recipe
from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.files.scratch import scratch_folder
from geoseg.files.store_path import folder_beside
from geoseg.messages import collecting, replay
from geoseg.methods.methane_rate import MOL_PER_PPM_M
from geoseg.methods.plume_search import MARGIN, Background
from geoseg.outputs import OutputFiles
from geoseg.outputs.measure import MeasureSink
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.scenes.wind_fields import WindFile
from geoseg.spec import ModelSpec, PlumeSpec, SatelliteSpec
from geoseg.spec.presets import sensors, task
from geoseg.tasks.methane.choose import check_method, choose_spectrometer_method, choose_two_band_method
from geoseg.tasks.methane.column_cache import cache_columns
from geoseg.tasks.methane.column_threshold import PlumeSession, Search, find_threshold
from geoseg.tasks.methane.columns import open_scenes, retrieve_columns
from geoseg.tasks.methane.detection_limit import survey_scene
from geoseg.tasks.methane.methods import methane_methods
from geoseg.tasks.methane.plume_attributes import plume_extras
from geoseg.tasks.methane.plume_rates import PlumeMeasurer
from geoseg.tasks.methane.plume_wind import PlumeWind, effective_wind, report_wind
from geoseg.tasks.methane.retrieval import Retrieval
from geoseg.tasks.methane.satellite_bands import satellite_of
from geoseg.tasks.methane.screening import PlumeScreening
from geoseg.tasks.methane.view_angles import angles_of

OTHER_TASKS = frozenset({"flood", "change"})
"""Tasks of networks that do not map plumes."""

TILE = 256
"""Side of a tile in pixels."""


@reading_inputs()
@collecting()
def map_plumes(
    spec: PlumeSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map methane plumes with their source rates.

    Args:
        spec: the request.
        progress: callback.
        dry_run: whether to plan the map only.

    Raises:
        UsageError: options contradict each other.
        SceneError: the scene, a reference or the wind file cannot be read, or is not suitable.
        BandError: a band is missing.
        ModelError: the network is not suitable.
        OutputError: an output cannot be written.
    """
    check_method(spec.method)
    read = [path for path in (spec.wind, spec.absorption, spec.facilities) if isinstance(path, Path)]
    scenes = [path for scene in (spec.scene, *spec.reference) for path in scene.paths]
    begin(spec.run, [*scenes, *read], spec.columns)
    model = _network(spec.model) if spec.model is not None else None
    facilities = None
    if spec.facilities is not None:
        from geoseg.tasks.methane.facility_attribution import read_facilities  # noqa: PLC0415 - only with facilities

        facilities = read_facilities(spec.facilities)
    with ExitStack() as stack:
        wind = stack.enter_context(WindFile(spec.wind)) if isinstance(spec.wind, Path) else None
        retrieval = _retrieve(spec, stack, progress, dry_run=dry_run)
        if dry_run:
            return _plan(spec, model, retrieval, stack)
        if not retrieval.on_disk:
            retrieval = cache_columns(retrieval, folder_beside(spec.run.output), stack, progress)
        search = find_threshold(retrieval, spec)
        recipe = _recipe(spec, model, retrieval, search, stack)
        winds = PlumeWind(spec=spec, file=wind, scene=retrieval.scene, satellite=retrieval.satellite)
        report_wind(winds)
        outputs = [*outputs_of(spec.run), *([] if spec.columns is None else [spec.columns])]
        beside = stack.enter_context(OutputFiles(outputs, overwrite=spec.run.overwrite))
        columns = _open_columns(spec.columns, retrieval, beside, stack)
        alarms, pixels = survey_scene(spec, retrieval, search, columns, progress)
        screening = PlumeScreening(
            spec=spec,
            retrieval=retrieval,
            search=search,
            false_alarms=alarms if spec.model is None else None,
            retrieved_pixels=pixels,
            reader=stack.enter_context(retrieval.reopen()),
            wind=winds,
            measurer=PlumeMeasurer(
                grid=retrieval.source.grid,
                search=search,
                effective=effective_wind(spec, retrieval.satellite),
                wind_error=spec.wind_error,
                table_limit_ppm_m=retrieval.table_limit_ppm_m,
            ),
        )
        recipe = replace(recipe, extras=plume_extras(screening, columns, facilities))
        return make_map(recipe, spec.run, spec, progress, beside)


def _open_columns(
    path: Path | None, retrieval: Retrieval, beside: OutputFiles, stack: ExitStack
) -> MeasureSink | None:
    """Open the raster of column enhancements; None where none is requested.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None:
        return None
    sink = MeasureSink(
        path,
        grid=retrieval.source.grid,
        names=("methane enhancement",),
        unit="ppm·m",
        tags={"METHOD": retrieval.method, "MOL_PER_M2_IN_1_PPM_M": f"{MOL_PER_PPM_M:.6e}"},
        beside=beside,
    )
    return stack.enter_context(sink)


def _plan(spec: PlumeSpec, model: ModelSpec | None, retrieval: Retrieval, stack: ExitStack) -> Plan:
    """Plan the map with a constant background, without surveying the scene."""
    constant = Background(mean=np.zeros((1, 1)), std=np.ones((1, 1)), pixel_std=1.0)
    search = Search(background=constant, sigmas=spec.sigma, min_pixels=spec.min_pixels)
    planned = plan(_recipe(spec, model, retrieval, search, stack), spec.run, spec)
    seconds = None if spec.model is None else planned.seconds
    note = (
        "the methane column is computed first, into scratch files in the output folder; this plan does not "
        "include it"
    )
    return planned.model_copy(update={"seconds": seconds, "notes": (*planned.notes, note)})


def _retrieve(spec: PlumeSpec, stack: ExitStack, progress: Progress, *, dry_run: bool) -> Retrieval:
    """Open the scene and retrieve its column enhancements; of a spectrometer scene not for a dry run."""
    scene = stack.enter_context(open_scene(spec.scene, sensors()))
    if scene.grid.crs is None:
        raise SceneError(
            f"{scene.name} has no CRS, so areas and source rates cannot be computed; assign one with "
            "`gdal_edit.py -a_srs`"
        )
    if spec.source is not None:
        _check_source(spec.source, clip(scene, spec.run))
    satellite = satellite_of(scene, spec.satellite)
    _check_options(spec, satellite, scene.name)
    angles = angles_of(scene, satellite, sun_zenith=spec.sun_zenith, view_zenith=spec.view_zenith)
    if satellite.kind != "spectrometer":
        scenes = open_scenes(spec, stack, progress, dry_run=dry_run)
        return retrieve_columns(spec, satellite, scenes, angles)
    from geoseg.tasks.methane.cube import plan_cube, retrieve_cube  # noqa: PLC0415 - only for spectrometer scenes

    replay(scene.messages)
    scene = with_cloud_mask(scene, spec.scene, spec.run, stack, progress, dry_run=dry_run)
    report_masked(clip(scene, spec.run))
    if dry_run and spec.model is None:
        return plan_cube(scene, spec, satellite, angles)
    folder = stack.enter_context(scratch_folder(folder_beside(spec.run.output)))
    return retrieve_cube(scene, spec, satellite, folder, stack, progress, angles)


def _check_options(spec: PlumeSpec, satellite: SatelliteSpec, scene: str) -> None:
    """Raise an error for options that have no effect, and for methods of another kind of instrument.

    Raises:
        SceneError: the method is not for spectrometers, and the scene is of one.
        UsageError: the method needs a spectrometer or a reference, an option is for another kind of
            instrument, or two options set the threshold.
    """
    if spec.threshold is not None and spec.percentile is not None:
        raise UsageError("`--threshold` and `--percentile` both set the threshold; give only one of them")
    if satellite.kind == "spectrometer":
        choose_spectrometer_method(spec.method, scene)
        names, kind = ("reference", "coregister"), "multispectral scenes"
    else:
        choose_two_band_method(spec.method, references=bool(spec.reference))
        names, kind = ("absorption", "column_group"), "scenes of imaging spectrometers"
    for name in names:
        if getattr(spec, name) != PlumeSpec.model_fields[name].default:
            option = f"`--{name.replace('_', '-')}`"
            raise UsageError(f"{option} is for {kind}, but the scene is from {satellite.title}; leave it out")


def _check_source(source: tuple[float, float], scene: Scene) -> None:
    """Raise an error for a source outside the mapped area.

    Raises:
        SceneError: the source lies outside the scene, or outside `--bbox` or `--aoi`.
    """
    col, row = scene.grid.from_lonlat(*source)
    if not (0 <= row <= scene.grid.height and 0 <= col <= scene.grid.width):
        lon, lat = scene.centre or (math.nan, math.nan)
        raise SceneError(
            f"`--source {source[0]:g},{source[1]:g}` lies outside the mapped area of {scene.name}, whose "
            f"centre is {lon:.3f},{lat:.3f}; check the coordinates, longitude first"
        )


def _recipe(
    spec: PlumeSpec, model: ModelSpec | None, retrieval: Retrieval, search: Search, stack: ExitStack
) -> Recipe:
    """Return the recipe of the map, by the threshold or by a network."""
    preset = task("plume")
    inputs = (retrieval.source.describe(), *(scene.describe() for scene in retrieval.references))
    if model is not None:
        recipe = _network_recipe(model, spec, retrieval, stack)
        return replace(
            recipe, task="methane plume", layer=preset.layer, classes=preset.classes, inputs=inputs
        )
    scene, session = retrieval.scene, PlumeSession(search, retrieval.method)
    methods = methane_methods().values()
    return Recipe(
        task="methane plume",
        layer=preset.layer,
        classes=preset.classes,
        source=retrieval.source,
        bands=(retrieval.search_band,),
        session=session,
        prepare=session.prepare,
        blend="crop",
        tile=TILE,
        overlap=2 * MARGIN,
        citation=next((item.citation for item in methods if item.title in retrieval.method), ""),
        runtime={"method": spec.method},
        inputs=inputs,
        sensor=scene.sensor.name if scene.sensor else "",
        acquired=scene.time.isoformat() if scene.time else "",
    )


def _network(name: str) -> ModelSpec:
    """Return a network of plumes.

    Raises:
        ModelError: the model is not found, or is not one for plumes.
    """
    from geoseg.bundles.find import find_model  # noqa: PLC0415 - only for networks

    model = find_model(name)
    if model.task in OTHER_TASKS:
        raise ModelError(
            f"model {model.name} is for {model.task}; give a model that was trained on methane plumes"
        )
    if len(model.classes) != 2:
        raise ModelError(f"model {model.name} has {len(model.classes)} classes; a model for plumes has two")
    return model


def _network_recipe(model: ModelSpec, spec: PlumeSpec, retrieval: Retrieval, stack: ExitStack) -> Recipe:
    """Return the recipe of a map by a network, whose inputs are column enhancements and bands."""
    from geoseg.engine.network_on_scene import network_recipe  # noqa: PLC0415 - only for networks

    scene = retrieval.scene
    further = tuple(band.name for band in model.bands if band.name not in retrieval.source.band_names)
    source = Stack(retrieval.source, [StackLayer(source=scene.select(further))] if further else [])
    recipe = network_recipe(model, scene, source, spec.run)
    stack.callback(recipe.session.close)
    return recipe

"""Make a map: from the recipe of a task to output files and the run record."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import shapely
from pydantic import BaseModel, JsonValue
from pyproj import CRS

import geoseg
from geoseg.engine.checkpoint import PartDone, checkpoint_of, part
from geoseg.engine.cleaning import cleaning_of, parse_crs
from geoseg.engine.exposure import measuring_exposure
from geoseg.engine.memory_limit import checked, limits_of
from geoseg.engine.pipeline import MapWriter
from geoseg.engine.plan import Plan, make_plan
from geoseg.engine.preview import LONGEST, Preview
from geoseg.engine.reading import block_cache
from geoseg.engine.recipe import Extras, Recipe
from geoseg.engine.scoring import Job, job_of, score
from geoseg.engine.shape_attributes import QUANTILES, ShapeAttributes, schema_of
from geoseg.engine.unused_options import parts_of, warn_of_unused
from geoseg.errors import UsageError
from geoseg.features import Features
from geoseg.files.scratch import Spill
from geoseg.files.store_path import folder_beside
from geoseg.messages import collected, note, warn
from geoseg.outputs import (
    Kind,
    Layer,
    OutputFiles,
    StagedSink,
    check_writable,
    companions,
    open_layers,
    open_raster,
    write_texts,
)
from geoseg.outputs.style_files import check_styles, style_texts
from geoseg.outputs.styles import class_raster_qml, listed_classes, score_raster_qml, style_facts
from geoseg.polygons import Storage
from geoseg.run_record import ClassTotal, Progress, RunRecord, run_warnings
from geoseg.runtimes.memory import begin_run
from geoseg.scenes.area_of_interest import box_area
from geoseg.spec import RunSpec
from geoseg.spec.option import RunPart

LOG = logging.getLogger(__name__)

SCHEMA: Mapping[str, Kind] = {
    "class": "int",
    "label": "text",
    "area_m2": "float",
    "pixels": "int",
    "score_mean": "float",
}
"""Columns of every polygon layer."""


def begin(run: RunSpec, inputs: Sequence[str | Path], *further: Path | None) -> None:
    """Check outputs and device before anything is read.

    Args:
        run: names the outputs of every map.
        inputs: files that are read.
        further: outputs of this task alone; None: not requested.

    Raises:
        UsageError: a style has an unknown format, or belongs to no raster.
        OutputError: an output is named twice, is an input, or exists, or its folder does not exist or is
            not writable.
        RuntimeMissingError: the CUDA device does not exist.
        UsageError: a CRS is unknown, or the box is empty.
    """
    begin_files(run, inputs, [*outputs_of(run), *(path for path in further if path is not None)])


def begin_files(run: RunSpec, inputs: Sequence[str | Path], wanted: Sequence[Path]) -> None:
    """Check the device and some outputs before anything is read; see `begin`.

    Args:
        run: device, area and whether outputs may be replaced.
        inputs: files that are read.
        wanted: the outputs.
    """
    begin_run()
    if run.dst_crs is not None:
        parse_crs(run.dst_crs)
    box_area(run.bbox or (0.0, 0.0, 1.0, 1.0), run.bbox_crs)
    if run.device.startswith("cuda") or run.runtime == "tensorrt":
        from geoseg.runtimes import cuda  # noqa: PLC0415 - only runs on GPUs

        cuda.require(run.device, run.runtime)
    check_styles(run.style)
    if run.raster_styles and not (run.raster or run.scores):
        raise UsageError("`--raster-styles` needs `--raster` or `--scores`")
    known = [*inputs, *([] if run.aoi is None else [run.aoi])]
    check_writable(wanted, run.overwrite, inputs=known)
    for path in wanted:
        if found := re.search(r"\{(scene|index|date|folder|id)\}", str(path)):
            note(LOG, f"{path}: {found[0]} stays in the name as it is; only `geoseg batch` fills it in")


def outputs_of(run: RunSpec) -> list[Path]:
    """Return every file that a run writes."""
    wanted = (run.output, *companions(run.output), run.raster, run.scores, run.picture, run.report)
    styled = (run.raster, run.scores) if run.raster_styles else ()
    styles = (None if path is None else path.with_suffix(".qml") for path in styled)
    return [path for path in (*wanted, *run.style, *styles) if path is not None]


def is_drawn(run: RunSpec) -> bool:
    """Return whether a run draws the map."""
    return run.picture is not None or run.report is not None


def make_map(
    recipe: Recipe,
    run: RunSpec,
    request: BaseModel,
    progress: Progress,
    beside: OutputFiles | None = None,
) -> RunRecord:
    """Score the scene and write every requested output: all of them, or none.

    Args:
        recipe: made by a task.
        run: outputs, cleaning and engine options.
        request: of the task, for the record.
        progress: called after each strip.
        beside: for all outputs, if the task has begun to write some of them; None: it is opened here.

    Raises:
        OutputError: an output could not be written; files begun are removed.
        SceneError: an input could not be read.
    """
    started = time.monotonic()
    warn_of_unused(request, parts_of(recipe))
    command = request.model_dump(mode="json")
    grid, extras = recipe.source.grid, recipe.extras
    cleaning = replace(
        cleaning_of(run, grid, recipe.source.name, min_area=recipe.min_area, min_patch=recipe.min_patch),
        seed=recipe.seed,
        patch_seed=recipe.patch_seed,
    )
    crs = cleaning.dst_crs or grid.crs
    if run.attributes:
        shape = ShapeAttributes(run.attributes, crs, recipe.source.name)
        extras = replace(extras, shape=shape.add, quantiles=QUANTILES in run.attributes)
    job = job_of(recipe, run, folder_beside(run.output))
    job.checkpoint = checkpoint_of(recipe, run, command)
    if run.checkpoint is not None and job.checkpoint is None:
        if part() is not None:
            raise PartDone
        note(
            LOG, f"{recipe.source.name}: rows are not kept, because {recipe.task} needs all pixels in one run"
        )
    outputs = [*outputs_of(run), *extras.files, *(sink.path for sink in extras.rasters)]
    drawn = is_drawn(run)
    limits = limits_of(job, run, _plan_of(job).memory_mib, drawn=drawn)
    with ExitStack() as stack:
        if job.most_cache is not None:
            stack.enter_context(block_cache(recipe.source, recipe.bands, job.most_cache))
        listed = () if recipe.extras.schema else recipe.mapped
        taken = {**SCHEMA, **schema_of(run.attributes)}
        extras = stack.enter_context(measuring_exposure(extras, run, crs, listed, taken))
        beside = beside or stack.enter_context(OutputFiles(outputs, overwrite=run.overwrite))
        vector = open_layers(run.output, [_layer_of(recipe, extras, run, crs)], beside=beside)
        raster = None
        if run.raster or run.scores:
            opened = open_raster(
                run.raster, run.scores, grid=grid, classes=recipe.classes, beside=beside, threads=run.threads
            )
            raster = stack.enter_context(opened)
        writer = MapWriter(
            grid,
            recipe.classes,
            cleaning,
            vector,
            raster,
            extras=extras,
            background=recipe.background,
            storage=Storage(
                spill=stack.enter_context(Spill(job.scratch)),
                limits=limits,
                keep_edits=run.raster is not None or drawn,
            ),
        )
        preview = Preview(grid, recipe.bands, longest=LONGEST if drawn else 1, dtype=recipe.dtype)
        score(job, checked(writer.add, job, run), preview, progress)
        writer.finish(preview if drawn else None)
        if writer.valid_pixels == 0:
            warn(LOG, "nothing-observed", f"{recipe.source.name}: no pixel was observed; the map is empty")
        record = _record(job, extras, writer, command, crs, outputs, started)
        if raster is not None:
            raster.finish(record)
        for sink in extras.rasters:
            sink.finish(record)
        texts = {path: make() for path, make in extras.files.items()}
        write_texts({**texts, **styles_of(run, recipe, vector, record)}, beside)
        vector.finish(record, footprint(writer.footprint, record, recipe.sensor, recipe.acquired))
        if drawn:
            from geoseg.engine.map_report import write_pictures  # noqa: PLC0415 - loads Pillow

            write_pictures(run, recipe, preview, record, vector, beside)
        beside.commit()
    if job.checkpoint is not None:
        job.checkpoint.remove()
    return record


def _layer_of(recipe: Recipe, extras: Extras, run: RunSpec, crs: CRS | None) -> Layer:
    """Return the polygon layer of a map."""
    return Layer(
        name=recipe.layer,
        classes=tuple(item for item in extras.legend if item.value) or recipe.mapped,
        schema={**SCHEMA, **schema_of(run.attributes), **extras.schema},
        crs=crs,
        styled_by=extras.legend_column,
        categories=extras.categories,
    )


def styles_of(run: RunSpec, recipe: Recipe, vector: StagedSink, record: RunRecord) -> dict[Path, str]:
    """Return the style files that a run writes."""
    texts = style_texts(run.style, vector.layer, style_facts(record), run.output)
    if run.raster_styles and run.raster is not None:
        texts[run.raster.with_suffix(".qml")] = class_raster_qml(
            listed_classes(recipe.classes, style_facts(record).present | {0})
        )
    if run.raster_styles and run.scores is not None:
        texts[run.scores.with_suffix(".qml")] = score_raster_qml()
    return texts


def _plan_of(
    job: Job, *, planes: int | None = None, itemsize: int = 4, seconds_per_tile: float | None = None
) -> Plan:
    """Return the plan of a job, without polygons; for the arguments see `plan` and `make_plan`."""
    recipe = job.recipe
    return make_plan(
        job.tiles,
        list(job.column_bands) if planes is None else [range(job.tiles.cols)],
        bands=len(recipe.bands),
        itemsize=itemsize,
        planes=planes or recipe.session.planes,
        cache_bytes=recipe.source.cache_bytes(recipe.bands),
        session_mib=recipe.session_mib,
        seconds_per_tile=seconds_per_tile,
    )


def _record(
    job: Job,
    extras: Extras,
    writer: MapWriter,
    command: dict[str, JsonValue],
    crs: CRS | None,
    outputs: Sequence[Path],
    started: float,
) -> RunRecord:
    """Return the record of a finished map."""
    recipe, tiles = job.recipe, job.tiles
    method = recipe.session.description
    runtime = {**recipe.runtime, "scoring_seconds": round(job.seconds, 3)}
    if recipe.model is not None:
        from geoseg.runtimes.session_wrapper import replaced_runtime  # noqa: PLC0415 - only maps by a network

        runtime |= replaced_runtime(recipe.session)
    if job.sweep is not None:
        runtime["batches"] = list(job.sweep.batches)
    return RunRecord(
        geoseg=geoseg.__version__,
        task=recipe.task,
        command=command,
        inputs=recipe.inputs,
        method=method if recipe.model is None else f"network {recipe.model['name']}: {method}",
        citation=recipe.citation,
        model=recipe.model,
        runtime={**runtime, "tile": tiles.size, "overlap": tiles.overlap},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        crs=None if crs is None else crs.to_string(),
        valid_share=writer.valid_pixels / (tiles.grid.height * tiles.grid.width),
        # Of many transitions most do not occur.
        classes=mapped_only(writer.totals) if recipe.extras.schema else writer.totals,
        tables=extras.tables(),
        notes=collected().notes,
        warnings=run_warnings(collected().warnings),
        outputs=tuple(outputs),
        seconds=round(time.monotonic() - started, 3),
    )


def footprint(outline: shapely.Geometry, record: RunRecord, sensor: str, acquired: str) -> Features:
    """Return the one row of the `scene` layer: outline of the observed pixels, sensor, time and totals."""
    totals = [item.model_dump(mode="json") for item in record.classes]
    before, _, last = acquired.rpartition("/")
    return Features(
        geometry=np.array([outline], object),
        columns={
            "sensor": np.array([sensor], object),
            "acquired": np.array([last], object),
            "acquired_before": np.array([before], object),
            "valid_share": np.array([record.valid_share]),
            "classes": np.array([json.dumps(totals)], object),
        },
    )


def mapped_only(totals: Sequence[ClassTotal]) -> tuple[ClassTotal, ...]:
    """Return the classes that have polygons, the largest first."""
    return tuple(sorted((item for item in totals if item.polygons), key=lambda item: -item.pixels))


def plan(recipe: Recipe, run: RunSpec, request: BaseModel, *, planes: int | None = None) -> Plan:
    """Return what `make_map` would do; one tile is read and scored to estimate the time.

    Tiles are read while others are scored, so the slower of both counts.

    Args:
        recipe: made by a task.
        run: options.
        request: of the task.
        planes: of the score sums, which are not cut into column bands; None: those of the session.

    Raises:
        UsageError: `--max-memory` is less than the run needs.
    """
    # A network may mask clouds, which a plan does not do.
    warn_of_unused(request, {*parts_of(recipe), RunPart.ANY_NETWORK})
    job = job_of(replace(recipe, on_device=()), run, folder_beside(run.output))
    if planes is None:
        limits_of(job, run, 0, drawn=is_drawn(run))
    source, bands = recipe.source, recipe.bands
    centre = list(job.tiles.row_tiles(job.tiles.rows // 2))[job.tiles.cols // 2]
    with block_cache(source, bands):
        begun = time.monotonic()
        pixels = source.read(centre.halo, bands)
        batch = recipe.prepare(pixels)[np.newaxis]
        reading = time.monotonic() - begun
        seconds = []
        for _ in range(2):
            begun = time.monotonic()
            recipe.session(batch.copy())
            seconds.append(time.monotonic() - begun)
    planned = _plan_of(
        job,
        planes=planes,
        itemsize=pixels.data.itemsize,
        seconds_per_tile=max(min(seconds) * 1.15, reading),
    )
    return planned.within(run.max_memory)

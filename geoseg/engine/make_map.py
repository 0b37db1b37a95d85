"""What every mapping task shares: from a recipe to files and a record.

A task decides *what* is scored and how its classes are called: a `Recipe`. From there on
all maps are made alike.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS
from pyproj.exceptions import CRSError

import geoseg
from geoseg.engine.blend import Highest
from geoseg.engine.drawing import draw
from geoseg.engine.on_device import device_sweep
from geoseg.engine.pipeline import Summary, segment
from geoseg.engine.plan import Plan, column_bands, make_plan
from geoseg.engine.recipe import Extras, Recipe
from geoseg.engine.scoring import Job
from geoseg.errors import SceneError, UsageError
from geoseg.features import Features
from geoseg.grid import Grid, TileGrid
from geoseg.messages import collected, note, warn
from geoseg.outputs import (
    Kind,
    OutputFiles,
    check_writable,
    companions,
    open_raster,
    open_vector,
    write_texts,
)
from geoseg.pixels import class_dtype
from geoseg.polygons import Cleaning
from geoseg.run_record import ClassTotal, Progress, RunRecord, run_warnings
from geoseg.runtimes import Session, cuda
from geoseg.spec import RunSpec, Spec

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
    """Refuse what cannot be done before anything is read: outputs and a device that are not to be had.

    Args:
        run: names the outputs of every map.
        inputs: what is read.
        further: outputs of this task alone; None is none.

    Raises:
        OutputError: an output is named twice, is an input, or exists, or its folder is not there or not
            writable.
        RuntimeMissingError: there is no such CUDA device.
    """
    cuda.require(run.device, run.runtime)
    wanted = [*outputs_of(run), *(path for path in further if path is not None)]
    known = [*inputs, *([] if run.aoi is None else [run.aoi])]
    check_writable(wanted, run.overwrite, inputs=known)


def outputs_of(run: RunSpec) -> list[Path]:
    """Every file that a run writes."""
    wanted = (run.output, *companions(run.output), run.raster, run.scores, run.picture)
    return [path for path in wanted if path is not None]


def make_map(
    recipe: Recipe,
    run: RunSpec,
    command: dict[str, JsonValue],
    progress: Progress,
    beside: OutputFiles | None = None,
) -> RunRecord:
    """Score the scene and write every output that was asked for: all of them, or none.

    Args:
        recipe: what the task decided.
        run: names the outputs of every map.
        command: the request, for the record.
        progress: is told how far it is.
        beside: of all outputs, where the task has begun to write some; else they are opened here.

    Raises:
        OutputError: an output could not be written; those begun are removed.
        SceneError: an input could not be read.
    """
    started = time.monotonic()
    grid = recipe.source.grid
    cleaning = cleaning_of(
        run, grid, recipe.source.name, min_area=recipe.min_area, min_patch=recipe.min_patch, seed=recipe.seed
    )
    timed = Timed(recipe.session)
    sweep = device_sweep(recipe, run)
    job = replace(_job(replace(recipe, session=timed), run), sweep=sweep)
    crs = cleaning.dst_crs or grid.crs
    extras = recipe.extras
    files = extras.files if extras else {}
    outputs = [*outputs_of(run), *files, *_rasters(extras)]
    with ExitStack() as sinks:
        beside = beside or sinks.enter_context(OutputFiles(outputs, overwrite=run.overwrite))
        vector = open_vector(
            run.output,
            layer=recipe.layer,
            classes=[item for item in extras.legend if item.value]
            if extras and extras.legend
            else recipe.mapped,
            schema={**SCHEMA, **(extras.schema if extras else {})},
            crs=crs,
            beside=beside,
            styled_by=extras.legend_column if extras else "class",
        )
        raster = (
            sinks.enter_context(
                open_raster(
                    run.raster,
                    run.scores,
                    grid=grid,
                    classes=recipe.classes,
                    beside=beside,
                    threads=run.threads,
                )
            )
            if run.raster or run.scores
            else None
        )
        summary = segment(
            job,
            recipe.classes,
            cleaning,
            vector,
            raster,
            progress,
            picture=run.picture is not None,
            describe=extras.describe if extras else None,
            judge=extras.judge if extras else None,
            background=recipe.background,
        )
        if summary.valid_pixels == 0:
            warn(LOG, "nothing-observed", f"{recipe.source.name}: no pixel was observed; the map is empty")
        runtime = {**recipe.runtime, "scoring_seconds": round(timed.seconds, 3)}
        if sweep is not None:
            runtime |= {"scoring_seconds": round(sweep.seconds, 3), "batches": list(sweep.batches)}
        record = RunRecord(
            geoseg=geoseg.__version__,
            task=recipe.task,
            command=command,
            inputs=recipe.inputs,
            method=_method(recipe),
            model=recipe.model,
            runtime={**runtime, "tile": job.tiles.size, "overlap": job.tiles.overlap},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            crs=None if crs is None else crs.to_string(),
            valid_share=summary.valid_pixels / (grid.height * grid.width),
            classes=found_only(summary.totals) if extras else summary.totals,
            tables=extras.tables() if extras else {},
            notes=collected().notes,
            warnings=run_warnings(collected().warnings),
            outputs=tuple(outputs),
            seconds=round(time.monotonic() - started, 3),
        )
        if raster is not None:
            raster.finish(record)
        for sink in extras.rasters if extras else ():
            sink.finish(record)
        if run.picture is not None:
            draw(run.picture, recipe, summary, record, beside)
        write_texts({path: make() for path, make in files.items()}, beside)
        vector.finish(record, footprint(summary, record, recipe.sensor, recipe.acquired))
        beside.commit()
    return record


def _method(recipe: Recipe) -> str:
    """One line for people: method and threshold, or the network and what runs it."""
    said = recipe.session.description
    return said if recipe.model is None else f"network {recipe.model['name']}: {said}"


def _rasters(extras: Extras | None) -> tuple[Path, ...]:
    """Where a task's further rasters go."""
    return tuple(sink.path for sink in extras.rasters) if extras else ()


def footprint(summary: Summary, record: RunRecord, sensor: str, acquired: str) -> Features:
    """Make the one row of the `scene` layer: what was observed, and what is in the map."""
    totals = [item.model_dump(mode="json") for item in record.classes]
    return Features(
        geometry=np.array([summary.footprint], object),
        columns={
            "sensor": np.array([sensor], object),
            "acquired": np.array([acquired], object),
            "valid_share": np.array([record.valid_share]),
            "classes": np.array([json.dumps(totals)], object),
        },
    )


def found_only(totals: Sequence[ClassTotal]) -> tuple[ClassTotal, ...]:
    """Leave out classes without polygons, the largest first: of many transitions, most do not occur."""
    return tuple(sorted((item for item in totals if item.polygons), key=lambda item: -item.pixels))


class Timed:
    """A session that counts the seconds spent in it."""

    def __init__(self, session: Session) -> None:
        """Count from zero."""
        self._session = session
        self.seconds = 0.0
        self.planes = session.planes
        self.batch = session.batch
        self.description = session.description
        self.close = session.close

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score a batch."""
        begun = time.monotonic()
        scores = self._session(batch)
        self.seconds += time.monotonic() - begun
        return scores


def plan(recipe: Recipe, run: RunSpec) -> Plan:
    """Say what `make_map` would do; one tile is scored to estimate the time."""
    job = _job(recipe, run)
    centre = list(job.tiles.row_tiles(job.tiles.rows // 2))[job.tiles.cols // 2]
    with rasterio.Env(GDAL_CACHEMAX=max(job.source.cache_bytes(job.bands), 16 * 2**20)):
        pixels = job.source.read(centre.halo, job.bands)
        batch = job.prepare(pixels)[np.newaxis]
        seconds = []
        for _ in range(2):
            begun = time.monotonic()
            job.session(batch.copy())
            seconds.append(time.monotonic() - begun)
    return make_plan(
        job.tiles,
        list(job.column_bands),
        bands=len(job.bands),
        itemsize=pixels.data.itemsize,
        planes=job.session.planes,
        cache_bytes=job.source.cache_bytes(job.bands),
        session_mib=recipe.session_mib,
        seconds_per_tile=min(seconds) * 1.15,
    )


def _job(recipe: Recipe, run: RunSpec) -> Job:
    """Tiles and column bands of a run."""
    size = run.tile or recipe.tile
    overlap = recipe.overlap if run.overlap is None else run.overlap
    if recipe.blend == "crop":
        overlap = max(overlap, recipe.overlap)
    tiles = TileGrid(grid=recipe.source.grid, size=size, overlap=overlap)
    ranges = column_bands(
        tiles,
        bands=len(recipe.bands),
        itemsize=4,
        planes=recipe.session.planes,
        limit_mib=run.max_memory,
    )
    values = tuple(item.value for item in recipe.classes)
    return Job(
        source=recipe.source,
        bands=recipe.bands,
        session=recipe.session,
        prepare=recipe.prepare,
        tiles=tiles,
        blend=recipe.blend,
        decide=recipe.decide or Highest(values=values, threshold=recipe.threshold),
        dtype=class_dtype(values),
        column_bands=tuple(ranges),
        scratch=run.output.resolve().parent,
    )


def cleaning_of(
    run: RunSpec, grid: Grid, name: str, *, min_area: float = 0.0, min_patch: float = 0.0, seed: float = 0.0
) -> Cleaning:
    """Decide what is dropped and smoothed; areas need a CRS.

    Args:
        run: what the user said.
        grid: of the map.
        name: of the scene, for messages.
        min_area: m² where the user said nothing.
        min_patch: the same of all that touches, whatever its classes.
        seed: score that a region must reach somewhere.

    Raises:
        SceneError: metres were asked for and the scene has no CRS.
        UsageError: `dst_crs` is no CRS.
    """
    least = min_area if run.min_area is None else run.min_area
    patch = min_patch if run.min_area is None and grid.crs is not None else 0.0
    if grid.crs is None:
        asked = {
            "--min-area": run.min_area,
            "--fill-holes": run.fill_holes,
            "--simplify": run.simplify,
            "--dst-crs": run.dst_crs,
        }
        if any(asked.values()):
            options = ", ".join(option for option, value in asked.items() if value)
            raise SceneError(
                f"{name}: {options} needs metres, and the scene has no CRS; "
                "leave it out, or give the raster its CRS (gdal_edit.py -a_srs)"
            )
        least = 0.0
    if least and run.min_area is None:
        note(LOG, f"polygons below {least:g} m² are left out; --min-area 0 keeps them")
    if patch:
        note(LOG, f"what changed on less than {patch:g} m² is left out; --min-area 0 keeps it")
    return Cleaning(
        min_area=least,
        min_patch=patch,
        seed=seed,
        fill_holes=run.fill_holes,
        simplify=run.simplify,
        dst_crs=None if run.dst_crs is None else parse_crs(run.dst_crs),
    )


def parse_crs(text: str) -> CRS:
    """Return a CRS from what the user wrote.

    Raises:
        UsageError: it is none.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise UsageError(f"--dst-crs {text!r} is not a coordinate reference system") from error


def command_of(spec: Spec) -> dict[str, JsonValue]:
    """Give the request as JSON values."""
    return spec.model_dump(mode="json")

"""What every mapping task shares: from a recipe to files and a record.

A task (`flood`, `segment`) decides *what* is scored and how its classes are called: a `Recipe`. From there on
all maps are made alike.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import JsonValue
from pyproj import CRS
from pyproj.exceptions import CRSError

import geoseg
from geoseg.errors import SceneError, UsageError
from geoseg.features import Features
from geoseg.grid import Grid, TileGrid
from geoseg.mosaic import Blend, Decide, Highest
from geoseg.outputs import (
    Kind,
    check_writable,
    companions,
    draw_picture,
    open_raster,
    open_vector,
    write_texts,
)
from geoseg.pipeline import Describe, Summary, segment
from geoseg.pixels import Classes, Pixels, class_dtype, nodata_class
from geoseg.plan import Plan, column_bands, make_plan
from geoseg.report import ClassTotal, Reporter, RunRecord, TableRows
from geoseg.runtimes import Session
from geoseg.scenes import Source
from geoseg.scoring import Job
from geoseg.spec import ClassSpec, RunSpec, Spec
from geoseg.vectorise import Cleaning

SCHEMA: Mapping[str, Kind] = {
    "class": "int",
    "label": "text",
    "area_m2": "float",
    "pixels": "int",
    "score_mean": "float",
}
"""Columns of every polygon layer."""


MOST_IN_LEGEND = 14
"""Transitions that a picture names and colours: the most frequent ones."""


class Ledger:
    """Passes a run's notes and warnings on and keeps them for its record."""

    def __init__(self, reporter: Reporter) -> None:
        """Listen on behalf of `reporter`."""
        self._reporter = reporter
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.progress = reporter.progress

    def note(self, text: str) -> None:
        """Pass a note on, once."""
        if text not in self.notes:
            self.notes.append(text)
            self._reporter.note(text)

    def warn(self, text: str) -> None:
        """Pass a warning on, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._reporter.warn(text)

    def hear(self, notes: Sequence[str], warnings: Sequence[str]) -> None:
        """Pass on what a scene, method or runtime had to say."""
        for text in notes:
            self.note(text)
        for text in warnings:
            self.warn(text)


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a task adds to the class, area and score of each polygon, and to the totals of a map."""

    schema: Mapping[str, Kind]
    """Further columns of the polygons."""
    describe: Describe
    """Fills them."""
    tables: Callable[[], dict[str, TableRows]]
    """Further tables, once the whole scene was scored."""
    legend: tuple[ClassSpec, ...] = ()
    """What polygons are coloured by instead of their class."""
    legend_column: str = "class"
    """The column that holds the values of the legend."""
    legend_of: NDArray[np.int64] | None = None
    """Value of the legend by class, where there is one."""
    files: Mapping[Path, Callable[[], str]] = field(default_factory=dict)
    """Further text files, made once the whole scene was scored."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a task decided: all that a map needs besides its output options."""

    task: str
    layer: str
    classes: tuple[ClassSpec, ...]
    """In the order of the session's planes; the first is background."""
    source: Source
    bands: tuple[str, ...]
    """In the session's channel order."""
    session: Session
    prepare: Callable[[Pixels], NDArray[np.float32]]
    blend: Blend
    tile: int
    overlap: int
    threshold: float = 0.5
    decide: Decide | None = None
    """How scores become classes; None: the highest wins, or one plane above the threshold."""
    extras: Extras | None = None
    seed: float = 0.0
    """Regions whose best score stays below are dropped (region growing)."""
    min_area: float = 0.0
    """m²; what `--min-area` is when not said."""
    model: dict[str, JsonValue] | None = None
    runtime: dict[str, JsonValue]
    inputs: tuple[dict[str, JsonValue], ...]
    sensor: str
    acquired: str
    """ISO 8601, or empty."""
    session_mib: int = 0
    """Memory that a network takes, for the plan."""


def begin(run: RunSpec, inputs: Sequence[str]) -> None:
    """Refuse outputs that cannot be written before anything is read.

    Raises:
        OutputError: an output exists, or its folder is not there or not writable.
    """
    check_writable(outputs_of(run), run.overwrite, inputs=[Path(path) for path in inputs])


def outputs_of(run: RunSpec) -> list[Path]:
    """Every file that a run writes."""
    wanted = (run.output, *companions(run.output), run.raster, run.scores, run.picture)
    return [path for path in wanted if path is not None]


def make_map(recipe: Recipe, run: RunSpec, command: dict[str, JsonValue], ledger: Ledger) -> RunRecord:
    """Score the scene and write every output that was asked for.

    Raises:
        OutputError: an output could not be written; those begun are removed.
        SceneError: an input could not be read.
    """
    started = time.monotonic()
    grid = recipe.source.grid
    if grid.crs is None:
        ledger.warn(f"{recipe.source.name}: no CRS; the polygons are in pixel coordinates and have no area")
    cleaning = cleaning_of(run, grid, recipe.source.name, ledger, min_area=recipe.min_area, seed=recipe.seed)
    timed = Timed(recipe.session)
    job = _job(replace(recipe, session=timed), run)
    crs = cleaning.dst_crs or grid.crs
    extras = recipe.extras
    with ExitStack() as sinks:
        vector = sinks.enter_context(
            open_vector(
                run.output,
                layer=recipe.layer,
                classes=extras.legend if extras and extras.legend else recipe.classes[1:],
                schema={**SCHEMA, **(extras.schema if extras else {})},
                crs=crs,
                overwrite=run.overwrite,
                styled_by=extras.legend_column if extras else "class",
            )
        )
        raster = (
            sinks.enter_context(
                open_raster(
                    run.raster,
                    run.scores,
                    grid=grid,
                    classes=recipe.classes,
                    overwrite=run.overwrite,
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
            ledger,
            picture=run.picture is not None,
            describe=extras.describe if extras else None,
        )
        if summary.valid_pixels == 0:
            ledger.warn(f"{recipe.source.name}: no pixel was observed; the map is empty")
        runtime = {**recipe.runtime, "scoring_seconds": round(timed.seconds, 3)}
        record = RunRecord(
            geoseg=geoseg.__version__,
            task=recipe.task,
            command=command,
            inputs=recipe.inputs,
            method=recipe.session.description,
            model=recipe.model,
            runtime={**runtime, "tile": job.tiles.size, "overlap": job.tiles.overlap},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            crs=None if crs is None else crs.to_string(),
            valid_share=summary.valid_pixels / (grid.height * grid.width),
            classes=found_only(summary.totals) if extras else summary.totals,
            tables=extras.tables() if extras else {},
            notes=tuple(ledger.notes),
            warnings=tuple(ledger.warnings),
            outputs=(*outputs_of(run), *(extras.files if extras else ())),
            seconds=round(time.monotonic() - started, 3),
        )
        if raster is not None:
            raster.finish(record)
        if run.picture is not None:
            _draw(run.picture, recipe, summary, record, overwrite=run.overwrite)
        texts = {path: make() for path, make in extras.files.items()} if extras else {}
        write_texts(texts, overwrite=run.overwrite)
        vector.finish(record, footprint(summary, record, recipe.sensor, recipe.acquired))
    return record


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
    run: RunSpec, grid: Grid, name: str, ledger: Ledger, *, min_area: float = 0.0, seed: float = 0.0
) -> Cleaning:
    """Decide what is dropped and smoothed; areas need a CRS.

    Args:
        run: what the user said.
        grid: of the map.
        name: of the scene, for messages.
        ledger: hears of a default.
        min_area: m² where the user said nothing.
        seed: score that a region must reach somewhere.

    Raises:
        SceneError: metres were asked for and the scene has no CRS.
        UsageError: `dst_crs` is no CRS.
    """
    least = min_area if run.min_area is None else run.min_area
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
        ledger.note(f"polygons below {least:g} m² are left out; --min-area 0 keeps them")
    return Cleaning(
        min_area=least,
        seed=seed,
        fill_holes=run.fill_holes,
        simplify=run.simplify,
        dst_crs=None if run.dst_crs is None else _parse_crs(run.dst_crs),
    )


def _parse_crs(text: str) -> CRS:
    """A CRS from what the user wrote."""
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise UsageError(f"--dst-crs {text!r} is not a coordinate reference system") from error


def _draw(path: Path, recipe: Recipe, summary: Summary, record: RunRecord, *, overwrite: bool) -> None:
    """The map over the scene, with a legend that gives areas."""
    preview = summary.preview
    second = preview.second_prefix
    labels, classes = preview.classes, recipe.classes
    areas: Sequence[ClassTotal] = record.classes
    if recipe.extras is not None:
        labels, classes, areas = _by_legend(labels, recipe, record.classes)
    draw_picture(
        path,
        background=preview.background(second),
        beside=[("before", preview.background()), ("after", preview.background(second))] if second else (),
        labels=labels,
        classes=classes,
        title=f"{recipe.source.name}: {recipe.task}",
        caption=record.method,
        areas_m2={item.value: item.area_m2 for item in areas},
        pixel_size_m=recipe.source.grid.pixel_size_m[1] * preview.step,
        overwrite=overwrite,
    )


def _by_legend(
    labels: Classes, recipe: Recipe, totals: Sequence[ClassTotal]
) -> tuple[Classes, tuple[ClassSpec, ...], Sequence[ClassTotal]]:
    """What a picture shows of many classes: kinds where a table gives them, else the most frequent ones."""
    extras = recipe.extras
    if extras is not None and extras.legend_of is not None:
        kinds = np.append(extras.legend_of, np.zeros(nodata_class(labels.dtype), np.int64))
        unseen = labels == nodata_class(labels.dtype)
        drawn = np.where(unseen, nodata_class(np.uint16), kinds[labels]).astype(np.uint16)
        sums = {
            spec.value: [item for item in totals if int(extras.legend_of[item.value]) == spec.value]
            for spec in extras.legend
        }
        merged = tuple(
            ClassTotal(
                value=spec.value,
                label=spec.label,
                polygons=sum(item.polygons for item in own),
                pixels=sum(item.pixels for item in own),
                area_m2=None if own[0].area_m2 is None else math.fsum(item.area_m2 or 0.0 for item in own),
            )
            for spec in extras.legend
            if (own := sums[spec.value])
        )
        listed = {item.value for item in merged}
        return drawn, tuple(spec for spec in extras.legend if spec.value in listed), merged
    found = sorted(totals, key=lambda item: -item.pixels)[:MOST_IN_LEGEND]
    listed = {item.value for item in found}
    return labels, tuple(item for item in recipe.classes if item.value in listed), totals


def command_of(spec: Spec) -> dict[str, JsonValue]:
    """Give the request as JSON values."""
    return spec.model_dump(mode="json")

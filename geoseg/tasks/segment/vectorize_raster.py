"""Vectorize a class raster: the second half of the pipeline."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from pydantic import JsonValue
from rasterio.windows import Window as RasterioWindow

import geoseg
from geoseg.engine.cleaning import cleaning_of
from geoseg.engine.exposure import measuring_exposure
from geoseg.engine.make_map import SCHEMA, begin, footprint, mapped_only, outputs_of
from geoseg.engine.pipeline import MapWriter
from geoseg.engine.plan import DRAWING_MIB, LATER_MIB, PROCESS_MIB, array_room, polygon_limits
from geoseg.engine.preview import LONGEST, Preview
from geoseg.engine.reading import ahead
from geoseg.engine.recipe import Extras
from geoseg.engine.shape_attributes import QUANTILES, ShapeAttributes, schema_of
from geoseg.engine.unused_options import warn_of_unused
from geoseg.errors import SceneError, UsageError
from geoseg.features import Features
from geoseg.files.doors import opening, reading
from geoseg.files.inputs import reading_inputs
from geoseg.files.process_memory import resident_mib
from geoseg.files.scratch import Spill
from geoseg.files.store_path import folder_beside
from geoseg.grid import Grid
from geoseg.messages import collected, collecting, counted, warn
from geoseg.outputs import Kind, Layer, OutputFiles, open_layers, write_texts
from geoseg.outputs.cog import unreferenced
from geoseg.outputs.style_files import style_texts
from geoseg.outputs.styles import style_facts
from geoseg.outputs.words import map_title
from geoseg.pixels import NODATA_CLASS, Strip, nodata_class
from geoseg.polygons import Storage
from geoseg.polygons.limits import LEAST_MIB, Limits
from geoseg.run_record import ClassTotal, Progress, RunRecord, no_progress, run_warnings
from geoseg.runtimes.memory import check_peak, hold
from geoseg.scenes.class_map import open_class_map
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.georeference import georeference
from geoseg.scenes.legend import read_legend
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.raster import opened_dataset, without_bands
from geoseg.spec import ClassSpec, RunSpec, SceneSpec
from geoseg.spec.palette import raster_colour
from geoseg.spec.presets import legends
from geoseg.spec.tools import VectorizeRequest

if TYPE_CHECKING:
    from geoseg.outputs.picture import MapPicture

LOG = logging.getLogger(__name__)

ROWS = 512
"""Rows of a strip."""

ROW_BYTES = 8
"""Bytes of a pixel of a strip, with its copies."""


def vectorize_request(request: VectorizeRequest, progress: Progress = no_progress) -> RunRecord:
    """Vectorize the class raster of a request; see `vectorize`."""
    named = tuple(
        ClassSpec(value=value, label=label, colour=colour or raster_colour(value))
        for value, label, colour in sorted(request.classes)
    )
    return vectorize(request.mask, request.run, named or None, progress)


@reading_inputs()
@collecting()
def vectorize(
    mask: str, run: RunSpec, classes: tuple[ClassSpec, ...] | None, progress: Progress = no_progress
) -> RunRecord:
    """Vectorize the classes of a raster; 0 and nodata become no polygons.

    Args:
        mask: an integer raster with values 0..255; 255 and its own nodata value are "not observed".
        run: outputs and cleaning; options of the engine have no effect.
        classes: names and colours; for values that are not given, or None: those of the raster or of its
            product (`read_legend`, `geoseg.configs.classes`), or `class 1`, ….
        progress: is called with the progress.

    Raises:
        UsageError: an attribute needs scores.
        SceneError: the raster cannot be read or does not hold classes.
        OutputError: the output cannot be written.
    """
    if QUANTILES in run.attributes:
        raise UsageError(f"`--attributes {QUANTILES}`: class rasters have no scores; leave it out")
    begin(run, (mask,))
    warn_of_unused(run, ())
    started = time.monotonic()
    with ExitStack() as stack:
        with opening(mask):
            dataset = _open(stack, mask)
            place = georeference(dataset, mask)
            grid = place.grid
            given = {item.value: item for item in classes or ()}
            named = tuple(({item.value: item for item in _classes(mask)} | given).values())
        if grid.crs is None:
            text = f"{mask}: {place.lack}; the polygons are in pixel coordinates and have no area"
            warn(LOG, "no-georeference", f"{text}; {place.remedy}")
        cleaning = cleaning_of(run, grid, mask)
        rows = _strip_rows(run.max_memory, grid.width)
        limits = _limits(run, rows * grid.width * ROW_BYTES // 2**20, mask)
        own: dict[str, Kind] = {name: kind for name, kind in SCHEMA.items() if name != "score_mean"}
        schema = {**own, **schema_of(run.attributes)}
        crs = cleaning.dst_crs or grid.crs
        shape = ShapeAttributes(run.attributes, crs, mask).add if run.attributes else None
        extras = Extras(describe=_without_scores, shape=shape)
        given_classes = [item for item in named if item.value in given]
        extras = stack.enter_context(measuring_exposure(extras, run, crs, given_classes, schema))
        outputs = outputs_of(run)
        beside = stack.enter_context(OutputFiles(outputs, overwrite=run.overwrite))
        layer = Layer(
            name="segments",
            classes=tuple(item for item in named if item.value),
            schema={**schema, **extras.schema},
            crs=crs,
        )
        vector = open_layers(run.output, [layer], beside=beside)
        writer = MapWriter(
            grid,
            named,
            cleaning,
            vector,
            extras=extras,
            storage=Storage(
                spill=stack.enter_context(Spill(folder_beside(run.output))),
                limits=limits,
                keep_edits=run.report is not None,
            ),
        )
        preview = Preview(grid, (), longest=LONGEST if run.report is not None else 1)
        for strip in ahead(_strips(dataset, mask, rows)):
            preview.add_classes(strip.row, strip.classes)
            writer.add(strip)
            check_peak(run.max_memory, mask)
            progress(strip.stop_row, grid.height, "rows")
        writer.finish(preview if run.report is not None else None)
        record = RunRecord(
            geoseg=geoseg.__version__,
            task="vectorize",
            command=_command(mask, run),
            inputs=({"paths": [mask]},),
            method="class raster to polygons",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            crs=None if crs is None else crs.to_string(),
            valid_share=writer.valid_pixels / (grid.height * grid.width),
            classes=_listed(writer.totals, set(given)),
            tables=extras.tables(),
            notes=collected().notes,
            warnings=run_warnings(collected().warnings),
            outputs=tuple(outputs),
            seconds=round(time.monotonic() - started, 3),
        )
        write_texts(style_texts(run.style, vector.layer, style_facts(record), run.output), beside)
        vector.finish(record, footprint(writer.footprint, record, "", ""))
        if run.report is not None:
            from geoseg.engine.map_report import write_report  # noqa: PLC0415 - loads Pillow

            write_report(run.report, _picture(preview, grid, named, record), record, grid, vector, beside)
        beside.commit()
        return record


def _picture(preview: Preview, grid: Grid, classes: Sequence[ClassSpec], record: RunRecord) -> MapPicture:
    """Return the picture of the classes on white."""
    from geoseg.engine.drawing import (  # noqa: PLC0415 - loads Pillow
        aspect_of,
        listed_totals,
        place_of,
        with_rare_as_one,
    )
    from geoseg.outputs.picture import MapPicture  # noqa: PLC0415

    observed = preview.classes != nodata_class(preview.classes.dtype)
    labels, listed, totals = with_rare_as_one(preview.classes, classes, record.classes)
    return MapPicture(
        background=np.where(observed, 1.0, np.nan),
        labels=labels,
        classes=listed,
        title=map_title(record),
        caption=record.method,
        totals=listed_totals(record),
        areas_m2={item.value: item.area_m2 for item in totals},
        pixel_m=grid.pixel_size_m[1] * preview.step,
        place=place_of(grid, preview.step),
        aspect=aspect_of(grid),
        fill=1.0,
    )


def _listed(totals: Sequence[ClassTotal], given: Set[int]) -> tuple[ClassTotal, ...]:
    """Return the classes of a record: those that the user named, and those that have polygons."""
    if not given:
        return mapped_only(totals)
    return tuple(item for item in totals if item.value in given or item.polygons)


def _without_scores(features: Features) -> Features:
    """Remove the column `score_mean`, which class rasters cannot fill."""
    del features.columns["score_mean"]
    return features


def _open(stack: ExitStack, mask: str) -> rasterio.DatasetReader:
    """Open a raster of classes."""
    with opening(mask, "give a raster of classes"), unreferenced():
        dataset = stack.enter_context(open_dataset(mask))
        opened_dataset(dataset)
    if not dataset.count:
        raise without_bands(mask, dataset)
    if dataset.count != 1 or dataset.dtypes[0] not in {"uint8", "int16", "uint16", "int32", "uint32"}:
        raise SceneError(
            f"{mask}: {counted(dataset.count, 'band')} of {dataset.dtypes[0]}, and not a class raster; "
            "give one integer band with values 0..255"
        )
    return dataset


def _strip_rows(max_memory: int | None, width: int) -> int:
    """Return the rows of a strip: fewer where `--max-memory` has no room for `ROWS`."""
    if max_memory is None:
        return ROWS
    return max(1, min(ROWS, array_room(max_memory) // (width * ROW_BYTES)))


def _limits(run: RunSpec, strips_mib: int, mask: str) -> Limits:
    """Return the limits of polygons beside strips and outputs.

    Raises:
        UsageError: `--max-memory` is less than the smallest strips and batches need.
    """
    if run.max_memory is None:
        return polygon_limits(None, PROCESS_MIB + strips_mib)
    need = strips_mib + LATER_MIB + (DRAWING_MIB if run.report is not None else 0)
    hold(run.max_memory, need + LEAST_MIB, mask)
    return polygon_limits(run.max_memory, (resident_mib() or PROCESS_MIB) + need)


def _strips(dataset: rasterio.DatasetReader, mask: str, rows: int) -> Iterator[Strip]:
    """Yield strips of classes from top to bottom; every score is 1."""
    for row in range(0, dataset.height, rows):
        window = RasterioWindow(0, row, dataset.width, min(rows, dataset.height - row))
        with reading(f"{mask}, rows {row}-{row + window.height - 1}"):
            values = dataset.read(1, window=window)
            valid = dataset.read_masks(1, window=window) > 0
        if values.dtype != np.uint8 and (valid & ((values < 0) | (values > NODATA_CLASS))).any():
            raise SceneError(f"{mask}: values outside 0..255 in rows {row} to {row + rows} are not classes")
        if (valid & (values == NODATA_CLASS)).any():
            warn(
                LOG,
                "nodata-without-tag",
                f"{mask}: {NODATA_CLASS} is taken for not observed, though no nodata tag says so; if it is a "
                f"class, make it 1: `gdal_calc.py -A {mask} --calc 'A=={NODATA_CLASS}' --outfile OUT.tif`",
            )
        classes = values.astype(np.uint8, copy=False)
        np.putmask(classes, ~valid, NODATA_CLASS)
        yield Strip(row=row, classes=classes, scores=np.full(classes.shape, 255, np.uint8))


def _classes(mask: str) -> tuple[ClassSpec, ...]:
    """Return the classes 1 to 254 with names and colours of the raster, its product or the palette."""
    legend = read_legend(gdal_path(mask))
    found = open_class_map(SceneSpec(paths=(mask,)), legends(), asked=False)
    known: dict[int, ClassSpec] = {}
    if found is not None:
        found.scene.close()
        known = {item.value: item for item in (found.product.classes if found.product else ())}
    labels = {**{value: item.label for value, item in known.items()}, **legend.names}
    colours = {**{value: item.colour for value, item in known.items()}, **legend.colours}
    return tuple(
        ClassSpec(
            value=value,
            label=labels.get(value, f"class {value}"),
            colour=colours.get(value, raster_colour(value)),
        )
        for value in range(NODATA_CLASS)
    )


def _command(mask: str, run: RunSpec) -> dict[str, JsonValue]:
    """Return the request as JSON values."""
    return {"mask": mask, "run": run.model_dump(mode="json")}

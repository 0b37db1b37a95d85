"""Write the features of a pretrained encoder on a scene."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import numpy as np
from pydantic import JsonValue

import geoseg
from geoseg.engine.feature_rows import feature_grid, feature_rows, feature_tiles, rows_mib
from geoseg.engine.make_map import begin_files, plan
from geoseg.engine.plan import LATER_MIB, Plan, array_room
from geoseg.engine.reading import LEAST_CACHE
from geoseg.engine.unused_options import parts_of, warn_of_unused
from geoseg.errors import UsageError
from geoseg.files.background import Background
from geoseg.files.inputs import reading_inputs
from geoseg.files.output_files import OutputFiles
from geoseg.messages import collected, collecting, note, warn
from geoseg.outputs.embedding import EmbeddingSink
from geoseg.outputs.embedding_table import EmbeddingTable
from geoseg.run_record import Progress, RunRecord, no_progress, run_warnings
from geoseg.runtimes.memory import check_peak, hold
from geoseg.runtimes.session_wrapper import replaced_runtime
from geoseg.spec import EmbedSpec
from geoseg.tasks.scene_dates import open_dates
from geoseg.tasks.segment.encoded_scene import EncodedScene, encode, for_encoder, pixel_size
from geoseg.tasks.segment.encoder_bundle import EncoderChoice
from geoseg.tile_grid import TileGrid

LOG = logging.getLogger(__name__)

PREFIX = "EMBEDDING_"
"""Of the tags of a file of features."""


@reading_inputs()
@collecting()
def embed(spec: EmbedSpec, progress: Progress = no_progress, *, dry_run: bool = False) -> RunRecord | Plan:
    """Write the features of an encoder: a COG of one pixel per patch, or a table of one vector per tile.

    Raises:
        UsageError: the encoder does not take the dates, patch or tile; the suffix of the output is unknown.
        ModelError: the weights are missing, or the encoder does not fit the scene.
        RuntimeMissingError: a package, runtime, device or precision is missing.
        SceneError: the scene cannot be read, or lacks the bands.
        OutputError: the output cannot be written.
    """
    started = time.monotonic()
    run = spec.run
    suffix = run.output.suffix.lower()
    if suffix not in {".tif", ".tiff", ".parquet"}:
        raise UsageError(f"{run.output}: unknown format {suffix!r} of features; use .tif or .parquet")
    outputs = [run.output, *([] if run.report is None else [run.report])]
    begin_files(run, spec.scene.paths, outputs)
    choice = EncoderChoice(name=spec.encoder, weights=spec.weights, patch=spec.patch, tile=run.tile)
    with ExitStack() as stack:
        subject = f"`--dates {spec.dates}`"
        opened = open_dates(spec.scene, spec.dates, subject, run, stack, progress, dry_run=dry_run)
        encoded = encode(for_encoder(opened, run), run, choice)
        recipe, model = encoded.recipe, encoded.bundle.model
        stack.callback(recipe.session.close)
        tiles = feature_tiles(recipe, model.stride, tile=model.tile, overlap=run.overlap)
        note(
            LOG,
            f"features of {model.stride} x {model.stride} pixels, from tiles of {tiles.size} pixels that "
            f"overlap by {tiles.overlap}",
        )
        most_cache = None if run.max_memory is None else max(array_room(run.max_memory) // 4, LEAST_CACHE)
        hold(
            run.max_memory, rows_mib(recipe, model.stride, tiles, most_cache) + LATER_MIB, recipe.source.name
        )
        if dry_run:
            # A feature takes the place of stride² pixels in the sums.
            return plan(recipe, run, spec, planes=max(1, encoded.bundle.width // model.stride**2))
        warn_of_unused(spec, parts_of(recipe))
        beside = stack.enter_context(OutputFiles(outputs, overwrite=run.overwrite))
        grid = feature_grid(recipe.source.grid, model.stride)
        tags = tags_of(encoded, tiles)
        sink: EmbeddingSink | EmbeddingTable
        if suffix == ".parquet":
            sink = EmbeddingTable(
                run.output,
                grid=grid,
                count=encoded.bundle.width,
                side=tiles.size // model.stride,
                tags=tags,
                beside=beside,
            )
        else:
            sink = EmbeddingSink(
                run.output, grid=grid, count=encoded.bundle.width, dtype=spec.dtype, tags=tags, beside=beside
            )
        stack.enter_context(sink)
        observed, seconds = write_rows(
            encoded, tiles, sink, progress, max_memory=run.max_memory, most_cache=most_cache
        )
        if not observed:
            warn(LOG, "nothing-observed", f"{recipe.source.name}: no pixel was observed; the file is empty")
        record = _record(spec, encoded, tiles, observed, seconds, started)
        sink.finish(record)
        if run.report is not None:
            from geoseg.tasks.segment.embedding_report import write_embedding_report  # noqa: PLC0415 - loads Pillow

            write_embedding_report(run.report, record, grid, beside)
        beside.commit()
    return record


def write_rows(
    encoded: EncodedScene,
    tiles: TileGrid,
    sink: EmbeddingSink | EmbeddingTable,
    progress: Progress,
    *,
    max_memory: int | None = None,
    most_cache: int | None = None,
) -> tuple[int, float]:
    """Compute the features of a scene and write them on one other thread.

    Args:
        encoded: recipe and encoder.
        tiles: how the scene is cut.
        sink: an open output.
        progress: callback.
        max_memory: MiB, of the request.
        most_cache: bytes of the cache of source blocks at most.

    Returns:
        Number of observed features, and the seconds that the network took.

    Raises:
        UsageError: the run takes more than `max_memory`.
    """
    valid, seconds = 0, 0.0
    with Background("geoseg-write") as writing_thread:
        for rows in feature_rows(encoded.recipe, encoded.bundle.model.stride, tiles, progress, most_cache):
            check_peak(max_memory, encoded.recipe.source.name)
            valid += int(np.count_nonzero(rows.valid))
            seconds += rows.seconds
            writing_thread.begin(sink.write, rows.window, rows.values, rows.valid)
        writing_thread.wait()
    return valid, seconds


def tags_of(encoded: EncodedScene, tiles: TileGrid) -> dict[str, str]:
    """Return the tags that say what features are; two files with the same first five may be compared."""
    bundle = encoded.bundle
    times = [scene.time.isoformat() if scene.time else "unknown" for scene in encoded.scenes]
    size = pixel_size(encoded.scenes[0])
    facts = {
        "ENCODER": bundle.encoder.name,
        "WEIGHTS": bundle.weights,
        "BANDS": ",".join(bundle.bands),
        "PATCH": str(bundle.model.stride),
        "DATES": str(bundle.dates),
        "GSD": "unknown" if size is None else f"{size:.6g}",
        "ACQUIRED": ",".join(times),
        "TILE": str(tiles.size),
        "OVERLAP": str(tiles.overlap),
        "LICENCE": bundle.encoder.licence,
    }
    return {PREFIX + name: value for name, value in facts.items()}


def _record(
    spec: EmbedSpec, encoded: EncodedScene, tiles: TileGrid, observed: int, seconds: float, started: float
) -> RunRecord:
    """Return the record of a finished file."""
    recipe, grid = encoded.recipe, feature_grid(encoded.recipe.source.grid, encoded.bundle.model.stride)
    crs = recipe.source.grid.crs
    model: dict[str, JsonValue] = {**(recipe.model or {}), "encoder_weights": encoded.bundle.weights}
    runtime = {
        **recipe.runtime,
        **replaced_runtime(recipe.session),
        "scoring_seconds": round(seconds, 3),
    }
    return RunRecord(
        geoseg=geoseg.__version__,
        task="embedding",
        command=spec.model_dump(mode="json"),
        inputs=recipe.inputs,
        method=f"encoder {encoded.bundle.encoder.name}: {recipe.session.description}",
        model=model,
        runtime={**runtime, "tile": tiles.size, "overlap": tiles.overlap},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        crs=None if crs is None else crs.to_string(),
        valid_share=observed / (grid.height * grid.width),
        classes=(),
        notes=collected().notes,
        warnings=run_warnings(collected().warnings),
        outputs=tuple(path for path in (spec.run.output, spec.run.report) if path is not None),
        seconds=round(time.monotonic() - started, 3),
    )

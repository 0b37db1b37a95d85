"""Map facilities that may emit methane with a scene classifier in sliding windows."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import shapely

import geoseg
from geoseg.bundles.find import find_classifier
from geoseg.engine.cleaning import parse_crs
from geoseg.engine.drawing import aspect_of, place_of
from geoseg.engine.make_map import begin, footprint, is_drawn, outputs_of
from geoseg.engine.map_report import write_report
from geoseg.engine.network_on_scene import describe_model
from geoseg.engine.pipeline import outline
from geoseg.engine.plan import DRAWING_MIB, LATER_MIB, Plan
from geoseg.engine.preview import Preview, rasterise
from geoseg.engine.unused_options import has_radar, warn_of_unused
from geoseg.errors import UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.messages import collected, collecting, warn
from geoseg.outputs import OutputFiles, companions, open_layers
from geoseg.outputs.measure import write_bands
from geoseg.outputs.picture import MapPicture, draw_picture
from geoseg.outputs.words import credits_of, map_title
from geoseg.run_record import ClassTotal, Progress, RunRecord, no_progress, run_warnings
from geoseg.runtimes.classify import open_classifier
from geoseg.runtimes.memory import check_peak, hold
from geoseg.runtimes.network_session import OpenedSession
from geoseg.spec import FacilitiesSpec, ModelSpec, RunSpec
from geoseg.spec.facilities import UNUSED
from geoseg.spec.option import RunPart
from geoseg.tasks.methane.facility_peaks import (
    FOOTPRINTS,
    Peaks,
    features_of,
    find_peaks,
    layers_of,
    window_areas,
)
from geoseg.tasks.methane.facility_scenes import ClassifierInput, open_inputs
from geoseg.tasks.methane.facility_scoring import WindowScores, plan_windows, score_windows, windows_mib

LOG = logging.getLogger(__name__)


@reading_inputs()
@collecting()
def map_facilities(
    spec: FacilitiesSpec, progress: Progress = no_progress, *, dry_run: bool = False
) -> RunRecord | Plan:
    """Map the facilities of a scene.

    Args:
        spec: the request.
        progress: callback.
        dry_run: whether to plan the map only.

    Raises:
        UsageError: an option does not apply to facilities, or names an unknown input.
        ModelError: the model is not a usable scene classifier, or does not fit a scene.
        RuntimeMissingError: the runtime, device or precision is not available.
        SceneError: a scene cannot be read, lacks a band or a CRS, or is smaller than a footprint.
        OutputError: an output cannot be written.
    """
    run = spec.run
    _check(run)
    begin(run, [*spec.scene.paths, *spec.also.values()], *(set(_outputs(run)) - set(outputs_of(run))))
    model = find_classifier(spec.model)
    with ExitStack() as stack:
        inputs = open_inputs(model, spec, stack, progress, dry_run=dry_run)
        opened = open_classifier(
            model,
            runtime=run.runtime,
            device=run.device,
            precision=run.precision,
            threads=run.threads,
            batch=run.batch_size,
        )
        stack.callback(opened.session.close)
        radar = has_radar([band for item in inputs for band in item.bands])
        parts = {RunPart.NETWORK, RunPart.ANY_NETWORK, RunPart.IMAGES}
        warn_of_unused(spec, parts | ({RunPart.RADAR} if radar else set()))
        drawn = DRAWING_MIB if is_drawn(run) else 0
        hold(run.max_memory, windows_mib(inputs, run.max_memory) + LATER_MIB + drawn, inputs[0].scene.name)
        if dry_run:
            return plan_windows(model, opened.session, inputs, run.max_memory).within(run.max_memory)
        return _make(_FacilityRun(spec=spec, model=model, inputs=inputs, opened=opened), progress)


@dataclass(frozen=True, kw_only=True, eq=False)
class _FacilityRun:
    """Request, classifier and inputs of a map."""

    spec: FacilitiesSpec
    model: ModelSpec
    inputs: tuple[ClassifierInput, ...]
    opened: OpenedSession

    @property
    def threshold(self) -> float:
        """Smallest score of a facility."""
        return self.model.threshold if self.spec.threshold is None else self.spec.threshold

    @property
    def method(self) -> str:
        """Description of the method, one line."""
        side = self.model.footprint
        return (
            f"{self.model.name}: score of {self.threshold:g} or more in windows of {side:g} m every "
            f"{side / 2:g} m, the best of each class within {side:g} m; {self.opened.session.description}"
        )


def _check(run: RunSpec) -> None:
    """Raise an error for options that have no effect.

    Raises:
        UsageError: an option is given that does not apply to facilities.
    """
    default = RunSpec(output=run.output)
    given = [name for name in UNUSED if getattr(run, name) != getattr(default, name)]
    if given:
        options = ", ".join(f"`--{name.replace('_', '-')}`" for name in given)
        raise UsageError(
            f"{options} does not apply to facilities, which are windows of a fixed size; leave it out"
        )


def _outputs(run: RunSpec) -> list[Path]:
    """Return all files that a run writes."""
    wanted = (run.output, *companions(run.output, [FOOTPRINTS]), run.scores, run.picture, run.report)
    return [path for path in wanted if path is not None]


def _make(job: _FacilityRun, progress: Progress) -> RunRecord:
    """Score the windows, find the facilities and write them."""
    started = time.monotonic()
    run, scene = job.spec.run, job.inputs[0].scene
    dst_crs = None if run.dst_crs is None else parse_crs(run.dst_crs)
    preview = Preview(scene.grid, job.inputs[0].bands)
    scored = score_windows(
        job.model,
        job.opened.session,
        job.inputs,
        progress=_checked(progress, run.max_memory, scene.name),
        preview=preview,
        max_memory=run.max_memory,
    )
    if np.isnan(scored.scores).all():
        warn(
            LOG,
            "nothing-observed",
            f"{scene.name}: the map is empty, because no window has half of its pixels observed",
        )
    peaks = find_peaks(scored.scores, job.threshold)
    crs = dst_crs or scene.grid.crs
    points, squares = features_of(peaks, scored.scores, scored.grid, job.model.classes, dst_crs)
    seen = np.isfinite(preview.pixels[0])
    totals = _totals(job, peaks, scored)
    text = crs.to_string() if crs is not None else None
    record = _record(job, scored, totals, float(seen.mean()), text, started)
    with OutputFiles(_outputs(run), overwrite=run.overwrite) as beside:
        sink = open_layers(run.output, layers_of(job.model.classes, crs), beside=beside)
        sink.write(points)
        sink.write(squares, FOOTPRINTS)
        if run.scores is not None:
            names = [item.label for item in job.model.classes]
            write_bands(run.scores, scored.scores, names, grid=scored.grid, record=record, beside=beside)
        if run.picture is not None:
            draw_picture(run.picture, _picture(job, peaks, preview, record), beside)
        sensor = scene.sensor.name if scene.sensor else ""
        acquired = scene.time.isoformat() if scene.time else ""
        outlined = outline(seen, scene.grid, dst_crs)
        sink.finish(record, footprint(outlined, record, sensor, acquired))
        if run.report is not None:
            picture = _picture(job, peaks, preview, record)
            write_report(run.report, picture, record, scene.grid, sink, beside, sink.layers[1])
        beside.commit()
    return record


def _checked(progress: Progress, max_memory: int | None, name: str) -> Progress:
    """Return a callback that also ends the run where it takes more than `--max-memory`."""

    def checked(done: int, total: int, unit: str) -> None:
        check_peak(max_memory, name)
        progress(done, total, unit)

    return checked


def _totals(job: _FacilityRun, peaks: Peaks, scored: WindowScores) -> tuple[ClassTotal, ...]:
    """Return the facilities, the windows with the threshold or more, and the footprint area of each class."""
    areas = window_areas(peaks, scored.grid)
    totals = []
    for index, item in enumerate(job.model.classes):
        of_class = peaks.kind == index
        above = scored.scores[index] >= np.float32(job.threshold)
        totals.append(
            ClassTotal(
                value=item.value,
                label=item.label,
                polygons=int(of_class.sum()),
                pixels=int(above.sum()),
                area_m2=round(float(areas[of_class].sum()), 2),
            )
        )
    return tuple(totals)


def _record(
    job: _FacilityRun,
    scored: WindowScores,
    totals: tuple[ClassTotal, ...],
    valid_share: float,
    crs: str | None,
    started: float,
) -> RunRecord:
    """Return the record of the run."""
    opened, model = job.opened, job.model
    return RunRecord(
        geoseg=geoseg.__version__,
        task="facilities",
        command=job.spec.model_dump(mode="json"),
        inputs=tuple({"input": item.name, **item.scene.describe()} for item in job.inputs),
        method=job.method,
        model=describe_model(model),
        runtime={
            **opened.describe(),
            "scoring_seconds": round(scored.seconds, 3),
            "windows": int(np.isfinite(scored.scores[0]).sum()),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        crs=crs,
        valid_share=valid_share,
        classes=totals,
        notes=collected().notes,
        warnings=run_warnings(collected().warnings),
        outputs=tuple(_outputs(job.spec.run)),
        seconds=round(time.monotonic() - started, 3),
    )


def _picture(job: _FacilityRun, peaks: Peaks, preview: Preview, record: RunRecord) -> MapPicture:
    """Return the picture of the footprints over the scene, the best on top."""
    side = job.inputs[0].side
    half = side // 2
    worst_first = slice(None, None, -1)
    top, left = peaks.row[worst_first] * half, peaks.col[worst_first] * half
    squares = np.asarray(shapely.box(left, top, left + side, top + side), object)
    labels = np.where(np.isfinite(preview.pixels[0]), 0, 255).astype(np.uint8)
    values = np.array([item.value for item in job.model.classes])[peaks.kind[worst_first]]
    rasterise(squares, values, out=labels, scale=preview.step)
    step = preview.step
    scene = job.inputs[0].scene
    return MapPicture(
        background=preview.background(),
        labels=labels,
        classes=[item for index, item in enumerate(job.model.classes) if (peaks.kind == index).any()],
        title=map_title(record),
        caption=record.method,
        areas_m2={item.value: item.area_m2 for item in record.classes},
        pixel_m=scene.grid.pixel_size_m[1] * step,
        place=place_of(scene.grid, step),
        aspect=aspect_of(scene.grid),
        credits=credits_of(record),
    )

"""`geoseg evaluate maps CONFIG`: maps of a labelled data set, by networks and methods."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import OutputError, UsageError

from . import sites
from .command import Command
from .console import Console, open_console
from .memory import keep_freed_memory
from .report import check_page, finish

if TYPE_CHECKING:
    from geoseg.learn.train.training_spec import TrainSpec
    from geoseg.spec.evaluations import MapsRequest

    from .options import Reporting


def maps() -> Command[MapsRequest]:
    """Compare maps by networks and classical methods with labels: scores with intervals, and calibration.

    --output also writes report.html, scores.json, chips.csv and the maps. For scene classifiers, the score is
    the average precision over sites, and sites.csv is written.
    """
    from geoseg.spec.evaluations import MapsRequest

    return Command(request=MapsRequest, run=_run)


def _run(request: MapsRequest, reporting: Reporting) -> None:
    from .accuracy import is_map

    if is_map(request.config):
        raise UsageError(
            f"{request.config} is a map, not a config; use `geoseg evaluate sample` and `area` for "
            "finished maps"
        )
    if request.output is not None and request.output.exists() and not request.overwrite:
        raise OutputError(f"{request.output}: already exists; add `--overwrite` to replace it")
    check_page(request.report, overwrite=request.overwrite)
    from geoseg.learn.train.config import read_any_config
    from geoseg.learn.train.scene_spec import SceneTrainSpec

    spec = read_any_config(request.config, request.data, request.settings)
    with open_console(reporting.verbosity) as console:
        if isinstance(spec, SceneTrainSpec):
            sites.run(spec, request, console, as_json=reporting.as_json)
        else:
            _compare(spec, request, console, as_json=reporting.as_json)


def _compare(spec: TrainSpec, request: MapsRequest, console: Console, *, as_json: bool) -> None:
    """Map the scenes of a data set, compare the maps with the labels, and print the scores.

    Raises:
        UsageError: no model or method is given.
    """
    from geoseg.files.scratch import scratch_folder
    from geoseg.learn.evaluate import protocol
    from geoseg.learn.evaluate.maps_report import report_of
    from geoseg.learn.evaluate.recorded_evidence import record
    from geoseg.learn.evaluate.rivals import rivals_of

    # With --leave-one-out, networks that were trained on all parts are not evaluated.
    models = () if request.leave_one_out else request.models
    subjects = protocol.subjects_of(spec, models, request.methods)
    if not subjects and not request.leave_one_out and not request.shots:
        raise UsageError("nothing to evaluate; add `--model` or `--method`")
    if request.leave_one_out or request.shots:
        keep_freed_memory()
    output = request.output
    with ExitStack() as stack:
        # Maps are moved into the output together with the report, so that a failed run leaves none.
        beside = next((part for part in output.absolute().parents if part.is_dir()), None) if output else None
        folder = stack.enter_context(scratch_folder(beside))
        results: list[protocol.SubjectAccuracy] = []
        windows = protocol.held_out(spec, "all" if request.leave_one_out else request.on)
        if request.leave_one_out:
            results.append(protocol.leave_one_out(spec, folder / "left-out", console.progress))
        results += [
            protocol.few_shots(spec, number, windows, folder, console.progress) for number in request.shots
        ]
        results += protocol.evaluate(spec, subjects, windows, folder, console.progress)
        rivals = rivals_of(spec, windows[0].sample, subjects, classical=request.record)
        results += protocol.evaluate_rivals(spec, rivals, windows, folder / "rivals", console.progress)
        parts = "each part left out in turn" if request.leave_one_out else f"the {request.on} part"
        description = f"{parts}, split by {spec.split.kind}" if request.on != "all" else "all of the set"
        report = report_of(results, spec, description, pictures=bool(output or request.report))
        kept = _maps(folder, output / "maps") if output else {}
        finish(report, output, console, as_json=as_json, page=request.report, finished=kept)
        if request.record:
            record(request.models[0], results, spec, description)


def _maps(source: Path, target: Path) -> dict[Path, Path]:
    """Return the maps of a finished evaluation by their paths in its output."""
    from geoseg.files.leftovers import MARKER

    files = [path for path in sorted(source.rglob("*")) if path.is_file() and path.name != MARKER]
    return {target / path.relative_to(source): path for path in files}

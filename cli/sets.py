"""`geoseg evaluate CONFIG`: maps of a labelled set, by networks and by methods."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import UsageError

from .console import Console
from .memory import keep_freed_memory
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.train.training_spec import TrainSpec


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be judged, and where results go."""

    models: tuple[str, ...]
    methods: tuple[str, ...]
    shots: tuple[int, ...]
    leave_one_out: bool
    on: str
    """Part of the split."""
    record: bool
    output: Path | None
    as_json: bool


def run(spec: TrainSpec, request: Request, console: Console) -> None:
    """Map the scenes of a set, compare the maps with the labels, and print the scores.

    Raises:
        UsageError: there is nothing to evaluate.
    """
    from geoseg.files.scratch import scratch_folder
    from geoseg.learn.evaluate import protocol
    from geoseg.learn.evaluate.maps_report import report_of

    # Of parts left out in turn, a network that learnt from all of them is no subject.
    judged = () if request.leave_one_out else request.models
    subjects = protocol.subjects_of(spec, judged, request.methods)
    if not subjects and not request.leave_one_out and not request.shots:
        raise UsageError("nothing to evaluate: give --model or --method")
    if request.leave_one_out or request.shots:
        keep_freed_memory()
    output = request.output
    with ExitStack() as stack:
        folder = output / "maps" if output else stack.enter_context(scratch_folder())
        results: list[protocol.Result] = []
        windows = protocol.held_out(spec, "all" if request.leave_one_out else request.on)
        if request.leave_one_out:
            results.append(protocol.leave_one_out(spec, folder / "left-out", console.progress))
        results += [
            protocol.few_shots(spec, number, windows, folder, console.progress) for number in request.shots
        ]
        results += protocol.evaluate(spec, subjects, windows, folder, console.progress)
        parts = "each part left out in turn" if request.leave_one_out else f"the {request.on} part"
        said = f"{parts}, split by {spec.split.kind}" if request.on != "all" else "all of the set"
        report = report_of(results, spec, said, pictures=output is not None)
        finish(report, output, console, as_json=request.as_json)
        if request.record:
            protocol.record(request.models[0], results, spec, said)

"""`geoseg evaluate maps CONFIG` of a scene classifier: how well it ranks sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoseg.errors import UsageError

from .console import Console
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.train.scene_spec import SceneTrainSpec
    from geoseg.spec.evaluations import MapsRequest


def run(spec: SceneTrainSpec, request: MapsRequest, console: Console, *, as_json: bool) -> None:
    """Rank the sites of a part of the split with every model, and report.

    Raises:
        UsageError: an option is for maps, or there is no model.
    """
    of_maps = {
        "--method": request.methods,
        "--shots": request.shots,
        "--leave-one-out": request.leave_one_out,
        "--record": request.record,
    }
    if lost := next((name for name, value in of_maps.items() if value), None):
        raise UsageError(f"{lost} is for maps; {request.config} is of a scene classifier, which scores sites")
    if not request.models:
        raise UsageError("nothing to evaluate: give --model")
    from geoseg.learn.evaluate.site_ranking import rank, sites_of
    from geoseg.learn.evaluate.sites_report import report_of

    sites = sites_of(spec, request.on)
    rankings = []
    for model in request.models:
        console.note(model)
        rankings.append(rank(model, spec, sites, console.progress))
    said = f"the {request.on} part" if request.on != "all" else "all of the set"
    finish(report_of(rankings, sites, spec, said), request.output, console, as_json=as_json)

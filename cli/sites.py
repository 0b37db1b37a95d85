"""`geoseg evaluate maps CONFIG` for scene classifiers: average precision over sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoseg.errors import UsageError

from .console import Console
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.train.scene_spec import SceneTrainSpec
    from geoseg.spec.evaluations import MapsRequest


def run(spec: SceneTrainSpec, request: MapsRequest, console: Console, *, as_json: bool) -> None:
    """Rank the sites of a part of the split with each model, and report.

    Raises:
        UsageError: an option applies to maps only, or no model is given.
    """
    map_options = {
        "`--method`": request.methods,
        "`--shots`": request.shots,
        "`--leave-one-out`": request.leave_one_out,
        "`--record`": request.record,
    }
    if unsupported := next((name for name, value in map_options.items() if value), None):
        raise UsageError(
            f"{unsupported} applies to maps; {request.config} is the config of a scene classifier"
        )
    if not request.models:
        raise UsageError("nothing to evaluate; add `--model`")
    from geoseg.learn.evaluate.site_ranking import rank, sites_of
    from geoseg.learn.evaluate.sites_report import report_of

    sites = sites_of(spec, request.on)
    rankings = []
    for model in request.models:
        console.note(model)
        rankings.append(rank(model, spec, sites, console.progress))
    description = f"the {request.on} part" if request.on != "all" else "all of the set"
    finish(
        report_of(rankings, sites, spec, description),
        request.output,
        console,
        as_json=as_json,
        page=request.report,
    )

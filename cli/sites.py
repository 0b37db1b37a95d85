"""`geoseg evaluate CONFIG` of a scene classifier: how well it ranks sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import UsageError

from .console import Console
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.train.scene_spec import SceneTrainSpec


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked."""

    models: tuple[str, ...]
    on: str
    output: Path | None
    as_json: bool


def check(config: str, models: Sequence[str], others: Sequence[str]) -> None:
    """Refuse options that are for maps, and a request without a model.

    Raises:
        UsageError: there are such options, or no model.
    """
    if others:
        raise UsageError(f"{others[0]} is for maps; {config} is of a scene classifier, which scores sites")
    if not models:
        raise UsageError("nothing to evaluate: give --model")


def run(spec: SceneTrainSpec, request: Request, console: Console) -> None:
    """Rank the sites of a part of the split with every model, and report."""
    from geoseg.learn.evaluate.site_ranking import rank, sites_of
    from geoseg.learn.evaluate.sites_report import report_of

    sites = sites_of(spec, request.on)
    rankings = []
    for model in request.models:
        console.note(model)
        rankings.append(rank(model, spec, sites, console.progress))
    said = f"the {request.on} part" if request.on != "all" else "all of the set"
    finish(report_of(rankings, sites, spec, said), request.output, console, as_json=request.as_json)

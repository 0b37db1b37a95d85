"""`geoseg evaluate methane`: simulated plumes of known rate in real pixels, searched and counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import OutputError

from .command import Command
from .console import telling
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
    from geoseg.spec.evaluations import MethaneRequest

    from .options import Reporting


def methane() -> Command[MethaneRequest]:
    """Put simulated plumes of known rate into scenes, and count what the search finds of them.

    The scenes: --data FOLDER with NAME/before (the reference) and NAME/after, or --scene and --reference, or
    --ground (docs/methane-evaluation.md). With --output, report.html, scores.json and runs.csv are written.
    """
    from geoseg.spec.evaluations import MethaneRequest

    return Command(request=MethaneRequest, run=_run)


def _run(request: MethaneRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate.methane.evaluation import evaluate
    from geoseg.learn.evaluate.methane.trial_report import report_of

    if request.output is not None and request.output.exists() and not request.overwrite:
        raise OutputError(f"{request.output}: exists; say --overwrite to replace it")
    with telling(reporting.verbosity) as console:
        found = evaluate(_pairs(request), request.ground, _trial(request), console.progress)
        finish(report_of(found), request.output, console, as_json=reporting.as_json)


def _pairs(request: MethaneRequest) -> tuple[ScenePair, ...]:
    """Return the scenes with their references.

    Raises:
        SceneError: the folder holds none.
    """
    from geoseg.learn.evaluate.methane.trial import ScenePair, pairs_in
    from geoseg.spec import SceneSpec

    if request.data is not None:
        return pairs_in(request.data)
    if not request.scene:
        return ()
    scene = SceneSpec(paths=request.scene)
    references = tuple(SceneSpec(paths=(path,)) for path in request.reference)
    return (ScenePair(name=Path(request.scene[0]).name, scene=scene, reference=references),)


def _trial(request: MethaneRequest) -> Trial:
    """Return what is tried.

    Raises:
        UsageError: a number is out of range.
    """
    from geoseg.learn.evaluate.methane.trial import Trial

    simulated = not (request.data or request.scene)
    return Trial(
        rates_t_h=tuple(dict.fromkeys(request.rates)),
        winds_m_s=tuple(dict.fromkeys(request.winds)),
        methods=request.methods,
        satellite=request.satellite or ("sentinel-2a" if simulated else None),
        coregister=request.coregister,
        sun_zenith=request.sun_zenith,
        view_zenith=request.view_zenith,
        places=request.places,
        seed=request.seed,
        wind_from=request.wind_from,
        stability=request.stability,
        age_s=request.age * 60,
        extend=request.extend,
    )

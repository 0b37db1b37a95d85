"""`geoseg evaluate methane`: the share of simulated plumes of known source rate that is detected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import OutputError

from .command import Command
from .console import open_console
from .report import check_page, finish

if TYPE_CHECKING:
    from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
    from geoseg.spec.evaluations import MethaneRequest

    from .options import Reporting


def methane() -> Command[MethaneRequest]:
    """Add simulated plumes of known source rate to scenes, and measure the share that is detected.

    The scenes are given by --data FOLDER with NAME/before (the reference) and NAME/after, by --scene and
    --reference, or by --ground (docs/methane-evaluation.md). --output writes report.html, scores.json and
    runs.csv.
    """
    from geoseg.spec.evaluations import MethaneRequest

    return Command(request=MethaneRequest, run=_run)


def _run(request: MethaneRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate.methane.evaluation import evaluate
    from geoseg.learn.evaluate.methane.trial_report import report_of

    if request.output is not None and request.output.exists() and not request.overwrite:
        raise OutputError(f"{request.output}: already exists; add `--overwrite` to replace it")
    check_page(request.report, overwrite=request.overwrite)
    with open_console(reporting.verbosity) as console:
        result = evaluate(_pairs(request), request.ground, _trial(request), console.progress)
        finish(report_of(result), request.output, console, as_json=reporting.as_json, page=request.report)


def _pairs(request: MethaneRequest) -> tuple[ScenePair, ...]:
    """Return the scenes with their reference scenes.

    Raises:
        SceneError: the folder contains none.
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
    """Return the parameters of the detection test.

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

"""Run an evaluation: for every pair of scenes, choose source locations, map controls and simulated plumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geoseg.errors import UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.learn.evaluate.methane.simulated_ground import write_ground
from geoseg.learn.evaluate.methane.source_locations import prepare_site
from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
from geoseg.learn.evaluate.methane.trial_runs import Control, Run, count_runs, run_controls, run_site
from geoseg.run_record import Progress


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The runs with simulated plumes, and the controls without plumes."""

    trial: Trial
    runs: tuple[Run, ...]
    controls: tuple[Control, ...]


def evaluate(
    pairs: Sequence[ScenePair], grounds: Sequence[float], trial: Trial, progress: Progress
) -> Evaluation:
    """Add simulated plumes to scenes and map them.

    Args:
        pairs: pairs of scenes.
        grounds: noise levels of simulated scenes, evaluated after the pairs; see `write_ground`.
        trial: the plumes and methods.
        progress: receives the number of plumes done.

    Raises:
        UsageError: there is neither a pair nor a noise level.
        GeosegError: an error of `geoseg methane plume`.
    """
    if not pairs and not grounds:
        raise UsageError(
            "no scene to add plumes to: give `--data FOLDER`, `--scene` with `--reference`, or "
            "`--ground NOISE`"
        )
    runs: list[Run] = []
    controls: list[Control] = []
    with scratch_folder() as scratch:
        simulated = [
            write_ground(scratch / f"ground-{index}", noise, trial.seed + index)
            for index, noise in enumerate(grounds)
        ]
        for pair in (*pairs, *simulated):
            site = prepare_site(pair, trial, scratch, progress)
            site_controls = run_controls(site, trial, scratch)
            controls += site_controls.values()
            total = count_runs(site, trial)
            for done, run in enumerate(run_site(site, trial, site_controls, scratch), 1):
                runs.append(run)
                progress(done, total, f"plumes in {pair.name}")
    return Evaluation(trial=trial, runs=tuple(runs), controls=tuple(controls))

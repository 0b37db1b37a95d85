"""The order: for every pair of scenes places, controls, plumes; all of it in one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geoseg.errors import UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.learn.evaluate.methane.simulated_ground import write_ground
from geoseg.learn.evaluate.methane.source_places import find_site
from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
from geoseg.learn.evaluate.methane.trial_runs import Control, Run, count_runs, run_controls, run_site
from geoseg.run_record import Progress


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All runs, and the scenes without plumes."""

    trial: Trial
    runs: tuple[Run, ...]
    controls: tuple[Control, ...]


def evaluate(
    pairs: Sequence[ScenePair], grounds: Sequence[float], trial: Trial, progress: Progress
) -> Evaluation:
    """Put simulated plumes into scenes and search them.

    Args:
        pairs: of scenes.
        grounds: noises of simulated even ground, which come after them; see `write_ground`.
        trial: what is tried.
        progress: is told how far it is.

    Raises:
        UsageError: there is neither a pair nor a ground.
        GeosegError: as `geoseg methane plume` raises.
    """
    if not pairs and not grounds:
        raise UsageError(
            "nothing to put plumes into: give --data FOLDER, --scene with --reference, or --ground NOISE"
        )
    runs: list[Run] = []
    controls: list[Control] = []
    with scratch_folder() as scratch:
        made = [
            write_ground(scratch / f"ground-{index}", noise, trial.seed + index)
            for index, noise in enumerate(grounds)
        ]
        for pair in (*pairs, *made):
            site = find_site(pair, trial, scratch, progress)
            own = run_controls(site, trial, scratch)
            controls += own.values()
            total = count_runs(site, trial)
            for done, run in enumerate(run_site(site, trial, own, scratch), 1):
                runs.append(run)
                progress(done, total, f"plumes in {pair.name}")
    return Evaluation(trial=trial, runs=tuple(runs), controls=tuple(controls))

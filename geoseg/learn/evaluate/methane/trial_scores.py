"""Statistics of simulated plumes: detection shares, errors of source rates, and detection limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.learn.evaluate.methane.trial_runs import TONNE, Control, Hit, Run
from geoseg.methods.detection import detection_limit, wilson
from geoseg.tasks.methane.screening import PLUME

LIMITS = (0.5, 0.9)
"""Shares of plumes detected that define the detection limits."""

THIRDS = ("quiet", "middling", "noisy")
"""Thirds of the source locations by noise."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """Number of detections among a number of plumes."""

    found: int
    tried: int

    @property
    def value(self) -> float:
        """Share, 0..1; NaN without plumes."""
        return self.found / self.tried if self.tried else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval, which assumes independent plumes."""
        return wilson(self.found, self.tried)


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Errors of the source rates of plumes that were detected as such (class 1)."""

    quartiles: tuple[float, float, float]
    """Quartiles of mapped rate / true rate - 1; NaN without detections."""
    covered: Share
    """Plumes whose 95 % interval contains the true rate."""


@dataclass(frozen=True, kw_only=True)
class RateStatistics:
    """Detections of one kind of ground, method, wind and rate."""

    ground: str
    method: str
    wind_m_s: float
    rate_t_h: float
    plume: Share
    """Mapped as a plume (class 1) without the location of the source."""
    spot: Share
    """Mapped as a plume or a suspect."""
    targeted: Share
    """Mapped as a plume with the location of the source."""
    errors: Errors
    targeted_errors: Errors
    beyond_share: float
    """Median share of the plume mass beyond the absorption table."""


@dataclass(frozen=True, kw_only=True)
class DetectionLimits:
    """Rates in t/h at which the shares of `LIMITS` are detected; infinity above all rates, 0 below."""

    ground: str
    method: str
    wind_m_s: float
    blind: tuple[float, ...]
    targeted: tuple[float, ...]
    least_t_h: float
    """Least rate simulated."""
    most_t_h: float


@dataclass(frozen=True, kw_only=True)
class NoiseThird:
    """Detections of plumes of one rate over ground of similar noise."""

    ground: str
    method: str
    wind_m_s: float
    rate_t_h: float
    third: str
    noise_ppm_m: float
    """Median noise around the sources."""
    plume: Share


@dataclass(frozen=True, kw_only=True)
class FalseAlarms:
    """Plumes mapped in scenes without simulated plume."""

    ground: str
    method: str
    scenes: int
    plumes: int
    suspects: int
    unreachable: tuple[str, ...]
    """Scenes whose threshold is beyond the absorption table, so that no simulated plume can be detected."""


@dataclass(frozen=True, kw_only=True)
class MethodComparison:
    """Detections of the same plumes by two methods."""

    ground: str
    wind_m_s: float
    rate_t_h: float
    first: str
    second: str
    only_first: int
    """Mapped as a plume (class 1) only by the first method, without the location of the source."""
    only_second: int
    targeted_only_first: int
    """The same with the location of the source."""
    targeted_only_second: int
    tried: int


def share(flags: Iterable[bool]) -> Share:
    """Return the share of true flags."""
    values = list(flags)
    return Share(found=sum(values), tried=len(values))


def errors(runs: Sequence[Run], hits: Sequence[Hit]) -> Errors:
    """Return the errors of mapped rates, for detected plumes."""
    pairs = [
        (run.rate_t_h * TONNE, hit)
        for run, hit in zip(runs, hits, strict=True)
        if run.rate_t_h and hit.found == PLUME and math.isfinite(hit.rate_kg_h)
    ]
    relative = [hit.rate_kg_h / rate - 1 for rate, hit in pairs] or [math.nan]
    low, middle, high = (float(value) for value in np.percentile(relative, (25, 50, 75)))
    covered = share(hit.rate_low <= rate and not rate > hit.rate_high for rate, hit in pairs)
    return Errors(quartiles=(low, middle, high), covered=covered)


def kinds(runs: Sequence[Run]) -> list[tuple[str, str, float]]:
    """Return the distinct combinations of ground, method and wind, in order."""
    return list(dict.fromkeys((run.ground, run.method, run.wind_m_s) for run in runs))


def of_kind(runs: Sequence[Run], kind: tuple[str, str, float]) -> list[Run]:
    """Return the runs of a ground, method and wind."""
    return [run for run in runs if (run.ground, run.method, run.wind_m_s) == kind]


def rows(runs: Sequence[Run]) -> list[RateStatistics]:
    """Return statistics for each ground, method, wind and rate, including the control (rate 0)."""
    results = []
    for kind in kinds(runs):
        selected = of_kind(runs, kind)
        for rate in sorted({run.rate_t_h for run in selected}):
            runs_here = [run for run in selected if run.rate_t_h == rate]
            results.append(
                RateStatistics(
                    ground=kind[0],
                    method=kind[1],
                    wind_m_s=kind[2],
                    rate_t_h=rate,
                    plume=share(run.blind.found == PLUME for run in runs_here),
                    spot=share(run.blind.found > 0 for run in runs_here),
                    targeted=share(run.targeted.found == PLUME for run in runs_here),
                    errors=errors(runs_here, [run.blind for run in runs_here]),
                    targeted_errors=errors(runs_here, [run.targeted for run in runs_here]),
                    beyond_share=float(np.median([run.beyond_share for run in runs_here])),
                )
            )
    return results


def limits(runs: Sequence[Run]) -> list[DetectionLimits]:
    """Return the detection limits of each ground, method and wind."""
    results = []
    for ground, method, wind in kinds(runs):
        selected = [run for run in of_kind(runs, (ground, method, wind)) if run.rate_t_h]
        sizes = np.array([run.rate_t_h for run in selected])
        blind = np.array([run.blind.found == PLUME for run in selected])
        aimed = np.array([run.targeted.found == PLUME for run in selected])
        results.append(
            DetectionLimits(
                ground=ground,
                method=method,
                wind_m_s=wind,
                blind=tuple(detection_limit(sizes, blind, value) for value in LIMITS),
                targeted=tuple(detection_limit(sizes, aimed, value) for value in LIMITS),
                least_t_h=float(sizes.min()),
                most_t_h=float(sizes.max()),
            )
        )
    return results


def thirds(runs: Sequence[Run]) -> list[NoiseThird]:
    """Return detections by the noise around the sources, for three locations or more."""
    results = []
    for kind in kinds(runs):
        selected = of_kind(runs, kind)
        noises = np.array(sorted({(run.scene, run.place): run.noise_ppm_m for run in selected}.values()))
        if noises.size < len(THIRDS):
            continue
        cuts = np.quantile(noises, (1 / 3, 2 / 3))
        for rate in sorted({run.rate_t_h for run in selected if run.rate_t_h}):
            for index, name in enumerate(THIRDS):
                runs_here = [
                    run
                    for run in selected
                    if run.rate_t_h == rate and int(np.searchsorted(cuts, run.noise_ppm_m)) == index
                ]
                if runs_here:
                    results.append(
                        NoiseThird(
                            ground=kind[0],
                            method=kind[1],
                            wind_m_s=kind[2],
                            rate_t_h=rate,
                            third=name,
                            noise_ppm_m=float(np.median([run.noise_ppm_m for run in runs_here])),
                            plume=share(run.blind.found == PLUME for run in runs_here),
                        )
                    )
    return results


def false_plumes(controls: Sequence[Control]) -> list[FalseAlarms]:
    """Return the false alarms of each ground and method."""
    results = []
    for ground, method in dict.fromkeys((item.ground, item.method) for item in controls):
        selected = [item for item in controls if (item.ground, item.method) == (ground, method)]
        results.append(
            FalseAlarms(
                ground=ground,
                method=method,
                scenes=len(selected),
                plumes=sum(item.plumes for item in selected),
                suspects=sum(item.suspects for item in selected),
                unreachable=tuple(item.scene for item in selected if not item.reachable),
            )
        )
    return results


def comparisons(runs: Sequence[Run]) -> list[MethodComparison]:
    """Compare the detections of the first method with those of each other method."""
    results = []
    methods = list(dict.fromkeys(run.method for run in runs))
    for other in methods[1:]:
        cells = dict.fromkeys((run.ground, run.wind_m_s, run.rate_t_h) for run in runs if run.rate_t_h)
        for ground, wind, rate in cells:
            runs_here = [
                run for run in runs if (run.ground, run.wind_m_s, run.rate_t_h) == (ground, wind, rate)
            ]
            hits = {
                method: {(run.scene, run.place): run for run in runs_here if run.method == method}
                for method in (methods[0], other)
            }
            both = hits[methods[0]].keys() & hits[other].keys()
            pairs = [(hits[methods[0]][key], hits[other][key]) for key in both]
            blind = [(a.blind.found == PLUME, b.blind.found == PLUME) for a, b in pairs]
            aimed = [(a.targeted.found == PLUME, b.targeted.found == PLUME) for a, b in pairs]
            if pairs:
                results.append(
                    MethodComparison(
                        ground=ground,
                        wind_m_s=wind,
                        rate_t_h=rate,
                        first=methods[0],
                        second=other,
                        only_first=blind.count((True, False)),
                        only_second=blind.count((False, True)),
                        targeted_only_first=aimed.count((True, False)),
                        targeted_only_second=aimed.count((False, True)),
                        tried=len(pairs),
                    )
                )
    return results

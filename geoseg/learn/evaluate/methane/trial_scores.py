"""What many simulated plumes say together: shares with intervals, errors of rates, detection limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.learn.evaluate.methane.trial_runs import TONNE, Control, Hit, Run
from geoseg.methane.screening import PLUME
from geoseg.methods.detection import detection_limit, wilson

LIMITS = (0.5, 0.9)
"""Shares of plumes found at which detection limits are told."""

THIRDS = ("quiet", "middling", "noisy")
"""Thirds of the places by the noise of the ground around them."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of some."""

    found: int
    tried: int

    @property
    def value(self) -> float:
        """0..1; NaN of none."""
        return self.found / self.tried if self.tried else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, as if trials did not depend on one another."""
        return wilson(self.found, self.tried)


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of the rates of plumes that were found as such (class 1)."""

    quartiles: tuple[float, float, float]
    """Of mapped rate / true rate - 1; NaN where none was found."""
    covered: Share
    """Whose 95 % interval holds the true rate."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Runs of one kind of ground, method, wind and rate."""

    ground: str
    method: str
    wind_m_s: float
    rate_t_h: float
    plume: Share
    """Mapped as a plume (class 1), nobody knowing where."""
    spot: Share
    """As a plume or a suspect."""
    targeted: Share
    """As a plume where the source was given."""
    errors: Errors
    targeted_errors: Errors
    beyond_share: float
    """Median share of a plume's mass beyond the table's end."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Rates in t/h at which shares of `LIMITS` are found; infinity beyond those tried, 0 below."""

    ground: str
    method: str
    wind_m_s: float
    blind: tuple[float, ...]
    targeted: tuple[float, ...]
    least_t_h: float
    """Of the rates tried."""
    most_t_h: float


@dataclass(frozen=True, kw_only=True)
class Third:
    """Plumes of one rate over ground of like noise."""

    ground: str
    method: str
    wind_m_s: float
    rate_t_h: float
    third: str
    noise_ppm_m: float
    """Median around the sources."""
    plume: Share


@dataclass(frozen=True, kw_only=True)
class FalsePlumes:
    """Scenes without any plume put in."""

    ground: str
    method: str
    scenes: int
    plumes: int
    suspects: int
    unreachable: tuple[str, ...]
    """Scenes whose threshold lies beyond the table's end: nothing that is put in can be found."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much more one method finds than another, of the same plumes."""

    ground: str
    wind_m_s: float
    rate_t_h: float
    first: str
    second: str
    only_first: int
    """Mapped as a plume (class 1) by the first method alone, nobody knowing where."""
    only_second: int
    targeted_only_first: int
    """The same where the source was given."""
    targeted_only_second: int
    tried: int


def share(flags: Iterable[bool]) -> Share:
    """Count flags."""
    told = list(flags)
    return Share(found=sum(told), tried=len(told))


def errors(runs: Sequence[Run], hits: Sequence[Hit]) -> Errors:
    """Compare mapped rates with true ones, where a plume was found."""
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
    """Return ground, method and wind of runs, each once, in order."""
    return list(dict.fromkeys((run.ground, run.method, run.wind_m_s) for run in runs))


def of_kind(runs: Sequence[Run], kind: tuple[str, str, float]) -> list[Run]:
    """Return the runs of a ground, method and wind."""
    return [run for run in runs if (run.ground, run.method, run.wind_m_s) == kind]


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each ground, method, wind and rate, the control (rate 0) among them."""
    found = []
    for kind in kinds(runs):
        own = of_kind(runs, kind)
        for rate in sorted({run.rate_t_h for run in own}):
            here = [run for run in own if run.rate_t_h == rate]
            found.append(
                Row(
                    ground=kind[0],
                    method=kind[1],
                    wind_m_s=kind[2],
                    rate_t_h=rate,
                    plume=share(run.blind.found == PLUME for run in here),
                    spot=share(run.blind.found > 0 for run in here),
                    targeted=share(run.targeted.found == PLUME for run in here),
                    errors=errors(here, [run.blind for run in here]),
                    targeted_errors=errors(here, [run.targeted for run in here]),
                    beyond_share=float(np.median([run.beyond_share for run in here])),
                )
            )
    return found


def limits(runs: Sequence[Run]) -> list[Limit]:
    """Return the detection limits of each ground, method and wind."""
    found = []
    for ground, method, wind in kinds(runs):
        own = [run for run in of_kind(runs, (ground, method, wind)) if run.rate_t_h]
        sizes = np.array([run.rate_t_h for run in own])
        blind = np.array([run.blind.found == PLUME for run in own])
        aimed = np.array([run.targeted.found == PLUME for run in own])
        found.append(
            Limit(
                ground=ground,
                method=method,
                wind_m_s=wind,
                blind=tuple(detection_limit(sizes, blind, value) for value in LIMITS),
                targeted=tuple(detection_limit(sizes, aimed, value) for value in LIMITS),
                least_t_h=float(sizes.min()),
                most_t_h=float(sizes.max()),
            )
        )
    return found


def thirds(runs: Sequence[Run]) -> list[Third]:
    """Return detection by the noise around the sources, where there are three places at least."""
    found = []
    for kind in kinds(runs):
        own = of_kind(runs, kind)
        noises = np.array(sorted({(run.scene, run.place): run.noise_ppm_m for run in own}.values()))
        if noises.size < len(THIRDS):
            continue
        cuts = np.quantile(noises, (1 / 3, 2 / 3))
        for rate in sorted({run.rate_t_h for run in own if run.rate_t_h}):
            for index, name in enumerate(THIRDS):
                here = [
                    run
                    for run in own
                    if run.rate_t_h == rate and int(np.searchsorted(cuts, run.noise_ppm_m)) == index
                ]
                if here:
                    found.append(
                        Third(
                            ground=kind[0],
                            method=kind[1],
                            wind_m_s=kind[2],
                            rate_t_h=rate,
                            third=name,
                            noise_ppm_m=float(np.median([run.noise_ppm_m for run in here])),
                            plume=share(run.blind.found == PLUME for run in here),
                        )
                    )
    return found


def false_plumes(controls: Sequence[Control]) -> list[FalsePlumes]:
    """Return what is mapped where nothing was put in."""
    found = []
    for ground, method in dict.fromkeys((item.ground, item.method) for item in controls):
        own = [item for item in controls if (item.ground, item.method) == (ground, method)]
        found.append(
            FalsePlumes(
                ground=ground,
                method=method,
                scenes=len(own),
                plumes=sum(item.plumes for item in own),
                suspects=sum(item.suspects for item in own),
                unreachable=tuple(item.scene for item in own if not item.reachable),
            )
        )
    return found


def gains(runs: Sequence[Run]) -> list[Gain]:
    """Compare the first method with each other, plume by plume."""
    found = []
    methods = list(dict.fromkeys(run.method for run in runs))
    for other in methods[1:]:
        cells = dict.fromkeys((run.ground, run.wind_m_s, run.rate_t_h) for run in runs if run.rate_t_h)
        for ground, wind, rate in cells:
            here = [run for run in runs if (run.ground, run.wind_m_s, run.rate_t_h) == (ground, wind, rate)]
            hits = {
                method: {(run.scene, run.place): run for run in here if run.method == method}
                for method in (methods[0], other)
            }
            both = hits[methods[0]].keys() & hits[other].keys()
            pairs = [(hits[methods[0]][key], hits[other][key]) for key in both]
            blind = [(a.blind.found == PLUME, b.blind.found == PLUME) for a, b in pairs]
            aimed = [(a.targeted.found == PLUME, b.targeted.found == PLUME) for a, b in pairs]
            if pairs:
                found.append(
                    Gain(
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
    return found

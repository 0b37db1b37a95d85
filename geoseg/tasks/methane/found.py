"""What is known of a scene before its plumes are mapped: noise, threshold, what chance makes."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass

from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS, ime_rate
from geoseg.methods.plume_search import FalseAlarms
from geoseg.outputs import MeasureSink
from geoseg.spec import PlumeSpec
from geoseg.tasks.mapping import Ledger
from geoseg.tasks.methane.retrieved import Retrieved
from geoseg.tasks.methane.search import Search, survey
from geoseg.tasks.methane.wind import effective_wind

USUAL_PIXELS = 60
"""Pixels of a plume of usual size, for which a detection limit is told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What is known of a scene before its plumes are mapped."""

    search: Search
    alarms: FalseAlarms | None
    known: int
    """Pixels that have a column."""
    sink: MeasureSink | None
    """Holds the columns, where they are wanted."""


def look(spec: PlumeSpec, retrieved: Retrieved, search: Search, stack: ExitStack, ledger: Ledger) -> Found:
    """Find out what chance makes in a scene, and write its columns where they are wanted.

    Raises:
        SceneError: the scene cannot be read.
        OutputError: the columns cannot be written.
    """
    background = search.background
    ledger.note(
        f"noise of the columns outside plumes: {background.pixel_std:.0f} ppm·m a pixel "
        f"({background.pixel_std * MOL_PER_PPM_M:.4f} mol/m²), {background.noise:.0f} after the median "
        f"filter; threshold {search.told}"
    )
    sink = None
    if spec.columns is not None:
        sink = stack.enter_context(
            MeasureSink(
                spec.columns,
                grid=retrieved.source.grid,
                name="methane enhancement",
                unit="ppm·m",
                tags={"METHOD": retrieved.method, "MOL_PER_M2_IN_1_PPM_M": f"{MOL_PER_PPM_M:.6e}"},
                overwrite=spec.run.overwrite,
            )
        )
    alarms, known = survey(retrieved, search, None if sink is None else sink.write, ledger.progress)
    if spec.model is None:
        ledger.note(
            f"{len(alarms.strengths)} spots of {spec.min_pixels} pixels or more lie as far below the "
            f"background as plumes lie above: chance makes so many; {_limit(spec, search, alarms, retrieved)}"
        )
    return Found(search=search, alarms=alarms if spec.model is None else None, known=known, sink=sink)


def _limit(spec: PlumeSpec, search: Search, alarms: FalseAlarms, retrieved: Retrieved) -> str:
    """Say what a plume of usual size must weigh to be told from chance."""
    needed = alarms.needed(spec.false_alarms)
    excess = needed / math.sqrt(USUAL_PIXELS) * search.background.noise
    down, right = retrieved.source.grid.pixel_size_m
    mass = excess * MOL_PER_PPM_M * MOLAR_MASS * USUAL_PIXELS * down * right
    text = f"a plume of {USUAL_PIXELS} pixels needs about {mass:.0f} kg to be told from it"
    if isinstance(spec.wind, float):
        speed = float(effective_wind(spec, retrieved.satellite)(spec.wind))
        rate = ime_rate(mass, math.sqrt(USUAL_PIXELS * down * right), speed)
        text += f", {rate / 1000:.1f} t/h at this wind"
    return text

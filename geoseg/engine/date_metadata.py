"""Facts about dates and place of a scene that a network reads as constant channels behind its bands."""

from __future__ import annotations

import logging
from calendar import month_name
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType, ModuleType
from typing import Any

from geoseg.errors import ModelError
from geoseg.messages import warn
from geoseg.runtimes import Session
from geoseg.runtimes.session_wrapper import Score, SessionWrapper
from geoseg.scenes import Scene
from geoseg.spec import ModelSpec
from geoseg.spec.encoders import FACTS_OF_DATE, FACTS_OF_PLACE, UNKNOWN_FACT, UNKNOWN_MONTH

LOG = logging.getLogger(__name__)

MONTH = "month"
DATE = FACTS_OF_DATE["date"]
PLACE = FACTS_OF_PLACE["lonlat"]


class WithMetadata(SessionWrapper):
    """A network whose channels of metadata are added to each tile."""

    def __init__(self, session: Session, values: Sequence[float]) -> None:
        """Wrap a network.

        Args:
            session: reads bands and metadata.
            values: of the channels behind the bands.
        """
        super().__init__(session)
        self._values = tuple(values)

    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles (N, C, H, W) of bands."""
        return score(with_planes(batch, self._values, arrays))


def with_planes(batch: Any, values: Sequence[float], arrays: ModuleType) -> Any:
    """Return tiles (N, C + len(values), H, W) with a constant plane per value behind the bands."""
    if not values:
        return batch
    planes = [arrays.zeros_like(batch[:, :1]) + value for value in values]
    return arrays.concatenate((batch, *planes), 1)


def scene_facts(
    model: ModelSpec, scene: Scene, times: Mapping[str, datetime | None] = MappingProxyType({})
) -> tuple[float, ...]:
    """Return the values of a network's channels of metadata for a scene; see `metadata_values`.

    Args:
        model: states the channels.
        scene: its centre is the place; its time is that of the only date, unless `times` are given.
        times: of every date by the prefix of its bands.
    """
    if not model.metadata:
        return ()
    return metadata_values(model, times or {"": scene.time}, scene.centre)


def metadata_values(
    model: ModelSpec, times: Mapping[str, datetime | None], centre: tuple[float, float] | None
) -> tuple[float, ...]:
    """Return the values of a network's channels of metadata; what is unknown is reported once.

    Args:
        model: states the channels.
        times: acquisition of each date by the prefix of its bands; None: unknown.
        centre: longitude and latitude of the centre of the scene in degrees; None: unknown.

    Raises:
        ModelError: the network reads something else than facts of these dates and of the place.
    """
    names = [name.rpartition(":") for name in model.metadata]
    for (prefix, _, fact), name in zip(names, model.metadata, strict=True):
        known = fact in {MONTH, *DATE} and prefix in times
        if not known and (prefix or fact not in PLACE):
            raise ModelError(f"{model.name} reads {name}, which geoseg does not supply")
    unknown = UNKNOWN_MONTH if model.month is None else model.month - 1
    _report_unknown(model, times, centre, unknown)
    return tuple(
        fact_value(fact, None if fact in PLACE else times[prefix], centre, unknown)
        for prefix, _, fact in names
    )


def fact_value(
    fact: str, time: datetime | None, centre: tuple[float, float] | None, unknown_month: int
) -> float:
    """Return the value of a channel of metadata.

    Args:
        fact: `month`, `year`, `day`, `lat` or `lon`.
        time: acquisition of the date; None: unknown.
        centre: longitude and latitude of the place in degrees; None: unknown.
        unknown_month: 0 to 11, where the time is unknown.
    """
    if fact in PLACE:
        return UNKNOWN_FACT if centre is None else centre[1 - PLACE.index(fact)]
    if fact == MONTH:
        return float(unknown_month if time is None else time.month - 1)
    if time is None:
        return UNKNOWN_FACT
    return float(time.year if fact == "year" else time.timetuple().tm_yday - 1)


def _report_unknown(
    model: ModelSpec,
    times: Mapping[str, datetime | None],
    centre: tuple[float, float] | None,
    month: int,
) -> None:
    """Warn of each date, and of the place, that a network reads and that is not known."""
    for prefix in [prefix for prefix, time in times.items() if time is None]:
        read = {name.rpartition(":")[2] for name in model.metadata if name.rpartition(":")[0] == prefix}
        which = f"date {prefix}" if prefix else "the scene"
        lacks = f"the acquisition date of {which} is unknown"
        if MONTH in read:
            used = f"{month_name[month + 1]} is used, as in its training"
            warn(LOG, "month-unknown", f"{model.name} reads the month, and {lacks}: {used}")
        if not read.isdisjoint(DATE):
            text = f"{model.name} reads the date, and {lacks}: it is left out, which the encoder allows"
            warn(LOG, "date-unknown", text)
    if centre is None and not set(PLACE).isdisjoint(model.metadata):
        warn(
            LOG,
            "place-unknown",
            f"{model.name} reads latitude and longitude, and the scene has no CRS: it maps without, which "
            "its encoder allows for",
        )

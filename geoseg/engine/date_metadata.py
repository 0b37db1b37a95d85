"""Facts about the dates of a scene that a network reads as constant channels behind its bands."""

from __future__ import annotations

import logging
from calendar import month_name
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from geoseg.errors import ModelError
from geoseg.messages import warn
from geoseg.runtimes import Session
from geoseg.runtimes.session_wrapper import Score, SessionWrapper
from geoseg.spec import ModelSpec
from geoseg.spec.encoders import UNKNOWN_MONTH

LOG = logging.getLogger(__name__)

MONTH = "month"


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


def metadata_values(model: ModelSpec, times: Mapping[str, datetime | None]) -> tuple[float, ...]:
    """Return the values of a network's channels of metadata.

    Args:
        model: states the channels.
        times: acquisition of each date by the prefix of its bands; None: unknown.

    Raises:
        ModelError: the network reads something else than months of these dates.
    """
    values = []
    for name in model.metadata:
        prefix, _, fact = name.rpartition(":")
        if fact != MONTH or prefix not in times:
            raise ModelError(f"{model.name} reads {name}, which geoseg does not supply")
        time = times[prefix]
        unknown = UNKNOWN_MONTH if model.month is None else model.month - 1
        if time is None:
            which = f"date {prefix}" if prefix else "the scene"
            warn(
                LOG,
                "month-unknown",
                f"{model.name} reads the month, and the acquisition date of {which} is unknown: "
                f"{month_name[unknown + 1]} is used, as in its training",
            )
        values.append(float(unknown if time is None else time.month - 1))
    return tuple(values)

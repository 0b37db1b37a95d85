"""Bands of embeddings: numbered axes, named by their descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from geoseg.scenes.naming import Candidate
from geoseg.spec import SensorSpec


def series_name(sensor: SensorSpec, candidate: Candidate) -> str | None:
    """Return the name of a band of an embedding from its description; None: it is none of the sensor."""
    series = sensor.series
    if series is None:
        return None
    for label in candidate.labels:
        found = re.fullmatch(series.pattern, label.strip())
        if found is None and series.plain:
            found = re.fullmatch(series.plain, label.strip())
        if found and (not series.count or int(found[1]) < series.count):
            return series.name.format(int(found[1]))
    return None


def embedding_sensor(candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec]) -> SensorSpec | None:
    """Return the sensor of an embedding, if all bands of a scene are described as its axes; else None."""
    if not candidates:
        return None
    for sensor in sensors.values():
        if sensor.series is None or not all(series_name(sensor, item) for item in candidates):
            continue
        marked = any(re.fullmatch(sensor.series.pattern, label) for label in candidates[0].labels)
        if marked or len(candidates) == sensor.series.count:
            return sensor
    return None


def series_order(sensor: SensorSpec, count: int) -> list[tuple[str, ...]]:
    """Return the usual order of `count` unnamed bands of an embedding, if it has that number; else none."""
    series = sensor.series
    if series is None or count != series.count:
        return []
    return [tuple(series.name.format(index) for index in range(count))]

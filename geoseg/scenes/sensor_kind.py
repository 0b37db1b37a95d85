"""The kind of sensor that made a scene."""

from __future__ import annotations

from typing import Literal

from geoseg.scenes.scene import Scene

SensorKind = Literal["optical", "sar", "hyperspectral"]

POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})


def kind_of(scene: Scene) -> SensorKind:
    """Return the kind of the sensor; where the sensor is not known, the band names decide."""
    if scene.sensor is not None and scene.sensor.name != "generic":
        return scene.sensor.kind
    return "sar" if POLARISATIONS & set(scene.band_names) else "optical"

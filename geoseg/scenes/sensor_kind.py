"""The kind of sensor that made a scene."""

from __future__ import annotations

from typing import Literal

from geoseg.scenes.scene import Scene

SensorKind = Literal["optical", "sar", "hyperspectral", "embedding"]

POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})


def family_of(kind: SensorKind) -> Literal["optical", "sar", "embedding"]:
    """Return the kind of the methods for a kind of sensor: those of optical sensors for spectrometers too."""
    return "optical" if kind == "hyperspectral" else kind


def kind_of(scene: Scene) -> SensorKind:
    """Return the kind of the sensor; where the sensor is not known, the band names decide."""
    if scene.sensor is not None and scene.sensor.name != "generic":
        return scene.sensor.kind
    return "sar" if POLARISATIONS & set(scene.band_names) else "optical"

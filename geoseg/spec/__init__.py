"""What describes a sensor, a model, a task and a run: frozen, validated, said once.

YAML and JSON become these types at the edge (`geoseg.catalog`, `geoseg.cli`); below it nobody parses.
"""

from __future__ import annotations

from geoseg.spec.base import (
    ClassSpec,
    Colour,
    Spec,
    Units,
)
from geoseg.spec.classes import (
    ClassName,
    SpectralRule,
    SpectralSpec,
    TransitionRule,
    TransitionSpec,
)
from geoseg.spec.methane import (
    PlumeSpec,
    SatelliteSpec,
)
from geoseg.spec.models import (
    STRIDES,
    TWO_DATES,
    Activation,
    Architecture,
    Evidence,
    ModelBand,
    ModelSpec,
    NetworkSpec,
)
from geoseg.spec.runs import (
    ChangeSpec,
    FloodSpec,
    RunSpec,
    SceneSpec,
    SegmentSpec,
    TaskSpec,
)
from geoseg.spec.sensors import (
    SensorBand,
    SensorSpec,
)

__all__ = [
    "STRIDES",
    "TWO_DATES",
    "Activation",
    "Architecture",
    "ChangeSpec",
    "ClassName",
    "ClassSpec",
    "Colour",
    "Evidence",
    "FloodSpec",
    "ModelBand",
    "ModelSpec",
    "NetworkSpec",
    "PlumeSpec",
    "RunSpec",
    "SatelliteSpec",
    "SceneSpec",
    "SegmentSpec",
    "SensorBand",
    "SensorSpec",
    "Spec",
    "SpectralRule",
    "SpectralSpec",
    "TaskSpec",
    "TransitionRule",
    "TransitionSpec",
    "Units",
]

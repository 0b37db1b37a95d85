"""What describes a sensor, a model, a task and a run: frozen, validated, said once.

YAML and JSON become these types at the edge (`geoseg.bundles`, `geoseg.cli`); below it nobody parses.
"""

from __future__ import annotations

from geoseg.spec.auxiliary import AuxiliaryLayer, AuxiliarySpec
from geoseg.spec.base import (
    Atmosphere,
    ClassSpec,
    Colour,
    RadarUnits,
    SarUnits,
    Spec,
    Units,
)
from geoseg.spec.change import ChangeSpec
from geoseg.spec.classes import (
    ClassName,
    SpectralRule,
    SpectralSpec,
    TransitionRule,
    TransitionSpec,
)
from geoseg.spec.classifiers import (
    AnyModel,
    ClassifierSpec,
    SensorInput,
)
from geoseg.spec.clouds import (
    CloudNetworkSpec,
    CloudSpec,
)
from geoseg.spec.dates import (
    DateText,
    period_of,
)
from geoseg.spec.facilities import (
    FacilitiesSpec,
)
from geoseg.spec.flood import FloodSpec
from geoseg.spec.legends import (
    LegendSpec,
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
    InputSpec,
    ModelBand,
    ModelSpec,
    NetworkSpec,
)
from geoseg.spec.quality import (
    NOT_MAPPED,
    Condition,
    QualityFlag,
    QualitySpec,
)
from geoseg.spec.references import (
    PolygonColumn,
    PolygonsSpec,
    ReferenceSpec,
    Values,
)
from geoseg.spec.runs import (
    RunSpec,
    SceneSpec,
    SegmentSpec,
    TaskSpec,
)
from geoseg.spec.sensors import (
    ProviderSpec,
    SensorBand,
    SensorSpec,
)
from geoseg.spec.terrain import (
    TerrainSpec,
    TerrainUnit,
)

__all__ = [
    "NOT_MAPPED",
    "STRIDES",
    "TWO_DATES",
    "Activation",
    "AnyModel",
    "Architecture",
    "Atmosphere",
    "AuxiliaryLayer",
    "AuxiliarySpec",
    "ChangeSpec",
    "ClassName",
    "ClassSpec",
    "ClassifierSpec",
    "CloudNetworkSpec",
    "CloudSpec",
    "Colour",
    "Condition",
    "DateText",
    "Evidence",
    "FacilitiesSpec",
    "FloodSpec",
    "InputSpec",
    "LegendSpec",
    "ModelBand",
    "ModelSpec",
    "NetworkSpec",
    "PlumeSpec",
    "PolygonColumn",
    "PolygonsSpec",
    "ProviderSpec",
    "QualityFlag",
    "QualitySpec",
    "RadarUnits",
    "ReferenceSpec",
    "RunSpec",
    "SarUnits",
    "SatelliteSpec",
    "SceneSpec",
    "SegmentSpec",
    "SensorBand",
    "SensorInput",
    "SensorSpec",
    "Spec",
    "SpectralRule",
    "SpectralSpec",
    "TaskSpec",
    "TerrainSpec",
    "TerrainUnit",
    "TransitionRule",
    "TransitionSpec",
    "Units",
    "Values",
    "period_of",
]

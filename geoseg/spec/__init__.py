"""Validated, frozen types for the YAML files of `geoseg.configs`, for model descriptions and for requests.

`geoseg.bundles` and `geoseg.cli` convert YAML, JSON and command-line text to these types. The package imports
a module when one of its names is first used: a command does not import the requests of other commands.
"""

# ruff: noqa: I001 - "X as X" marks public names for type checkers

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoseg.spec.auxiliary import (
        AuxiliaryLayer as AuxiliaryLayer,
        AuxiliarySpec as AuxiliarySpec,
    )
    from geoseg.spec.base import (
        Atmosphere as Atmosphere,
        ClassSpec as ClassSpec,
        Colour as Colour,
        RadarUnits as RadarUnits,
        SarUnits as SarUnits,
        Spec as Spec,
        Statistics as Statistics,
        Units as Units,
    )
    from geoseg.spec.change import (
        ChangeSpec as ChangeSpec,
    )
    from geoseg.spec.classes import (
        ClassName as ClassName,
        SpectralRule as SpectralRule,
        SpectralSpec as SpectralSpec,
        TransitionRule as TransitionRule,
        TransitionSpec as TransitionSpec,
    )
    from geoseg.spec.benchmarks import (
        BenchmarkSpec as BenchmarkSpec,
    )
    from geoseg.spec.clouds import (
        CloudNetworkSpec as CloudNetworkSpec,
        CloudSpec as CloudSpec,
    )
    from geoseg.spec.dates import (
        DateText as DateText,
        period_of as period_of,
    )
    from geoseg.spec.evidence import (
        Coverage as Coverage,
        Evidence as Evidence,
        RivalScore as RivalScore,
        ScoredSet as ScoredSet,
    )
    from geoseg.spec.embed import (
        EmbedSpec as EmbedSpec,
    )
    from geoseg.spec.encoders import (
        EncoderBand as EncoderBand,
        EncoderSpec as EncoderSpec,
        EncoderWeights as EncoderWeights,
    )
    from geoseg.spec.facilities import (
        FacilitiesSpec as FacilitiesSpec,
    )
    from geoseg.spec.flood import (
        FloodSpec as FloodSpec,
    )
    from geoseg.spec.instruments import (
        InstrumentName as InstrumentName,
        InstrumentsSpec as InstrumentsSpec,
    )
    from geoseg.spec.legends import (
        LegendSpec as LegendSpec,
    )
    from geoseg.spec.methane import (
        PlumeSpec as PlumeSpec,
    )
    from geoseg.spec.models import (
        DECODED as DECODED,
        STRIDES as STRIDES,
        TWO_DATES as TWO_DATES,
        Activation as Activation,
        Architecture as Architecture,
        InputSpec as InputSpec,
        ModelBand as ModelBand,
        ModelSpec as ModelSpec,
        NetworkSpec as NetworkSpec,
    )
    from geoseg.spec.published import (
        PublishedBand as PublishedBand,
        PublishedSpec as PublishedSpec,
    )
    from geoseg.spec.quality import (
        NOT_MAPPED as NOT_MAPPED,
        Condition as Condition,
        QualityFlag as QualityFlag,
        QualitySpec as QualitySpec,
    )
    from geoseg.spec.references import (
        PolygonColumn as PolygonColumn,
        PolygonsSpec as PolygonsSpec,
        ReferenceSpec as ReferenceSpec,
        Values as Values,
    )
    from geoseg.spec.runs import (
        RunSpec as RunSpec,
        SceneSpec as SceneSpec,
        TaskSpec as TaskSpec,
    )
    from geoseg.spec.satellites import (
        SatelliteSpec as SatelliteSpec,
    )
    from geoseg.spec.segment import (
        SegmentSpec as SegmentSpec,
    )
    from geoseg.spec.sensors import (
        ProviderSpec as ProviderSpec,
        SensorBand as SensorBand,
        SensorSpec as SensorSpec,
    )
    from geoseg.spec.terrain import (
        TerrainSpec as TerrainSpec,
        TerrainUnit as TerrainUnit,
    )

_NAMES = {
    "auxiliary": "AuxiliaryLayer AuxiliarySpec",
    "base": "Atmosphere ClassSpec Colour RadarUnits SarUnits Spec Statistics Units",
    "benchmarks": "BenchmarkSpec",
    "change": "ChangeSpec",
    "classes": "ClassName SpectralRule SpectralSpec TransitionRule TransitionSpec",
    "clouds": "CloudNetworkSpec CloudSpec",
    "dates": "DateText period_of",
    "evidence": "Coverage Evidence RivalScore ScoredSet",
    "encoders": "EncoderBand EncoderSpec EncoderWeights",
    "facilities": "FacilitiesSpec",
    "flood": "FloodSpec",
    "instruments": "InstrumentName InstrumentsSpec",
    "legends": "LegendSpec",
    "methane": "PlumeSpec",
    "models": "DECODED STRIDES TWO_DATES Activation Architecture InputSpec ModelBand ModelSpec NetworkSpec",
    "published": "PublishedBand PublishedSpec",
    "quality": "NOT_MAPPED Condition QualityFlag QualitySpec",
    "references": "PolygonColumn PolygonsSpec ReferenceSpec Values",
    "runs": "RunSpec SceneSpec TaskSpec",
    "satellites": "SatelliteSpec",
    "embed": "EmbedSpec",
    "segment": "SegmentSpec",
    "sensors": "ProviderSpec SensorBand SensorSpec",
    "terrain": "TerrainSpec TerrainUnit",
}
"""Public names by module."""

_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:  # type checkers read the imports above

    def __getattr__(name: str) -> object:
        """Import a public name from its module on first use."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value

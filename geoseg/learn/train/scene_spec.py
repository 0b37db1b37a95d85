"""What describes the training of a scene classifier. Read from `configs/train/*.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from geoseg.learn.samples.labelled_sites import SiteClass, SiteImage, SitesSpec
from geoseg.learn.samples.sample_spec import atmosphere_of
from geoseg.learn.train.training_spec import AugmentSpec, PaceSpec, Share, TrainBand
from geoseg.spec import Atmosphere, ClassifierSpec, Spec

SCENE_CLASSIFICATION = "scene-classification"
"""The `task` of such configs."""


class SceneSensor(SiteImage):
    """A sensor that the classifier looks through."""

    bands: Annotated[tuple[TrainBand, ...], Field(min_length=1)]
    """In channel order."""
    atmosphere: Atmosphere | None = None
    """Which reflectance the classifier is to know; None: that of the sensor, where it is named."""
    scale: float = 1.0
    """Model units = physical * scale."""
    clip: tuple[float, float] | None = None
    augment: AugmentSpec = AugmentSpec()
    """Of this sensor: gain and noise mean something else in dB than in reflectance."""
    drop: Share = 0.0
    """Share of sites that are shown without it, so that the classifier does without where it is missing."""

    @property
    def trained_on(self) -> Atmosphere | None:
        """Which reflectance the bundle says it was trained on."""
        return self.atmosphere or atmosphere_of([self.sensor])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the bands."""
        return tuple(band.name for band in self.bands)

    @model_validator(mode="after")
    def _fits(self) -> SceneSensor:
        if self.augment.scale != (1.0, 1.0):
            raise ValueError("augment.scale: a footprint has one size; leave it out")
        if len(set(self.names)) < len(self.names):
            raise ValueError("two bands have the same name")
        return self


class SceneNetworkSpec(Spec):
    """A classifier: an encoder a sensor, and one layer over all their features."""

    encoder: str = "densenet121"
    """Name of timm."""
    pretrained: bool = False
    """Whether timm's weights are fetched."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class SceneLossSpec(Spec):
    """Binary cross entropy of every class by itself."""

    positive_weights: tuple[Annotated[float, Field(gt=0)], ...] | Literal["balanced"] | None = None
    """How much sites of a class count against others; `balanced`: others for each of them, at most 100."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """What labels of 0 and 1 become: this much from either end."""


class PublishedSpec(Spec):
    """Scores that others have published, shown beside ours and never as ours."""

    what: str
    """On which data, by which model, in words."""
    citation: str
    average_precision: dict[str, float]
    """By label of the class."""


class SceneTrainSpec(Spec):
    """All of a scene classifier's training: what `train` reads, `evaluate` reads and `export` writes."""

    name: str
    """Of the bundle."""
    title: str = ""
    licence: str = "unknown"
    task: Literal["scene-classification"]
    data: SitesSpec
    footprint: Annotated[float, Field(gt=0)] = 720.0
    """Side in m of what is looked at."""
    sensors: Annotated[tuple[SceneSensor, ...], Field(min_length=1)]
    classes: Annotated[tuple[SiteClass, ...], Field(min_length=1)]
    """Values count from 1; a site may be of several, or of none."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of the score from which a class is told."""
    network: SceneNetworkSpec = SceneNetworkSpec()
    loss: SceneLossSpec = SceneLossSpec()
    loop: PaceSpec = PaceSpec()
    published: PublishedSpec | None = None

    def side(self, sensor: SceneSensor) -> int:
        """Return the pixels a side of a footprint."""
        return round(self.footprint / sensor.resolution)

    @model_validator(mode="after")
    def _fits(self) -> SceneTrainSpec:
        weights = self.loss.positive_weights
        if isinstance(weights, tuple) and len(weights) != len(self.classes):
            raise ValueError(
                f"loss.positive_weights has {len(weights)} entries for {len(self.classes)} classes"
            )
        labels = {entry.label for entry in self.classes}
        unknown = sorted(set(self.published.average_precision) - labels) if self.published else []
        if unknown:
            raise ValueError(f"published.average_precision names {unknown[0]!r}, which is no class")
        # What a bundle must hold, so that it is refused now and not after the training.
        statistics = tuple(tuple((0.0, 1.0) for _ in sensor.bands) for sensor in self.sensors)
        try:
            describe_classifier(self, statistics)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self


SceneStatistics = tuple[tuple[tuple[float, float], ...], ...]
"""Mean and std per band, in model units, of each sensor."""


def describe_classifier(spec: SceneTrainSpec, statistics: SceneStatistics) -> ClassifierSpec:
    """Return what a bundle says of the classifier that a config trains; its weights are called model.onnx.

    Args:
        spec: the config.
        statistics: that images are normalised with.
    """
    return ClassifierSpec.model_validate(
        {
            "name": spec.name,
            "title": spec.title,
            "inputs": [
                {
                    "name": sensor.name,
                    "bands": [
                        {"name": name, "mean": mean, "std": std}
                        for name, (mean, std) in zip(sensor.names, own, strict=True)
                    ],
                    "units": sensor.units,
                    "atmosphere": sensor.trained_on,
                    "scale": sensor.scale,
                    "clip": sensor.clip,
                    "resolution": sensor.resolution,
                }
                for sensor, own in zip(spec.sensors, statistics, strict=True)
            ],
            "footprint": spec.footprint,
            "classes": [entry.model_dump(exclude={"names"}) for entry in spec.classes],
            "activation": "none",
            "threshold": spec.threshold,
            "weights": "model.onnx",
            "output_name": "scores",
            "licence": spec.licence,
        }
    )

"""Configuration of the training of a scene classifier (`configs/train/*.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from geoseg.learn.samples.labelled_sites import SiteClass, SiteImage, SitesSpec
from geoseg.learn.samples.sample_spec import atmosphere_of
from geoseg.learn.train.helper_spec import TrainBand
from geoseg.learn.train.training_spec import AugmentSpec, PaceSpec, Share
from geoseg.spec import Atmosphere, ModelSpec, Spec


class SceneSensor(SiteImage):
    """A sensor whose images are an input of the classifier."""

    bands: Annotated[tuple[TrainBand, ...], Field(min_length=1)]
    """Bands in the order of the channels."""
    atmosphere: Atmosphere | None = None
    """Kind of reflectance to train on; None: that of the sensor."""
    scale: float = 1.0
    """Model units = physical * scale."""
    clip: tuple[float, float] | None = None
    augment: AugmentSpec = AugmentSpec()
    """Augmentation of the images of this sensor, in its units."""
    drop: Share = 0.0
    """Share of training sites from which the sensor is removed, so that the classifier tolerates its
    absence."""

    @property
    def trained_on(self) -> Atmosphere | None:
        """Kind of reflectance the classifier is trained on, recorded in the bundle."""
        return self.atmosphere or atmosphere_of([self.sensor])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @model_validator(mode="after")
    def _fits(self) -> SceneSensor:
        if self.augment.scale != (1.0, 1.0):
            raise ValueError("augment.scale: the size of a footprint is fixed; remove this key")
        if len(set(self.names)) < len(self.names):
            raise ValueError("bands: two bands have the same name")
        return self


class SceneNetworkSpec(Spec):
    """A classifier with an encoder for each sensor and one linear layer over all features."""

    encoder: str = "densenet121"
    """Name of an encoder in timm."""
    pretrained: bool = False
    """Whether the pretrained weights of timm are downloaded."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class SceneLossSpec(Spec):
    """Binary cross entropy, separate for each class."""

    positive_weights: tuple[Annotated[float, Field(gt=0)], ...] | Literal["balanced"] | None = None
    """Weight of the sites of each class; `balanced`: sites without the class per site with it, at most
    100."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Distance of the training targets from 0 and 1."""


class PublishedSpec(Spec):
    """Published scores of another model, shown for comparison."""

    what: str
    """Data set and model of the published scores."""
    citation: str
    average_precision: dict[str, float]
    """Average precision by class label."""


class SceneTrainSpec(Spec):
    """Config of a scene classifier, used by `train`, `evaluate` and `export`."""

    name: str
    """Name of the bundle."""
    title: str = ""
    licence: str = "unknown"
    task: Literal["scene-classification"]
    data: SitesSpec
    footprint: Annotated[float, Field(gt=0)] = 720.0
    """Side of the footprint in m."""
    sensors: Annotated[tuple[SceneSensor, ...], Field(min_length=1)]
    classes: Annotated[tuple[SiteClass, ...], Field(min_length=1)]
    """Classes with values from 1; a site has any number of classes, or none."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a class is assigned."""
    network: SceneNetworkSpec = SceneNetworkSpec()
    loss: SceneLossSpec = SceneLossSpec()
    loop: PaceSpec = PaceSpec()
    published: PublishedSpec | None = None

    def side(self, sensor: SceneSensor) -> int:
        """Return the side of a footprint in pixels."""
        return round(self.footprint / sensor.resolution)

    @model_validator(mode="after")
    def _fits(self) -> SceneTrainSpec:
        weights = self.loss.positive_weights
        if isinstance(weights, tuple) and len(weights) != len(self.classes):
            raise ValueError(
                f"loss.positive_weights has {len(weights)} values for {len(self.classes)} classes"
            )
        labels = {entry.label for entry in self.classes}
        unknown = sorted(set(self.published.average_precision) - labels) if self.published else []
        if unknown:
            raise ValueError(f"published.average_precision: {unknown[0]!r} is not a class of this config")
        # Validate the description of the bundle before the training instead of after it.
        statistics = tuple(tuple((0.0, 1.0) for _ in sensor.bands) for sensor in self.sensors)
        try:
            describe_classifier(self, statistics)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self


SceneStatistics = tuple[tuple[tuple[float, float], ...], ...]
"""Mean and std of each band of each sensor, in model units."""


def describe_classifier(spec: SceneTrainSpec, statistics: SceneStatistics) -> ModelSpec:
    """Return the bundle description of the classifier of a config, with weights in model.onnx.

    Args:
        spec: the config.
        statistics: mean and std for the normalization of images.
    """
    return ModelSpec.model_validate(
        {
            "name": spec.name,
            "title": spec.title,
            "inputs": [
                {
                    "name": sensor.name,
                    "bands": [
                        {"name": name, "mean": mean, "std": std}
                        for name, (mean, std) in zip(sensor.names, bands, strict=True)
                    ],
                    "units": sensor.units,
                    "atmosphere": sensor.trained_on,
                    "scale": sensor.scale,
                    "clip": sensor.clip,
                    "resolution": sensor.resolution,
                }
                for sensor, bands in zip(spec.sensors, statistics, strict=True)
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

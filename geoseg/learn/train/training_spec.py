"""What describes a training: network, data, augmentation, loss and loop. Read from `configs/train/*.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.learn.samples.sample_spec import DataSpec, SplitSpec, atmosphere_of
from geoseg.spec import TWO_DATES, Atmosphere, ClassSpec, NetworkSpec, Spec, Units

Share = Annotated[float, Field(ge=0, le=1)]


class TrainBand(Spec):
    """One channel; mean and std are measured on the training pixels where they are not given."""

    name: str
    mean: float | None = None
    std: Annotated[float, Field(gt=0)] | None = None


class AugmentSpec(Spec):
    """What training pixels go through; 0 turns a step off. Values are physical: reflectance, dB, counts."""

    flips: bool = True
    """The eight symmetries of the square."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Pixels become so many times larger or smaller, drawn evenly in the logarithm."""
    gain: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of a factor's logarithm per band; in dB, of an offset of that many dB."""
    shared_gain: Annotated[float, Field(ge=0)] = 0.0
    """The same for all bands of an image at once."""
    haze: Annotated[float, Field(ge=0)] = 0.0
    """Most that is added to reflectance, all of it in the bluest band and ever less towards the infrared."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of white noise."""
    speckle: Annotated[float, Field(ge=0)] = 0.0
    """Share of chips with more speckle: multiplied in power by a gamma variable of 2 to 16 looks."""
    blur: Share = 0.0
    """Share of chips that are smoothed by a Gaussian of up to 1.5 pixels."""
    drop_band: Share = 0.0
    """Share of chips that lose one band (it becomes its mean)."""
    hide: Share = 0.0
    """Share of chips with rectangles of pixels that were not observed."""


class LossSpec(Spec):
    """A sum of losses over labelled pixels, each with its weight."""

    cross_entropy: Annotated[float, Field(ge=0)] = 1.0
    focal: Annotated[float, Field(ge=0)] = 0.0
    dice: Annotated[float, Field(ge=0)] = 0.0
    lovasz: Annotated[float, Field(ge=0)] = 0.0
    class_weights: tuple[float, ...] | Literal["balanced"] | None = None
    """Of cross entropy and focal loss; `balanced`: by the inverse square root of the classes' shares."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    trust_prior: Share = 0.0
    """How far pixels count less whose label contradicts a sure prior: against labels of another day."""

    @model_validator(mode="after")
    def _some_loss(self) -> LossSpec:
        if not self.cross_entropy + self.focal + self.dice + self.lovasz:
            raise ValueError("no loss has a weight")
        return self


class PaceSpec(Spec):
    """How long and how fast, whatever is learnt from."""

    epochs: Annotated[int, Field(ge=1)] = 50
    samples_per_epoch: Annotated[int, Field(ge=1)] | None = None
    """Samples drawn an epoch; None: as many as show the whole set once."""
    batch: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    warm_up: Share = 0.05
    """Share of the steps in which the learning rate rises; it then falls as a cosine."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the moving average of the weights that is kept instead of the last; 0: none."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better score on `val` after which training ends; 0: it never does."""
    keep: Literal["best", "last"] = "best"
    """Which weights are kept: the best on `val`, or the last."""
    precision: Literal["32", "16-mixed", "bf16-mixed"] = "32"
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """How many GPUs."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare samples."""
    seed: int = 0


class LoopSpec(PaceSpec):
    """The pace of a segmentation network's training, and the crops that it learns from."""

    crop: Annotated[int, Field(ge=32)] = 256
    """Pixels a side; smaller windows are padded."""
    changed: Share = 0.0
    """Share of crops that are cut around a pixel of a class above 0: where such pixels are rare, most crops
    would otherwise hold none."""


class TrainSpec(Spec):
    """All of a training: what `train` reads, `evaluate` splits by and `export` writes."""

    name: str
    """Of the bundle."""
    title: str = ""
    licence: str = "unknown"
    task: str = "segmentation"
    data: DataSpec
    split: SplitSpec = SplitSpec()
    bands: Annotated[tuple[TrainBand, ...], Field(min_length=1)]
    units: Units
    atmosphere: Atmosphere | None = None
    """Which reflectance the network is to know; None: that of the images' sensors, where they are named.
    `surface`: images of the top of the atmosphere are corrected by dark-object subtraction."""
    scale: float = 1.0
    """Model units = physical * scale."""
    clip: tuple[float, float] | None = None
    statistics: Literal["training", "scene"] = "training"
    """Whether mean and std are those of all training pixels, or of each scene as a whole."""
    resolution: float | None = None
    """Pixel size in m."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a pixel is the second of two classes; IoU is best at half of F1 (Lipton 2014)."""
    tile: Annotated[int, Field(ge=32)] = 512
    overlap: Annotated[int, Field(ge=0)] = 64
    network: NetworkSpec = NetworkSpec()
    augment: AugmentSpec = AugmentSpec()
    loss: LossSpec = LossSpec()
    loop: LoopSpec = LoopSpec()
    baselines: tuple[str, ...] = ()
    """Classical methods that the network is compared with: `mndwi`, `sar-vh --threshold -20`, …"""

    @property
    def trained_on(self) -> Atmosphere | None:
        """Which reflectance the bundle says it was trained on."""
        return self.atmosphere or atmosphere_of(image.sensor for image in self.data.images)

    @model_validator(mode="after")
    def _values_fit(self) -> TrainSpec:
        values = [item.value for item in self.classes]
        if len(set(values)) < len(values):
            raise ValueError("two classes have the same value")
        unknown = sorted(set(self.data.labels.codes.values()) - set(range(len(values))))
        if unknown:
            raise ValueError(f"labels.codes names class {unknown[0]}; classes are counted from 0, in order")
        weights = self.loss.class_weights
        if isinstance(weights, tuple) and len(weights) != len(values):
            raise ValueError(f"loss.class_weights has {len(weights)} entries for {len(values)} classes")
        names = [band.name for band in self.bands]
        if len(set(names)) < len(names):
            raise ValueError("two bands have the same name")
        if self.network.architecture in TWO_DATES and self.loop.crop % self.network.stride:
            raise ValueError(
                f"loop.crop {self.loop.crop} is not a multiple of {self.network.stride}, "
                f"which {self.network.architecture} needs"
            )
        if self.network.prior and (self.network.features == "none" or len(values) != 2):
            raise ValueError("network.prior needs features and two classes")
        return self

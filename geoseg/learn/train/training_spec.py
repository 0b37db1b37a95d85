"""Configuration of a training: network, data, augmentation, loss and loop (`configs/train/*.yaml`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from geoseg.learn.samples.data_layouts import layout_split
from geoseg.learn.samples.file_patterns import ImageSpec, SplitSpec
from geoseg.learn.samples.sample_spec import DataSpec, atmosphere_of
from geoseg.learn.train.helper_spec import HelperSpec, TrainBand
from geoseg.spec import (
    DECODED,
    TWO_DATES,
    Atmosphere,
    ClassSpec,
    EncoderSpec,
    NetworkSpec,
    Spec,
    Statistics,
    Units,
)
from geoseg.spec.band_names import by_date, plain_name
from geoseg.spec.encoders import metadata_channels
from geoseg.spec.presets import encoders

Share = Annotated[float, Field(ge=0, le=1)]


class AugmentSpec(Spec):
    """Augmentation of training pixels, in physical units (reflectance, dB); 0 disables a step."""

    flips: bool = True
    """Whether crops are flipped and rotated by the eight symmetries of the square."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Range of the factor of the pixel size, uniform in the logarithm."""
    gain: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the logarithm of a factor for each band; of an offset in dB where values are
    dB."""
    shared_gain: Annotated[float, Field(ge=0)] = 0.0
    """The same for a factor that is common to all bands of an image."""
    haze: Annotated[float, Field(ge=0)] = 0.0
    """Greatest reflectance added to the first band; it falls to 0 at the last band, towards the infrared."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Greatest standard deviation of white noise."""
    speckle: Annotated[float, Field(ge=0)] = 0.0
    """Share of crops with added speckle: power is multiplied by a gamma variable of 2 to 16 looks."""
    blur: Share = 0.0
    """Share of crops that are smoothed by a Gaussian of up to 1.5 pixels."""
    drop_band: Share = 0.0
    """Share of crops in which one band is replaced by its mean."""
    hide: Share = 0.0
    """Share of crops in which rectangles are set to "not observed"."""


class LossSpec(Spec):
    """Weights of the losses whose sum over labelled pixels is minimised."""

    cross_entropy: Annotated[float, Field(ge=0)] = 1.0
    focal: Annotated[float, Field(ge=0)] = 0.0
    dice: Annotated[float, Field(ge=0)] = 0.0
    lovasz: Annotated[float, Field(ge=0)] = 0.0
    class_weights: tuple[float, ...] | Literal["balanced"] | None = None
    """Class weights of cross entropy and focal loss; `balanced`: inverse square root of the class shares."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    trust_prior: Share = 0.0
    """Reduction of the weight of pixels whose label contradicts a certain prior, such as labels of another
    date; 1: such pixels have weight 0."""

    @model_validator(mode="after")
    def _some_loss(self) -> LossSpec:
        if not self.cross_entropy + self.focal + self.dice + self.lovasz:
            raise ValueError("loss: at least one loss must have a weight above 0")
        return self


class PaceSpec(Spec):
    """Duration, learning rate and hardware of a training."""

    epochs: Annotated[int, Field(ge=1)] = 50
    samples_per_epoch: Annotated[int, Field(ge=1)] | None = None
    """Samples in each epoch; None: as many as cover the labelled set once."""
    batch: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    warm_up: Share = 0.05
    """Share of the steps in which the learning rate rises; it then decays as a cosine."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the moving average of the weights, which replaces the last weights; 0: no average."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without improvement on `val` after which training stops; 0: no early stopping."""
    validate_every: Annotated[int, Field(ge=1)] | None = None
    """Epochs from one validation to the next; None: about 40 validations in a training."""
    keep: Literal["best", "last"] = "best"
    """Weights to use: the best on `val`, or the last."""
    precision: Literal["32", "16-mixed", "bf16-mixed"] = "32"
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Number of GPUs."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Number of processes that prepare samples; 0: the main process."""
    seed: int = 0


class LoopSpec(PaceSpec):
    """Loop of a segmentation network, with the size and choice of its crops."""

    crop: Annotated[int, Field(ge=32)] = 256
    """Side of a crop in pixels; smaller windows are padded."""
    changed: Share = 0.0
    """Share of crops that contain a randomly drawn pixel of a class above 0; useful where such pixels are
    rare."""
    feature_cache: Annotated[float, Field(ge=0)] = 8.0
    """Most GiB of disk for the features of a frozen encoder; 0: they are computed each time."""
    feature_folder: str | None = None
    """Folder in which they stay, for further trainings on the same encoder and data; None: a folder in that
    of the training, which is removed at the end."""


class TrainSpec(Spec):
    """Config of a segmentation network, used by `train`, `evaluate` and `export`."""

    name: str
    """Name of the bundle."""
    title: str = ""
    licence: str = "unknown"
    task: str = "segmentation"
    data: DataSpec
    split: SplitSpec = SplitSpec()
    bands: Annotated[tuple[TrainBand, ...], Field(min_length=1)]
    units: Units
    atmosphere: Atmosphere | None = None
    """Kind of reflectance to train on; None: that of the images' sensors.
    `surface`: top-of-atmosphere images are corrected by dark-object subtraction."""
    scale: float = 1.0
    """Model units = physical * scale."""
    clip: tuple[float, float] | None = None
    statistics: Statistics = "training"
    """Pixels from which mean and std are computed: all training pixels, or each scene by itself;
    `scene-quantiles` takes percentiles of each scene, which a flood moves less."""
    resolution: float | None = None
    """Pixel size in m at which the network works; None: that of the scene."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a pixel has the second of two classes; the best threshold is half the best F1 score
    (Lipton 2014)."""
    tile: Annotated[int, Field(ge=32)] = 512
    overlap: Annotated[int, Field(ge=0)] = 64
    network: NetworkSpec = NetworkSpec()
    helper: HelperSpec | None = None
    """A second modality that only training reads; None: there is none."""
    augment: AugmentSpec = AugmentSpec()
    loss: LossSpec = LossSpec()
    loop: LoopSpec = LoopSpec()
    baselines: tuple[str, ...] = ()
    """Classical methods for comparison, with options: `mndwi`, `sar-vh --threshold -20`."""

    @property
    def trained_on(self) -> Atmosphere | None:
        """Kind of reflectance the network is trained on, recorded in the bundle."""
        return self.atmosphere or atmosphere_of(image.sensor for image in self.mapped_images)

    @property
    def _of_layout(self) -> str:
        """Return the layout that label codes may be of, for messages; empty without one."""
        return f" of layout {self.data.layout}" if self.data.layout else ""

    @property
    def mapped_images(self) -> tuple[ImageSpec, ...]:
        """Return the images that a map needs: all but those of a helper."""
        helper = None if self.helper is None else self.helper.prefix
        return tuple(image for image in self.data.images if image.prefix != helper)

    @property
    def described_encoder(self) -> EncoderSpec | None:
        """Return the description of the encoder; None if it has none."""
        return described_encoder(self.network.architecture, self.network.encoder)

    @model_validator(mode="before")
    @classmethod
    def _as_the_layout(cls, table: Any) -> Any:
        """Set the split to that of the layout of a published set, where none is given."""
        data = table.get("data") if isinstance(table, dict) else None
        found = layout_split(data) if isinstance(data, dict) and "split" not in table else None
        return table if found is None else {**table, "split": found}

    @model_validator(mode="before")
    @classmethod
    def _as_the_encoder(cls, table: Any) -> Any:
        """Set tile, crop, scale and normalisation to those of a described encoder, where none are given."""
        network = table.get("network") if isinstance(table, dict) else None
        if not isinstance(network, dict):
            return table
        encoder = described_encoder(network.get("architecture", "unet"), network.get("encoder", ""))
        return table if encoder is None else _with_encoder(table, network, encoder)

    @model_validator(mode="after")
    def _encoder_fits(self) -> TrainSpec:
        encoder = self.described_encoder
        if encoder is None or self.network.weights == "none":
            return self
        names = [plain_name(band.name) for band in self.bands]
        for modality in encoder.modalities:
            mine = [name for name in names if any(name == band.name for band in modality.bands)]
            if mine and (modality.units, modality.scale) != (self.units, self.scale):
                raise ValueError(
                    f"network.encoder {encoder.name} was trained on {', '.join(mine)} as {modality.units} x "
                    f"{modality.scale:g}, and the config has {self.units} x {self.scale:g}"
                )
        return self

    @model_validator(mode="after")
    def _values_fit(self) -> TrainSpec:
        values = [item.value for item in self.classes]
        if len(set(values)) < len(values):
            raise ValueError("classes: two classes have the same value")
        unknown = sorted(set(self.data.labels.codes.values()) - set(range(len(values))))
        if unknown:
            raise ValueError(
                f"labels.codes{self._of_layout}: class {unknown[0]} does not exist; classes are numbered "
                "from 0 in the order of classes"
            )
        weights = self.loss.class_weights
        if isinstance(weights, tuple) and len(weights) != len(values):
            raise ValueError(f"loss.class_weights has {len(weights)} values for {len(values)} classes")
        names = [band.name for band in self.bands]
        if len(set(names)) < len(names):
            raise ValueError("bands: two bands have the same name")
        if self.network.architecture in TWO_DATES and self.loop.crop % self.network.stride:
            raise ValueError(
                f"loop.crop {self.loop.crop} is not a multiple of {self.network.stride}, "
                f"which {self.network.architecture} requires"
            )
        if self.helper is not None:
            self.helper.check(self.network, tuple(names), tuple(image.prefix for image in self.data.images))
        if self.network.prior and (self.network.features == "none" or len(values) != 2):
            raise ValueError("network.prior requires network.features and two classes")
        return self


def described_encoder(architecture: str, encoder: str) -> EncoderSpec | None:
    """Return the description of an encoder of geoseg; None for other networks."""
    return encoders().get(encoder) if architecture in DECODED else None


def metadata_of(spec: TrainSpec) -> tuple[str, ...]:
    """Return the channels behind the bands: facts of dates and place, for encoders that read them."""
    encoder = spec.described_encoder
    if encoder is None:
        return ()
    return metadata_channels(encoder.metadata, tuple(by_date(band.name for band in spec.bands)))


def _with_encoder(table: dict[str, Any], network: dict[str, Any], encoder: EncoderSpec) -> dict[str, Any]:
    """Return a config with the defaults of an encoder; published weights need their own normalisation."""
    side = encoder.tile * int(network.get("patch") or encoder.patch)
    loop = table.get("loop") or {}
    made = {"tile": side, "overlap": side // 4, **table, "loop": {"crop": max(side, 32), **loop}}
    if network.get("weights") == "none":
        return made
    listed = table.get("bands", ())
    names = [plain_name(str(band.get("name", ""))) if isinstance(band, dict) else "" for band in listed]
    scales = {
        modality.scale
        for modality in encoder.modalities
        if not {band.name for band in modality.bands}.isdisjoint(names)
    }
    if len(scales) == 1:
        made = {"scale": scales.pop(), **made}
    known = [encoder.bands.get(name) for name in names]
    bands = [
        {"mean": found.mean, "std": found.std, **band} if found else band
        for band, found in zip(listed, known, strict=True)
    ]
    return {**made, "bands": bands}

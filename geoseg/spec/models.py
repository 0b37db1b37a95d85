"""What describes a network, and how well it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Atmosphere, ClassSpec, Spec, Units
from geoseg.spec.layouts import CHANNELS_FIRST, DimOrder

Activation = Literal["none", "softmax", "sigmoid"]

Architecture = Literal[
    "unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan",
    "upernet", "segformer", "dpt",
    "fc-ef", "fc-siam-conc", "fc-siam-diff", "bit", "changeformer", "changevit",
]  # fmt: skip

STRIDES = {"fc-ef": 16, "fc-siam-conc": 16, "fc-siam-diff": 16, "bit": 8, "changeformer": 32, "changevit": 16}
"""Architectures that compare two dates, and how many pixels a side their coarsest features stand for."""

TWO_DATES = frozenset(STRIDES)
"""Architectures that compare two dates; the others take two dates only as one image."""


class ModelBand(Spec):
    """One input channel of a model."""

    name: str
    """Common name; a change model's second date is written `after:red`."""
    mean: float = 0.0
    """Of the model's training pixels, in model units (after `ModelSpec.scale`)."""
    std: Annotated[float, Field(gt=0)] = 1.0


class NetworkSpec(Spec):
    """A network, and what is computed from its bands before it."""

    architecture: Architecture = "unet"
    encoder: str = "resnet18"
    """Name of an encoder of segmentation-models-pytorch; those of timm are `tu-NAME`. Of `changevit`, a plain
    transformer of timm with patches of 16; `fc-…` have none."""
    depth: Annotated[int, Field(ge=3, le=5)] = 5
    """Stages of the encoder; fewer see less far and weigh less."""
    decoder_channels: tuple[int, ...] = ()
    """Of U-Nets, from coarse to fine; empty: the library's own."""
    reduce: Literal[1, 2, 4] = 1
    """Pixels a side that are averaged before the network, whose scores are interpolated back: sees farther
    and costs a quarter, where edges are vaguer than pixels anyway."""
    pretrained: str | None = None
    """Name of the encoder's weights (`imagenet`), which are fetched; None: random."""
    features: Literal["none", "water-indices", "backscatter", "two-dates", "differences"] = "none"
    """Physics beside the bands: `geoseg.models.networks.physics` describes each."""
    prior: bool = False
    """Whether the features' own score of water is what the network corrects, and where it starts."""

    @property
    def fixed_size(self) -> bool:
        """Whether an exported graph takes tiles of one size only: position tables are baked in."""
        return self.architecture == "changevit"

    @model_validator(mode="after")
    def _options_go_with_it(self) -> NetworkSpec:
        if self.architecture not in TWO_DATES:
            return self
        if self.features != "none" or self.prior:
            raise ValueError(
                f"{self.architecture} compares the bands themselves: leave features and prior out"
            )
        if self.depth != 5 or self.decoder_channels:
            raise ValueError(
                f"{self.architecture} has its own depth and decoder: leave depth and decoder_channels out"
            )
        plain = NetworkSpec.model_fields["encoder"].default
        if self.architecture.startswith("fc-") and (self.encoder != plain or self.pretrained):
            raise ValueError(f"{self.architecture} has its own encoder: leave encoder and pretrained out")
        if self.architecture == "changevit" and self.encoder == plain:
            raise ValueError(
                "changevit needs a plain transformer with patches of 16 as encoder: tu-vit_tiny_patch16_224"
            )
        return self

    @property
    def stride(self) -> int:
        """Pixels a side of its input that its coarsest features stand for."""
        return STRIDES.get(self.architecture, 1 << self.depth) * self.reduce

    @property
    def multiple(self) -> int:
        """What sides of its input must be multiples of."""
        return max(32, self.stride)


class Evidence(Spec):
    """How a network did on labelled data not trained on, beside the best method without weights."""

    data: str
    """What it was tried on, in words."""
    units: Units
    """Of the scenes it was tried on: evidence for these only."""
    chips: Annotated[int, Field(ge=1)]
    score: float
    """IoU of class 1 over all pixels (two classes), or the mean IoU."""
    interval: tuple[float, float]
    """95 % bootstrap interval over chips."""
    rival: str = ""
    """The best classical method there; empty: none was tried."""
    rival_score: float = 0.0
    gain: tuple[float, float] = (0.0, 0.0)
    """95 % interval of the score less the rival's, over the same draws of chips."""

    @property
    def convinces(self) -> bool:
        """Whether the network did better than any method, beyond what the choice of chips explains."""
        return bool(self.rival) and self.gain[0] > 0


class InputSpec(Spec):
    """What a network is given of one scene, and how its pixels become that."""

    name: str
    """What people call it."""
    bands: Annotated[tuple[ModelBand, ...], Field(min_length=1)]
    """In channel order."""
    units: Units
    """Physical units that the input is made from."""
    atmosphere: Atmosphere | None = None
    """Which reflectance it was trained on; None: not said, so that a scene's is used as it is."""
    scale: float = 1.0
    """Model units = physical * scale (10000 for a network trained on reflectance x 10000)."""
    clip: tuple[float, float] | None = None
    """Limits in model units, applied before mean and std."""
    fill: float = 0.0
    """Value of unobserved pixels after normalisation."""
    statistics: Literal["training", "scene"] = "training"
    """Whether `mean` and `std` are those of the training pixels, or are measured on each scene as a whole."""
    statistics_known: bool = True
    """False: mean and std say nothing of training data, so the scene's range cannot be judged."""
    resolution: float | None = None
    """Pixel size in m that it was trained at."""
    dim_order: DimOrder = CHANNELS_FIRST
    """Order of the axes of the graph's input."""


class ModelSpec(InputSpec):
    """All that is needed to use a segmentation network rightly."""

    title: str = ""
    task: str = "segmentation"
    tile: Annotated[int, Field(ge=16)] = 512
    overlap: Annotated[int, Field(ge=0)] = 64
    multiple: Annotated[int, Field(ge=1)] = 32
    """Tile sizes must be a multiple of this."""
    fixed_tile: bool = False
    """Whether the graph accepts `tile` only."""
    fixed_batch: int | None = None
    """Batch size baked into the graph, where there is one."""
    activation: Activation = "softmax"
    """What turns the graph's output into scores in 0..1."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Logits are divided by it before the activation, so that scores are the shares they claim to be."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of one-plane sigmoid models: a pixel is class 1 above it."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """The background first, where there is one. A one-plane model lists two: its plane scores the second."""
    background: int | None = 0
    """Value of the class that gets no polygons; None, or a value that no class has: all of them get some."""
    nodata: int | None = None
    """Value of a class by which the network says that nothing was observed; None: it has none."""
    planes: tuple[int, ...] = ()
    """Which of the graph's output planes is that of each class; empty: they stand in this order."""
    weights: Path
    """The ONNX file."""
    sha256: str = ""
    """Of the weights, hexadecimal; empty: computed on load, not checked."""
    input_name: str = ""
    """Graph input; empty: the only one."""
    output_name: str = ""
    """Graph output; empty: the first."""
    output_dim_order: DimOrder = CHANNELS_FIRST
    """Order of the axes of the graph's output."""
    licence: str = "unknown"
    evidence: Evidence | None = None
    source: Literal["bundle", "onnx", "deepness"] = "bundle"
    """Where this description was read: a bundle's JSON, geoseg's or Deepness's keys inside the file."""

    @model_validator(mode="after")
    def _tile_fits(self) -> ModelSpec:
        if self.tile % self.multiple:
            raise ValueError(f"tile {self.tile} is not a multiple of {self.multiple}")
        return self

    @model_validator(mode="after")
    def _classes_fit(self) -> ModelSpec:
        values = [entry.value for entry in self.classes]
        if len(set(values)) < len(values):
            raise ValueError(f"two classes have the same value: {', '.join(map(str, values))}")
        if self.background in values[1:]:
            raise ValueError(f"the background, class {self.background}, is not the first of the classes")
        if self.planes and sorted(self.planes) != list(range(len(values))):
            raise ValueError(f"planes {self.planes} do not name each of {len(values)} output planes once")
        return self

    @property
    def has_background(self) -> bool:
        """Whether the first class is one that gets no polygons."""
        return self.background is not None and self.background == self.classes[0].value

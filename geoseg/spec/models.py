"""Description of a network: its inputs, and the scores that it returns for each pixel or each footprint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Atmosphere, ClassSpec, Spec, Statistics, Units
from geoseg.spec.classifiers import SCENE_CLASSIFICATION, check_classifier, classifier_fields
from geoseg.spec.encoders import UNKNOWN_MONTH
from geoseg.spec.evidence import Coverage, Evidence
from geoseg.spec.layouts import CHANNELS_FIRST, DimOrder

Activation = Literal["none", "softmax", "sigmoid", "linear"]
"""`none`: the graph ends in scores of 0..1. `linear`: its output is used as it is; only for features."""

EMBEDDING = "embedding"
"""Task of a network whose planes are features, not scores of classes."""

Architecture = Literal[
    "unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan",
    "upernet", "segformer", "dpt", "linear", "pixel",
    "fc-ef", "fc-siam-conc", "fc-siam-diff", "bit", "changeformer", "changevit",
]  # fmt: skip

STRIDES = {"fc-ef": 16, "fc-siam-conc": 16, "fc-siam-diff": 16, "bit": 8, "changeformer": 32, "changevit": 16}
"""Stride, in pixels, of the coarsest features of the architectures that compare two dates."""

DECODED = frozenset({"unet", "upernet", "dpt", "linear"})
"""Architectures whose decoder takes an encoder of geoseg: a foundation model, or a model of timm."""

TWO_DATES = frozenset(STRIDES)
"""Architectures that compare two dates; others take two dates as the channels of one image."""


class ModelBand(Spec):
    """One input channel of a model."""

    name: str
    """Common name; `after:red` is a band of the second date of a change model."""
    mean: float = 0.0
    """Mean of the training pixels, in model units (after `ModelSpec.scale`)."""
    std: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the training pixels, in model units."""


class NetworkSpec(Spec):
    """Architecture of a network, and the features computed from its bands."""

    architecture: Architecture = "unet"
    encoder: str = "resnet18"
    """Name of an encoder of segmentation-models-pytorch; `tu-NAME` is an encoder of timm. `changevit` needs a
    plain transformer of timm with patches of 16 pixels; `fc-…` have no separate encoder."""
    depth: Annotated[int, Field(ge=3, le=5)] = 5
    """Number of encoder stages; fewer stages have a smaller receptive field and fewer weights."""
    decoder_channels: tuple[int, ...] = ()
    """Decoder channels of U-Nets, from coarse to fine, or hidden layers of `pixel`; empty: the defaults."""
    reduce: Literal[1, 2, 4] = 1
    """Factor by which the input is averaged before the network; the scores are interpolated back. 2 doubles
    the receptive field at a quarter of the cost, for classes whose edges are not sharp at pixel size."""
    pretrained: str | None = None
    """Name of the pretrained weights of the encoder (`imagenet`), which are downloaded; None: random."""
    weights: str = "auto"
    """Weights of an encoder of geoseg or timm (`tu-NAME`): `auto` (published ones, for encoders with a
    description; random for others), `timm` (those of timm, from its cache or the network), `none`, or a
    file."""
    train: Annotated[str, Field(pattern=r"^(full|frozen|lora|last-[1-9][0-9]*)$")] = "full"
    """Weights of such an encoder that are trained: all, none, low-rank corrections of attention, or those of
    the last N blocks (`last-2`)."""
    lora_rank: Annotated[int, Field(ge=1)] = 8
    """Rank of the corrections of `train: lora`."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate from a block of such an encoder to the block below it."""
    patch: Annotated[int, Field(ge=1)] | None = None
    """Side of a patch in pixels, for encoders whose patches can be resized; None: that of the encoder."""
    month: Annotated[int, Field(ge=1, le=12)] = UNKNOWN_MONTH + 1
    """Month of images whose date is unknown, for encoders that read the month."""
    features: Literal["none", "water-indices", "backscatter", "two-dates", "darkening", "differences"] = (
        "none"
    )
    """Additional input features, described in `geoseg.models.networks.physics`."""
    prior: bool = False
    """Whether the network learns a correction to the water score of the features."""

    @model_validator(mode="after")
    def _encoder_options_go_with_it(self) -> NetworkSpec:
        options = ("weights", "train", "lora_rank", "layer_decay", "patch", "month")
        fields = NetworkSpec.model_fields
        given = [name for name in options if getattr(self, name) != fields[name].default]
        if self.architecture not in DECODED and given:
            raise ValueError(
                f"{', '.join(given)}: only for architecture {', '.join(sorted(DECODED))}, with an "
                "encoder that `geoseg models list --encoders` shows, or tu-NAME of timm"
            )
        return self

    @model_validator(mode="after")
    def _options_go_with_it(self) -> NetworkSpec:
        if self.architecture not in TWO_DATES:
            return self
        if self.features != "none" or self.prior:
            raise ValueError(f"{self.architecture} compares the bands directly; remove features and prior")
        if self.depth != 5 or self.decoder_channels:
            raise ValueError(
                f"{self.architecture} has a fixed depth and decoder; remove depth and decoder_channels"
            )
        plain = NetworkSpec.model_fields["encoder"].default
        if self.architecture.startswith("fc-") and (self.encoder != plain or self.pretrained):
            raise ValueError(f"{self.architecture} has a fixed encoder; remove encoder and pretrained")
        if self.architecture == "changevit" and self.encoder == plain:
            raise ValueError(
                "changevit needs a plain transformer with patches of 16 pixels as encoder, such as "
                "tu-vit_tiny_patch16_224"
            )
        return self

    @property
    def stride(self) -> int:
        """Stride of the coarsest features in input pixels."""
        return STRIDES.get(self.architecture, 1 << self.depth) * self.reduce

    @property
    def multiple(self) -> int:
        """Number that the sides of the input must be multiples of."""
        return max(32, self.stride)


class InputSpec(Spec):
    """Input of a network from one scene: bands and normalization."""

    name: str
    """Name of the input, or of a model whose first input this is."""
    bands: Annotated[tuple[ModelBand, ...], Field(min_length=1)]
    """Bands in channel order."""
    units: Units
    """Physical unit of the bands before `scale`."""
    atmosphere: Atmosphere | None = None
    """Reflectance that it was trained on; None: unknown, the reflectance of the scene is used unchanged."""
    scale: float = 1.0
    """Model units = physical values * scale (10000 for a network trained on reflectance x 10000)."""
    clip: tuple[float, float] | None = None
    """Limits in model units, applied before mean and std."""
    fill: float = 0.0
    """Value of unobserved pixels after normalisation."""
    statistics: Statistics = "training"
    """Source of mean and standard deviation: the training pixels, or each scene as a whole."""
    statistics_known: bool = True
    """False: mean and std are not statistics of training data, so the value range of a scene is not
    checked."""
    resolution: float | None = None
    """Pixel size of the training data in m; None: any."""
    metadata: tuple[str, ...] = ()
    """Channels behind the bands that hold one fact in all pixels: `month` is 0 (January) to 11, `t2:month`
    that of date t2; `year` and `day` (of the year, from 0); `lat` and `lon` of the place in degrees."""
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    """Month, 1 to 12, of dates that are unknown, as in the training; None: June."""
    dim_order: DimOrder = CHANNELS_FIRST
    """Order of the axes of the graph input."""

    @property
    def channels(self) -> int:
        """Number of channels of the graph input."""
        return len(self.bands) + len(self.metadata)

    @property
    def pixel_m(self) -> float:
        """Pixel size in m of an input that states it.

        Raises:
            ValueError: it does not.
        """
        if self.resolution is None:
            raise ValueError(f"input {self.name} has no resolution")
        return self.resolution


class ModelSpec(InputSpec):
    """Description of a network: of its first input, of further inputs, and of its output.

    A segmentation network has one input and scores its pixels. A scene classifier has an input for each
    sensor and gives one score per class for the ground of a tile: its map has one cell per tile.
    """

    title: str = ""
    task: str = "segmentation"
    tile: Annotated[int, Field(ge=16)] = 512
    overlap: Annotated[int, Field(ge=0)] = 64
    multiple: Annotated[int, Field(ge=1)] = 32
    """Number of pixels that tile sizes must be multiples of."""
    stride: Annotated[int, Field(ge=1)] = 1
    """Side of the square of the input, in pixels, that a pixel of the output stands for: the whole tile of a
    scene classifier; scores of other networks are interpolated to pixels."""
    fixed_tile: bool = False
    """Whether the graph accepts only the size `tile`."""
    fixed_batch: int | None = None
    """Fixed batch size of the graph, if it has one."""
    activation: Activation = "softmax"
    """Activation that converts the output of the graph to scores in 0..1."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divisor of the logits before the activation, which calibrates the scores."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score above which a pixel of a one-plane sigmoid model has class 1; least score of a class of a scene
    classifier that is mapped."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    """Classes; the background is the first, if there is one. A one-plane model has two classes; its plane is
    the score of the second. A scene classifier has no background, and may have one class."""
    background: int | None = 0
    """Value of the class without polygons. None, or a value that no class has: all classes get polygons."""
    nodata: int | None = None
    """Value of the class that means: not observed. None: there is no such class."""
    planes: tuple[int, ...] = ()
    """Index of the output plane of each class; empty: 0, 1, 2, …"""
    weights: Path
    """The ONNX file."""
    sha256: str = ""
    """SHA-256 of the weights, hexadecimal; empty: computed on load, not checked."""
    external: dict[str, str] = {}
    """SHA-256 of each file with external data, by its path relative to the weights."""
    program: str = ""
    """torch.export program of the network, by its path relative to the weights; empty: there is none."""
    program_sha256: str = ""
    """SHA-256 of the program, hexadecimal; a program without one is not run."""
    input_name: str = ""
    """Name of the first graph input; empty: the only one."""
    others: tuple[InputSpec, ...] = ()
    """Further inputs by the names of the graph, each from a scene of its own of the same ground in its own
    pixels; a scene that is missing is zeros."""
    output_name: str = ""
    """Name of the graph output; empty: the first."""
    output_dim_order: DimOrder = CHANNELS_FIRST
    """Order of the axes of the graph output."""
    licence: str = "unknown"
    training_scenes: Coverage | None = None
    """Sensors, regions and events of the training scenes; None: not stated."""
    encoder: str = ""
    """Pretrained encoder that the network started from, and the licence of its weights."""
    features_of: dict[str, str] = {}
    """Tags of the embeddings that the network reads, which tell their model or release."""
    evidence: Evidence | None = None
    """Scores on scenes that it was not trained on, beside its rivals; None: it was not evaluated."""
    source: Literal["bundle", "onnx", "deepness"] = "bundle"
    """Source of this description: JSON of a bundle, or metadata of geoseg or Deepness in the ONNX file."""

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """All inputs in the order of the graph, each with its name in the graph."""
        first = {name: getattr(self, name) for name in InputSpec.model_fields}
        return (InputSpec.model_construct(**{**first, "name": self.input_name}), *self.others)

    @property
    def classifies(self) -> bool:
        """Whether it is a scene classifier, not a network with an output for each pixel or patch."""
        return self.task == SCENE_CLASSIFICATION

    @property
    def footprint(self) -> float:
        """Side of a tile in m; for models that state their pixel size."""
        return self.tile * self.pixel_m

    def side(self, given: InputSpec, tile: int | None = None) -> int:
        """Return the side of a tile in the pixels of an input.

        Args:
            given: one of the inputs.
            tile: side in pixels of the first input; None: that of the model.
        """
        side = tile or self.tile
        if given.resolution == self.resolution:
            return side
        return round(side * self.pixel_m / given.pixel_m)

    @model_validator(mode="before")
    @classmethod
    def _from_footprint(cls, table: Any) -> Any:
        """Read the short form of a scene classifier: `inputs` with their names, and `footprint` in m."""
        if not isinstance(table, dict) or "inputs" not in table:
            return table
        if not table["inputs"]:
            raise ValueError("inputs: a network has one or more")
        first, *others = (InputSpec.model_validate(given) for given in table["inputs"])
        fields = {key: getattr(first, key) for key in InputSpec.model_fields if key != "name"}
        return {**classifier_fields(table, first), **fields, "input_name": first.name, "others": others}

    @model_validator(mode="after")
    def _classifier_fits(self) -> ModelSpec:
        if self.classifies:
            check_classifier(self)
        elif self.others:
            raise ValueError(f"task {self.task}: only {SCENE_CLASSIFICATION} has several inputs")
        elif len(self.classes) < 2:
            raise ValueError(f"task {self.task} needs two classes or more")
        return self

    @model_validator(mode="after")
    def _tile_fits(self) -> ModelSpec:
        if self.tile % self.multiple:
            raise ValueError(f"tile {self.tile} is not a multiple of {self.multiple}")
        return self

    @model_validator(mode="after")
    def _features_fit(self) -> ModelSpec:
        features = self.task == EMBEDDING
        if (self.activation == "linear") != features:
            raise ValueError(f"activation linear is for task {EMBEDDING}, which needs it")
        if self.tile % self.stride:
            raise ValueError(f"tile {self.tile} must be a multiple of stride {self.stride}")
        if features and self.overlap % (2 * self.stride):
            raise ValueError(
                f"overlap {self.overlap} must be a multiple of twice the stride of {self.stride}"
            )
        return self

    @model_validator(mode="after")
    def _classes_fit(self) -> ModelSpec:
        values = [entry.value for entry in self.classes]
        if len(set(values)) < len(values):
            raise ValueError(f"two classes have the same value: {', '.join(map(str, values))}")
        if self.background in values[1:]:
            raise ValueError(f"the background, class {self.background}, is not the first class")
        if self.planes and sorted(self.planes) != list(range(len(values))):
            raise ValueError(
                f"planes {self.planes} do not contain each of the {len(values)} output planes once"
            )
        return self

    @model_validator(mode="after")
    def _left_out_was_not_trained_on(self) -> ModelSpec:
        for item in self.evidence.sets if self.evidence else ():
            known = self.training_scenes or Coverage()
            if not item.folds and item.left_out.new_to(known) != item.left_out:
                raise ValueError(
                    f"evidence: left_out of {item.name} has a sensor, region or event that training_scenes "
                    "has, or one of a kind that training_scenes does not state"
                )
        return self

    @property
    def objection(self) -> str:
        """Why no command uses the network unless it is named; empty if it may be a default."""
        if self.classifies:
            return "scene classifiers have no default"
        if self.evidence is None:
            return "it was not evaluated beside its rivals"
        return self.evidence.objection(self._required_rivals)

    def _required_rivals(self, units: Units) -> tuple[str, ...]:
        """Return the names of the trivial rules for scenes of some units, and of the default method."""
        from geoseg.methods.trivial_rules import change_rules, water_rules  # noqa: PLC0415 - numpy, for this only

        names = [band.name for band in self.bands]
        rules = change_rules(names) if self.task == "change" else water_rules(names, db=units == "db")
        return (*(rule.name for rule in rules), *(["classical"] if self.task == "flood" else []))

    @property
    def has_background(self) -> bool:
        """Whether the first class is the background, which gets no polygons."""
        return self.background is not None and self.background == self.classes[0].value

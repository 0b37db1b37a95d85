"""What describes a sensor, a model, a task and a run: frozen, validated, said once.

YAML and JSON become these types at the edge (`geoseg.catalog`, `geoseg.cli`); below it nobody parses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Units = Literal["reflectance", "db", "linear", "radiance", "dn"]
"""What a band's physical values are: reflectance 0..1, dB, linear power, W m⁻² sr⁻¹ µm⁻¹, or a bare count."""

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

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Spec(BaseModel):
    """Base of all specs: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassSpec(Spec):
    """One class of a map: the only place where its value, name and colour are said."""

    value: Annotated[int, Field(ge=0, le=65_534)]
    """Value in class rasters (of two bytes beyond 254) and in the `class` column; 0 is background and gets no
    polygons."""
    label: str
    """Name that people read."""
    colour: Colour
    """`#rrggbb`, lower case."""


class SensorBand(Spec):
    """One band of a sensor."""

    name: str
    """STAC common name, e.g. `nir08`; `vv`, `vh` for SAR."""
    aliases: tuple[str, ...] = ()
    """The sensor's own names for it (`B8A`, `SR_B5`); matched whole and without regard to case."""
    wavelength: float | None = None
    """Centre wavelength in µm."""
    resolution: float | None = None
    """Ground sampling distance in m."""


class SensorSpec(Spec):
    """How a sensor's products are named and scaled."""

    name: str
    """As in `--sensor`."""
    title: str
    kind: Literal["optical", "sar", "hyperspectral"]
    units: Units
    """Units of the physical values after scale and offset."""
    bands: tuple[SensorBand, ...]
    scale: float = 1.0
    """Physical value = stored * scale + offset, where the product itself does not say otherwise."""
    offset: float = 0.0
    nodata: float | None = None
    """Stored value that means "not observed", where the file has no tag of its own."""
    order: tuple[str, ...] = ()
    """Usual band order of an unnamed stack of this sensor."""
    orders: tuple[tuple[str, ...], ...] = ()
    """Further usual orders, told apart by their length."""
    file_patterns: tuple[str, ...] = ()
    """Regular expressions on file names that give this sensor away; a group `band` names the band."""
    citation: str = ""
    """Where scale, offset and wavelengths come from."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """Common names of all bands."""
        return tuple(band.name for band in self.bands)


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


class ModelSpec(Spec):
    """All that is needed to use a network rightly."""

    name: str
    title: str = ""
    task: str = "segmentation"
    bands: Annotated[tuple[ModelBand, ...], Field(min_length=1)]
    """In channel order."""
    units: Units
    """Physical units that the input is made from."""
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
    tile: Annotated[int, Field(ge=16)] = 512
    overlap: Annotated[int, Field(ge=0)] = 64
    multiple: Annotated[int, Field(ge=1)] = 32
    """Tile sizes must be a multiple of this."""
    fixed_tile: bool = False
    """Whether the graph accepts `tile` only."""
    fixed_batch: int | None = None
    """Batch size baked into the graph, where there is one."""
    resolution: float | None = None
    """Pixel size in m that it was trained at."""
    activation: Activation = "softmax"
    """What turns the graph's output into scores in 0..1."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Logits are divided by it before the activation, so that scores are the shares they claim to be."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of one-plane sigmoid models: a pixel is class 1 above it."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """In output order; the first is background. A one-plane model lists two."""
    weights: Path
    """The ONNX file."""
    sha256: str = ""
    """Of the weights, hexadecimal; empty: computed on load, not checked."""
    input_name: str = ""
    """Graph input; empty: the only one."""
    output_name: str = ""
    """Graph output; empty: the first."""
    licence: str = "unknown"
    evidence: Evidence | None = None
    source: Literal["bundle", "onnx", "deepness"] = "bundle"
    """Where this description was read: a bundle's JSON, geoseg's or Deepness's keys inside the file."""

    @model_validator(mode="after")
    def _tile_fits(self) -> ModelSpec:
        if self.tile % self.multiple:
            raise ValueError(f"tile {self.tile} is not a multiple of {self.multiple}")
        return self


class TaskSpec(Spec):
    """What a task's maps look like."""

    name: str
    layer: str
    """Name of the polygon layer."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    min_area: float = 0.0
    """Default of `--min-area` in m²."""


class RunSpec(Spec):
    """The options that every mapping command shares; what `--print-config` prints."""

    output: Path
    raster: Path | None = None
    """Also write the classes as a COG here."""
    scores: Path | None = None
    """Also write the scores as a COG (uint8, scale 1/255) here."""
    picture: Path | None = None
    """Also draw the map over the scene as a PNG here."""
    overwrite: bool = False
    aoi: Path | None = None
    """Vector file; the map is clipped to its polygons."""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north."""
    bbox_crs: str = "EPSG:4326"
    dst_crs: str | None = None
    """CRS of the vectors; None: the scene's."""
    min_area: Annotated[float, Field(ge=0)] | None = None
    """m²; None: the task's default."""
    fill_holes: Annotated[float, Field(ge=0)] = 0.0
    """m²; background holes up to this size are filled."""
    simplify: Annotated[float, Field(ge=0)] = 0.0
    """Tolerance in m; edges shared by neighbours stay shared."""
    tile: Annotated[int, Field(ge=16)] | None = None
    overlap: Annotated[int, Field(ge=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """None: chosen by the runtime."""
    tta: bool = False
    """Average the scores over flips."""
    runtime: Literal["auto", "onnxruntime", "openvino"] = "auto"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    """None: all that the process may use."""
    max_memory: Annotated[int, Field(ge=64)] | None = None
    """MiB for buffers; None: column bands are used only for scenes wider than 16,384 pixels."""


class SceneSpec(Spec):
    """Which files make a scene and what names cannot tell."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    """Files, a folder, a product or a URL (anything GDAL opens, `/vsi…` included)."""
    bands: dict[str, str] = {}
    """Common name to `PATH` or `PATH:INDEX` (1-based), from `--band`."""
    sensor: str | None = None
    """Name of a sensor; None: recognised from the files."""
    sar_units: Literal["auto", "db", "linear"] = "auto"


class FloodSpec(Spec):
    """A request for a flood or surface-water map."""

    scene: SceneSpec
    run: RunSpec
    before: tuple[SceneSpec, ...] = ()
    """One earlier scene, or several for the z-score."""
    method: str = "auto"
    """A name from `geoseg.tasks.flood.METHODS`."""
    threshold: float | None = None
    """Fixes the threshold in the method's own unit; None: found from the scene."""
    thresholding: Literal["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba"] = "auto"
    """How a threshold is found."""
    polarisation: Literal["auto", "vv", "vh"] = "auto"
    speckle: Literal["refined-lee", "boxcar", "none"] = "refined-lee"
    model: str | None = None
    """A bundle or ONNX file instead of a method."""
    permanent_water: Path | None = None
    hand: Path | None = None
    """Height above nearest drainage in m."""
    max_hand: float = 15.0
    """m; water higher than this above the drainage is dropped."""
    slope: Path | None = None
    """Slope in degrees."""
    max_slope: float = 5.0
    """Degrees; water on steeper ground is dropped."""


class SpectralRule(Spec):
    """Ground is of a class where all conditions hold; the first rule that fits decides."""

    label: str
    """Of the class."""
    when: Annotated[tuple[str, ...], Field(min_length=1)]
    """Conditions `NAME > NUMBER` or `NAME < NUMBER` on bands and indices."""
    source: str
    """Where the thresholds come from."""


class SpectralSpec(Spec):
    """Classes of ground told by their spectra, without weights."""

    name: str
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """The last one is what no rule fits. Values count from 1 without gaps."""
    rules: Annotated[tuple[SpectralRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_classes(self) -> SpectralSpec:
        if [item.value for item in self.classes] != list(range(1, len(self.classes) + 1)):
            raise ValueError("the values of classes count from 1 without gaps")
        labels = {item.label for item in self.classes}
        for rule in self.rules:
            if rule.label not in labels:
                raise ValueError(f"a rule gives {rule.label!r}, which is none of classes")
        return self


ClassName = int | str
"""A class by value or label, or a group of classes by name."""


class TransitionRule(Spec):
    """What some pairs of classes mean; a later rule overrides an earlier one."""

    before: tuple[ClassName, ...] = ()
    """Classes or groups on the first date; empty: any."""
    after: tuple[ClassName, ...] = ()
    """The same on the second date."""
    same: bool = False
    """Whether pairs of one and the same class are meant too."""
    type: int
    """One of `types`, or 0: no change."""


class TransitionSpec(Spec):
    """A table that turns pairs of classes into kinds of change."""

    name: str
    title: str = ""
    classes: tuple[ClassSpec, ...] = ()
    """Classes that it was made for; a map's classes must have these values and may have other names."""
    types: Annotated[tuple[ClassSpec, ...], Field(min_length=1)]
    groups: dict[str, tuple[ClassName, ...]] = {}
    rules: Annotated[tuple[TransitionRule, ...], Field(min_length=1)]
    citation: str = ""

    @model_validator(mode="after")
    def _known_types(self) -> TransitionSpec:
        known = {0, *(item.value for item in self.types)}
        for rule in self.rules:
            if rule.type not in known:
                raise ValueError(f"type {rule.type} of a rule is none of types")
        return self


class ChangeSpec(Spec):
    """A request for a map of change between two dates."""

    before: SceneSpec
    after: SceneSpec
    run: RunSpec
    method: str = "auto"
    """A name from `geoseg.tasks.change_choice.METHODS`."""
    model: str | None = None
    """A network instead: of one date (both are classified and compared), or of two."""
    threshold: float | None = None
    """In the method's own unit, or of the change score of a network; None: found from the scene, or 0.5."""
    thresholding: Literal["auto", "robust", "ki", "otsu", "chi2"] = "auto"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """Share of unchanged pixels that `chi2` takes for change."""
    normalise: Literal["auto", "irmad", "histogram", "none"] = "auto"
    """How the second date is brought to the radiometry of the first."""
    coregister: bool = False
    """Whether a shift between the dates is undone."""
    smooth: Annotated[int, Field(ge=1, le=99)] | None = None
    """Side of the window over which change is averaged; None: 5, or 1 where a chi-square limit decides."""
    polarisation: Literal["auto", "vv", "vh"] = "auto"
    speckle: Literal["refined-lee", "boxcar", "none"] = "refined-lee"
    spectral: str = "land"
    """Name or file of the spectral classes."""
    rules: str | None = None
    """Name or file of a transition table."""
    layer: dict[str, str] = {}
    """Further bands by name, `after:NAME` of the second date only: rasters of any resolution."""
    matrix: Path | None = None
    """Also write the transition matrix in hectares as CSV here."""
    date_before: str | None = None
    """ISO 8601, where the files do not tell."""
    date_after: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ChangeSpec:
        if self.smooth is not None and self.smooth % 2 == 0:
            raise ValueError(f"--smooth {self.smooth} has no middle: use an odd number")
        return self


class SegmentSpec(Spec):
    """A request for a map by any segmentation network."""

    scene: SceneSpec
    run: RunSpec
    model: str
    """A bundle's name or folder, or an ONNX file."""

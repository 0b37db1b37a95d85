"""What describes a map wanted: scenes, options that all maps share, and each task's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import ClassSpec, SarUnits, Spec
from geoseg.spec.dates import DateText

DEVICE = r"^(auto|cpu|cuda(:\d+)?)$"
"""What `--device` may be."""


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
    runtime: Literal["auto", "onnxruntime", "openvino", "torch", "tensorrt"] = "auto"
    device: Annotated[str, Field(pattern=DEVICE)] = "auto"
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
    sar_units: SarUnits = "auto"
    """How radar backscatter is stored; auto: by product name, tags and values."""
    clouds: Literal["auto", "product", "network", "none"] = "auto"
    """What masks clouds: quality layers of the product, else a cloud network if one is installed (auto);
    one of both alone; or nothing."""
    mask: str | None = None
    """`FILE` or `FILE:VALUES`: raster or polygons of what is not mapped."""
    mask_dilate: Annotated[int, Field(ge=0, le=500)] = 0
    """Pixels by which all that is not mapped grows on every side."""


class FloodSpec(Spec):
    """A request for a flood or surface-water map."""

    scene: SceneSpec
    run: RunSpec
    before: tuple[SceneSpec, ...] = ()
    """One earlier scene, or several for the z-score."""
    method: str = "auto"
    """`auto`, `classical`, or a method of `geoseg.flood.methods`."""
    threshold: float | None = None
    """Fixes the threshold in the method's own unit; None: found from the scene."""
    thresholding: Literal["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba"] = "auto"
    """How a threshold is found."""
    polarisation: Literal["auto", "vv", "vh"] = "auto"
    speckle: Literal["refined-lee", "boxcar", "none"] = "refined-lee"
    model: str | None = None
    """A bundle or ONNX file instead of a method."""
    permanent_water: Path | None = None
    """Raster of a known product or a mask, or polygons: mapped water inside it is not flood."""
    permanent_values: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    """Which values of `permanent_water` mean permanent water; None: those of its product."""
    permanent_above: float | None = None
    """Greater values of `permanent_water` mean permanent water; None: those of its product."""
    hand: Path | None = None
    """Height above nearest drainage in m."""
    max_hand: float = 15.0
    """m; water higher than this above the drainage is dropped."""
    slope: Path | None = None
    """Slope in degrees."""
    max_slope: float = 5.0
    """Degrees; water on steeper ground is dropped."""


class ChangeSpec(Spec):
    """A request for a map of change between two dates."""

    before: SceneSpec
    after: SceneSpec
    run: RunSpec
    method: str = "auto"
    """`auto`, `classes` or a method of `geoseg.change.methods`."""
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
    date_before: DateText | None = None
    """ISO 8601, where the files do not tell."""
    date_after: DateText | None = None

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

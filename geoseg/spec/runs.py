"""What describes a map wanted: scenes, options that all maps share, and each task's own.

A field is an option: on the command line, in files of `--config`, and for Python (`geoseg.spec.request`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from geoseg.spec import text
from geoseg.spec.base import ClassSpec, SarUnits, Spec
from geoseg.spec.fields import NO_MODEL, BatchSize, Device, Overwrite, Precision, Sensor, Threads, Tile
from geoseg.spec.option import CLEANING, ENGINE, INPUT, OUTPUT, Option


class TaskSpec(Spec):
    """What a task's maps look like."""

    name: str
    layer: str
    """Name of the polygon layer."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    min_area: float = 0.0
    """Default of `--min-area` in m²."""


class RunSpec(Spec):
    """The options that every mapping command shares."""

    output: Annotated[
        Path,
        Option(
            "The map; its suffix is the format: .gpkg, .fgb, .parquet, .geojson.",
            short="-o",
            metavar="OUT",
            panel=OUTPUT,
            common=True,
            missing="no output is named; say -o OUT.gpkg",
        ),
    ]
    raster: Annotated[
        Path | None, Option("Also write the classes as a COG.", metavar="OUT.tif", panel=OUTPUT)
    ] = None
    scores: Annotated[
        Path | None,
        Option(
            "Also write the scores as a COG: uint8, scale 1/255; of facilities float32, a band a class, a "
            "pixel a window.",
            metavar="OUT.tif",
            panel=OUTPUT,
        ),
    ] = None
    picture: Annotated[
        Path | None, Option("Also draw the map over the scene.", metavar="OUT.png", panel=OUTPUT)
    ] = None
    overwrite: Overwrite = False
    aoi: Annotated[
        Path | None, Option("Map only inside these polygons.", metavar="FILE", panel=INPUT, common=True)
    ] = None
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        text.reads(text.bbox),
        Option("Map only inside this rectangle.", metavar="W,S,E,N", panel=INPUT, common=True),
    ] = None
    bbox_crs: Annotated[str, Option("CRS of --bbox.", metavar="CRS", panel=INPUT)] = "EPSG:4326"
    dst_crs: Annotated[
        str | None, Option("CRS of the polygons.", metavar="CRS", panel=OUTPUT, default="the scene's")
    ] = None
    min_area: Annotated[
        float | None,
        Field(ge=0),
        Option(
            "Leave out polygons smaller than this.",
            metavar="M2",
            panel=CLEANING,
            common=True,
            default="the task's",
        ),
    ] = None
    fill_holes: Annotated[
        float, Field(ge=0), Option("Fill holes up to this size.", metavar="M2", panel=CLEANING)
    ] = 0.0
    simplify: Annotated[
        float,
        Field(ge=0),
        Option(
            "Simplify outlines by this tolerance; neighbours keep their shared edge.",
            metavar="M",
            panel=CLEANING,
        ),
    ] = 0.0
    tile: Tile = None
    overlap: Annotated[
        int | None,
        Field(ge=0),
        Option(
            "Pixels that neighbouring tiles share; even.",
            metavar="PX",
            panel=ENGINE,
            default="the method's or the model's",
        ),
    ] = None
    batch_size: BatchSize = None
    tta: Annotated[bool, Option("Average the scores over flips of the scene.", panel=ENGINE)] = False
    runtime: Annotated[
        Literal["auto", "onnxruntime", "openvino", "torch", "tensorrt"],
        Option("What runs networks.", panel=ENGINE),
    ] = "auto"
    device: Device = "auto"
    precision: Precision = "auto"
    threads: Threads = None
    max_memory: Annotated[
        int | None,
        Field(ge=64),
        text.reads(text.memory_mib),
        Option("Limit memory: 2GB, 512MB, or a number of MiB.", metavar="SIZE", panel=ENGINE),
    ] = None
    """MiB for buffers; None: column bands are used only for scenes wider than 16,384 pixels."""


class SceneSpec(Spec):
    """Which files make a scene and what names cannot tell."""

    paths: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        Option(
            "A raster, several one-band files, a folder of band files, a product folder or zip (.SAFE), or a "
            "URL. All of them together are one scene.",
            name="scene",
            metavar="SCENE...",
            argument=True,
            own=True,
            missing="no SCENE is given; name a raster, a folder or a product",
        ),
    ]
    """Anything GDAL opens, `/vsi…` included."""
    bands: Annotated[
        dict[str, str],
        text.reads(text.named_paths),
        Option(
            "Say which file (and which of its bands, from 1) is which band: green, nir, swir16, vv, … "
            "(after:NAME: of the later of two dates). Repeatable.",
            name="band",
            metavar="NAME=PATH[:INDEX]",
            panel=INPUT,
            own=True,
        ),
    ] = {}
    sensor: Sensor = None
    sar_units: Annotated[
        SarUnits,
        Option(
            "How SAR backscatter is stored (linear is power). auto: by product name, tags and values.",
            panel=INPUT,
            choices=("linear",),
        ),
    ] = "auto"
    clouds: Annotated[
        Literal["auto", "product", "network", "none"],
        Option(
            "Where clouds, cloud shadows, saturated and layover pixels are known from; they are not mapped. "
            "auto: the product's quality layers (SCL, QA_PIXEL, Fmask, udm2, ...), else a cloud network "
            "where geoseg[clouds] is installed.",
            panel=INPUT,
            common=True,
        ),
    ] = "auto"
    mask: Annotated[
        str | None,
        Option(
            "Do not map inside these polygons, or where this raster has VALUES such as 3,8-11 (without "
            "VALUES: 1 and more).",
            metavar="FILE[:VALUES]",
            panel=INPUT,
        ),
    ] = None
    mask_dilate: Annotated[
        int,
        Field(ge=0, le=500),
        Option("Grow what is not mapped by so many pixels.", metavar="PIXELS", panel=INPUT),
    ] = 0

    @field_validator("paths", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        """Take a path for the scene that lies there."""
        return {"paths": (str(value),)} if isinstance(value, str | Path) else value


class SegmentSpec(Spec):
    """A request for a map by any segmentation network."""

    scene: SceneSpec
    run: RunSpec
    model: Annotated[
        str,
        Option(
            "A bundle's name or folder, or an ONNX file that says what it needs.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
            missing=NO_MODEL,
        ),
    ]

"""Requests for maps: the scene, the options of all maps, and the classes of a task.

Each field is an option on the command line, in `--config` files and in Python (`geoseg.spec.request`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from geoseg.spec import text
from geoseg.spec.base import ClassSpec, SarUnits, Spec
from geoseg.spec.fields import (
    BatchSize,
    Device,
    HtmlPath,
    OutputPath,
    Overwrite,
    PngPath,
    Precision,
    Sensor,
    Threads,
    TiffPath,
    Tile,
)
from geoseg.spec.option import CLEANING, ENGINE, INPUT, OUTPUT, Option, RunPart


class TaskSpec(Spec):
    """Classes and defaults of the maps of a task."""

    name: str
    layer: str
    """Name of the polygon layer."""
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    min_area: float = 0.0
    """Default of `--min-area`, m²."""


class RunSpec(Spec):
    """The options of all mapping commands."""

    output: Annotated[
        OutputPath,
        Option(
            "The map: a file, or an object such as s3://BUCKET/map.gpkg. The suffix selects the format: "
            ".gpkg, .fgb, .parquet, .geojson or .pmtiles.",
            short="-o",
            metavar="OUT",
            panel=OUTPUT,
            common=True,
            missing="no output is given; add `-o OUT.gpkg`",
        ),
    ]
    raster: Annotated[
        TiffPath | None,
        Option("Also write the class raster, a Cloud Optimized GeoTIFF.", metavar="OUT.tif", panel=OUTPUT),
    ] = None
    scores: Annotated[
        TiffPath | None,
        Option(
            "Also write the scores, a Cloud Optimized GeoTIFF: uint8 with scale 1/255; for facilities "
            "float32, one band per class and one pixel per window.",
            metavar="OUT.tif",
            panel=OUTPUT,
        ),
    ] = None
    picture: Annotated[
        PngPath | None,
        Option("Also write a picture of the map over the scene.", metavar="OUT.png", panel=OUTPUT),
    ] = None
    report: Annotated[
        HtmlPath | None,
        Option(
            "Also write a report of the map in one HTML file: map, totals, method, warnings, how to cite.",
            metavar="OUT.html",
            panel=OUTPUT,
        ),
    ] = None
    style: Annotated[
        tuple[OutputPath, ...],
        Option(
            "Also write the style of the polygons: .qml (QGIS), .sld (OGC SLD 1.0) or .json (Mapbox style). "
            "Repeatable.",
            metavar="OUT.qml|OUT.sld|OUT.json",
            panel=OUTPUT,
        ),
    ] = ()
    raster_styles: Annotated[
        bool, Option("Also write a QGIS style (.qml) beside the rasters of classes and scores.", panel=OUTPUT)
    ] = False
    attributes: Annotated[
        tuple[Literal["perimeter", "compactness", "centroid", "score-quantiles"], ...],
        text.reads(text.words),
        Option(
            "Add attributes, comma-separated: perimeter, compactness, centroid, score-quantiles.",
            metavar="NAME,…",
            panel=OUTPUT,
        ),
    ] = ()
    overwrite: Overwrite = False
    aoi: Annotated[
        Path | None,
        Option("Map only inside the polygons of this file.", metavar="FILE", panel=INPUT, common=True),
    ] = None
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        text.reads(text.bbox),
        Option("Map only inside this rectangle.", metavar="W,S,E,N", panel=INPUT, common=True),
    ] = None
    bbox_crs: Annotated[str, Option("CRS of --bbox.", metavar="CRS", panel=INPUT, read_with=("bbox",))] = (
        "EPSG:4326"
    )
    zones: Annotated[
        Path | None,
        Option(
            "Polygons of zones, such as districts: the table zones has the area and share of each class in "
            "each zone, and the sums of --value.",
            metavar="FILE",
            panel=OUTPUT,
        ),
    ] = None
    zone_name: Annotated[
        str | None,
        Option(
            "Column of --zones that names the zones.",
            metavar="COLUMN",
            panel=OUTPUT,
            read_with=("zones",),
            default="the first text column",
        ),
    ] = None
    value: Annotated[
        dict[str, str],
        text.reads(text.named_paths),
        Option(
            "A raster of amounts per cell, such as people: its sum over each polygon becomes a column NAME. "
            "Repeatable.",
            metavar="NAME=RASTER",
            panel=OUTPUT,
        ),
    ] = {}
    dst_crs: Annotated[
        str | None, Option("CRS of the polygons.", metavar="CRS", panel=OUTPUT, default="that of the scene")
    ] = None
    min_area: Annotated[
        float | None,
        Field(ge=0),
        Option(
            "Remove polygons smaller than this area.",
            metavar="M2",
            panel=CLEANING,
            common=True,
            default="that of the task",
        ),
    ] = None
    fill_holes: Annotated[
        float, Field(ge=0), Option("Fill holes up to this area.", metavar="M2", panel=CLEANING)
    ] = 0.0
    simplify: Annotated[
        float,
        Field(ge=0),
        Option(
            "Simplify outlines by this tolerance. Neighbouring polygons keep their common edge.",
            metavar="M",
            panel=CLEANING,
        ),
    ] = 0.0
    smooth_outlines: Annotated[
        float,
        Field(ge=0),
        Option(
            "Smooth outlines: simplify by this tolerance, then round corners. Neighbours keep common edges.",
            metavar="M",
            panel=CLEANING,
        ),
    ] = 0.0
    tile: Tile = None
    overlap: Annotated[
        int | None,
        Field(ge=0, multiple_of=2),
        Option(
            "Overlap of neighbouring tiles of a network in pixels, an even number.",
            metavar="PX",
            panel=ENGINE,
            default="that of the model",
            read_with=(RunPart.NETWORK,),
        ),
    ] = None
    batch_size: BatchSize = None
    tta: Annotated[
        bool,
        Option(
            "Test-time augmentation: average the scores over flips of the input.",
            panel=ENGINE,
            read_with=(RunPart.NETWORK,),
        ),
    ] = False
    runtime: Annotated[
        Literal["auto", "onnxruntime", "openvino", "torch", "tensorrt"],
        Option("Library that runs networks.", panel=ENGINE, read_with=(RunPart.ANY_NETWORK,)),
    ] = "auto"
    device: Device = "auto"
    precision: Precision = "auto"
    threads: Threads = None
    max_memory: Annotated[
        int | None,
        Field(ge=64),
        text.reads(text.memory_mib),
        Option("Limit the memory: 2GB, 512MB, or a number of MiB.", metavar="SIZE", panel=ENGINE),
    ] = None
    """MiB for buffers. None: only scenes wider than 16,384 pixels are processed in column bands."""
    checkpoint: Annotated[
        Path | None,
        Option(
            "Keep finished rows in this folder until the map is complete: a run that was interrupted "
            "continues from them. Not for change and plumes, nor on GPUs.",
            metavar="FOLDER",
            panel=ENGINE,
        ),
    ] = None

    @model_validator(mode="after")
    def _tiles_are_possible(self) -> RunSpec:
        if self.tile is not None and self.overlap is not None and 2 * self.overlap > self.tile:
            raise ValueError(f"overlap {self.overlap} is more than half of tile {self.tile}")
        return self


class SceneSpec(Spec):
    """The files of a scene, and options for what the files do not state."""

    paths: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        Option(
            "A raster, several one-band files, a folder of band files, a product folder or zip (.SAFE), a "
            "STAC item, or a URL. All arguments together form one scene.",
            name="scene",
            metavar="SCENE...",
            argument=True,
            own=True,
            missing="no SCENE is given; add the path of a raster, a folder or a product",
        ),
    ]
    """Any path that GDAL opens, `/vsi…` included."""
    bands: Annotated[
        dict[str, str],
        text.reads(text.band_paths),
        Option(
            "Assign a file, or one of its bands (INDEX, from 1), to a band name: green, nir, swir16, vv, … "
            "(after:NAME for the later of two dates). NAME=:INDEX is a band of the scene, in a pair of "
            "each date. Repeatable.",
            name="band",
            metavar="NAME=PATH[:INDEX]",
            panel=INPUT,
            own=True,
        ),
    ] = {}
    remote_assets: Annotated[
        bool,
        Option(
            "Read the assets that a STAC item on this machine names at addresses.",
            panel=INPUT,
            read_with=(RunPart.ITEM,),
        ),
    ] = False
    sensor: Sensor = None
    sar_units: Annotated[
        SarUnits,
        Option(
            "Unit of stored SAR backscatter (linear means power). auto: from product name, tags and values.",
            panel=INPUT,
            choices=("linear",),
            read_with=(RunPart.RADAR,),
        ),
    ] = "auto"
    clouds: Annotated[
        Literal["auto", "product", "network", "none"],
        Option(
            "Source of the mask of clouds, cloud shadow, saturated and layover pixels, which are not mapped. "
            "auto: the quality layers of the product (SCL, QA_PIXEL, Fmask, udm2, ...), else a cloud network "
            "if geoseg[clouds] is installed.",
            panel=INPUT,
            common=True,
        ),
    ] = "auto"
    mask: Annotated[
        str | None,
        Option(
            "Do not map inside these polygons, or where this raster has one of VALUES, such as 3,8-11 "
            "(without VALUES: 1 and above).",
            metavar="FILE[:VALUES]",
            panel=INPUT,
        ),
    ] = None
    mask_dilate: Annotated[
        int,
        Field(ge=0, le=500),
        Option(
            "Dilate the masked area by this number of pixels.",
            metavar="PIXELS",
            panel=INPUT,
            read_with=("mask", "clouds"),
        ),
    ] = 0

    @field_validator("paths", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("paths")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # GDAL and pathlib take an empty path, as of an unset variable, for the current folder.
        if not all(path.strip() for path in value):
            raise ValueError("a path is empty; give that of a raster, a folder or a product")
        return value

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        """Accept a path in place of a scene."""
        return {"paths": (str(value),)} if isinstance(value, str | Path) else value

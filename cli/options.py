"""Options that several commands share: one definition each, so that they mean the same everywhere.

A default of None is "not said": the file given by `--config`, then the library's own default, decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .console import Verbosity

INPUT = "Input"
METHOD = "Method"
OUTPUT = "Output"
CLEANING = "Cleaning"
ENGINE = "Engine"
REPORTING = "Reporting"


Scenes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENE...",
        help="A raster, several one-band files, a folder of band files, a product folder or zip (.SAFE), "
        "or a URL. All of them together are one scene.",
        show_default=False,
    ),
]
OneScene = Annotated[
    list[str] | None,
    typer.Option(
        "--scene",
        metavar="SCENE",
        help="A scene: a folder of band files, a product, or files (repeatable). Where simulated plumes go; "
        "for tensorrt, on whose tiles less than float32 is calibrated and proved.",
        rich_help_panel=INPUT,
    ),
]
Band = Annotated[
    list[str] | None,
    typer.Option(
        "--band",
        metavar="NAME=PATH[:INDEX]",
        help="Say which file (and which of its bands, from 1) is which band: green, nir, swir16, vv, … "
        "(after:NAME: of the later of two dates). Repeatable.",
        rich_help_panel=INPUT,
    ),
]
Sensor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What recorded the scene, where its files do not tell: sentinel-2-l2a, sentinel-1, "
        "landsat-8-l2, hls, naip, …",
        rich_help_panel=INPUT,
    ),
]
SarUnits = Annotated[
    str | None,
    typer.Option(
        metavar="auto|db|power|amplitude",
        help="How SAR backscatter is stored (linear is power). auto: by product name, tags and values.",
        rich_help_panel=INPUT,
    ),
]
Clouds = Annotated[
    str | None,
    typer.Option(
        metavar="auto|product|network|none",
        help="Where clouds, cloud shadows, saturated and layover pixels are known from; they are not mapped. "
        "auto: the product's quality layers (SCL, QA_PIXEL, Fmask, udm2, ...), else a cloud network where "
        "geoseg[clouds] is installed.  (default: auto)",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        metavar="FILE[:VALUES]",
        help="Do not map inside these polygons, or where this raster has VALUES such as 3,8-11 "
        "(without VALUES: 1 and more).",
        rich_help_panel=INPUT,
    ),
]
MaskDilate = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        help="Grow what is not mapped by so many pixels.",
        rich_help_panel=INPUT,
    ),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="SCENE",
        help="The same place on a day without plume; several are averaged. Takes the surface away.",
        rich_help_panel=INPUT,
    ),
]
Satellite = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Whose pass-bands count, where the files do not tell: sentinel-2a, sentinel-2b, landsat-8, "
        "landsat-9; emit, prisma, enmap, aviris.",
        rich_help_panel=INPUT,
    ),
]
SunZenith = Annotated[
    float | None,
    typer.Option(
        metavar="DEG",
        help="Sun's angle from the vertical.  (default: the product's, or by time and place)",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
ViewZenith = Annotated[
    float | None,
    typer.Option(
        metavar="DEG",
        help="View's angle from the vertical.  (default: the product's, or 0)",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
Aoi = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Map only inside these polygons.", rich_help_panel=INPUT),
]
Bbox = Annotated[
    str | None,
    typer.Option(metavar="W,S,E,N", help="Map only inside this rectangle.", rich_help_panel=INPUT),
]
BboxCrs = Annotated[
    str | None,
    typer.Option(
        metavar="CRS", help="CRS of --bbox.  (default: EPSG:4326)", rich_help_panel=INPUT, show_default=False
    ),
]

Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="VALUE",
        help="Fix the threshold, in the method's own unit; of scene classifiers, the least score.  (default: "
        "found from the scene, or the model's)",
        rich_help_panel=METHOD,
    ),
]
Polarisation = Annotated[
    str | None,
    typer.Option(metavar="auto|vv|vh", help="SAR band to use.", rich_help_panel=METHOD),
]
Speckle = Annotated[
    str | None,
    typer.Option(metavar="refined-lee|boxcar|none", help="SAR speckle filter.", rich_help_panel=METHOD),
]
Coregister = Annotated[
    bool | None,
    typer.Option(
        "--coregister",
        metavar=" ",
        help="Undo the measured shift between the dates.",
        rich_help_panel=METHOD,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="The map; its suffix is the format: .gpkg, .fgb, .parquet, .geojson.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="The folder to write.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
Raster = Annotated[
    Path | None,
    typer.Option(metavar="OUT.tif", help="Also write the classes as a COG.", rich_help_panel=OUTPUT),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.tif",
        help="Also write the scores as a COG: uint8, scale 1/255; of facilities float32, a band a class, a "
        "pixel a window.",
        rich_help_panel=OUTPUT,
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(metavar="OUT.png", help="Also draw the map over the scene.", rich_help_panel=OUTPUT),
]
Overwrite = Annotated[
    bool | None,
    typer.Option("--overwrite", metavar=" ", help="Replace outputs that exist.", rich_help_panel=OUTPUT),
]
DstCrs = Annotated[
    str | None,
    typer.Option(
        metavar="CRS",
        help="CRS of the polygons.  (default: the scene's)",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]

MinArea = Annotated[
    float | None,
    typer.Option(metavar="M2", help="Leave out polygons smaller than this.", rich_help_panel=CLEANING),
]
FillHoles = Annotated[
    float | None,
    typer.Option(metavar="M2", help="Fill holes up to this size.", rich_help_panel=CLEANING),
]
Simplify = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        help="Simplify outlines by this tolerance; neighbours keep their shared edge.",
        rich_help_panel=CLEANING,
    ),
]

Tile = Annotated[
    int | None, typer.Option(metavar="PX", help="Side of a tile in pixels.", rich_help_panel=ENGINE)
]
Overlap = Annotated[
    int | None,
    typer.Option(metavar="PX", help="Pixels that neighbouring tiles share; even.", rich_help_panel=ENGINE),
]
BatchSize = Annotated[
    str | None, typer.Option(metavar="auto|N", help="Tiles scored at once.", rich_help_panel=ENGINE)
]
Tta = Annotated[
    bool | None,
    typer.Option(
        "--tta", metavar=" ", help="Average the scores over flips of the scene.", rich_help_panel=ENGINE
    ),
]
Runtime = Annotated[
    str | None,
    typer.Option(
        metavar="auto|onnxruntime|openvino|torch|tensorrt", help="What runs networks.", rich_help_panel=ENGINE
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda:N",
        help="Where networks run; cuda alone: all GPUs. What is asked for is used or refused.",
        rich_help_panel=ENGINE,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="auto|fp32|bf16|fp16|int8",
        help="Arithmetic of networks. auto: the fastest that agrees with fp32 on tiles of the scene.",
        rich_help_panel=ENGINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="Threads.  (default: all)", rich_help_panel=ENGINE, show_default=False),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="Limit memory: 2GB, 512MB, or a number of MiB.", rich_help_panel=ENGINE
    ),
]

Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read options from a YAML file, its keys named like the long options; flags win.",
        rich_help_panel=REPORTING,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        metavar=" ",
        help="Print the request with all defaults as YAML for --config, and stop.",
        rich_help_panel=REPORTING,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar=" ",
        help="Print the plan: tiles, memory, time; and stop.",
        rich_help_panel=REPORTING,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar=" ",
        help="Print the result as one JSON object on stdout.",
        rich_help_panel=REPORTING,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        metavar=" ",
        help="No notes, no progress; warnings stay.",
        rich_help_panel=REPORTING,
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="More detail; -vv: tracebacks too.",
        metavar=" ",
        rich_help_panel=REPORTING,
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of a request is not part of the map: where options come from and what is printed."""

    config: Path | None
    print_config: bool
    dry_run: bool
    as_json: bool


_NOT_OF_THE_MAP = {"context", "config", "print_config", "dry_run", "as_json", "quiet", "verbose"}


def said(parameters: Mapping[str, object]) -> dict[str, object]:
    """Name a command's parameters as its options are named."""
    return {
        name.replace("_", "-"): value for name, value in parameters.items() if name not in _NOT_OF_THE_MAP
    }


def verbosity(context: typer.Context, quiet: bool, verbose: int) -> Verbosity:
    """Tell the whole program how much to tell; `-v` outweighs `-q`."""
    told = context.obj if isinstance(context.obj, Verbosity) else Verbosity()
    told.level = verbose or (-1 if quiet else 0)
    return told

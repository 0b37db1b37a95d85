"""Options that several requests share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from geoseg.files.store_path import StorePath, path_of
from geoseg.spec import text
from geoseg.spec.base import on_this_machine
from geoseg.spec.option import ENGINE, INPUT, OUTPUT, Option, RunPart

OutputPath = Annotated[Path, AfterValidator(path_of)]
"""A file to write: on this machine, or an object of a store (`s3://BUCKET/KEY`, `gs://`, `az://`)."""


def _on_this_machine(path: Path) -> Path:
    if isinstance(found := path_of(path), StorePath):
        raise ValueError(f"{found} is in a store, and only maps are written there; write to this machine")
    return path


LocalPath = Annotated[Path, AfterValidator(_on_this_machine)]
"""A file or folder to write on this machine."""


def _suffixed(what: str, *suffixes: str) -> AfterValidator:
    """Return a validator of an output of one format, which other programs know by its suffix.

    Args:
        what: content and format, such as `pictures are PNG`.
        suffixes: of the format, in lower case; the first is the one that the message names.
    """

    def check(path: Path) -> Path:
        if not isinstance(path, StorePath):
            on_this_machine(path)
        if path.suffix.lower() not in suffixes:
            raise ValueError(f"{path}: {what}; name a file with the suffix {suffixes[0]}")
        return path

    return AfterValidator(check)


_PNG, _HTML = _suffixed("pictures are PNG", ".png"), _suffixed("reports are HTML", ".html", ".htm")

TiffPath = Annotated[OutputPath, _suffixed("rasters are GeoTIFF", ".tif", ".tiff")]
PngPath = Annotated[OutputPath, _PNG]
HtmlPath = Annotated[OutputPath, _HTML]
CsvPath = Annotated[OutputPath, _suffixed("tables are CSV", ".csv")]
LocalPng = Annotated[LocalPath, _PNG]
LocalHtml = Annotated[LocalPath, _HTML]

DEVICE = r"^(auto|cpu|cuda(:\d+)?)$"
"""Pattern of the values of `--device`."""

Sensor = Annotated[
    str | None,
    Option(
        "Sensor of the scene, if the files do not state it: sentinel-2-l2a, sentinel-1, landsat-8-l2, hls, "
        "naip, …",
        metavar="NAME",
        panel=INPUT,
        suggest="sensors",
        read_with=(RunPart.IMAGES,),
    ),
]

Coregister = Annotated[
    bool | None,
    Option(
        "Correct the measured shift between the two dates; --no-coregister: never.",
        default="where the shift is clear",
        read_with=(RunPart.IMAGES,),
    ),
]
Layers = Annotated[
    dict[str, str],
    text.reads(text.named_paths),
    Option(
        "A further raster on any grid, as a band: height=chm.tif, after:height=later.tif, coherence=coh.tif. "
        "dem=PATH also gives slope, aspect, roughness, tri and tpi; phase=PATH (radians, or a complex "
        "interferogram) gives phase_cos and phase_sin. Repeatable.",
        metavar="NAME=PATH",
        panel=INPUT,
        read_with=(RunPart.IMAGES,),
    ),
]
Polarisation = Annotated[
    Literal["auto", "vv", "vh", "hh", "hv"],
    Option("Polarisation of the SAR band to use.", read_with=(RunPart.RADAR,)),
]
Speckle = Annotated[
    Literal["refined-lee", "boxcar", "none"], Option("SAR speckle filter.", read_with=(RunPart.RADAR,))
]
Satellite = Annotated[
    str | None,
    Option(
        "Satellite, if the files do not state it; it determines the pass-bands: sentinel-2a, sentinel-2b, "
        "landsat-8, landsat-9; emit, prisma, enmap, aviris.",
        metavar="NAME",
        panel=INPUT,
        suggest="satellites",
    ),
]
SunZenith = Annotated[
    float | None,
    Field(ge=0, lt=85),
    Option(
        "Solar zenith angle in degrees.",
        metavar="DEG",
        panel=INPUT,
        default="from the product, or computed from time and position",
    ),
]
ViewZenith = Annotated[
    float | None,
    Field(ge=0, lt=70),
    Option("View zenith angle in degrees.", metavar="DEG", panel=INPUT, default="from the product, or 0"),
]

THRESHOLD = Option(
    "Use this threshold, in the unit of the method; for scene classifiers, the least score.",
    metavar="VALUE",
    default="found in the scene, or that of the model",
    read_with=(RunPart.IMAGES,),
)
NO_MODEL = "no model is given; add `--model NAME|FOLDER|FILE.onnx` (see `geoseg models list`)"
REFERENCE = Option(
    "A scene of the same place without a plume, to remove the signal of the surface. Repeatable: several "
    "are averaged.",
    metavar="SCENE",
    panel=INPUT,
    common=True,
)

Overwrite = Annotated[bool, Option("Replace existing output files.", panel=OUTPUT, common=True)]
REPORT = Option("Write the report to one HTML file, which can be printed.", metavar="OUT.html", panel=OUTPUT)
FOLDER = Option("Folder to write.", name="output", short="-o", metavar="FOLDER", panel=OUTPUT, common=True)

Tile = Annotated[
    int | None,
    Field(ge=16),
    Option(
        "Side of a tile in pixels.", metavar="PX", panel=ENGINE, default="that of the method or the model"
    ),
]
BatchSize = Annotated[
    int | None,
    Field(ge=1),
    text.reads(text.batch_size),
    Option(
        "Number of tiles in one call of the network.",
        metavar="auto|N",
        panel=ENGINE,
        default="auto",
        word="auto",
        read_with=(RunPart.NETWORK,),
    ),
]
Device = Annotated[
    str,
    Field(pattern=DEVICE),
    Option(
        "Device that runs networks; cuda: all GPUs. If the device is not usable, the command fails.",
        metavar="auto|cpu|cuda:N",
        panel=ENGINE,
        suggest="devices",
        read_with=(RunPart.ANY_NETWORK,),
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16", "int8"],
    Option(
        "Number format of networks. auto: the fastest that agrees with fp32 on tiles of the scene.",
        panel=ENGINE,
        read_with=(RunPart.ANY_NETWORK,),
    ),
]
Threads = Annotated[
    int | None, Field(ge=1), Option("Number of threads.", metavar="N", panel=ENGINE, default="all")
]

Data = Annotated[
    Path | None,
    Option(
        "Folder of the labelled data set, in place of data.root in the config; for evaluate methane, folder "
        "of pairs of scenes.",
        metavar="FOLDER",
        panel=INPUT,
    ),
]
Settings = Annotated[
    dict[str, object],
    text.reads(text.settings),
    Option(
        "Set a value of the config by its dotted name: loop.epochs=20. Repeatable.",
        name="set",
        metavar="KEY=VALUE",
        panel=INPUT,
    ),
]
SCENE_FILES = Option(
    "A scene: a folder of band files, a product, or files (repeatable). evaluate methane adds simulated "
    "plumes to it; export --to tensorrt calibrates and checks reduced precision on its tiles.",
    name="scene",
    metavar="SCENE",
    panel=INPUT,
)
Seed = Annotated[int, Field(ge=0), Option("Seed of the random numbers.", metavar="S")]
Models = Annotated[
    tuple[str, ...],
    Option("A bundle or an ONNX file. Repeatable.", name="model", metavar="NAME|PATH", suggest="models"),
]

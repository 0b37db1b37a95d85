"""Options that several requests have: one definition each, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.option import ENGINE, INPUT, OUTPUT, Option

DEVICE = r"^(auto|cpu|cuda(:\d+)?)$"
"""What `--device` may be."""

Sensor = Annotated[
    str | None,
    Option(
        "What recorded the scene, where its files do not tell: sentinel-2-l2a, sentinel-1, landsat-8-l2, "
        "hls, naip, …",
        metavar="NAME",
        panel=INPUT,
        suggest="sensors",
    ),
]

Coregister = Annotated[bool, Option("Undo the measured shift between the dates.")]
Polarisation = Annotated[Literal["auto", "vv", "vh"], Option("SAR band to use.")]
Speckle = Annotated[Literal["refined-lee", "boxcar", "none"], Option("SAR speckle filter.")]
Satellite = Annotated[
    str | None,
    Option(
        "Whose pass-bands count, where the files do not tell: sentinel-2a, sentinel-2b, landsat-8, "
        "landsat-9; emit, prisma, enmap, aviris.",
        metavar="NAME",
        panel=INPUT,
        suggest="satellites",
    ),
]
SunZenith = Annotated[
    float | None,
    Field(ge=0, lt=85),
    Option(
        "Sun's angle from the vertical, degrees.",
        metavar="DEG",
        panel=INPUT,
        default="the product's, or by time and place",
    ),
]
ViewZenith = Annotated[
    float | None,
    Field(ge=0, lt=70),
    Option(
        "View's angle from the vertical, degrees.", metavar="DEG", panel=INPUT, default="the product's, or 0"
    ),
]

THRESHOLD = Option(
    "Fix the threshold, in the method's own unit; of scene classifiers, the least score.",
    metavar="VALUE",
    default="found from the scene, or the model's",
)
NO_MODEL = "no model is named; say --model NAME|FOLDER|FILE.onnx (see geoseg models list)"
REFERENCE = Option(
    "The same place on a day without plume; several are averaged. Takes the surface away.",
    metavar="SCENE",
    panel=INPUT,
    common=True,
)

Overwrite = Annotated[bool, Option("Replace outputs that exist.", panel=OUTPUT, common=True)]
FOLDER = Option(
    "The folder to write.", name="output", short="-o", metavar="FOLDER", panel=OUTPUT, common=True
)

Tile = Annotated[
    int | None,
    Field(ge=16),
    Option("Side of a tile in pixels.", metavar="PX", panel=ENGINE, default="the method's or the model's"),
]
BatchSize = Annotated[
    int | None,
    Field(ge=1),
    text.reads(text.batch_size),
    Option("Tiles scored at once.", metavar="auto|N", panel=ENGINE, default="auto", word="auto"),
]
Device = Annotated[
    str,
    Field(pattern=DEVICE),
    Option(
        "Where networks run; cuda alone: all GPUs. What is asked for is used or refused.",
        metavar="auto|cpu|cuda:N",
        panel=ENGINE,
        suggest="devices",
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16", "int8"],
    Option(
        "Arithmetic of networks. auto: the fastest that agrees with fp32 on tiles of the scene.", panel=ENGINE
    ),
]
Threads = Annotated[int | None, Field(ge=1), Option("Threads.", metavar="N", panel=ENGINE, default="all")]

Data = Annotated[
    Path | None,
    Option(
        "Where the labelled set lies, instead of the config's data.root; of evaluate methane, pairs of "
        "scenes.",
        metavar="FOLDER",
        panel=INPUT,
    ),
]
Settings = Annotated[
    dict[str, object],
    text.reads(text.settings),
    Option(
        "Change a value of the config by its dotted name: loop.epochs=20. Repeatable.",
        name="set",
        metavar="KEY=VALUE",
        panel=INPUT,
    ),
]
SCENE_FILES = Option(
    "A scene: a folder of band files, a product, or files (repeatable). Where simulated plumes go; for "
    "tensorrt, on whose tiles less than float32 is calibrated and proved.",
    name="scene",
    metavar="SCENE",
    panel=INPUT,
)
Seed = Annotated[int, Field(ge=0), Option("The same seed makes the same random choices.", metavar="S")]
Models = Annotated[
    tuple[str, ...],
    Option("A bundle or ONNX file; repeatable.", name="model", metavar="NAME|PATH", suggest="models"),
]

"""Requests for evaluations: of maps by labels, of a finished map by points, of methane by simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import (
    FOLDER,
    REFERENCE,
    SCENE_FILES,
    Coregister,
    Data,
    Models,
    Overwrite,
    Satellite,
    Seed,
    Settings,
    SunZenith,
    ViewZenith,
)
from geoseg.spec.option import INPUT, OUTPUT, Option

CLASS_RASTER = Option(
    "A class raster, as --raster OUT.tif writes it.",
    metavar="MAP",
    argument=True,
    missing="no MAP is given; name a class raster, as --raster OUT.tif writes it",
)


class MapsRequest(Spec):
    """A comparison of maps with labels: of networks, or of methods."""

    config: Annotated[
        str,
        Option(
            "A training's YAML file, or the name of one that comes with geoseg (docs/train.md).",
            metavar="CONFIG",
            argument=True,
            missing="no CONFIG is given; name a training's YAML file",
        ),
    ]
    data: Data = None
    settings: Settings = {}
    models: Models = ()
    methods: Annotated[
        tuple[str, ...],
        Option(
            "A classical method, with options in the same quotes: 'sar-vh --threshold -20'. Repeatable; the "
            "config's baselines come besides.",
            name="method",
            metavar="'NAME [OPTION VALUE]...'",
        ),
    ] = ()
    on: Annotated[Literal["test", "val", "train", "all"], Option("Part of the split.", panel=INPUT)] = "val"
    leave_one_out: Annotated[
        bool,
        Option("Train once for every part of the split (region, run, strip), without it, and judge on it."),
    ] = False
    shots: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Option("Train on N windows of the train part, and judge; repeatable.", metavar="N"),
    ] = ()
    record: Annotated[
        bool,
        Option(
            "Write score, best method and temperature into the bundle, for flood --method auto. With "
            "--leave-one-out they are those of the networks trained without a part.",
            panel=OUTPUT,
        ),
    ] = False
    output: Annotated[Path | None, FOLDER] = None
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _one_bundle(self) -> MapsRequest:
        if self.record and len(self.models) != 1:
            raise ValueError("--record writes into one bundle: give one --model")
        return self


class SampleRequest(Spec):
    """A sample of a finished map, to be interpreted."""

    target: Annotated[str, CLASS_RASTER]
    number: Annotated[
        int,
        Field(ge=1),
        Option(
            "Pixels to draw at random, every class a stratum; the column reference is filled in by people.",
            short="-n",
            metavar="N",
            missing="no number of points is given; say -n N, such as -n 300",
        ),
    ]
    output: Annotated[
        Path,
        Option(
            "The file of points: .gpkg or .csv.",
            short="-o",
            metavar="POINTS",
            panel=OUTPUT,
            missing="no output is named; say -o POINTS.gpkg",
        ),
    ]
    seed: Seed = 0
    min_per_class: Annotated[
        int | None,
        Field(ge=2),
        Option("Points of rare classes at least.", metavar="N", default="50, or fewer"),
    ] = None
    overwrite: Overwrite = False


class AreaRequest(Spec):
    """Accuracy and area of a finished map, estimated from interpreted points."""

    target: Annotated[str, CLASS_RASTER]
    sample: Annotated[
        Path,
        Option(
            "Interpreted points: any vector file, or a .csv with lon and lat.",
            metavar="POINTS",
            argument=True,
            missing="no POINTS are given; geoseg evaluate sample MAP -n N -o POINTS.gpkg draws them",
        ),
    ]
    column: Annotated[
        str, Option("Column of POINTS with class numbers or labels.", metavar="NAME", panel=INPUT)
    ] = "reference"
    output: Annotated[Path | None, FOLDER] = None
    overwrite: Overwrite = False


class MethaneRequest(Spec):
    """A search for simulated plumes of known rate in scenes."""

    data: Data = None
    scene: Annotated[tuple[str, ...], SCENE_FILES] = ()
    reference: Annotated[tuple[str, ...], REFERENCE] = ()
    ground: Annotated[
        tuple[float, ...],
        Option(
            "Even, bright, simulated ground too, with this noise of the ratio of both bands: 0.01 is 1 %. "
            "Repeatable.",
            metavar="NOISE",
            panel=INPUT,
        ),
    ] = ()
    satellite: Satellite = None
    coregister: Coregister = False
    sun_zenith: SunZenith = None
    view_zenith: ViewZenith = None
    rates: Annotated[tuple[float, ...], text.reads(text.numbers), Option("Rates.", metavar="T/H,...")] = (
        2.0,
        5.0,
        10.0,
        20.0,
    )
    winds: Annotated[
        tuple[float, ...],
        text.reads(text.numbers),
        Option("Winds, which the search knows.", metavar="M/S,..."),
    ] = (3.0,)
    methods: Annotated[
        tuple[Literal["mbmp", "mbsp", "sbmp"], ...],
        text.reads(text.words),
        Option("Of mbmp, mbsp, sbmp; without reference only mbsp serves.", metavar="NAME,..."),
    ] = ("mbmp", "mbsp")
    places: Annotated[
        int, Field(ge=1), Option("Sources in each scene, drawn on clear land.", metavar="N")
    ] = 4
    seed: Seed = 0
    wind_from: Annotated[
        float | None,
        Field(ge=0, le=360),
        Option(
            "Direction that all winds come from.", name="from", metavar="DEG", default="drawn for each place"
        ),
    ] = None
    stability: Annotated[
        Literal["A", "B", "C", "D", "E", "F"] | None,
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
        Option(
            "Pasquill's class of the air, A the most mixed.",
            default="of a clear morning, by the wind",
            choices=tuple("abcdef"),
        ),
    ] = None
    age: Annotated[float, Option("How long sources have been on.", metavar="MINUTES")] = 30.0
    extend: Annotated[
        bool,
        Option(
            "Let absorption go on beyond the end of its table: an upper bound of what is found of large "
            "plumes. Else it stays at the end: a lower bound."
        ),
    ] = False
    output: Annotated[Path | None, FOLDER] = None
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _scenes_of_one_kind(self) -> MethaneRequest:
        if self.scene and self.data:
            raise ValueError("--data FOLDER holds pairs, --scene is one: say one of them")
        if self.reference and not self.scene:
            raise ValueError("--reference belongs to --scene SCENE")
        return self

"""Requests of evaluate: maps against labels, a finished map against points, methane by simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import (
    FOLDER,
    REFERENCE,
    REPORT,
    SCENE_FILES,
    Coregister,
    Data,
    LocalHtml,
    LocalPath,
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
    "A class raster, as written by --raster OUT.tif.",
    metavar="MAP",
    argument=True,
    missing="no MAP is given; add the path of a class raster, as written by `--raster OUT.tif`",
)


class MapsRequest(Spec):
    """A comparison of maps by networks and methods with labels."""

    config: Annotated[
        str,
        Option(
            "A training config: a YAML file, or the name of one installed with geoseg (docs/train.md).",
            metavar="CONFIG",
            argument=True,
            missing="no CONFIG is given; add the path of a training config (YAML)",
        ),
    ]
    data: Data = None
    settings: Settings = {}
    models: Models = ()
    methods: Annotated[
        tuple[str, ...],
        Option(
            "A classical method, with its options in the same quotes: 'sar-vh --threshold -20'. "
            "Repeatable. The baselines of the config are evaluated too.",
            name="method",
            metavar="'NAME [OPTION VALUE]...'",
        ),
    ] = ()
    on: Annotated[
        Literal["test", "val", "train", "all"], Option("Part of the split to evaluate.", panel=INPUT)
    ] = "val"
    leave_one_out: Annotated[
        bool,
        Option("For each part of the split (region, run, strip): train without it and evaluate on it."),
    ] = False
    shots: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Option("Train on N windows of the train part, then evaluate. Repeatable.", metavar="N"),
    ] = ()
    record: Annotated[
        bool,
        Option(
            "Write scores, those of all rivals (trivial rules, classical methods) and the temperature "
            "into the bundle. flood --method auto uses a network only if it exceeds all of them on a "
            "sensor, region and event that it was not trained on. With --leave-one-out, scores of networks "
            "trained without a part.",
            panel=OUTPUT,
        ),
    ] = False
    output: Annotated[LocalPath | None, FOLDER] = None
    report: Annotated[LocalHtml | None, REPORT] = None
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _one_bundle(self) -> MapsRequest:
        if self.record and len(self.models) != 1:
            raise ValueError("`--record` writes into one bundle; give exactly one `--model`")
        return self


class SampleRequest(Spec):
    """A stratified sample of a finished map, for interpretation."""

    target: Annotated[str, CLASS_RASTER]
    number: Annotated[
        int,
        Field(ge=1),
        Option(
            "Number of points of the stratified random sample; each class is a stratum. An interpreter "
            "fills in the column reference.",
            short="-n",
            metavar="N",
            missing="no number of points is given; add `-n N`, such as `-n 300`",
        ),
    ]
    output: Annotated[
        LocalPath,
        Option(
            "File of points to write: .gpkg or .csv.",
            short="-o",
            metavar="POINTS",
            panel=OUTPUT,
            missing="no output is given; add `-o POINTS.gpkg`",
        ),
    ]
    seed: Seed = 0
    min_per_class: Annotated[
        int | None,
        Field(ge=2),
        Option("Least number of points of each class.", metavar="N", default="50, or fewer"),
    ] = None
    overwrite: Overwrite = False


class AreaRequest(Spec):
    """An estimate of the accuracy and areas of a finished map from interpreted points."""

    target: Annotated[str, CLASS_RASTER]
    sample: Annotated[
        Path,
        Option(
            "Interpreted points: any vector file, or a .csv with lon and lat.",
            metavar="POINTS",
            argument=True,
            missing="no POINTS are given; draw them with `geoseg evaluate sample MAP -n N -o POINTS.gpkg`",
        ),
    ]
    column: Annotated[
        str,
        Option("Column of POINTS with the reference class, as value or label.", metavar="NAME", panel=INPUT),
    ] = "reference"
    output: Annotated[LocalPath | None, FOLDER] = None
    report: Annotated[LocalHtml | None, REPORT] = None
    overwrite: Overwrite = False


class MethaneRequest(Spec):
    """A detection test: simulated plumes of known source rate in scenes."""

    data: Data = None
    scene: Annotated[tuple[str, ...], SCENE_FILES] = ()
    reference: Annotated[tuple[str, ...], REFERENCE] = ()
    ground: Annotated[
        tuple[float, ...],
        Option(
            "Also use a simulated scene of uniform bright ground, with this noise of the ratio of the two "
            "bands: 0.01 is 1 %. Repeatable.",
            metavar="NOISE",
            panel=INPUT,
        ),
    ] = ()
    satellite: Satellite = None
    coregister: Coregister = None
    sun_zenith: SunZenith = None
    view_zenith: ViewZenith = None
    rates: Annotated[
        tuple[float, ...], text.reads(text.numbers), Option("Source rates.", metavar="T/H,...")
    ] = (2.0, 5.0, 10.0, 20.0)
    winds: Annotated[
        tuple[float, ...],
        text.reads(text.numbers),
        Option("Wind speeds; the retrieval gets the true wind.", metavar="M/S,..."),
    ] = (3.0,)
    methods: Annotated[
        tuple[Literal["mbmp", "mbsp", "sbmp"], ...],
        text.reads(text.words),
        Option("Methods: mbmp, mbsp, sbmp. Without a reference only mbsp is possible.", metavar="NAME,..."),
    ] = ("mbmp", "mbsp")
    places: Annotated[
        int,
        Field(ge=1),
        Option("Number of sources in each scene, at random places on clear land.", metavar="N"),
    ] = 4
    seed: Seed = 0
    wind_from: Annotated[
        float | None,
        Field(ge=0, le=360),
        Option(
            "Direction from which the wind blows.",
            name="from",
            metavar="DEG",
            default="random for each place",
        ),
    ] = None
    stability: Annotated[
        Literal["A", "B", "C", "D", "E", "F"] | None,
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
        Option(
            "Pasquill stability class; A is the most unstable.",
            default="that of a clear morning at this wind",
            choices=tuple("abcdef"),
        ),
    ] = None
    age: Annotated[float, Option("Time since the start of the emission.", metavar="MINUTES")] = 30.0
    extend: Annotated[
        bool,
        Option(
            "Extrapolate absorption beyond its table, which gives an upper bound of the detection of large "
            "plumes. By default it is constant there, which gives a lower bound."
        ),
    ] = False
    output: Annotated[LocalPath | None, FOLDER] = None
    report: Annotated[LocalHtml | None, REPORT] = None
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _scenes_of_one_kind(self) -> MethaneRequest:
        if self.scene and self.data:
            raise ValueError(
                "`--data` (a folder of pairs) and `--scene` exclude each other; give one of them"
            )
        if self.reference and not self.scene:
            raise ValueError("`--reference` needs `--scene SCENE`")
        return self

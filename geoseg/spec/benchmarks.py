"""A benchmark of pretrained encoders: ranges of metrics, groups of data sets; requests of bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import FOLDER, REPORT, Data, LocalHtml, LocalPath, Overwrite, Settings, Threads
from geoseg.spec.option import INPUT, Option

NEEDED_FOLDER = replace(FOLDER, missing="no output is given; add `-o FOLDER`")


class BenchmarkSpec(Spec):
    """The data sets of a benchmark (`geoseg/configs/benchmarks/*.yaml`)."""

    title: str
    citation: str
    ranges: dict[str, tuple[float, float]]
    """Values of each data set's metric that become 0 and 1."""
    metrics: tuple[str, ...]
    """Names of the metrics of which ranges are."""
    capabilities: dict[str, tuple[str, ...]]
    """Data sets of each capability."""
    errors: dict[str, float] = {}
    """Factor by which a root mean square error of a data set becomes a score: 1 - factor * error."""

    @model_validator(mode="after")
    def _has_ranges(self) -> BenchmarkSpec:
        for name, datasets in self.capabilities.items():
            if unknown := set(datasets) - set(self.ranges):
                raise ValueError(f"capabilities.{name}: {sorted(unknown)[0]} has no range")
        return self


class BenchReportRequest(Spec):
    """A comparison of released result files."""

    results: Annotated[
        tuple[Path, ...],
        Field(min_length=1),
        Option(
            "Result files: those of geoseg bench run, or results_and_parameters.csv of a submission to "
            "GEO-Bench-2. Each file is one submission.",
            metavar="RESULTS.csv...",
            argument=True,
            missing="no RESULTS.csv is given; add result files of `geoseg bench run` or of GEO-Bench-2",
        ),
    ]
    output: Annotated[LocalPath | None, FOLDER] = None
    report: Annotated[LocalHtml | None, REPORT] = None
    overwrite: Overwrite = False


class BenchRunRequest(Spec):
    """A run of a protocol."""

    configs: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        Option(
            "Training configs: YAML files, or names of configs installed with geoseg (docs/train.md). One "
            "for each encoder, data set or sensor to compare.",
            metavar="CONFIG...",
            argument=True,
            missing="no CONFIG is given; add training configs (YAML)",
        ),
    ]
    protocol: Annotated[
        Literal["pangaea", "flood-regions"],
        Option(
            "pangaea: frozen encoder and UPerNet, with shares of the labels. flood-regions: each region left "
            "out in turn, and few training images (docs/protocols.md).",
            panel=INPUT,
            missing="no protocol is given; add `--protocol pangaea` or `--protocol flood-regions`",
        ),
    ]
    data: Data = None
    settings: Settings = {}
    labels: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100)], ...],
        text.reads(text.numbers),
        Option("For pangaea: shares of the training labels.", metavar="PERCENT,...", panel=INPUT),
    ] = (10.0, 50.0, 100.0)
    images: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        text.reads(text.numbers),
        Option(
            "For flood-regions: numbers of training images; 0: regions left out alone.",
            metavar="N,...",
            panel=INPUT,
        ),
    ] = (1.0, 5.0, 10.0, 20.0)
    seeds: Annotated[
        int | None,
        Field(ge=1),
        Option(
            "Number of trainings of each setting, with different seeds; for flood-regions also of draws of "
            "training images.",
            metavar="N",
            default="1 for pangaea, 5 for flood-regions",
        ),
    ] = None
    output: Annotated[
        LocalPath,
        NEEDED_FOLDER,
    ]
    overwrite: Overwrite = False
    resume: Annotated[
        bool,
        Option(
            "Continue a run that was interrupted: trainings that are finished, with the same config and "
            "data, are not repeated."
        ),
    ] = False
    threads: Threads = None

    @model_validator(mode="after")
    def _one_folder(self) -> BenchRunRequest:
        if self.data is not None and len(self.configs) > 1:
            raise ValueError(
                "`--data` sets the folder of one config; set data.root in each of several configs"
            )
        for option, numbers in (("labels", self.labels), ("images", self.images)):
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"`--{option}`: a number is given twice")
        if fractions := [number for number in self.images if number % 1]:
            raise ValueError(f"`--images {fractions[0]:g}`: give whole numbers of images")
        return self


class BenchImportRequest(Spec):
    """An import of a Python data set."""

    dataset: Annotated[
        str,
        Option(
            "A class of torchgeo.datasets, MODULE.CLASS of another one with its interface, so2sat (HDF5 "
            "files) or meter-ml.",
            metavar="CLASS",
            argument=True,
            missing="no CLASS is given; add a class of torchgeo.datasets, such as LandCoverAI, or so2sat",
        ),
    ]
    arguments: Annotated[
        dict[str, object],
        text.reads(text.settings),
        Option(
            "Set an argument of the class: root=FOLDER. Repeatable.",
            name="argument",
            metavar="KEY=VALUE",
            panel=INPUT,
        ),
    ] = {}
    parts: Annotated[
        tuple[str, ...],
        text.reads(text.words),
        Option(
            "Parts of the split, which the argument split of the class gets: train,val,test.",
            name="splits",
            metavar="NAME,...",
            panel=INPUT,
            default="none",
        ),
    ] = ()
    bands: Annotated[
        tuple[str, ...],
        text.reads(text.words),
        Option(
            "Names of the bands of images, in their order: red,green,blue.",
            name="channels",
            metavar="NAME,...",
            panel=INPUT,
            default="those of so2sat",
        ),
    ] = ()
    side: Annotated[
        int,
        Field(ge=16),
        Option("Side of the tiles that a data set of whole scenes is divided into.", metavar="PX"),
    ] = 512
    limit: Annotated[
        int | None,
        Field(ge=1),
        Option("Greatest number of samples of each part.", metavar="N", default="all"),
    ] = None
    output: Annotated[
        LocalPath,
        NEEDED_FOLDER,
    ]

"""The request for a map of change between two dates."""

from __future__ import annotations

import os
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from geoseg.spec.base import Spec
from geoseg.spec.dates import DateText
from geoseg.spec.fields import THRESHOLD, Coregister, CsvPath, Layers, Polarisation, Speckle
from geoseg.spec.option import INPUT, OUTPUT, Option, RunPart
from geoseg.spec.runs import RunSpec, SceneSpec


def _odd(value: int | None) -> int | None:
    if value is not None and value % 2 == 0:
        raise ValueError(f"{value} is even; use an odd number, so that the window has a central pixel")
    return value


class ChangeSpec(Spec):
    """A request for a map of change between two dates."""

    before: Annotated[
        SceneSpec,
        Option(
            "The earlier scene: a raster, a folder of band files, a product or a URL; or a class raster. "
            "The map has its grid.",
            metavar="BEFORE",
            argument=True,
            missing="no scene is given; two are needed: `geoseg change BEFORE AFTER -o OUT`",
        ),
    ]
    after: Annotated[
        SceneSpec,
        Option(
            "The later scene, or a class raster, on any grid. Only pixels observed on both dates are mapped.",
            metavar="AFTER",
            argument=True,
            missing="only one scene is given; two are needed: `geoseg change BEFORE AFTER -o OUT`",
            prefix="after:",
        ),
    ]
    run: RunSpec
    method: Annotated[
        str,
        Option(
            "Method that compares the dates; classes: both rasters are class rasters. See docs/change.md.",
            metavar="NAME",
            common=True,
            suggest="change-methods",
        ),
    ] = "auto"
    model: Annotated[
        str | None,
        Option(
            "A network in place of a method: of one date (both dates are classified and compared), or of "
            "two dates.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    threshold: Annotated[float | None, THRESHOLD] = None
    seed_threshold: Annotated[
        float | None,
        Field(ge=0),
        Option(
            "Map only places that exceed this value in one pixel, as far as they exceed the threshold; "
            "0: all pixels above the threshold.",
            metavar="VALUE",
            default="of mad found in the scene, else 0",
            read_with=(RunPart.IMAGES,),
        ),
    ] = None
    thresholding: Annotated[
        Literal["auto", "robust", "ki", "otsu", "chi2"],
        Option("Method that finds the threshold.", read_with=(RunPart.IMAGES,), replaced_by="threshold"),
    ] = "auto"
    alpha: Annotated[
        float,
        Field(gt=0, lt=1),
        Option(
            "Significance level of chi2: expected share of unchanged pixels that are mapped as change.",
            metavar="SHARE",
            read_with=("thresholding=chi2",),
            replaced_by="threshold",
        ),
    ] = 0.001
    normalise: Annotated[
        Literal["auto", "irmad", "histogram", "none"],
        Option(
            "Radiometric normalisation of AFTER to BEFORE, for the methods that need it.",
            read_with=(RunPart.IMAGES,),
        ),
    ] = "auto"
    coregister: Coregister = None
    smooth: Annotated[
        int | None,
        Field(ge=1, le=99),
        AfterValidator(_odd),
        Option(
            "Average the change measure over a window of this size, an odd number.",
            metavar="PX",
            default="5; 3 for irmad; 1 for chi2 and SAR",
            read_with=(RunPart.IMAGES,),
        ),
    ] = None
    polarisation: Polarisation = "auto"
    speckle: Speckle = "refined-lee"
    spectral: Annotated[
        str,
        Option(
            "Spectral classes that give the class before and after, without a network.",
            metavar="NAME|FILE",
            read_with=(RunPart.IMAGES,),
        ),
    ] = "land"
    rules: Annotated[
        str | None,
        Option(
            "Transition table that assigns a type of change to each pair of classes: land-cover, "
            "alpine-habitat, or a YAML file. It must contain the classes of the map. none: no types.",
            metavar="NAME|FILE|none",
            common=True,
            default="land-cover for the spectral classes land",
        ),
    ] = None
    within_class: Annotated[
        bool,
        Option(
            "Also map change within one spectral class that has no type in the table, such as water → water.",
            read_with=(RunPart.IMAGES,),
        ),
    ] = False
    layer: Layers = {}
    matrix: Annotated[
        CsvPath | None,
        Option("Also write the from-to matrix in hectares, as CSV.", metavar="OUT.csv", panel=OUTPUT),
    ] = None
    date_before: Annotated[
        DateText | None,
        Option(
            "Date of BEFORE, if its files do not state it: 2018, 2018-06, 2018-06-01.",
            metavar="DATE",
            panel=INPUT,
        ),
    ] = None
    date_after: Annotated[
        DateText | None, Option("Date of AFTER, in the same form.", metavar="DATE", panel=INPUT)
    ] = None

    @property
    def table(self) -> str | None:
        """Name or path of the transition table that is asked for; None: none."""
        return None if self.rules == "none" else self.rules

    @field_validator("after")
    @classmethod
    def _laid_out_alike(cls, after: SceneSpec, info: ValidationInfo) -> SceneSpec:
        """Apply `--band` entries of the earlier file to the later one, if it has none of its own."""
        before = info.data.get("before")
        if not isinstance(before, SceneSpec) or after.bands:
            return after
        first, second = before.paths[0], after.paths[0]
        alike = {}
        for name, path in before.bands.items():
            file, _, index = path.rpartition(":") if re.search(r":\d+$", path) else (path, "", "")
            if not file:
                alike[name] = path
            elif os.path.normpath(file) == os.path.normpath(first):
                alike[name] = f"{second}:{index}" if index else second
            elif path.startswith(first) and (rest := path.removeprefix(first)).startswith("/"):
                alike[name] = second + rest
        return after.model_copy(update={"bands": alike})

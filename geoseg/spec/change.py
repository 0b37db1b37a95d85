"""The request for a map of change between two dates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.dates import DateText
from geoseg.spec.fields import THRESHOLD, Coregister, Polarisation, Speckle
from geoseg.spec.option import INPUT, OUTPUT, Option
from geoseg.spec.runs import RunSpec, SceneSpec


def _odd(value: int | None) -> int | None:
    if value is not None and value % 2 == 0:
        raise ValueError(f"{value} has no middle: use an odd number")
    return value


class ChangeSpec(Spec):
    """A request for a map of change between two dates."""

    before: Annotated[
        SceneSpec,
        Option(
            "The earlier scene: a raster, a folder of band files, a product, or a URL; or a map of classes. "
            "Its grid is the map's.",
            metavar="BEFORE",
            argument=True,
            missing="no scene is given; name two dates: geoseg change BEFORE AFTER -o OUT",
        ),
    ]
    after: Annotated[
        SceneSpec,
        Option(
            "The later scene, or a map of classes; any grid and extent. Only what both saw is mapped.",
            metavar="AFTER",
            argument=True,
            missing="only one scene is given; name two dates: geoseg change BEFORE AFTER -o OUT",
            prefix="after:",
        ),
    ]
    run: RunSpec
    method: Annotated[
        str,
        Option(
            "How the dates are compared; classes: the values of both rasters are classes. docs/change.md "
            "describes all.",
            metavar="NAME",
            common=True,
            suggest="change-methods",
        ),
    ] = "auto"
    model: Annotated[
        str | None,
        Option(
            "A network instead: of one date (both are classified and compared), or of two dates.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    threshold: Annotated[float | None, THRESHOLD] = None
    thresholding: Annotated[
        Literal["auto", "robust", "ki", "otsu", "chi2"], Option("How the threshold is found.")
    ] = "auto"
    alpha: Annotated[
        float,
        Field(gt=0, lt=1),
        Option("Share of unchanged pixels that chi2 takes for change.", metavar="SHARE"),
    ] = 0.001
    normalise: Annotated[
        Literal["auto", "irmad", "histogram", "none"],
        Option("How AFTER is brought to the radiometry of BEFORE, where a method needs it."),
    ] = "auto"
    coregister: Coregister = False
    smooth: Annotated[
        int | None,
        Field(ge=1, le=99),
        AfterValidator(_odd),
        Option(
            "Average change over a window of this side, odd.",
            metavar="PX",
            default="5; irmad 3; chi2 and SAR 1",
        ),
    ] = None
    polarisation: Polarisation = "auto"
    speckle: Speckle = "refined-lee"
    spectral: Annotated[
        str, Option("Spectral classes that say from what to what without a network.", metavar="NAME|FILE")
    ] = "land"
    rules: Annotated[
        str | None,
        Option(
            "A table that turns pairs of classes into kinds of change: land-cover, alpine-habitat, or a YAML "
            "file. It must know the classes.",
            metavar="NAME|FILE",
            common=True,
        ),
    ] = None
    layer: Annotated[
        dict[str, str],
        text.reads(text.named_paths),
        Option(
            "A further raster on any grid: height=chm.tif, after:height=later.tif; of dem=PATH also slope, "
            "aspect, roughness, tri and tpi. Repeatable.",
            metavar="NAME=PATH",
            panel=INPUT,
        ),
    ] = {}
    matrix: Annotated[
        Path | None, Option("Also write the from-to matrix in hectares.", metavar="OUT.csv", panel=OUTPUT)
    ] = None
    date_before: Annotated[
        DateText | None,
        Option(
            "Date of BEFORE where its files do not tell: 2018, 2018-06, 2018-06-01.",
            metavar="DATE",
            panel=INPUT,
        ),
    ] = None
    date_after: Annotated[DateText | None, Option("Date of AFTER.", metavar="DATE", panel=INPUT)] = None

    @field_validator("after")
    @classmethod
    def _laid_out_alike(cls, after: SceneSpec, info: ValidationInfo) -> SceneSpec:
        """Take bands that are named in the earlier file alone for those of the later one too."""
        before = info.data.get("before")
        if not isinstance(before, SceneSpec) or after.bands:
            return after
        first, second = before.paths[0], after.paths[0]
        alike = {
            name: second + path.removeprefix(first)
            for name, path in before.bands.items()
            if path.startswith(first)
        }
        return after.model_copy(update={"bands": alike})

"""Configuration of the files of a labelled set: images, labels and what their values mean, and the split."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from geoseg.spec import SarUnits, Spec

PLACEHOLDERS = ("id", "region", "split")


def _known(pattern: str) -> str:
    """Return a pattern.

    Raises:
        ValueError: it has an unknown placeholder.
    """
    if unknown := [name for name in re.findall(r"\{(.*?)\}", pattern) if name not in PLACEHOLDERS]:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"{pattern}: unknown placeholder {{{unknown[0]}}}; known are {known}")
    return pattern


Pattern = Annotated[str, AfterValidator(_known)]
"""Path relative to the root of a set, with `{id}`, `{region}`, `{split}` and `*`."""


class ImageSpec(Spec):
    """The images of one date or sensor."""

    files: Pattern
    """Pattern relative to the root: `{id}` and `{region}` match the name of a sample, `{split}` the name of
    its part (`train`, `val`, `test` and the like), `*` any text."""
    prefix: str = ""
    """Prefix of the band names (`before` in `before:vv`); empty for the first image, whose grid is used."""
    bands: dict[str, int | str] = {}
    """Band index in the file, from 1, by name; empty: from the file's band names or the sensor's band
    order. Where `files` matches folders: pattern of the band's file in the folder, such as `*_B03.tif`."""
    sensor: str | None = None
    sar_units: SarUnits = "auto"
    clouds: Literal["auto", "product", "none"] = "auto"
    """Whether quality layers of the product mask pixels; masked pixels are excluded from training and
    evaluation."""
    nodata: float | None = None
    """Physical value that means "not observed" where all bands of the file have it."""


class LabelSpec(Spec):
    """The labels: rasters on any grid, or polygons."""

    files: Pattern
    """Pattern relative to the root, with the placeholders of the images."""
    band: Annotated[int, Field(ge=1)] = 1
    codes: dict[int, int] = {}
    """Class 0..K-1 of each stored value, nodata included; empty: the stored values are the classes."""
    ignore: tuple[int, ...] = ()
    """Stored values without a class, in addition to 255 and the nodata value of the file."""
    inside: Annotated[int, Field(ge=0, le=254)] = 1
    """Class of pixels inside polygons; pixels outside have class 0."""


class SplitSpec(Spec):
    """Assignment of samples to training, validation and testing."""

    kind: Literal["random", "runs", "region", "strips", "files"] = "runs"
    """`runs`: consecutive ids; `strips`: strips along x or y; `files`: lists of ids or of names of files;
    `region`: by region."""
    parts: Annotated[int, Field(ge=2)] = 10
    """Number of runs, strips or random parts, all of equal size."""
    val: tuple[str, ...] = ()
    """Parts (from 0), regions, or a file with an id in each line, used for validation. A line may also begin
    with the name of an image or label, as rows of a CSV file do."""
    test: tuple[str, ...] = ()
    """The same for testing; test samples are used neither for training nor for choosing weights."""
    train: tuple[str, ...] = ()
    """The same for training; empty: all that is in neither `val` nor `test`."""
    axis: Literal["x", "y"] = "x"
    """Axis along which strips follow each other."""
    seed: int = 0
    """Seed of the random parts."""

    @model_validator(mode="after")
    def _parts_exist(self) -> SplitSpec:
        roles = {"train": set(self.train), "val": set(self.val), "test": set(self.test)}
        for one, other in combinations(roles, 2):
            if both := roles[one] & roles[other]:
                raise ValueError(f"{sorted(both)[0]} is in both {one} and {other}")
        if self.kind in {"random", "runs", "strips"}:
            wrong = [
                name
                for name in (*self.train, *self.val, *self.test)
                if name not in map(str, range(self.parts))
            ]
            if wrong:
                raise ValueError(f"{wrong[0]} is not a part; parts are 0 to {self.parts - 1}")
        if self.kind == "files" and max(len(self.train), len(self.val), len(self.test)) > 1:
            raise ValueError("train, val and test take at most one file of ids each")
        return self

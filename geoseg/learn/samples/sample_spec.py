"""Configuration of a labelled set: files of images and labels, label values, and the split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from geoseg.learn.samples.data_layouts import with_layout
from geoseg.spec import Atmosphere, Coverage, SarUnits, Spec
from geoseg.spec.presets import sensors


class ImageSpec(Spec):
    """The images of one date or sensor."""

    files: str
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

    files: str
    """Pattern relative to the root, with the placeholders of the images."""
    band: Annotated[int, Field(ge=1)] = 1
    codes: dict[int, int] = {}
    """Class 0..K-1 of each stored value; empty: the stored values are the classes."""
    ignore: tuple[int, ...] = ()
    """Stored values without a class, in addition to 255 and the nodata value of the file."""
    inside: Annotated[int, Field(ge=0, le=254)] = 1
    """Class of pixels inside polygons; pixels outside have class 0."""


class DataSpec(Spec):
    """A labelled set."""

    root: Path = Path()
    """Folder to which patterns and the table are relative; itself relative to the working directory."""
    layout: str | None = None
    """Layout of a published set, which supplies all keys that are not given (docs/protocols.md)."""
    images: Annotated[tuple[ImageSpec, ...], Field(min_length=1)]
    labels: LabelSpec
    layers: dict[str, str] = {}
    """Patterns of further rasters by name, as `--layer` has them: `coherence`, `dem`, `phase`."""
    table: Path | None = None
    """CSV or GeoPackage that replaces the patterns, with columns `id`, `image`, `label` and optionally
    `region`, `split`, `image:PREFIX`, `layer:NAME`."""
    without: tuple[str, ...] = ()
    """Ids of samples to exclude."""
    only: tuple[str, ...] = ()
    """Ids of samples to use; empty: all."""
    doubtful: tuple[str, ...] = ()
    """Ids of samples whose label contradicts the image: excluded from training, included in evaluation."""
    covers: dict[str, Coverage] = {}
    """Sensors, regions and events of the samples, by the value of `{region}` (`""` without regions); what is
    not known cannot count as left out of a training."""

    @model_validator(mode="before")
    @classmethod
    def _as_the_layout(cls, table: Any) -> Any:
        return with_layout(table) if isinstance(table, dict) else table

    @model_validator(mode="after")
    def _first_image_is_plain(self) -> DataSpec:
        if self.images[0].prefix:
            raise ValueError(
                "images: the first image must not have a prefix, because its grid is the grid of the sample"
            )
        prefixes = [image.prefix for image in self.images]
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("images: two images have the same prefix")
        patterns = (*(image.files for image in self.images), self.labels.files, *self.layers.values())
        for pattern in patterns:
            unknown = set(re.findall(r"\{(.*?)\}", pattern)) - {"id", "region", "split"}
            if unknown:
                raise ValueError(
                    f"{pattern}: unknown placeholder {{{unknown.pop()}}}; use {{id}}, {{region}} or {{split}}"
                )
        return self


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


def coverage_of(data: DataSpec, regions: Iterable[str]) -> Coverage:
    """Return the sensors, regions and events of the samples of some regions."""
    covered = [data.covers.get(name, Coverage()) for name in dict.fromkeys(regions)]
    return reduce(or_, covered) if covered else Coverage()


def atmosphere_of(names: Iterable[str | None]) -> Atmosphere | None:
    """Return the kind of reflectance of sensors given by name.

    `any` where sensors differ; None where a name is missing or a sensor does not measure reflectance.
    """
    specs = [sensors().get(name or "") for name in names]
    if not specs or any(item is None or item.units != "reflectance" for item in specs):
        return None
    levels: set[Atmosphere] = {"surface" if item and item.surface else "toa" for item in specs}
    return levels.pop() if len(levels) == 1 else "any"

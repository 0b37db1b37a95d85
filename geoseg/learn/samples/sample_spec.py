"""What describes a labelled set: where images and labels lie, what codes mean, what is held out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec import Atmosphere, SarUnits, Spec
from geoseg.spec.presets import sensors


class ImageSpec(Spec):
    """The images of one date or sensor."""

    files: str
    """Pattern below the root: `{id}` and `{region}` stand for what names a sample, `*` for anything."""
    prefix: str = ""
    """Of its band names in the network (`before:vv`); empty for the first image, whose grid is used."""
    bands: dict[str, int] = {}
    """Name to 1-based index in the file; empty: by the file's own names or its sensor's usual order."""
    sensor: str | None = None
    sar_units: SarUnits = "auto"
    clouds: Literal["auto", "product", "none"] = "auto"
    """Whether quality layers of the product mask pixels, which then are neither trained on nor judged."""
    nodata: float | None = None
    """Physical value that means "not observed" where all bands of the file hold it."""


class LabelSpec(Spec):
    """The labels: a raster on any grid, or polygons."""

    files: str
    """Pattern below the root, with the placeholders of the images."""
    band: Annotated[int, Field(ge=1)] = 1
    codes: dict[int, int] = {}
    """Stored value to class 0..K-1; empty: stored values are classes."""
    ignore: tuple[int, ...] = ()
    """Stored values that say nothing, besides 255 and the file's nodata."""
    inside: Annotated[int, Field(ge=0, le=254)] = 1
    """Class of what polygons cover; outside is class 0."""


class DataSpec(Spec):
    """A labelled set."""

    root: Path = Path()
    """Folder that patterns and the table start from; relative to where geoseg runs."""
    images: Annotated[tuple[ImageSpec, ...], Field(min_length=1)]
    labels: LabelSpec
    table: Path | None = None
    """CSV or GeoPackage with columns `id`, `image`, `label` (and `region`, `split`, `image:PREFIX`)
    instead of patterns."""
    without: tuple[str, ...] = ()
    """Ids that are left out altogether."""
    only: tuple[str, ...] = ()
    """Ids to keep; empty: all."""
    doubtful: tuple[str, ...] = ()
    """Ids whose label contradicts the image: never trained on, but judged like all others."""

    @model_validator(mode="after")
    def _first_image_is_plain(self) -> DataSpec:
        if self.images[0].prefix:
            raise ValueError("the first of images has no prefix: its grid is that of the sample")
        prefixes = [image.prefix for image in self.images]
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("two images have the same prefix")
        for pattern in (*(image.files for image in self.images), self.labels.files):
            unknown = set(re.findall(r"\{(.*?)\}", pattern)) - {"id", "region"}
            if unknown:
                raise ValueError(f"{pattern}: {{{unknown.pop()}}} is none of {{id}}, {{region}}")
        return self


class SplitSpec(Spec):
    """What is kept for validation and for the test, so that neighbours do not sit on both sides."""

    kind: Literal["random", "runs", "region", "strips", "files"] = "runs"
    """`runs`: runs of consecutive ids; `strips`: bands of longitude or latitude; `files`: lists of ids."""
    parts: Annotated[int, Field(ge=2)] = 10
    """How many runs, strips or random parts of equal size there are."""
    val: tuple[str, ...] = ()
    """Parts (from 0), regions, or one file of ids a line."""
    test: tuple[str, ...] = ()
    """The same for the test: never trained on, never chosen by."""
    axis: Literal["x", "y"] = "x"
    """What strips are cut along."""
    seed: int = 0

    @model_validator(mode="after")
    def _parts_exist(self) -> SplitSpec:
        both = set(self.val) & set(self.test)
        if both:
            raise ValueError(f"{sorted(both)[0]} is in val and in test")
        if self.kind in {"random", "runs", "strips"}:
            wrong = [name for name in (*self.val, *self.test) if name not in map(str, range(self.parts))]
            if wrong:
                raise ValueError(f"{wrong[0]} is no part: there are 0 to {self.parts - 1}")
        if self.kind == "files" and max(len(self.val), len(self.test)) > 1:
            raise ValueError("name one file of ids for val and one for test")
        return self


def atmosphere_of(names: Iterable[str | None]) -> Atmosphere | None:
    """Return which reflectance sensors give, by name; None where one is not named, or gives no reflectance.

    Sensors of both kinds together give `any`.
    """
    known = [sensors().get(name or "") for name in names]
    if not known or any(item is None or item.units != "reflectance" for item in known):
        return None
    levels: set[Atmosphere] = {"surface" if item and item.surface else "toa" for item in known}
    return levels.pop() if len(levels) == 1 else "any"

"""Configuration of a labelled set: its files, or the layout that states them, and what it covers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from geoseg.learn.samples.data_layouts import with_layout
from geoseg.learn.samples.file_patterns import ImageSpec, LabelSpec, Pattern
from geoseg.spec import Atmosphere, Coverage, Spec
from geoseg.spec.presets import sensors


class DataSpec(Spec):
    """A labelled set."""

    root: Path = Path()
    """Folder to which patterns and the table are relative; itself relative to the working directory."""
    layout: str | None = None
    """Layout of a published set, which supplies all keys that are not given (docs/protocols.md)."""
    images: Annotated[tuple[ImageSpec, ...], Field(min_length=1)]
    labels: LabelSpec
    layers: dict[str, Pattern] = {}
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

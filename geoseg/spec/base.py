"""Base class of all specs, and shared types: units, colours, classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from geoseg.files.network import shown
from geoseg.files.store_path import StorePath
from geoseg.spec.option import Option

Units = Literal["reflectance", "db", "linear", "radiance", "dn"]
Statistics = Literal["training", "scene", "scene-quantiles"]
"""What normalises the input of a network: mean and standard deviation of the training pixels or of each
scene, or the 90th percentile of each scene and its range from the 1st to the 99th."""
"""Unit of physical values: reflectance 0..1, dB, linear power, radiance in W m⁻² sr⁻¹ µm⁻¹, digital
number."""

Atmosphere = Literal["surface", "toa", "any"]
"""Reflectance that a model was trained on: surface reflectance (level 2), top-of-atmosphere reflectance
(level 1), or both."""
RadarUnits = Literal["db", "power", "amplitude"]
"""Unit of stored backscatter: decibels, linear power (intensity), or amplitude (square root of power)."""

SarUnits = Annotated[
    Literal["auto", "db", "power", "amplitude"],
    BeforeValidator(lambda value: "power" if value == "linear" else value),
]
"""Values of `--sar-units`; `linear` is a synonym of `power`."""

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


_ADDRESS = re.compile(r"(?:/vsicurl/)?(?:https?|ftps?|s3|gs|az|abfss?|file):/", re.IGNORECASE)
"""Beginning of an address, also as `pathlib` writes it, with one slash; not of GDAL's `NETCDF:/a.nc:b`.

Names of GDAL that pathlib leaves as they are (`/vsis3/…`) are checked where they are opened."""


def on_this_machine(path: Path) -> Path:
    """Return a path.

    Raises:
        ValueError: it is an address.
    """
    text = str(path)
    if _ADDRESS.match(text):
        address = shown(re.sub(r"^((?:/vsicurl/)?[^:/]+):/(?!/)", r"\1://", text))
        raise ValueError(f"{address} is an address, and this file must be on this machine; give its path")
    return path


class Spec(BaseModel):
    """Base class of all specs: frozen; unknown keys are errors.

    The type of a field decides what its values may be, for options, configs and requests in Python alike:
    a `Path` is on this machine (a `str` may be an address, an `OutputPath` an object of a store), and a
    number is finite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _paths_on_this_machine(cls, value: object) -> object:
        if isinstance(value, Path) and not isinstance(value, StorePath):
            return on_this_machine(value)
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Set the description of each field to the help of its option."""
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            for item in field.metadata:
                if isinstance(item, Option):
                    field.description = item.help


MOST_LETTERS = 2_000
"""Most characters of the name of a class."""


class ClassSpec(Spec):
    """One class of a map: value, label and colour."""

    value: Annotated[int, Field(ge=0, le=65_534)]
    """Value in class rasters (16 bits if any value exceeds 254) and in the `class` column. 0 is the
    background, which gets no polygons, unless the description of a model differs."""
    label: Annotated[str, Field(max_length=MOST_LETTERS)]
    """Name for people."""
    colour: Colour
    """`#rrggbb` in lower case."""

"""What all specs share, and the words they use: units, colours, classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from geoseg.spec.option import Option

Units = Literal["reflectance", "db", "linear", "radiance", "dn"]
"""What a band's physical values are: reflectance 0..1, dB, linear power, W m⁻² sr⁻¹ µm⁻¹, or a bare count."""

Atmosphere = Literal["surface", "toa", "any"]
"""Which reflectance a model was trained on: of the surface (level 2, atmospherically corrected), at the top
of the atmosphere (level 1), or both alike."""
RadarUnits = Literal["db", "power", "amplitude"]
"""How backscatter is stored: decibels, linear power (intensity), or its square root."""

SarUnits = Annotated[
    Literal["auto", "db", "power", "amplitude"],
    BeforeValidator(lambda value: "power" if value == "linear" else value),
]
"""What `--sar-units` takes; `linear` is a synonym of `power`."""

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Spec(BaseModel):
    """Base of all specs: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Describe fields by the help of their options."""
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            for item in field.metadata:
                if isinstance(item, Option):
                    field.description = item.help


class ClassSpec(Spec):
    """One class of a map: the only place where its value, name and colour are said."""

    value: Annotated[int, Field(ge=0, le=65_534)]
    """Value in class rasters (of two bytes beyond 254) and in the `class` column; 0 is the
    background, which gets no polygons, unless a model says otherwise."""
    label: str
    """Name that people read."""
    colour: Colour
    """`#rrggbb`, lower case."""

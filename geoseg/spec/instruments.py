"""Names of instruments in the names of files, products and folders."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec.base import Spec


class InstrumentName(Spec):
    """How names show the instrument of a scene."""

    title: str
    """Name of the instrument, for people."""
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    """Regular expressions for names of files, products and folders, ignoring case."""
    labels: tuple[str, ...] = ()
    """Regular expressions for descriptions of bands, ignoring case."""
    sensors: tuple[str, ...] = ()
    """First parts of the names of its sensors (`landsat-8`); empty: geoseg does not know its band labels."""


class InstrumentsSpec(Spec):
    """Instruments whose names are recognised."""

    name: str
    instruments: Annotated[tuple[InstrumentName, ...], Field(min_length=1)]
    citation: str

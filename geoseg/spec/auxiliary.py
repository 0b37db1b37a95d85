"""What describes files of a product that are neither bands nor quality layers: angles, heights, pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec.base import Spec


class AuxiliaryLayer(Spec):
    """A kind of layer that comes with a product and is never mapped from."""

    what: str
    """What it holds, for people."""
    files: tuple[str, ...] = ()
    """Regular expressions on file names, without regard to case."""
    labels: tuple[str, ...] = ()
    """STAC asset keys and band descriptions that are such a layer, without regard to case."""


class AuxiliarySpec(Spec):
    """The auxiliary layers of a provider's products."""

    name: str
    layers: Annotated[tuple[AuxiliaryLayer, ...], Field(min_length=1)]
    citation: str
    """Where the provider lists them."""

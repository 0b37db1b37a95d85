"""Files of a product that are neither bands nor quality layers: angles, heights, quick-looks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec.base import Spec


class AuxiliaryLayer(Spec):
    """A kind of layer in products that is not used for mapping."""

    what: str
    """Content of the layer, for people."""
    files: tuple[str, ...] = ()
    """Regular expressions for file names, ignoring case."""
    replaced_by: tuple[str, str] | None = None
    """Text in the file name and the text in its place in the name of the file that is read instead: the layer
    is auxiliary only where the product has that file. None: always."""
    labels: tuple[str, ...] = ()
    """STAC asset keys and band descriptions of such a layer, ignoring case."""


class AuxiliarySpec(Spec):
    """The auxiliary layers of a provider's products."""

    name: str
    layers: Annotated[tuple[AuxiliaryLayer, ...], Field(min_length=1)]
    citation: str
    """Document of the provider that lists them."""

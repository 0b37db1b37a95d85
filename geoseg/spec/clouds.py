"""What describes cloud networks that come with a Python package: the extra `clouds`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec.base import ClassSpec, Spec, Units
from geoseg.spec.models import Activation, ModelBand


class CloudNetworkSpec(Spec):
    """One network of a package."""

    file: str
    """The ONNX file, in the package's folder."""
    sha256: str
    """Of the file."""
    atmosphere: Literal["surface", "toa"]
    """Which reflectance it was trained on; scenes of the other are not given to it."""
    bands: Annotated[tuple[ModelBand, ...], Field(min_length=1)]
    """In channel order."""


class CloudSpec(Spec):
    """The networks of a package, and how they are run."""

    name: str
    title: str
    package: str
    """What is imported."""
    distribution: str
    """What is installed."""
    versions: str
    """Of the distribution, that hold these files."""
    extra: str
    """Of geoseg, that installs it."""
    licence: str
    citation: str
    quality: str
    """The kind of quality layer (`configs/quality`) that tells what the classes mean."""
    units: Units
    pixel: Annotated[float, Field(gt=0)]
    """m; scenes are brought near to it."""
    least: Annotated[int, Field(ge=1)]
    """Pixels a side of the mask below which a network sees too little around a pixel to be asked unasked."""
    fill: float = 0.0
    """Value of unobserved pixels after normalisation."""
    tile: Annotated[int, Field(ge=16)]
    overlap: Annotated[int, Field(ge=0)]
    activation: Activation
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """In the order of the output's planes; values are the codes of the mask."""
    networks: Annotated[tuple[CloudNetworkSpec, ...], Field(min_length=1)]
    """Best first."""

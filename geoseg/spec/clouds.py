"""Cloud networks of a Python package, installed by the extra `clouds`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec.base import ClassSpec, Spec, Units
from geoseg.spec.models import Activation, ModelBand


class CloudNetworkSpec(Spec):
    """A network of a package."""

    file: str
    """Name of the ONNX file in the folder of the package."""
    sha256: str
    """SHA-256 of the file, hexadecimal."""
    atmosphere: Literal["surface", "toa"]
    """Reflectance that it was trained on; it is not used for scenes of the other kind."""
    bands: Annotated[tuple[ModelBand, ...], Field(min_length=1)]
    """Bands in channel order."""


class CloudSpec(Spec):
    """The networks of a package and their inference settings."""

    name: str
    title: str
    package: str
    """Import name of the package."""
    distribution: str
    """Distribution name of the package."""
    versions: str
    """Versions of the distribution that contain these files."""
    extra: str
    """Extra of geoseg that installs it."""
    licence: str
    citation: str
    quality: str
    """Quality layer (`configs/quality`) that defines the codes of the classes."""
    units: Units
    pixel: Annotated[float, Field(gt=0)]
    """Pixel size in m; scenes are averaged to about this size."""
    least: Annotated[int, Field(ge=1)]
    """Least side of the mask in pixels at which `--clouds auto` uses a network."""
    fill: float = 0.0
    """Value of unobserved pixels after normalisation."""
    tile: Annotated[int, Field(ge=16)]
    overlap: Annotated[int, Field(ge=0)]
    activation: Activation
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    """Classes in the order of the output planes; their values are the codes of the mask."""
    networks: Annotated[tuple[CloudNetworkSpec, ...], Field(min_length=1)]
    """Networks in order of preference."""

"""Description of a published segmentation network: where its weights are, and what it needs and maps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from geoseg.spec.base import Atmosphere, ClassSpec, Spec, Units
from geoseg.spec.encoders import EncoderWeights

Layout = Literal["terratorch-upernet", "terratorch-unet", "mmseg-fcn"]
"""Names and shapes of the weights: networks of terratorch with an UPerNet or a U-Net, or those of mmseg with
transposed convolutions and a fully convolutional head."""


class PublishedBand(Spec):
    """A band of a date; normalised value = (physical * scale - mean) / std."""

    name: str
    """Common name."""
    mean: float
    std: Annotated[float, Field(gt=0)]


class PublishedSpec(Spec):
    """Description of a published network whose encoder is a described one."""

    name: str
    title: str
    task: Literal["flood", "segmentation"]
    layout: Layout
    encoder: str
    """Name of a description in `configs/encoders`, for its family and width."""
    depth: Annotated[int, Field(ge=1)] | None = None
    """Number of blocks, where it differs from the encoder's."""
    heads: Annotated[int, Field(ge=1)] | None = None
    """Heads of attention, where their number differs from the encoder's."""
    channels: Annotated[tuple[int, ...], Field(min_length=1)]
    """Channels of the decoder; those of a U-Net from coarse to fine."""
    inner: Annotated[int, Field(ge=1)] | None = None
    """Channels of transposed convolutions; None: those of the encoder of all dates."""
    dates: Annotated[int, Field(ge=1)] = 1
    bands: Annotated[tuple[PublishedBand, ...], Field(min_length=1)]
    """Bands of each date, in channel order."""
    units: Units
    scale: float = 1.0
    """Factor from physical values to those of `mean` and `std`."""
    atmosphere: Atmosphere | None = None
    resolution: float
    """Pixel size of the training images in m."""
    tile: Annotated[int, Field(ge=16)]
    """Side of a tile in pixels."""
    overlap: Annotated[int, Field(ge=0)]
    classes: Annotated[tuple[ClassSpec, ...], Field(min_length=2)]
    background: int | None = 0
    """Value of the class without polygons; None: all have polygons."""
    licence: str
    citation: str
    trained_on: str
    """Data of the training, for the card."""
    scores: str = ""
    """Scores that its authors publish, for the card."""
    weights: EncoderWeights

    @model_validator(mode="after")
    def _decoder_fits(self) -> PublishedSpec:
        if (len(self.channels) > 1) != (self.layout == "terratorch-unet"):
            raise ValueError("channels: a U-Net has several, another decoder one")
        return self

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Return the names of all channels: `red`, or `t1:red`, `t2:red` … of several dates."""
        if self.dates == 1:
            return tuple(band.name for band in self.bands)
        return tuple(f"t{date}:{band.name}" for date in range(1, self.dates + 1) for band in self.bands)

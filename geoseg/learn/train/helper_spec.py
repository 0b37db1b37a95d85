"""A second modality that only training reads (`helper` of a config)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from geoseg.spec import NetworkSpec, Spec, Units
from geoseg.spec.band_names import date_of
from geoseg.spec.models import TWO_DATES

Weight = Annotated[float, Field(ge=0)]


class TrainBand(Spec):
    """A channel; a missing mean or std is measured on the training pixels."""

    name: str
    mean: float | None = None
    std: Annotated[float, Field(gt=0)] | None = None


class HelperSpec(Spec):
    """Bands of a second modality, such as Sentinel-2 beside Sentinel-1, which maps do not need.

    Both modalities have an encoder of one design. Some channels of its features are shared: they are to be
    alike for both. The others are specific: they are to tell which modality they are of (Wang et al. 2023,
    ShaSpec, arXiv:2307.14126). The exported network has the encoder of the first modality alone.
    """

    bands: Annotated[tuple[TrainBand, ...], Field(min_length=1)]
    """With the prefix of their image: `s2:green`."""
    units: Units
    scale: float = 1.0
    """Model units = physical * scale."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the channels of each level that are shared."""
    joint: Weight = 1.0
    """Weight of the loss of the map by both modalities, beside that by the first alone."""
    alike: Weight = 0.1
    """Weight of the cosine distance of the shared features of both."""
    specific: Weight = 0.02
    """Weight of the cross entropy with which specific features tell their modality."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def prefix(self) -> str:
        """Return the prefix of the bands."""
        return date_of(self.bands[0].name)

    @model_validator(mode="after")
    def _one_image(self) -> HelperSpec:
        prefixes = {date_of(name) for name in self.names}
        if len(prefixes) > 1 or "" in prefixes:
            raise ValueError("helper.bands: all bands need the prefix of one further image, such as s2:green")
        return self

    def check(self, network: NetworkSpec, bands: tuple[str, ...], prefixes: tuple[str, ...]) -> None:
        """Check that a helper fits a config.

        Args:
            network: of the config.
            bands: that the network reads.
            prefixes: of the images.

        Raises:
            ValueError: it does not fit.
        """
        if self.prefix not in prefixes:
            raise ValueError(f"helper.bands: no image of data.images has the prefix {self.prefix}")
        if any(date_of(name) == self.prefix for name in bands):
            raise ValueError(f"bands: bands of {self.prefix} are those of the helper, which maps do not read")
        unfit = {
            f"architecture {network.architecture}": network.architecture in {*TWO_DATES, "pixel"},
            f"reduce {network.reduce}": network.reduce > 1,
            "prior": network.prior,
            "train frozen": network.train == "frozen",
        }
        found = [name for name, is_so in unfit.items() if is_so]
        if found:
            raise ValueError(f"helper does not go with network {', '.join(found)}")

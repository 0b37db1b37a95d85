"""Facts about a network from several sources: options, presets, and files of other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from geoseg.spec import Activation, ClassSpec, Units

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of red, green and blue in 0..1 of ImageNet, as torchvision and others state."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one source states about a network; None or empty: it does not state the fact."""

    origin: str
    """The source, for messages and the card."""
    bands: tuple[str, ...] = ()
    """Names in the order of the channels, as the source writes them."""
    units: Units | None = None
    """Unit of the values that `scale` multiplies; None: of stored values."""
    scale: float | None = None
    offset: float | None = None
    """Network's value = value * scale + offset, then `clip`, then `mean` and `std`."""
    clip: tuple[float, float] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """One number, or one for each band, in the network's values."""
    measured: bool | None = None
    """Whether mean and std are statistics of the training pixels, to compare scenes with."""
    classes: tuple[ClassSpec, ...] = ()
    """In the order of the output planes."""
    background: str | None = None
    """Label or value of the class without polygons; `none`: every class is mapped."""
    activation: Activation | None = None
    threshold: float | None = None
    tile: int | None = None
    overlap: int | None = None
    resolution: float | None = None
    """Pixel size in m."""
    licence: str | None = None
    title: str | None = None
    architecture: str | None = None
    channels: int | None = None
    """Number of input channels, of a source without names of bands."""
    planes: int | None = None
    """Number of output planes, of a source without names of classes."""
    own_values: bool = False
    """Whether mean and std hold only with the units and the scale of the same source."""
    not_mapped: tuple[str, ...] = ()
    """What else the source states that concerns a map: a text each."""


_TEXTS = frozenset({"origin", "not_mapped", "own_values"})

_VALUES = frozenset({"units", "scale", "offset", "clip"})
"""Facts on how values become the network's."""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Facts of several sources: each from the first source that states it."""

    facts: Facts
    origins: Mapping[str, str] = field(default_factory=dict)
    """Origin of each stated fact by its name."""


def merge(sources: Sequence[Facts]) -> Merged:
    """Merge sources, the strongest first.

    Units, scale, offset and clip of a source are not used if a stronger source states one of the first three:
    a scale is wrong with the units of another source.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    ignored: list[str] = []
    for source in sources:
        given = {
            item.name: getattr(source, item.name)
            for item in fields(Facts)
            if item.name not in _TEXTS and getattr(source, item.name) not in (None, ())
        }
        dropped = _VALUES & given.keys() if (_VALUES - {"clip"}) & values.keys() else set()
        if dropped and source.own_values:
            dropped |= {"mean", "std"} & given.keys()
        lost = {name for name in dropped if name in {"mean", "std"} and name not in values}
        if lost:
            ignored.append(
                f"{' and '.join(sorted(lost))} of {source.origin} are not used: they hold for its own scale"
            )
        for name, value in given.items():
            if name not in values and name not in dropped:
                values[name], origins[name] = value, source.origin
    notes = (*(text for source in sources for text in source.not_mapped), *ignored)
    return Merged(facts=Facts(origin="merged", not_mapped=notes, **values), origins=origins)


def imagenet() -> Facts:
    """Return the facts of `--preset imagenet`."""
    mean, std = IMAGENET
    return Facts(
        origin="--preset imagenet",
        bands=("red", "green", "blue"),
        units="dn",
        scale=1 / 255,
        clip=(0.0, 1.0),
        mean=mean,
        std=std,
        measured=False,
    )

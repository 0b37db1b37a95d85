"""Recognise the instrument that names of files, products and folders show, though no product pattern fits.

The same label is another band in each instrument: B5 is near infrared in Landsat 8, red edge in Sentinel-2,
and 1.24 um in MODIS. Labels therefore count only for sensors that the names do not exclude.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from geoseg.scenes.name_patterns import fits
from geoseg.scenes.naming import Candidate
from geoseg.scenes.product import Product
from geoseg.scenes.raster import base_name
from geoseg.spec import InstrumentName


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedInstrument:
    """The instruments that names show."""

    title: str
    """Their names, for people."""
    name: str
    """The file, product or label that shows them."""
    sensors: tuple[tuple[str, ...], ...]
    """First parts of the names of the sensors of each; empty: geoseg does not know its labels."""
    certain: bool
    """Whether names of files or labels show them; names of folders are less certain."""

    def is_shown(self, sensor: str) -> bool:
        """Return whether the names show the instrument of a sensor."""
        return any(_is_of(sensor, starts) for starts in self.sensors)

    def sensors_that_count(self, words: Mapping[str, Mapping[int, str]]) -> Collection[str]:
        """Return the sensors whose labels count, of those that explain any.

        Args:
            words: the labels that each sensor explains, in lower case, by the position of the band.
        """
        allowed = {name: found for name, found in words.items() if self.is_shown(name)}
        explained = {item for found in allowed.values() for item in found.items()}
        if any(
            item not in explained and _OWN_LABEL.search(item[1])
            for found in words.values()
            for item in found.items()
        ):
            # The name is that of something else, such as a region or a comparison.
            return words
        if self.certain:
            return allowed
        # Folders hold files of one of several instruments, and are named after other things: theirs counts
        # if geoseg knows each of them and no other explains more labels.
        if not all(any(_is_of(name, starts) for name in words) for starts in self.sensors):
            return words
        most = max(map(len, words.values()), default=0)
        return [name for name, found in allowed.items() if len(found) == most] or words


_OWN_LABEL = re.compile(r"^(?=.*\d)(?!b\d+$)")
"""Labels with a number that one instrument only has, such as `b8a` and `sr_b4`, but not `b4`."""


def _is_of(sensor: str, starts: Sequence[str]) -> bool:
    """Return whether the name of a sensor begins with one of some first parts."""
    return any(sensor == start or sensor.startswith(f"{start}-") for start in starts)


def named_instrument(
    product: Product, candidates: Sequence[Candidate], known: Sequence[InstrumentName]
) -> NamedInstrument | None:
    """Return the instruments of the first level of names that shows any; None if none does.

    Levels are labels and names of files, then the product, then folders from the innermost one.

    Args:
        product: the files of a scene.
        candidates: its bands that have no name yet.
        known: all instruments.
    """
    labels = list(dict.fromkeys(label for item in candidates for label in item.labels))
    files = [base_name(asset.path) for asset in product.assets]
    # Labels of a VRT are the names of its files.
    found = _shown([*files, *labels], labels, known)
    if found:
        return _named(found, certain=True)
    parents = [list(reversed(PurePosixPath(asset.path).parts[:-1])) for asset in product.assets]
    levels = [
        [product.name, *product.hints],
        *([parts[at] for parts in parents if len(parts) > at] for at in (0, 1)),
    ]
    for names in levels:
        found = _shown(names, (), known)
        if found:
            return _named(found, certain=False)
    return None


def _shown(
    names: Iterable[str], labels: Collection[str], known: Sequence[InstrumentName]
) -> list[tuple[InstrumentName, str]]:
    """Return the instruments that names or labels show, each with the first of these."""
    unique = tuple(dict.fromkeys(names))
    found = []
    for item in known:
        shown = next((name for name in unique if fits(name, item.names)), None)
        if shown is None and item.labels:
            shown = next((label for label in labels if fits(label.strip(), item.labels)), None)
        if shown is not None:
            found.append((item, shown))
    return found


def _named(found: Sequence[tuple[InstrumentName, str]], *, certain: bool) -> NamedInstrument:
    return NamedInstrument(
        title=" or ".join(item.title for item, _ in found),
        name=found[0][1],
        sensors=tuple(item.sensors for item, _ in found),
        certain=certain,
    )

"""Find the satellite of a product in its metadata, or else in the names of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from geoseg.scenes import name_patterns
from geoseg.scenes.product import Product
from geoseg.scenes.raster import base_name

# Patterns ignore case; the group is the number or letter in a series of satellites.
_NAMES = (
    (r"(?<![A-Za-z0-9])S2([A-D])_(?=MSI|OPER|T?\d{1,2}[A-Z]{3}_|\d{8})", "sentinel-2{}"),
    (r"(?<![A-Za-z0-9])SENTINEL2([A-D])_(?=\d{8}-)", "sentinel-2{}"),  # MAJA
    (r"(?<![A-Za-z0-9])S1([A-D])_(?=[A-Z0-9]{2}_)", "sentinel-1{}"),
    # Landsat names of the collections, and scene names from before them.
    (r"(?<![A-Za-z0-9])L[COTEM]0([4-9])_(?=L[12]|(?:(?:CU|AK|HI)_)?\d{6})", "landsat-{}"),
    (r"(?<![A-Za-z0-9])L[COTEM]([4-9])\d{6}(?:19|20)\d{5}[A-Z]{3}\d\d", "landsat-{}"),
    (r"(?<![A-Za-z0-9])EMIT_L[12][AB]_", "emit"),
    (r"(?<![A-Za-z0-9])PRS_L[12]", "prisma"),
    (r"(?<![A-Za-z0-9])ENMAP01", "enmap"),
    # AVIRIS classic, next generation and 3: flight line names.
    (r"(?<![A-Za-z0-9])(?:f\d{6}t\d{2}p\d{2}r\d{2}|ang\d{8}t\d{6}|AV3\d{8}t\d{6})", "aviris"),
)
_STATED = (
    (re.compile(r"^sentinel[-_ ]?([12])[-_ ]?([a-d])$"), "sentinel-{}{}"),
    (re.compile(r"^landsat[-_ ]?0?([1-9])$"), "landsat-{}"),
)


def as_platform(text: str) -> str | None:
    """Return the uniform name of a satellite from the spelling of a product (`Sentinel-2A`, `LANDSAT_8`).

    Returns:
        A name such as `sentinel-2a` or `landsat-8`; other names in lower case; None for an empty text.
    """
    plain = text.strip().lower()
    for pattern, name in _STATED:
        found = pattern.match(plain)
        if found:
            return name.format(*found.groups())
    return plain or None


def platform_in(name: str) -> str | None:
    """Return the satellite in a file or product name; None if there is none."""
    for pattern, platform in _NAMES:
        found = name_patterns.search(pattern, name)
        if found:
            return platform.format(*(group.lower() for group in found.groups()))
    return None


def platform_of(product: Product) -> str | None:
    """Return the satellite of a product: from metadata, else from file names, else from folder names.

    None if no name has one, or if names of one level have different satellites.
    """
    if product.platform is not None:
        return product.platform
    folders = [list(reversed(PurePosixPath(asset.path).parts[:-1][-5:])) for asset in product.assets]
    levels: list[Iterable[str]] = [
        [base_name(asset.path) for asset in product.assets],
        (product.name, *product.hints),
        *([parts[level] for parts in folders if len(parts) > level] for level in range(5)),
    ]
    for names in levels:
        found = {platform_in(name) for name in names} - {None}
        if found:
            return found.pop() if len(found) == 1 else None
    return None

"""Tile metadata of Sentinel-2 (MTD_TL.xml): sun angle, view angle of each band, processing baseline."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree

from geoseg.messages import warn
from geoseg.scenes.paths import Listing
from geoseg.scenes.product import Geometry, OffsetFacts, baseline_in

LOG = logging.getLogger(__name__)

METADATA = re.compile(r"(^|/)(MTD_TL|S2[A-D]_OPER_MTD_L(1C|2A)_TL_[^/]*)\.xml$", re.IGNORECASE)


def tile_geometry(files: Listing, image: str, labels: Sequence[str]) -> Geometry | None:
    """Read the mean angles of the tile of an image.

    Args:
        files: the product's files.
        image: the relative path of one of its images.
        labels: the band labels in the order of their numbers in the metadata, from 0.

    Returns:
        The angles; None if there are no tile metadata in the folders above the image.
    """
    found = [
        name
        for name in files.names
        if METADATA.search(name) and PurePosixPath(name).parent in PurePosixPath(image).parents
    ]
    if not found:
        return None
    name = max(found, key=len)
    try:
        root = ElementTree.fromstring(files.text(name))  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError as error:
        warn(
            LOG,
            "angles-unknown",
            f"{files.path(name)} is damaged ({error}): sun and view angles are not known",
        )
        return None
    views = {}
    for item in _all(root, "Mean_Viewing_Incidence_Angle"):
        number, zenith = item.get("bandId", ""), _zenith(item)
        if number.isdecimal() and int(number) < len(labels) and zenith is not None:
            views[labels[int(number)]] = zenith
    sun = next((zenith for item in _all(root, "Mean_Sun_Angle") if (zenith := _zenith(item))), None)
    if sun is None and not views:
        return None
    return Geometry(sun_zenith=sun, view_zeniths=views, source=PurePosixPath(name).name)


def tile_offset(files: Listing) -> OffsetFacts | None:
    """Return the processing baseline in the tile metadata of a granule's folder; None if there is none."""
    for name in files.names:
        if METADATA.search(name):
            text = re.search(r"<TILE_ID[^>]*>([^<]*)<", files.text(name))
            baseline = baseline_in(text[1].strip()) if text else None
            if baseline is not None:
                return OffsetFacts(baseline=baseline, source=PurePosixPath(name).name)
    return None


def _all(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Return all elements of a name, in any namespace."""
    return [item for item in root.iter() if item.tag.rpartition("}")[2] == tag]


def _zenith(item: ElementTree.Element) -> float | None:
    """Return the zenith angle in an element in degrees; None if there is none or it is NaN."""
    for child in _all(item, "ZENITH_ANGLE"):
        try:
            value = float(child.text or "")
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None

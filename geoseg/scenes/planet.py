"""PlanetScope orders: reflectance coefficients, time and angles from XML and JSON metadata."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from xml.etree import ElementTree

from geoseg.files.bounded import parse_json
from geoseg.messages import warn
from geoseg.scenes.product import Asset, Gain, Geometry
from geoseg.scenes.raster import base_name

LOG = logging.getLogger(__name__)

# Radiance (`…_AnalyticMS_8b_clip.tif`, of tiles `…_BGRN_Analytic.tif`); the XML has the same stem.
_RADIANCE = re.compile(
    r"^(?P<stem>.+_(?:3B_AnalyticMS|BGRE?N_Analytic|3A_Analytic))(?P<bands>_8b)?(?P<rest>(?:_[a-z]+)*)\.tiff?$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^(?P<item>\d{8}_\d{6}(?:_\d{2})?_[0-9a-f]{4})_", re.IGNORECASE)


def with_metadata(
    assets: Sequence[Asset], names: Iterable[str], text: Callable[[str], str]
) -> tuple[tuple[Asset, ...], Geometry | None]:
    """Return assets with the reflectance coefficients of radiance and the time in the JSON of scenes.

    Args:
        assets: the files of a folder.
        names: relative paths of all files of the folder.
        text: reads one of these files.

    Returns:
        The assets, and the angles of the first scene, None if they are not known.
    """
    by_name = {PurePosixPath(name).name.lower(): name for name in names}
    described: list[Asset] = []
    geometry: Geometry | None = None
    for asset in assets:
        name = base_name(asset.path)
        item = _ITEM.match(name)
        json_name = by_name.get(f"{item['item']}_metadata.json".lower()) if item else None
        time, angles = _of_json(text(json_name)) if json_name else (None, None)
        geometry = geometry or angles
        described.append(replace(asset, time=asset.time or time))
        # Radiance is `AnalyticMS`, but not `AnalyticMS_SR` or `…_toar`.
        if _RADIANCE.match(name) is not None and not {"udm", "toar", "sr"} & set(
            re.split(r"[_.]", name.lower())
        ):
            xml = next((by_name[key] for key in _xml_names(name) if key in by_name), None)
            coefficients, angles = read_xml(text(xml)) if xml else ({}, None)
            geometry = angles or geometry
            if coefficients:
                described[-1] = replace(described[-1], gains=_gains(coefficients, base_name(xml or "")))
            else:
                warn(
                    LOG,
                    "no-reflectance-coefficients",
                    f"{name} is radiance, and its folder has no metadata.xml with reflectance coefficients: "
                    "thresholds for reflectance may be wrong; add the XML or give surface reflectance",
                )
    return tuple(described), geometry


def _gains(coefficients: Mapping[int, float], source: str) -> tuple[Gain | None, ...]:
    """Return the gain of each band, in order."""
    return tuple(
        Gain(
            scale=coefficients[band],
            offset=0.0,
            units="reflectance",
            nodata=0.0,
            source=f"{source}: reflectanceCoefficient",
        )
        if band in coefficients
        else None
        for band in range(1, max(coefficients) + 1)
    )


def _xml_names(name: str) -> list[str]:
    """Return possible names of the XML of a radiance file, in lower case, the most probable first."""
    match = _RADIANCE.match(name)
    if match is None:
        return []
    stem = match["stem"] + (match["bands"] or "")
    return [
        f"{stem}_metadata{match['rest']}.xml".lower(),
        f"{stem}_metadata_clip.xml".lower(),
        f"{stem}_metadata.xml".lower(),
    ]


def read_xml(content: str) -> tuple[Mapping[int, float], Geometry | None]:
    """Return the reflectance coefficients by 1-based band, and the angles; neither for a damaged file.

    Planet, Imagery Product Specifications, general XML metadata file: `reflectanceCoefficient` times the
    stored value is top-of-atmosphere reflectance.
    """
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError:
        return {}, None
    coefficients = {}
    for item in _all(root, "bandSpecificMetadata"):
        band, value = _number(item, "bandNumber"), _number(item, "reflectanceCoefficient")
        if band and value:
            coefficients[int(band)] = value
    elevation, view = _number(root, "illuminationElevationAngle"), _number(root, "spaceCraftViewAngle")
    return coefficients, _geometry(elevation, view, "metadata.xml")


def _of_json(content: str) -> tuple[datetime | None, Geometry | None]:
    """Return time and angles in the metadata.json of an item."""
    try:
        table = parse_json(content, "metadata.json")
        properties = table["properties"]
        time = datetime.fromisoformat(str(properties["acquired"]).replace("Z", "+00:00"))
    except (ValueError, KeyError, TypeError):
        return None, None
    angles = [properties.get(key) for key in ("sun_elevation", "view_angle")]
    elevation, view = (float(value) if isinstance(value, int | float) else None for value in angles)
    return time, _geometry(elevation, view, "metadata.json")


def _geometry(elevation: float | None, view: float | None, source: str) -> Geometry | None:
    if elevation is None and view is None:
        return None
    return Geometry(
        sun_zenith=None if elevation is None else 90 - elevation,
        view_zeniths={} if view is None else {"": abs(view)},
        source=source,
        view_note="angle at the satellite, slightly less than at the ground",
    )


def _all(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Return all elements of a name, in any namespace."""
    return [item for item in root.iter() if item.tag.rpartition("}")[2] == tag]


def _number(root: ElementTree.Element, tag: str) -> float | None:
    """Return the finite number in the first element of a name."""
    for item in _all(root, tag):
        try:
            value = float(item.text or "")
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None

"""PlanetScope orders: the XML that turns radiance into reflectance, and when and how a scene was seen."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from xml.etree import ElementTree

from geoseg.messages import warn
from geoseg.scenes.product import Asset, Gain, Geometry
from geoseg.scenes.raster import base_name

LOG = logging.getLogger(__name__)

# Radiance (`…_AnalyticMS_8b_clip.tif`, of tiles `…_BGRN_Analytic.tif`) and the XML of its name.
_RADIANCE = re.compile(
    r"^(?P<stem>.+_(?:3B_AnalyticMS|BGRE?N_Analytic|3A_Analytic))(?P<bands>_8b)?(?P<rest>(?:_[a-z]+)*)\.tiff?$"
)
_ITEM = re.compile(r"^(?P<item>\d{8}_\d{6}(?:_\d{2})?_[0-9a-f]{4})_")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What XML and JSON of a scene say."""

    coefficients: Mapping[int, float]
    """By 1-based band: reflectance at the top of the atmosphere = stored value * coefficient."""
    geometry: Geometry | None = None


def is_radiance(name: str) -> bool:
    """Whether a file is radiance by its name: `AnalyticMS`, and neither `AnalyticMS_SR` nor `…_toar`."""
    return _RADIANCE.match(name) is not None and not {"udm", "toar"} & set(re.split(r"[_.]", name.lower()))


def with_metadata(
    assets: Sequence[Asset], names: Iterable[str], text: Callable[[str], str]
) -> tuple[tuple[Asset, ...], Geometry | None]:
    """Give radiance its reflectance coefficients, and scenes the time that their JSON says.

    Args:
        assets: the files of a folder.
        names: all of its files, relative.
        text: reads one of them.

    Returns:
        The assets; the angles of the first scene, where they are known.
    """
    beside = {PurePosixPath(name).name.lower(): name for name in names}
    found: list[Asset] = []
    geometry: Geometry | None = None
    for asset in assets:
        name = base_name(asset.path)
        item = _ITEM.match(name)
        json_name = beside.get(f"{item['item']}_metadata.json".lower()) if item else None
        time, angles = _of_json(text(json_name)) if json_name else (None, None)
        geometry = geometry or angles
        moved = replace(asset, time=asset.time or time)
        if is_radiance(name):
            xml = next((beside[key] for key in _xml_names(name) if key in beside), None)
            metadata = read_xml(text(xml)) if xml else Metadata(coefficients={})
            geometry = metadata.geometry or geometry
            if metadata.coefficients:
                moved = replace(moved, gains=_gains(metadata.coefficients, base_name(xml or "")))
            else:
                warn(
                    LOG,
                    "no-reflectance-coefficients",
                    f"{name} is radiance, and no metadata.xml beside it says its reflectance coefficients: "
                    "thresholds meant for reflectance may mislead; give the XML or surface reflectance",
                )
        found.append(moved)
    return tuple(found), geometry


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
    """Return the names that the XML of a radiance file may have, in lower case, the likeliest first."""
    match = _RADIANCE.match(name)
    if match is None:
        return []
    stem = match["stem"] + (match["bands"] or "")
    return [
        f"{stem}_metadata{match['rest']}.xml".lower(),
        f"{stem}_metadata_clip.xml".lower(),
        f"{stem}_metadata.xml".lower(),
    ]


def read_xml(content: str) -> Metadata:
    """Read reflectance coefficients and angles; nothing of a damaged file.

    Planet, Imagery Product Specifications, general XML metadata file: `reflectanceCoefficient` times the
    stored value is the reflectance at the top of the atmosphere.
    """
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError:
        return Metadata(coefficients={})
    coefficients = {}
    for item in _all(root, "bandSpecificMetadata"):
        band, value = _number(item, "bandNumber"), _number(item, "reflectanceCoefficient")
        if band and value:
            coefficients[int(band)] = value
    elevation, view = _number(root, "illuminationElevationAngle"), _number(root, "spaceCraftViewAngle")
    geometry = _geometry(elevation, view, "metadata.xml")
    return Metadata(coefficients=coefficients, geometry=geometry)


def _of_json(content: str) -> tuple[datetime | None, Geometry | None]:
    """Return time and angles of an item's metadata.json."""
    try:
        table = json.loads(content)
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
        view_note="the satellite's own angle, which is a little less",
    )


def _all(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Return all elements of a name, whatever its namespace."""
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

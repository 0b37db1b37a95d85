"""MTL file of Landsat: sensor, time, and the gain of each band from digital numbers to reflectance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

from geoseg.errors import SceneError
from geoseg.files.bounded import parse_json
from geoseg.scenes.platform import as_platform
from geoseg.scenes.product import Gain, Geometry

_SENSORS = {"4": "landsat-5", "5": "landsat-5", "7": "landsat-7", "8": "landsat-8", "9": "landsat-9"}
_LABEL = re.compile(r"(?:^|[_.])((?:SR_|ST_)?B\d{1,2}(?:_VCID_\d)?)\.[A-Za-z0-9]+$", re.IGNORECASE)
_LEVEL_1 = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")
_COLLECTION_1_SURFACE = re.compile(r"_sr_band\d\.tiff?$", re.IGNORECASE)
MTL = re.compile(r"_MTL\.(txt|json|xml)$", re.IGNORECASE)

# Exoatmospheric solar irradiance in W m-2 um-1 of bands 1 to 5 and 7: Chander et al. 2009, tables 3 and 4
# (doi:10.1016/j.rse.2009.01.007). Needed for MTL files of before the collections, which have radiance only.
_IRRADIANCE: Mapping[str, Mapping[str, float]] = {
    "4": {"1": 1983, "2": 1795, "3": 1539, "4": 1028, "5": 219.8, "7": 83.49},
    "5": {"1": 1983, "2": 1796, "3": 1536, "4": 1031, "5": 220.0, "7": 83.44},
    "7": {"1": 1997, "2": 1812, "3": 1533, "4": 1039, "5": 230.8, "7": 84.90},
}

Groups = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandsatMetadata:
    """Contents of an MTL file."""

    sensor: str
    """Name of a sensor preset."""
    level: int
    """Processing level, 1 or 2."""
    time: datetime | None
    """Time of the scene's centre (UTC)."""
    sun_elevation: float | None
    """Sun elevation at the scene's centre in degrees above the horizon."""
    groups: Groups
    """The innermost groups with their keys."""
    platform: str | None
    """The satellite, such as `landsat-8`."""
    geometry: Geometry
    """Sun and view angles."""
    irradiance: Mapping[str, float]
    """Exoatmospheric solar irradiance in W m-2 um-1 by band number; empty: not needed."""
    sun_distance: float
    """Distance of the earth from the sun in astronomical units."""

    def gain(self, label: str) -> Gain | None:
        """Return the gain of a band by the label of its file (`B3`, `SR_B3`, `ST_B10`); None: not stated.

        Level 1: top-of-atmosphere reflectance = (M DN + A) / sin(sun elevation), thermal bands radiance.
        Level 2: surface reflectance = M DN + A. Both: USGS LSDS-1822 and LSDS-1619, section 6.
        """
        number = label.upper().removeprefix("SR_").removeprefix("ST_").removeprefix("B")
        if self.level == 2:
            if label.upper().startswith("ST_"):
                return None
            found = self._pair("REFLECTANCE", ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS",), number)
            return None if found is None else Gain(scale=found[0], offset=found[1], source="MTL")
        found = self._pair("REFLECTANCE", _LEVEL_1, number)
        pair = found or self._pair("RADIANCE", _LEVEL_1, number)
        if pair is None:
            return None
        if found is None and number not in self.irradiance:
            return Gain(scale=pair[0], offset=pair[1], units="radiance", source="MTL")
        if self.sun_elevation is None or self.sun_elevation <= 0:
            raise SceneError(
                f"the sun elevation in the MTL file is {self.sun_elevation}: a night scene has no reflectance"
            )
        sine = math.sin(math.radians(self.sun_elevation))
        if found is None:
            # Chander et al. 2009, equation 6, with the cosine of the zenith as the sine of the elevation.
            factor = math.pi * self.sun_distance**2 / (self.irradiance[number] * sine)
            scale, offset = pair[0] * factor, pair[1] * factor
        else:
            scale, offset = pair[0] / sine, pair[1] / sine
        source = f"MTL, sun elevation {self.sun_elevation:.2f} degrees"
        return Gain(scale=scale, offset=offset, units="reflectance", source=source)

    def _pair(self, quantity: str, groups: tuple[str, ...], number: str) -> tuple[float, float] | None:
        """Return multiplier and addend of a band; None if they are not stated."""
        for group in groups:
            table = self.groups.get(group, {})
            scale, offset = (
                table.get(f"{quantity}_MULT_BAND_{number}"),
                table.get(f"{quantity}_ADD_BAND_{number}"),
            )
            if scale is not None and offset is not None:
                return float(scale), float(offset)
        return None


def sensor_of_files(sensor: str, names: Iterable[str]) -> str:
    """Return the sensor of files beside an MTL file.

    Surface reflectance of Collection 1 has the MTL file of level 1.
    """
    surface = any(_COLLECTION_1_SURFACE.search(name) for name in names)
    return sensor.replace("-l1", "-l2-c1") if surface else sensor


def band_label(name: str) -> str | None:
    """Return the band label in a Landsat file name (`B3`, `SR_B3`); None if it has none."""
    found = _LABEL.search(name)
    return found[1].upper() if found else None


def best_mtls(names: Iterable[str]) -> list[str]:
    """Return the MTL files among names, one for each scene: as text, else as JSON, else as XML."""
    order = ("txt", "json", "xml")
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        match = MTL.search(name)
        if match:
            rank = (order.index(match[1].lower()), name)
            prefix = name[: match.start()]
            found[prefix] = min(rank, found.get(prefix, rank))
    return [name for _, name in found.values()]


def parse_mtl(text: str, path: str) -> LandsatMetadata:
    """Read an MTL file (text, JSON or XML), of a collection or from before them.

    Raises:
        SceneError: it is not an MTL file, or of a sensor that is not supported.
    """
    groups = _groups(text)
    flat = {key: value for table in groups.values() for key, value in table.items()}
    craft = re.sub(r"\D", "", flat.get("SPACECRAFT_ID", ""))
    if craft not in _SENSORS:
        raise SceneError(f"{path} has no SPACECRAFT_ID of Landsat 4 to 9; give an MTL file of these")
    if flat.get("SENSOR_ID", "").upper().startswith("MSS"):
        raise SceneError(
            f"{path} is of the Multispectral Scanner (MSS), whose bands are not supported: give the band "
            "files without the MTL file and name them: `--band green=PATH`, `--band red=PATH`, "
            "`--band nir=PATH`"
        )
    # A level 2 file repeats the level 1 groups, so only the groups of the product have its level.
    product = groups.get(
        "PRODUCT_CONTENTS", groups.get("PRODUCT_METADATA", groups.get("METADATA_FILE_INFO", {}))
    )
    level = product.get("PROCESSING_LEVEL", product.get("DATA_TYPE", flat.get("DATA_TYPE", "L1")))
    number = 2 if level.upper().startswith("L2") else 1
    elevation = groups.get("IMAGE_ATTRIBUTES", {}).get("SUN_ELEVATION", flat.get("SUN_ELEVATION"))
    return LandsatMetadata(
        sensor=f"{_SENSORS[craft]}-l{number}",
        level=number,
        time=_time(flat),
        sun_elevation=float(elevation) if elevation else None,
        groups=groups,
        platform=as_platform(flat["SPACECRAFT_ID"]),
        geometry=_geometry(flat, float(elevation) if elevation else None),
        irradiance=_IRRADIANCE.get(craft, {}),
        sun_distance=_sun_distance(flat),
    )


def _sun_distance(flat: Mapping[str, str]) -> float:
    """Return the distance of the earth from the sun in astronomical units: as stated, else by date.

    By day of the year: 1 - 0.01672 cos(0.9856 degrees (day - 4)), within 0.0003.
    """
    stated = flat.get("EARTH_SUN_DISTANCE")
    if stated:
        return float(stated)
    time = _time(flat)
    day = time.timetuple().tm_yday if time else 4 + 91
    return 1 - 0.01672 * math.cos(math.radians(0.9856 * (day - 4)))


def _geometry(flat: Mapping[str, str], sun_elevation: float | None) -> Geometry:
    """Return the angles at the scene's centre; the view is nadir unless the file states a roll angle."""
    rolled = flat.get("NADIR_OFFNADIR", "NADIR") == "OFFNADIR"
    view = abs(float(flat.get("ROLL_ANGLE", "0"))) if rolled else 0.0
    note = "roll angle" if rolled else "nadir at the centre, up to 7.5 degrees at the scene's edges"
    return Geometry(
        sun_zenith=None if sun_elevation is None else 90 - sun_elevation,
        view_zeniths={"": view},
        source="MTL",
        view_note=note,
    )


def _groups(text: str) -> Groups:
    """Return the innermost groups of an MTL file (text, JSON or XML) with their keys."""
    if text.lstrip().startswith("{"):
        return _groups_of_json(text)
    if text.lstrip().startswith("<"):
        return _groups_of_xml(text)
    groups: dict[str, dict[str, str]] = {}
    stack = [""]
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        if key == "GROUP":
            stack.append(value)
        elif key == "END_GROUP":
            stack.pop()
        else:
            groups.setdefault(stack[-1], {})[key] = value.strip('"')
    return groups


def _groups_of_json(text: str) -> Groups:
    try:
        tables = parse_json(text, "the MTL file")
    except ValueError:
        return {}
    inner = [table for table in tables.values() if isinstance(table, dict)]
    found = {name: table for outer in inner for name, table in outer.items() if isinstance(table, dict)}
    return {name: {key: str(value) for key, value in table.items()} for name, table in found.items()}


def _groups_of_xml(text: str) -> Groups:
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError:
        return {}
    return {group.tag: {item.tag: (item.text or "").strip() for item in group} for group in root}


def _time(flat: Mapping[str, str]) -> datetime | None:
    """Return the time of the scene's centre (UTC); its seconds have seven decimals in the file."""
    day, clock = flat.get("DATE_ACQUIRED", ""), flat.get("SCENE_CENTER_TIME", "00:00:00")
    try:
        return datetime.fromisoformat(f"{day}T{clock[:8]}+00:00")
    except ValueError:
        return None

"""Landsat's MTL file: sensor, time, and per band what turns counts into reflectance."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from geoseg.errors import SceneError
from geoseg.scenes.platform import as_platform
from geoseg.scenes.product import Gain, Geometry

_SENSORS = {"4": "landsat-5", "5": "landsat-5", "7": "landsat-7", "8": "landsat-8", "9": "landsat-9"}
_LABEL = re.compile(r"(?:^|[_.])((?:SR_|ST_)?B\d{1,2}(?:_VCID_\d)?)\.[A-Za-z0-9]+$", re.IGNORECASE)
_LEVEL_1 = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")

Groups = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What an MTL file says."""

    sensor: str
    """Name of a sensor preset."""
    level: int
    time: datetime | None
    sun_elevation: float | None
    """Degrees above the horizon at the scene's centre."""
    groups: Groups
    platform: str | None
    """The satellite, such as `landsat-8`."""
    geometry: Geometry

    def gain(self, label: str) -> Gain | None:
        """Return how a band, as its file is labelled (`B3`, `SR_B3`, `ST_B10`), becomes physical.

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
        if found is not None:
            if self.sun_elevation is None or self.sun_elevation <= 0:
                raise SceneError(
                    f"the MTL file's sun elevation is {self.sun_elevation}: a night scene has no reflectance"
                )
            sine = math.sin(math.radians(self.sun_elevation))
            return Gain(
                scale=found[0] / sine,
                offset=found[1] / sine,
                units="reflectance",
                source=f"MTL, sun elevation {self.sun_elevation:.2f} degrees",
            )
        found = self._pair("RADIANCE", _LEVEL_1, number)
        return (
            None if found is None else Gain(scale=found[0], offset=found[1], units="radiance", source="MTL")
        )

    def _pair(self, quantity: str, groups: tuple[str, ...], number: str) -> tuple[float, float] | None:
        """Return multiplier and addend of a band."""
        for group in groups:
            table = self.groups.get(group, {})
            scale, offset = (
                table.get(f"{quantity}_MULT_BAND_{number}"),
                table.get(f"{quantity}_ADD_BAND_{number}"),
            )
            if scale is not None and offset is not None:
                return float(scale), float(offset)
        return None


def band_label(name: str) -> str | None:
    """Return how a Landsat file name labels its band (`B3`, `SR_B3`), None where it does not."""
    found = _LABEL.search(name)
    return found[1].upper() if found else None


def parse_mtl(text: str, path: str) -> Metadata:
    """Read an MTL text, of a collection or from before them.

    Raises:
        SceneError: it is no MTL file, or of a Landsat that geoseg does not know.
    """
    groups = _groups(text)
    flat = {key: value for table in groups.values() for key, value in table.items()}
    craft = re.sub(r"\D", "", flat.get("SPACECRAFT_ID", ""))
    if craft not in _SENSORS:
        raise SceneError(f"{path} names no Landsat 4 to 9 (SPACECRAFT_ID); is it an MTL file?")
    # A level 2 file repeats the level 1 groups, so only the product's own groups say which it is.
    product = groups.get(
        "PRODUCT_CONTENTS", groups.get("PRODUCT_METADATA", groups.get("METADATA_FILE_INFO", {}))
    )
    level = product.get("PROCESSING_LEVEL", product.get("DATA_TYPE", flat.get("DATA_TYPE", "L1")))
    number = 2 if level.upper().startswith("L2") else 1
    elevation = groups.get("IMAGE_ATTRIBUTES", {}).get("SUN_ELEVATION", flat.get("SUN_ELEVATION"))
    return Metadata(
        sensor=f"{_SENSORS[craft]}-l{number}",
        level=number,
        time=_time(flat),
        sun_elevation=float(elevation) if elevation else None,
        groups=groups,
        platform=as_platform(flat["SPACECRAFT_ID"]),
        geometry=_geometry(flat, float(elevation) if elevation else None),
    )


def _geometry(flat: Mapping[str, str], sun_elevation: float | None) -> Geometry:
    """Return the angles at the scene's centre; Landsat looks down but where it says that it was rolled."""
    rolled = flat.get("NADIR_OFFNADIR", "NADIR") == "OFFNADIR"
    view = abs(float(flat.get("ROLL_ANGLE", "0"))) if rolled else 0.0
    note = "as it was rolled" if rolled else "straight down, up to 7.5 degrees off at the scene's edges"
    return Geometry(
        sun_zenith=None if sun_elevation is None else 90 - sun_elevation,
        view_zeniths={"": view},
        source="MTL",
        view_note=note,
    )


def _groups(text: str) -> Groups:
    """Return the innermost groups of an MTL text with their keys."""
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


def _time(flat: Mapping[str, str]) -> datetime | None:
    """Return the scene centre's time; seconds have seven digits there."""
    day, clock = flat.get("DATE_ACQUIRED", ""), flat.get("SCENE_CENTER_TIME", "00:00:00")
    try:
        return datetime.fromisoformat(f"{day}T{clock[:8]}+00:00")
    except ValueError:
        return None

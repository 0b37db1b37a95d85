"""PRISMA products (HDF-EOS5, `.he5`): radiance of level 1, surface reflectance of levels 2C and 2D.

Layout: ASI, PRISMA Products Specification Document, issue 2.3. Cubes are stored as (rows, bands, columns),
one for visible and near infrared (VNIR) and one for short-wave infrared (SWIR). Level 2D is on a map grid,
the other levels are swaths with arrays of latitude and longitude.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geoseg.errors import SceneError, SceneReadError
from geoseg.messages import note
from geoseg.scenes.contents import Contents, contents_of
from geoseg.scenes.product import Asset, Gain, Geometry, LeftOut, Product, iso_time
from geoseg.scenes.raster import base_name

LOG = logging.getLogger(__name__)

_CUBE = re.compile(
    r"SWATHS/PRS_(?P<level>L1|L2B|L2C|L2D)_(?P<kind>HCO|HRC)/Data.Fields/(?P<detector>VNIR|SWIR)_Cube$"
)
FULL = 65535
"""Stored value of the upper limit in level 2."""


@dataclass(frozen=True, kw_only=True)
class PrismaCube:
    """The cube of one detector of a product."""

    name: str
    """`vnir` or `swir`."""
    part: str
    """GDAL's name of the cube."""
    wavelengths: tuple[float | None, ...]
    """Centre wavelengths in µm; None: not acquired."""
    widths: tuple[float | None, ...]
    """Full widths at half maximum in µm; None: not acquired."""
    gain: Gain


def is_prisma(path: str) -> bool:
    """Return True for a file with the contents of a PRISMA product."""
    return path.lower().endswith((".he5", ".h5", ".hdf5")) and _swath(contents_of(path)) is not None


def prisma_product(path: str) -> Product:
    """Return a product's file and metadata.

    Raises:
        SceneReadError: the product is damaged.
        SceneError: the level of the product cannot be mapped.
    """
    contents, level, cubes = read_prisma(path)
    name = re.sub(r"\.\w+$", "", base_name(path))
    grid = "on its map grid"
    if level != "L2D":
        grid = (
            "orthorectified by its arrays of latitude and longitude (nearest pixel); they may be off by "
            "up to 200 m where no ground control points were used"
        )
    others = sorted(
        {part.rsplit("/", 1)[-1] for part in contents.parts if "Data" in part and not _CUBE.search(part)}
    )
    asset = Asset(
        path=path,
        wavelengths=tuple(um for cube in cubes for um in cube.wavelengths),
        widths=tuple(um for cube in cubes for um in cube.widths),
        gains=tuple(cube.gain for cube in cubes for _ in cube.wavelengths),
    )
    sun = number(contents.tags, "sun_zenith_angle")
    note(LOG, f"{name}: {grid}")
    return Product(
        name=name,
        assets=(asset,),
        sensor="prisma" if level == "L1" else "prisma-l2",
        sensor_reason=f"a PRISMA {level} product",
        time=iso_time(contents.tags.get("product_starttime", "")),
        left_out=tuple(LeftOut(name=item, why="panchromatic, quality or other layer") for item in others),
        platform="prisma",
        geometry=None if sun is None else Geometry(sun_zenith=sun, source="Sun_zenith_angle of the product"),
    )


def read_prisma(path: str) -> tuple[Contents, str, list[PrismaCube]]:
    """Return a product's contents, level and cubes.

    Raises:
        SceneReadError: the file is not a PRISMA product, or its bands are not described.
        SceneError: the product is level 2B, radiance at the ground.
    """
    contents = contents_of(path)
    found = _swath(contents)
    if contents is None or found is None:
        raise SceneReadError(f"{path} is not a readable PRISMA product; download it again")
    level, cubes = found
    if level == "L2B":
        raise SceneError(
            f"{path} is PRISMA level 2B (radiance at the ground), which cannot be mapped; give level 2D or "
            "2C (surface reflectance), or level 1 for methane"
        )
    return contents, level, [_cube(path, contents.tags, level, name, part) for name, part in cubes.items()]


def _swath(contents: Contents | None) -> tuple[str, dict[str, str]] | None:
    """Return the level, and the cubes by detector: the co-registered cubes (HCO) if there are any."""
    found = (
        [(match, part) for name, part in contents.parts.items() if (match := _CUBE.search(name))]
        if contents
        else []
    )
    kind = min((match["kind"] for match, _ in found), default=None)
    cubes = {match["detector"].lower(): part for match, part in found if match["kind"] == kind}
    level = next((match["level"] for match, _ in found), None)
    return None if level is None else (level, dict(sorted(cubes.items(), reverse=True)))


def _cube(path: str, tags: Mapping[str, str], level: str, name: str, part: str) -> PrismaCube:
    """Return a cube with the attributes of its bands.

    Raises:
        SceneReadError: the attributes are missing.
    """
    centres = _list(tags, f"list_cw_{name}")
    flags = _list(tags, f"list_cw_{name}_flags") or [1.0] * len(centres)
    widths = _list(tags, f"list_fwhm_{name}") or [0.0] * len(centres)
    if not centres or not len(centres) == len(flags) == len(widths):
        raise SceneReadError(
            f"{path}: the attributes List_Cw_{name.title()} and List_Fwhm_{name.title()} are missing or do "
            "not fit the bands; download the product again"
        )
    return PrismaCube(
        name=name,
        part=part,
        wavelengths=tuple(
            nm / 1000 if nm > 0 and flag else None for nm, flag in zip(centres, flags, strict=True)
        ),
        widths=tuple(nm / 1000 if nm > 0 else None for nm in widths),
        gain=_gain(path, tags, level, name),
    )


def _gain(path: str, tags: Mapping[str, str], level: str, name: str) -> Gain:
    """Return the gain to radiance (W m-2 sr-1 um-1) or reflectance.

    Level 1: stored / ScaleFactor - Offset. Level 2: Min + stored (Max - Min) / 65535.

    Raises:
        SceneReadError: the attributes are missing.
    """
    keys = (
        [f"ScaleFactor_{name.title()}"]
        if level == "L1"
        else [f"L2Scale{name.title()}{end}" for end in ("Min", "Max")]
    )
    values = [number(tags, key.lower()) for key in keys]
    known = [value for value in values if value is not None]
    if len(known) < len(keys) or known[-1] == 0:
        raise SceneReadError(
            f"{path}: the attribute {' or '.join(keys)} is missing; download the product again"
        )
    if level == "L1":
        offset = number(tags, f"offset_{name}") or 0.0
        return Gain(scale=1 / known[0], offset=-offset, source=keys[0], units="radiance")
    low, high = known
    return Gain(scale=(high - low) / FULL, offset=low, source=keys[1], units="reflectance", nodata=0.0)


def _list(tags: Mapping[str, str], key: str) -> list[float]:
    """Return the numbers in an attribute; empty if it has none."""
    try:
        return [float(text) for text in re.split(r"[,\s]+", tags.get(key, "").strip("{} ")) if text]
    except ValueError:
        return []


def number(tags: Mapping[str, str], key: str) -> float | None:
    """Return the only finite number in an attribute; None if it has none or several."""
    found = _list(tags, key)
    return found[0] if len(found) == 1 and np.isfinite(found[0]) else None

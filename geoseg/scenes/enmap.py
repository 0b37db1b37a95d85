"""EnMAP products as delivered by DLR: one image of all bands, and METADATA.XML that describes the bands.

Element names and units: DLR, EnMAP HSI Level 1B/1C/2A Product Specification (EN-PCV-ICD-2009-2).
`GainOfBand` and `OffsetOfBand` convert stored values to radiance in W m-2 sr-1 nm-1 (level 1) or to
reflectance (level 2A).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from posixpath import dirname
from xml.etree import ElementTree

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.name_time import time_in_name
from geoseg.scenes.paths import Listing
from geoseg.scenes.product import Asset, Gain, Geometry, LeftOut, Product, iso_time
from geoseg.scenes.raster import Raster, base_name

METADATA = re.compile(r"(^|[-_/])METADATA\.XML$", re.IGNORECASE)
IMAGE = re.compile(
    r"SPECTRAL_IMAGE(?:_(?P<detector>VNIR|SWIR))?(?:_COG)?\.(?:tiff?|bsq|bil|bip|jp2|img)$", re.IGNORECASE
)
_LAYER = re.compile(r"(QL_[A-Z_]+?)(?:_COG)?\.(?:tiff?|bsq|bil|bip|jp2|img)$", re.IGNORECASE)
_LEVEL = re.compile(r"L(1B|1C|2A)", re.IGNORECASE)

PER_MICROMETRE = 1e3
"""W m-2 sr-1 nm-1 to W m-2 sr-1 um-1, geoseg's unit of radiance."""

BACKGROUND = -32768.0
"""Nodata value of levels 1C and 2A if METADATA.XML does not state it."""

REFLECTANCE_SCALE = 1e-4
"""Scale of reflectance in level 2A if METADATA.XML does not state it."""


Bands = Mapping[int, tuple[float, float | None, Gain]]
"""Centre wavelength (µm), full width at half maximum (µm) and gain of bands by number."""


def is_metadata(files: Listing, name: str) -> bool:
    """Return True for the METADATA.XML of an EnMAP product, by name and content."""
    # DESIS has the same layout of DLR, but another name for the widths.
    return METADATA.search(name) is not None and "FWHMOfBand" in files.text(name)


def enmap_product(files: Listing, metadata: str, image: str | None = None) -> Product:
    """Read METADATA.XML and find the image that it describes.

    Args:
        files: the product's files.
        metadata: the relative path of METADATA.XML.
        image: the relative path of the image that the user gave; None: the image of the product.

    Raises:
        SceneReadError: the metadata or the image cannot be read.
        SceneError: there is no image, or it is level 1B, which is not on a map grid.
    """
    path = files.path(metadata)
    try:
        root = ElementTree.fromstring(files.text(metadata))  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError as error:
        raise SceneReadError(f"{path} is damaged: {error}; download the product again") from error
    level = _level(root, metadata)
    images = _images(files, metadata)
    found = image or (images[0] if images else None)
    if image is None and (level == "1B" or len(images) > 1):
        raise SceneError(
            f"{files.root} is EnMAP level 1B: swaths of two detectors, not on a map grid; order level 1C, or "
            "orthorectify it (EnPT, or `gdalwarp -rpc` of each image)"
        )
    if found is None:
        raise SceneError(
            f"there is no SPECTRAL_IMAGE file (.TIF, .BSQ, .BIL, .BIP, .JP2) in the folder of {path}; "
            "download the whole product"
        )
    asset = _asset(files, found, root, level)
    # Folders and archives may have any name, but the files have the product's name.
    name = re.sub(r"[-_]?SPECTRAL_IMAGE.*$", "", base_name(found), flags=re.IGNORECASE) or base_name(found)
    return Product(
        name=name,
        assets=(asset,),
        sensor="enmap-l2a" if level == "2A" else "enmap",
        sensor_reason="METADATA.XML",
        time=_time(root) or time_in_name(name),
        left_out=_left_out(files, metadata),
        platform="enmap",
        geometry=_geometry(root),
    )


def metadata_beside(files: Listing, image: str) -> str | None:
    """Return the METADATA.XML of an image, in the same folder; None if there is none."""
    start = IMAGE.sub("", base_name(image))
    names = [name for name in files.names if dirname(name) == dirname(image) and METADATA.search(name)]
    names = [name for name in names if base_name(name).startswith(start)] or names
    return next((name for name in names if is_metadata(files, name)), None)


def _level(root: ElementTree.Element, name: str) -> str:
    """Return the processing level, `1B`, `1C` or `2A`; 1C if it is not stated."""
    text = (root.findtext("base/level") or "").strip()
    found = _LEVEL.search(text) or _LEVEL.search(base_name(name)) or _LEVEL.search(name)
    return found[1].upper() if found else "1C"


def _images(files: Listing, metadata: str) -> list[str]:
    """Return the images in the folder of the metadata: those of the same product, else all."""
    start = METADATA.sub("", base_name(metadata))
    names = [name for name in files.names if dirname(name) == dirname(metadata) and IMAGE.search(name)]
    return [name for name in names if base_name(name).startswith(start)] or names


def _left_out(files: Listing, metadata: str) -> tuple[LeftOut, ...]:
    """Return the quality layers and quicklooks in the folder of the image, which are not bands."""
    names = [name for name in files.names if dirname(name) == dirname(metadata) and _LAYER.search(name)]
    return tuple(LeftOut(name=base_name(name), why="quality layer or quicklook") for name in names)


def _asset(files: Listing, image: str, root: ElementTree.Element, level: str) -> Asset:
    """Return the image with wavelength, width, gain and offset of each of its bands.

    Raises:
        SceneError: the metadata describe another number of bands than the image has.
    """
    path = files.path(image)
    with Raster(path) as raster:
        count = raster.count
    background = _number(root.findtext("specific/backgroundValue"))
    nodata = background if background is not None else (0.0 if level == "1B" else BACKGROUND)
    bands = _bands(root, files.root, level, nodata)
    expected = {detector: _expected(root, detector) for detector in ("vnir", "swir")}
    named = IMAGE.search(image)
    used = _used(bands, expected, count, named["detector"] if named else None)
    if len(used) != count:
        raise SceneError(
            f"{path} has {count} bands, but METADATA.XML describes {len(bands)}; download the product again"
        )
    acquired = {number for numbers in expected.values() for number in numbers}
    missing = set(bands) - acquired if acquired else set()
    return Asset(
        path=path,
        wavelengths=tuple(None if number in missing else bands[number][0] for number in used),
        widths=tuple(None if number in missing else bands[number][1] for number in used),
        gains=tuple(bands[number][2] for number in used),
    )


def _bands(root: ElementTree.Element, path: str, level: str, nodata: float) -> Bands:
    """Return the bands that METADATA.XML describes.

    Raises:
        SceneError: a band has no wavelength.
    """
    bands: dict[int, tuple[float, float | None, Gain]] = {}
    for item in root.iterfind("specific/bandCharacterisation/bandID"):
        centre = _number(item.findtext("wavelengthCenterOfBand"))
        if centre is None or centre <= 0:
            raise SceneError(
                f"{path}: METADATA.XML has no wavelength for band {item.get('number')}; download the product "
                "again"
            )
        number = int(_number(item.get("number")) or len(bands) + 1)
        width = _number(item.findtext("FWHMOfBand"))
        bands[number] = centre / 1000, width / 1000 if width else None, _gain(item, level, nodata)
    return dict(sorted(bands.items()))


def _used(bands: Bands, expected: dict[str, list[int]], count: int, detector: str | None) -> list[int]:
    """Return the numbers of an image's bands in order: all, those of one detector, or those acquired."""
    if detector is not None:
        numbers = expected[detector.lower()]
        if len(numbers) != count:
            numbers = list(bands)[:count] if detector.lower() == "vnir" else list(bands)[-count:]
    elif count == len(bands):
        return list(bands)
    else:
        numbers = [*expected["vnir"], *expected["swir"]]
    return [number for number in numbers if number in bands]


def _expected(root: ElementTree.Element, detector: str) -> list[int]:
    """Return the numbers of the bands of a detector in the product; empty if they are not stated."""
    text = root.findtext(f"specific/{detector}ProductQuality/expectedChannelsList") or ""
    return [int(part) for part in re.findall(r"\d+", text)]


def _gain(item: ElementTree.Element, level: str, nodata: float) -> Gain:
    """Return the gain of a band to radiance or reflectance."""
    gain = _number(item.findtext("GainOfBand"))
    offset = _number(item.findtext("OffsetOfBand")) or 0.0
    if level == "2A":
        # A gain of 1 is an error of the metadata: reflectance is stored as integers.
        scale = gain if gain is not None and 0 < gain < 1 else REFLECTANCE_SCALE
        source = "METADATA.XML" if scale == gain else "sensor enmap-l2a"
        return Gain(scale=scale, offset=offset, source=source, units="reflectance", nodata=nodata)
    if not gain:
        return Gain(scale=1.0, offset=0.0, source="METADATA.XML has no gain", units="dn", nodata=nodata)
    return Gain(
        scale=gain * PER_MICROMETRE,
        offset=offset * PER_MICROMETRE,
        source="METADATA.XML",
        units="radiance",
        nodata=nodata,
    )


def _geometry(root: ElementTree.Element) -> Geometry | None:
    """Return sun and view angles at the scene's centre."""
    elevation = _number(root.findtext("specific/sunElevationAngle/center"))
    tilts = [_number(root.findtext(f"specific/{axis}OffNadirAngle/center")) for axis in ("across", "along")]
    slopes = [math.tan(math.radians(tilt)) for tilt in tilts if tilt is not None]
    if elevation is None and not slopes:
        return None
    view = math.degrees(math.atan(math.hypot(*slopes))) if slopes else None
    return Geometry(
        sun_zenith=None if elevation is None else 90 - elevation,
        view_zeniths={} if view is None else {"": view},
        source="METADATA.XML",
        view_note="" if view is None else "angle at the satellite, slightly less than at the ground",
    )


def _time(root: ElementTree.Element) -> datetime | None:
    """Return the start of the acquisition, in UTC."""
    places = ("base/temporalCoverage/startTime", "specific/datatakeStart")
    return next((time for place in places if (time := iso_time(root.findtext(place) or ""))), None)


def _number(text: str | None) -> float | None:
    """Return a finite number; None if the text is not one."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None

"""EnMAP products as DLR delivers them: one image of all bands, and METADATA.XML that describes the bands.

Element names and units: DLR, EnMAP HSI Level 1B/1C/2A Product Specification (EN-PCV-ICD-2009-2).
`GainOfBand` and `OffsetOfBand` turn stored values into radiance in W m-2 sr-1 nm-1 (level 1) or into
reflectance (level 2A).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from posixpath import dirname
from xml.etree import ElementTree

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.paths import Listing
from geoseg.scenes.product import Asset, Gain, Geometry, LeftOut, Product, iso_time, time_in_name
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
"""Stored value of pixels without measurement in levels 1C and 2A, where METADATA.XML does not say it."""

REFLECTANCE_SCALE = 1e-4
"""Stored value to reflectance in level 2A, where METADATA.XML does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    """One band as METADATA.XML describes it."""

    number: int
    wavelength: float
    """Centre in µm."""
    width: float | None
    """Full width at half maximum in µm."""
    gain: float | None
    offset: float


def is_metadata(files: Listing, name: str) -> bool:
    """Whether a file is the METADATA.XML of an EnMAP product, by its name and its content."""
    # DESIS, in DLR's same layout, calls its widths otherwise.
    return METADATA.search(name) is not None and "FWHMOfBand" in files.text(name)


def enmap_product(files: Listing, metadata: str, image: str | None = None) -> Product:
    """Read METADATA.XML and find the image that it describes.

    Args:
        files: the product's files.
        metadata: the relative path of METADATA.XML.
        image: the relative path of the one image that was asked for; None: that of the whole product.

    Raises:
        SceneReadError: the metadata or the image cannot be read.
        SceneError: there is no image, or it is level 1B, whose two detectors lie on no map.
    """
    path = files.path(metadata)
    try:
        root = ElementTree.fromstring(files.text(metadata))  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError as error:
        raise SceneReadError(f"{path} is damaged: {error}; fetch the product again") from error
    level = _level(root, metadata)
    images = _images(files, metadata)
    found = image or (images[0] if images else None)
    if image is None and (level == "1B" or len(images) > 1):
        raise SceneError(
            f"{files.root} is EnMAP level 1B: two detectors in the geometry of the sensor, on no map; order "
            "level 1C, or orthorectify it (EnPT, or gdalwarp -rpc of each image)"
        )
    if found is None:
        raise SceneError(
            f"{path} has no SPECTRAL_IMAGE file (.TIF, .BSQ, .BIL, .BIP, .JP2) beside it; fetch the whole "
            "product"
        )
    asset = _asset(files, found, root, level)
    # The archive's or the user's folder may be called anything, the files carry the product's name.
    name = re.sub(r"[-_]?SPECTRAL_IMAGE.*$", "", base_name(found), flags=re.IGNORECASE) or base_name(found)
    return Product(
        name=name,
        assets=(asset,),
        sensor="enmap-l2a" if level == "2A" else "enmap",
        because="METADATA.XML",
        time=_time(root) or time_in_name(name),
        left_out=_left_out(files, metadata),
        platform="enmap",
        geometry=_geometry(root),
    )


def metadata_beside(files: Listing, image: str) -> str | None:
    """Return the METADATA.XML that an image belongs to, in the same folder; None where there is none."""
    start = IMAGE.sub("", base_name(image))
    near = [name for name in files.names if dirname(name) == dirname(image) and METADATA.search(name)]
    own = [name for name in near if base_name(name).startswith(start)]
    return next((name for name in own or near if is_metadata(files, name)), None)


def _level(root: ElementTree.Element, name: str) -> str:
    """Return the processing level, `1B`, `1C` or `2A`; 1C where nothing tells."""
    told = (root.findtext("base/level") or "").strip()
    found = _LEVEL.search(told) or _LEVEL.search(base_name(name)) or _LEVEL.search(name)
    return found[1].upper() if found else "1C"


def _images(files: Listing, metadata: str) -> list[str]:
    """Return the images beside the metadata, those of the same product first."""
    start = METADATA.sub("", base_name(metadata))
    near = [name for name in files.names if dirname(name) == dirname(metadata) and IMAGE.search(name)]
    return [name for name in near if base_name(name).startswith(start)] or near


def _left_out(files: Listing, metadata: str) -> tuple[LeftOut, ...]:
    """Return the quality layers and quick looks beside the image, which are no bands."""
    near = [name for name in files.names if dirname(name) == dirname(metadata) and _LAYER.search(name)]
    return tuple(LeftOut(name=base_name(name), why="quality layer or quick look") for name in near)


def _asset(files: Listing, image: str, root: ElementTree.Element, level: str) -> Asset:
    """Return the image with centre, width, gain and offset of each of its bands."""
    path = files.path(image)
    with Raster(path) as raster:
        count = raster.count
    bands = _bands(root, files.root)
    expected = {detector: _expected(root, detector) for detector in ("vnir", "swir")}
    named = IMAGE.search(image)
    used = _used(bands, expected, count, named["detector"] if named else None)
    if len(used) != count:
        raise SceneError(
            f"{path} has {count} bands, and METADATA.XML describes {len(bands)}; fetch the product again"
        )
    acquired = {number for numbers in expected.values() for number in numbers}
    background = _number(root.findtext("specific/backgroundValue"))
    nodata = background if background is not None else (0.0 if level == "1B" else BACKGROUND)
    there = [band if not acquired or band.number in acquired else None for band in used]
    return Asset(
        path=path,
        wavelengths=tuple(band.wavelength if band else None for band in there),
        widths=tuple(band.width if band else None for band in there),
        gains=tuple(_gain(band, level, nodata) for band in used),
    )


def _bands(root: ElementTree.Element, path: str) -> list[_Band]:
    """Return the bands that METADATA.XML describes, by number.

    Raises:
        SceneError: a band has no wavelength.
    """
    found: list[_Band] = []
    for item in root.iterfind("specific/bandCharacterisation/bandID"):
        centre = _number(item.findtext("wavelengthCenterOfBand"))
        if centre is None or centre <= 0:
            raise SceneError(
                f"{path}: METADATA.XML has no wavelength for band {item.get('number')}; fetch it again"
            )
        width = _number(item.findtext("FWHMOfBand"))
        found.append(
            _Band(
                number=int(_number(item.get("number")) or len(found) + 1),
                wavelength=centre / 1000,
                width=width / 1000 if width else None,
                gain=_number(item.findtext("GainOfBand")),
                offset=_number(item.findtext("OffsetOfBand")) or 0.0,
            )
        )
    return sorted(found, key=lambda band: band.number)


def _used(
    bands: Sequence[_Band], expected: dict[str, list[int]], count: int, detector: str | None
) -> list[_Band]:
    """Return the bands of an image in their order: all, those of one detector, or those expected."""
    known = {band.number: band for band in bands}
    if detector is not None:
        numbers = expected[detector.lower()]
        if len(numbers) != count:
            numbers = list(known)[:count] if detector.lower() == "vnir" else list(known)[-count:]
    elif count == len(bands):
        return list(bands)
    else:
        numbers = [*expected["vnir"], *expected["swir"]]
    return [known[number] for number in numbers if number in known]


def _expected(root: ElementTree.Element, detector: str) -> list[int]:
    """Return the numbers of a detector's bands that the product holds; empty where nothing is said."""
    text = root.findtext(f"specific/{detector}ProductQuality/expectedChannelsList") or ""
    return [int(part) for part in re.findall(r"\d+", text)]


def _gain(band: _Band, level: str, nodata: float) -> Gain:
    """Return how stored values of a band become radiance or reflectance."""
    if level == "2A":
        # A gain of 1 cannot be meant: reflectance is stored in whole numbers.
        scale = band.gain if band.gain is not None and 0 < band.gain < 1 else REFLECTANCE_SCALE
        source = "METADATA.XML" if scale == band.gain else "sensor enmap-l2a"
        return Gain(scale=scale, offset=band.offset, source=source, units="reflectance", nodata=nodata)
    if not band.gain:
        return Gain(scale=1.0, offset=0.0, source="METADATA.XML has no gain", units="dn", nodata=nodata)
    return Gain(
        scale=band.gain * PER_MICROMETRE,
        offset=band.offset * PER_MICROMETRE,
        source="METADATA.XML",
        units="radiance",
        nodata=nodata,
    )


def _geometry(root: ElementTree.Element) -> Geometry | None:
    """Return sun and view at the scene's centre."""
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
        view_note="" if view is None else "the satellite's own angle, which is a little less",
    )


def _time(root: ElementTree.Element) -> datetime | None:
    """Return the start of the acquisition, in UTC."""
    places = ("base/temporalCoverage/startTime", "specific/datatakeStart")
    return next((time for place in places if (time := iso_time(root.findtext(place) or ""))), None)


def _number(text: str | None) -> float | None:
    """Return a finite number, None for what is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None

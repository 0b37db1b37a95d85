"""Sentinel-2: SAFE products."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import PurePosixPath
from xml.etree import ElementTree

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.name_time import time_in_name
from geoseg.scenes.paths import Listing
from geoseg.scenes.platform import as_platform
from geoseg.scenes.product import Asset, Gain, OffsetFacts, Product
from geoseg.scenes.sentinel2_tile import tile_geometry

METADATA = re.compile(r"(^|/)(MTD_MSIL(1C|2A)|S2[A-D]_OPER_MTD_SAFL(1C|2A)_[^/]*)\.xml$", re.IGNORECASE)
_IMAGE = re.compile(r"_(B\d[\dA])(?:_(\d{2})m)?\.(?:jp2|tiff?)$", re.IGNORECASE)

# Band numbers 0 to 12 in the metadata have this order.
BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")


def safe_product(files: Listing, metadata: str) -> Product:
    """Read the metadata of a SAFE product and find its bands, each at its finest pixel size.

    Args:
        files: the product's files.
        metadata: the relative path of MTD_MSIL1C.xml or MTD_MSIL2A.xml.

    Raises:
        SceneReadError: the metadata are not valid XML.
        SceneError: the metadata have no quantification value, or there are no band files.
    """
    path = files.path(metadata)
    try:
        root = ElementTree.fromstring(files.text(metadata))  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError as error:
        raise SceneReadError(f"{path} is damaged: {error}; download the product again") from error
    level = "2a" if re.search(r"L2A[^/]*$", metadata, re.IGNORECASE) else "1c"
    divisor = _number(root, "BOA_QUANTIFICATION_VALUE" if level == "2a" else "QUANTIFICATION_VALUE", path)
    offsets = _offsets(root, "BOA_ADD_OFFSET" if level == "2a" else "RADIO_ADD_OFFSET")
    baseline = _text(root, "PROCESSING_BASELINE") or "unknown"
    try:
        number = float(baseline)
    except ValueError:
        number = None
    images = _images(files, str(PurePosixPath(metadata).parent))
    if not images:
        raise SceneError(
            f"{files.root} has no band images (GRANULE/*/IMG_DATA/*.jp2); download the whole product"
        )
    facts = OffsetFacts(baseline=number, source="the product's XML", listed=True)
    assets = []
    for label, name in sorted(images.items()):
        gain = Gain(
            scale=1 / divisor,
            offset=offsets.get(label, 0.0) / divisor,
            source=f"XML, baseline {baseline}",
            nodata=0.0,
        )
        assets.append(
            Asset(path=files.path(name), labels=((label,),), gains=(gain,), optional=True, offset=facts)
        )
    geometry = tile_geometry(files, next(iter(images.values())), BAND_IDS)
    safe = next(
        (part for part in reversed(PurePosixPath(path).parts[:-1]) if part.upper().endswith(".SAFE")), None
    )
    return Product(
        name=re.sub(r"\.SAFE$", "", safe or PurePosixPath(path).parent.name, flags=re.IGNORECASE),
        assets=tuple(assets),
        sensor=f"sentinel-2-l{level}",
        sensor_reason="product metadata",
        time=_time(root) or time_in_name(metadata),
        platform=as_platform(_text(root, "SPACECRAFT_NAME") or ""),
        geometry=geometry,
    )


def _images(files: Listing, folder: str) -> dict[str, str]:
    """Return the file of the finest pixel size of each band, by band label.

    Raises:
        SceneError: there are several granules.
    """
    best: dict[str, tuple[int, str]] = {}
    for name in files.names:
        found = _IMAGE.search(name)
        inside = folder == "." or name.startswith(f"{folder}/")
        if not found or not inside or "IMG_DATA" not in name.upper():
            continue
        label, metres = found[1].upper(), int(found[2] or 0)
        known = best.get(label)
        if known and known[0] == metres:
            raise SceneError(
                f"{files.root} has several granules ({known[1]}, {name}); give the IMG_DATA folder of one"
            )
        if known is None or metres < known[0]:
            best[label] = (metres, name)
    return {label: name for label, (_, name) in best.items()}


def _text(root: ElementTree.Element, tag: str) -> str | None:
    """Return the text of the first element of a name, in any namespace; None if there is none."""
    for item in root.iter():
        if item.tag.rpartition("}")[2] == tag:
            return (item.text or "").strip()
    return None


def _number(root: ElementTree.Element, tag: str, path: str) -> float:
    text = _text(root, tag)
    try:
        value = float(text or "")
    except ValueError:
        value = 0.0
    if value <= 0:
        raise SceneError(
            f"{path} has no valid {tag}; give the metadata of a Sentinel-2 level 1C or 2A product"
        )
    return value


def _offsets(root: ElementTree.Element, tag: str) -> dict[str, float]:
    """Return the radiometric offset by band label; empty before baseline 04.00."""
    found: dict[str, float] = {}
    for item in root.iter():
        if item.tag.rpartition("}")[2] == tag and item.text:
            number = int(item.get("band_id", "-1"))
            if 0 <= number < len(BAND_IDS):
                found[BAND_IDS[number]] = float(item.text)
    return found


def _time(root: ElementTree.Element) -> datetime | None:
    """Return the start of the acquisition (UTC)."""
    for tag in ("DATATAKE_SENSING_START", "PRODUCT_START_TIME"):
        text = _text(root, tag)
        if text:
            try:
                return datetime.fromisoformat(text.replace("Z", "+00:00"))
            except ValueError:
                continue
    return None

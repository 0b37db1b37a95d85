"""EnMAP products as DLR delivers them: an image of all bands, METADATA.XML, and quality layers beside it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.products.ground import CRS, write_raster

NAME = "ENMAP01-____{level}-DT0000012345_20230601T083015Z_001_V010303_20230602T010203Z"
VNIR = np.linspace(418.4, 993.4, 91)
SWIR = np.linspace(902.3, 2445.3, 133)
CENTRES = np.concatenate([VNIR, SWIR])
"""nm; the two detectors overlap."""
WIDTHS = np.concatenate([np.full(91, 6.5), np.full(133, 10.2)])
BACKGROUND = -32768
LAYERS = (
    "PIXELMASK",
    "QUALITY_CLASSES",
    "QUALITY_CLOUD",
    "QUALITY_CLOUDSHADOW",
    "QUALITY_SNOW",
    "SWIR",
    "VNIR",
)

GAIN = 1e-5
"""W m-2 sr-1 nm-1 a count, of level 1."""
OFFSET = 2e-4
"""W m-2 sr-1 nm-1."""


def enmap_name(level: str) -> str:
    """The name that all files of a product begin with."""
    return NAME.format(level=level)


def write_enmap(
    folder: Path,
    cube: NDArray[np.floating[Any]],
    *,
    level: str = "L1C",
    suffix: str = "TIF",
    expected: range | None = None,
    nodata: bool = True,
) -> Path:
    """Write a product into `folder` / its name, and return that folder.

    Args:
        folder: where.
        cube: (224, H, W), NaN where not observed: radiance in W m-2 sr-1 um-1 of L1B and L1C, reflectance
            of L2A.
        level: L1B, L1C or L2A.
        suffix: TIF, BSQ or JP2 of the images.
        expected: numbers of the bands that METADATA.XML says to be there; None: all.
        nodata: whether images carry a nodata tag.
    """
    name = enmap_name(level)
    target = folder / name
    gain, offset = (1e-4, 0.0) if level == "L2A" else (GAIN, OFFSET)
    physical = cube if level == "L2A" else cube / 1000
    with np.errstate(invalid="ignore"):
        counts = np.where(np.isnan(cube), BACKGROUND, np.rint((physical - offset) / gain)).astype(np.int16)
    drivers = {"TIF": "GTiff", "BSQ": "ENVI", "JP2": "JP2OpenJPEG"}
    options: dict[str, Any] = {"driver": drivers[suffix], "pixel": 30.0}
    if suffix == "JP2":
        options |= {"QUALITY": "100", "REVERSIBLE": "YES"}
    elif nodata:
        options["nodata"] = BACKGROUND
    parts = {"": slice(None)} if level != "L1B" else {"_VNIR": slice(0, 91), "_SWIR": slice(91, None)}
    for part, bands in parts.items():
        # Level 1B lies in the geometry of the sensor.
        place = None if level == "L1B" else CRS
        write_raster(target / f"{name}-SPECTRAL_IMAGE{part}.{suffix}", counts[bands], crs=place, **options)
    for layer in LAYERS:
        flags = np.zeros(cube.shape[1:], np.uint8)
        crs = None if level == "L1B" else CRS
        write_raster(target / f"{name}-QL_{layer}.TIF", flags, crs=crs, pixel=30.0)
    text = metadata(level, gain, offset, expected or range(1, len(CENTRES) + 1))
    (target / f"{name}-METADATA.XML").write_text(text)
    (target / f"{name}-HISTORY.XML").write_text("<history/>")
    return target


def metadata(level: str, gain: float, offset: float, expected: range) -> str:
    """METADATA.XML with the elements that geoseg reads."""
    bands = "".join(
        f'<bandID number="{number}"><wavelengthCenterOfBand>{nm:.4f}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>{width:.3f}</FWHMOfBand><GainOfBand>{gain:g}</GainOfBand>"
        f"<OffsetOfBand>{offset:g}</OffsetOfBand></bandID>"
        for number, (nm, width) in enumerate(zip(CENTRES, WIDTHS, strict=True), start=1)
    )
    lists = "".join(
        f"<{name}ProductQuality><expectedChannelsList>"
        f"{','.join(str(number) for number in expected if number in own)}"
        f"</expectedChannelsList></{name}ProductQuality>"
        for name, own in (("vnir", range(1, 92)), ("swir", range(92, 225)))
    )
    angles = "".join(
        f'<{name} unit="DEG"><center>{value}</center></{name}>'
        for name, value in (
            ("sunElevationAngle", 58.0),
            ("acrossOffNadirAngle", -6.0),
            ("alongOffNadirAngle", 1.0),
        )
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><level_X><metadata><schema/></metadata>'
        f"<base><level>{level}</level><temporalCoverage><startTime>2023-06-01T08:30:15.123456Z</startTime>"
        f"</temporalCoverage></base><specific>{angles}<backgroundValue>{BACKGROUND}</backgroundValue>{lists}"
        f"<bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>"
    )


def tarred(folder: Path, suffix: str) -> Path:
    """The product as one tar archive (`.tar`, `.tar.gz`), its folder inside."""
    path = folder.with_name(f"{folder.name}{suffix}")
    with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as archive:
        archive.add(folder, arcname=folder.name)
    return path


def zipped(folder: Path) -> Path:
    """The product as one archive, its folder inside."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for item in sorted(folder.iterdir()):
            archive.write(item, f"{folder.name}/{item.name}")
    return path

"""Sentinel-1 backscatter as it is delivered: HyP3 RTC, OPERA RTC-S1, Planetary Computer RTC, plain files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.products.ground import Ground, write_raster

POLARISATIONS = ("vv", "vh")
Stored = Literal["power", "amplitude", "db", "db x 10", "db x 100"]
HYP3_LETTERS: Mapping[str, str] = {"power": "p", "amplitude": "a", "db": "d"}


@dataclass(frozen=True, kw_only=True)
class Sentinel1:
    """Backscatter of made ground, as stored."""

    ground: Ground = field(default_factory=Ground)
    stored: Stored = "power"
    date: str = "20230507T111213"
    bands: Sequence[str] = POLARISATIONS
    dtype: Any = np.float32

    def values(self, band: str) -> NDArray[Any]:
        """Values (H, W) as stored."""
        power = self.ground.power(band)
        found = {
            "power": power,
            "amplitude": np.sqrt(power),
            "db": 10 * np.log10(power),
            "db x 10": 100 * np.log10(power),
            "db x 100": 1000 * np.log10(power),
        }[self.stored]
        whole = np.dtype(self.dtype).kind in "iu"
        return np.asarray(np.rint(found) if whole else found).astype(self.dtype)


def stack(path: Path, product: Sentinel1, names: Sequence[str] = (), **options: Any) -> Path:
    """Write all polarisations in one GeoTIFF, called VV and VH or by other names."""
    data = np.stack([product.values(band) for band in product.bands])
    return write_raster(path, data, descriptions=names or [band.upper() for band in product.bands], **options)


def hyp3(
    folder: Path, product: Sentinel1, *, letter: str | None = None, ls_map: NDArray[np.uint8] | None = None
) -> Path:
    """Write an RTC product of ASF's HyP3 and return its folder.

    Args:
        folder: where it is to lie.
        product: the backscatter.
        letter: how the name says that it is stored (p, a or d); None: as it is.
        ls_map: layover and shadow (H, W); None: 1, which is valid, everywhere.
    """
    letter = letter or HYP3_LETTERS[product.stored]
    name = f"S1A_IW_{product.date}_DVP_RTC30_G_g{letter}uned_3F2A"
    root = folder / name
    for band in product.bands:
        write_raster(root / f"{name}_{band.upper()}.tif", product.values(band), pixel=30, nodata=0)
    shape = product.ground.kinds.shape
    layover = np.ones(shape, np.uint8) if ls_map is None else ls_map
    write_raster(root / f"{name}_ls_map.tif", layover, pixel=30, nodata=0)
    write_raster(root / f"{name}_dem.tif", np.full(shape, 210, np.int16), pixel=30)
    write_raster(root / f"{name}_inc_map.tif", np.full(shape, 0.65, np.float32), pixel=30)
    write_raster(root / f"{name}_rgb.tif", np.full((3, *shape), 90, np.uint8), pixel=30)
    (root / f"{name}.README.md.txt").write_text("ASF RTC Data Package (GAMMA)")
    return root


def opera(folder: Path, product: Sentinel1, *, mask: NDArray[np.uint8] | None = None) -> Path:
    """Write a burst of OPERA RTC-S1, gamma0 in power.

    Args:
        folder: where its files are to lie.
        product: the backscatter, in power.
        mask: layover and shadow (H, W): 0 valid, 1 shadow, 2 layover, 3 both, 255 fill; None: all valid.
    """
    name = f"OPERA_L2_RTC-S1_T069-147170-IW1_{product.date}Z_20230508T000000Z_S1A_30_v1.0"
    for band in product.bands:
        write_raster(
            folder / f"{name}_{band.upper()}.tif", product.values(band), pixel=30, nodata=float("nan")
        )
    layover = np.zeros(product.ground.kinds.shape, np.uint8) if mask is None else mask
    write_raster(folder / f"{name}_mask.tif", layover, pixel=30, nodata=255)
    return folder


def planetary_computer(folder: Path, product: Sentinel1, **band_fields: Any) -> Path:
    """Write an item of the Planetary Computer's sentinel-1-rtc, gamma0 in power, and its files beside it."""
    name = f"S1A_IW_GRDH_1SDV_{product.date}_20230507T111238_048430_05D346_rtc"
    assets = {}
    for band in product.bands:
        href = f"measurement/iw-{band}.rtc.tiff"
        write_raster(folder / href, product.values(band), nodata=-32768)
        kind = "image/tiff; application=geotiff; profile=cloud-optimized"
        values = {"nodata": -32768, "data_type": "float32", "spatial_resolution": 10.0, **band_fields}
        assets[band] = {"href": f"./{href}", "type": kind, "roles": ["data"], "raster:bands": [values]}
    day, clock = product.date.split("T")
    time = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-1-rtc",
        "geometry": None,
        "links": [],
        "properties": {"datetime": time, "platform": "SENTINEL-1A", "sar:polarizations": ["VV", "VH"]},
        "assets": assets,
    }
    path = folder / "item.json"
    path.write_text(json.dumps(item))
    return path

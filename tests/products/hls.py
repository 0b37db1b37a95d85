"""HLS granules as LP DAAC delivers them, and the STAC items of CMR and the Planetary Computer.

Layers, scale and fill: Harmonized Landsat Sentinel-2 (HLS) Product User Guide v2.0, tables 4 to 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.products.ground import Ground, write_raster

L30 = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "nir08",
    "B06": "swir16",
    "B07": "swir22",
    "B09": "cirrus",
}
S30 = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge071",
    "B06": "rededge075",
    "B07": "rededge078",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B10": "cirrus",
    "B11": "swir16",
    "B12": "swir22",
}
ANGLES = ("SAA", "SZA", "VAA", "VZA")
FILL = -9999


@dataclass(frozen=True, kw_only=True)
class Granule:
    """A granule that was written."""

    folder: Path
    name: str
    bands: Mapping[str, str]
    """Common names by label (`B05`)."""

    def file(self, label: str) -> Path:
        """Return a file by its layer."""
        return self.folder / f"{self.name}.{label}.tif"


def write_hls(
    parent: Path,
    ground: Ground | None = None,
    *,
    product: Literal["L30", "S30"] = "S30",
    tile: str = "T33UXP",
    time: str = "2022152T100031",
    version: str = "v2.0",
    folder: str | None = None,
    labels: Sequence[str] | None = None,
    fmask: NDArray[Any] | None = None,
    gap: NDArray[np.bool_] | None = None,
    transform: Affine | None = None,
    crs: str = "EPSG:32633",
) -> Granule:
    """Write a granule of 30 m pixels with angles, mask, quicklook and metadata.

    Args:
        parent: where the folder goes.
        ground: what is seen.
        product: of Landsat or of Sentinel-2.
        tile: of the military grid.
        time: as in its name.
        version: as in its name.
        folder: its name; None: that of the granule.
        labels: its bands; None: all.
        fmask: (H, W); 64 (nothing but low aerosol) by default.
        gap: (H, W), True where nothing was observed.
        transform: of the grid; None: the usual one.
        crs: of the grid.
    """
    ground = ground or Ground()
    name = f"HLS.{product}.{tile}.{time}.{version}"
    known = L30 if product == "L30" else S30
    made = Granule(
        folder=parent / (folder or name), name=name, bands={key: known[key] for key in labels or known}
    )
    options: dict[str, Any] = {"pixel": 30.0, "transform": transform, "crs": crs}
    hidden = np.zeros(ground.kinds.shape, np.bool_) if gap is None else gap
    for label, band in made.bands.items():
        stored = (ground.reflectance(band) * 10_000).round().astype(np.int16)
        write_raster(made.file(label), np.where(hidden, np.int16(FILL), stored), nodata=FILL, **options)
    mask = np.full(ground.kinds.shape, 64, np.uint8) if fmask is None else fmask.astype(np.uint8)
    write_raster(made.file("Fmask"), np.where(hidden, np.uint8(255), mask), nodata=255, **options)
    for label in ANGLES:
        angle = np.full(ground.kinds.shape, 3000, np.uint16)
        write_raster(made.file(label), angle, nodata=40_000, **options)
    (made.folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (made.folder / f"{name}.cmr.xml").write_text("<Granule/>")
    return made


def cmr_item(made: Granule, path: Path) -> Path:
    """Write the item of the collection HLSL30 or HLSS30 as CMR's STAC interface gives it, of local files."""
    names = (*made.bands, "Fmask", *ANGLES)
    assets: dict[str, Any] = {
        label: {"title": f"Download {label}.tif", "href": str(made.file(label))} for label in names
    }
    assets["browse"] = {
        "type": "image/jpeg",
        "title": "Download jpg",
        "href": str(made.folder / f"{made.name}.jpg"),
    }
    return _item(made, path, f"HLS{made.name[4:7]}_2.0", assets)


def planetary_item(made: Granule, path: Path) -> Path:
    """Write the item of hls2-l30 or hls2-s30 as the Planetary Computer has it, of local files."""
    assets: dict[str, Any] = {}
    for label in (*made.bands, *ANGLES, "Fmask"):
        # The catalogue calls band 5 of Landsat `nir`, as Sentinel-2's band 8.
        common = {"nir08": "nir"}.get(made.bands.get(label, ""), made.bands.get(label))
        band = {"name": label} | ({"common_name": common} if common and made.name[4] == "L" else {})
        assets[label] = {
            "href": str(made.file(label)),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "eo:bands": [band],
        }
    return _item(made, path, f"hls2-{made.name[4:7].lower()}", assets)


def _item(made: Granule, path: Path, collection: str, assets: Mapping[str, Any]) -> Path:
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": made.name,
        "collection": collection,
        "properties": {"datetime": "2022-06-01T10:00:31.000Z", "eo:cloud_cover": 3},
        "assets": assets,
    }
    path.write_text(json.dumps(item))
    return path

"""Small Sentinel-2 products with the metadata that tell satellite and angles, written for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

PRODUCT = """<?xml version="1.0"?>
<n1:Level-{level}_User_Product
  xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
 <n1:General_Info><Product_Info>
  <PRODUCT_START_TIME>2023-05-06T10:10:31.024Z</PRODUCT_START_TIME>
  <PROCESSING_BASELINE>05.09</PROCESSING_BASELINE>
  <Datatake datatakeIdentifier="G">
   <SPACECRAFT_NAME>Sentinel-2{letter}</SPACECRAFT_NAME></Datatake></Product_Info>
  <Product_Image_Characteristics>
   <{prefix}QUANTIFICATION_VALUE unit="none">10000</{prefix}QUANTIFICATION_VALUE>
  </Product_Image_Characteristics></n1:General_Info>
</n1:Level-{level}_User_Product>"""

TILE = """<?xml version="1.0"?>
<n1:Level-1C_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-1C_Tile_Metadata.xsd">
 <n1:Geometric_Info><Tile_Angles metadataLevel="Standard">
  <Sun_Angles_Grid><Zenith><COL_STEP unit="m">5000</COL_STEP>
   <Values_List><VALUES>1 2 3</VALUES></Values_List></Zenith></Sun_Angles_Grid>
  <Mean_Sun_Angle><ZENITH_ANGLE unit="deg">{sun}</ZENITH_ANGLE>
   <AZIMUTH_ANGLE unit="deg">160</AZIMUTH_ANGLE></Mean_Sun_Angle>
  <Mean_Viewing_Incidence_Angle_List>{views}</Mean_Viewing_Incidence_Angle_List>
 </Tile_Angles></n1:Geometric_Info>
</n1:Level-1C_Tile_ID>"""

VIEW = """<Mean_Viewing_Incidence_Angle bandId="{band}"><ZENITH_ANGLE unit="deg">{zenith}</ZENITH_ANGLE>
 <AZIMUTH_ANGLE unit="deg">280</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>"""


def write_band(path: Path, value: int = 3000, **profile: Any) -> Path:
    """Write a one-band raster of 12 x 12 pixels of 20 m at 9 degrees east, 45.15 degrees north."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint16",
        "height": 12,
        "width": 12,
        "crs": "EPSG:32632",
        "transform": Affine(20, 0, 500_000, 0, -20, 5_000_000),
    }
    with rasterio.open(path, "w", **(options | profile)) as file:
        file.write(np.full((1, 12, 12), value, np.uint16))
    return path


def write_safe(
    folder: Path,
    *,
    letter: str = "A",
    level: str = "1C",
    tile: str | None = None,
    named: str | None = None,
) -> Path:
    """Write a SAFE product with B11 and B12.

    Args:
        folder: where to.
        letter: of the satellite, as the metadata state it.
        level: 1C or 2A.
        tile: the text of MTD_TL.xml; None: sun 40, B11 at 5, B12 at 7, other bands at 20 degrees.
        named: the letter in the product's name; None: the same.
    """
    root = folder / f"S2{named or letter}_MSIL{level}_20230506T101031_N0509_R022_T32TNR_20230506T121212.SAFE"
    granule = root / "GRANULE" / f"L{level}_T32TNR_A041000_20230506T101032"
    if tile is None:
        zeniths = dict.fromkeys(range(13), 20.0) | {11: 5.0, 12: 7.0}
        views = "".join(VIEW.format(band=band, zenith=zenith) for band, zenith in zeniths.items())
        tile = TILE.format(sun=40.0, views=views)
    granule.mkdir(parents=True)
    prefix = "BOA_" if level == "2A" else ""
    (root / f"MTD_MSIL{level}.xml").write_text(PRODUCT.format(level=level, letter=letter, prefix=prefix))
    (granule / "MTD_TL.xml").write_text(tile)
    place = granule / "IMG_DATA" / ("R20m" if level == "2A" else "")
    for band in ("B11", "B12"):
        end = "_20m.jp2" if level == "2A" else ".jp2"
        jp2: dict[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
        write_band(place / f"T32TNR_20230506T101031_{band}{end}", **jp2)
    return root

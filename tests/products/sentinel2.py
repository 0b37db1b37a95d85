"""Sentinel-2 as it is delivered: SAFE, band files, stacks, and items of catalogues, of made ground."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.products.ground import EAST, NORTH, Ground, write_raster

LABELS: Mapping[str, str] = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge071": "B05",
    "rededge075": "B06",
    "rededge078": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
METRES: Mapping[str, int] = {
    **dict.fromkeys(LABELS, 20),
    **dict.fromkeys(("blue", "green", "red", "nir"), 10),
    **dict.fromkeys(("coastal", "nir09", "cirrus"), 60),
}
SIX = ("blue", "green", "red", "nir", "swir16", "swir22")
TILE = "T33UXP"
JP2: Mapping[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True, kw_only=True)
class Sentinel2:
    """A product of made ground."""

    ground: Ground = field(default_factory=Ground)
    level: str = "2A"
    baseline: str = "05.09"
    """As name and XML say; what the counts hold is `held`."""
    held: bool = True
    """Whether counts hold the offset of 1000."""
    date: str = "20230704T100031"
    bands: Sequence[str] = SIX
    dtype: Any = np.uint16
    tile: str = TILE
    east: float = 0.0
    """Metres by which the tile lies east of the usual place."""

    def write(self, path: Path, data: NDArray[Any], metres: int = 10, **options: Any) -> Path:
        """Write a raster where the tile lies."""
        place = Affine(metres, 0, EAST + self.east, 0, -metres, NORTH)
        return write_raster(path, data, transform=place, **options)

    @property
    def name(self) -> str:
        """The product's name, without `.SAFE`."""
        number = self.baseline.replace(".", "")
        return f"S2B_MSIL{self.level}_{self.date}_N{number}_R122_{self.tile}_20230705T131052"

    @property
    def time(self) -> str:
        """ISO 8601."""
        day, clock = self.date.split("T")
        return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.024Z"

    def counts(self, band: str, metres: int = 10) -> NDArray[Any]:
        """Counts (H, W) as stored, of the ground's pixels of 10 m or every so manieth."""
        step = metres // 10
        values = np.rint(self.ground.reflectance(band)[::step, ::step] * 10_000) + 1000 * self.held
        return values.astype(self.dtype)


def band_files(folder: Path, product: Sentinel2, prefix: str | None = None) -> Path:
    """Write a folder of one file a band at 10 m, named as the files within a product are."""
    stem = prefix or f"{product.tile}_{product.date}"
    end = "_10m" if product.level == "2A" else ""
    for band in product.bands:
        product.write(folder / f"{stem}_{LABELS[band]}{end}.tif", product.counts(band), nodata=0)
    return folder


def stack(path: Path, product: Sentinel2, *, named: bool = True, **options: Any) -> Path:
    """Write all bands in one GeoTIFF, with or without their labels as descriptions."""
    data = np.stack([product.counts(band) for band in product.bands])
    names = [LABELS[band] for band in product.bands] if named else []
    return product.write(path, data, descriptions=names, **options)


_XML = """<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{time}</PRODUCT_START_TIME>
      <PRODUCT_URI>{name}.SAFE</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{time}</DATATAKE_SENSING_START></Datatake>
    </Product_Info>
    <Product_Image_Characteristics>
      {quantification}
      {offsets}
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-{level}_User_Product>
"""
_TILE_XML = """<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{level}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{level}_Tile_Metadata.xsd">
  <n1:General_Info><TILE_ID metadataLevel="Brief">{tile_id}</TILE_ID></n1:General_Info>
  <n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle>
    <ZENITH_ANGLE unit="deg">30.0</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">150.0</AZIMUTH_ANGLE>
  </Mean_Sun_Angle></Tile_Angles></n1:Geometric_Info>
</n1:Level-{level}_Tile_ID>
"""


def safe(
    folder: Path,
    product: Sentinel2,
    *,
    listed: bool | None = None,
    scl: NDArray[np.uint8] | None = None,
    classi: NDArray[np.uint8] | None = None,
) -> Path:
    """Write a SAFE product and return its folder.

    Args:
        folder: where it is to lie.
        product: what it shows.
        listed: whether the XML lists offsets; None: from baseline 04.00 on.
        scl: scene classes (H, W) at 20 m of a level 2A product.
        classi: cloud masks (3, H, W) at 60 m: opaque clouds, cirrus, snow.
    """
    root = folder / f"{product.name}.SAFE"
    surface = product.level == "2A"
    granule = root / "GRANULE" / f"L{product.level}_{product.tile}_A033072_{product.date}"
    tag = "BOA_ADD_OFFSET" if surface else "RADIO_ADD_OFFSET"
    listed = float(product.baseline) >= 4 if listed is None else listed
    offsets = "".join(f'<{tag} band_id="{number}">-1000</{tag}>' for number in range(13)) if listed else ""
    prefix = "BOA_" if surface else ""
    what = f"{prefix}QUANTIFICATION_VALUE"
    quantification = f'<{what} unit="none">10000</{what}>'
    if surface:
        quantification = f"<QUANTIFICATION_VALUES_LIST>{quantification}</QUANTIFICATION_VALUES_LIST>"
    text = _XML.format(
        level=product.level,
        time=product.time,
        name=product.name,
        baseline=product.baseline,
        quantification=quantification,
        offsets=f"<{tag.removesuffix('_OFFSET')}_LIST>{offsets}</{tag.removesuffix('_OFFSET')}_LIST>",
    )
    granule.mkdir(parents=True)
    (root / f"MTD_MSIL{product.level}.xml").write_text(text)
    (root / "manifest.safe").write_text("<xfdu:XFDU/>")
    tile_id = (
        f"S2B_OPER_MSI_L{product.level}_TL_2BPS_{product.date}_A033072_{product.tile}_N{product.baseline}"
    )
    (granule / "MTD_TL.xml").write_text(_TILE_XML.format(level=product.level, tile_id=tile_id))
    images, stem = granule / "IMG_DATA", f"{product.tile}_{product.date}"
    for band in product.bands:
        metres = METRES[band]
        inner = f"R{metres}m/{stem}_{LABELS[band]}_{metres}m.jp2" if surface else f"{stem}_{LABELS[band]}.jp2"
        product.write(images / inner, product.counts(band, metres), metres, **JP2)
    side = product.ground.kinds.shape[0]
    if surface:
        classes = np.full((side // 2, side // 2), 4, np.uint8) if scl is None else scl
        product.write(images / f"R20m/{stem}_SCL_20m.jp2", classes, 20, **JP2)
        product.write(images / f"R10m/{stem}_AOT_10m.jp2", np.full((side, side), 130, np.uint16), **JP2)
        product.write(images / f"R10m/{stem}_WVP_10m.jp2", np.full((side, side), 2100, np.uint16), **JP2)
    masks = np.zeros((3, side // 6, side // 6), np.uint8) if classi is None else classi
    product.write(granule / "QI_DATA" / "MSK_CLASSI_B00.jp2", masks, 60, **JP2)
    return root


def _item(
    folder: Path, product: Sentinel2, head: Mapping[str, Any], assets: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write the bands beside a STAC item and return the item."""
    for band, asset in zip(product.bands, assets.values(), strict=True):
        product.write(folder / str(asset["href"]), product.counts(band), nodata=0)
    own = {"datetime": product.time, "platform": "sentinel-2b", **head["properties"]}
    item: dict[str, Any] = {"type": "Feature", "stac_version": "1.0.0", "geometry": None, "links": []}
    item |= {**head, "properties": own, "assets": dict(assets)}
    path = folder / "item.json"
    path.write_text(json.dumps(item))
    return path


def earth_search(
    folder: Path, product: Sentinel2, *, version: str = "v1", applied: bool | None = False, **properties: Any
) -> Path:
    """Write an item of Earth Search with its COGs beside it.

    Args:
        folder: where.
        product: what the COGs hold.
        version: `v0` (sentinel-s2-l2a-cogs), `v1` (sentinel-2-l2a), or `c1` (sentinel-2-c1-l2a).
        applied: what `boa_offset_applied` says; None: it is not there, as in `c1`.
        properties: further ones, or others in place of those.
    """
    day = product.date[:8]
    names = {
        "v0": f"S2B_33UXP_{day}_0_L2A",
        "v1": f"S2B_33UXP_{day}_0_L2A",
        "c1": f"S2B_{product.tile}_{product.date}_L2A",
    }
    collections = {"v0": "sentinel-s2-l2a-cogs", "v1": "sentinel-2-l2a", "c1": "sentinel-2-c1-l2a"}
    own: dict[str, Any] = {
        "s2:processing_baseline": product.baseline,
        "s2:product_uri": f"{product.name}.SAFE",
    }
    if version == "v0":
        own = {"sentinel:processing_baseline": product.baseline, "sentinel:product_id": product.name}
    if applied is not None and version != "c1":
        own["sentinel:boa_offset_applied" if version == "v0" else "earthsearch:boa_offset_applied"] = applied
    assets: dict[str, dict[str, Any]] = {}
    for band in product.bands:
        label = LABELS[band]
        key = label if version == "v0" else band
        named = {"name": label if version == "v0" else band, "common_name": band}
        assets[key] = {"href": f"./{label}.tif", "type": COG, "roles": ["data"], "eo:bands": [named]}
        if version != "v0":
            # Written for all items, whatever was done to the counts.
            values = {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}
            assets[key]["raster:bands"] = [values]
    head: dict[str, Any] = {"id": names[version], "collection": collections[version]}
    return _item(folder, product, {**head, "properties": {**own, **properties}}, assets)


def planetary_computer(folder: Path, product: Sentinel2, **properties: Any) -> Path:
    """Write an item of the Planetary Computer: a baseline, no offsets, counts as ESA delivers them."""
    own = {"s2:processing_baseline": product.baseline, "s2:product_uri": f"{product.name}.SAFE"}
    number = product.baseline.replace(".", "")
    assets = {
        LABELS[band]: {
            "href": f"./{product.tile}_{product.date}_{LABELS[band]}_10m.tif",
            "type": COG,
            "roles": ["data"],
            "eo:bands": [{"name": LABELS[band], "common_name": band}],
        }
        for band in product.bands
    }
    head = {"id": product.name.replace(f"_N{number}", ""), "collection": "sentinel-2-l2a"}
    return _item(folder, product, {**head, "properties": {**own, **properties}}, assets)


def cdse(folder: Path, product: Sentinel2, **properties: Any) -> Path:
    """Write an item of the Copernicus Data Space: `processing:version` is its baseline."""
    assets = {
        f"{LABELS[band]}_10m": {
            "href": f"./{product.tile}_{product.date}_{LABELS[band]}_10m.tif",
            "type": COG,
            "roles": ["data", "reflectance"],
            "nodata": 0,
            "data_type": "uint16",
            "raster:scale": 0.0001,
            "raster:offset": -0.1 if float(product.baseline) >= 4 else 0,
            "bands": [{"name": LABELS[band], "eo:common_name": band}],
        }
        for band in product.bands
    }
    own = {"processing:version": product.baseline, "processing:level": f"L{product.level}"}
    head = {"id": product.name, "collection": f"sentinel-2-l{product.level.lower()}", "stac_version": "1.1.0"}
    return _item(folder, product, {**head, "properties": {**own, **properties}}, assets)

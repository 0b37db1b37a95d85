"""Landsat as USGS delivers it, level 1 and 2, and the STAC items of its catalogues.

File names, groups of the MTL file and layers: LSDS-1822 and LSDS-1619 (Landsat 8-9), LSDS-1414 and LSDS-1618
(Landsat 4-7).
"""

from __future__ import annotations

import json
import math
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.products.ground import EAST, NORTH, Ground, write_raster

L8 = "LC08_L2SP_044034_20230614_20230622_02_T1"
SUN_ELEVATION = 62.0
THERMAL, CLEAR, FILL = 43_000, 21_824, 1
"""Stored surface temperature of 296 K; QA_PIXEL of clear land, and of fill."""

_OLI = {
    "B1": "coastal",
    "B2": "blue",
    "B3": "green",
    "B4": "red",
    "B5": "nir08",
    "B6": "swir16",
    "B7": "swir22",
}
_TM = {"B1": "blue", "B2": "green", "B3": "red", "B4": "nir08", "B5": "swir16", "B7": "swir22"}
_CRAFTS = {"LC08": 8, "LC09": 9, "LE07": 7, "LT05": 5, "LT04": 4, "LC8": 8, "LE7": 7, "LT5": 5}


@dataclass(frozen=True, kw_only=True)
class Landsat:
    """A delivery that was written."""

    folder: Path
    name: str
    """Of the product."""
    bands: Mapping[str, str]
    """Common names by label (`B3`)."""

    @property
    def common(self) -> set[str]:
        """Names of all reflective bands."""
        return set(self.bands.values())

    def file(self, label: str) -> Path:
        """Return a file by what ends its name."""
        return self.folder / f"{self.name}_{label}"


def write_landsat(
    parent: Path,
    ground: Ground | None = None,
    *,
    name: str = L8,
    folder: str | None = None,
    qa_pixel: NDArray[Any] | None = None,
    qa_radsat: NDArray[Any] | None = None,
    mtl: Sequence[str] = ("txt", "json", "xml"),
    stac: bool = True,
    whole: bool = True,
    transform: Affine | None = None,
    crs: str = "EPSG:32610",
    suffix: str = "TIF",
) -> Landsat:
    """Write a delivery of 30 m pixels: a folder of bands with the files that they come with.

    Args:
        parent: where the folder goes.
        ground: what is seen.
        name: of the product; it says satellite, level (`L2SP`, `L2SR`, `L1TP`) and collection (`01`, `02`);
            one of before them is `LC80440342017165LGN00`.
        folder: its name; None: that of the product.
        qa_pixel: (H, W); clear by default.
        qa_radsat: (H, W); 0 by default.
        mtl: formats of the metadata file.
        stac: whether STAC items lie beside.
        whole: whether all auxiliary files are there.
        transform: of the grid; None: the usual one.
        crs: of the grid.
        suffix: of the rasters' names.
    """
    ground = ground or Ground()
    place, parts = parent / (folder or name), name.split("_")
    craft = _CRAFTS[name[:4] if len(parts) > 1 else name[:3]]
    level_2 = len(parts) > 1 and parts[1].startswith("L2")
    old = len(parts) == 1 or parts[5] == "01"
    bands = _OLI if craft >= 8 else _TM
    made = Landsat(folder=place, name=name, bands=bands)
    options: dict[str, Any] = {"pixel": 30.0, "crs": crs, "transform": transform}
    shape = ground.kinds.shape

    def write(label: str, data: NDArray[Any], nodata: float | None = None, **more: Any) -> None:
        write_raster(made.file(f"{label}.{suffix}"), data, nodata=nodata, **{**options, **more})

    for label, band in bands.items():
        gain = gain_of(label, craft, level_2=level_2)
        stored = (ground.reflectance(band) * (1 if level_2 else _sine()) - gain[1]) / gain[0]
        dtype = np.uint8 if craft < 8 and not level_2 else np.uint16
        high = np.iinfo(dtype).max
        write(f"SR_{label}" if level_2 else label, np.clip(stored.round(), 1, high).astype(dtype), nodata=0)
    constant = {
        key: np.full(shape, value, dtype) for key, (value, dtype) in _layers(craft, level_2=level_2).items()
    }
    if whole:
        for label, data in constant.items():
            write(label, data, nodata=-9999 if data.dtype == np.int16 else None)
        if not level_2 and craft >= 7:
            corner = transform or Affine(30, 0, EAST, 0, -30, NORTH)
            fine = Affine(15, 0, corner.c, 0, -15, corner.f)
            pan = np.kron(np.full(shape, 9000 if craft >= 8 else 90), np.ones((2, 2)))
            write("B8", pan.astype(np.uint16 if craft >= 8 else np.uint8), nodata=0, transform=fine)
        for end in ("ANG.txt", "thumb_small.jpeg", "thumb_large.jpeg"):
            made.file(end).write_bytes(b"GROUP = FILE_HEADER\n" if end.endswith("txt") else _JPEG)
    qa = np.full(shape, 2720 if old else CLEAR, np.uint16) if qa_pixel is None else qa_pixel
    write("BQA" if old else "QA_PIXEL", qa.astype(np.uint16))
    if not old:
        radsat = np.zeros(shape, np.uint16) if qa_radsat is None else qa_radsat
        write("QA_RADSAT", radsat.astype(np.uint16))
    groups = _groups(name, craft, bands, level_2=level_2)
    for kind in mtl:
        made.file(f"MTL.{kind}").write_text(_MTL[kind](groups, old))
    if stac and level_2:
        for kind in ("SR", "ST"):
            made.file(f"{kind}_stac.json").write_text(json.dumps(usgs_item(made, kind, suffix)))
    return made


def write_tar(made: Landsat, path: Path) -> Path:
    """Pack a delivery as USGS does: the files without their folder."""
    with tarfile.open(path, "w") as bundle:
        for item in sorted(made.folder.iterdir()):
            bundle.add(item, item.name)
    return path


def gain_of(label: str, craft: int, *, level_2: bool) -> tuple[float, float]:
    """Return multiplier and addend from stored values to reflectance; of level 1 before the sun counts."""
    if level_2:
        return 2.75e-5, -0.2
    return (2e-5, -0.1) if craft >= 8 else (1.2e-3 + 1e-4 * int(label[1]), -0.004)


def _sine() -> float:
    return math.sin(math.radians(SUN_ELEVATION))


_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF no picture, but named like one"


Constant = tuple[int, str]
"""A value and its dtype."""


def _layers(craft: int, *, level_2: bool) -> dict[str, Constant]:
    """Return the layers beside the reflective bands."""
    if not level_2:
        more: dict[str, Constant] = {"B6": (130, "uint8")}
        if craft >= 8:
            more = {"B9": (5200, "uint16"), "B10": (28_000, "uint16"), "B11": (26_000, "uint16")}
        elif craft == 7:
            more = {"B6_VCID_1": (130, "uint8"), "B6_VCID_2": (150, "uint8")}
        return {**more, **dict.fromkeys(("SAA", "SZA", "VAA", "VZA"), (2800, "int16"))}
    surface: dict[str, Constant] = {"SR_QA_AEROSOL": (96, "uint8")}
    if craft < 8:
        surface = {"SR_ATMOS_OPACITY": (120, "int16"), "SR_CLOUD_QA": (0, "uint8")}
    thermal: dict[str, Constant] = {"ST_B10" if craft >= 8 else "ST_B6": (THERMAL, "uint16")}
    inputs = ("ATRAN", "CDIST", "DRAD", "EMIS", "EMSD", "QA", "TRAD", "URAD")
    return {**surface, **thermal, **{f"ST_{key}": (900, "int16") for key in inputs}}


Groups = dict[str, dict[str, str]]


def _groups(name: str, craft: int, bands: Mapping[str, str], *, level_2: bool) -> Groups:
    """Return the groups of an MTL file that say sensor, level, time, sun and gains."""
    level = name.split("_")[1] if "_" in name else "L1T"
    stamp = name.split("_")[3] if "_" in name else "20170614"
    first = {
        f"REFLECTANCE_{kind}_BAND_{label[1:]}": f"{gain_of(label, craft, level_2=False)[at]}"
        for at, kind in enumerate(("MULT", "ADD"))
        for label in bands
    }
    contents = {"LANDSAT_PRODUCT_ID": name, "PROCESSING_LEVEL": level, "COLLECTION_NUMBER": "02"}
    attributes = {
        "SPACECRAFT_ID": f"LANDSAT_{craft}",
        "SENSOR_ID": "OLI_TIRS" if craft >= 8 else "ETM" if craft == 7 else "TM",
        "DATE_ACQUIRED": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}",
        "SCENE_CENTER_TIME": "18:45:59.1234560Z",
        "SUN_ELEVATION": f"{SUN_ELEVATION}",
    }
    groups: Groups = {"PRODUCT_CONTENTS": contents, "IMAGE_ATTRIBUTES": attributes}
    if level_2:
        second = {
            f"REFLECTANCE_{kind}_BAND_{label[1:]}": f"{gain_of(label, craft, level_2=True)[at]}"
            for at, kind in enumerate(("MULT", "ADD"))
            for label in bands
        }
        groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"] = second
        groups["LEVEL1_PROCESSING_RECORD"] = {"PROCESSING_LEVEL": "L1TP"}
    groups["LEVEL1_RADIOMETRIC_RESCALING"] = first
    return groups


def _as_text(groups: Groups, old: bool) -> str:
    root = "L1_METADATA_FILE" if old else "LANDSAT_METADATA_FILE"
    names = {"PRODUCT_CONTENTS": "PRODUCT_METADATA", "LEVEL1_RADIOMETRIC_RESCALING": "RADIOMETRIC_RESCALING"}
    lines = [f"GROUP = {root}"]
    for group, table in groups.items():
        called = names.get(group, group) if old else group
        lines.append(f"  GROUP = {called}")
        for key, value in table.items():
            quoted = (
                value if value.replace(".", "").replace("-", "").replace("e", "").isdigit() else f'"{value}"'
            )
            lines.append(f"    {key} = {quoted}")
        lines.append(f"  END_GROUP = {called}")
    return "\n".join([*lines, f"END_GROUP = {root}", "END", ""])


def _as_json(groups: Groups, old: bool) -> str:
    return json.dumps({"L1_METADATA_FILE" if old else "LANDSAT_METADATA_FILE": groups})


def _as_xml(groups: Groups, old: bool) -> str:
    inner = "".join(
        f"<{group}>{''.join(f'<{key}>{value}</{key}>' for key, value in table.items())}</{group}>"
        for group, table in groups.items()
    )
    return f'<?xml version="1.0"?><LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>'


_MTL = {"txt": _as_text, "json": _as_json, "xml": _as_xml}

LOOK = "https://landsatlook.usgs.gov/data/collection02/level-2/standard/oli-tirs/2023/044/034"
GEOTIFF = "image/vnd.stac.geotiff; cloud-optimized=true"


def usgs_item(made: Landsat, kind: str, suffix: str = "TIF") -> dict[str, Any]:
    """Return the STAC item of reflectance (SR) or temperature (ST) as USGS delivers it with the files."""
    base = f"{LOOK}/{made.name}/{made.name}"

    def asset(label: str, title: str, **more: Any) -> dict[str, Any]:
        return {
            "title": title,
            "type": GEOTIFF,
            "roles": ["data"],
            "href": f"{base}_{label}.{suffix}",
            **more,
        }

    assets: dict[str, Any] = {
        "thumbnail": {"type": "image/jpeg", "roles": ["thumbnail"], "href": f"{base}_thumb_small.jpeg"},
        "MTL.txt": {"type": "text/plain", "roles": ["metadata"], "href": f"{base}_MTL.txt"},
        "MTL.json": {"type": "application/json", "roles": ["metadata"], "href": f"{base}_MTL.json"},
        "qa_pixel": asset("QA_PIXEL", "Pixel Quality Assessment Band"),
        "qa_radsat": asset("QA_RADSAT", "Radiometric Saturation Quality Assessment Band"),
    }
    if kind == "SR":
        for label, band in made.bands.items():
            assets[band] = asset(f"SR_{label}", band, **{"eo:bands": [{"name": label, "common_name": band}]})
        if "coastal" in made.common:
            assets["qa_aerosol"] = asset("SR_QA_AEROSOL", "Aerosol Quality Assessment Band")
        else:
            assets["atmos_opacity"] = asset("SR_ATMOS_OPACITY", "Atmospheric Opacity Band")
            assets["cloud_qa"] = asset("SR_CLOUD_QA", "Cloud Quality Analysis Band")
    else:
        label = "ST_B10" if "coastal" in made.common else "ST_B6"
        assets["lwir11"] = asset(label, "Surface Temperature Band")
        for key in ("ATRAN", "CDIST", "DRAD", "EMIS", "EMSD", "QA", "TRAD", "URAD"):
            assets[key.lower()] = asset(f"ST_{key}", key)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"{made.name}_{kind}",
        "collection": f"landsat-c2l2-{kind.lower()}",
        "properties": {
            "datetime": "2023-06-14T18:45:59.123456Z",
            "view:sun_elevation": SUN_ELEVATION,
            "platform": "LANDSAT_8",
            "view:off_nadir": 0,
        },
        "assets": assets,
    }


def planetary_item(made: Landsat, path: Path, suffix: str = "TIF") -> Path:
    """Write the item of the collection landsat-c2-l2 as the Planetary Computer has it, of local files."""
    reflectance = {"scale": 2.75e-5, "offset": -0.2, "nodata": 0, "data_type": "uint16"}

    def asset(label: str, roles: Sequence[str], raster: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "href": str(made.file(f"{label}.{suffix}")),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": list(roles),
            "raster:bands": [dict(raster)],
            **more,
        }

    assets: dict[str, Any] = {
        band: asset(
            f"SR_{label}",
            ["reflectance"],
            reflectance,
            **{"eo:bands": [{"name": f"SR_{label}", "common_name": band}]},
        )
        for label, band in made.bands.items()
    }
    oli = "coastal" in made.common
    kelvin = {"scale": 0.00341802, "offset": 149.0, "nodata": 0, "unit": "kelvin"}
    thermal = ("lwir11", "ST_B10") if oli else ("lwir", "ST_B6")
    assets[thermal[0]] = asset(
        thermal[1], ["temperature"], kelvin, **{"eo:bands": [{"name": thermal[1], "common_name": thermal[0]}]}
    )
    bits = {"data_type": "uint16", "unit": "bit index"}
    assets["qa_pixel"] = asset("QA_PIXEL", ["cloud", "cloud-shadow", "snow-ice", "water-mask"], bits)
    assets["qa_radsat"] = asset("QA_RADSAT", ["saturation"], bits)
    if oli:
        assets["qa_aerosol"] = asset("SR_QA_AEROSOL", ["data-mask", "water-mask"], {"unit": "bit index"})
    else:
        assets["atmos_opacity"] = asset("SR_ATMOS_OPACITY", ["data"], {"scale": 0.001, "nodata": -9999})
        assets["cloud_qa"] = asset("SR_CLOUD_QA", ["cloud"], {"unit": "bit index"})
    for key in ("atran", "cdist", "drad", "emis", "emsd", "trad", "urad", "qa"):
        assets[key] = asset(f"ST_{key.upper()}", ["data"], {"scale": 0.0001, "nodata": -9999})
    assets["mtl.xml"] = {"href": str(made.file("MTL.xml")), "type": "application/xml", "roles": ["metadata"]}
    assets["ang"] = {"href": str(made.file("ANG.txt")), "type": "text/plain", "roles": ["metadata"]}
    assets["tilejson"] = {"href": "https://planetarycomputer.microsoft.com/x", "type": "application/json"}
    assets["rendered_preview"] = {"href": "https://x/preview.png", "type": "image/png", "roles": ["overview"]}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "_".join(made.name.split("_")[:4] + made.name.split("_")[5:]),
        "collection": "landsat-c2-l2",
        "properties": {
            "datetime": "2023-06-14T18:45:59.123456Z",
            "platform": "landsat-8",
            "view:off_nadir": 0,
            "view:sun_elevation": SUN_ELEVATION,
            "landsat:correction": "L2SP",
        },
        "assets": assets,
    }
    path.write_text(json.dumps(item))
    return path

"""Maps of classes as agencies and users keep them: codes, with names and colours where formats have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tests.products.ground import write_raster

Codes = NDArray[Any]

SIDE = 120
NEW_TOWN, NEW_LAKE = np.s_[20:50, 30:70], np.s_[80:100, 60:100]
"""Where the later map has other classes."""

NAMES = {1: "water", 2: "forest", 3: "meadow", 4: "town"}
COLOURS = {1: (0, 100, 200), 2: (0, 100, 0), 3: (200, 230, 80), 4: (220, 30, 30)}


def patches(count: int = 4, seed: int = 0, side: int = SIDE) -> NDArray[np.intp]:
    """Patches (side, side) of classes 0 to count - 1, none of them rare."""
    rng = np.random.default_rng(seed)
    return np.asarray(np.argmax([gaussian_filter(rng.normal(size=(side, side)), 8) for _ in range(count)], 0))


def two_dates(codes: Mapping[str, int], dtype: str = "uint8") -> tuple[Codes, Codes]:
    """Codes of two dates: a town was built on whatever was there, and a lake filled.

    Args:
        codes: of `water`, `town` and any others.
        dtype: of the rasters.
    """
    table = np.array(list(codes.values()))
    before = table[patches(len(codes))].astype(dtype)
    after = before.copy()
    after[NEW_TOWN], after[NEW_LAKE] = codes["town"], codes["water"]
    return before, after


def coloured(path: Path, codes: Codes, colours: Mapping[int, tuple[int, int, int]] = COLOURS) -> Path:
    """Write a GeoTIFF with a colour table: other entries are black."""
    write_raster(path, codes)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {code: (*rgb, 255) for code, rgb in colours.items()})
    return path


def with_categories(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write a raster with GDAL's category names beside it."""
    listed = "".join(f"<Category>{names.get(code, '')}</Category>" for code in range(max(names) + 1))
    return _with_aux(path, codes, f"<CategoryNames>{listed}</CategoryNames>")


def with_attribute_table(
    path: Path, codes: Codes, names: Mapping[int, str] = NAMES, *, colours: bool = True, usages: bool = True
) -> Path:
    """Write a raster with an attribute table beside it, as ArcGIS and GDAL do."""
    columns = [("Value", 0, 5), ("Count", 0, 1), ("Class_name", 2, 2)]
    columns += [(name, 0, usage) for name, usage in (("Red", 6), ("Green", 7), ("Blue", 8)) if colours]
    fields = "".join(
        f'<FieldDefn index="{i}"><Name>{name}</Name><Type>{kind}</Type>'
        f"<Usage>{usage if usages else 0}</Usage></FieldDefn>"
        for i, (name, kind, usage) in enumerate(columns)
    )
    rows = "".join(
        f'<Row index="{i}"><F>{code}</F><F>9</F><F>{name}</F>'
        + "".join(f"<F>{part}</F>" for part in (COLOURS[code] if colours else ()))
        + "</Row>"
        for i, (code, name) in enumerate(names.items())
    )
    table = f'<GDALRasterAttributeTable tableType="thematic">{fields}{rows}</GDALRasterAttributeTable>'
    return _with_aux(path, codes, table)


def _with_aux(path: Path, codes: Codes, inner: str) -> Path:
    write_raster(path, codes)
    text = f'<PAMDataset><PAMRasterBand band="1">{inner}</PAMRasterBand></PAMDataset>'
    Path(f"{path}.aux.xml").write_text(text)
    return path


def imagine(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write an Erdas Imagine file, which holds its attribute table itself."""
    source = with_attribute_table(path.with_suffix(".source.tif"), codes, names)
    rasterio.shutil.copy(source, path, driver="HFA")
    for beside in path.parent.glob("*.aux.xml"):
        beside.unlink()
    source.unlink()
    return path


def envi(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write an ENVI classification."""
    write_raster(path, codes, driver="ENVI")
    header = path.with_suffix(".hdr")
    listed = ", ".join(names.get(code, "Unclassified") for code in range(max(names) + 1))
    colours = ", ".join(str(part) for code in range(max(names) + 1) for part in COLOURS.get(code, (0, 0, 0)))
    text = header.read_text().replace("file type = ENVI Standard", "file type = ENVI Classification")
    header.write_text(
        f"{text}classes = {max(names) + 1}\nclass lookup = {{{colours}}}\nclass names = {{{listed}}}\n"
    )
    Path(f"{path}.aux.xml").unlink(missing_ok=True)
    return path


def with_dbf(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write a raster with the attribute table that ArcGIS keeps as dBase."""
    write_raster(path, codes)
    frame = pd.DataFrame({"VALUE": list(names), "COUNT": 9, "HABITAT": list(names.values())})
    plain = path.with_name("table.dbf")
    pyogrio.write_dataframe(frame, plain, driver="ESRI Shapefile")
    plain.rename(f"{path}.vat.dbf")
    return path


def with_qgis_style(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write a raster with a QGIS style of unique values beside it."""
    write_raster(path, codes)
    entries = "".join(
        f'<paletteEntry value="{code}" label="{name}" alpha="255" color="#{bytes(COLOURS[code]).hex()}"/>'
        for code, name in names.items()
    )
    path.with_suffix(".qml").write_text(
        f'<qgis><pipe><rasterrenderer type="paletted"><colorPalette>{entries}</colorPalette></rasterrenderer>'
        "</pipe></qgis>"
    )
    return path


def with_tags(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write a raster with geoseg's tags."""
    return write_raster(path, codes, band_tags=[{f"CLASS_{code}": name for code, name in names.items()}])


def with_flags(path: Path, codes: Codes, names: Mapping[int, str] = NAMES) -> Path:
    """Write a raster with CF's flags, as GDAL gives them of netCDF."""
    flags = {
        "flag_values": "{" + ",".join(map(str, names)) + "}",
        "flag_meanings": " ".join(name.replace(" ", "_") for name in names.values()),
    }
    return write_raster(path, codes, band_tags=[flags])

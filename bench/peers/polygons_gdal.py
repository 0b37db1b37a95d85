"""Vectorize a class raster by GDALPolygonize of the newest GDAL at hand, what `gdal raster polygonize` calls.

    python bench/peers/polygons_gdal.py CLASSES.tif OUT.gpkg

The library is that of the wheel of pyogrio, called by ctypes, because GDAL has no wheel of its own. Polygons
have their value alone, in transactions of 100,000, as the program writes them.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pyogrio

classes, output = (name.encode() for name in sys.argv[1:3])
folder = Path(pyogrio.__file__).parent.parent / "pyogrio.libs"
gdal = ctypes.CDLL(str(next(folder.glob("libgdal*"))))
pointer, text, whole = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int


def call(name: str, result: object, *arguments: object) -> int:
    """Call a function of the library; pointers are of `pointer`, so none is cut to 32 bits."""
    function = getattr(gdal, name)
    function.restype = result
    return function(*arguments)


call("GDALAllRegister", None)
raster = pointer(call("GDALOpen", pointer, text(classes), whole(0)))
band = pointer(call("GDALGetRasterBand", pointer, raster, whole(1)))
crs = pointer(call("GDALGetSpatialRef", pointer, raster))
driver = pointer(call("GDALGetDriverByName", pointer, text(b"GPKG")))
target = pointer(
    call("GDALCreate", pointer, driver, text(output), whole(0), whole(0), whole(0), whole(0), None)
)
layer = pointer(call("GDALDatasetCreateLayer", pointer, target, text(b"polygons"), crs, whole(3), None))
field = pointer(call("OGR_Fld_Create", pointer, text(b"class"), whole(0)))
call("OGR_L_CreateField", whole, layer, field, whole(1))
call("GDALDatasetStartTransaction", whole, target, whole(0))
commit = (ctypes.c_char_p * 2)(b"COMMIT_INTERVAL=100000", None)
mask = pointer(call("GDALGetMaskBand", pointer, band))
status = call("GDALPolygonize", whole, band, mask, layer, whole(0), commit, None, None)
call("GDALDatasetCommitTransaction", whole, target)
call("GDALClose", whole, target)
sys.exit(status)

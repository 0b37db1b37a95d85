"""Vectorize a class raster by rasterio's shapes and geopandas, with areas in the plane.

    python bench/peers/polygons_geopandas.py CLASSES.tif OUT.gpkg

It reads the raster whole, and has no scores, no geodesic areas and no record.
"""

from __future__ import annotations

import sys

import geopandas
import rasterio
import rasterio.features
import shapely

classes, output = sys.argv[1:3]
with rasterio.open(classes) as raster:
    values, transform, crs = raster.read(1), raster.transform, raster.crs
found = list(rasterio.features.shapes(values, transform=transform))
shapes = [shapely.geometry.shape(shape) for shape, _ in found]
table = geopandas.GeoDataFrame({"class": [int(value) for _, value in found]}, geometry=shapes, crs=crs)
table["area_m2"] = table.area
table.to_file(output, layer="polygons", driver="GPKG")

"""Polygons: labelled rows become clean polygons with statistics, as soon as regions are complete."""

from geoseg.polygons.clean import REGION, Cleaning, Reclassify
from geoseg.polygons.edits import Dropped, Edits
from geoseg.polygons.limits import Limits, Storage
from geoseg.polygons.polygoniser import Polygoniser
from geoseg.polygons.regions import Regions

__all__ = [
    "REGION",
    "Cleaning",
    "Dropped",
    "Edits",
    "Limits",
    "Polygoniser",
    "Reclassify",
    "Regions",
    "Storage",
]

"""Polygons: labelled rows become clean polygons with statistics, as soon as regions are complete."""

from geoseg.polygons.clean import REGION, Cleaning, Edits, Reclassify
from geoseg.polygons.polygoniser import Polygoniser
from geoseg.polygons.regions import Regions

__all__ = ["REGION", "Cleaning", "Edits", "Polygoniser", "Reclassify", "Regions"]

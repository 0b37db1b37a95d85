"""Polygons: labelled rows become clean polygons with statistics, as soon as regions are complete."""

from geoseg.polygons.clean import REGION, Cleaning, Edits, Judge
from geoseg.polygons.patches import PatchNews, PatchTable
from geoseg.polygons.polygonizer import Polygoniser
from geoseg.polygons.regions import Regions

__all__ = ["REGION", "Cleaning", "Edits", "Judge", "PatchNews", "PatchTable", "Polygoniser", "Regions"]

"""Polygons: labelled rows become clean polygons with statistics, as soon as regions are complete."""

from geoseg.polygons.clean import REGION, Cleaning, Edits, Judge, Mapped
from geoseg.polygons.patches import PatchNews, PatchTable
from geoseg.polygons.polygonizer import Polygoniser

__all__ = ["REGION", "Cleaning", "Edits", "Judge", "Mapped", "PatchNews", "PatchTable", "Polygoniser"]

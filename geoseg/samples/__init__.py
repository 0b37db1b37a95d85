"""Labelled rasters: found in pairs, read with the label on the image's grid, split without leaking."""

from geoseg.methods.accuracy import IGNORE
from geoseg.samples.chips import Chip, Place, places, read_chip
from geoseg.samples.finding import Sample, find_samples
from geoseg.samples.spec import DataSpec, ImageSpec, LabelSpec, SplitSpec
from geoseg.samples.splits import Role, split

__all__ = [
    "IGNORE",
    "Chip",
    "DataSpec",
    "ImageSpec",
    "LabelSpec",
    "Place",
    "Role",
    "Sample",
    "SplitSpec",
    "find_samples",
    "places",
    "read_chip",
    "split",
]

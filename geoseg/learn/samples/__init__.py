"""Labelled rasters: found in pairs, read with the label on the image's grid, split without leaking."""

from geoseg.learn.samples.chips import Chip, Place, places, read_chip
from geoseg.learn.samples.finding import Sample, find_samples
from geoseg.learn.samples.sample_spec import DataSpec, ImageSpec, LabelSpec, SplitSpec
from geoseg.learn.samples.splits import Role, split
from geoseg.methods.accuracy import IGNORE

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

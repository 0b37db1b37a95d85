"""Labelled images: find them, read each with its label on one grid, and split them."""

from geoseg.learn.samples.chips import Chip, SampleWindow, read_chip, sample_windows
from geoseg.learn.samples.file_patterns import ImageSpec, LabelSpec, SplitSpec
from geoseg.learn.samples.sample_files import Sample, find_samples
from geoseg.learn.samples.sample_spec import DataSpec
from geoseg.learn.samples.splits import Role, split
from geoseg.methods.accuracy import IGNORE

__all__ = [
    "IGNORE",
    "Chip",
    "DataSpec",
    "ImageSpec",
    "LabelSpec",
    "Role",
    "Sample",
    "SampleWindow",
    "SplitSpec",
    "find_samples",
    "read_chip",
    "sample_windows",
    "split",
]

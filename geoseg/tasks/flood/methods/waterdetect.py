"""Water by clusters of indices and a classifier, after WaterDetect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from geoseg.methods.cloud import too_bright_for_water
from geoseg.methods.clusters import NormalClass, calinski_harabasz, k_means
from geoseg.methods.water_index import reflectance_difference
from geoseg.tasks.flood.method import Bands, Image, Measure, Threshold, WaterMethod, WaterNeeds
from geoseg.tasks.flood.optical import OpticalIndex

MOST_PIXELS = 20_000
"""Of the sample that are clustered."""
MOST_CLUSTERS = 5
LEAST_INDEX = -0.2
"""MNDWI above which the centre of a cluster is water; chosen on labelled scenes."""
SWIR_WEIGHT = 4.0
"""Factor that gives SWIR2 reflectance the range of an index."""


class Classes(NamedTuple):
    """What a scene shows."""

    land: NormalClass
    water: NormalClass


class WaterDetect(OpticalIndex):
    """Clusters of MNDWI, NDWI and SWIR2 in a sample; then naive Bayes decides for each pixel.

    As Cordeiro 2021, with k-means in place of hierarchical clusters, and with every cluster that has the
    MNDWI of water in place of the one of the greatest MNDWI, which is clear water alone. Where no cluster is
    water, or every one, water is where MNDWI is above the same limit.
    """

    name = "waterdetect"
    title = "WaterDetect"
    measured = "log odds of water"
    formula = "clusters of MNDWI, NDWI and SWIR2, then naive Bayes"
    citation = "Cordeiro 2021, doi:10.1016/j.rse.2020.112209"
    bands = ("green", "nir", "swir16", "swir22")
    needs = WaterNeeds(kind="optical", reflectance=True)
    threshold = Threshold(
        fixed=0.0, water_below=False, from_scene=False, guard=(-20.0, 20.0), limits=(-40.0, 40.0), scale=1.0
    )

    def __init__(self, classes: Classes | None = None) -> None:
        """Use classes that were found in a scene; None: no scene was seen, or it shows one class."""
        self._classes = classes

    def fitted(self, sample: Sequence[Sequence[Bands]]) -> WaterMethod:
        """Return the method with the classes of a scene."""
        return WaterDetect(_classes_of([dates[0] for dates in sample]))

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the log odds of water and land."""
        features = _features(scenes[0])
        if self._classes is None:
            return np.float32(10) * (features[0] - np.float32(LEAST_INDEX))
        land, water = self._classes
        return water.log_density(features) - land.log_density(features)


def _features(bands: Bands) -> list[Image]:
    """Return MNDWI, NDWI and weighted SWIR2."""
    green, nir, swir16, swir22 = bands
    return [
        np.asarray(reflectance_difference(green, swir16), np.float32),
        np.asarray(reflectance_difference(green, nir), np.float32),
        np.float32(SWIR_WEIGHT) * swir22,
    ]


def _classes_of(sample: Sequence[Bands]) -> Classes | None:
    """Return the classes in blocks of a scene; None where they show land alone or water alone."""
    step = -(-sum(bands[0].size for bands in sample) // MOST_PIXELS)
    parts = []
    for bands in sample:
        few = [band.ravel()[::step] for band in bands]
        features = np.stack(_features(few), axis=1).astype(np.float64)
        # Cloud and snow have the index of water.
        cloud = too_bright_for_water(few[1]) & (features[:, 0] > LEAST_INDEX)
        parts.append(features[np.isfinite(features).all(axis=1) & ~cloud])
    points = np.concatenate(parts)
    if len(points) <= MOST_CLUSTERS:
        return None
    found = [k_means(points, count) for count in range(2, MOST_CLUSTERS + 1)]
    labels, centres = max(found, key=lambda item: calinski_harabasz(points, *item))
    water = (centres[:, 0] > LEAST_INDEX)[labels]
    if water.all() or not water.any():
        return None
    share = float(water.mean())
    return Classes(land=NormalClass.of(points[~water], 1 - share), water=NormalClass.of(points[water], share))

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.demo.simulated_flood import BANDS, Simulation, simulate


@pytest.fixture(scope="module")
def made() -> Simulation:
    return simulate(size=300)


def test_shapes_and_values(made: Simulation) -> None:
    for scene in (made.before, made.after):
        assert scene.shape == (len(BANDS), 300, 300)
        assert scene.dtype == np.uint16
        assert scene.min() >= 1  # 0 is nodata, and everything was observed
        assert scene.max() < 8000
    assert made.truth.shape == made.clouds.shape == (300, 300)
    assert set(np.unique(made.truth)) == {0, 1, 2}


def test_the_same_seed_makes_the_same_scene(made: Simulation) -> None:
    again = simulate(size=300)
    assert np.array_equal(again.after, made.after)
    assert np.array_equal(again.truth, made.truth)
    assert not np.array_equal(simulate(size=300, seed=8).truth, made.truth)


def test_flood_is_connected_to_the_river(made: Simulation) -> None:
    """The lake is not: every region of water is the river's or the lake's, flood has none of its own."""
    labels, count = ndimage.label(made.truth > 0)
    permanent = np.unique(labels[made.truth == 2])
    assert set(permanent) == set(range(1, count + 1))


def test_flood_was_dry_before(made: Simulation) -> None:
    def ndwi(scene: NDArray[np.uint16]) -> NDArray[np.float64]:
        green, swir = (scene[BANDS.index(name)].astype(float) for name in ("green", "swir16"))
        return np.asarray((green - swir) / (green + swir))

    inside = ndimage.binary_erosion(made.truth == 1, iterations=3) & ~made.clouds
    assert inside.sum() > 1000
    assert (ndwi(made.after)[inside] > 0.2).mean() > 0.99
    assert (ndwi(made.before)[inside] < 0).mean() > 0.99
    lake = ndimage.binary_erosion(made.truth == 2, iterations=3) & ~made.clouds
    assert (ndwi(made.before)[lake] > 0.2).mean() > 0.99

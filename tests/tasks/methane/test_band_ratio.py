"""What counts as clear ground: sand does, cloud does not."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.tasks.methane.band_ratio import clear_ground

SAND = {"blue": 0.24, "green": 0.28, "red": 0.35, "nir": 0.38, "swir16": 0.46, "swir22": 0.39}
CLOUD = {"blue": 0.5, "green": 0.48, "red": 0.49, "nir": 0.52, "swir16": 0.4, "swir22": 0.3}
WATER = {"blue": 0.1, "green": 0.07, "red": 0.04, "nir": 0.02, "swir16": 0.01, "swir22": 0.01}


@pytest.mark.parametrize(
    ("ground", "cirrus", "expected"),
    [
        (SAND, 0.002, (0, 0)),
        (SAND, 0.03, (0, 1)),
        (CLOUD, 0.002, (0, 1)),
        (WATER, 0.002, (1, 0)),
        (SAND | {"blue": np.nan}, 0.002, (0, np.nan)),
        (SAND | {"swir16": np.nan}, 0.002, (np.nan, np.nan)),
    ],
)
def test_ground(ground: dict[str, float], cirrus: float, expected: tuple[float, float]) -> None:
    values = {f"a:{name}": np.full((2, 2), value, np.float32) for name, value in ground.items()}
    values["a:cirrus"] = np.full((2, 2), cirrus, np.float32)
    for found, wanted in zip(clear_ground(values, "a:"), expected, strict=True):
        np.testing.assert_array_equal(found, np.full((2, 2), wanted))


def test_clouds_are_not_known_without_visible_bands() -> None:
    _, cloud = clear_ground({"swir16": np.full((2, 2), 0.3, np.float32)})
    assert np.isnan(cloud).all()

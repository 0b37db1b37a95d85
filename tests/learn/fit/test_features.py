"""Features: each pair of bands once, values as in the literature, sets from cheap to dear."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.learn.fit.features import FeatureTable, index_values, indices_of, set_name


def test_indices_of_sentinel_2_are_one_per_pair_of_bands() -> None:
    bands = ("blue", "green", "red", "nir", "swir16", "swir22")
    found = indices_of(bands, "reflectance")
    assert [item.name for item in found] == ["ndvi", "ndwi", "mndwi", "nbr", "ndbi"]
    values = index_values(np.array([[0.1, 0.2, 0.1, 0.3, 0.1, -0.1]], np.float32), found)
    assert values[0] == pytest.approx([0.5, -0.2, 1 / 3, 1.0, -0.5], abs=1e-6)


def test_near_infrared_has_two_names() -> None:
    assert {item.name for item in indices_of(("green", "red", "nir08"), "reflectance")} == {"ndvi", "ndwi"}
    both = indices_of(("red", "nir", "nir08"), "reflectance")
    assert [(item.first, item.second) for item in both] == [(1, 0)]


@pytest.mark.parametrize(("bands", "units"), [(("vv", "vh"), "db"), (("red",), "reflectance")])
def test_some_scenes_have_no_index(bands: tuple[str, ...], units: str) -> None:
    assert indices_of(bands, units) == ()  # type: ignore[arg-type]


def test_an_index_of_no_reflectance_is_0() -> None:
    dark = np.zeros((1, 2), np.float32)
    assert index_values(dark, indices_of(("red", "nir"), "reflectance")).tolist() == [[0.0]]


def test_sets_without_an_encoder_come_first() -> None:
    table = FeatureTable(
        groups={name: np.ones((1, 1), np.float32) for name in ("bands", "indices", "embedding")}
    )
    assert [set_name(names) for names in table.sets()] == [
        "bands", "indices", "bands+indices",
        "embedding", "bands+embedding", "indices+embedding", "bands+indices+embedding",
    ]  # fmt: skip

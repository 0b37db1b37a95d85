"""Bands that Galileo reads of those that a scene has."""

from __future__ import annotations

import pytest
from geoseg.models.networks.encoders.band_groups import readable, tokens_per_patch

from geoseg.spec.presets import encoders


@pytest.mark.parametrize(
    ("given", "read", "tokens"),
    [
        (("red", "green", "blue"), ("blue", "green", "red"), 1),
        (("red", "green", "blue", "nir"), ("blue", "green", "red", "nir"), 3),
        (("green", "nir"), ("nir",), 1),
        (("red", "nir08"), ("red", "nir08"), 2),
        (("swir16",), (), 0),
        (("vv",), (), 0),
        (("vh", "vv"), ("vv", "vh"), 1),
    ],
)
def test_galileo_reads_complete_groups_and_red_for_ndvi(
    given: tuple[str, ...], read: tuple[str, ...], tokens: int
) -> None:
    encoder = encoders()["galileo-nano"]
    assert readable(encoder, given) == read
    assert tokens_per_patch(encoder, read, 3) == 3 * tokens


def test_other_families_need_all_bands() -> None:
    encoder = encoders()["dinov3-sat-large"]
    assert readable(encoder, ("blue", "green", "red", "nir")) == ("red", "green", "blue")
    assert readable(encoder, ("red", "green")) == ()
    assert tokens_per_patch(encoder, ("red", "green", "blue"), 1) == 1


@pytest.mark.parametrize("name", ["clay-1.5", "dofa-1-base"])
def test_encoders_of_wavelengths_read_any_bands_of_one_sensor(name: str) -> None:
    encoder = encoders()[name]
    assert readable(encoder, ("swir16", "green", "red", "coastal")) == ("green", "red", "swir16")
    assert readable(encoder, ("coastal",)) == ()


def test_clay_reads_radar_alone() -> None:
    assert readable(encoders()["clay-1.5"], ("vh", "vv")) == ("vv", "vh")
    assert readable(encoders()["clay-1.5"], ("vh", "vv", "red", "green", "blue")) == ("blue", "green", "red")

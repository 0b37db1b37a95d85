"""Every method finds water or flood in a scene made for it."""

from __future__ import annotations

import pytest

from tests.flood.water_scenes import (
    WATER,
    agreement,
    choose,
    disc,
    earlier,
    optical,
    radar,
    request,
    score,
)
from tests.messages import Messages


@pytest.mark.parametrize("name", ["ndwi", "mndwi", "awei-nsh", "awei-sh", "wi2015", "waterdetect"])
def test_every_index_finds_a_lake(name: str, messages: Messages) -> None:
    scene = optical(WATER)
    choice = choose(scene, request(method=name))
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.99
    assert messages.codes == (["ndwi-built-up"] if name == "ndwi" else [])
    assert choice.margin == (0 if name == "waterdetect" else 3)


@pytest.mark.parametrize("name", ["sar-vv", "sar-vh"])
@pytest.mark.parametrize("thresholding", ["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba"])
def test_backscatter_finds_a_lake(name: str, thresholding: str, messages: Messages) -> None:
    scene = radar(WATER)
    choice = choose(scene, request(method=name, thresholding=thresholding))
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.95
    assert not messages.warnings
    assert (choice.seed is not None) == (thresholding == "auto")


@pytest.mark.parametrize("name", ["logratio", "unspider", "zscore"])
def test_change_finds_a_flood_and_keeps_the_lake_apart(name: str) -> None:
    lake, flooded = disc(0.05), disc(0.4)
    scene = dict(radar(flooded))
    for index in range(5):
        scene |= earlier(radar(lake, seed=10 + index), index)
    choice = choose(scene, request(method=name), before=5 if name == "zscore" else 1)
    planes = score(scene, choice)
    classes = planes.argmax(axis=0)
    assert agreement(classes == 1, flooded & ~lake) > 0.9
    # The focal mean of 50 m blurs a lake of 30 pixels radius.
    assert agreement(classes == 2, lake) > (0.65 if name == "unspider" else 0.85)

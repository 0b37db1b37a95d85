"""Every method finds water or flood in a scene made for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tests.messages import Messages
from tests.tasks.flood.water_scenes import (
    SIDE,
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


@pytest.mark.parametrize("name", ["ndwi", "mndwi", "awei-nsh", "awei-sh", "wi2015", "waterdetect"])
def test_every_index_finds_a_lake(name: str, messages: Messages) -> None:
    scene = optical(WATER)
    choice = choose(scene, request(method=name))
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.99
    assert messages.codes == (["ndwi-built-up"] if name == "ndwi" else [])
    assert choice.margin == {"waterdetect": 7, "ndwi": 3}.get(name, 10)


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


def picture(decibels: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """Values of an 8-bit picture of backscatter, stretched by gain and offset."""
    return np.clip(np.round(decibels * gain + offset), 1, 254).astype(np.float32)


@pytest.mark.parametrize(("gain", "offset"), [(6.0, 210.0), (3.5, 160.0)])
def test_a_pair_without_unit_is_compared_by_percentiles_of_each_date(
    gain: float, offset: float, messages: Messages
) -> None:
    """Each picture has its own stretch; fill of a picture is neither flood nor part of the percentiles."""
    lake, flooded = disc(0.05), disc(0.3)
    after, before = (radar(water, seed=seed)["vv"] for seed, water in ((1, flooded), (2, lake)))
    scene = {"vv": picture(after, gain, offset), **earlier({"vv": picture(before, 5.0, 190.0)}, 0)}
    scene["vv"][:20] = 255
    found = choose(scene, request(), units="dn", before=1)
    assert found.method.name == "sar-pair"
    classes = score(scene, found).argmax(axis=0)
    assert not classes[:20].any()
    assert agreement((classes == 1)[22:], (flooded & ~lake)[22:]) > 0.9
    assert agreement((classes == 2)[22:], lake[22:]) > 0.6
    assert not messages.warnings


def stretched(decibels: np.ndarray) -> np.ndarray:
    """Values of an 8-bit picture that is stretched to its own percentiles."""
    low, high = np.percentile(decibels, (1, 99))
    return np.asarray(np.clip(np.round((decibels - low) / (high - low) * 253 + 1), 1, 254), np.float32)


def dates(
    share: float, *, lake: np.ndarray | None = None, dark: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A pair of stretched pictures of textured land, the earlier a mean of many dates, and the flood."""
    rng = np.random.default_rng(3)
    texture = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 3)
    land = -9 + 1.5 * texture / texture.std()
    if dark is not None:
        land[dark] -= 3
    flooded = np.tile(np.arange(SIDE) < share * SIDE, (SIDE, 1))
    pictures = []
    for water, looks in ((flooded, 4.4), (np.zeros_like(flooded), 90)):
        water = water if lake is None else water | lake  # noqa: PLW2901
        level = np.where(water, -20, land)
        pictures.append(stretched(level + 10 * np.log10(rng.gamma(looks, 1 / looks, level.shape))))
    return {"vv": pictures[0], **earlier({"vv": pictures[1]})}, flooded


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
def test_the_stretch_of_a_picture_does_not_hide_a_flood_of_any_share(share: float) -> None:
    """The more is flooded, the less the range and the percentiles of the later date are those of land."""
    scene, flooded = dates(share)
    found = choose(scene, request(), units="dn", before=1)
    mapped = score(scene, found).argmax(axis=0) == 1
    assert mapped[flooded].mean() > 0.95
    # The 5 x 5 mean blurs the shore.
    assert mapped[:, flooded[0].sum() + 2 :].mean() < 0.02


def test_dark_unchanged_ground_of_a_pair_is_not_water() -> None:
    dark, lake = np.zeros((2, SIDE, SIDE), np.bool_)
    dark[150:200, 150:220] = True
    lake[60:110, 150:220] = True
    scene, flooded = dates(0.3, lake=lake, dark=dark)
    found = choose(scene, request(), units="dn", before=1)
    classes = score(scene, found).argmax(axis=0)
    assert np.mean(classes[dark] == 2) < 0.15
    assert np.mean(classes[dark] == 1) < 0.05
    assert np.mean(classes[lake] == 2) > 0.9
    assert np.mean(classes[flooded] == 1) > 0.95


def test_a_pair_of_land_alone_is_not_half_water() -> None:
    """Otsu's threshold then lies in the middle of land."""
    scene, _ = dates(0.0)
    found = choose(scene, request(), units="dn", before=1)
    classes = score(scene, found).argmax(axis=0)
    assert np.mean(classes == 2) < 0.1
    assert not (classes == 1).any()


def test_lasting_water_that_is_a_little_darker_by_chance_is_not_flood() -> None:
    """Half the pixels of a river are darker than before, by little; a flood beside it is so by much."""
    river = np.zeros((SIDE, SIDE), np.bool_)
    river[:, 40:70] = True
    flooded = river.copy()
    flooded[:, 140:200] = True
    after, before = (radar(water, seed=seed)["vv"] for seed, water in ((1, flooded), (2, river)))
    scene = {"vv": picture(after, 6.0, 210.0), **earlier({"vv": picture(before, 5.0, 190.0)}, 0)}
    found = choose(scene, request(), units="dn", before=1)
    classes = score(scene, found).argmax(axis=0)
    assert np.mean(classes[:, 42:68] == 1) < 0.02
    assert np.mean(classes[:, 42:68] == 2) > 0.95
    assert np.mean(classes[:, 142:198] == 1) > 0.95


def test_the_map_of_a_pair_does_not_depend_on_the_tile() -> None:
    river, flooded = disc(0.05), disc(0.3)
    after, before = (radar(water, seed=seed)["vv"] for seed, water in ((1, flooded), (2, river)))
    scene = {"vv": picture(after, 6.0, 210.0), **earlier({"vv": picture(before, 5.0, 190.0)}, 0)}
    found = choose(scene, request(), units="dn", before=1)
    whole, edge = score(scene, found), found.margin
    part = score({name: image[60:, 50:] for name, image in scene.items()}, found)
    assert np.array_equal(part[:, edge:, edge:], whole[:, 60 + edge :, 50 + edge :])

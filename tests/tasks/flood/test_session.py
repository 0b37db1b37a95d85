"""What a water method's session scores, and that scores do not depend on tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.methods.registry import names_of
from geoseg.tasks.flood import methods
from geoseg.tasks.flood.choice import WaterChoice
from geoseg.tasks.flood.methods import water_methods
from geoseg.tasks.flood.session import WaterSession
from tests.tasks.flood.water_scenes import (
    SIDE,
    WATER,
    Image,
    agreement,
    choose,
    disc,
    earlier,
    optical,
    radar,
    request,
    score,
    stack,
)


def test_water_before_is_permanent_for_indices() -> None:
    lake, flooded = disc(0.05), disc(0.4)
    scene = {**optical(flooded), **earlier(optical(lake, seed=1))}
    choice = choose(scene, request(method="mndwi"), before=1)
    assert choice.bands == ("green", "swir16", "nir", "before:green", "before:swir16")
    classes = score(scene, choice).argmax(axis=0)
    assert agreement(classes == 1, flooded & ~lake) > 0.98
    assert agreement(classes == 2, lake) > 0.98


def test_reference_layer_splits_water_and_unknown_decides_nothing() -> None:
    layer = np.zeros((SIDE, SIDE), np.float32)
    layer[: SIDE // 2] = 1
    layer[:, :10] = np.nan
    scene = {**optical(WATER), "permanent_water": layer}
    choice = choose(scene, request(permanent_water=Path("jrc.tif")))
    planes = score(scene, choice)
    classes = planes.argmax(axis=0)
    assert choice.three_classes
    assert WaterSession(choice).planes == 3
    assert agreement(classes == 2, WATER & (layer > 0)) > 0.98
    assert agreement(classes == 1, WATER & ~(layer > 0)) > 0.98
    assert planes.min() >= 0
    assert planes.max() <= 1


def test_terrain_drops_water_and_unknown_terrain_does_not() -> None:
    hand, slope = np.zeros((2, SIDE, SIDE), np.float32)
    hand[: SIDE // 2] = 16
    hand[SIDE // 2 :] = np.nan
    slope[:, : SIDE // 2] = 5.1
    scene = {**radar(WATER), "hand": hand, "slope": slope}
    choice = choose(scene, request(hand=Path("hand.tif"), slope=Path("slope.tif")))
    mapped = score(scene, choice)[0] > 0.5
    allowed = np.zeros_like(WATER)
    allowed[SIDE // 2 :, SIDE // 2 :] = True
    assert agreement(mapped, WATER & allowed) > 0.9
    assert not mapped[~allowed].any()


@pytest.mark.parametrize("name", names_of(methods))
def test_half_at_the_threshold_and_nothing_where_unknown(name: str) -> None:
    method = water_methods()[name]
    choice = WaterChoice(method=method, groups=(method.bands,), threshold=0.4, scale=0.2)
    assert choice.score(0.4) == 0.5
    assert (choice.score(0.5) > 0.5) != method.threshold.water_below


@given(threshold=st.floats(-0.5, 0.5), offset=st.integers(-3, 3))
def test_score_is_above_half_on_the_side_of_water_only(threshold: float, offset: int) -> None:
    choice = WaterChoice(
        method=water_methods()["mndwi"], groups=(("green", "swir16"),), threshold=threshold, scale=0.1
    )
    index = float(np.float32(threshold)) + offset * 0.01
    pixels = np.array([[[[(1 + index) / 2]], [[(1 - index) / 2]]]], np.float32)
    found = WaterSession(choice)(pixels)[0, 0, 0, 0]
    if offset:
        assert (found > 0.5) == (offset > 0)
        assert found == pytest.approx(choice.score(index), abs=1e-3)
    else:
        assert found == pytest.approx(0.5, abs=1e-5)


def test_unknown_pixels_have_no_water() -> None:
    for scene, spec in ((dict(radar(WATER)), request()), (dict(optical(WATER)), request())):
        choice = choose(scene, spec)
        holes = {name: np.where(disc(0.1), np.nan, values) for name, values in scene.items()}
        planes = score(holes, choice)
        assert (planes[0][disc(0.1)] == 0).all()
        assert np.isfinite(planes).all()


CASES: dict[str, tuple[dict[str, object], int]] = {
    "wi2015": ({}, 0),
    "mndwi": ({"method": "mndwi"}, 0),
    "waterdetect": ({"method": "waterdetect"}, 0),
    "index of two dates": ({"method": "mndwi"}, 1),
    "sar-vh": ({"polarisation": "vh"}, 0),
    "boxcar": ({"method": "sar-vv", "speckle": "boxcar"}, 0),
    "no filter": ({"method": "sar-vv", "speckle": "none"}, 0),
    "logratio": ({"method": "logratio"}, 1),
    "unspider": ({"method": "unspider"}, 1),
    "zscore": ({"method": "zscore"}, 3),
}


OPTICAL = ("wi2015", "mndwi", "waterdetect", "index of two dates")


@pytest.fixture(scope="module")
def prepared() -> dict[str, tuple[WaterSession, Image, Image]]:
    out = {}
    for name, (options, before) in CASES.items():
        make = optical if name in OPTICAL else radar
        scene = dict(make(WATER))
        for index in range(before):
            scene |= earlier(make(disc(0.05), seed=20 + index), index)
        hole = np.random.default_rng(9).random((SIDE, SIDE)) < 0.002
        choice = choose(scene, request(**options), before=before)
        pixels = stack(scene, choice.bands)
        pixels[:, hole] = np.nan
        session = WaterSession(choice)
        out[name] = session, pixels, session(pixels[np.newaxis])[0]
    return out


@pytest.mark.parametrize("name", CASES)
@given(row=st.integers(12, 120), col=st.integers(12, 120), size=st.integers(1, 100))
@settings(max_examples=8, deadline=None)
def test_scores_do_not_depend_on_the_tile(
    prepared: dict[str, tuple[WaterSession, Image, Image]], name: str, row: int, col: int, size: int
) -> None:
    session, pixels, whole = prepared[name]
    margin = session.choice.margin
    around = np.s_[:, row - margin : row + size + margin, col - margin : col + size + margin]
    crop = session(np.stack([pixels[around], pixels[around][:, ::-1]]))[0]
    inner = crop[:, margin : margin + size, margin : margin + size]
    assert np.array_equal(inner, whole[:, row : row + size, col : col + size])


def test_slightly_negative_reflectance_is_dark_water() -> None:
    scene = dict(optical(WATER))
    scene["swir16"] = np.where(WATER, np.float32(-0.02), scene["swir16"])
    scene["green"] = np.where(WATER, np.float32(0.01), scene["green"])
    for name in ("auto", "mndwi", "waterdetect"):
        assert agreement(score(scene, choose(scene, request(method=name)))[0] > 0.5, WATER) > 0.99

"""Water indices over shores, narrow rivers and shadow, on several sensors' values."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.methods.snow import REACH as SNOW_REACH
from geoseg.spec import Units
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.methods import water_methods
from tests.messages import Messages
from tests.tasks.flood.water_scenes import SIDE, Scene, agreement, choose, optical, request, score, stack

INDICES = ("wi2015", "mndwi", "ndwi", "awei-sh", "awei-nsh")
EVERY = (*INDICES, "waterdetect")


def river(width: float) -> tuple[Scene, np.ndarray]:
    """A river across a scene, its banks mixed, and the share of water (H, W) of each pixel."""
    middle = SIDE / 2 + 0.3
    cols = np.arange(SIDE)
    edges = np.clip(np.minimum(cols + 1, middle + width / 2) - np.maximum(cols, middle - width / 2), 0, 1)
    share = np.broadcast_to(edges, (SIDE, SIDE))
    wet = optical(np.ones((SIDE, SIDE), np.bool_))
    dry = optical(np.zeros((SIDE, SIDE), np.bool_), seed=1)
    scene = {name: (share * wet[name] + (1 - share) * dry[name]).astype(np.float32) for name in wet}
    return scene, share


@pytest.mark.parametrize("name", [name for name in INDICES if name != "ndwi"])
def test_the_shore_level_is_that_of_half_a_pixel_of_water(name: str) -> None:
    method = water_methods()[name]
    wet, dry = optical(np.ones((64, 64), np.bool_)), optical(np.zeros((64, 64), np.bool_))
    mixed = [(wet[band] + dry[band]) * np.float32(0.5) for band in method.bands]
    level, pure = method.threshold.shore, method.measure([[dry[band] for band in method.bands]])
    assert level is not None
    # Vegetation is brighter or darker than in this scene: within a quarter of the way to land.
    reach = 0.25 * abs(float(np.median(pure)))
    assert float(np.median(method.measure([mixed]))) == pytest.approx(level, abs=reach)


@pytest.mark.parametrize("width", [2.4, 3.4, 6.2, 11.7])
@pytest.mark.parametrize("name", ["auto", "mndwi", "ndwi", "awei-sh"])
def test_a_river_has_its_width(name: str, width: float, messages: Messages) -> None:
    scene, share = river(width)
    mapped = score(scene, choose(scene, request(method=name)))[0] > 0.5
    assert mapped.sum(axis=1).mean() == pytest.approx(width, abs=1)
    assert agreement(mapped, share > 0.5) > 0.6
    assert set(messages.codes) <= {"ndwi-built-up"}


@pytest.mark.parametrize("name", EVERY)
def test_a_stream_of_one_pixel_is_mapped_and_not_widened(name: str) -> None:
    water = np.zeros((SIDE, SIDE), np.bool_)
    water[:, SIDE // 2] = True
    scene = optical(water)
    mapped = score(scene, choose(scene, request(method=name)))[0] > 0.5
    assert np.array_equal(mapped, water)


@pytest.mark.parametrize("name", INDICES)
def test_wet_ground_is_water_at_the_shore_only(name: str) -> None:
    # Mostly water from the shore on, without noise.
    share = 0.75 if name == "ndwi" else 0.65
    clear = {band: np.median(values) for band, values in optical(np.ones((64, 64), np.bool_)).items()}
    ground = {band: np.median(values) for band, values in optical(np.zeros((64, 64), np.bool_)).items()}
    lake = np.arange(SIDE) < SIDE // 2
    scene = {
        band: np.tile(
            np.where(lake, level, share * level + (1 - share) * ground[band]).astype(np.float32), (SIDE, 1)
        )
        for band, level in clear.items()
    }
    mapped = score(scene, choose(scene, request(method=name)))[0] > 0.5
    first = SIDE // 2
    assert mapped[:, : first + 2].all()
    assert not mapped[:, first + 2 :].any()


@pytest.mark.parametrize(
    ("units", "dtype", "factor"),
    [
        ("reflectance", np.float32, 1.0),
        ("reflectance", np.float64, 1.0),
        ("dn", np.uint8, 255.0),
        ("dn", np.uint16, 10000.0),
        ("dn", np.int16, 10000.0),
        ("radiance", np.float32, 100.0),
    ],
)
def test_the_same_lake_in_any_units(units: Units, dtype: type[np.number], factor: float) -> None:
    water = np.zeros((SIDE, SIDE), np.bool_)
    water[60:180, 40:200] = True
    scene = {
        name: np.clip(values * factor, 0, None).astype(dtype).astype(np.float32)
        for name, values in optical(water).items()
    }
    choice = choose(scene, request(), units=units)
    assert choice.method.name == ("wi2015" if units == "reflectance" else "mndwi")
    assert agreement(score(scene, choice)[0] > 0.5, water) > 0.97


def test_haze_of_an_uncorrected_scene_does_not_flood_the_land() -> None:
    water = np.zeros((SIDE, SIDE), np.bool_)
    water[60:180, 40:200] = True
    path = {"blue": 0.07, "green": 0.035, "red": 0.018, "nir": 0.006, "swir16": 0.001, "swir22": 0.0005}
    scene = {name: values + np.float32(path[name]) for name, values in optical(water).items()}
    for name in ("auto", "mndwi", "ndwi"):
        mapped = score(scene, choose(scene, request(method=name)))[0] > 0.5
        assert agreement(mapped, water) > 0.95, name


def test_a_threshold_given_or_found_has_no_shore() -> None:
    scene, _ = river(11.7)
    assert choose(scene, request()).shore == -8
    assert choose(scene, request(threshold=0.1)).shore is None
    assert choose(scene, request(method="mndwi", thresholding="otsu")).shore is None


@pytest.mark.parametrize("name", ["auto", "mndwi", "wi2015"])
def test_a_low_sun_leaves_no_shore_and_no_sum_by_itself(name: str, messages: Messages) -> None:
    scene, share = river(11.7)
    found = find_candidates(
        request(method=name), dict.fromkeys(scene, "reflectance"), "optical", 0, low_sun=True
    )
    choice = choose_method(request(method=name), found, [stack(scene, found.bands)])
    assert choice.method.name == ("mndwi" if name == "auto" else name)
    assert choice.shore is None
    assert choice.margin == SNOW_REACH
    assert not any("next to open water" in text for text in messages.notes)
    assert agreement(score(scene, choice)[0] > 0.5, share > 0.5) > 0.8


def test_clouds_have_no_shore() -> None:
    water = np.zeros((SIDE, SIDE), np.bool_)
    scene = dict(optical(water))
    cloud = np.zeros_like(water)
    cloud[100:140, 100:140] = True
    wet = 0.6 * optical(~water)["green"]
    for name, level in (("green", 0.6), ("red", 0.6), ("nir", 0.55), ("swir16", 0.1), ("swir22", 0.1)):
        scene[name] = np.where(cloud, np.float32(level), 0.4 * scene[name] + wet).astype(np.float32)
    assert not (score(scene, choose(scene, request()))[0] > 0.5).any()


def test_shores_are_permanent_where_the_lake_was_before() -> None:
    scene, share = river(11.7)
    both = {**scene, **{f"before:{name}": values for name, values in scene.items()}}
    classes = score(both, choose(both, request(), before=1)).argmax(axis=0)
    assert not (classes == 1).any()
    assert agreement(classes == 2, share > 0.5) > 0.9


@pytest.mark.parametrize("name", ["auto", "mndwi", "awei-sh"])
def test_shaded_snow_is_not_water_and_a_lake_beside_snow_is(name: str) -> None:
    water = np.zeros((SIDE, SIDE), np.bool_)
    water[100:140, 100:140] = True
    scene = optical(water)
    snow = {"blue": 0.75, "green": 0.7, "red": 0.65, "nir": 0.6, "swir16": 0.1, "swir22": 0.08}
    shade = {"blue": 0.13, "green": 0.12, "red": 0.11, "nir": 0.11, "swir16": 0.02, "swir22": 0.015}
    for band in scene:
        scene[band][90:100, 60:180] = snow[band]
        scene[band][20:60, 60:180] = snow[band]
        scene[band][60:66, 60:180] = shade[band]
    choice = choose(scene, request(method=name))
    mapped = score(scene, choice)[0] > 0.5
    assert not mapped[55:70].any()
    assert np.array_equal(mapped[102:138, 102:138], water[102:138, 102:138])
    part = score({band: image[50:, 70:] for band, image in scene.items()}, choice)
    edge = choice.margin
    assert np.array_equal(part[0, edge:, edge:] > 0.5, mapped[50 + edge :, 70 + edge :])

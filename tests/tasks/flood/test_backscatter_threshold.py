"""Thresholds of absolute backscatter: scenes of water and land, of land alone and of water alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.methods.backscatter_classes import USUAL_LEVELS
from geoseg.tasks.flood.backscatter_threshold import CORE_DB, RIM_DB
from tests.messages import Messages
from tests.tasks.flood.water_scenes import WATER, Scene, agreement, choose, ground, radar, request, score


def mapped(scene: Scene) -> NDArray[np.bool_]:
    """Return the regions of water that have a core."""
    choice = choose(scene, request())
    scores = score(scene, choice)[0]
    regions, count = ndimage.label(scores > 0.5)
    best = ndimage.maximum(scores, regions, np.arange(count + 1))
    kept = best >= (choice.seed or 0)
    kept[0] = False
    return np.asarray(kept[regions])


@pytest.mark.parametrize(
    ("vh", "vv", "share"),
    [
        (-13.0, -7.5, 0.0),
        (-15.5, -9.5, 0.0),
        (-17.0, -10.5, 0.0),
        (-18.5, -12.0, 0.0),
        (-21.5, -14.0, 1.0),
        (-22.0, -11.0, 1.0),
        (-24.0, -18.0, 1.0),
        (-28.0, -22.0, 1.0),
    ],
)
def test_one_kind_of_ground_is_all_land_or_all_water(
    vh: float, vv: float, share: float, messages: Messages
) -> None:
    scene = ground({"vh": (vh, vh), "vv": (vv, vv)})
    assert mapped(scene).mean() == pytest.approx(share, abs=0.005)
    assert "water-method-doubtful" in messages.codes
    said = any("dry sand" in text for text in messages.warnings)
    assert said == (share == 1)


@pytest.mark.parametrize("texture", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("looks", [1.0, 4.4, 12.0])
def test_the_dark_tail_of_dry_land_is_not_water(looks: float, texture: float) -> None:
    rng = np.random.default_rng(0)
    mean = -17.0 + rng.normal(0, texture, (256, 256))
    speckle = 10 * np.log10(rng.gamma(looks, 1 / looks, mean.shape))
    scene = {"vh": (mean + speckle).astype(np.float32)}
    assert mapped(scene).mean() < 0.005


@pytest.mark.parametrize("name", ["vh", "vv"])
@pytest.mark.parametrize("offset", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.8, 0.98])
def test_water_is_found_at_other_levels_and_shares(name: str, offset: float, share: float) -> None:
    water, land = {"vh": (-25.0, -15.5), "vv": (-19.0, -9.5)}[name]
    scene = ground({name: (water + offset, land + offset)}, share)
    truth = ground({name: (-99.0, 0.0)}, share)[name] < -50
    assert agreement(mapped(scene), truth) > (0.9 if share > 0.1 else 0.8)


@pytest.mark.parametrize(
    ("name", "water", "land"),
    [("vh", -35.0, -24.5), ("vh", -18.0, -9.0), ("vv", -32.0, -21.0), ("vv", -12.0, -3.0)],
)
def test_thresholds_stay_within_usual_limits(name: str, water: float, land: float) -> None:
    choice = choose(ground({name: (water, land)}), request())
    low, high = USUAL_LEVELS[name].threshold
    assert low + RIM_DB <= choice.threshold <= high + RIM_DB


def test_a_region_has_a_core_and_a_rim() -> None:
    choice = choose(radar(WATER), request())
    assert choice.seed == pytest.approx(1 / (1 + math.exp(-(CORE_DB + RIM_DB) / choice.scale)))


def test_missing_pixels_do_not_move_the_threshold() -> None:
    scene = ground({"vh": (-25.0, -15.5), "vv": (-19.0, -9.5)})
    holed = {name: values.copy() for name, values in scene.items()}
    for values in holed.values():
        values[:, :40] = np.nan
        values[::7, ::5] = np.nan
    whole, part = choose(scene, request()), choose(holed, request())
    assert part.threshold == pytest.approx(whole.threshold, abs=0.4)
    assert not (score(holed, part)[0][np.isnan(holed["vh"])] > 0.5).any()

"""Two dates in dB: the polarisation that shows a flood, and what is open water."""

from __future__ import annotations

import pytest

from geoseg.spec import SceneSpec
from tests.messages import Messages
from tests.tasks.flood.water_scenes import WATER, Scene, agreement, choose, earlier, ground, request, score

LEVELS = {"vv": (-19.0, -9.5), "vh": (-25.0, -15.5)}
SAND = {"vv": (-22.0, -14.0), "vh": (-25.0, -22.5)}
"""Ground as dark as water in VH."""
FLOOD, PERMANENT = 1, 2


def pair(levels: dict[str, tuple[float, float]], flooded: bool, bias: float = 0.0) -> Scene:
    """A scene with a disc of water, which was dry or water before; levels of both dates with a bias in dB."""
    now = ground({band: (wet + bias, dry + bias) for band, (wet, dry) in levels.items()}, seed=1)
    dates = {band: (dry + bias if flooded else wet + bias, dry + bias) for band, (wet, dry) in levels.items()}
    return {**now, **earlier(ground(dates, seed=2))}


@pytest.mark.parametrize("method", ["logratio", "zscore"])
@pytest.mark.parametrize("bias", [-2.0, 0.0, 2.0])
def test_lasting_water_is_found_at_any_calibration(method: str, bias: float) -> None:
    scene = pair(LEVELS, flooded=False, bias=bias)
    scene = {**scene, **earlier({name: scene[f"before:{name}"] for name in LEVELS}, 1)}
    spec = request(before=[SceneSpec(paths=("before.tif",))] * 2, method=method)
    choice = choose(scene, spec, before=2)
    assert agreement(score(scene, choice).argmax(axis=0) == PERMANENT, WATER) > 0.9


@pytest.mark.parametrize(("flooded", "value"), [(True, FLOOD), (False, PERMANENT)])
def test_sand_as_dark_as_water_in_vh_is_compared_in_vv(flooded: bool, value: int, messages: Messages) -> None:
    scene = pair(SAND, flooded)
    spec = request(before=[SceneSpec(paths=("before.tif",))])
    choice = choose(scene, spec, before=1)
    assert choice.measured == ("vv",)
    assert any(
        "log-ratio of backscatter in VH shows" in text and "VV is used" in text for text in messages.notes
    )
    assert agreement(score(scene, choice).argmax(axis=0) == value, WATER) > 0.9


def test_open_water_beside_dark_sand_is_told_by_vv_where_both_are_compared() -> None:
    scene = pair(SAND, flooded=False)
    scene = {**scene, **earlier({name: scene[f"before:{name}"] for name in SAND}, 1)}
    choice = choose(scene, request(before=[SceneSpec(paths=("before.tif",))] * 2), before=2)
    assert choice.method.name == "zscore"
    assert choice.open_water is not None
    assert choice.open_water[0] == "vv"
    assert agreement(score(scene, choice).argmax(axis=0) == PERMANENT, WATER) > 0.9


@pytest.mark.parametrize(("polarisation", "band"), [("auto", "vh"), ("vh", "vh"), ("vv", "vv")])
def test_vh_is_compared_where_it_shows_water_or_is_asked_for(polarisation: str, band: str) -> None:
    levels = LEVELS if polarisation == "auto" else SAND
    scene = pair(levels, flooded=True)
    spec = request(before=[SceneSpec(paths=("before.tif",))], polarisation=polarisation)
    assert choose(scene, spec, before=1).measured == (band,)

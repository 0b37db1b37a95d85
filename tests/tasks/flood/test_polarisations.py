"""Scenes that were sent with horizontal polarisation: HH and HV in place of VV and VH."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.spec import SceneSpec
from geoseg.tasks.flood.polarisations import compared
from tests.messages import Messages
from tests.tasks.flood.water_scenes import WATER, agreement, choose, earlier, ground, request, score

LEVELS = {"hh": (-20.0, -9.5), "hv": (-26.0, -15.5)}
VERTICAL = {"vv": (-19.0, -9.5), "vh": (-25.0, -15.5)}
FLOOD, PERMANENT = 1, 2
CODE = "levels-of-other-polarisation"


@pytest.mark.parametrize(
    ("bands", "options", "method"),
    [
        (("hh", "hv"), {}, "sar-hh"),
        (("hh",), {}, "sar-hh"),
        (("hv",), {}, "sar-hv"),
        (("hh", "hv"), {"polarisation": "hv"}, "sar-hv"),
        (("hh", "hv"), {"method": "sar-hv"}, "sar-hv"),
    ],
)
def test_water_of_one_scene(
    bands: tuple[str, ...], options: dict[str, object], method: str, messages: Messages
) -> None:
    scene = ground({band: LEVELS[band] for band in bands})
    choice = choose(scene, request(**options))
    assert choice.method.name == method
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.9
    assert CODE in messages.codes


@pytest.mark.parametrize(("method", "before"), [("auto", 1), ("logratio", 1), ("zscore", 2), ("auto", 2)])
@pytest.mark.parametrize(("flooded", "value"), [(True, FLOOD), (False, PERMANENT)])
def test_two_dates(method: str, before: int, flooded: bool, value: int, messages: Messages) -> None:
    dry = {band: (land if flooded else water, land) for band, (water, land) in LEVELS.items()}
    scene = ground(LEVELS, seed=1)
    for index in range(before):
        scene = {**scene, **earlier(ground(dry, seed=2 + index), index)}
    spec = request(before=[SceneSpec(paths=("before.tif",))] * before, method=method)
    choice = choose(scene, spec, before=before)
    assert agreement(score(scene, choice).argmax(axis=0) == value, WATER) > 0.85
    assert CODE in messages.codes


@pytest.mark.parametrize("before", [0, 1, 2])
def test_vv_and_vh_are_preferred(before: int, messages: Messages) -> None:
    scene = ground({**LEVELS, **VERTICAL})
    dates = {**scene}
    for index in range(before):
        dates.update(earlier(ground({**LEVELS, **VERTICAL}, seed=3 + index), index))
    spec = request(before=[SceneSpec(paths=("before.tif",))] * before)
    choice = choose(dates, spec, before=before)
    assert set(choice.measured) <= {"vv", "vh"}
    assert CODE not in messages.codes


def test_horizontal_bands_that_are_asked_for_are_compared_beside_vertical_ones() -> None:
    assert compared("auto", ["hh", "hv", "vv"]) == ["vv"]
    assert compared("hh", ["hh", "hv", "vv"]) == ["hh"]
    assert choose(ground({**LEVELS, **VERTICAL}), request(polarisation="hh")).measured == ("hh",)


def test_a_given_threshold_borrows_no_levels(messages: Messages) -> None:
    scene = ground(LEVELS)
    assert choose(scene, request(threshold=-14.0)).threshold == -14
    assert CODE not in messages.codes


@pytest.mark.parametrize("band", ["hh", "hv"])
def test_digital_numbers_have_no_levels(band: str, messages: Messages) -> None:
    db = ground({band: LEVELS[band]})[band]
    scene = {band: np.round(10 ** (db / 20) * 1000).astype(np.float32)}
    choice = choose(scene, request(), units="dn")
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.9
    assert CODE not in messages.codes

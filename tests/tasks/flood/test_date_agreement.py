"""Warnings of dates that are shifted or of another level, and none of dates that agree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geoseg.spec import SceneSpec
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.date_agreement import clear_shift, level_difference
from tests.messages import Messages
from tests.tasks.flood.water_scenes import SIDE, request

Image = NDArray[np.float32]


def dates(flooded: float = 0.3, side: int = SIDE) -> tuple[Image, Image]:
    """Return dB before and after: fields with speckle, of which the lower rows are flooded."""
    rng = np.random.default_rng(3)
    cells = rng.normal(-9, 1.5, (side // 16 + 1, side // 16 + 1))
    fields = gaussian_filter(np.kron(cells, np.ones((16, 16)))[:side, :side], 0.7)
    before, after = (np.asarray(fields + rng.normal(0, 0.7, fields.shape), np.float32) for _ in range(2))
    rows = side - int(flooded * side)
    after[rows:] = rng.normal(-20, 1, after[rows:].shape)
    return before, after


def codes(before: Image, after: Image, messages: Messages, unit: str, earlier: int = 1) -> list[str]:
    """Return the codes of the warnings of a scene with copies of an earlier one."""
    spec = request(before=[SceneSpec(paths=("before.tif",))] * earlier)
    units = {"vv": unit}
    candidates = find_candidates(spec, units, "sar", earlier)  # type: ignore[arg-type]
    block = np.stack([after, *[before] * candidates.before])
    choose_method(spec, candidates, [block])
    return [code for code in messages.codes if code in {"dates-shifted", "backscatter-differs"}]


@pytest.mark.parametrize("flooded", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("bias", [-3.0, -2.0, 0.0, 2.0, 3.0])
def test_the_level_over_land_does_not_depend_on_the_flood(flooded: float, bias: float) -> None:
    before, after = dates(flooded)
    assert level_difference([(before, after + np.float32(bias))], "vv") == pytest.approx(bias, abs=0.4)


@pytest.mark.parametrize(("bias", "told"), [(-3.0, True), (0.0, False), (1.0, False), (3.0, True)])
@pytest.mark.parametrize("earlier", [1, 2])
def test_another_level_is_told(bias: float, told: bool, earlier: int, messages: Messages) -> None:
    before, after = dates()
    found = codes(before, after + np.float32(bias), messages, "db", earlier)
    assert found == ["backscatter-differs"] * (earlier if told else 0)


@pytest.mark.parametrize("unit", ["db", "dn"])
@pytest.mark.parametrize(("rows", "told"), [(0, False), (1, False), (10, True)])
def test_shifted_dates_are_told(unit: str, rows: int, told: bool, messages: Messages) -> None:
    before, after = dates()
    if unit == "dn":
        before, after = ((image + np.float32(25)) * 8 for image in (before, after))
    assert codes(before, np.roll(after, rows, axis=0), messages, unit) == ["dates-shifted"] * told


def test_what_cannot_be_measured_is_not_told() -> None:
    before, after = dates()
    noise = np.random.default_rng(5).normal(-9, 1, before.shape).astype(np.float32)
    assert clear_shift([(noise, after)]) is None
    assert clear_shift([(before[:64, :64], after[10:74, :64])]) is None
    unseen = np.full_like(before, np.nan)
    assert clear_shift([(unseen, after)]) is None
    assert level_difference([(unseen, after)], "vv") == 0
    water = np.full_like(before, -22)
    assert level_difference([(before, water)], "vv") == 0


def test_windows_without_pixels_do_not_hide_a_shift() -> None:
    before, after = dates()
    unseen = np.full_like(before, np.nan)
    pairs = [(before, np.roll(after, 10, axis=1)), *[(unseen, unseen)] * 3]
    found = clear_shift(pairs)
    assert found is not None
    assert found.cols == pytest.approx(10, abs=0.5)

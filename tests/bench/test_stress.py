"""Changed copies of labelled chips, and their rows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.test_tile_thresholds import load
from tests.tasks.flood.water_scenes import WATER, agreement, earlier, optical, radar

stress = load("stress")
LABEL = WATER.astype(np.uint8)


@pytest.mark.parametrize("name", list(stress.SETS))
def test_every_change_keeps_bands_and_label_on_one_grid(name: str) -> None:
    case = stress.SETS[name]
    bands = {"reflectance": optical(WATER), "db": radar(WATER)}.get(case.units)
    if bands is None:
        pair = {"vv": radar(WATER)["vv"], **earlier({"vv": radar(~WATER)["vv"]})}
        bands = {key: np.clip(image * 6 + 200, 1, 254) for key, image in pair.items()}
    for title, change in case.changes.items():
        changed = change(dict(bands), LABEL)
        if changed is None:
            continue
        pixels, label = changed
        assert {image.shape for image in pixels.values()} == {label.shape}, title
        assert set(np.unique(label)) <= {0, 1, 255}


def test_coarser_pixels_have_the_class_of_most_of_their_parts() -> None:
    label = np.array([[1, 1, 0, 0], [1, 0, 0, 255]], np.uint8)
    _, small = stress.coarser(2)({"green": np.ones((2, 4), np.float32)}, label)
    assert small.tolist() == [[1, 255]]


@pytest.mark.parametrize(("low", "high", "found"), [(0.97, 1.0, True), (0.4, 0.6, True), (0.2, 0.21, False)])
def test_a_crop_has_the_water_share_of_its_range(low: float, high: float, found: bool) -> None:
    label = np.zeros((128, 128), np.uint8)
    label[:, :64] = 1
    cut = stress.crop(low, high, 32)({"green": label.astype(np.float32)}, label)
    assert (cut is not None) == found
    if cut is not None:
        assert low <= cut[1].mean() <= high


def test_the_default_map_is_that_of_the_command() -> None:
    mapped = stress.default_map(optical(WATER), "reflectance", 10.0)
    assert agreement(mapped == 1, WATER) > 0.99


def test_a_row_compares_the_default_with_the_best_trivial_rule() -> None:
    good, bad = np.array([[9, 1], [1, 9]]), np.array([[5, 5], [5, 5]])
    row = stress._row("chips", {"default": [good, good], "bad": [bad, bad], "worse": [bad, 2 * bad]}, [0, 1])
    assert "| 0.818 | bad: 0.333 | +0.485 (+0.485 to +0.485) |" in row


def test_without_data_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["stress.py", "--data", "/nowhere"])
    assert stress.main() == 3

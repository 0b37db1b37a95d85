"""Augmentation moves image and label together, and changes values as air and sensors do."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("albumentations", reason="the extra `train` is not installed")

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.augment import Augment
from geoseg.learn.train.training_spec import AugmentSpec
from geoseg.spec import Units

BANDS = ("blue", "nir")


def crop(side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A crop whose first band is its label, so that any move that parts them shows."""
    label = np.zeros((side, side), np.uint8)
    label[5:20, 10:40] = 1
    pixels = np.stack([label, np.full_like(label, 2)]).astype(np.float32)
    pixels[:, :3] = np.nan
    label[:3] = IGNORE
    return pixels, label


def augment(units: Units = "reflectance", **options: object) -> Augment:
    return Augment(AugmentSpec.model_validate(options), units, BANDS, 48)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(8))
def test_image_and_label_turn_together(seed: int) -> None:
    image, label, lost = augment(flips=True)(*crop(), rng(seed))
    seen = label != IGNORE
    np.testing.assert_array_equal(image[0][seen], label[seen])
    assert np.isnan(image[:, ~seen]).all()
    assert int((label == 1).sum()) == 15 * 30
    assert lost is None


def test_all_eight_symmetries_are_met() -> None:
    step = augment(flips=True)
    assert len({step(*crop(), rng(seed))[1].tobytes() for seed in range(80)}) == 8


def test_the_same_generator_gives_the_same_crop() -> None:
    step = augment(gain=0.1, haze=0.1, noise=0.01, blur=1.0, speckle=1.0, hide=1.0, drop_band=0.5)
    one, other, third = step(*crop(), rng(5)), step(*crop(), rng(5)), step(*crop(), rng(6))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(one[0], third[0], equal_nan=True)


def test_gain_multiplies_reflectance_and_adds_to_decibels() -> None:
    pixels, label = crop()
    image = augment(flips=False, gain=0.3)(pixels, label, rng())[0]
    ratio = image[1][4:] / 2
    assert np.ptp(ratio) < 1e-6
    assert not np.isclose(ratio[0, 0], 1)
    decibels = augment("db", flips=False, gain=1.0)(pixels, label, rng())[0]
    difference = decibels[:, 4:] - pixels[:, 4:]
    assert np.ptp(difference[0]) < 1e-5
    assert np.ptp(difference[1]) < 1e-5
    assert not np.isclose(difference[0, 0, 0], difference[1, 0, 0])


def test_haze_is_strongest_in_blue() -> None:
    pixels, label = crop()
    image = augment(flips=False, haze=0.2)(pixels, label, rng(1))[0]
    added = (image - pixels)[:, 10]
    assert abs(added[0, 0]) > 0.01
    np.testing.assert_allclose(added[1], 0, atol=1e-6)


def test_speckle_keeps_mean_power() -> None:
    pixels = np.full((2, 200, 200), -12.0, np.float32)
    step = Augment(AugmentSpec(flips=False, speckle=1.0), "db", BANDS, 200)
    image = step(pixels, np.zeros((200, 200), np.uint8), rng(2))[0]
    assert float(np.std(image)) > 0.5
    assert 10 * np.log10(np.mean(10 ** (image / 10))) == pytest.approx(-12, abs=0.1)


def test_hidden_pixels_lose_their_label() -> None:
    image, label, _ = augment(hide=1.0)(*crop(), rng(3))
    assert (label == IGNORE).sum() > 3 * 48
    np.testing.assert_array_equal(np.isnan(image).all(axis=0), label == IGNORE)


def test_a_band_is_dropped_now_and_then() -> None:
    step = augment(drop_band=0.5)
    dropped = [step(*crop(), rng(seed))[2] for seed in range(40)]
    assert {None, 0, 1} == set(dropped)


@pytest.mark.parametrize("units", ["reflectance", "db"])
def test_values_in_other_units_are_left_alone(units: Units) -> None:
    """A coherence is no backscatter: gain, haze, speckle and noise are for the bands of the sensor."""
    options = {"flips": False, "gain": 1.0, "shared_gain": 1.0, "haze": 0.1, "speckle": 1.0, "noise": 0.5}
    step = Augment(AugmentSpec.model_validate(options), units, BANDS, 48, fixed=("nir", "phase_cos"))
    pixels, label = crop()
    image, _, _ = step(pixels, label, rng())
    np.testing.assert_array_equal(image[1], pixels[1])
    assert not np.allclose(image[0, 3:], pixels[0, 3:])


def test_a_second_modality_is_turned_alike_and_hidden_by_itself() -> None:
    step = Augment(AugmentSpec.model_validate({"flips": True, "gain": 1.0}), "db", BANDS, 48)
    pixels, label = crop()
    beside = np.stack([label.astype(np.float32), label.astype(np.float32)])
    beside[:, 30:] = np.nan
    for seed in range(4):
        image, turned, _ = step(np.concatenate([pixels, beside]), label, rng(seed))
        alone, same, _ = step(pixels, label, rng(seed))
        np.testing.assert_array_equal(image[:2], alone)
        np.testing.assert_array_equal(turned, same)
        seen = np.isfinite(image[2])
        assert (~seen).sum() == 18 * 48
        known = seen & (turned != IGNORE)
        np.testing.assert_array_equal(image[2][known], turned[known])

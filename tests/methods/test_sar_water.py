from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.methods.sar_water import BlockThreshold, bmax_otsu, canny, edge_otsu, hsba
from geoseg.methods.thresholds import Unimodal

Image = NDArray[np.float32]


def land(seed: int, side: int = 256) -> Image:
    return np.random.default_rng(seed).normal(-10, 1.5, (side, side)).astype(np.float32)


def lake(seed: int, side: int = 256) -> Image:
    """Land with a disc of water at -20 dB over about a quarter of it."""
    image = land(seed, side)
    y, x = np.mgrid[:side, :side] - side / 2
    water = np.random.default_rng(seed + 100).normal(-20, 1, image.shape)
    return np.where(np.hypot(x, y) < 0.28 * side, water, image).astype(np.float32)


@pytest.fixture(scope="module")
def blocks() -> list[Image]:
    """One lake among fifteen blocks of land: water is 1.5 % of the pixels."""
    return [lake(0), *(land(seed) for seed in range(1, 16))]


def test_all_find_rare_water(blocks: list[Image]) -> None:
    for found in (bmax_otsu(blocks), hsba(blocks), edge_otsu(blocks, -16.0, 10.0)):
        assert isinstance(found, BlockThreshold)
        assert -18.5 < found.threshold < -13
        assert found.used >= 1
        assert "selected" in found.evidence


def test_land_alone_has_no_threshold() -> None:
    blocks = [land(seed) for seed in range(3)]
    assert isinstance(bmax_otsu(blocks), Unimodal)
    assert isinstance(hsba(blocks), Unimodal)
    assert isinstance(edge_otsu(blocks, -18.0, 10.0), Unimodal)


def test_nothing_observed() -> None:
    blocks = [np.full((64, 64), np.nan, np.float32)]
    assert isinstance(bmax_otsu(blocks), Unimodal)
    assert isinstance(hsba(blocks), Unimodal)
    assert isinstance(edge_otsu(blocks, -16.0, 10.0), Unimodal)


def test_the_border_of_the_observed_is_no_shore() -> None:
    block = land(0)
    block[:, :100] = np.nan
    assert isinstance(edge_otsu([block], -16.0, 10.0), Unimodal)


def test_the_most_bimodal_blocks_come_first(blocks: list[Image]) -> None:
    weak = [np.clip(block, -14, 0) for block in (lake(20), lake(21))]
    found = bmax_otsu([*weak, blocks[0]], most=1, least=0.5)
    alone = bmax_otsu([blocks[0]], least=0.5)
    assert isinstance(found, BlockThreshold)
    assert isinstance(alone, BlockThreshold)
    assert found.threshold == alone.threshold


def test_a_small_lake_is_found_by_quarters() -> None:
    block = land(0, 512)
    block[:128, :128] = lake(1, 128)
    found = hsba([block])
    assert isinstance(found, BlockThreshold)
    assert found.seen > 1
    assert isinstance(hsba([block], least_side=512), Unimodal)


def test_canny_outlines_a_disc() -> None:
    y, x = np.mgrid[:80, :80] - 40
    radius = np.hypot(x, y)
    edges = canny((radius < 20).astype(np.float32))
    assert edges.any()
    assert (np.abs(radius[edges] - 20) < 2).all()
    angles = np.arctan2(y[edges], x[edges])
    assert np.unique(np.round(angles * 8 / np.pi)).size >= 16
    assert edges.sum() < 2 * np.pi * 20 * 1.6
    assert not canny(np.ones((20, 20), np.float32)).any()


def test_canny_keeps_weak_edges_that_touch_strong_ones() -> None:
    ramp = np.linspace(0.12, 1.0, 60, dtype=np.float32)
    image = np.zeros((60, 40), np.float32)
    image[:, 20:] = ramp[:, np.newaxis]
    rows = np.flatnonzero(canny(image, low=0.05, high=0.3).sum(axis=1))
    assert set(range(5, 60)) <= set(rows.tolist())
    assert not canny(image * 0.4, low=0.05, high=0.3).any()
    assert canny(image, sigma=1.0).any()

"""Capability scores: by hand on made results, and the leaderboard's numbers on its released files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoseg.learn.protocols.capability_scores import (
    as_scores,
    capability_scores,
    dataset_scores,
    incomplete,
    interquartile_mean,
)
from geoseg.learn.protocols.result_reading import read_results
from geoseg.learn.protocols.result_rows import ResultRow, unambiguous
from geoseg.spec.presets import benchmark

FULL = """
clay_v1_base 77.80 66.15 81.72 77.63 45.89 67.37 67.30 72.81
convnext_xlarge_fb_in22k 77.78 65.84 65.37 74.23 73.76 81.40 69.75 74.33
dinov3_convnext_large 70.83 66.80 51.94 70.53 80.38 88.54 69.19 73.90
prithvi_eo_v2_600_tl 68.87 70.19 77.08 72.16 53.45 56.11 69.08 52.29
terramind_v1_large 61.45 71.52 94.10 71.30 62.95 63.65 72.26 57.27
dofa_large_patch16_224 60.45 59.91 65.40 65.59 66.34 73.65 61.55 68.07
prithvi_eo_v2_300_tl 59.42 58.54 72.45 61.29 43.60 45.72 59.05 42.69
dinov3_vitl16 58.15 53.88 65.23 67.37 77.15 88.57 60.23 86.94
resnet50 26.80 21.25 11.15 39.86 23.92 43.91 28.42 34.06
"""
FULL_COLUMNS = (
    "Core", "Multi-spectral", "Multi-temporal", "Pixel-wise", "Classification", "Under 10 m",
    "10 m and above", "RGB/NIR",
)  # fmt: skip
FROZEN = """
clay_v1_base 40.19 62.30 59.40 4.96 54.84
terramind_v1_large 21.86 71.97 37.11 19.16 36.73
dinov3_vitl16 17.09 47.11 43.33 30.36 31.96
prithvi_eo_v2_600_tl 23.74 55.40 37.87 -6.11 34.18
convnext_xlarge_fb_in22k 24.05 31.94 36.64 15.16 31.15
"""
FROZEN_COLUMNS = ("Multi-spectral", "Multi-temporal", "Pixel-wise", "Classification", "10 m and above")


@pytest.mark.parametrize(
    ("file", "table", "columns"), [("114be1f0", FULL, FULL_COLUMNS), ("80100fc6", FROZEN, FROZEN_COLUMNS)]
)
def test_released_results_give_the_scores_of_the_leaderboard(
    data_dir: Path, file: str, table: str, columns: tuple[str, ...]
) -> None:
    folder = data_dir / "geobench2-results"
    if not folder.is_dir():
        pytest.skip(f"no released results at {folder}")
    spec = benchmark("geobench-2")
    rows = as_scores(read_results(sorted(folder.glob(f"{file}*.csv"))), spec)
    assert not incomplete(rows, spec)
    found = {(item.backbone, item.capability): item for item in capability_scores(rows, spec)}
    for line in table.split("\n")[1:-1]:
        name, *numbers = line.split()
        for column, number in zip(columns, numbers, strict=True):
            assert 100 * found[name, column].score == pytest.approx(float(number), abs=0.02)
    item = found["clay_v1_base", "Classification"]
    assert item.published_error < (item.interval[1] - item.interval[0]) / 10


def row(backbone: str, dataset: str, value: float, seed: int, submission: str = "s") -> ResultRow:
    return ResultRow(
        dataset=dataset, metric="RMSE" if dataset == "biomassters" else "Multiclass_Jaccard_Index",
        value=value, seed=seed, backbone=backbone, tuning="full_ft", setting="100%", submission=submission,
    )  # fmt: skip


def test_the_middle_half_is_averaged() -> None:
    assert interquartile_mean(np.array([9.0, 1.0, 2.0, 3.0, -50.0])) == 2.0
    assert interquartile_mean(np.array([1.0, 2.0, 3.0])) == 2.0


def test_equal_seeds_give_their_normalised_mean_without_spread() -> None:
    spec = benchmark("geobench-2")
    datasets = spec.capabilities["Multi-temporal"]
    rows = []
    for index, name in enumerate(datasets):
        low, high = spec.ranges[name]
        rows += [row("a", name, low + (high - low) * index, seed) for seed in range(5)]
        rows += [row("b", name, low, seed) for seed in range(5) if name != "pastis"]
    scores = capability_scores(rows, spec)
    (only,) = (item for item in scores if item.capability == "Multi-temporal")
    # Pooled values are 0, 1, 2 and 3, five of each; the middle half are five of 1 and five of 2.
    assert only.backbone == "a"
    assert only.score == pytest.approx(1.5)
    assert only.interval == pytest.approx((1.5, 1.5))


def test_scores_outside_the_range_are_not_clipped() -> None:
    spec = benchmark("geobench-2")
    (item,) = dataset_scores([row("a", "burn_scars", 0.0, seed) for seed in range(5)], spec)
    low, high = spec.ranges["burn_scars"]
    assert item.normalised == pytest.approx(-low / (high - low))
    assert item.mean == 0
    assert item.deviation == 0


def test_errors_become_scores_once() -> None:
    spec = benchmark("geobench-2")
    raw, released = as_scores([row("a", "biomassters", 0.2, 0), row("a", "biomassters", 0.95, 1)], spec)
    assert raw.value == pytest.approx(1 - 0.2 * 0.2537951171398163)
    assert released.value == 0.95


def test_submissions_are_not_pooled() -> None:
    rows = unambiguous([row("a", "pastis", 0.3, 0, "one"), row("a", "pastis", 0.4, 0, "two")])
    assert {item.backbone for item in rows} == {"a (one)", "a (two)"}
    assert all(math.isnan(item.deviation) for item in dataset_scores(rows, benchmark("geobench-2")))


def test_groups_that_the_leaderboard_refuses_are_named() -> None:
    rows = [row("a", "pastis", 0.3, seed) for seed in (1, 1, 2, 3, 4)]
    assert incomplete(rows, benchmark("geobench-2")) == ("a (full_ft) on pastis: 5 rows, 4 seeds",)


def test_other_metrics_and_few_labels_are_not_of_the_benchmark() -> None:
    spec = benchmark("geobench-2")
    rows = [
        replace(row("a", "pastis", 0.3, 0), metric="IoU water"),
        replace(row("a", "pastis", 0.3, 0), setting="10%"),
    ]
    assert not incomplete(rows, spec)
    assert dataset_scores(rows[:1], spec)[0].normalised is None

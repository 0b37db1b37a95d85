"""Scores of a job: from one error matrix, with precision and recall the right way round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.learn.protocols.jobs import Job, dataset_names, facts_of, rows_of
from geoseg.learn.train.config import read_config
from geoseg.learn.train.training_spec import TrainSpec
from tests.simulated import CONFIG


@pytest.fixture
def spec(tmp_path: Path) -> TrainSpec:
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return read_config(str(path))


def job(spec: TrainSpec) -> Job:
    return Job(
        spec=spec, dataset="lakes", setting="100%", name="j", seed=3, training=(), validation=(), test=(),
        described=(),
    )  # fmt: skip


def test_scores_are_those_of_the_whole_test_part(spec: TrainSpec) -> None:
    # 90 land, 10 water; of the water 6 are found, and 4 land pixels are mapped as water.
    rows = rows_of(job(spec), np.array([[86, 4], [4, 6]]), {"epochs": 2})
    values = {row.metric: row.value for row in rows}
    assert values["IoU water"] == pytest.approx(6 / 14)
    assert values["IoU background"] == pytest.approx(86 / 94)
    assert values["mIoU"] == pytest.approx((6 / 14 + 86 / 94) / 2)
    assert values["overall accuracy"] == pytest.approx(0.92)
    assert {(row.dataset, row.seed, row.setting, row.decoder, row.tuning) for row in rows} == {
        ("lakes", 3, "100%", "unet", "full_ft")
    }


def test_precision_is_of_mapped_pixels_and_recall_of_labelled_ones(spec: TrainSpec) -> None:
    values = {row.metric: row.value for row in rows_of(job(spec), np.array([[80, 10], [2, 8]]), {})}
    assert values["precision water"] == pytest.approx(8 / 18)
    assert values["recall water"] == pytest.approx(8 / 10)


def test_an_absent_class_counts_as_0_and_has_no_precision(spec: TrainSpec) -> None:
    values = {row.metric: row.value for row in rows_of(job(spec), np.array([[100, 0], [0, 0]]), {})}
    assert values["mIoU"] == 0.5
    assert values["IoU water"] == 0
    assert "precision water" not in values


def test_sensors_on_one_data_set_are_no_seeds_of_each_other(spec: TrainSpec) -> None:
    other = spec.model_copy(update={"name": "radar"})
    assert dataset_names([spec]) == ("lakes",)
    assert dataset_names([spec, other]) == ("lakes (simulated-water)", "lakes (radar)")
    encoder = other.network.model_copy(update={"encoder": "tu-convnext_atto"})
    assert dataset_names([spec, other.model_copy(update={"network": encoder})]) == ("lakes", "lakes")


def test_what_was_trained_is_in_the_row(spec: TrainSpec) -> None:
    facts = facts_of(job(spec))
    assert facts["lr"] == 0.004
    assert facts["sensor"] == "sentinel-2-l2a"
    assert facts["bands"] == "green swir16"

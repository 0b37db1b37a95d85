"""Regions and images of the flood protocol: what is trained on and what is not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from geoseg.errors import UsageError
from geoseg.learn.protocols.flood_regions import flood_region_jobs
from geoseg.learn.train.config import read_config
from geoseg.learn.train.training_spec import TrainSpec
from tests.simulated import CONFIG, write_set


@pytest.fixture
def spec(tmp_path: Path) -> TrainSpec:
    write_set(tmp_path / "lakes", chips=12)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return read_config(str(path))


def test_each_region_is_left_out_in_turn(spec: TrainSpec) -> None:
    jobs = flood_region_jobs(spec, "lakes", (), 1)
    assert [(job.parameters["left_out"], job.setting) for job in jobs] == [
        ("east", "leave-one-region-out"), ("west", "leave-one-region-out"),
    ]  # fmt: skip
    for job in jobs:
        assert {place.sample.region for place in job.test} == {job.parameters["left_out"]}
        assert job.parameters["left_out"] not in {place.sample.region for place in job.training}
        assert job.described == job.training
        assert not job.validation
        assert job.spec.loop.keep == "last"


def test_a_split_that_a_table_states_lets_nothing_in(spec: TrainSpec) -> None:
    root = spec.data.root
    with (root / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "label", "region", "split"])
        for index in range(12):
            region = "east" if index % 2 else "west"
            files = [f"{region}/{part}/chip_{index}.tif" for part in ("image", "label")]
            writer.writerow([f"chip_{index}", *files, region, "test" if index < 4 else "train"])
    tabled = spec.model_copy(update={"data": spec.data.model_copy(update={"table": Path("table.csv")})})
    east, west, *_, few = flood_region_jobs(tabled, "lakes", (5,), 1)
    for job in (east, west):
        assert len(job.test) == len(job.training) == 6
        assert {place.sample.region for place in job.test} == {job.parameters["left_out"]}
    assert {place.sample.id for place in few.test} == {f"chip_{index}" for index in range(4)}


def test_five_shots_draw_five_and_contain_the_one(spec: TrainSpec) -> None:
    jobs = {(job.parameters["shots"], job.seed): job for job in flood_region_jobs(spec, "lakes", (1, 5), 5)}
    draws = set()
    for seed in range(5):
        five = [place.sample.id for place in jobs[5, seed].training]
        (one,) = (place.sample.id for place in jobs[1, seed].training)
        assert len(set(five)) == 5
        assert one in five
        assert not set(five) & {place.sample.id for place in jobs[5, seed].test}
        assert jobs[5, seed].spec.loop.seed == seed
        draws.add(tuple(five))
    assert len(draws) > 1


def test_what_cannot_be_run_is_said(spec: TrainSpec) -> None:
    with pytest.raises(UsageError, match="only 6 images"):
        flood_region_jobs(spec, "lakes", (20,), 1)
    only = spec.data.model_copy(update={"only": ("chip_0", "chip_2")})
    with pytest.raises(UsageError, match="two regions"):
        flood_region_jobs(spec.model_copy(update={"data": only}), "lakes", (), 1)
    untested = spec.split.model_copy(update={"test": ()})
    with pytest.raises(UsageError, match=r"split\.test"):
        flood_region_jobs(spec.model_copy(update={"split": untested}), "lakes", (1,), 1)

"""`geoseg bench` as a user runs it: two protocols on made lakes, and reports of their result files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.learn.protocols.flood_regions import flood_region_jobs
from geoseg.learn.protocols.pangaea import pangaea_jobs, read_pangaea_config
from geoseg.learn.samples.dataset_import import ImportOptions, import_datasets
from geoseg.learn.train.config import read_config
from geoseg.run_record import no_progress
from tests.prepared_process import geoseg
from tests.simulated import CONFIG, disc, write_set

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

QUICK = ("--set", "loop.epochs=1", "--set", "loop.crop=32", "--threads", "1")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_set(tmp_path / "lakes", chips=8)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return path


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "results.csv").read_text().splitlines()))


def test_pangaea_runs_reports_and_exports(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = geoseg("bench", "run", config, "--protocol", "pangaea", "-o", out, "--dry-run")
    assert "labels-100-seed-234: 4 train, 2 val, 2 test; 80 epochs" in plan.stdout
    assert not out.exists()
    done = geoseg(
        "bench", "run", config, "--protocol", "pangaea", "--labels", "10,100", "-o", out, "--json", *QUICK,
        "--set", "network.decoder_channels=[8]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "random weights" in done.stderr
    found = {(row["setting"], row["metric"]): row for row in json.loads(done.stdout)["datasets"]}
    assert set(found) >= {("10%", "mIoU"), ("100%", "mIoU"), ("100%", "IoU water")}
    rows = rows_of(out)
    assert {row["frozen_or_full_ft"] for row in rows} == {"frozen"}
    assert {row["epochs"] for row in rows} == {"1"}
    assert {row["training_images"] for row in rows} == {"1", "4"}
    run = out / "simulated-water" / "labels-100-seed-234"
    exported = geoseg("export", run, "-o", tmp_path / "bundle")
    assert exported.returncode == 0, exported.stderr
    again = geoseg("bench", "run", config, "--protocol", "pangaea", "-o", out)
    assert again.returncode == 6
    assert "add `--resume` to continue" in again.stderr
    resumed = geoseg(
        "bench", "run", config, "--protocol", "pangaea", "--labels", "10,100", "-o", out, "--json", *QUICK,
        "--set", "network.decoder_channels=[8]", "--resume",
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.count("was finished before") in {0, 2}
    assert json.loads(resumed.stdout)["datasets"] == json.loads(done.stdout)["datasets"]
    assert rows_of(out) == rows
    plan = geoseg(
        "bench", "run", config, "--protocol", "pangaea", "--labels", "10,50", "-o", out, *QUICK,
        "--set", "network.decoder_channels=[8]", "--resume", "--dry-run",
    )  # fmt: skip
    assert "labels-10-seed-234: 1 train, 2 val, 2 test; finished" in plan.stdout
    assert "labels-50-seed-234: 2 train, 2 val, 2 test; 1 epochs" in plan.stdout
    shutil.copy(out / "results.csv", tmp_path / "other.csv")
    both = geoseg("bench", "report", out / "results.csv", tmp_path / "other.csv", "-o", tmp_path / "report")
    assert both.returncode == 0, both.stderr
    assert "tu-resnet10t (other)" in both.stdout
    assert (tmp_path / "report" / "datasets.csv").is_file()


def test_a_region_that_is_left_out_leaks_nothing(config: Path, tmp_path: Path) -> None:
    """With other pixels and labels in the region, the network that was trained without it is the same."""
    from geoseg.learn.protocols.run_jobs import run_jobs  # noqa: PLC0415 - torch

    changes = {"loop.epochs": 1, "loop.crop": 32, "loop.samples_per_epoch": 4}
    spec = read_config(str(config), None, changes)

    def run(name: str) -> tuple[dict[str, object], float]:
        jobs = flood_region_jobs(spec, "lakes", (), 1)[:1]
        ((*_, row),) = run_jobs(jobs, tmp_path / name, no_progress, frozen=False)
        assert (row.setting, row.parameters["left_out"]) == ("leave-one-region-out", "east")
        assert row.parameters["test_regions"] == "east"
        folder = tmp_path / name / "simulated-water" / "without-east"
        state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        statistics = json.loads((folder / "training.json").read_text())["statistics"]
        return {**state, "statistics": torch.tensor(statistics)}, row.value

    before, first = run("before")
    for path in sorted((tmp_path / "lakes" / "east").rglob("*.tif")):
        with rasterio.open(path, "r+") as file:
            values = file.read()
            file.write(np.array([0, 2, 1], "u1")[values] if values.dtype == np.uint8 else values * 3 + 0.1)
    after, second = run("after")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert first != second


class Lakes:
    """A data set with the interface of TorchGeo's: dark lakes in two bands."""

    def __init__(self, first: int) -> None:
        self._first = first

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> dict[str, Any]:
        water = disc(48, 20 + self._first + number, 24, 12)
        image = np.stack([np.where(water, 0.06, 0.05), np.where(water, 0.02, 0.25)]).astype(np.float32)
        return {"image": torch.from_numpy(image), "mask": torch.from_numpy(water.astype(np.int64))}


def test_a_python_data_set_is_trained_on_and_judged(config: Path, tmp_path: Path) -> None:
    from geoseg.learn.protocols.run_jobs import run_jobs  # noqa: PLC0415 - torch

    parts = {name: Lakes(first) for first, name in enumerate(("train", "val", "test"))}
    folder = tmp_path / "imported"
    options = ImportOptions(bands=("green", "swir16"))
    assert import_datasets(parts, folder, options, no_progress) == 9
    changes = {
        "data": json.loads((folder / "data.json").read_text()), "units": "dn", "loop.epochs": 1,
        "loop.crop": 32, "network.decoder_channels": [8],
    }  # fmt: skip
    spec = read_pangaea_config(str(config), None, changes)
    jobs = pangaea_jobs(spec, "imported", (100,), 1)
    (rows,) = run_jobs(jobs, tmp_path / "out", no_progress, frozen=True)
    values = {row.metric: row.value for row in rows}
    assert 0 <= values["mIoU"] <= 1
    assert [rows[0].parameters[f"{name}_images"] for name in ("training", "validation", "test")] == [3, 3, 3]


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--protocol", "geobench"), "pangaea", 2),
        ((), "no protocol is given", 2),
        (("--protocol", "pangaea", "--labels", "0"), "labels", 2),
        (("--protocol", "flood-regions", "--images", "2.5"), "whole numbers", 2),
        (("--protocol", "pangaea", "--set", "split.test=[]"), "split.test", 2),
        (("--protocol", "flood-regions", "--images", "50"), "only 4 images", 2),
    ],
)
def test_what_is_wrong_is_said_before_any_training(
    config: Path, tmp_path: Path, arguments: tuple[str, ...], message: str, code: int
) -> None:
    done = geoseg("bench", "run", config, "-o", tmp_path / "out", *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        (("pangaea",), "trained with 1 seed:"),
        (("pangaea", "--seeds", "5"), ""),
        (("flood-regions", "--images", "1", "--seeds", "4"), "trained with 4 seeds"),
        (("flood-regions", "--images", "1"), ""),
        (("flood-regions", "--images", "0", "--seeds", "1"), ""),  # regions left out have one training each
    ],
)
def test_few_seeds_warn(config: Path, tmp_path: Path, arguments: tuple[str, ...], warned: str) -> None:
    done = geoseg("bench", "run", config, "-o", tmp_path / "out", "--dry-run", "--protocol", *arguments)
    assert done.returncode == 0, done.stderr
    assert warned in done.stderr
    assert bool(warned) == ("--seeds 5" in done.stderr)


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("a,b\n1,2\n")
    done = geoseg("bench", "report", tmp_path / "made.csv")
    assert done.returncode == 3
    assert "the column 'dataset' is missing" in done.stderr


def test_a_config_is_needed_for_each_folder(config: Path, tmp_path: Path) -> None:
    done = geoseg(
        "bench",
        "run",
        config,
        config,
        "--protocol",
        "pangaea",
        "-o",
        tmp_path / "out",
        "--data",
        tmp_path / "lakes",
    )
    assert done.returncode == 2
    assert "--data" in done.stderr
    twice = geoseg("bench", "run", config, config, "--protocol", "pangaea", "-o", tmp_path / "out")
    assert twice.returncode == 2
    assert "two configs have the name simulated-water" in twice.stderr

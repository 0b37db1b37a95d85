"""From labelled rasters to a bundle and its map, by the commands that users type."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.learn.train.config import read_config
from tests.learn.train.conftest import Run
from tests.prepared_process import geoseg
from tests.simulated import SIDE, disc


def test_a_training_leaves_what_its_user_needs(run: Run) -> None:
    there = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert {"training.json", "curves.svg", "worst.png", "logs/metrics.csv", "checkpoints/last.ckpt"} <= there
    assert any("tfevents" in name for name in there)
    rows = list(csv.DictReader((run.folder / "logs" / "metrics.csv").read_text().splitlines()))
    losses = [float(row["train_loss"]) for row in rows if row["train_loss"]]
    scores = [float(row["val_iou"]) for row in rows if row["val_iou"]]
    assert len(losses) == len(scores) == 4
    assert losses[-1] < losses[0]
    assert scores[-1] > 0.8


def test_the_last_checkpoint_is_the_last(run: Run) -> None:
    torch = pytest.importorskip("torch")
    last = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    best = torch.load(run.folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert last["epoch"] == 3
    rows = csv.DictReader((run.folder / "logs" / "metrics.csv").read_text().splitlines())
    scores = [float(row["val_iou"]) for row in rows if row["val_iou"]]
    assert best["epoch"] == scores.index(max(scores))


def test_the_bundle_maps_scenes_it_never_saw(run: Run, tmp_path: Path) -> None:
    image = run.data / "east" / "image" / "chip_15.tif"
    done = geoseg(
        "flood", image, "--sensor", "sentinel-2-l2a", "--model", run.bundle, "-o", tmp_path / "map.gpkg",
        "--raster", tmp_path / "map.tif",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "map.tif") as file:
        mapped = file.read(1) == 1
    lake = disc(SIDE, 30 + 4 * 15, 48, 14 + 15)
    assert (mapped & lake).sum() / (mapped | lake).sum() > 0.8


def test_the_bundle_is_sound_and_says_how_it_was_made(run: Run) -> None:
    checked = geoseg("models", "check", run.bundle)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    card = (run.bundle / "README.md").read_text()
    assert "differ from torch by at most" in card
    assert '"architecture"' in card or "tu-resnet10t" in card
    shown = json.loads(geoseg("info", run.bundle, "--json").stdout)
    assert shown["task"] == "flood"
    assert [band["name"] for band in shown["bands"]] == ["green", "swir16"]
    assert 0.04 < shown["bands"][0]["mean"] < 0.07


def test_training_goes_on_where_it_stopped(run: Run, tmp_path: Path) -> None:
    short = geoseg("train", run.config, "-o", tmp_path / "run", "--set", "loop.epochs=1")
    assert short.returncode == 0, short.stderr
    again = geoseg("train", run.config, "-o", tmp_path / "run")
    assert again.returncode == 6
    assert "--resume" in again.stderr
    resumed = geoseg(
        "train", run.config, "-o", tmp_path / "run", "--resume", "--set", "loop.epochs=2", "--json"
    )
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == 2
    for folder, epoch in (("logs", 0), ("logs-2", 1)):
        rows = csv.DictReader((tmp_path / "run" / folder / "metrics.csv").read_text().splitlines())
        assert {int(row["epoch"]) for row in rows} == {epoch}


def test_the_same_seed_gives_the_same_network(run: Run, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weights = []
    for name in ("one", "two"):
        done = geoseg(
            "train", run.config, "-o", tmp_path / name, "--threads", 1,
            "--set", "loop.epochs=1", "--set", "loop.samples_per_epoch=8",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        weights.append(torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True))
    one, two = (weight["state_dict"] for weight in weights)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_plan_trains_nothing(run: Run, tmp_path: Path) -> None:
    done = geoseg("train", run.config, "-o", tmp_path / "run", "--dry-run")
    assert "8 train, 4 val, 4 test" in done.stdout
    assert not (tmp_path / "run").exists()


def test_a_plan_reads_labels(run: Run, tmp_path: Path) -> None:
    done = geoseg(
        "train", run.config, "-o", tmp_path / "run", "--dry-run", "--set", "data.labels.codes={0: 0, 7: 1}"
    )
    assert done.returncode == 3
    assert "label value 1 has no class" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("loop.epoch=3", "did you mean epochs"),
        ("split.val=[9]", "split.val"),
        ("network.encoder=resnet81", "resnet81"),
        ("loop.epochs=zero", "loop.epochs"),
        ("data.root=/nowhere", "check data.root"),
    ],
)
def test_what_is_wrong_is_said(run: Run, tmp_path: Path, change: str, message: str) -> None:
    done = geoseg("train", run.config, "-o", tmp_path / "run", "--set", change)
    assert done.returncode in {2, 3}
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_shipped_configs_are_valid() -> None:
    for name in ("water-optical", "flood-sar", "flood-sar-pair"):
        assert read_config(name).name == name


def test_normalisation_of_training_is_that_of_maps(run: Run) -> None:
    """The same chip through the training's own code and through the pipeline's `Normaliser`."""
    torch = pytest.importorskip("torch")
    from geoseg.bundles.find import find_model  # noqa: PLC0415
    from geoseg.engine.normalise import Normaliser  # noqa: PLC0415
    from geoseg.learn.samples import find_samples, sample_windows  # noqa: PLC0415
    from geoseg.learn.samples.chips import stacked_source  # noqa: PLC0415
    from geoseg.learn.train.bundle_export import read_training  # noqa: PLC0415
    from geoseg.learn.train.crops import WholeWindows, Windows  # noqa: PLC0415

    spec, statistics = read_training(run.folder)
    found = sample_windows(find_samples(spec.data), spec.data)[:1]
    windows = Windows(spec, ["green", "swir16"])
    ours = WholeWindows(windows, found, statistics, 32)[0][0]
    with stacked_source(found[0].sample, spec.data, ["green", "swir16"]) as source:
        theirs = Normaliser(find_model(str(run.bundle)))(source.read(found[0].window, ("green", "swir16")))
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-4, rtol=1e-4)
    assert float(np.abs(theirs.mean())) < 1

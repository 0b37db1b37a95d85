"""A run that was interrupted continues: what is finished stays, what depends on something else is trained."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import rasterio

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.bundles.encoder_files import stored_weights  # noqa: E402
from geoseg.learn.protocols.finished_jobs import FILE, read_finished, stamp_of  # noqa: E402
from geoseg.learn.protocols.flood_regions import flood_region_jobs  # noqa: E402
from geoseg.learn.protocols.jobs import Job  # noqa: E402
from geoseg.learn.protocols.pangaea import pangaea_jobs, read_pangaea_config  # noqa: E402
from geoseg.learn.protocols.run_jobs import run_jobs  # noqa: E402
from geoseg.learn.samples.chips import read_chip  # noqa: E402
from geoseg.learn.train import chip_cache  # noqa: E402
from geoseg.learn.train.chip_cache import ChipCache  # noqa: E402
from geoseg.learn.train.config import read_config  # noqa: E402
from geoseg.run_record import no_progress  # noqa: E402
from tests.simulated import CONFIG, write_set  # noqa: E402

QUICK = {"loop.epochs": 1, "loop.crop": 32, "loop.samples_per_epoch": 2}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_set(tmp_path / "lakes", chips=4)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return path


def planned(config: Path, **changes: object) -> tuple[Job, ...]:
    spec = read_config(str(config), None, {**QUICK, **changes})
    return flood_region_jobs(spec, "lakes", (), 1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The windows that are read from files."""
    read: list[object] = []

    def counted(place, *further):  # type: ignore[no-untyped-def]
        read.append(place)
        return read_chip(place, *further)

    monkeypatch.setattr(chip_cache, "read_chip", counted)
    return read


def test_a_run_continues_behind_what_is_finished(
    config: Path, tmp_path: Path, read: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    jobs, out = planned(config), tmp_path / "out"
    assert len(jobs) > 1
    (first,) = islice(run_jobs(jobs, out, no_progress, frozen=False), 1)
    weights = out / jobs[0].folder / "checkpoints" / "last.ckpt"
    before = weights.stat().st_mtime_ns
    # The second training was interrupted: it has a checkpoint and no results.
    (out / jobs[1].folder).mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        again = tuple(run_jobs(jobs, out, no_progress, frozen=False, resume=True))
    assert again[0] == first
    assert len(again) == len(jobs)
    assert weights.stat().st_mtime_ns == before
    assert f"{jobs[0].folder} was finished before" in caplog.text
    read.clear()
    tuple(run_jobs(jobs, tmp_path / "other", no_progress, frozen=False))
    assert len(read) == len(set(read)), "each window is read once for all trainings of a set"


@pytest.mark.filterwarnings("ignore:.*do not have many workers:UserWarning")
def test_strata_and_trainings_of_two_encoders_read_each_window_once(
    config: Path, tmp_path: Path, read: list[object]
) -> None:
    changes = {"loop.epochs": 1, "loop.crop": 32, "network.decoder_channels": [8]}
    first = read_pangaea_config(str(config), None, changes)
    second = first.model_copy(update={"name": "other"})
    chips = ChipCache.of(first)
    jobs = [job for spec in (first, second) for job in pangaea_jobs(spec, "lakes", (50,), 1, chips)]
    assert len(read) == 2, "the training part, for both"
    tuple(run_jobs(jobs, tmp_path / "out", no_progress, frozen=True, chips=chips))
    assert len(read) == len(set(read)) == 4


def test_results_of_other_settings_or_data_are_not_taken(config: Path, tmp_path: Path) -> None:
    (job, *_) = planned(config)
    out = tmp_path / "out"
    tuple(run_jobs([job], out, no_progress, frozen=False))
    folder = out / job.folder
    assert read_finished(folder, job) is not None
    (slower, *_) = planned(config, **{"loop.learning_rate": 0.5})
    assert read_finished(folder, slower) is None
    label = job.training[0].sample.label
    with rasterio.open(label, "r+") as file:
        file.write(np.zeros_like(file.read()))
    assert read_finished(folder, job) is None
    (folder / FILE).write_text("{")
    assert read_finished(folder, job) is None


def test_results_of_data_that_change_while_training_are_not_taken(config: Path, tmp_path: Path) -> None:
    (job, *_) = planned(config)
    label = job.test[0].sample.label

    def change(done: int, total: int, unit: str) -> None:
        label.touch()

    tuple(run_jobs([job], tmp_path / "out", change, frozen=False))
    assert read_finished(tmp_path / "out" / job.folder, job) is None


def test_the_stamp_is_that_of_the_published_weights_too(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    (job, *_) = planned(config, **{"network.encoder": "galileo-nano", "network.architecture": "linear"})
    encoder = job.spec.described_encoder
    assert encoder is not None
    before = stamp_of(job)
    weights = stored_weights(encoder)
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"other")
    assert stamp_of(job) != before


def test_the_stamp_is_that_of_the_parts(config: Path) -> None:
    east, west, *_ = planned(config)
    assert stamp_of(east) == stamp_of(planned(config)[0])
    assert stamp_of(east) != stamp_of(west)

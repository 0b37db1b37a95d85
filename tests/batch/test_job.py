"""The work of one scene."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.batch.entry import Entry
from geoseg.batch.job import Job, plan_jobs
from geoseg.batch.tasks import task_of
from geoseg.spec.batch import BatchSpec


def job_of(*paths: str) -> Job:
    spec = BatchSpec(inputs=paths, output="out", name="{scene}.gpkg", options={"method": "classical"})
    (job,) = plan_jobs(spec, task_of("flood"), [Entry(scene="a", paths=paths)], {}, Path("out"))
    return job


def test_a_name_may_hold_the_separator_of_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = job_of("a;1.tif", "b.tif")
    assert job.sources == ("a;1.tif", "b.tif")
    assert job.source == "a;1.tif;b.tif"


def test_paths_are_absolute_for_workers_in_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.tif", "items.json"):
        (tmp_path / name).touch()
    address = "https://example.org/items.json#b"
    job = job_of("a.tif", "items.json#x/../y", "none.json#b", address)
    assert job.options["scene"] == [
        str(tmp_path / "a.tif"),
        f"{tmp_path}/items.json#x/../y",
        "none.json#b",
        address,
    ]

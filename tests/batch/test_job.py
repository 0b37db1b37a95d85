"""The work of one scene."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.batch.entry import Entry
from geoseg.batch.job import Job, plan_jobs
from geoseg.batch.tasks import task_of
from geoseg.errors import UsageError
from geoseg.spec.batch import BatchSpec


def job_of(*paths: str, scene: str = "a", name: str = "{scene}.gpkg") -> Job:
    spec = BatchSpec(inputs=paths, output="out", name=name, options={"method": "classical"})
    (job,) = plan_jobs(spec, task_of("flood"), [Entry(scene=scene, paths=paths)], {}, Path("out"))
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


@pytest.mark.parametrize("name", ["{scene}.gpkg", "./{scene}.gpkg", ".//{scene}.gpkg"])
def test_maps_have_no_names_of_the_batch_itself(name: str) -> None:
    assert list(job_of("a.tif", name=name).files) == ["a.gpkg"]
    with pytest.raises(UsageError, match=r"summary\.gpkg is a file of the batch itself"):
        job_of("a.tif", scene="summary", name=name)

"""What makes a map stale, and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from geoseg.batch.job import Job
from geoseg.batch.run import plan_batch
from geoseg.batch.stamp import states, unchanged
from geoseg.batch.tasks import task_of
from geoseg.errors import UsageError
from geoseg.files.inputs import state_of
from geoseg.run_record import no_progress
from geoseg.spec.batch import BatchSpec
from tests.batch.lakes import write_lake


def job(folder: Path, **options: object) -> Job:
    batch = {name: options.pop(name) for name in ("threads", "max_memory", "jobs", "name") if name in options}
    spec = BatchSpec.model_validate(
        {"inputs": (str(folder / "a.tif"),), "output": str(folder / "out"), **batch, "options": options}
    )
    return plan_batch(spec, task_of("flood"), folder / "out", no_progress).jobs[0]


def rewrite(folder: Path) -> None:
    write_lake(folder / "a.tif", seed=3)


def touch(folder: Path) -> None:
    os.utime(folder / "a.tif", ns=(1, 1))


def mask_changed(folder: Path) -> None:
    write_lake(folder / "mask.tif", seed=5)


def beside(name: str) -> Callable[[Path], None]:
    """Write a file beside the scene, from which GDAL takes what the scene does not state itself."""

    def change(folder: Path) -> None:
        (folder / name).write_text("<PAMDataset/>")

    return change


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        *(({}, {}, beside(name)) for name in ("a.tif.aux.xml", "a.tif.msk", "a.tfw", "a.hdr", "a.prj")),
        ({}, {}, rewrite),
        ({}, {}, touch),
        ({}, {"method": "mndwi"}, None),
        ({}, {"threshold": 0.1}, None),
        ({"mask": "MASK:1"}, {"mask": "MASK:2"}, None),
        ({"permanent-water": "MASK"}, {"permanent-water": "MASK"}, mask_changed),
        ({}, {"name": "new-{scene}.gpkg"}, None),
        ({}, {"raster": "{scene}.tif"}, None),
    ],
)
def test_stale(
    before: dict[str, object], after: dict[str, object], change: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    write_lake(tmp_path / "a.tif")
    write_lake(tmp_path / "mask.tif")

    def placed(options: dict[str, object]) -> dict[str, object]:
        return {
            name: str(value).replace("MASK", str(tmp_path / "mask.tif")) for name, value in options.items()
        }

    first = job(tmp_path, **placed(before))
    if change is not None:
        change(tmp_path)
    assert first.stamp != job(tmp_path, **placed(after)).stamp


def test_workers_do_not_make_maps_stale(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    stamps = {job(tmp_path, **own).stamp for own in ({}, {"threads": 1}, {"max_memory": 900}, {"jobs": 3})}
    assert len(stamps) == 1


@pytest.mark.parametrize("name", ["b.tif", "a.qml", "a.gpkg", "a.txt", "a.tif.ovr"])
def test_other_files_beside_a_scene_do_not_make_maps_stale(name: str, tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    first = job(tmp_path)
    (tmp_path / name).write_text("x")
    assert job(tmp_path).stamp == first.stamp


def test_files_in_folders_count(tmp_path: Path) -> None:
    (tmp_path / "p" / "inner").mkdir(parents=True)
    (tmp_path / "p" / "inner" / "b").write_text("1")
    before = tuple(states([str(tmp_path / "p")]))
    assert [Path(path).name for path, _, _ in before] == ["b"]
    assert unchanged(before)
    (tmp_path / "p" / "inner" / "b").write_text("12")
    assert not unchanged(before)
    assert state_of(str(tmp_path / "missing")) is None


def test_two_scenes_of_one_output_are_refused(tmp_path: Path) -> None:
    paths = tuple(str(write_lake(tmp_path / name)) for name in ("a_20210601.tif", "b_20210601.tif"))
    spec = BatchSpec(inputs=paths, output=str(tmp_path / "out"), name="{date}.gpkg")
    with pytest.raises(UsageError, match=r"would both be 20210601\.gpkg"):
        plan_batch(spec, task_of("flood"), tmp_path / "out", no_progress)


@pytest.mark.parametrize("name", ["map.gpkg", "/abs/{scene}.gpkg", "../{scene}.gpkg"])
def test_templates_that_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \{scene\}|leaves the output folder"):
        BatchSpec(inputs=("a.tif",), output=str(tmp_path), name=name)

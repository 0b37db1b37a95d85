"""Kept rows: an interrupted map continues, and workers share a scene; the map is the same byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.engine import plan
from geoseg.engine.checkpoint import PartDone, scoring_part
from geoseg.run_record import Progress, RunRecord
from geoseg.spec import FloodSpec
from geoseg.spec.request import from_options
from geoseg.tasks.flood.flood_map import map_flood
from tests.batch.lakes import rows_of, write_lake

SIDE = 300


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_lake(tmp_path / "scene.tif", shape=SIDE)


def request(scene: Path, name: str, **options: object) -> FloodSpec:
    # Four chunks of tile rows, and pixels of two tile rows where a filter overlaps.
    values = {"scene": [str(scene)], "output": str(scene.parent / name), "method": "mndwi", "tile": 32}
    return from_options(FloodSpec, {**values, "overlap": 8, "min-area": 0, **options})


def mapped(scene: Path, name: str, **options: object) -> RunRecord:
    record = map_flood(request(scene, name, **options))
    assert isinstance(record, RunRecord)
    return record


class StoppedError(Exception):
    """The run is interrupted."""


def stop_at(rows: int) -> Progress:
    def progress(done: int, total: int, unit: str) -> None:
        if done == rows:
            raise StoppedError

    return progress


def test_an_interrupted_map_continues(scene: Path) -> None:
    mapped(scene, "whole.gpkg")
    kept = scene.parent / "kept"
    with pytest.raises(StoppedError):
        map_flood(request(scene, "a.gpkg", checkpoint=kept), stop_at(10))
    (folder,) = kept.iterdir()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    assert len(times) >= 2
    seen = []

    def progress(done: int, total: int, unit: str) -> None:
        seen.append({path: path.stat().st_mtime_ns for path in times} == times if folder.exists() else None)

    map_flood(request(scene, "a.gpkg", checkpoint=kept, threads=1), progress)
    assert seen
    assert all(seen)
    assert rows_of(scene.parent / "a.gpkg") == rows_of(scene.parent / "whole.gpkg")
    assert not kept.exists()


@pytest.mark.parametrize("options", [{}, {"bands": 1}, {"picture": "PICTURE"}])
def test_workers_share_a_scene(
    options: dict[str, object], scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if options.get("bands"):
        options = {}
        monkeypatch.setattr(plan, "WIDEST", 1)
    if "picture" in options:
        options = {"picture": str(scene.parent / "a.png")}
    mapped(
        scene,
        "whole.gpkg",
        **{**options, **({"picture": str(scene.parent / "w.png")} if options.get("picture") else {})},
    )
    kept = scene.parent / "kept"
    for index in (1, 0):
        with scoring_part(index, 3), pytest.raises(PartDone):
            mapped(scene, "part.gpkg", checkpoint=kept, **options)
    assert not (scene.parent / "part.gpkg").exists()
    mapped(scene, "a.gpkg", checkpoint=kept, **options)  # scores the third part
    assert rows_of(scene.parent / "a.gpkg") == rows_of(scene.parent / "whole.gpkg")
    if "picture" in options:
        assert (scene.parent / "a.png").read_bytes() == (scene.parent / "w.png").read_bytes()


@pytest.mark.parametrize("change", ["options", "scene"])
def test_rows_of_other_options_or_inputs_are_not_used(change: str, scene: Path) -> None:
    kept = scene.parent / "kept"
    with pytest.raises(StoppedError):
        map_flood(request(scene, "a.gpkg", checkpoint=kept), stop_at(10))
    options: dict[str, object] = {"threshold": 0.9} if change == "options" else {}
    if change == "scene":
        write_lake(scene, seed=5, shape=SIDE)
    mapped(scene, "whole.gpkg", **options)
    mapped(scene, "a.gpkg", checkpoint=kept, **options)
    assert rows_of(scene.parent / "a.gpkg") == rows_of(scene.parent / "whole.gpkg")
    assert not kept.exists()


def test_other_files_in_the_folder_stay(scene: Path) -> None:
    kept = scene.parent / "kept"
    (kept / "mine").mkdir(parents=True)
    mapped(scene, "a.gpkg", checkpoint=kept)
    assert [path.name for path in kept.iterdir()] == ["mine"]

"""`geoseg batch` as people run it: broken scenes, resume, kills, stale maps, shards, pairs."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from geoseg.batch.journal import Known
from geoseg.errors import UsageError
from tests.batch.lakes import FLOOD, POISON, batch, rows_of, write_lake

GEOSEG = [sys.executable, "-m", "geoseg"]
GOOD = tuple(f"lake_2021060{index}" for index in range(1, 6))


def geoseg(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*GEOSEG, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def write_inputs(folder: Path) -> Path:
    """Five lakes, two broken scenes and an empty one."""
    for seed, name in enumerate(GOOD):
        write_lake(folder / f"{name}.tif", seed=seed)
    write_lake(folder / "void.tif", nodata=True)
    whole = (folder / f"{GOOD[0]}.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 3])
    (folder / "text.tif").write_text("no raster")
    return folder


def summary(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def maps(folder: Path) -> dict[str, object]:
    paths = [path for path in folder.rglob("*.gpkg") if path.name not in {"summary.gpkg", "merged.gpkg"}]
    return {path.relative_to(folder).as_posix(): rows_of(path) for path in sorted(paths)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `in`, and `out` of one undisturbed command."""
    place = tmp_path_factory.mktemp("whole")
    write_inputs(place / "in")
    command = ("batch", "flood", place / "in", "-o", place / "out", "--method", "mndwi", "--merge", "--json")
    done = geoseg(*command, "--jobs", 2, "--log", place / "log.txt", code=7)
    (place / "stdout").write_text(done.stdout)
    (place / "stderr").write_text(done.stderr)
    return place


def test_broken_scenes_do_not_stop_the_others(whole: Path) -> None:
    rows = {row["scene"]: row for row in summary(whole / "out")}
    assert Counter(row["status"] for row in rows.values()) == {"done": 5, "failed": 2, "empty": 1}
    assert rows["cut"]["code"] == "3"
    assert "is not a raster" in rows["text"]["message"]
    assert rows["void"]["output"] == ""
    assert rows[GOOD[0]]["output"] == f"{GOOD[0]}.gpkg"
    assert float(rows[GOOD[0]]["area_m2"]) > 10_000
    assert set(maps(whole / "out")) == {f"{name}.gpkg" for name in GOOD}
    assert not list((whole / "out").rglob(".*"))


def test_what_is_printed(whole: Path) -> None:
    lines = [json.loads(line) for line in (whole / "stdout").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["scene"] * 8 + ["finished"]
    assert lines[-1]["counts"] == {"done": 5, "failed": 2, "empty": 1}
    errors = (whole / "stderr").read_text()
    assert "warning: text failed (code 3)" in errors
    assert errors.splitlines()[-1].startswith("error: 2 of 8 scenes failed; see ")
    log = (whole / "log.txt").read_text().splitlines()
    assert Counter(line.split()[1] for line in log if line.split()[1] != "warning") == {
        "done": 5,
        "failed": 2,
        "empty": 1,
        "again": 2,
    }


def test_summary_and_catalogue(whole: Path) -> None:
    layer = rows_of(whole / "out" / "summary.gpkg")["scenes"]
    assert len(layer) == 8
    assert sum(row[1] is not None for row in layer) == 5
    collection = json.loads((whole / "out" / "collection.json").read_text())
    links = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    assert sorted(links) == [f"./stac/{name}.json" for name in GOOD]
    merged = rows_of(whole / "out" / "merged.gpkg")
    assert set(merged) == {"flood", "scene"}
    assert len(merged["scene"]) == 5


def test_the_same_command_makes_nothing_again(whole: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "out").glob("lake*.gpkg")}
    result, heard = batch(whole / "out", whole / "in")
    assert result.kept == 6  # the empty scene too
    assert sorted(heard.scenes) == ["cut", "text"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_killed_and_continued(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*GEOSEG, "batch", "flood", str(whole / "in"), "-o", str(out), "--method", "mndwi", "-q"]
    for least in (0, 3):
        process = subprocess.Popen(
            [*command, "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(out.glob("lake*.gpkg"))) < least:
            time.sleep(0.01)
        process.kill()
        process.wait()
    result, _ = batch(out, whole / "in")
    assert len(result.failed) == 2
    assert maps(out) == maps(whole / "out")
    assert not list(out.rglob(".*"))
    varying = {"seconds", "cpu_seconds", "peak_mib", "attempts"}

    def steady(folder: Path) -> list[dict[str, str]]:
        return [{name: cell for name, cell in row.items() if name not in varying} for row in summary(folder)]

    assert steady(out) == steady(whole / "out")


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("place", ["a.gpkg", "summary.csv", "merged.gpkg", "stac/a.json", "items/a.json"])
def test_what_a_killed_run_left_is_removed(place: str, marked: bool, tmp_path: Path) -> None:
    """Also beside files that are up to date and are not written again."""
    write_lake(tmp_path / "in" / "a.tif")
    batch(tmp_path / "out", tmp_path / "in", merge=True)
    target = tmp_path / "out" / place
    target.parent.mkdir(exist_ok=True)
    left = target.with_name(f".{target.name}.abcdefgh.partial")
    left.mkdir()
    if marked:
        code = "import sys, pathlib, geoseg.files.leftovers as l; l.Marker(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(left)], check=True)
    assert batch(tmp_path / "out", tmp_path / "in", merge=True)[0].kept == 1
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_stale_maps_are_made_again(tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b"):
        write_lake(inputs / f"{name}.tif")
    batch(out, inputs)
    write_lake(inputs / "b.tif", seed=6)
    _, heard = batch(out, inputs)
    assert heard.scenes == ["b"]
    _, heard = batch(out, inputs, options={**FLOOD, "threshold": 0.3})
    assert sorted(heard.scenes) == ["a", "b"]
    (out / "a.gpkg").unlink()
    _, heard = batch(out, inputs, options={**FLOOD, "threshold": 0.3})
    assert heard.scenes == ["a"]


def test_scenes_that_cannot_be_opened_to_pair_them_have_failed(tmp_path: Path) -> None:
    """Three broken scenes are no series without earlier dates."""
    for day in (1, 2, 3):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"t_2021060{day}.tif").write_text("no raster")
    result, heard = batch(tmp_path / "out", tmp_path / "in", "change", options={})
    assert [(own.status, own.code) for own in result.outcomes] == [("failed", 3)] * 3
    assert len(heard.scenes) == 3
    assert [row["code"] for row in summary(tmp_path / "out")] == ["3"] * 3


def test_a_killed_worker_is_tried_again_alone(tmp_path: Path) -> None:
    for name in ("a", POISON):
        write_lake(tmp_path / "in" / f"{name}.tif")
    result, heard = batch(tmp_path / "out", tmp_path / "in", retries=1, jobs=2)
    assert heard.tried_again == [POISON]
    assert [(own.scene, own.status, own.code, own.attempts) for own in result.outcomes] == [
        ("a", "done", 0, 1),
        (POISON, "failed", 137, 2),
    ]


def test_fail_fast_leaves_the_rest(tmp_path: Path) -> None:
    write_inputs(tmp_path / "in")
    result, _ = batch(tmp_path / "out", tmp_path / "in", fail_fast=True)
    assert result.counts == {"failed": 1, "pending": 7}
    assert [row["status"] for row in summary(tmp_path / "out")].count("pending") == 7
    result, _ = batch(tmp_path / "out", tmp_path / "in")
    assert result.counts == {"done": 5, "failed": 2, "empty": 1}


def test_shards_make_parts_and_a_last_run_the_catalogue(tmp_path: Path) -> None:
    for index in range(3):
        write_lake(tmp_path / "in" / f"{index}.tif")
    for part in (0, 1):
        result, heard = batch(tmp_path / "out", tmp_path / "in", shard=(part, 2))
        assert heard.scenes == (["0", "2"] if part == 0 else ["1"])
        assert not result.products
    result, heard = batch(tmp_path / "out", tmp_path / "in")
    assert (result.kept, heard.scenes, len(summary(tmp_path / "out"))) == (3, [], 3)


def test_change_between_the_dates_of_a_series(tmp_path: Path) -> None:
    for seed, name in enumerate(GOOD[:3]):
        write_lake(tmp_path / "in" / f"{name}.tif", seed=2 * seed)
    options = {"sensor": "sentinel-2-l2a", "picture": "pictures/{scene}.png"}
    result, _ = batch(tmp_path / "out", tmp_path / "in", "change", name="{date}/{scene}.fgb", options=options)
    assert result.counts == {"unpaired": 1, "done": 2}
    rows = summary(tmp_path / "out")
    assert [row["earlier"] for row in rows] == [
        "",
        f"{GOOD[0]}: 1 day earlier",
        f"{GOOD[1]}: 1 day earlier",
    ]
    assert rows[1]["output"] == f"20210602/{GOOD[1]}.fgb"
    assert (tmp_path / "out" / "20210602" / f"{GOOD[1]}.scene.fgb").is_file()
    assert (tmp_path / "out" / "pictures" / f"{GOOD[1]}.png").is_file()


@pytest.mark.parametrize("how", [{"split": 3, "jobs": 2}, {"checkpoint": True}])
def test_workers_share_large_scenes(how: dict[str, Any], tmp_path: Path) -> None:
    for index in range(2):
        write_lake(tmp_path / "in" / f"{index}.tif", seed=index, shape=250)
    options = {**FLOOD, "tile": 32, "min-area": 0}
    batch(tmp_path / "whole", tmp_path / "in", options=options)
    result, heard = batch(tmp_path / "shared", tmp_path / "in", options=options, **how)
    assert result.counts == {"done": 2}
    assert sorted(heard.scenes) == ["0", "1"]
    assert maps(tmp_path / "shared") == maps(tmp_path / "whole")
    assert not list((tmp_path / "shared").glob(".*"))


def test_items_become_files(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    asset = {
        "href": "a.tif",
        "type": "image/tiff",
        "eo:bands": [{"common_name": "green"}, {"common_name": "swir16"}],
    }
    item: dict[str, object] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "lake",
        "geometry": None,
        "links": [],
        "properties": {"datetime": "2021-06-01T10:00:00Z"},
        "assets": {"data": asset},
    }
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    result, _ = batch(tmp_path / "out", tmp_path / "items.json")
    assert result.counts == {"done": 1}
    assert (tmp_path / "out" / "items" / "lake.json").is_file()
    assert result.outcomes[0].acquired.startswith("2021-06-01T10")
    assert batch(tmp_path / "out", tmp_path / "items.json")[0].kept == 1


def test_options_are_checked_before_anything_is_made(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    (tmp_path / "t.csv").write_text("scene,method\na.tif,mndwi\na.tif,no-such-method\n")
    with pytest.raises(UsageError, match="threshold"):
        batch(tmp_path / "out", tmp_path / "t.csv", options={"threshold": "much"})
    assert not list((tmp_path / "out").glob("*.gpkg"))
    with pytest.raises(UsageError, match=r"no \{scene\}"):
        batch(tmp_path / "out", tmp_path / "a.tif", options={"raster": "x.tif"})


def test_unknown_names_end_the_batch_at_once(tmp_path: Path) -> None:
    for index in range(4):
        write_lake(tmp_path / "in" / f"{index}.tif")
    command = ("batch", "flood", tmp_path / "in", "-o", tmp_path / "out")
    assert "did you mean mndwi?" in geoseg(*command, "--method", "mndwii", code=2).stderr
    with pytest.raises(UsageError, match="the first 3 scenes failed"):
        batch(tmp_path / "out", tmp_path / "in", options={"method": "no-such-method"})


def test_the_plan_writes_nothing(tmp_path: Path) -> None:
    for index in range(5):
        write_lake(tmp_path / "in" / f"{index}.tif", shape=48 + 16 * index)
    done = geoseg(
        "batch", "flood", tmp_path / "in", "-o", tmp_path / "out", "--dry-run", "--json", "--jobs", 1
    )
    plan = json.loads(done.stdout)
    assert (plan["scenes"], plan["waiting"], plan["workers"]) == (5, 5, 1)
    assert [item["scene"] for item in plan["sample"]] == ["0", "2", "4"]
    assert plan["tiles"]["mean"] == 5
    assert plan["output_mib"]["low"] <= plan["output_mib"]["mean"] <= plan["output_mib"]["high"]
    assert plan["memory_mib"] > 100
    assert not (tmp_path / "out").exists()


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    for index in range(4):
        write_lake(tmp_path / "in" / f"{index}.tif", shape=600)
    command = [
        *GEOSEG,
        "batch",
        "flood",
        str(tmp_path / "in"),
        "-o",
        str(tmp_path / "out"),
        "-q",
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    while process.poll() is None and not list((tmp_path / "out").glob(".*.partial")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a worker outlived the batch")


def test_config_and_print_config(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    (tmp_path / "batch.yaml").write_text("method: mndwi\nretries: 3\nname: '{scene}-map.gpkg'\n")
    command = (
        "batch",
        "flood",
        tmp_path / "a.tif",
        "-o",
        tmp_path / "out",
        "--config",
        tmp_path / "batch.yaml",
    )
    printed = geoseg(*command, "--print-config").stdout
    assert "method: mndwi" in printed
    assert "retries: 3" in printed
    (tmp_path / "batch.yaml").write_text("methd: mndwi\n")
    assert "did you mean method?" in geoseg(*command, code=2).stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("min-area: abc", "min-area: 'abc' should be a number"),
        ("method: mndwii", "method: mndwii: unknown; did you mean mndwi?"),
        ("picture: map.png", "picture: 'map.png' has no {scene}"),
    ],
)
def test_an_error_in_a_config_names_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    write_lake(tmp_path / "a.tif")
    (tmp_path / "batch.yaml").write_text(f"retries: 3\n{line}\n")
    command = (
        "batch",
        "flood",
        tmp_path / "a.tif",
        "-o",
        tmp_path / "out",
        "--config",
        tmp_path / "batch.yaml",
    )
    assert f"{tmp_path / 'batch.yaml'}, line 2: {told}" in geoseg(*command, code=2).stderr


def test_all_files_of_a_scene_are_its_source(tmp_path: Path) -> None:
    for name in ("a_20210601.tif", "a_20210613.tif"):
        write_lake(tmp_path / name)
    (tmp_path / "scenes.csv").write_text("scene,name\na_20210601.tif;a_20210613.tif,a\n")
    batch(tmp_path / "out", tmp_path / "scenes.csv")
    (row,) = summary(tmp_path / "out")
    assert [Path(path).name for path in row["source"].split(";")] == ["a_20210601.tif", "a_20210613.tif"]


def test_the_journal_of_the_whole_run(whole: Path) -> None:
    known = Known.of(whole / "out", "flood")
    assert set(known.outcomes) == {*GOOD, "void", "cut", "text"}
    assert f"{GOOD[0]}.gpkg" in known.owned

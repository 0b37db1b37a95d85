"""Files of a batch: all of a map's, their names, and what is not written over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyogrio
import pytest

from geoseg.batch.estimate import estimate_batch
from geoseg.errors import OutputError, SceneReadError, UsageError
from geoseg.spec.batch import BatchSpec
from tests.batch.lakes import FLOOD, batch, write_lake


def test_all_files_of_a_map_are_in_the_catalogue(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    files = {
        "raster": "{scene}.tif",
        "scores": "{scene}-scores.tif",
        "raster-styles": True,
        "style": [f"{{scene}}-{name}" for name in ("1.qml", "2.qml", "3.qml", "map.sld", "map.json")],
        "report": "{scene}.html",
    }
    done, _ = batch(tmp_path / "out", tmp_path / "a.tif", options=FLOOD | files)
    assert not done.failed
    made = {path.name for path in (tmp_path / "out").glob("a*")}
    named = {"a.gpkg", "a.tif", "a-scores.tif", "a-map.sld", "a-map.json", "a.html"}
    assert made == named | {"a.qml", "a-scores.qml", "a-1.qml", "a-2.qml", "a-3.qml"}
    assets = json.loads((tmp_path / "out/stac/a.json").read_text())["assets"]
    assert {Path(asset["href"]).name for asset in assets.values()} == made
    assert assets["raster-style"]["href"] == "../a.qml"
    assert all("type" in asset for asset in assets.values())
    assert sum(asset["roles"] == ["style"] for asset in assets.values()) == 7


@pytest.mark.parametrize(("cell", "styled"), [("false", False), ("no", False), ("true", True), ("1", True)])
def test_a_cell_turns_a_switch_on_or_off(cell: str, styled: bool, tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    (tmp_path / "scenes.csv").write_text(f"scene,raster-styles\na.tif,{cell}\n")
    done, _ = batch(tmp_path / "out", tmp_path / "scenes.csv", options=FLOOD | {"raster": "{scene}.tif"})
    assert not done.failed
    assert (tmp_path / "out" / "a.qml").exists() == styled


@pytest.mark.parametrize("names", [[], ["{scene}.tif", "{scene}-b.tif"]])
def test_an_output_has_one_name(names: list[str], tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="`--raster`: give one template"):
        batch(tmp_path / "out", tmp_path / "a.tif", options=FLOOD | {"raster": names})


def test_a_row_without_raster_needs_no_raster_style(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lake(tmp_path / f"{name}.tif")
    # The name of a raster may be that of a file beside the table.
    (tmp_path / "scenes.csv").write_text("scene,raster\na.tif,a.tif\nb.tif,\n")
    options = FLOOD | {"raster-styles": True}
    done, _ = batch(tmp_path / "out", tmp_path / "scenes.csv", options=options)
    assert not done.failed
    made = {path.name for path in (tmp_path / "out").glob("[ab]*")}
    assert made == {"a.gpkg", "a.tif", "a.qml", "b.gpkg"}


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ("scene,raster\na.tif,c.tif\nb.tif,c.tif\n", {}, "`--raster`: a and b would both be c.tif"),
        ("scene,raster\na.tif,../c.tif\n", {}, "`--raster`: '../c.tif' leaves the output folder"),
        ("scene,id\na.tif,a\n", {"raster": "c.tif"}, "`--raster`: 'c.tif' has no {scene}"),
        (
            "scene,id\na.tif,a\n",
            {"raster": "{scene}.tif", "raster-styles": True, "style": ["{scene}.qml"]},
            "a: a.qml is a file of `--raster-styles` and of `--style`; name a file for each",
        ),
        (
            "scene,id\na.tif,a\n",
            {"raster": "{scene}.tif", "scores": "{scene}.tif"},
            "a: a.tif is a file of `--raster` and of `--scores`",
        ),
    ],
)
def test_outputs_that_collide_are_refused_before_the_first_map(
    cells: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write_lake(tmp_path / f"{name}.tif")
    (tmp_path / "scenes.csv").write_text(cells)
    with pytest.raises(UsageError, match=re.escape(message)):
        batch(tmp_path / "out", tmp_path / "scenes.csv", options=FLOOD | options)
    assert not list((tmp_path / "out").glob("*.gpkg"))


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    write_lake(tmp_path / "in" / "a.tif")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.gpkg").write_text("mine")
    result, _ = batch(tmp_path / "out", tmp_path / "in")
    assert [(own.status, own.code) for own in result.outcomes] == [("failed", 6)]
    assert (tmp_path / "out" / "a.gpkg").read_text() == "mine"
    result, _ = batch(tmp_path / "out", tmp_path / "in", overwrite=True)
    assert result.counts == {"done": 1}


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="cannot be created"):
        batch(tmp_path / "out", tmp_path / "a.tif")


def test_a_refused_batch_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match="does not exist"):
        batch(tmp_path / "new" / "out", tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())
    (tmp_path / "old").mkdir()
    with pytest.raises(SceneReadError, match="does not exist"):
        batch(tmp_path / "old", tmp_path / "nowhere")
    assert (tmp_path / "old").is_dir()


@pytest.mark.parametrize(
    "name", ["summary.csv", "summary.gpkg", "collection.json", "merged.gpkg", "stac/a.json"]
)
def test_files_of_others_are_not_replaced_by_those_of_the_batch(name: str, tmp_path: Path) -> None:
    write_lake(tmp_path / "in" / "a.tif")
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    for _ in range(2):
        with pytest.raises(OutputError, match="exists, and no batch made it"):
            batch(tmp_path / "out", tmp_path / "in", merge=True)
        assert path.read_text() == "mine"
        assert not (tmp_path / "out" / "journal.jsonl").exists()
    result, _ = batch(tmp_path / "out", tmp_path / "in", merge=True, overwrite=True)
    assert result.counts == {"done": 1}
    assert path.read_bytes()[:4] != b"mine"


def test_items_of_others_stay(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lake(tmp_path / "in" / f"{name}.tif")
    batch(tmp_path / "out", tmp_path / "in")
    (tmp_path / "out" / "stac" / "mine.json").write_text("mine")
    (tmp_path / "in" / "b.tif").unlink()
    batch(tmp_path / "out", tmp_path / "in")
    assert {path.name for path in (tmp_path / "out" / "stac").glob("*.json")} == {"a.json", "mine.json"}


@pytest.mark.parametrize(
    "name", ["summary", "merged", "collection", "Summary", "stac/{scene}", "items/{scene}"]
)
def test_maps_do_not_take_names_of_the_batch(name: str, tmp_path: Path) -> None:
    template = name if "/" in name else "{scene}"
    write_lake(tmp_path / f"{'a' if '/' in name else name}.tif")
    suffix = ".geojson" if name.startswith("stac") else ".json" if name == "collection" else ".gpkg"
    with pytest.raises(UsageError, match="is a file of the batch itself; name the map otherwise"):
        batch(tmp_path / "out", tmp_path / "*.tif", name=template + suffix)
    assert not (tmp_path / "out").exists()


def test_maps_do_not_replace_scenes(tmp_path: Path) -> None:
    for name in ("00002", "x"):
        write_lake(tmp_path / f"{name}.tif")
    before = (tmp_path / "00002.tif").read_bytes()
    options = {**FLOOD, "raster": "{index}.tif"}
    with pytest.raises(UsageError, match=r"x: .*00002\.tif is the scene 00002"):
        batch(tmp_path, tmp_path, options=options, overwrite=True)
    assert (tmp_path / "00002.tif").read_bytes() == before


@pytest.mark.parametrize("out", [".", "out"])
def test_outputs_beside_the_scenes_are_no_scenes_of_the_next_run(out: str, tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    options = {**FLOOD, "raster": "{scene}-water.tif"}
    for kept in (0, 1):
        result, _ = batch(tmp_path / out, tmp_path, options=options)
        assert (result.counts, result.kept) == ({"done": 1}, kept)


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson", "parquet"])
def test_times_are_iso_8601_and_empty_where_none_is_known(suffix: str, tmp_path: Path) -> None:
    for name in ("lake_20210601T101112", "lake"):
        write_lake(tmp_path / "in" / f"{name}.tif")
    done, _ = batch(tmp_path / "out", tmp_path / "in", name=f"{{scene}}.{suffix}")
    times = {outcome.scene: outcome.acquired for outcome in done.outcomes}
    assert times == {"lake_20210601T101112": "2021-06-01T10:11:12+00:00", "lake": ""}


def test_the_plan_of_items_that_are_mapped_counts_them(tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    assets = {"data": {"href": str(tmp_path / "a.tif")}}
    items: list[dict[str, Any]] = [
        {"type": "Feature", "id": name, "geometry": None, "properties": {}, "links": [], "assets": assets}
        for name in ("a", "b")
    ]
    (tmp_path / "found.json").write_text(json.dumps({"type": "FeatureCollection", "features": items[:1]}))
    out, given = tmp_path / "out", {"inputs": (str(tmp_path / "found.json"),), "jobs": 1, "options": FLOOD}
    batch(out, tmp_path / "found.json")
    (tmp_path / "found.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    plan = estimate_batch(BatchSpec.model_validate({**given, "output": str(out)}), "flood")
    assert (plan.scenes, plan.finished, plan.waiting) == (2, 1, 1)
    assert not (out / "items" / "b.json").exists()


def test_a_merged_map_has_no_dates_where_none_are_known(tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        write_lake(tmp_path / f"{name}.tif", seed=6 * seed)
    (tmp_path / "scenes.csv").write_text("after,before\nb.tif,a.tif\n")
    options = {"method": "mad", "min-area": 0}
    done, _ = batch(tmp_path / "out", tmp_path / "scenes.csv", "change", merge=True, options=options)
    assert not done.failed
    for place, layer in (("b.gpkg", "change"), ("merged.gpkg", "change")):
        frame = pyogrio.read_dataframe(tmp_path / "out" / place, layer=layer)
        assert len(frame)
        assert frame["date_after"].isna().all()

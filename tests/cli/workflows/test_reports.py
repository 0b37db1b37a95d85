"""Reports, styles and attributes by the commands that people type."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from geoseg.demo.flood_demo import write_scene
from geoseg.demo.simulated_flood import BANDS, simulate

Geoseg = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    made = simulate(size=300)
    write_scene(place / "before.tif", made.before, BANDS)
    write_scene(place / "after.tif", made.after, BANDS)
    return place


@pytest.mark.parametrize("command", ["flood", "change", "vectorize"])
@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_every_map_has_a_report(
    command: str, suffix: str, folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    before, after, raster = folder / "before.tif", folder / "after.tif", folder / "classes.tif"
    if command == "vectorize" and not raster.exists():
        geoseg("flood", after, "-o", folder / "classes.gpkg", "--raster", raster)
    words = {
        "flood": ("flood", after, "--before", before),
        "change": ("change", before, after),
        "vectorize": ("vectorize", raster),
    }[command]
    out, _ = geoseg(*words, "-o", tmp_path / f"a{suffix}", "--report", tmp_path / "a.html", "--json")
    record = json.loads(out)
    assert str(tmp_path / "a.html") in record["outputs"]
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.count("<path d=") > 0
    for item in record["classes"]:
        assert item["label"].replace("'", "&#39;") in text or command == "change"
    assert all(
        warning["text"][:40] in text for warning in record["warnings"] if "'" not in warning["text"][:40]
    )


def test_everything_on_wish(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    geoseg(
        "flood", folder / "after.tif", "--before", folder / "before.tif", "-o", tmp_path / "a.gpkg",
        "--attributes", "perimeter,compactness,centroid,score-quantiles", "--smooth-outlines", 20,
        "--style", tmp_path / "a.sld", "--style", tmp_path / "a.json", "--style", tmp_path / "a.qml",
        "--raster", tmp_path / "c.tif", "--scores", tmp_path / "s.tif",
        "--raster-styles",
    )  # fmt: skip
    assert {item.name for item in tmp_path.iterdir()} == {
        "a.gpkg",
        "a.sld",
        "a.json",
        "a.qml",
        "c.tif",
        "c.qml",
        "s.tif",
        "s.qml",
    }
    table = geopandas.read_file(tmp_path / "a.gpkg", layer="flood")
    assert table["perimeter_m"].between(10, 1e6).all()
    assert table["compactness"].between(0, 1).all()
    assert (table["score_p10"] <= table["score_p50"]).all()
    assert (table["score_p50"] <= table["score_p90"]).all()
    centres = shapely.points(table["centroid_lon"], table["centroid_lat"])
    own = table.centroid.to_crs(4326).to_numpy()
    assert np.abs(shapely.distance(centres, own)).max() < 1e-4
    # Smoothed neighbours do not overlap.
    assert shapely.coverage_is_valid(shapely.get_parts(table.geometry.to_numpy()))
    with sqlite3.connect(tmp_path / "a.gpkg") as file:
        names = dict(
            file.execute("SELECT column_name, name FROM gpkg_data_columns WHERE table_name = 'flood'")
        )
        totals = list(file.execute("SELECT label, polygons FROM class_totals"))
    assert names["perimeter_m"] == "Perimeter (m)"
    assert dict(totals)["flood"] == (table["label"] == "flood").sum()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--style", "a.sld", "--style", "a.lyr"), "use .qml"),
        (("--report", "a.pdf"), "reports are HTML"),
        (("--raster-styles",), "needs `--raster` or `--scores`"),
        (("--attributes", "length"), "attributes"),
        (("-o", "a.shp"), "does not write shapefiles"),
    ],
)
def test_wrong_options_are_refused(
    words: tuple[str, ...],
    message: str,
    folder: Path,
    tmp_path: Path,
    geoseg: Geoseg,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    output = () if "-o" in words else ("-o", "a.gpkg")
    _, err = geoseg("flood", folder / "after.tif", *output, *words, code=2)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_class_rasters_have_no_scores(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    _, err = geoseg(
        "vectorize",
        folder / "after.tif",
        "-o",
        tmp_path / "a.gpkg",
        "--attributes",
        "score-quantiles",
        code=2,
    )
    assert "class rasters have no scores" in err

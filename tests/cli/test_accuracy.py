"""`geoseg evaluate sample` and `area`: from a map to points, and from points to areas."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.classmaps import LABELS, patchy, write_map

Geoseg = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.tif", patchy())


@pytest.fixture
def points(mapped: Path, tmp_path: Path, geoseg: Geoseg) -> Path:
    """A sample in which every tenth point is mapped wrong."""
    path = tmp_path / "points.csv"
    geoseg("evaluate", "sample", mapped, "-n", 200, "-o", path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        wrong = int(row["id"]) % 10 == 0
        row["reference"] = LABELS[(int(row["map_class"]) + wrong) % 3]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_draw(mapped: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg("evaluate", "sample", mapped, "-n", 300, "-o", tmp_path / "a.gpkg", "--seed", 4)
    assert "permanent water (2)" in out
    assert str(tmp_path / "a.gpkg") in out
    assert "without looking at map_class" in err
    told = json.loads(
        geoseg(
            "evaluate", "sample", mapped, "-n", 300, "-o", tmp_path / "b.csv", "--seed", 4, "--json",
            "--min-per-class", 80,
        )[0]
    )  # fmt: skip
    assert [row["drawn"] for row in told["strata"]] == [140, 80, 80]
    assert told["outputs"] == [str(tmp_path / "b.csv"), str(tmp_path / "b.strata.csv")]
    assert told["seed"] == 4


def test_estimate(mapped: Path, points: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg("evaluate", "area", mapped, points, "-o", tmp_path / "report")
    assert "overall accuracy 0.9" in out
    assert "200 points used, 0 not used" in out
    assert "producer's accuracy" in out
    assert "warning" not in err
    page = tmp_path / "page.html"
    told = json.loads(geoseg("evaluate", "area", mapped, points, "--json", "--report", page)[0])
    assert page.read_text() == (tmp_path / "report" / "report.html").read_text()
    assert told == json.loads((tmp_path / "report" / "area.json").read_text())
    assert told["drawn_from_this_map"]
    assert np.array(told["matrix"]).sum() == 200
    # Areas on the page are in ha.
    assert f"{told['classes'][1]['adjusted_m2'] / 1e4:,.2f} ± " in out


def test_warnings_pass_quiet(mapped: Path, points: Path, geoseg: Geoseg) -> None:
    points.with_name("points.strata.csv").unlink()
    _, err = geoseg("evaluate", "area", mapped, points, "-q")
    assert err.startswith("warning: ")
    assert "was not drawn from this map" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["sample", "{map}", "-n", 100], 2, "-o POINTS.gpkg"),
        (["sample", "{map}", "-o", "a.gpkg"], 2, "add `-n N`"),
        (["sample", "-n", 100, "-o", "a.gpkg"], 2, "no MAP is given"),
        (["sample", "{map}", "-n", 100, "-o", "a.shp"], 2, "'.shp'"),
        (["sample", "{map}", "-n", 100, "-o", "nowhere/a.gpkg"], 6, "does not exist"),
        (["sample", "{map}", "-n", 3, "-o", "a.gpkg"], 2, "too few for 3 classes"),
        (["sample", "{map}", "-n", 0, "-o", "a.gpkg"], 2, "`--number`: 0 should be"),
        (["sample", "{map}", "-n", 10**7, "-o", "a.gpkg"], 2, "ask for fewer"),
        (["sample", "{map}", "-n", 100, "--model", "water", "-o", "a.gpkg"], 2, "--model"),
        (["sample", "{map}", "-n", 100, "--column", "c", "-o", "a.gpkg"], 2, "--column"),
        (
            ["sample", "{map}", "-n", 100, "--min-per-class", 1, "-o", "a.gpkg"],
            2,
            "`--min-per-class`: 1 should be",
        ),
        (["area", "{map}", "a.gpkg", "--leave-one-out"], 2, "--leave-one-out"),
        (["area", "{map}", "a.gpkg", "--seed", 1], 2, "--seed"),
        (["area", "{map}"], 2, "no POINTS are given; draw them with `geoseg evaluate sample"),
        (["area", "{map}", "nowhere.gpkg"], 3, "nowhere.gpkg does not exist"),
        (["maps", "{map}"], 2, "is a map, not a config"),
        (["{map}"], 2, "run `geoseg evaluate sample {map} -n N -o POINTS`"),
        (["{map}", "--sample", "a.gpkg"], 2, "then `geoseg evaluate area {map} POINTS`"),
        (["flood-sar", "--leave-one-out"], 2, "run `geoseg evaluate maps flood-sar`"),
        (["methane", "--inject"], 2, "--inject"),
    ],
)
def test_what_is_wrong_is_said(
    mapped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    geoseg: Geoseg,
    arguments: list[object],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(word).format(map=mapped) for word in arguments]
    out, err = geoseg("evaluate", *words, code=code)
    assert out == ""
    assert told.format(map=mapped) in err
    assert err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_said(mapped: Path, points: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    _, err = geoseg("evaluate", "area", mapped, points, "--column", "truth", code=3)
    assert "'truth'" in err
    geoseg("evaluate", "sample", mapped, "-n", 100, "-o", tmp_path / "a.gpkg")
    _, err = geoseg("evaluate", "area", tmp_path / "a.gpkg", points, code=3)
    assert "has polygons; give the class raster" in err
    _, err = geoseg("evaluate", "maps", tmp_path / "a.gpkg", code=2)
    assert "is a map, not a config" in err
    _, err = geoseg("evaluate", "area", tmp_path / "none.tif", points, code=3)
    assert "none.tif does not exist" in err


def test_nothing_is_overwritten_unasked(mapped: Path, points: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    before = points.read_bytes()
    _, err = geoseg("evaluate", "sample", mapped, "-n", 100, "-o", points, code=6)
    assert "--overwrite" in err
    assert points.read_bytes() == before
    for flags, code in ((), 0), ((), 6), (("--overwrite",), 0):
        geoseg("evaluate", "area", mapped, points, "-o", tmp_path / "report", *flags, code=code)
    _, err = geoseg("evaluate", "area", mapped, points, "-o", points, code=6)
    assert points.read_bytes() == before


def test_the_installed_command_needs_no_torch(mapped: Path, points: Path, tmp_path: Path) -> None:
    """Neither drawing nor judging imports the training extra."""
    code = (
        "import sys\nfrom geoseg.cli import main\nsys.argv = ['geoseg', *sys.argv[1:]]\n"
        "try:\n    main()\nfinally:\n"
        "    found = [m for m in ('torch', 'lightning', 'onnxruntime', 'openvino') if m in sys.modules]\n"
        "    sys.stderr.write('HEAVY:' + ','.join(found))\n"
    )
    for arguments in (
        ["evaluate", "sample", str(mapped), "--number", "60", "-o", str(tmp_path / "a.gpkg")],
        ["evaluate", "area", str(mapped), str(points)],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stderr.rsplit("HEAVY:", 1)[1] == ""
